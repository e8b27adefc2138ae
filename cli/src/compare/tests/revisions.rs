//! What `compare` promises about revisions, tried out.

use jackdaw_proto::documents::{Attachment, Flag, Revision, StreamRevisionsResponse};
use prost_types::Timestamp;

use super::*;

fn revision(id: &str, seconds: i64, etag: u64) -> Revision {
    Revision {
        document_id: id.to_owned(),
        change_vector: vector(etag),
        last_modified: Some(Timestamp { seconds, nanos: 0 }),
        collection: "Things".to_owned(),
        body: Bytes::from_static(b"{}"),
        flags: vec![Flag::Revision.into()],
        ..Revision::default()
    }
}

type Parts = Vec<Result<StreamRevisionsResponse, Status>>;

fn parts(revisions: &[Revision], size: usize) -> Parts {
    let part = |part: &[Revision]| Ok(StreamRevisionsResponse { revisions: part.to_vec() });
    revisions.chunks(size).map(part).collect()
}

fn once(parts: Parts) -> impl Stream<Item = Result<StreamRevisionsResponse, Status>> + Unpin {
    Box::pin(unfold(parts.into_iter(), async |mut parts: std::vec::IntoIter<_>| {
        parts.next().map(|part| (part, parts))
    }))
}

fn run_on(report: &mut Report, source: Parts, destination: Parts) -> Result<(), CompareError> {
    block_on(compare_revisions(report, opened(once(source)), opened(once(destination)), |_| {}))
}

fn run(source: Parts, destination: Parts) -> Result<Report, CompareError> {
    let mut report = Report::new(10);
    run_on(&mut report, source, destination).map(|()| report)
}

/// Several of one document, some of one time and in another order there.
fn several() -> Vec<Revision> {
    ["a", "B", "c"]
        .iter()
        .flat_map(|id| [(1, 1), (2, 2), (2, 3), (3, 4)].map(|(at, etag)| revision(id, at, etag)))
        .collect()
}

#[test]
fn equal_ones_are_equal_whatever_the_parts_and_the_flags() {
    let here = several();
    let mut there = here.clone();
    there.swap(1, 2);
    for revision in &mut there {
        revision.flags.push(Flag::FromReplication.into());
        revision.current = true;
        revision.change_vector = revision.change_vector.replace("A:", "B:");
    }
    for size in 1..13 {
        let report = run(parts(&here, size), parts(&there, 13 - size)).unwrap();
        assert!(report.is_equal(), "{report}");
        assert_eq!((report.source.revisions, report.destination.revisions), (12, 12));
        let text = report.to_string();
        assert!(
            text.ends_with(
                ", 12 revisions; the same ids, bodies, change vectors and revisions \
                                at both ends"
            ),
            "{text}"
        );
    }
}

#[test]
fn each_difference_is_named() {
    let here = several();
    let changes: [fn(&mut Revision); 8] = [
        |it| it.body = Bytes::from_static(b"{ }"),
        |it| it.collection = "things".to_owned(),
        |it| it.flags = vec![Flag::DeleteRevision.into()],
        |it| it.attachments = vec![Attachment::default()],
        |it| it.counters = vec![counter("n", Some(1))],
        |it| it.time_series = vec![TimeSeriesSummary::default()],
        |it| it.more_parts = true,
        |it| it.change_vector = vector(99),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        for at in 0..here.len() {
            let mut there = here.clone();
            change(&mut there[at]);
            let report = run(parts(&here, 5), parts(&there, 3)).unwrap();
            assert_eq!(named(&report), [(&*here[at].document_id, DifferenceKind::Revisions)]);
            assert_eq!((report.different_revisions, report.is_equal()), (1, false));
            let expected = if number == 7 {
                vec![here[at].change_vector.clone(), vector(99)]
            } else {
                vec![here[at].change_vector.clone()]
            };
            assert_eq!(report.differences[0].names, expected);
        }
    }
}

#[test]
fn what_one_end_has_alone_is_found_wherever_it_stands() {
    let here = several();
    for at in 0..here.len() {
        let mut there = here.clone();
        let gone = there.remove(at);
        for (source, destination) in [(&here, &there), (&there, &here)] {
            let report = run(parts(source, 4), parts(destination, 5)).unwrap();
            assert_eq!(report.differences.len(), 1);
            assert_eq!(report.differences[0].names, [&*gone.change_vector]);
        }
    }
    let report = run(parts(&here, 1), Vec::new()).unwrap();
    assert_eq!((report.different_revisions, report.destination.revisions), (3, 0));
    let text = report.to_string();
    assert!(text.starts_with("different: 0 documents, and revisions of 3 documents\n"), "{text}");
    assert!(text.contains("\n  other revisions                            3\n"), "{text}");
    let many: Vec<_> = (1..30).map(|at| revision("m", at, at.cast_unsigned())).collect();
    let report = run(parts(&many, 7), Vec::new()).unwrap();
    assert_eq!((report.different_revisions, report.differences[0].names.len()), (1, 10));
}

#[test]
fn streams_that_cannot_be_compared_are_no_comparison() {
    let descending = [revision("a", 2, 1), revision("a", 1, 2)];
    let wrong = run(Vec::new(), parts(&descending, 1)).unwrap_err();
    assert!(
        matches!(&wrong, CompareError::RevisionOrder { side: Side::Destination, id }
        if id.as_str() == "a"),
        "{wrong}"
    );
    let ids = [revision("b", 1, 1), revision("A", 1, 2)];
    assert!(run(parts(&ids, 2), Vec::new()).is_err());
    let none = run(parts(&[revision("", 1, 1)], 1), Vec::new()).unwrap_err();
    assert!(matches!(none, CompareError::Id { side: Side::Source, .. }), "{none}");
    let broken = vec![Err(Status::unavailable("gone"))];
    let broken = run(parts(&several(), 2), broken).unwrap_err();
    assert_eq!(broken.to_string(), "read the destination: gone");
}

/// They come behind what was found of documents.
#[test]
fn they_are_counted_beside_the_documents() {
    let documents = super::parts(&[document("a", "{}", 1)], 1);
    let mut report = super::run(documents, Vec::new(), 1).unwrap();
    run_on(&mut report, parts(&several(), 2), Vec::new()).unwrap();
    assert_eq!((report.total(), report.missing, report.different_revisions), (1, 1, 3));
    let text = report.to_string();
    assert!(text.starts_with("different: 1 document, and revisions of 3 documents\n"), "{text}");
    assert!(text.contains("and 3 more"), "{text}");
}
