//! The one lower-casing.

use std::borrow::Cow;

use proptest::prelude::*;
use xxhash_rust::xxh3::Xxh3;

use crate::id::lower;

fn every_char() -> impl Iterator<Item = char> {
    '\0'..=char::MAX
}

fn lower_of(character: char) -> String {
    lower(character.encode_utf8(&mut [0; 4])).into_owned()
}

#[test]
fn known_mappings() {
    let rows = [
        ("", ""),
        ("users/1-a", "users/1-a"),
        ("Users/1-A", "users/1-a"),
        ("I", "i"),
        ("İ", "i"),
        ("ı", "ı"),
        ("ÄÖÜß", "äöüß"),
        ("ẞ", "ß"),
        ("Ⱥ", "ⱥ"),
        ("Ⱦ", "ⱦ"),
        ("\u{212A}", "k"),
        ("\u{2126}", "ω"),
        ("ΟΔΟΣ", "οδοσ"),
        ("DŽ Dž", "dž dž"),
        ("𐐀", "𐐨"),
        ("日本", "日本"),
        ("abcÀ", "abcà"),
    ];
    for (text, key) in rows {
        assert_eq!(lower(text), key, "{text}");
    }
}

#[test]
fn nothing_is_copied_when_nothing_changes() {
    for text in ["", "users/1-a", "straße", "日本", "i\u{307}"] {
        assert!(matches!(lower(text), Cow::Borrowed(_)), "{text}");
    }
}

#[test]
fn every_character_becomes_one_character_that_stays() {
    for character in every_char() {
        let key = lower_of(character);
        assert_eq!(key.chars().count(), 1, "{character:?}");
        assert_eq!(lower(&key), key, "{character:?}");
        // The bound on a key's bytes.
        assert!(key.len() * 2 <= character.len_utf8() * 3, "{character:?}");
        assert_eq!(key.chars().any(char::is_control), character.is_control(), "{character:?}");
        if character != 'İ' {
            assert!(character.to_lowercase().eq(key.chars()), "{character:?}");
        }
    }
}

#[test]
fn no_character_but_its_own_casings_becomes_a_delimiter() {
    let becomes_ascii: Vec<char> =
        every_char().filter(|it| !it.is_ascii() && lower_of(*it).is_ascii()).collect();
    assert_eq!(becomes_ascii, ['İ', '\u{212A}']);
}

/// Keys are stored. When this fails after a change of the toolchain, its Unicode maps characters
/// that older keys hold unmapped: that is a change of the storage format.
#[test]
fn the_whole_mapping_is_pinned() {
    let mut hash = Xxh3::new();
    for character in every_char() {
        let key = lower_of(character);
        if !key.chars().eq([character]) {
            hash.update(format!("{character}{key}\n").as_bytes());
        }
    }
    assert_eq!(hash.digest(), 10_114_099_008_407_172_754, "Unicode {:?}", char::UNICODE_VERSION);
}

proptest! {
    #[test]
    fn idempotent(text in any::<String>()) {
        let key = lower(&text).into_owned();
        prop_assert_eq!(lower(&key), key.as_str());
    }

    #[test]
    fn character_by_character(left in any::<String>(), right in "[A-Za-zİıΣßⱥȺ]{0,20}") {
        let joined = format!("{left}{right}");
        prop_assert_eq!(lower(&joined), format!("{}{}", lower(&left), lower(&right)));
    }
}
