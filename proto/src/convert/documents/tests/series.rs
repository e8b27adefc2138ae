//! What `series` promises, tried out.

use jackdaw_common::item::series::{ReadEntry, SeriesTime, Span};
use prost_types::Timestamp;

use super::*;
use crate::convert::documents::series::{self, EntryTimeError};

fn entry(time: Option<Timestamp>, values: &[f64], tag: Option<&str>) -> wire::TimeSeriesEntry {
    wire::TimeSeriesEntry { time, values: values.to_vec(), tag: tag.map(str::to_owned) }
}

fn append(name: &str, entries: Vec<wire::TimeSeriesEntry>) -> Option<wire::AppendTimeSeries> {
    Some(wire::AppendTimeSeries { document_id: "a".into(), name: name.into(), entries })
}

fn at(seconds: i64, nanos: i32) -> Timestamp {
    Timestamp { seconds, nanos }
}

fn paths(violations: Violations) -> Vec<String> {
    let error = violations.finish().unwrap_err();
    error.violations().iter().map(|it| it.path.clone()).collect()
}

#[test]
fn times_go_out_and_come_back() {
    for millis in [SeriesTime::MIN.millis(), -1_001, -1_000, -1, 0, 1, 999, 1_000, 1_234] {
        let expected = SeriesTime::new(millis).unwrap();
        assert_eq!(series::time(&series::timestamp(expected)), Ok(expected), "{millis}");
    }
    assert_eq!(series::time(&series::timestamp(SeriesTime::MAX)), Ok(SeriesTime::MAX));
    assert_eq!(series::timestamp(SeriesTime::new(-1).unwrap()), at(-1, 999_000_000));
    for (time, error) in [
        (at(0, 1), EntryTimeError::TooFine),
        (at(0, 1_000_001), EntryTimeError::TooFine),
        (at(0, -1_000_000), EntryTimeError::Outside),
        (at(0, 1_000_000_000), EntryTimeError::Outside),
        (at(253_402_300_800, 0), EntryTimeError::Outside),
        (at(-62_135_596_801, 999_000_000), EntryTimeError::Outside),
        (at(i64::MAX, 0), EntryTimeError::Outside),
        (at(i64::MIN, 0), EntryTimeError::Outside),
    ] {
        assert_eq!(series::time(&time), Err(error), "{time:?}");
    }
}

#[test]
fn entries_come_in_as_they_are() {
    let mut violations = Violations::new();
    let entries = vec![
        entry(Some(at(2, 0)), &[1.5, -0.0], Some("x")),
        entry(Some(at(1, 1_000_000)), &[1.0], None),
    ];
    let read = series::append("a", append("Heart", entries), &mut violations).unwrap();
    let read: Vec<_> =
        read.entries.iter().map(|it| (it.time().millis(), it.values(), it.tag())).collect();
    assert_eq!(read, [(2_000, &[1.5, -0.0][..], Some("x")), (1_001, &[1.0][..], None)]);
    assert!(violations.is_empty());
}

#[test]
fn every_wrong_field_of_an_append_is_named() {
    let mut violations = Violations::new();
    let entries = vec![
        entry(None, &[], None),
        entry(Some(at(0, 1)), &[1.0, f64::NAN], None),
        entry(Some(at(0, 0)), &[0.0; 33], None),
        entry(Some(at(0, 0)), &[0.0; 32], Some(&"x".repeat(256))),
    ];
    assert_eq!(series::append("a", append("", entries), &mut violations), None);
    assert_eq!(series::append("b", None, &mut violations), None);
    assert_eq!(series::append("c", append("x", Vec::new()), &mut violations), None);
    let tagged = vec![entry(Some(at(0, 0)), &[1.0], Some(""))];
    assert_eq!(series::append("d", append("Inc:x", tagged), &mut violations), None);
    let expected = [
        "a.name",
        "a.entries[0].time",
        "a.entries[0].values",
        "a.entries[1].time",
        "a.entries[1].values[1]",
        "a.entries[2].values",
        "a.entries[3].tag",
        "b",
        "c.entries",
        "d.entries[0].tag",
    ];
    assert_eq!(paths(violations), expected);
}

#[test]
fn spans_are_open_where_nothing_is_said() {
    let mut violations = Violations::new();
    let (one, two) = (at(1, 0), at(2, 0));
    assert_eq!(series::span("", None, None, &mut violations), Some(Span::ALL));
    let from = series::span("", Some(&one), None, &mut violations).unwrap();
    assert_eq!((from.first().millis(), from.last()), (1_000, SeriesTime::MAX));
    let to = series::span("", None, Some(&one), &mut violations).unwrap();
    assert_eq!((to.first(), to.last().millis()), (SeriesTime::MIN, 1_000));
    let at_once = series::span("", Some(&one), Some(&one), &mut violations);
    assert_eq!(at_once, Some(Span::at(SeriesTime::new(1_000).unwrap())));
    assert!(violations.is_empty());
    assert_eq!(series::span("a.", Some(&two), Some(&one), &mut violations), None);
    let delete = wire::DeleteTimeSeriesRange { first: Some(at(0, 1)), ..Default::default() };
    assert_eq!(series::delete("b", Some(delete), &mut violations), None);
    assert_eq!(series::delete("b", None, &mut violations), None);
    assert_eq!(paths(violations), ["a.last", "b.document_id", "b.name", "b.first", "b"]);
}

#[test]
fn entries_and_summaries_go_out() {
    let time = SeriesTime::new(1_500).unwrap();
    let shown = ReadEntry { time, values: vec![1.0, 2.0], tag: Some("x".into()) };
    assert_eq!(series::entry(shown), entry(Some(at(1, 500_000_000)), &[1.0, 2.0], Some("x")));
    let name = "Heart".parse().unwrap();
    let summary = series::summary(&name, 3, Span::new(SeriesTime::MIN, time).unwrap(), Some(7));
    let expected = wire::TimeSeriesSummary {
        name: "Heart".into(),
        entries: 3,
        first: Some(at(-62_135_596_800, 0)),
        last: Some(at(1, 500_000_000)),
        digest: Some(7),
    };
    assert_eq!(summary, expected);
}

/// However many are wrong: what is held of them is bounded, and all are counted.
#[test]
fn wrong_entries_beyond_a_bound_are_counted() {
    let mut violations = Violations::new();
    let entries = vec![entry(Some(at(0, 0)), &[], None); 16_384];
    assert_eq!(series::append("a", append("x", entries), &mut violations), None);
    let error = violations.finish().unwrap_err();
    assert_eq!(error.violations().len(), 1_024);
    assert!(error.message().ends_with("(and 16383 more)"), "{}", error.message());
}
