//! The text form: known texts, every refusal with its position.

use super::merge::CV_41_FIRST;
use super::{id, vector};
use crate::change_vector::{ChangeVector, ParseError};
use crate::id::NodeTag;

const ID: &str = "V8jm+M9QKkuvfEUTQBfOtA";
const OTHER: &str = "5j4moMb8A0KxxcL9GhY/nw";

fn parse(text: &str) -> Result<ChangeVector, ParseError> {
    text.parse()
}

#[test]
fn written_in_order_with_derived_tags() {
    assert_eq!(ChangeVector::empty().to_string(), "");
    let vector = parse(&format!("A:7-{ID}, B:8-{OTHER}")).unwrap();
    assert_eq!(vector.to_string(), format!("KZIWWEG:7-{ID}, BRKEHGO:8-{OTHER}"));
    assert_eq!(format!("{vector:?}"), format!("ChangeVector({vector})"));
    assert_eq!(NodeTag::derived(ID.parse().unwrap()).as_str(), "KZIWWEG");
    // CV-44: however they were listed and tagged, equal vectors have one text.
    assert_eq!(parse(&format!("XY:8-{OTHER},Z:7-{ID}")).unwrap().to_string(), vector.to_string());
    assert_eq!(
        parse(CV_41_FIRST).unwrap().to_string(),
        "SVCPFOX:46103608-P1lQdjeAckGkdmY9RWr/Bg, ZUYKATD:2146533895-SKM7aNMmSkW92wrQke+D4g, \
         WVTWVQZ:1882901489-TqJlheobc0KTcLDerIQ9oQ, KZIWWEG:86865297-V8jm+M9QKkuvfEUTQBfOtA, \
         JHKOWJR:27850500-iUMDTgYwOkG25uod1g6gSg, BRKEHGO:87142328-5j4moMb8A0KxxcL9GhY/nw, \
         DRBQKVQ:1856361198-/mqfiL1AxkGlsqx1zwh2rw, LVMLIVQ:17267243-/3+4WZUBGkWL6/J4GMv2GA"
    );
}

#[test]
fn separators_are_any_run_of_blanks_and_commas() {
    let expected = parse(&format!("A:7-{ID}, B:8-{OTHER}")).unwrap();
    for text in [
        format!("A:7-{ID},B:8-{OTHER}"),
        format!("A:7-{ID} B:8-{OTHER}"),
        format!("A:7-{ID}\n\t, ,,\u{A0}B:8-{OTHER}"),
        format!(" A:7-{ID}, B:8-{OTHER} , "),
    ] {
        assert_eq!(parse(&text), Ok(expected.clone()), "{text}");
    }
    for text in ["", " ", "\n", ","] {
        assert_eq!(parse(text), Ok(ChangeVector::empty()));
    }
}

#[test]
fn repeated_and_zero_entries() {
    assert_eq!(parse(&format!("A:7-{ID}, B:9-{ID}, C:8-{ID}")), parse(&format!("A:9-{ID}")));
    assert_eq!(parse(&format!("A:0-{ID}")), Ok(ChangeVector::empty()));
    let text = format!("A:5-{}, B:0-{}, ABCDEFGHIJKLMNOP:0006-{}", id(0), id(1), id(2));
    assert_eq!(parse(&text), Ok(vector("i0:5 i2:6")));
}

#[test]
fn composite_vectors_are_refused_by_name() {
    for (text, at) in [
        (format!("A:7-{ID}|A:7-{ID}"), 26),
        (format!("A:7-{ID}, B:8-{OTHER} | A:7-{ID}"), 55),
        ("|".to_owned(), 0),
        ("a|b".to_owned(), 1),
        (format!("A:7-{ID}|"), 26),
    ] {
        assert_eq!(parse(&text), Err(ParseError::Composite { at }), "{text}");
    }
}

#[test]
fn tags_that_are_none() {
    let tag = |character, at| Err(ParseError::TagCharacter { character, at });
    assert_eq!(parse(&format!(":7-{ID}")), Err(ParseError::TagMissing { at: 0 }));
    assert_eq!(parse(&format!("A:7-{ID}, :7-{ID}")), Err(ParseError::TagMissing { at: 28 }));
    assert_eq!(parse(&format!("a:7-{ID}")), tag('a', 0));
    assert_eq!(parse(&format!("AB1:7-{ID}")), tag('1', 2));
    assert_eq!(parse(&format!("A:7-{ID}, BÉ:7-{ID}")), tag('É', 29));
    assert_eq!(parse(&format!("A :7-{ID}")), tag(' ', 1));
    assert_eq!(parse("7"), tag('7', 0));
    assert_eq!(parse("null"), tag('n', 0));
    assert_eq!(parse("A"), Err(ParseError::ColonMissing { at: 1 }));
    assert_eq!(parse(&format!("A:7-{ID}, B")), Err(ParseError::ColonMissing { at: 29 }));
    assert_eq!(
        parse(&format!("ABCDEFGHIJKLMNOPQ:7-{ID}")),
        Err(ParseError::TagTooLong { at: 0, letters: 17 })
    );
}

#[test]
fn etags_that_are_none() {
    let etag = |character, at| Err(ParseError::EtagCharacter { character, at });
    assert_eq!(parse(&format!("A:-{ID}")), Err(ParseError::EtagMissing { at: 2 }));
    assert_eq!(parse("A:"), Err(ParseError::EtagMissing { at: 2 }));
    assert_eq!(parse("A:-"), Err(ParseError::EtagMissing { at: 2 }));
    // An id may begin with a digit: that hyphen is no minus.
    assert_eq!(parse(&format!("A:-{OTHER}")), Err(ParseError::EtagMissing { at: 2 }));
    assert_eq!(parse(&format!("A:--{ID}")), Err(ParseError::EtagMissing { at: 2 }));
    assert_eq!(parse(&format!("A:-3-{ID}")), Err(ParseError::EtagNegative { at: 2 }));
    assert_eq!(parse(&format!("A:+3-{ID}")), etag('+', 2));
    assert_eq!(parse(&format!("A:1x3-{ID}")), etag('x', 3));
    assert_eq!(parse(&format!("A:1.5-{ID}")), etag('.', 3));
    assert_eq!(parse(&format!("A: 7-{ID}")), etag(' ', 2));
    assert_eq!(parse("A:7"), Err(ParseError::HyphenMissing { at: 3 }));
    assert_eq!(parse(&format!("A:7{ID}")), etag('V', 3));
    assert_eq!(
        parse(&format!("A:7-{ID} AB:9223372036854775808-{ID}")),
        Err(ParseError::EtagTooLarge { at: 30 })
    );
    assert!(parse(&format!("A:9223372036854775807-{ID}")).is_ok());
}

#[test]
fn ids_that_are_none() {
    let character = |character, at| Err(ParseError::IdCharacter { character, at });
    let short = &ID[..21];
    assert_eq!(parse("A:7-"), Err(ParseError::IdTruncated { at: 4 }));
    assert_eq!(parse(&format!("A:7-{short}")), Err(ParseError::IdTruncated { at: 25 }));
    assert_eq!(parse(&format!("A:7-{short}, B:8-{OTHER}")), character(',', 25));
    assert_eq!(parse(&format!("A:7-{short}é")), character('é', 25));
    assert_eq!(parse(&format!("A:7-{short}=")), character('=', 25));
    assert_eq!(parse("A:7-V8jm_M9QKkuvfEUTQBfOtA"), character('_', 8));
    assert_eq!(parse(&format!("A:7-{short}B")), Err(ParseError::IdTrailingBits { at: 25 }));
    let separator = |character, at| Err(ParseError::SeparatorMissing { character, at });
    assert_eq!(parse(&format!("A:7-{ID}=")), separator('=', 26));
    assert_eq!(parse(&format!("A:7-{ID}A")), separator('A', 26));
    assert_eq!(parse(&format!("A:7-{ID};B:8-{OTHER}")), separator(';', 26));
    assert_eq!(parse(&format!("A:7-{ID}B:8-{OTHER}")), separator('B', 26));
    assert_eq!(parse(&format!("A:7-{ID}é")), separator('é', 26));
    assert_eq!(
        parse(&format!("A:7-{short}")).unwrap_err().to_string(),
        "change vector ends at byte 25, within the 22 characters of an id"
    );
}
