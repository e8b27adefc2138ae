//! What the reading of contents promises, tried out.

use std::slice::from_ref;

use bytes::Bytes;
use futures_util::stream::iter;
use jackdaw_proto::documents::{Document, Revision};
use jackdaw_proto::wire::WireError;

use super::*;
use crate::compare::DifferenceKind;

fn attachment(name: &str, content: &[u8]) -> Attachment {
    let hash = BlobHash::of(content).to_string();
    let size = content.len() as u64;
    Attachment { name: name.to_owned(), hash, size, ..Attachment::default() }
}

fn part(documents: &[(&str, &[Attachment])]) -> StreamDocumentsResponse {
    let document = |(id, attachments): &(&str, &[Attachment])| Document {
        id: (*id).to_owned(),
        attachments: attachments.to_vec(),
        ..Document::default()
    };
    let documents = documents.iter().map(document).collect();
    StreamDocumentsResponse { documents, conflicts: Vec::new() }
}

type Pieces = Vec<Result<GetAttachmentResponse, Status>>;

/// A content in pieces of two bytes, listed as that of `listed`.
fn pieces(listed: &[u8], content: &[u8]) -> Pieces {
    let first = GetAttachmentResponse {
        attachment: Some(attachment("", listed)),
        ..GetAttachmentResponse::default()
    };
    let piece = |chunk: &[u8]| GetAttachmentResponse {
        chunk: Bytes::copy_from_slice(chunk),
        ..GetAttachmentResponse::default()
    };
    std::iter::once(first).chain(content.chunks(2).map(piece)).map(Ok).collect()
}

/// Checks, and answers what was asked for.
fn check(
    contents: Contents,
    report: &mut Report,
    side: Side,
    answer: impl Fn(&GetAttachmentRequest) -> Pieces,
) -> (Result<(), ContentsError>, Vec<String>) {
    let mut asked = Vec::new();
    let open = |request: GetAttachmentRequest| {
        let revision = request.revision_change_vector.as_deref().unwrap_or_default();
        asked.push(format!("{}/{}{revision}", request.document_id, request.name));
        iter(answer(&request))
    };
    let checked = contents.check(report, side, open, |_| {});
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    (runtime.block_on(checked), asked)
}

fn refusal(reason: Reason) -> Pieces {
    vec![Err(WireError::new(reason, "no").into())]
}

#[test]
fn each_content_is_read_once() {
    let (one, other) = (attachment("one", b"abcde"), attachment("other", b""));
    let mut contents = Contents::default();
    contents.of_documents(&part(&[("a", &[one.clone(), other.clone()]), ("b", from_ref(&one))]));
    contents.of_documents(&part(&[("a", from_ref(&one))]));
    let revision = |hash: &Attachment, vector: &str| Revision {
        document_id: "a".to_owned(),
        change_vector: vector.to_owned(),
        attachments: vec![hash.clone()],
        ..Revision::default()
    };
    let old = attachment("one", b"old");
    let revisions = vec![revision(&one, "@1"), revision(&old, "@2")];
    contents.of_revisions(&StreamRevisionsResponse { revisions });
    let mut report = Report::new(10);
    let (checked, asked) =
        check(contents, &mut report, Side::Source, |request| match &*request.name {
            "other" => pieces(b"", b""),
            _ if request.revision_change_vector.is_some() => pieces(b"old", b"old"),
            _ => pieces(b"abcde", b"abcde"),
        });
    checked.unwrap();
    assert_eq!(asked, ["a/one", "a/other", "a/one@2"]);
    assert!(report.is_equal());
    let text = report.to_string();
    assert!(text.contains("\n  contents read and hashed: 3 at the source, 0 at the"), "{text}");
}

#[test]
fn a_difference_names_the_document_the_attachment_and_the_end() {
    let listed = || {
        let mut contents = Contents::default();
        let list = |names: &[&str]| -> Vec<_> {
            names.iter().map(|name| attachment(name, name.as_bytes())).collect()
        };
        contents.of_documents(&part(&[("a", &list(&["good", "bad"])), ("b", &list(&["worse"]))]));
        contents
    };
    let good = |name: &str| pieces(name.as_bytes(), name.as_bytes());
    let mut report = Report::new(10);
    check(listed(), &mut report, Side::Source, |it| good(&it.name)).0.unwrap();
    let spoilt = |it: &GetAttachmentRequest| match &*it.name {
        "bad" => pieces(b"bad", b"bed"),
        "worse" => [pieces(b"worse", b"wo"), refusal(Reason::ContentCorrupt)].concat(),
        name => good(name),
    };
    check(listed(), &mut report, Side::Destination, spoilt).0.unwrap();
    let found: Vec<_> = report
        .differences
        .iter()
        .map(|it| (&*it.id, it.kind, it.names.join(" "), it.end))
        .collect();
    let end = Some(Side::Destination);
    let expected = [
        ("a", DifferenceKind::Content, "bad".to_owned(), end),
        ("b", DifferenceKind::Content, "worse".to_owned(), end),
    ];
    assert_eq!(found, expected);
    assert!(!report.is_equal());
    let text = report.to_string();
    assert!(text.starts_with("different: 0 documents, and contents of 2 attachments\n"), "{text}");
    assert!(
        text.contains("\n  a corrupt content           a: bad, at the destination\n"),
        "{text}"
    );
}

/// What cannot be read where it was listed is not taken for equal.
#[test]
fn what_is_gone_is_counted() {
    let list = [attachment("one", b"1"), attachment("two", b"2"), attachment("three", b"3")];
    let mut contents = Contents::default();
    contents.of_documents(&part(&[("a", &list)]));
    let mut report = Report::new(10);
    let answer = |it: &GetAttachmentRequest| match &*it.name {
        "one" => pieces(b"new", b"new"),
        "two" => refusal(Reason::AttachmentNotFound),
        _ => refusal(Reason::DocumentConflict),
    };
    check(contents, &mut report, Side::Source, answer).0.unwrap();
    assert!(!report.is_equal() && report.differences.is_empty());
    let text = report.to_string();
    assert!(text.starts_with("not all compared; the rest is equal\n"), "{text}");
    assert!(text.contains("\n  contents that were no more where they were listed: 3\n"), "{text}");

    let mut contents = Contents::default();
    contents.of_documents(&part(&[("a", &list)]));
    let (checked, asked) =
        check(contents, &mut report, Side::Source, |_| refusal(Reason::Draining));
    assert_eq!(checked.unwrap_err().to_string(), "read the source: no");
    assert_eq!(asked.len(), 1);
}
