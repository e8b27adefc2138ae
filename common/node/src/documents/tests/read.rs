//! What `documents` promises about `read`, tried out.

use jackdaw_proto::{
    convert::documents::CONFLICT_DETAIL,
    documents::{self as wire, DocumentConflict},
    wire::Reason,
};

use super::*;
use crate::control::fixture::{fields, refused, replicate};

#[tokio::test]
async fn a_document_comes_back_byte_for_byte() {
    let (site, _database) = Site::with_orders().await;
    let json = " {\"n\": 1e400, \"@metadata\":{\"@collection\":\"Users\"}}\n";
    let mut writer = site.documents(Caller::Writer);
    let written = writer.put_document(put_request(put("Users/1", json))).await.unwrap();
    let written = written.into_inner().written.unwrap();
    let read = site.documents(Caller::Reader).get_document(get_request("users/1")).await;
    let read = read.unwrap().into_inner();
    assert_eq!((read.id.as_str(), read.collection.as_str()), ("Users/1", "Users"));
    assert_eq!(read.body, json.as_bytes());
    assert_eq!((read.change_vector, read.etag), (written.change_vector, written.etag));
    assert!(read.last_modified.unwrap().seconds > 1_600_000_000);
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let (site, database) = Site::with_orders().await;
    let mut reader = site.documents(Caller::Reader);
    let error = refused(reader.get_document(get_request("a")).await, Reason::DocumentNotFound);
    assert_eq!(error.metadata["id"], "a");
    replicate(database.store(), "a", None, 1).await;
    refused(reader.get_document(get_request("a")).await, Reason::DocumentNotFound);
    let error = refused(reader.get_document(get_request("")).await, Reason::FieldInvalid);
    assert_eq!(fields(&error), ["id"]);
}

#[tokio::test]
async fn a_conflict_is_an_error_with_all_versions() {
    let (site, database) = Site::with_orders().await;
    fill(&site, &["a"], r#"{"here":1}"#).await;
    replicate(database.store(), "A", Some(r#"{"there":1}"#), 1).await;
    let mut reader = site.documents(Caller::Reader);
    let error = refused(reader.get_document(get_request("a")).await, Reason::DocumentConflict);
    let detail: DocumentConflict = error.detail(CONFLICT_DETAIL).unwrap();
    assert_eq!((detail.id.to_lowercase().as_str(), detail.omitted_versions), ("a", 0));
    let mut bodies: Vec<_> = detail.versions.iter().map(|it| it.body.to_vec()).collect();
    bodies.sort();
    assert_eq!(bodies, [br#"{"here":1}"#.to_vec(), br#"{"there":1}"#.to_vec()]);
    assert_eq!(error.metadata["versions"], "2");

    fill(&site, &["a"], r#"{"ended":1}"#).await;
    assert!(reader.get_document(get_request("a")).await.is_ok());
}

#[tokio::test]
async fn a_large_conflict_still_fits_into_an_error() {
    let (site, database) = Site::with_orders().await;
    let json = format!(r#"{{"a":"{}"}}"#, "x".repeat(100_000));
    fill(&site, &["a"], &json).await;
    replicate(database.store(), "a", Some("{}"), 1).await;
    let answer = site.documents(Caller::Reader).get_document(get_request("a")).await;
    assert!(answer.as_ref().unwrap_err().details().len() < 5_000);
    let error = refused(answer, Reason::DocumentConflict);
    let detail: DocumentConflict = error.detail(CONFLICT_DETAIL).unwrap();
    assert!(detail.versions.iter().all(|version| version.body.is_empty()));
    assert!(detail.versions.iter().any(|version| version.body_bytes == json.len() as u64));
}

#[tokio::test]
async fn pages_follow_each_other_in_id_order() {
    let (site, database) = Site::with_orders().await;
    fill(&site, &["b/2", "B/1", "a", "b/3", "c"], "{}").await;
    replicate(database.store(), "b/2", Some("{\"other\":1}"), 1).await;
    let mut reader = site.documents(Caller::Reader);
    let mut ids = Vec::new();
    let mut token = String::new();
    for _ in 0..10 {
        let page = reader.list_documents(list_request("B/", 1, &token)).await.unwrap();
        let page = page.into_inner();
        ids.extend(page.documents.into_iter().map(|document| document.id));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(ids, ["B/1", "b/3"], "the one in conflict is left out");
    let all = reader.list_documents(list_request("", 0, "")).await.unwrap().into_inner();
    let ids: Vec<_> = all.documents.iter().map(|document| document.id.as_str()).collect();
    assert_eq!((ids, all.next_page_token.as_str()), (vec!["a", "B/1", "b/3", "c"], ""));
}

#[tokio::test]
async fn a_page_ends_at_its_size_and_a_larger_document_stands_alone() {
    let (site, _database) = Site::with_orders().await;
    let json = format!(r#"{{"a":"{}"}}"#, "x".repeat(2_000_000));
    let huge = format!(r#"{{"a":"{}"}}"#, "x".repeat(5_000_000));
    fill(&site, &["a", "b", "d"], &json).await;
    fill(&site, &["c"], &huge).await;
    let mut reader = site.documents(Caller::Reader);
    let mut pages = Vec::new();
    let mut token = String::new();
    loop {
        let page = reader.list_documents(list_request("", 0, &token)).await.unwrap().into_inner();
        pages.push(page.documents.into_iter().map(|document| document.id).collect::<Vec<_>>());
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(pages, [["a"], ["b"], ["c"], ["d"]]);
}

#[tokio::test]
async fn a_page_token_is_bound_to_its_arguments() {
    let (site, _database) = Site::with_orders().await;
    site.create("Other").await;
    fill(&site, &["a1", "a2"], "{}").await;
    let mut operator = site.documents(Caller::Operator);
    let page = operator.list_documents(list_request("a", 1, "")).await.unwrap().into_inner();
    let token = page.next_page_token;
    let wrong = operator.list_documents(list_request("A1", 1, &token)).await;
    refused(wrong, Reason::PageTokenInvalid);
    let other =
        wire::ListDocumentsRequest { database: "Other".into(), ..list_request("a", 1, &token) };
    refused(operator.list_documents(other).await, Reason::PageTokenInvalid);
    let error =
        refused(operator.list_documents(list_request("a", -1, "")).await, Reason::FieldInvalid);
    assert_eq!(fields(&error), ["page_size"]);
    let long = "a".repeat(1_000);
    let error =
        refused(operator.list_documents(list_request(&long, 0, "")).await, Reason::FieldInvalid);
    assert_eq!(fields(&error), ["id_prefix"]);
    let more = operator.list_documents(list_request("A", 5, &token)).await.unwrap().into_inner();
    assert_eq!(more.documents[0].id, "a2");
}

/// A stream that was broken off is gone on with behind the last id, whatever has become of it.
#[tokio::test]
async fn a_stream_begins_behind_an_id() {
    let (site, database) = Site::with_orders().await;
    fill(&site, &["a", "b/1", "B/2", "b/3", "c"], "{}").await;
    replicate(database.store(), "b/2", Some("{\"other\":1}"), 1).await;
    let mut reader = site.documents(Caller::Reader);
    let cases = [
        ("", "b/1", "b/2 b/3 c"),
        ("", "B/1x", "b/2 b/3 c"),
        ("", "B/2", "b/3 c"),
        ("", "c", ""),
        ("B/", "a", "b/1 b/2 b/3"),
        ("b/", "B/2", "b/3"),
        ("b/", "c", ""),
    ];
    for (prefix, after, expected) in cases {
        let request =
            wire::StreamDocumentsRequest { after_id: after.into(), ..stream_request(prefix) };
        let mut parts = reader.stream_documents(request).await.unwrap().into_inner();
        let mut ids = Vec::new();
        while let Some(part) = parts.message().await.unwrap() {
            ids.extend(part.documents.into_iter().map(|it| it.id));
            ids.extend(part.conflicts.into_iter().map(|it| it.id));
        }
        // Those in conflict stand in a list of their own.
        ids.iter_mut().for_each(|id| *id = id.to_lowercase());
        ids.sort();
        assert_eq!(ids.join(" "), expected, "{prefix:?} behind {after:?}");
    }
    let long = wire::StreamDocumentsRequest { after_id: "a".repeat(1_000), ..stream_request("") };
    let error = refused(reader.stream_documents(long).await.map(drop), Reason::FieldInvalid);
    assert_eq!(fields(&error), ["after_id"]);
}

#[tokio::test]
async fn every_read_passes_the_door() {
    let (site, _database) = Site::with_orders().await;
    let mut nobody = site.documents(Caller::Nobody);
    let denied = Reason::DatabaseAccessDenied;
    refused(nobody.get_document(get_request("a")).await, denied);
    refused(nobody.list_documents(list_request("", 0, "")).await, denied);
    let all = wire::StreamDocumentsRequest { database: "Orders".into(), ..Default::default() };
    refused(nobody.stream_documents(all.clone()).await, denied);
    let watch = wire::WatchChangesRequest { database: "Orders".into(), after_etag: None };
    refused(nobody.watch_changes(watch).await, denied);
    let nowhere = wire::StreamDocumentsRequest { database: "Nowhere".into(), ..all };
    refused(nobody.stream_documents(nowhere.clone()).await, denied);
    let mut operator = site.documents(Caller::Operator);
    refused(operator.stream_documents(nowhere.clone()).await, Reason::DatabaseNotFound);
    let unnamed = wire::StreamDocumentsRequest { database: String::new(), ..nowhere };
    let error = refused(operator.stream_documents(unnamed).await, Reason::FieldInvalid);
    assert_eq!(fields(&error), ["database"]);
}
