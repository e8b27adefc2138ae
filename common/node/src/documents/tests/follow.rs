//! Streams and watches.

use std::time::Duration;

use jackdaw_common::Etag;
use jackdaw_proto::{documents as wire, wire::Reason};
use tokio::time::timeout;
use tokio_stream::StreamExt as _;
use tonic::Streaming;

use super::*;
use crate::control::fixture::{refused, replicate};

async fn stream(site: &Site, prefix: &str) -> Streaming<wire::StreamDocumentsResponse> {
    let request = stream_request(prefix);
    site.documents(Caller::Reader).stream_documents(request).await.unwrap().into_inner()
}

async fn watch(site: &Site, after_etag: Option<u64>) -> Streaming<wire::WatchChangesResponse> {
    let request = wire::WatchChangesRequest { database: "Orders".into(), after_etag };
    site.documents(Caller::Reader).watch_changes(request).await.unwrap().into_inner()
}

/// The next part, which must come soon.
async fn next<T>(parts: &mut Streaming<T>) -> Result<T, tonic::Status> {
    let part = timeout(Duration::from_secs(20), parts.next()).await;
    part.expect("nothing came").expect("the stream ended")
}

#[tokio::test]
async fn a_stream_has_all_documents_of_one_snapshot() {
    let (site, database) = Site::with_orders().await;
    let json = format!(r#"{{"a":"{}"}}"#, "x".repeat(100_000));
    let ids: Vec<_> = (10..60).map(|number| format!("Users/{number}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    fill(&site, &ids, &json).await;
    fill(&site, &["orders/1"], "{}").await;
    replicate(database.store(), "users/20", Some("{}"), 1).await;

    let mut parts = stream(&site, "uSers/").await;
    let first = next(&mut parts).await.unwrap();
    fill(&site, &["users/99", "users/59"], "{\"late\":1}").await;
    let (mut documents, mut conflicts, mut sizes) = (first.documents, first.conflicts, vec![]);
    while let Some(part) = parts.next().await {
        let part = part.unwrap();
        sizes.push(part.documents.iter().map(|document| document.body.len()).sum::<usize>());
        documents.extend(part.documents);
        conflicts.extend(part.conflicts);
    }
    assert!(sizes.len() >= 3 && sizes.iter().all(|size| *size < 1_300_000), "{sizes:?}");
    let expected: Vec<_> = ids.iter().filter(|id| **id != "Users/20").copied().collect();
    let found: Vec<_> = documents.iter().map(|document| document.id.as_str()).collect();
    assert_eq!(found, expected);
    assert!(documents.iter().all(|document| document.body.len() == json.len()));
    assert_eq!(conflicts.len(), 1);
    assert_eq!((conflicts[0].versions.len(), conflicts[0].omitted_versions), (2, 0));
    let bodies: usize = conflicts[0].versions.iter().map(|version| version.body.len()).sum();
    assert_eq!(bodies, json.len() + 2, "whole, with bodies");
}

#[tokio::test]
async fn a_stream_of_nothing_ends_at_once() {
    let (site, _database) = Site::with_orders().await;
    assert!(stream(&site, "").await.next().await.is_none());
}

#[tokio::test]
async fn a_stream_ends_with_its_database_even_when_nobody_reads_it() {
    let (site, database) = Site::with_orders().await;
    let json = format!(r#"{{"a":"{}"}}"#, "x".repeat(1_000_000));
    for number in 0..12 {
        fill(&site, &[&format!("users/{number}")], &json).await;
    }
    let mut parts = stream(&site, "").await;
    drop(database);
    site.catalog.delete(&"Orders".parse().unwrap()).await.unwrap();
    let mut last = None;
    while let Some(part) = parts.next().await {
        last = Some(part);
    }
    refused(last.unwrap(), Reason::DatabaseNotFound);
}

#[tokio::test]
async fn a_watch_begins_with_where_it_stands_and_wakes_with_each_change() {
    let (site, _database) = Site::with_orders().await;
    fill(&site, &["before"], "{}").await;
    let mut changes = watch(&site, None).await;
    let first = next(&mut changes).await.unwrap();
    assert_eq!((first.changes.len(), first.last_etag), (0, 1));

    let collection = r#"{"@metadata":{"@collection":"Users"}}"#;
    fill(&site, &["Users/1"], collection).await;
    let part = next(&mut changes).await.unwrap();
    assert_eq!((part.changes.len(), part.last_etag), (1, 2));
    let change = &part.changes[0];
    assert_eq!((change.id.as_str(), change.collection.as_str()), ("Users/1", "Users"));
    assert_eq!((change.kind(), change.etag), (wire::ChangeKind::Put, 2));
    assert!(!change.change_vector.is_empty());

    let commands = vec![delete_command("users/1"), put_command("x", "{}")];
    site.documents(Caller::Writer).transact(transact_request(commands)).await.unwrap();
    let part = next(&mut changes).await.unwrap();
    let kinds: Vec<_> = part.changes.iter().map(|change| (change.etag, change.kind())).collect();
    assert_eq!(kinds, [(3, wire::ChangeKind::Delete), (4, wire::ChangeKind::Put)]);
}

#[tokio::test]
async fn a_watch_goes_on_from_an_etag() {
    let (site, database) = Site::with_orders().await;
    fill(&site, &["a", "b", "c"], "{}").await;
    replicate(database.store(), "b", Some("{\"other\":1}"), 1).await;
    let mut changes = watch(&site, Some(1)).await;
    let part = next(&mut changes).await.unwrap();
    let seen: Vec<_> = part.changes.iter().map(|it| (it.id.as_str(), it.kind())).collect();
    assert_eq!(seen.first(), Some(&("b", wire::ChangeKind::Put)));
    assert!(seen.contains(&("b", wire::ChangeKind::Conflict)), "{seen:?}");
    assert_eq!(part.last_etag, database.store().last_etag().get());
    let last = database.store().last_etag().get();
    let part = next(&mut watch(&site, Some(last)).await).await.unwrap();
    assert_eq!((part.changes.len(), part.last_etag), (0, last));
}

#[tokio::test]
async fn a_long_history_comes_in_parts_without_a_gap() {
    let (site, _database) = Site::with_orders().await;
    let ids: Vec<_> = (0..10_000).map(|number| format!("users/{number}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    fill(&site, &ids, "{}").await;
    let mut changes = watch(&site, Some(0)).await;
    let mut etags = Vec::new();
    let mut parts = 0;
    while etags.len() < 10_000 {
        let part = next(&mut changes).await.unwrap();
        etags.extend(part.changes.iter().map(|change| change.etag));
        assert_eq!(etags.last(), Some(&part.last_etag));
        parts += 1;
    }
    assert_eq!(etags, (1..=10_000).collect::<Vec<_>>());
    assert!(parts >= 3, "{parts}");
}

#[tokio::test]
async fn an_etag_that_was_never_given_out_is_refused() {
    let (site, _database) = Site::with_orders().await;
    fill(&site, &["a"], "{}").await;
    let mut reader = site.documents(Caller::Reader);
    for after in [2, Etag::MAX.get(), u64::MAX] {
        let request =
            wire::WatchChangesRequest { database: "Orders".into(), after_etag: Some(after) };
        let error = refused(reader.watch_changes(request).await, Reason::EtagNotIssued);
        assert_eq!(error.metadata["last_etag"], "1");
    }
}

#[tokio::test]
async fn a_watch_ends_when_its_database_is_deleted_and_when_the_service_drains() {
    let (site, database) = Site::with_orders().await;
    site.create("Other").await;
    let mut changes = watch(&site, None).await;
    next(&mut changes).await.unwrap();
    drop(database);
    site.catalog.delete(&"Orders".parse().unwrap()).await.unwrap();
    refused(next(&mut changes).await, Reason::DatabaseNotFound);

    let request = wire::WatchChangesRequest { database: "Other".into(), after_etag: None };
    let changes = site.documents(Caller::Operator).watch_changes(request).await;
    let mut changes = changes.unwrap().into_inner();
    next(&mut changes).await.unwrap();
    site.catalog.drain();
    refused(next(&mut changes).await, Reason::Draining);
}

#[tokio::test]
async fn a_client_that_goes_lets_go_of_the_database() {
    let (site, database) = Site::with_orders().await;
    let mut changes = watch(&site, None).await;
    next(&mut changes).await.unwrap();
    let watched = database.store().subscribe();
    drop((changes, database));
    site.catalog.delete(&"Orders".parse().unwrap()).await.unwrap();
    let closed = timeout(Duration::from_secs(20), async move {
        let mut watched = watched;
        while watched.changed().await.is_ok() {}
    });
    closed.await.unwrap();
    let folders = std::fs::read_dir(site.folder.path().join("databases")).unwrap().count();
    assert_eq!(folders, 0);
}
