//! What a scan goes over.

use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

use bytes::Bytes;

use super::{Place, ROWS, Row, bytes, rows};
use crate::engine::{Direction, EngineError, KEY_BYTES_MAX, ScanRange, Snapshot, WriteBatch};

type Checked = Result<(), EngineError>;

/// A snapshot with these rows in one table, whose values are as the keys.
struct Keys {
    snapshot: Arc<dyn Snapshot>,
    sorted: Vec<Bytes>,
}

impl Keys {
    fn new(place: &dyn Place, keys: &[&[u8]]) -> Result<Self, EngineError> {
        let engine = place.open()?;
        let mut batch = WriteBatch::new();
        for key in keys {
            batch.put(ROWS, bytes(key), bytes(key));
        }
        engine.commit(batch)?;
        let mut sorted: Vec<_> = keys.iter().map(bytes).collect();
        sorted.sort_unstable();
        Ok(Self { snapshot: engine.snapshot()?, sorted })
    }

    /// Scans both ways and compares with what looking at every key gives.
    fn check(&self, range: ScanRange, belongs: impl Fn(&Bytes) -> bool) -> Checked {
        let expected = self.sorted.iter().filter(|key| belongs(key));
        let mut expected: Vec<Row> = expected.map(|key| (key.clone(), key.clone())).collect();
        let found = rows(&*self.snapshot, ROWS, range.clone(), Direction::Forward)?;
        assert_eq!(found, expected, "{range:?}");
        expected.reverse();
        let found = rows(&*self.snapshot, ROWS, range.clone(), Direction::Backward)?;
        assert_eq!(found, expected, "{range:?}, backward");
        Ok(())
    }
}

pub(super) fn scan_keeps_to_its_bounds(place: &dyn Place) -> Checked {
    const KEYS: [&[u8]; 6] = [b"b", b"c", b"ca", b"cb", b"d", b"f"];
    let keys = Keys::new(place, &KEYS)?;
    let points = ["a", "b", "c", "caa", "d", "e", "f", "g"].map(bytes);
    let bounds = || {
        let at = points.iter().cloned();
        let at = at.flat_map(|point| [Bound::Included(point.clone()), Bound::Excluded(point)]);
        std::iter::once(Bound::Unbounded).chain(at)
    };
    for start in bounds() {
        for end in bounds() {
            let range = ScanRange { start: start.clone(), end };
            let belongs = (range.start.clone(), range.end.clone());
            keys.check(range, |key| belongs.contains(key))?;
        }
    }
    keys.check(ScanRange::all(), |_| true)?;
    keys.check(ScanRange::after("ca"), |key| key[..] > b"ca"[..])?;
    keys.check(ScanRange::from("ca"), |key| key[..] >= b"ca"[..])?;
    let within = ScanRange::from("c").before("d");
    keys.check(within, |key| (&b"c"[..]..&b"d"[..]).contains(&&key[..]))?;
    let within = ScanRange::after("c").to("d");
    keys.check(within, |key| key[..] > b"c"[..] && key[..] <= b"d"[..])?;
    let first = keys.snapshot.scan(ROWS, ScanRange::all(), Direction::Backward).next();
    let first = first.transpose()?;
    assert_eq!(
        first,
        Some((bytes("f"), bytes("f"))),
        "the last row is the first of a backward scan"
    );
    Ok(())
}

pub(super) fn inverted_range_is_empty(place: &dyn Place) -> Checked {
    let keys = Keys::new(place, &[b"a", b"b", b"c"])?;
    keys.check(ScanRange::from("c").to("a"), |_| false)?;
    keys.check(ScanRange::from("b").before("b"), |_| false)?;
    keys.check(ScanRange::after("b").to("b"), |_| false)?;
    keys.check(ScanRange::after("b").before("b"), |_| false)?;
    keys.check(ScanRange::after("a").before("b"), |_| false)?;
    keys.check(ScanRange::from("b").to("b"), |key| key == "b")
}

pub(super) fn prefix_is_exact(place: &dyn Place) -> Checked {
    const KEYS: [&[u8]; 14] = [
        b"\x00",
        b"a",
        b"a\x00",
        b"a\xFE",
        b"a\xFE\xFF",
        b"a\xFF",
        b"a\xFF\x00",
        b"a\xFF\xFF",
        b"a\xFF\xFF\x01",
        b"b",
        b"\xFE\xFF",
        b"\xFF",
        b"\xFF\xFF",
        b"\xFF\xFF\xFF\x00",
    ];
    let keys = Keys::new(place, &KEYS)?;
    let prefixes = KEYS.iter().copied().chain([&b""[..], b"c", b"a\x01", b"\xFF\xFF\xFF"]);
    for prefix in prefixes {
        keys.check(ScanRange::prefix(prefix), |key| key.starts_with(prefix))?;
    }
    Ok(())
}

pub(super) fn keys_are_unsigned_bytes(place: &dyn Place) -> Checked {
    const KEYS: [&[u8]; 6] = [b"\xFF", b"\x7F", b"\x80", b"a", b"\x00", b"ab"];
    let keys = Keys::new(place, &KEYS)?;
    keys.check(ScanRange::all(), |_| true)
}

pub(super) fn bounds_may_be_longer_than_keys(place: &dyn Place) -> Checked {
    let longest = vec![b'k'; KEY_BYTES_MAX];
    let keys = Keys::new(place, &[b"a", &longest, b"z"])?;
    let longer = Bytes::from([&longest[..], b"k"].concat());
    let from = longer.clone();
    keys.check(ScanRange::from(longer.clone()), |key| *key >= from)?;
    keys.check(ScanRange::after(longer.clone()), |key| *key > from)?;
    keys.check(ScanRange::all().to(longer.clone()), |key| *key <= from)?;
    keys.check(ScanRange::all().before(longer.clone()), |key| *key < from)?;
    keys.check(ScanRange::prefix(&longer), |_| false)
}
