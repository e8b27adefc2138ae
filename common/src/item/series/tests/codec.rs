//! The binary form: what is written is read again, to the last bit.

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::item::series::dead::DeadRanges;

/// Times near each other, far apart, and the first and the last there are.
fn time() -> impl Strategy<Value = SeriesTime> {
    let ends = vec![SeriesTime::MIN, SeriesTime::MAX, at(0), at(-1)];
    prop_oneof![
        4 => (0_i64..50).prop_map(|minute| at(1_700_000_000_000 + minute * 60_000)),
        2 => (-100_i64..100).prop_map(at),
        2 => (0..=SeriesTime::MAX.offset()).prop_map(|it| SeriesTime::from_offset(it).unwrap()),
        1 => prop::sample::select(ends),
    ]
}

fn write() -> impl Strategy<Value = Entry> {
    let etag = prop_oneof![4 => 1_u64..5, 1 => 1..=Etag::MAX.get(), 1 => Just(Etag::MAX.get())];
    (prop::sample::select(vec!['A', 'B', 'C', 'z']), etag)
        .prop_map(|(letter, etag)| origin(letter, etag))
}

/// Any 64 bits, and those that are special.
fn value() -> impl Strategy<Value = f64> {
    let special =
        vec![0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 5e-324, f64::MAX, 1.0];
    prop_oneof![any::<u64>().prop_map(f64::from_bits), prop::sample::select(special)]
}

fn tag() -> impl Strategy<Value = Option<Arc<str>>> {
    let text =
        prop_oneof![prop::sample::select(vec!["", "a", "b"]).prop_map(str::to_owned), ".{0,60}"];
    prop::option::of(text.prop_map(Arc::from))
}

fn values() -> impl Strategy<Value = Vec<f64>> {
    prop_oneof![3 => vec(value(), 1..4), 1 => vec(value(), 1..=32), 1 => vec(value(), 32)]
}

/// Any points that there can be, siblings among them.
pub(super) fn points() -> impl Strategy<Value = Points> {
    let entry = (time(), values(), tag(), write());
    let entries = vec(entry, 0..40).prop_map(|all| {
        let all = all.into_iter();
        let mut all: Vec<_> = all
            .map(|(time, values, tag, origin)| SeriesEntry { time, values, tag, origin })
            .collect();
        all.sort_by_key(SeriesEntry::key);
        all.dedup_by_key(|entry| entry.key());
        all
    });
    let range = (time(), time(), write()).prop_map(|(one, other, origin)| {
        let span = Span::new(one.min(other), one.max(other)).unwrap();
        DeadRange { span, origin }
    });
    let dead = vec(range, 0..10).prop_map(DeadRanges::of);
    (entries, dead).prop_map(|(entries, dead)| Points::new(entries, dead))
}

proptest! {
    #[test]
    fn points_are_read_as_they_were_written(points in points()) {
        let bytes = points.encode();
        prop_assert_eq!(points.encoded_len(), bytes.len());
        let read = Points::decode(&bytes);
        prop_assert_eq!(read.as_ref(), Ok(&points));
        prop_assert_eq!(read.map(|points| points.encode()), Ok(bytes));
    }

    #[test]
    fn equal_points_have_equal_bytes_and_others_have_others(one in points(), other in points()) {
        prop_assert_eq!(one == other, one.encode() == other.encode());
        prop_assert_eq!(one.clone().encode(), one.encode());
    }
}

/// Equality is that of the bits: a float's own would take the zeros for one.
#[test]
fn values_are_equal_when_their_bits_are() {
    let zero = |value| plain(&[(0, value, origin('A', 1))]);
    assert_ne!(zero(0.0), zero(-0.0));
    assert_eq!(zero(-0.0), zero(-0.0));
    let read = Points::decode(&zero(-0.0).encode()).unwrap();
    assert!(read.entries()[0].values[0].is_sign_negative());
}

#[test]
fn tags_that_are_read_share_their_text() {
    let mut points = Points::default();
    let all = (0..10).map(|at| tagged(at, &[1.0], ["even", "odd"][usize::from(at % 2 == 1)]));
    points.append_all(all.collect(), false, origin('A', 1));
    let read = Points::decode(&points.encode()).unwrap();
    let tags: Vec<_> = read.entries().iter().map(|entry| entry.tag.as_ref().unwrap()).collect();
    assert!(tags.windows(3).all(|three| Arc::ptr_eq(three[0], three[2])));
}
