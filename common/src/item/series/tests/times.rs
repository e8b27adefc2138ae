//! Times and spans.

use proptest::prelude::*;

use super::*;

const MIN: i64 = -62_135_596_800_000;
const MAX: i64 = 253_402_300_799_999;

#[test]
fn times_are_those_of_the_years_1_to_9999() {
    assert_eq!((at(MIN), at(MAX)), (SeriesTime::MIN, SeriesTime::MAX));
    for millis in [MIN - 1, MAX + 1, i64::MIN, i64::MAX] {
        let refused = SeriesTimeError { millis: i128::from(millis) };
        assert_eq!(SeriesTime::new(millis), Err(refused));
    }
    assert_eq!(at(MIN).previous(), None);
    assert_eq!(at(MAX).next(), None);
    assert_eq!((at(0).previous(), at(0).next()), (Some(at(-1)), Some(at(1))));
}

#[test]
fn bytes_beyond_the_last_time_are_refused() {
    assert_eq!(SeriesTime::MIN.to_be_bytes(), [0; 8]);
    let beyond = (SeriesTime::MAX.offset() + 1).to_be_bytes();
    assert!(SeriesTime::from_be_bytes(beyond).is_err());
    let millis = i128::from(MIN) + i128::from(u64::MAX);
    assert_eq!(SeriesTime::from_be_bytes([0xff; 8]), Err(SeriesTimeError { millis }));
}

#[test]
fn a_span_has_both_its_ends() {
    let tens = span(10, 19);
    assert_eq!((tens.first(), tens.last()), (at(10), at(19)));
    let contained = [9, 10, 19, 20].map(|millis| tens.contains(at(millis)));
    assert_eq!(contained, [false, true, true, false]);
    assert_eq!(Span::new(at(2), at(1)), Err(SpanError { first: at(2), last: at(1) }));
    assert_eq!(span(5, 5).intersection(&span(5, 5)), Some(span(5, 5)));
    assert!(Span::ALL.covers(&span(MIN, MAX)));
}

proptest! {
    #[test]
    fn the_order_of_bytes_is_that_of_times(one in MIN..=MAX, other in MIN..=MAX) {
        let (one, other) = (at(one), at(other));
        prop_assert_eq!(one.cmp(&other), one.to_be_bytes().cmp(&other.to_be_bytes()));
        prop_assert_eq!(SeriesTime::from_be_bytes(one.to_be_bytes()), Ok(one));
    }

    /// Against every time of a small world.
    #[test]
    fn spans_are_sets_of_times(ends in [0_i64..12, 0..12, 0..12, 0..12]) {
        let [one, other] = [[ends[0], ends[1]], [ends[2], ends[3]]]
            .map(|[one, other]| span(one.min(other), one.max(other)));
        let both = one.intersection(&other);
        let minus: Vec<_> = one.minus(&other).collect();
        for time in (0..12).map(at) {
            let (in_one, in_other) = (one.contains(time), other.contains(time));
            prop_assert_eq!(both.is_some_and(|both| both.contains(time)), in_one && in_other);
            let rest = minus.iter().filter(|rest| rest.contains(time)).count();
            prop_assert_eq!(rest, usize::from(in_one && !in_other));
        }
        let all = (0..12).map(at).all(|time| one.contains(time) || !other.contains(time));
        prop_assert_eq!(one.covers(&other), all);
    }
}
