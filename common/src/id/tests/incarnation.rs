//! Incarnation ids and their text.

use proptest::prelude::*;

use crate::id::{IncarnationId, IncarnationIdError};

fn parse(text: &str) -> Result<IncarnationId, IncarnationIdError> {
    text.parse()
}

#[test]
fn text_is_ravendbs() {
    let id = parse("V8jm+M9QKkuvfEUTQBfOtA").unwrap();
    let bytes = [
        0x57, 0xc8, 0xe6, 0xf8, 0xcf, 0x50, 0x2a, 0x4b, 0xaf, 0x7c, 0x45, 0x13, 0x40, 0x17, 0xce,
        0xb4,
    ];
    assert_eq!(id, IncarnationId::from_bytes(bytes));
    assert_eq!(id.as_bytes(), &bytes);
    assert_eq!(id.to_string(), "V8jm+M9QKkuvfEUTQBfOtA");
    assert_eq!(IncarnationId::from_bytes([0; 16]).to_string(), "A".repeat(22));
    assert_eq!(IncarnationId::from_bytes([255; 16]).to_string(), format!("{}w", "/".repeat(21)));
}

#[test]
fn anything_else_is_refused_where_it_stands() {
    let length = |bytes| Err(IncarnationIdError::Length { bytes });
    let character = |character, at| Err(IncarnationIdError::Character { character, at });
    assert_eq!(parse(""), length(0));
    assert_eq!(parse("V8jm+M9QKkuvfEUTQBfOt"), length(21));
    assert_eq!(parse("V8jm+M9QKkuvfEUTQBfOtA=="), length(24));
    assert_eq!(parse("V8jm+M9QKkuvfEUTQBfOtAA"), length(23));
    assert_eq!(parse("V8jm+M9QKkuvfEUTQBfOtAé"), length(24));
    assert_eq!(parse("V8jm-M9QKkuvfEUTQBfOtA"), character('-', 4));
    assert_eq!(parse("_8jm+M9QKkuvfEUTQBfOtA"), character('_', 0));
    assert_eq!(parse("V8jm+M9QKkuvfEUTQBfO=="), character('=', 20));
    assert_eq!(parse("V8jm+M9QKkuvfEUTQBfOté"), character('é', 21));
    assert_eq!(parse("V8jm M9QKkuvfEUTQBfOtA"), character(' ', 4));
}

#[test]
fn one_id_has_one_text() {
    let last_characters: String = ('A'..='Z')
        .chain('a'..='z')
        .chain('0'..='9')
        .chain(['+', '/'])
        .filter(|last| parse(&format!("V8jm+M9QKkuvfEUTQBfOt{last}")).is_ok())
        .collect();
    assert_eq!(last_characters, "AQgw");
    assert_eq!(parse("V8jm+M9QKkuvfEUTQBfOtB"), Err(IncarnationIdError::TrailingBits { at: 21 }));
}

proptest! {
    #[test]
    fn round_trips(bytes: [u8; 16]) {
        let id = IncarnationId::from_bytes(bytes);
        let text = id.to_string();
        prop_assert_eq!(text.len(), IncarnationId::TEXT_CHARS);
        prop_assert_eq!(parse(&text), Ok(id));
    }

    #[test]
    fn what_is_read_is_written_the_same(text in "[A-Za-z0-9+/]{21}[A-Za-z0-9+/=é]|.{0,30}") {
        if let Ok(id) = parse(&text) {
            prop_assert_eq!(id.to_string(), text);
        }
    }
}
