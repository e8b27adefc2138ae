//! Keys of compare-exchange items.

use crate::id::{CompareExchangeKey, CompareExchangeKeyError};

#[test]
fn keys_are_equal_without_regard_to_case_and_keep_theirs() {
    let key = CompareExchangeKey::new("Emails/ÄNNA@x").unwrap();
    assert_eq!(key, "emails/änna@X".parse().unwrap());
    assert_eq!((key.as_str(), key.lower()), ("Emails/ÄNNA@x", "emails/änna@x"));
    assert_eq!(
        (key.to_string(), format!("{key:?}").contains("ÄNNA")),
        ("Emails/ÄNNA@x".into(), true)
    );
}

#[test]
fn what_is_no_key_is_refused() {
    let wrong = |text: &str| CompareExchangeKey::new(text).unwrap_err();
    assert_eq!(wrong(""), CompareExchangeKeyError::Empty);
    assert_eq!(wrong(&"x".repeat(513)), CompareExchangeKeyError::TooLong { bytes: 513 });
    let control = CompareExchangeKeyError::ControlCharacter { character: '\0', at: 1 };
    assert_eq!(wrong("a\0"), control);
    assert!(CompareExchangeKey::new(&"x".repeat(512)).is_ok());
    // The longest in lower case.
    let longest = CompareExchangeKey::new(&"Ⱥ".repeat(256)).unwrap();
    assert_eq!(longest.lower().len(), CompareExchangeKey::LOWER_BYTES_MAX);
}
