//! Names of series.

use super::*;

fn name(text: &str) -> SeriesName {
    text.parse().unwrap()
}

#[test]
fn a_name_is_one_in_any_casing_and_keeps_its_own() {
    assert_eq!(name("HeartRate"), name("heartrate"));
    assert_eq!(name("HeartRate").to_string(), "HeartRate");
    assert_eq!(name("HeartRate").key(), "heartrate");
    assert_eq!(format!("{:?}", name("Ä")), "SeriesName(\"Ä\")");
    assert!(name("B") > name("a"));
}

#[test]
fn a_name_has_1_to_256_bytes_and_no_control_characters() {
    assert_eq!(SeriesName::new(""), Err(SeriesNameError::Empty));
    assert_eq!(name(&"x".repeat(256)).as_str().len(), 256);
    let long = "x".repeat(257);
    assert_eq!(SeriesName::new(&long), Err(SeriesNameError::TooLong { bytes: 257 }));
    for (text, character, at) in [("a\u{0}", '\0', 1), ("é\u{85}", '\u{85}', 2), ("\n", '\n', 0)] {
        let refused = Err(SeriesNameError::ControlCharacter { character, at });
        assert_eq!(SeriesName::new(text), refused);
    }
    for text in [" ", "a/b", "שלום", "@counters", "a|"] {
        assert_eq!(name(text).as_str(), text);
    }
    assert_eq!(name(&"Ⱥ".repeat(128)).key().len(), SeriesName::KEY_BYTES_MAX);
}

#[test]
fn the_prefix_of_a_name_makes_it_incremental() {
    assert!(name("INC:Downloads").is_incremental() && name("inc:").is_incremental());
    for text in ["Downloads", "inc", "inc-", " inc:", "xinc:"] {
        assert!(!name(text).is_incremental(), "{text}");
    }
}
