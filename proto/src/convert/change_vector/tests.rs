//! What `change_vector` promises, tried out.

use jackdaw_common::{Entry, Etag, IncarnationId};

use super::*;

fn vector(entries: u16) -> ChangeVector {
    ChangeVector::from_entries((0..entries).map(|number| {
        let mut id = [0; 16];
        id[..2].copy_from_slice(&number.to_be_bytes());
        Entry { incarnation: IncarnationId::from_bytes(id), etag: Etag::new(7).unwrap() }
    }))
}

#[test]
fn expectations_are_read() {
    let mut violations = Violations::new();
    let one = vector(1);
    assert_eq!(expected("x", None, &mut violations), Some(None));
    assert_eq!(expected("x", Some(""), &mut violations), Some(Some(ChangeVector::empty())));
    assert_eq!(expected("x", Some(&text(&one)), &mut violations), Some(Some(one)));
    assert!(violations.is_empty());
}

#[test]
fn what_is_no_vector_is_named() {
    for wrong in [String::from("A:x"), String::from("A:1-x|B:2-y"), text(&vector(257))] {
        let mut violations = Violations::new();
        assert_eq!(expected("put.expected_change_vector", Some(&wrong), &mut violations), None);
        let error = violations.finish().unwrap_err();
        assert_eq!(error.violations()[0].path, "put.expected_change_vector");
    }
}
