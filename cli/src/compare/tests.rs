//! What `compare` promises, tried out.

mod later;
mod revisions;

use bytes::Bytes;
use futures_util::stream::{iter, unfold};
use jackdaw_proto::documents::{
    Attachment, Counter, Document, DocumentConflict, PartialCounterValue, TimeSeriesSummary,
};
use tokio_test_free::block_on;

use super::*;

/// A runtime for futures that never wait for anything outside.
mod tokio_test_free {
    pub(super) fn block_on<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
    }
}

const INCARNATION: &str = "AAAAAAAAAAAAAAAAAAAAAQ";

fn vector(etag: u64) -> String {
    format!("A:{etag}-{INCARNATION}")
}

fn document(id: &str, body: &str, etag: u64) -> Document {
    Document {
        id: id.to_owned(),
        body: Bytes::copy_from_slice(body.as_bytes()),
        change_vector: vector(etag),
        ..Document::default()
    }
}

fn version(body: &str, etag: u64) -> ConflictVersion {
    ConflictVersion {
        change_vector: vector(etag),
        body: Bytes::copy_from_slice(body.as_bytes()),
        body_bytes: body.len() as u64,
        ..ConflictVersion::default()
    }
}

fn conflict(id: &str, versions: &[ConflictVersion]) -> DocumentConflict {
    DocumentConflict {
        id: id.to_owned(),
        versions: versions.to_vec(),
        ..DocumentConflict::default()
    }
}

fn part(documents: &[Document], conflicts: &[DocumentConflict]) -> StreamDocumentsResponse {
    StreamDocumentsResponse { documents: documents.to_vec(), conflicts: conflicts.to_vec() }
}

type Parts = Vec<Result<StreamDocumentsResponse, Status>>;

/// Documents in parts of one, two, three …, so that the ends break at different places.
fn parts(documents: &[Document], first: usize) -> Parts {
    let (mut rest, mut size, mut parts) = (documents, first, Vec::new());
    while !rest.is_empty() {
        let (now, later) = rest.split_at(size.min(rest.len()));
        parts.push(Ok(part(now, &[])));
        (rest, size) = (later, size + 1);
    }
    parts
}

fn run(source: Parts, destination: Parts, named_max: usize) -> Result<Report, CompareError> {
    block_on(compare(opened(once(source)), opened(once(destination)), named_max, |_| {}))
}

/// What opens a stream that does not break.
fn opened<S>(stream: S) -> impl FnMut(Option<&DocumentId>) -> S {
    let mut stream = Some(stream);
    move |behind| {
        assert_eq!(behind, None);
        stream.take().unwrap()
    }
}

/// Parts as a service gives them: a stream that must not be asked again once it has ended.
fn once(parts: Parts) -> impl Stream<Item = Result<StreamDocumentsResponse, Status>> + Unpin {
    Box::pin(unfold(parts.into_iter(), async |mut parts: std::vec::IntoIter<_>| {
        parts.next().map(|part| (part, parts))
    }))
}

fn named(report: &Report) -> Vec<(&str, DifferenceKind)> {
    report.differences.iter().map(|it| (it.id.as_str(), it.kind)).collect()
}

#[test]
fn equal_databases_are_equal_however_they_are_cut() {
    let documents: Vec<_> =
        (0..1000).map(|at| document(&format!("d/{at:04}"), "{\"a\":1}", at + 1)).collect();
    for first in [1, 2, 7, 1000] {
        let mut seen = 0;
        let (left, right) = (iter(parts(&documents, 3)), iter(parts(&documents, first)));
        let compared = compare(opened(left), opened(right), 10, |now| seen = now);
        let report = block_on(compared).unwrap();
        assert!(report.is_equal());
        assert_eq!(report.source, report.destination);
        assert_eq!((report.source.documents, report.source.bytes), (1000, 7000));
        assert!(seen > 0);
    }
    assert!(run(Vec::new(), Vec::new(), 10).unwrap().is_equal());
    // A part without anything is no end.
    let gaps = vec![Ok(part(&[], &[])), Ok(part(&documents, &[])), Ok(part(&[], &[]))];
    assert!(run(gaps, parts(&documents, 1), 10).unwrap().is_equal());
}

fn attached(id: &str, etag: u64, hash: &str) -> Document {
    let attachment =
        Attachment { name: "n".to_owned(), hash: hash.to_owned(), size: 1, ..Default::default() };
    Document { attachments: vec![attachment], ..document(id, "{}", etag) }
}

#[test]
fn every_kind_of_difference_is_named() {
    let source = [
        document("a", "{}", 1),
        document("b", "{}", 2),
        document("c", "{\"n\":1.0}", 3),
        document("d", "{}", 4),
        document("e", "{}", 5),
        document("g", "{}", 6),
        attached("i", 9, "one"),
        attached("j", 9, "one"),
        document("k", "{}", 9),
    ];
    let destination = [
        document("B", "{}", 2),
        document("c", "{\"n\":1}", 3),
        document("d", "{}", 9),
        document("e", "{ }", 10),
        document("f", "{}", 7),
        document("g", "{}", 6),
        document("h", "{}", 8),
        attached("i", 9, "one"),
        attached("j", 9, "other"),
        attached("k", 9, "one"),
    ];
    let report = run(parts(&source, 1), parts(&destination, 4), 10).unwrap();
    use DifferenceKind as K;
    assert_eq!(
        named(&report),
        [
            ("a", K::Missing),
            ("c", K::Body),
            ("d", K::Vector),
            ("e", K::BodyAndVector),
            ("f", K::Extra),
            ("h", K::Extra),
            ("j", K::Attachments),
            ("k", K::Attachments),
        ]
    );
    assert_eq!((report.missing, report.extra), (1, 2));
    assert_eq!((report.different_body, report.different_vector), (2, 2));
    assert_eq!(report.different_attachments, 2);
    assert_eq!((report.source.attachments, report.destination.attachments), (2, 3));
    assert_eq!(report.total(), 8);
    assert!(!report.is_equal());
    let text = report.to_string();
    assert!(text.starts_with("different: 8 documents\n"), "{text}");
    assert!(text.contains("missing at the destination  a\n"), "{text}");
    assert!(text.contains("\n  other attachments           j\n"), "{text}");
}

#[test]
fn one_end_may_be_empty() {
    let documents = [document("a", "{}", 1), document("b", "{}", 2)];
    let report = run(parts(&documents, 1), Vec::new(), 10).unwrap();
    assert_eq!((report.missing, report.extra), (2, 0));
    let report = run(Vec::new(), parts(&documents, 1), 10).unwrap();
    assert_eq!((report.missing, report.extra), (0, 2));
}

#[test]
fn more_differences_than_are_named_are_counted() {
    let documents: Vec<_> = (0..50).map(|at| document(&format!("d/{at:04}"), "{}", 1)).collect();
    let report = run(parts(&documents, 1), Vec::new(), 2).unwrap();
    assert_eq!((report.differences.len(), report.total()), (2, 50));
    assert!(report.to_string().contains("and 48 more"));
}

#[test]
fn vectors_are_compared_by_meaning() {
    let other = "BBBBBBBBBBBBBBBBBBBBBQ";
    let mut left = document("a", "{}", 1);
    let mut right = left.clone();
    left.change_vector = format!("A:1-{INCARNATION}, B:2-{other}");
    right.change_vector = format!("X:2-{other},Y:1-{INCARNATION}");
    let report = run(vec![Ok(part(&[left], &[]))], vec![Ok(part(&[right], &[]))], 1).unwrap();
    assert!(report.is_equal());
}

#[test]
fn conflicts_stand_between_documents() {
    let versions = [version("{\"v\":1}", 1), version("{\"v\":2}", 2)];
    let documents = [document("a", "{}", 1), document("c", "{}", 3), document("E", "{}", 5)];
    let conflicts = [conflict("b", &versions), conflict("D", &versions)];
    let whole = vec![Ok(part(&documents, &conflicts))];
    let cut = vec![
        Ok(part(&documents[..1], &conflicts[..1])),
        Ok(part(&[], &conflicts[1..1])),
        Ok(part(&documents[1..2], &[])),
        Ok(part(&documents[2..], &conflicts[1..])),
    ];
    let report = run(whole.clone(), cut, 10).unwrap();
    assert!(report.is_equal(), "{report}");
    assert_eq!((report.source.documents, report.source.conflicts), (3, 2));

    // One end in conflict, then both with other versions.
    let settled = [document("a", "{}", 1), document("b", "{\"v\":2}", 2)];
    let rest = [document("c", "{}", 3), document("e", "{}", 5)];
    let others = [conflict("D", &versions[..1])];
    let other = vec![Ok(part(&settled, &[])), Ok(part(&rest, &others))];
    let report = run(other, whole, 10).unwrap();
    assert_eq!(named(&report), [("b", DifferenceKind::Conflict), ("D", DifferenceKind::Conflict)]);
    assert_eq!(report.different_conflict, 2);
}

fn counter(name: &str, value: Option<i64>) -> Counter {
    let partials = Vec::new();
    Counter { name: name.to_owned(), value, partials }
}

fn series(name: &str, entries: u64, digest: u64) -> TimeSeriesSummary {
    TimeSeriesSummary {
        name: name.to_owned(),
        entries,
        digest: Some(digest),
        ..TimeSeriesSummary::default()
    }
}

#[test]
fn counters_and_time_series_are_compared_by_name() {
    let has = |id: &str, counters: &[Counter], time_series: &[TimeSeriesSummary]| Document {
        counters: counters.to_vec(),
        time_series: time_series.to_vec(),
        ..document(id, "{}", 1)
    };
    let all = [counter("a", Some(1)), counter("b", None), counter("c", Some(3))];
    let some = [counter("a", Some(2)), counter("b", None), counter("d", Some(3))];
    let both = [series("x", 3, 7), series("y", 1, 8)];
    let source = [
        has("a", &all, &both),
        has("b", &all, &both),
        has("c", &[], &both),
        has("d", &[], &[]),
        has("e", &all, &both),
    ];
    let destination = [
        has("a", &all, &both),
        has("b", &some, &[series("x", 3, 9), series("y", 1, 8), series("z", 1, 1)]),
        has("c", &[], &both[1..]),
        has("d", &all[1..2], &[]),
    ];
    let report = run(parts(&source, 1), parts(&destination, 2), 10).unwrap();
    use DifferenceKind as K;
    let found: Vec<_> =
        report.differences.iter().map(|it| (&*it.id, it.kind, it.names.join(" "))).collect();
    let expected = [
        ("b", K::Counters, "a c d".to_owned()),
        ("b", K::TimeSeries, "x z".to_owned()),
        ("c", K::TimeSeries, "x".to_owned()),
        ("d", K::Counters, "b".to_owned()),
        ("e", K::Missing, String::new()),
    ];
    assert_eq!(found, expected);
    assert_eq!(
        (report.total(), report.different_counters, report.different_time_series),
        (4, 2, 2)
    );
    assert_eq!((report.source.counters, report.destination.counters), (9, 7));
    assert_eq!(
        (report.source.time_series_entries, report.destination.time_series_entries),
        (16, 10)
    );
    let text = report.to_string();
    assert!(text.contains("\n  other counters              b: a, c, d\n"), "{text}");
    let few = run(parts(&source, 1), parts(&destination, 2), 1).unwrap().to_string();
    assert!(few.starts_with("different: 4 documents\n") && few.contains("and 4 more"), "{few}");

    let equal = run(parts(&source, 1), parts(&source, 2), 1).unwrap().to_string();
    let end = ", 9 counters, time series with 16 entries; the same ids, bodies, change vectors, \
               counters and time series at both ends";
    assert!(equal.ends_with(end), "{equal}");
}

/// They are of the document, in conflict or not.
#[test]
fn what_a_document_in_conflict_has_is_compared_too() {
    let versions = [version("{}", 1), version("{}", 2)];
    let has = |value| DocumentConflict {
        counters: vec![counter("n", Some(value))],
        ..conflict("a", &versions)
    };
    let end = |value| vec![Ok(part(&[], &[has(value)]))];
    assert!(run(end(1), end(1), 1).unwrap().is_equal());
    let report = run(end(1), end(2), 1).unwrap();
    assert_eq!(named(&report), [("a", DifferenceKind::Counters)]);
    let settled = vec![Ok(part(&[document("a", "{}", 1)], &[]))];
    let report = run(settled, end(1), 5).unwrap();
    let kinds = [("a", DifferenceKind::Conflict), ("a", DifferenceKind::Counters)];
    assert_eq!((named(&report), report.total()), (kinds.to_vec(), 1));
}

/// What no value shows is told apart by what it would be the sum of.
#[test]
fn counters_beyond_64_bits_are_compared_by_their_parts() {
    let partial = |incarnation: &str, value| PartialCounterValue {
        incarnation: incarnation.to_owned(),
        etag: 7,
        value,
    };
    let beyond = |values: [i64; 2]| {
        let partials = vec![partial("a", values[0]), partial("b", values[1])];
        let counter = Counter { partials, ..counter("n", None) };
        parts(&[Document { counters: vec![counter], ..document("d", "{}", 1) }], 1)
    };
    let end = || beyond([i64::MAX, 1]);
    assert!(run(end(), end(), 1).unwrap().is_equal());
    let report = run(end(), beyond([i64::MAX, 2]), 1).unwrap();
    assert_eq!(named(&report), [("d", DifferenceKind::Counters)]);
}

/// A document that goes on in the parts behind its own is one document, wherever it is cut.
#[test]
fn what_goes_on_is_put_together() {
    let counters = |names: std::ops::Range<u32>| -> Vec<Counter> {
        names.map(|name| counter(&format!("{name:03}"), Some(1))).collect()
    };
    let goes_on = |names| Document {
        id: "b".to_owned(),
        counters: counters(names),
        continued: true,
        ..Document::default()
    };
    let begun = |names| Document { counters: counters(names), ..document("b", "{}", 2) };
    let (a, c) = (document("a", "{}", 1), document("c", "{}", 3));
    let end = |cuts: &[u32]| -> Parts {
        let mut parts = vec![Ok(part(&[a.clone(), begun(0..cuts[0])], &[]))];
        let more = cuts.windows(2).map(|cut| Ok(part(&[goes_on(cut[0]..cut[1])], &[])));
        parts.extend(more);
        parts.push(Ok(part(std::slice::from_ref(&c), &[])));
        parts
    };
    let whole = || end(&[90]);
    for cuts in [&[0, 90][..], &[10, 20, 90], &[90, 90], &[1, 2, 3, 4, 90]] {
        let report = run(whole(), end(cuts), 5).unwrap();
        assert!(report.is_equal(), "{cuts:?}: {report}");
        assert_eq!((report.destination.documents, report.destination.counters), (3, 90));
    }
    let report = run(whole(), end(&[30, 60, 89]), 5).unwrap();
    assert_eq!(report.differences[0].names, ["089"]);

    let versions = [version("{}", 1), version("{}", 2)];
    let conflicted = |counters, continued, versions: &[ConflictVersion]| {
        let conflict = DocumentConflict { counters, continued, ..conflict("b", versions) };
        Ok(part(&[], &[conflict]))
    };
    let cut =
        vec![conflicted(counters(0..5), false, &versions), conflicted(counters(5..9), true, &[])];
    let whole = vec![conflicted(counters(0..9), false, &versions)];
    assert!(run(cut, whole, 1).unwrap().is_equal());

    // Nothing goes on that has not begun.
    for broken in [
        vec![Ok(part(&[goes_on(0..1)], &[]))],
        vec![Ok(part(std::slice::from_ref(&a), &[])), Ok(part(&[goes_on(0..1)], &[]))],
        vec![conflicted(Vec::new(), false, &versions), Ok(part(&[goes_on(0..1)], &[]))],
    ] {
        let error = run(broken, Vec::new(), 1).unwrap_err();
        assert!(matches!(error, CompareError::Continued { side: Side::Source, .. }), "{error}");
    }
}

/// What an end leaves out of its answer is not taken for equal.
#[test]
fn versions_of_which_something_was_left_out_are_not_compared() {
    let attachments = attached("a", 1, "one").attachments;
    let first = ConflictVersion { attachments, attachment_count: 1, ..version("{\"v\":1}", 1) };
    let full = conflict("a", &[first, version("{\"v\":2}", 2)]);
    let end = |conflict: &DocumentConflict| vec![Ok(part(&[], std::slice::from_ref(conflict)))];
    let changed = |change: fn(&mut ConflictVersion)| {
        let mut conflict = full.clone();
        change(&mut conflict.versions[0]);
        conflict
    };
    let no_body = changed(|it| it.body = Bytes::new());
    let no_list = changed(|it| it.attachments.clear());
    for (one, other) in
        [(&full, &no_body), (&no_body, &full), (&full, &no_list), (&no_body, &no_body)]
    {
        let report = run(end(one), end(other), 1).unwrap();
        assert_eq!(named(&report), [("a", DifferenceKind::NotCompared)]);
        assert_eq!((report.is_equal(), report.total(), report.not_compared), (false, 0, 1));
        let text = report.to_string();
        assert!(text.starts_with("not all compared; the rest is equal\n"), "{text}");
        assert!(text.contains("\n  not compared                a\n"), "{text}");
    }
    // What is known to differ does, whatever else was left out.
    let other_size = changed(|it| (it.body, it.body_bytes) = (Bytes::new(), 8));
    let other_list = changed(|it| (it.attachments[0].hash, it.body) = ("b".into(), Bytes::new()));
    let other_body = changed(|it| it.body = Bytes::from_static(b"{\"v\":9}"));
    for other in [other_size, other_list, other_body] {
        let report = run(end(&full), end(&other), 1).unwrap();
        assert_eq!(named(&report), [("a", DifferenceKind::Conflict)]);
        assert_eq!((report.total(), report.not_compared), (1, 0));
    }
    let elsewhere = vec![Ok(part(&[document("b", "{}", 1)], &[no_body]))];
    let text = run(end(&full), elsewhere, 2).unwrap().to_string();
    assert!(text.starts_with("different: 1 document\n"), "{text}");
}

#[test]
fn a_stream_against_the_order_is_an_error() {
    let end = |ids: &[&str]| {
        let documents: Vec<_> = ids.iter().map(|id| document(id, "{}", 1)).collect();
        parts(&documents, 1)
    };
    let good = end(&["a", "b", "c"]);
    for bad in [end(&["b", "a"]), end(&["a", "A"]), end(&["a", "c", "b"])] {
        let error = run(bad.clone(), good.clone(), 1).unwrap_err();
        assert!(matches!(error, CompareError::Order { side: Side::Source, .. }), "{error}");
        let error = run(good.clone(), bad, 1).unwrap_err();
        assert!(matches!(error, CompareError::Order { side: Side::Destination, .. }), "{error}");
    }
    // The same id as a document and in conflict.
    let both = vec![Ok(part(&[document("a", "{}", 1)], &[conflict("a", &[version("", 1)])]))];
    assert!(matches!(run(both, good, 1), Err(CompareError::Order { .. })));
}

#[test]
fn order_is_that_of_lower_cased_bytes() {
    // 'Z' < 'a' as bytes, but "z" > "a" in lower case; "é" comes after all ASCII.
    let ids = ["a", "B", "c", "Z", "z/1", "É", "😀"];
    let documents: Vec<_> = ids.iter().map(|id| document(id, "{}", 1)).collect();
    let report = run(parts(&documents, 1), parts(&documents, 2), 1).unwrap();
    assert!(report.is_equal());
    assert_eq!(report.source.documents, 7);
}

#[test]
fn a_stream_that_breaks_is_an_error_and_not_an_end() {
    let good = [document("a", "{}", 1)];
    let mut broken = parts(&good, 1);
    broken.push(Err(Status::unavailable("gone")));
    let error = run(parts(&good, 1), broken, 1).unwrap_err();
    assert_eq!(error.to_string(), "read the destination: gone");
    let bad = vec![Ok(part(&[document("", "{}", 1)], &[]))];
    assert!(matches!(run(bad, parts(&good, 1), 1), Err(CompareError::Id { .. })));
}
