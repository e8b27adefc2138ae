//! Streams that a service has ended because nobody read them for too long.

use std::cell::RefCell;
use std::vec::IntoIter;

use futures_util::stream::Iter;
use jackdaw_proto::documents::{Revision, StreamRevisionsResponse};
use jackdaw_proto::wire::WireError;
use prost_types::Timestamp;

use super::*;

fn stalled() -> Status {
    WireError::new(Reason::ClientStalled, "nobody read").into()
}

fn ids(ids: &[&str]) -> Vec<Document> {
    ids.iter().map(|id| document(id, "{}", 1)).collect()
}

/// What an end has, opening by opening.
type Openings<T> = Vec<Vec<Result<T, Status>>>;

/// Opens one after the other, and notes behind what.
fn end<'a, T: 'a>(
    openings: Openings<T>,
    opened: &'a RefCell<Vec<String>>,
) -> impl FnMut(Option<&DocumentId>) -> Iter<IntoIter<Result<T, Status>>> {
    let mut openings = openings.into_iter();
    move |behind| {
        opened.borrow_mut().push(behind.map(|id| id.as_str().to_owned()).unwrap_or_default());
        iter(openings.next().unwrap())
    }
}

/// The report, and behind what each end was opened.
fn run_openings(
    source: Openings<StreamDocumentsResponse>,
    destination: Openings<StreamDocumentsResponse>,
) -> (Result<Report, CompareError>, [Vec<String>; 2]) {
    let (here, there) = (RefCell::default(), RefCell::default());
    let report = block_on(compare(end(source, &here), end(destination, &there), 10, |_| {}));
    (report, [here.into_inner(), there.into_inner()])
}

/// Parts of one document each, and an end because they were not read.
fn broken(documents: &[Document]) -> Parts {
    let mut parts: Parts =
        documents.iter().map(|it| Ok(part(std::slice::from_ref(it), &[]))).collect();
    parts.push(Err(stalled()));
    parts
}

/// The destination is far ahead of the source, and has written something since it was first read.
#[test]
fn both_ends_are_read_on_behind_what_was_compared() {
    let before = ids(&["a/1", "a/2", "a/3", "z/1", "z/2", "z/3"]);
    let mut after = ids(&["z/2", "z/3", "z/4"]);
    after[1].body = Bytes::from_static(b"{ }");
    let source = vec![parts(&before, 1), parts(&ids(&["z/2", "z/3"]), 1)];
    let destination = vec![broken(&ids(&["a/2", "z/1", "z/2"])), parts(&after, 1)];
    let (report, opened) = run_openings(source, destination);
    let report = report.unwrap();
    assert_eq!(opened, [["", "z/1"], ["", "z/1"]]);
    use DifferenceKind as K;
    let found: Vec<_> = report.differences.iter().map(|it| (&*it.id, it.kind, it.later)).collect();
    let expected = [
        ("a/1", K::Missing, false),
        ("a/3", K::Missing, false),
        ("z/3", K::Body, true),
        ("z/4", K::Extra, true),
    ];
    assert_eq!(found, expected);
    assert_eq!((report.source.documents, report.destination.documents), (6, 5));
    assert_eq!(report.later_behind, ["z/1"]);
    let text = report.to_string();
    assert!(text.contains("\n  another body                z/3 (later)\n"), "{text}");
    assert!(text.contains("a/3\n"), "{text}");
    assert!(
        text.contains("\n  later: documents behind z/1 are compared as they were later"),
        "{text}"
    );
}

#[test]
fn equal_ends_that_were_read_on_say_so() {
    let all = ids(&["a", "b", "c"]);
    let source = vec![parts(&all, 3), parts(&all[1..], 2)];
    let destination = vec![broken(&all[..2]), parts(&all[1..], 1)];
    let (report, opened) = run_openings(source, destination);
    let report = report.unwrap();
    assert!(report.is_equal());
    assert_eq!(opened, [["", "a"], ["", "a"]]);
    assert_eq!((report.source.documents, report.destination.documents), (3, 3));
    let text = report.to_string();
    assert!(text.starts_with("equal: 3 documents"), "{text}");
    assert!(text.contains("\n  later: documents behind a are"), "{text}");
}

/// A document that went on when the stream was ended is read again from its beginning.
#[test]
fn nothing_is_compared_in_half() {
    let has = |count: u32| Document {
        counters: (0..count).map(|at| counter(&format!("{at:03}"), Some(1))).collect(),
        ..document("b", "{}", 2)
    };
    let whole = |count| parts(&[document("a", "{}", 1), has(count)], 2);
    let destination = vec![broken(&[document("a", "{}", 1), has(3)]), parts(&[has(9)], 1)];
    let (report, _) = run_openings(vec![whole(9), parts(&[has(9)], 1)], destination);
    let report = report.unwrap();
    assert!(report.is_equal(), "{report}");
    assert_eq!((report.source.counters, report.destination.counters), (9, 9));
}

/// Else it would be tried for ever.
#[test]
fn a_stream_that_gives_nothing_before_it_is_ended_is_an_error() {
    let all = ids(&["a", "b", "c"]);
    let (report, opened) = run_openings(
        vec![parts(&all, 3), parts(&all[1..], 2)],
        vec![broken(&all[..2]), broken(&[])],
    );
    assert_eq!(report.unwrap_err().to_string(), "read the destination: nobody read");
    assert_eq!(opened[1], ["", "a"]);
    let (report, opened) = run_openings(vec![parts(&all, 3)], vec![broken(&[])]);
    assert!(matches!(report, Err(CompareError::Read { side: Side::Destination, .. })));
    assert_eq!(opened[1], [""]);
    // A service that does not know where to begin begins with the first.
    let (report, _) = run_openings(
        vec![parts(&all, 3), parts(&all[1..], 2)],
        vec![broken(&all[..2]), parts(&all, 1)],
    );
    assert!(matches!(report, Err(CompareError::Order { side: Side::Destination, .. })));
}

#[test]
fn revisions_are_read_on_behind_the_last_document() {
    let revision = |id: &str, seconds, etag| Revision {
        document_id: id.to_owned(),
        change_vector: vector(etag),
        last_modified: Some(Timestamp { seconds, nanos: 0 }),
        ..Revision::default()
    };
    let part =
        |revisions: &[Revision]| Ok(StreamRevisionsResponse { revisions: revisions.to_vec() });
    let all = [revision("a", 1, 1), revision("b", 1, 2), revision("b", 2, 3), revision("c", 1, 4)];
    let source = vec![vec![part(&all)], vec![part(&all[1..])]];
    let changed = [revision("b", 1, 2), revision("b", 2, 9), revision("c", 1, 4)];
    let destination =
        vec![vec![part(&all[..1]), part(&all[1..2]), Err(stalled())], vec![part(&changed)]];
    let (here, there) = (RefCell::default(), RefCell::default());
    let mut report = Report::new(10);
    let (left, right) = (end(source, &here), end(destination, &there));
    block_on(compare_revisions(&mut report, left, right, |_| {})).unwrap();
    assert_eq!([here.into_inner(), there.into_inner()], [["", "a"], ["", "a"]]);
    assert_eq!((report.source.revisions, report.destination.revisions), (4, 4));
    assert_eq!(report.revisions_later_behind, ["a"]);
    let found: Vec<_> = report.differences.iter().map(|it| (&*it.id, it.later)).collect();
    assert_eq!(found, [("b", true)]);
    // Revisions of one document that are never read to their end.
    let source = vec![vec![part(&all)], vec![part(&all[1..])]];
    let half = || vec![part(&all[1..2]), Err(stalled())];
    let destination = vec![[vec![part(&all[..1])], half()].concat(), half()];
    let (here, there) = (RefCell::default(), RefCell::default());
    let (left, right) = (end(source, &here), end(destination, &there));
    let error = block_on(compare_revisions(&mut report, left, right, |_| {})).unwrap_err();
    assert_eq!(error.to_string(), "read the destination: nobody read");
}
