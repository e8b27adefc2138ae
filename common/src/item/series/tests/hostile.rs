//! Bytes that are not what anybody would write.

use proptest::{collection::vec, prelude::*, sample::Index};

use super::codec::points;
use super::*;
use crate::item::series::codec::bits::{Sink, Writer};

/// Whatever is accepted has one form, and this is it.
fn refused_or_canonical(bytes: &[u8]) -> Result<(), TestCaseError> {
    if let Ok(points) = Points::decode(bytes) {
        prop_assert_eq!(&points.encode()[..], bytes);
        let ordered = |pair: &[SeriesEntry]| pair[0].key() < pair[1].key();
        prop_assert!(points.entries().windows(2).all(ordered));
        prop_assert!(points.entries().iter().all(|it| (1..=32).contains(&it.values.len())));
        prop_assert!(points.entries().iter().all(|it| !it.origin.etag.is_zero()));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_bytes_are_refused_or_canonical(bytes in vec(any::<u8>(), 0..400)) {
        refused_or_canonical(&bytes)?;
    }

    /// A small count, then bits that are mostly "as before": they come far.
    #[test]
    fn bytes_like_points_are_refused_or_canonical(
        head in 0x80_u8..0xc0,
        bytes in vec(prop_oneof![2 => any::<u8>(), 2 => Just(0), 1 => Just(0xff)], 16..200),
    ) {
        refused_or_canonical(&[&[head], &bytes[..]].concat())?;
    }

    #[test]
    fn what_was_changed_is_refused_or_canonical(
        points in points(),
        at: Index,
        bit in 0_u8..8,
        cut in 0_usize..3,
        more in vec(any::<u8>(), 0..2),
    ) {
        let whole = points.encode();
        let mut bytes = whole.to_vec();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        prop_assert_ne!(Points::decode(&bytes), Ok(points));
        refused_or_canonical(&bytes)?;
        bytes.truncate(bytes.len().saturating_sub(cut));
        refused_or_canonical(&bytes)?;
        bytes.extend_from_slice(&more);
        refused_or_canonical(&bytes)?;
        // Every beginning of it is refused.
        prop_assert!(Points::decode(&whole[..at]).is_err());
        prop_assert!(Points::decode(&[&whole[..], &[0]].concat()).is_err());
    }
}

/// Bits that are written by hand.
#[derive(Default)]
struct Bits(Writer);

impl Bits {
    /// The counts at the head.
    fn counts(entries: u64, dead: u64) -> Self {
        Self::default().number(entries).number(dead)
    }

    /// The first of some entries up to its etag: at time 0, of an incarnation.
    fn entry(entries: u64) -> Self {
        Self::counts(entries, 0).signed(0).bits(0, 1).number(0).bytes(&[7; 16])
    }

    /// The first of some entries, with the tag "a" and the value 1; then the time of the second.
    fn second(entries: u64) -> Self {
        let tag = Self::entry(entries).signed(5).bits(0, 1).number(1).number(1).bytes(b"a");
        // Ten bits differ from zero, behind two that do not: the exponent of 1.
        tag.bits(0b110, 3).bits(2, 5).bits(10 - 1, 6).bits(0x3ff, 10).signed(1)
    }

    fn bits(mut self, bits: u64, width: u32) -> Self {
        self.0.put(bits, width);
        self
    }

    fn number(mut self, number: u64) -> Self {
        self.0.put_number(number);
        self
    }

    fn signed(mut self, number: i64) -> Self {
        self.0.put_signed(number);
        self
    }

    fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.put_bytes(bytes);
        self
    }

    /// What is wrong with them.
    fn flaw(self) -> Option<SegmentFlaw> {
        match Points::decode(&self.0.finish()) {
            Err(SegmentError::Bytes { flaw, .. }) => Some(flaw),
            _ => None,
        }
    }
}

#[test]
fn counts_are_checked_before_anything_is_allocated() {
    for count in [1 << 20, 1 << 40, u64::MAX] {
        let flaw = Some(SegmentFlaw::Count { count });
        assert_eq!(Bits::default().number(count).flaw(), flaw);
        assert_eq!(Bits::counts(0, count).flaw(), flaw);
    }
    // A number greater than there are.
    assert_eq!(Bits::default().bytes(&[0xff; 9]).flaw(), Some(SegmentFlaw::Number));
}

#[test]
fn every_field_is_checked() {
    use SegmentFlaw::{Etag, NotCanonical, Number, Tag, Time, Trailing, Truncated};
    let entry = || Bits::entry(1).signed(5);
    let late = SeriesTime::MAX.millis() + 1;
    let rows = [
        ("a time beyond the last", Time, Bits::counts(1, 0).signed(late)),
        ("no origin before", NotCanonical, Bits::counts(1, 0).signed(0).bits(0xff, 8)),
        ("an etag of zero", Etag, Bits::entry(1).signed(0)),
        ("a negative etag", Etag, Bits::entry(1).signed(-1)),
        ("an unknown tag", Number, entry().bits(0, 1).number(2)),
        ("a long tag", Number, entry().bits(0, 1).number(1).number(256).bytes(&[b'a'; 256])),
        ("a tag that is no text", Tag, entry().bits(0, 1).number(1).number(1).bytes(&[0xff])),
        ("no tag, as before", NotCanonical, entry().bits(0, 1).number(0)),
        ("one value, as before", NotCanonical, entry().bits(0b100_0000, 7)),
        ("no window before", NotCanonical, entry().bits(0b1111, 4)),
        ("a wide window", Number, entry().bits(0b1110, 4).bits(31, 5).bits(63, 6)),
        (
            "a loose window",
            NotCanonical,
            entry().bits(0b1110, 4).bits(0, 5).bits(7, 6).bits(0x7e, 8),
        ),
        ("more behind it", Trailing, entry().bits(0b110, 3).bytes(&[0, 0])),
        ("a part of an entry", Truncated, Bits::entry(2).signed(5).bits(0b110, 3).bits(0x7f, 7)),
    ];
    for (name, flaw, bits) in rows {
        assert_eq!(bits.flaw(), Some(flaw), "{name}");
    }
}

/// What is as it was before, or has occurred, must not be said anew.
#[test]
fn repetitions_are_checked() {
    use SegmentFlaw::{NotCanonical, Order};
    let tag = || Bits::second(2).bits(1, 1);
    let window = |lead| tag().bits(0b1110, 4).bits(lead, 5).bits(10 - 1, 6).bits(0x201, 10);
    let untagged = Bits::second(3).bits(0b10, 2).number(0).bits(0b10, 2);
    let rows = [
        ("the same origin", NotCanonical, Bits::second(2).bits(0, 1).number(0).signed(0)),
        ("its incarnation", NotCanonical, Bits::second(2).bits(0, 1).number(1).bytes(&[7; 16])),
        ("the same tag", NotCanonical, tag().bits(0, 1).number(1)),
        (
            "its text",
            NotCanonical,
            untagged.signed(1).bits(0b10, 2).number(2).number(1).bytes(b"a"),
        ),
        ("the same window", NotCanonical, window(2)),
        (
            "the same time and origin",
            Order,
            Bits::entry(2).signed(5).bits(0b110, 3).bits(0b0_1110, 5),
        ),
    ];
    for (name, flaw, bits) in rows {
        assert_eq!(bits.flaw(), Some(flaw), "{name}");
    }
    // What these rows begin with is right.
    assert_eq!(tag().bits(0b110, 3).flaw(), None);
    assert_eq!(window(3).flaw(), None);
}

#[test]
fn dead_ranges_are_checked() {
    let first = || Bits::counts(0, 2).number(0).number(0).bits(0, 1).number(0).bytes(&[7; 16]);
    // Of one origin, and without a gap: they would be one.
    let touching = first().signed(5).number(1).number(3).bits(1, 1);
    assert_eq!(touching.flaw(), Some(SegmentFlaw::Order));
    let beyond = Bits::counts(0, 1).number(9).number(SeriesTime::MAX.offset());
    assert_eq!(beyond.flaw(), Some(SegmentFlaw::Time));
}

#[test]
fn an_error_says_where_and_what() {
    let error = Points::decode(&[0, 0]).unwrap_err();
    assert_eq!(error, SegmentError::Bytes { at: 2, flaw: SegmentFlaw::Trailing });
    assert_eq!(error.to_string(), "segment is wrong before bit 2: more follows the last entry");
    assert_eq!(
        Points::decode(&[]).unwrap_err().to_string(),
        "segment is wrong before bit 0: it ends within an entry"
    );
    let outside = SegmentError::Outside { time: at(-3) };
    assert_eq!(outside.to_string(), "segment has something at -3 ms, outside its span");
}
