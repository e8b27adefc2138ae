//! What `compare` promises, tried out.

use futures_util::stream::iter;
use jackdaw_proto::documents::{Document, DocumentConflict};
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
    DocumentConflict { id: id.to_owned(), versions: versions.to_vec(), omitted_versions: 0 }
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
    block_on(compare(iter(source), iter(destination), named_max, |_| {}))
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
        let report = block_on(compare(left, right, 10, |now| seen = now)).unwrap();
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

#[test]
fn every_kind_of_difference_is_named() {
    let source = [
        document("a", "{}", 1),
        document("b", "{}", 2),
        document("c", "{\"n\":1.0}", 3),
        document("d", "{}", 4),
        document("e", "{}", 5),
        document("g", "{}", 6),
    ];
    let destination = [
        document("B", "{}", 2),
        document("c", "{\"n\":1}", 3),
        document("d", "{}", 9),
        document("e", "{ }", 10),
        document("f", "{}", 7),
        document("g", "{}", 6),
        document("h", "{}", 8),
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
        ]
    );
    assert_eq!((report.missing, report.extra), (1, 2));
    assert_eq!((report.different_body, report.different_vector), (2, 2));
    assert_eq!(report.total(), 6);
    assert!(!report.is_equal());
    let text = report.to_string();
    assert!(text.starts_with("different: 6 documents\n"), "{text}");
    assert!(text.contains("missing at the destination  a\n"), "{text}");
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

#[test]
fn a_version_whose_body_was_left_out_is_compared_by_its_size() {
    let full = conflict("a", &[version("{\"v\":1}", 1)]);
    let mut short = full.clone();
    short.versions[0].body = Bytes::new();
    let end = |conflict: &DocumentConflict| vec![Ok(part(&[], std::slice::from_ref(conflict)))];
    assert!(run(end(&full), end(&short), 1).unwrap().is_equal());
    short.versions[0].body_bytes = 8;
    assert!(!run(end(&full), end(&short), 1).unwrap().is_equal());
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
