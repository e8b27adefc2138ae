//! Document ids and collections.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use proptest::prelude::*;

use crate::id::{Collection, CollectionError, DocumentId, DocumentIdError};

fn id(text: &str) -> DocumentId {
    DocumentId::new(text).unwrap()
}

fn hash_of(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[test]
fn one_document_in_any_casing() {
    let rows = [
        ("users/1-A", "USERS/1-a"),
        ("ÄRGER", "ärger"),
        ("İ", "i"),
        ("İ", "I"),
        ("Σ", "σ"),
        ("\u{212A}elvin", "kelvin"),
        ("Ⱥ", "ⱥ"),
    ];
    for (left, right) in rows {
        let (left, right) = (id(left), id(right));
        assert_eq!(left, right);
        assert_eq!(left.key(), right.key());
        assert_eq!(left.cmp(&right), std::cmp::Ordering::Equal);
        assert_eq!(hash_of(&left), hash_of(&right));
    }
}

#[test]
fn two_documents_that_look_alike() {
    let rows = [
        // Turkish: the dotless i is no i, in either case.
        ("ı", "i"),
        ("ı", "I"),
        // Composed and decomposed stay two.
        ("é", "e\u{301}"),
        ("Å", "A\u{30A}"),
        ("İ", "i\u{307}"),
        // The final sigma is a letter of its own.
        ("ς", "σ"),
        ("ß", "ss"),
        ("a", "а"),
        ("a/", "a"),
        ("a|", "a"),
        ("a ", "a"),
        ("../a", "a"),
        ("%2e%2e/a", "../a"),
        ("a%2Fb", "a/b"),
        ("a//b", "a/b"),
        ("a\u{200D}", "a"),
    ];
    for (left, right) in rows {
        assert_ne!(id(left), id(right), "{left} {right}");
        assert_ne!(id(left).key(), id(right).key());
    }
}

#[test]
fn anything_visible_is_kept_as_written() {
    let rows = [
        "a",
        "Users/1-A",
        "users/",
        "users|",
        "../../etc/passwd",
        "%2e%2E",
        ".",
        "..",
        "/",
        "|",
        " ",
        "a b",
        "\"",
        "'",
        "\\",
        "C:\\x",
        "*",
        "?",
        "a\u{A0}b",
        "\u{AD}",
        "\u{FEFF}",
        "\u{2028}",
        "\u{FFFD}",
        "\u{10FFFF}",
        "👩‍👩‍👧",
        "e\u{301}\u{302}\u{303}",
        "Raven/Hilo/x",
        "@x",
    ];
    for text in rows {
        assert_eq!(id(text).as_str(), text);
        assert_eq!(id(text).to_string(), text);
        assert_eq!(id(text).clone().key(), text.to_lowercase());
        assert_eq!(DocumentId::from_utf8(text.as_bytes()), Ok(id(text)));
    }
}

#[test]
fn control_characters_are_refused_where_they_stand() {
    for (text, character, at) in [
        ("\0", '\0', 0),
        ("a\0b", '\0', 1),
        ("users/1\n", '\n', 7),
        ("a\tb", '\t', 1),
        ("ab\u{7F}", '\u{7F}', 2),
        ("é\u{80}", '\u{80}', 2),
        ("日\u{9F}", '\u{9F}', 3),
        ("a\u{1F}\0", '\u{1F}', 1),
    ] {
        let error = DocumentIdError::ControlCharacter { character, at };
        assert_eq!(DocumentId::new(text), Err(error), "{text:?}");
        let error = CollectionError::ControlCharacter { character, at };
        assert_eq!(Collection::new(text), Err(error), "{text:?}");
    }
    for character in ['\0'..='\u{1F}', '\u{7F}'..='\u{9F}'].into_iter().flatten() {
        let at = 4;
        let error = DocumentIdError::ControlCharacter { character, at };
        assert_eq!(DocumentId::new(&format!("abcd{character}ef")), Err(error));
    }
    assert_eq!(
        DocumentId::new("a\0").unwrap_err().to_string(),
        "document id has control character '\\0' at byte 1"
    );
}

#[test]
fn length_is_bounded_in_bytes_of_the_original() {
    let longest = "x".repeat(512);
    assert_eq!(id(&longest).as_str(), longest);
    assert_eq!(DocumentId::new(&"x".repeat(513)), Err(DocumentIdError::TooLong { bytes: 513 }));
    assert_eq!(DocumentId::new(""), Err(DocumentIdError::Empty));
    // 256 characters of two bytes fit, and 170 of three, with two bytes to spare.
    assert_eq!(id(&"é".repeat(256)).key().len(), 512);
    assert_eq!(DocumentId::new(&"é".repeat(257)), Err(DocumentIdError::TooLong { bytes: 514 }));
    assert_eq!(id(&format!("{}ab", "日".repeat(170))).as_str().len(), 512);
    // The key may be longer, and is at most half as long again.
    let grows = id(&"Ⱥ".repeat(256));
    assert_eq!(grows.key(), "ⱥ".repeat(256));
    assert_eq!(grows.key().len(), DocumentId::KEY_BYTES_MAX);
    // Its own key is too long for an id: only originals are parsed.
    assert_eq!(DocumentId::new(grows.key()), Err(DocumentIdError::TooLong { bytes: 768 }));
}

#[test]
fn bytes_that_are_not_utf8_are_refused_where_they_stand() {
    for (bytes, at) in [
        // Lone surrogates, high and low, as UTF-8 would have them.
        (b"a\xed\xa0\x80".as_slice(), 1),
        (b"ab\xed\xbf\xbf", 2),
        // Overlong, cut off, beyond the last character, stray continuation.
        (b"\xc0\x80", 0),
        (b"abc\xe2\x82", 3),
        (b"\xf4\x90\x80\x80", 0),
        (b"x\x80", 1),
    ] {
        assert_eq!(DocumentId::from_utf8(bytes), Err(DocumentIdError::NotUtf8 { at }));
    }
}

#[test]
fn found_in_a_map_in_any_casing() {
    let map = HashMap::from([(id("Users/1-A"), 1)]);
    assert_eq!(map.get(&id("users/1-a")), Some(&1));
    assert_eq!(map.get(&id("users/1-b")), None);
}

#[test]
fn collections() {
    let none = Collection::default();
    assert!(none.is_empty());
    assert_eq!((none.as_str(), none.key()), ("", ""));
    assert_eq!(Collection::new(""), Ok(none));
    let users = Collection::new("Users").unwrap();
    assert_eq!((users.as_str(), users.key()), ("Users", "users"));
    assert_eq!(users, Collection::new("uSERS").unwrap());
    assert!(!users.is_empty());
    assert!(Collection::new(&"x".repeat(512)).is_ok());
    assert_eq!(Collection::new(&"x".repeat(513)), Err(CollectionError::TooLong { bytes: 513 }));
}

#[test]
fn stays_small() {
    assert_eq!(size_of::<DocumentId>(), 24);
    assert_eq!(size_of::<Option<DocumentId>>(), 24);
}

/// Letters whose casing is special, and the characters that path and URL code trips over.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[a-zA-Z0-9/|.%_-]{0,140}",
        "[aAiIıİßẞΣσςéÉe\u{301}\u{307}ȺⱥK\u{212A}/|\\.%\u{0}\u{85}]{0,300}",
    ]
}

proptest! {
    #[test]
    fn taken_or_refused_by_the_rules(text in text()) {
        let control = text.char_indices().find(|(_, it)| it.is_control());
        match DocumentId::new(&text) {
            Ok(id) => {
                prop_assert!(!text.is_empty() && text.len() <= 512 && control.is_none());
                prop_assert_eq!(id.as_str(), &text);
                let key: String =
                    text.chars().map(|it| it.to_lowercase().next().unwrap()).collect();
                prop_assert_eq!(id.key(), key);
            }
            Err(DocumentIdError::Empty) => prop_assert!(text.is_empty()),
            Err(DocumentIdError::TooLong { bytes }) => {
                prop_assert_eq!(bytes, text.len());
                prop_assert!(bytes > 512);
            }
            Err(DocumentIdError::ControlCharacter { character, at }) => {
                prop_assert_eq!(control, Some((at, character)));
            }
            Err(error) => prop_assert!(false, "{}", error),
        }
    }

    #[test]
    fn equal_across_casings(text in "[a-zA-ZäÄÖőŐİΣσ0-9/]{1,100}", flip in any::<u64>()) {
        let other: String = text
            .chars()
            .enumerate()
            .map(|(at, it)| {
                let upper = it.to_uppercase().next().unwrap();
                let lower = it.to_lowercase().next().unwrap();
                if flip >> (at % 64) & 1 == 0 { upper } else { lower }
            })
            .collect();
        // Of these letters each returns from its upper case.
        prop_assert_eq!(id(&text), id(&other));
        prop_assert_eq!(hash_of(id(&text)), hash_of(id(&other)));
    }

    #[test]
    fn equality_order_and_hash_are_the_keys(left in "[a-cA-Cİ]{1,3}", right in "[a-cA-Cİ]{1,3}") {
        let (left, right) = (id(&left), id(&right));
        prop_assert_eq!(left == right, left.key() == right.key());
        prop_assert_eq!(left.cmp(&right), left.key().cmp(right.key()));
        prop_assert_eq!(left == right, hash_of(&left) == hash_of(&right));
    }
}
