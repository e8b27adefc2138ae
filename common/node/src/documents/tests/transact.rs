//! What `documents` promises about transactions of all kinds, and about revisions that are put and
//! streamed, tried out.

use bytes::Bytes;
use jackdaw_common::BlobHash;
use jackdaw_proto::{documents as wire, wire::Reason};
use prost_types::Timestamp;
use tonic::Status;
use wire::{Flag, command::Command as Step, put_attachment, revision_attachment};

use super::*;
use crate::control::fixture::{fields, refused};

fn step(step: Step) -> wire::Command {
    wire::Command { command: Some(step) }
}

fn attach(document: &str, name: &str, source: Option<put_attachment::Source>) -> wire::Command {
    step(Step::PutAttachment(wire::PutAttachment {
        document_id: document.into(),
        name: name.into(),
        content_type: "image/png".into(),
        source,
        expected_change_vector: None,
    }))
}

fn content(bytes: &[u8]) -> Option<put_attachment::Source> {
    Some(put_attachment::Source::Content(Bytes::copy_from_slice(bytes)))
}

fn hash(text: impl ToString) -> Option<put_attachment::Source> {
    Some(put_attachment::Source::Hash(text.to_string()))
}

fn detach(document: &str, name: &str, expected: Option<&str>) -> wire::Command {
    step(Step::DeleteAttachment(wire::DeleteAttachment {
        document_id: document.into(),
        name: name.into(),
        expected_change_vector: expected.map(str::to_owned),
    }))
}

fn increment(document: &str, name: &str) -> wire::Command {
    let (document_id, name) = (document.into(), name.into());
    step(Step::IncrementCounter(wire::IncrementCounter { document_id, name, delta: 3 }))
}

fn append(document: &str, name: &str) -> wire::Command {
    let time = Some(Timestamp { seconds: 1, nanos: 0 });
    let entries = vec![wire::TimeSeriesEntry { time, values: vec![1.5], tag: None }];
    let (document_id, name) = (document.into(), name.into());
    step(Step::AppendTimeSeries(wire::AppendTimeSeries { document_id, name, entries }))
}

fn revision(document: &str, body: &str, seconds: i64) -> wire::PutRevision {
    wire::PutRevision {
        document_id: document.into(),
        last_modified: Some(Timestamp { seconds, nanos: 123_456_000 }),
        body: Bytes::copy_from_slice(body.as_bytes()),
        ..wire::PutRevision::default()
    }
}

async fn transact(site: &Site, commands: Vec<wire::Command>) -> Result<Vec<wire::Written>, Status> {
    let mut writer = site.documents(Caller::Writer);
    Ok(writer.transact(transact_request(commands)).await?.into_inner().written)
}

/// All parts of the stream of revisions.
async fn parts(site: &Site, prefix: &str) -> Vec<Vec<wire::Revision>> {
    parts_behind(site, prefix, "").await
}

/// Its parts behind a document.
async fn parts_behind(site: &Site, prefix: &str, after: &str) -> Vec<Vec<wire::Revision>> {
    let request = wire::StreamRevisionsRequest {
        database: "Orders".into(),
        id_prefix: prefix.into(),
        after_id: after.into(),
    };
    let answer = site.documents(Caller::Reader).stream_revisions(request).await;
    let mut stream = answer.unwrap().into_inner();
    let mut parts = Vec::new();
    while let Some(part) = stream.message().await.unwrap() {
        parts.push(part.revisions);
    }
    parts
}

fn said(revisions: &[wire::Revision]) -> Vec<(&str, &str, bool)> {
    let text = |it| std::str::from_utf8(it).unwrap();
    revisions.iter().map(|it| (&*it.document_id, text(&it.body), it.current)).collect()
}

/// A version with everything that one can have, and an attachment with this content.
fn old(content: &[u8]) -> wire::PutRevision {
    wire::PutRevision {
        attachments: vec![wire::RevisionAttachment {
            name: "then".into(),
            content_type: "text/plain".into(),
            source: Some(revision_attachment::Source::Hash(BlobHash::of(content).to_string())),
        }],
        counters: vec![
            wire::RevisionCounter { name: "b".into(), value: Some(5) },
            wire::RevisionCounter { name: "A".into(), value: None },
        ],
        time_series: vec![wire::RevisionTimeSeries {
            name: "heat".into(),
            entries: 2,
            first: Some(Timestamp { seconds: -1, nanos: 0 }),
            last: Some(Timestamp { seconds: 9, nanos: 0 }),
        }],
        more_parts: true,
        ..revision("a", r#"{"n":1,"@metadata":{"@collection":"Things"}}"#, 1)
    }
}

#[tokio::test]
async fn a_transaction_writes_all_kinds_or_nothing() {
    let (site, database) = Site::with_orders().await;
    let (small, large) = (b"small".to_vec(), vec![7; 100_000]);
    let old = old(&large);
    let deleted =
        wire::PutRevision { deleted: true, collection: "Things".into(), ..revision("gone", "", 2) };
    let commands = |last: wire::Command| {
        vec![
            put_command("a", "{}"),
            attach("a", "large", content(&large)),
            attach("a", "small", content(&small)),
            attach("a", "none", content(b"")),
            put_command("b", "{}"),
            attach("b", "same", hash(BlobHash::of(&large))),
            detach("a", "LARGE", None),
            increment("b", "likes"),
            append("b", "heat"),
            step(Step::PutRevision(old.clone())),
            step(Step::PutRevision(deleted.clone())),
            last,
        ]
    };
    let failed = transact(&site, commands(attach("nowhere", "x", content(b"x")))).await;
    let failed = refused(failed, Reason::DocumentNotFound);
    assert_eq!(failed.metadata["field"], "commands[11].put_attachment.document_id");
    let header = database.store().snapshot().header().clone();
    assert_eq!((header.documents, header.blobs, header.revisions), (0, 0, 0));

    let written = transact(&site, commands(delete_command("c"))).await.unwrap();
    assert_eq!(written.len(), 12);
    assert_eq!(written[7].counter_value, Some(3));
    let mut reader = site.documents(Caller::Reader);
    let a = reader.get_document(get_request("a")).await.unwrap().into_inner();
    let b = reader.get_document(get_request("b")).await.unwrap().into_inner();
    let names = |it: &wire::Document| -> Vec<_> {
        it.attachments.iter().map(|it| (it.name.clone(), it.size)).collect()
    };
    assert_eq!(names(&a), [("none".to_owned(), 0), ("small".to_owned(), 5)]);
    assert_eq!(names(&b), [("same".to_owned(), 100_000)]);
    assert_eq!(b.attachments[0].content_type, "image/png");
    let all: Vec<_> = parts(&site, "").await.concat();
    let body = r#"{"n":1,"@metadata":{"@collection":"Things"}}"#;
    assert_eq!(said(&all), [("a", body, false), ("gone", "", false)]);
    let (live, gone) = (&all[0], &all[1]);
    assert_eq!(live.last_modified, old.last_modified);
    assert_eq!(live.attachments[0].hash, BlobHash::of(&large).to_string());
    let values: Vec<_> = live.counters.iter().map(|it| (&*it.name, it.value)).collect();
    assert_eq!(values, [("A", None), ("b", Some(5))]);
    let series = &live.time_series[0];
    assert_eq!(
        (series.entries, series.first, series.last),
        (2, old.time_series[0].first, old.time_series[0].last,)
    );
    assert!(live.more_parts && live.collection == "Things");
    assert!(gone.flags().any(|flag| flag == Flag::DeleteRevision));
    assert_eq!(gone.collection, "Things");
    // As it was put, it is not put again.
    let again = transact(&site, vec![step(Step::PutRevision(old))]).await.unwrap();
    assert_eq!((again[0].etag, &*again[0].change_vector), (0, ""));
}

#[tokio::test]
async fn what_is_wrong_with_an_attachment_is_named() {
    let (site, _database) = Site::with_orders().await;
    fill(&site, &["a"], "{}").await;
    let unknown = attach("a", "x", hash(BlobHash::of(b"unknown")));
    let error = transact(&site, vec![increment("a", "n"), unknown]).await;
    let error = refused(error, Reason::ContentNotFound);
    assert_eq!(error.metadata["field"], "commands[1].put_attachment.hash");
    assert_eq!(error.metadata["command"], "1");
    assert_eq!(error.metadata["hash"], BlobHash::of(b"unknown").to_string());
    let unknown = step(Step::PutRevision(old(b"unknown")));
    let error = refused(transact(&site, vec![unknown]).await, Reason::ContentNotFound);
    assert_eq!(error.metadata["field"], "commands[0].put_revision.attachments");

    let wrong = vec![
        attach("a", "", content(b"x")),
        attach("a", "x", None),
        attach("\n", "x", hash("no hash")),
        detach("a", "", Some("no vector")),
    ];
    let error = refused(transact(&site, wrong).await, Reason::FieldInvalid);
    assert_eq!(
        fields(&error),
        [
            "commands[0].put_attachment.name",
            "commands[1].put_attachment",
            "commands[2].put_attachment.document_id",
            "commands[2].put_attachment.hash",
            "commands[3].delete_attachment.name",
            "commands[3].delete_attachment.expected_change_vector",
        ]
    );
    let stale = detach("a", "x", Some(""));
    let error = refused(transact(&site, vec![stale]).await, Reason::ChangeVectorMismatch);
    assert_eq!(error.metadata["field"], "commands[0].delete_attachment.expected_change_vector");
}

/// Revisions that are none, and the fields that say so.
fn wrong_revisions() -> [(wire::PutRevision, &'static [&'static str]); 11] {
    let good = revision("a", "{}", 1);
    [
        (
            wire::PutRevision {
                last_modified: Some(Timestamp { seconds: -62_135_596_801, nanos: 0 }),
                ..good.clone()
            },
            &["last_modified"],
        ),
        (
            wire::PutRevision {
                counters: (0..4_000)
                    .map(|n| wire::RevisionCounter { name: format!("{n:020}"), value: None })
                    .collect(),
                ..good.clone()
            },
            &["counters"],
        ),
        (wire::PutRevision { last_modified: None, ..good.clone() }, &["last_modified"]),
        (wire::PutRevision { deleted: true, ..good.clone() }, &["body"]),
        (wire::PutRevision { collection: "c".into(), ..good.clone() }, &["collection"]),
        (wire::PutRevision { document_id: String::new(), ..good.clone() }, &["document_id"]),
        (wire::PutRevision { body: Bytes::from_static(b"[]"), ..good.clone() }, &["body"]),
        (
            wire::PutRevision {
                counters: vec![wire::RevisionCounter { name: "N".into(), value: None }; 2],
                ..good.clone()
            },
            &["counters[1].name"],
        ),
        (
            wire::PutRevision {
                time_series: vec![wire::RevisionTimeSeries {
                    name: "s".into(),
                    entries: 1,
                    first: Some(Timestamp { seconds: 2, nanos: 0 }),
                    last: Some(Timestamp { seconds: 1, nanos: 0 }),
                }],
                ..good.clone()
            },
            &["time_series[0].last"],
        ),
        (
            wire::PutRevision {
                attachments: vec![
                    wire::RevisionAttachment {
                        name: "N".into(),
                        source: Some(revision_attachment::Source::Content(Bytes::new())),
                        ..Default::default()
                    };
                    2
                ],
                ..good.clone()
            },
            &["attachments[1].name"],
        ),
        (
            wire::PutRevision {
                last_modified: Some(Timestamp { seconds: 250_000_000_000, nanos: 0 }),
                ..good.clone()
            },
            &["last_modified"],
        ),
    ]
}

#[tokio::test]
async fn what_is_wrong_with_a_revision_is_named() {
    let (site, _database) = Site::with_orders().await;
    for (wrong, paths) in wrong_revisions() {
        let commands = vec![put_command("x", "{}"), step(Step::PutRevision(wrong.clone()))];
        let error = refused(transact(&site, commands).await, Reason::FieldInvalid);
        let expected: Vec<_> =
            paths.iter().map(|path| format!("commands[1].put_revision.{path}")).collect();
        assert_eq!(fields(&error), expected, "{wrong:?}");
    }
    assert!(parts(&site, "").await.is_empty());
}

/// A list that the database itself has cut off can be put as it was read.
#[tokio::test]
async fn a_full_list_of_counters_is_put_as_it_was_read() {
    let (site, _database) = Site::with_orders().await;
    let request = wire::ConfigureRevisionsRequest {
        database: "Orders".into(),
        configuration: Some(wire::RevisionsConfiguration {
            default_rule: Some(wire::RevisionsRule::default()),
            ..Default::default()
        }),
    };
    site.documents(Caller::Operator).configure_revisions(request).await.unwrap();
    fill(&site, &["a"], "{}").await;
    let names = (0..4_000).map(|n| increment("a", &format!("{n:020}")));
    transact(&site, names.collect()).await.unwrap();
    fill(&site, &["a"], "{}").await;
    let read = parts(&site, "").await.concat().pop().unwrap();
    assert!(read.more_parts && read.counters.len() > 3_000, "{}", read.counters.len());
    let counters = read.counters.into_iter();
    let again = wire::PutRevision {
        counters: counters
            .map(|it| wire::RevisionCounter { name: it.name, value: it.value })
            .collect(),
        more_parts: true,
        ..revision("b", "{}", 1)
    };
    transact(&site, vec![step(Step::PutRevision(again))]).await.unwrap();
}

#[tokio::test]
async fn revisions_are_streamed_by_document_and_time() {
    let (site, _database) = Site::with_orders().await;
    let mut commands = Vec::new();
    let text = |n: i64| format!(r#"{{"n":{n},"p":"{}"}}"#, "x".repeat(100_000));
    for document in ["b/1", "B/2", "a", "c"] {
        for n in [2, 1, 3] {
            commands.push(step(Step::PutRevision(revision(document, &text(n), n))));
        }
    }
    for some in commands.chunks(3) {
        transact(&site, some.to_vec()).await.unwrap();
    }
    let all = parts(&site, "").await;
    assert!(all.len() > 1, "{} parts", all.len());
    let all = all.concat();
    let bodies: Vec<_> = (1..=3).map(text).collect();
    let expected: Vec<_> = ["a", "b/1", "B/2", "c"]
        .iter()
        .flat_map(|id| bodies.iter().map(move |body| (*id, &**body, false)))
        .collect();
    assert_eq!(said(&all), expected);
    let some = parts(&site, "b/").await.concat();
    assert_eq!(said(&some), expected[3..9]);
    for (prefix, after, expected) in [
        ("", "B", &expected[3..]),
        ("", "B/1", &expected[6..]),
        ("", "b/2", &expected[9..]),
        ("b/", "a", &expected[3..9]),
        ("b/", "B/1", &expected[6..9]),
        ("b/", "c", &[]),
    ] {
        let behind = parts_behind(&site, prefix, after).await.concat();
        assert_eq!(said(&behind), expected, "{prefix:?} behind {after:?}");
    }

    let request = wire::ConfigureRevisionsRequest {
        database: "Orders".into(),
        configuration: Some(wire::RevisionsConfiguration {
            default_rule: Some(wire::RevisionsRule::default()),
            ..Default::default()
        }),
    };
    site.documents(Caller::Operator).configure_revisions(request).await.unwrap();
    fill(&site, &["d", "e"], "{}").await;
    fill(&site, &["d"], r#"{"n":2}"#).await;
    transact(&site, vec![delete_command("e")]).await.unwrap();
    assert_eq!(
        said(&parts(&site, "d").await.concat()),
        [("d", "{}", false), ("d", r#"{"n":2}"#, true)]
    );
    assert_eq!(said(&parts(&site, "e").await.concat()), [("e", "{}", false), ("e", "", false)]);

    let nobody = wire::StreamRevisionsRequest { database: "Orders".into(), ..Default::default() };
    let denied = site.documents(Caller::Nobody).stream_revisions(nobody).await.map(|_| ());
    refused(denied, Reason::DatabaseAccessDenied);
}
