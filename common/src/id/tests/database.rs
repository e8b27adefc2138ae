//! Ids and names of databases, task ids, node tags.

use proptest::prelude::*;

use crate::id::{
    DatabaseId, DatabaseName, DatabaseNameError, IncarnationId, NodeTag, NodeTagError, TaskId,
    TaskIdError,
};

#[test]
fn database_id_is_a_hyphenated_uuid() {
    let text = "67e55044-10b1-426f-9247-bb680e5fe0c8";
    let id: DatabaseId = text.parse().unwrap();
    assert_eq!(id.to_string(), text);
    assert_eq!(id.as_bytes()[..4], [0x67, 0xe5, 0x50, 0x44]);
    assert_eq!(text.to_uppercase().parse(), Ok(id));
    assert_eq!(DatabaseId::from_bytes(*id.as_bytes()), id);
    for text in [
        "",
        "67e5504410b1426f9247bb680e5fe0c8",
        "{67e55044-10b1-426f-9247-bb680e5fe0c8}",
        "urn:uuid:67e55044-10b1-426f-9247-bb680e5fe0c8",
        "67e55044-10b1-426f-9247-bb680e5fe0c",
        "67e55044-10b1-426f-9247-bb680e5fe0cg",
        "67e55044-10b1-426f-9247-bb680e5fe0c8 ",
    ] {
        assert!(text.parse::<DatabaseId>().is_err(), "{text}");
    }
}

#[test]
fn database_names() {
    let longest = "x".repeat(128);
    for text in ["a", "7", "Orders", "orders.v2", "A_b-c.d", "a..b", longest.as_str()] {
        assert_eq!(DatabaseName::new(text).unwrap().as_str(), text);
    }
    assert_ne!(DatabaseName::new("Orders"), DatabaseName::new("orders"));
    let wrong = |character, at| Err(DatabaseNameError::Character { character, at });
    let first = |character| Err(DatabaseNameError::FirstCharacter { character });
    assert_eq!(DatabaseName::new(""), Err(DatabaseNameError::Empty));
    assert_eq!(DatabaseName::new("."), first('.'));
    assert_eq!(DatabaseName::new(".."), first('.'));
    assert_eq!(DatabaseName::new("-a"), first('-'));
    assert_eq!(DatabaseName::new("_a"), first('_'));
    assert_eq!(DatabaseName::new("a/b"), wrong('/', 1));
    assert_eq!(DatabaseName::new("a b"), wrong(' ', 1));
    assert_eq!(DatabaseName::new("aé"), wrong('é', 1));
    assert_eq!(DatabaseName::new("a\0"), wrong('\0', 1));
    assert_eq!(DatabaseName::new("/a"), wrong('/', 0));
    assert_eq!(DatabaseName::new(&"x".repeat(129)), Err(DatabaseNameError::TooLong { chars: 129 }));
}

#[test]
fn task_ids() {
    assert_eq!(TaskId::new(0), Err(TaskIdError::Zero));
    assert_eq!(TaskId::new(7).map(TaskId::get), Ok(7));
    assert_eq!("18446744073709551615".parse(), TaskId::new(u64::MAX));
    assert_eq!("7".parse::<TaskId>().unwrap().to_string(), "7");
    for (text, error) in [
        ("", TaskIdError::Empty),
        ("0", TaskIdError::Zero),
        ("+1", TaskIdError::NotADigit { character: '+', at: 0 }),
        ("1x", TaskIdError::NotADigit { character: 'x', at: 1 }),
        ("18446744073709551616", TaskIdError::TooLarge { at: 19 }),
    ] {
        assert_eq!(text.parse::<TaskId>(), Err(error));
    }
}

#[test]
fn node_tags() {
    for text in ["A", "Z", "BA", "RAFT", "TRXN", "ABCDEFGHIJKLMNOP"] {
        assert_eq!(NodeTag::new(text).unwrap().as_str(), text);
        assert_eq!(NodeTag::new(text).unwrap().to_string(), text);
    }
    let wrong = |character, at| Err(NodeTagError::NotALetter { character, at });
    assert_eq!(NodeTag::new(""), Err(NodeTagError::Empty));
    assert_eq!(NodeTag::new("a"), wrong('a', 0));
    assert_eq!(NodeTag::new("A1"), wrong('1', 1));
    assert_eq!(NodeTag::new("AÄ"), wrong('Ä', 1));
    assert_eq!(NodeTag::new("A "), wrong(' ', 1));
    assert_eq!(NodeTag::new(&"A".repeat(17)), Err(NodeTagError::TooLong { letters: 17 }));
    assert_eq!(NodeTag::new(&"A".repeat(300)), Err(NodeTagError::TooLong { letters: 300 }));
}

/// Derived tags stand in generated ids: the derivation must never change.
#[test]
fn derived_tags_are_pinned() {
    let tag = |bytes| NodeTag::derived(IncarnationId::from_bytes(bytes)).to_string();
    assert_eq!(tag([0; 16]), "QEEIMHU");
    assert_eq!(tag([255; 16]), "LIOEOYV");
    assert_eq!(tag(*b"0123456789abcdef"), "XJFBHBB");
}

#[test]
fn derived_tags_differ() {
    let tags: std::collections::HashSet<NodeTag> = (0_u128..10_000)
        .map(|it| NodeTag::derived(IncarnationId::from_bytes(it.to_be_bytes())))
        .collect();
    assert_eq!(tags.len(), 10_000);
}

proptest! {
    #[test]
    fn database_ids_round_trip(bytes: [u8; 16]) {
        let id = DatabaseId::from_bytes(bytes);
        prop_assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn derived_tags_are_tags(bytes: [u8; 16]) {
        let tag = NodeTag::derived(IncarnationId::from_bytes(bytes));
        prop_assert_eq!(tag.as_str().len(), 7);
        prop_assert_eq!(NodeTag::new(tag.as_str()), Ok(tag));
    }

    #[test]
    fn tags_are_ordered_as_their_letters(left in "[A-Z]{1,16}", right in "[A-Z]{1,16}") {
        let (left, right) = (NodeTag::new(&left).unwrap(), NodeTag::new(&right).unwrap());
        prop_assert_eq!(left.cmp(&right), left.as_str().cmp(right.as_str()));
    }

    #[test]
    fn names_are_taken_or_refused_by_the_rules(text in "[A-Za-z0-9._-]{0,130}|.{0,6}") {
        let first = text.chars().next().is_some_and(|it| it.is_ascii_alphanumeric());
        let inside = text.chars().all(|it| it.is_ascii_alphanumeric() || "._-".contains(it));
        prop_assert_eq!(DatabaseName::new(&text).is_ok(), first && inside && text.len() <= 128);
    }
}
