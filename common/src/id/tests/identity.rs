//! Names of identities.

use crate::id::{DocumentIdError, IdentityName};

#[test]
fn a_pipe_that_is_missing_is_added() {
    let name = |text: &str| IdentityName::new(text).unwrap();
    assert_eq!(name("Users|"), name("users"));
    assert_eq!(name("Users").key(), "users|");
    assert_eq!(name("|").key(), "|");
    assert_eq!(name("a|b").key(), "a|b|");
    assert_ne!(name("users||"), name("users|"));
    assert!(format!("{:?}", name("Users")).contains("Users|"));
}

#[test]
fn what_is_no_id_is_no_name() {
    assert_eq!(IdentityName::new(""), Err(DocumentIdError::Empty));
    let long = |bytes| IdentityName::new(&"x".repeat(bytes));
    assert!(long(511).is_ok());
    assert_eq!(long(512), Err(DocumentIdError::TooLong { bytes: 513 }));
    let control = DocumentIdError::ControlCharacter { character: '\0', at: 0 };
    assert_eq!(IdentityName::new("\0a"), Err(control));
}
