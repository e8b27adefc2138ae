//! Etags: range, order, the two forms.

use proptest::prelude::*;

use super::{Etag, EtagOutOfRange, EtagParseError};

#[test]
fn range_ends_at_63_bits() {
    assert_eq!(Etag::MAX.get(), 9_223_372_036_854_775_807);
    assert_eq!(Etag::new(Etag::MAX.get()), Ok(Etag::MAX));
    let beyond = Etag::MAX.get() + 1;
    assert_eq!(Etag::new(beyond), Err(EtagOutOfRange { etag: beyond }));
    assert_eq!(Etag::new(u64::MAX), Err(EtagOutOfRange { etag: u64::MAX }));
    assert_eq!(Etag::default(), Etag::ZERO);
    assert!(Etag::ZERO.is_zero() && !Etag::MAX.is_zero());
}

#[test]
fn next_stops_at_the_last() {
    assert_eq!(Etag::ZERO.next().map(Etag::get), Ok(1));
    assert_eq!(Etag::MAX.next(), Err(EtagOutOfRange { etag: 1 << 63 }));
    assert_eq!(
        Etag::MAX.next().unwrap_err().to_string(),
        "etag 9223372036854775808 is greater than the last one, 9223372036854775807"
    );
}

#[test]
fn bytes_beyond_the_range_are_refused() {
    assert_eq!(Etag::from_be_bytes([0xff; 8]), Err(EtagOutOfRange { etag: u64::MAX }));
    assert_eq!(Etag::from_be_bytes([0, 0, 0, 0, 0, 0, 1, 2]).map(Etag::get), Ok(258));
    assert_eq!(Etag::MAX.to_be_bytes(), [0x7f, 255, 255, 255, 255, 255, 255, 255]);
}

#[test]
fn text_is_digits_and_nothing_else() {
    let parse = |text: &str| text.parse::<Etag>();
    assert_eq!(parse("0"), Ok(Etag::ZERO));
    assert_eq!(parse("0010").map(Etag::get), Ok(10));
    assert_eq!(parse("9223372036854775807"), Ok(Etag::MAX));
    assert_eq!(parse(""), Err(EtagParseError::Empty));
    let wrong = |character, at| Err(EtagParseError::NotADigit { character, at });
    assert_eq!(parse("-3"), wrong('-', 0));
    assert_eq!(parse("+3"), wrong('+', 0));
    assert_eq!(parse("3 "), wrong(' ', 1));
    assert_eq!(parse("12a"), wrong('a', 2));
    assert_eq!(parse("1٣"), wrong('٣', 1));
    assert_eq!(parse("9223372036854775808"), Err(EtagParseError::TooLarge { at: 18 }));
    assert_eq!(parse("18446744073709551616"), Err(EtagParseError::TooLarge { at: 19 }));
}

proptest! {
    #[test]
    fn both_forms_round_trip_and_bytes_keep_the_order(left: u64, right: u64) {
        let (left, right) = (Etag::new(left >> 1).unwrap(), Etag::new(right >> 1).unwrap());
        prop_assert_eq!(left.to_string().parse(), Ok(left));
        prop_assert_eq!(Etag::from_be_bytes(left.to_be_bytes()), Ok(left));
        prop_assert_eq!(left.cmp(&right), left.to_be_bytes().cmp(&right.to_be_bytes()));
    }

    #[test]
    fn text_never_panics(text in "[0-9]{0,25}|.{0,8}") {
        let by_the_library = text.parse::<u64>().ok().filter(|it| *it <= Etag::MAX.get());
        // The library's parser knows a plus.
        prop_assume!(!text.starts_with('+'));
        prop_assert_eq!(text.parse::<Etag>().ok().map(Etag::get), by_the_library);
    }
}
