//! What `documents` promises about identities, tried out.

use jackdaw_common::limits::IDENTITY_MAX;
use jackdaw_proto::{documents as wire, wire::Reason};
use tonic::Status;

use super::*;
use crate::control::fixture::{fields, refused};

fn next_request(name: &str) -> wire::NextIdentityRequest {
    wire::NextIdentityRequest { database: "Orders".into(), name: name.into() }
}

fn set_request(name: &str, value: u64, force: bool) -> wire::SetIdentityRequest {
    wire::SetIdentityRequest { database: "Orders".into(), name: name.into(), value, force }
}

fn list_request(page_size: i32, token: &str) -> wire::ListIdentitiesRequest {
    wire::ListIdentitiesRequest { database: "Orders".into(), page_size, page_token: token.into() }
}

async fn next(site: &Site, name: &str) -> Result<wire::Identity, Status> {
    let answer = site.documents(Caller::Writer).next_identity(next_request(name)).await;
    answer.map(|it| it.into_inner())
}

async fn set(site: &Site, name: &str, value: u64, force: bool) -> Result<wire::Identity, Status> {
    let request = set_request(name, value, force);
    site.documents(Caller::Writer).set_identity(request).await.map(|it| it.into_inner())
}

fn identity(name: &str, value: u64) -> wire::Identity {
    wire::Identity { name: name.into(), value }
}

#[tokio::test]
async fn numbers_are_taken_and_set() {
    let (site, database) = Site::with_orders().await;
    assert_eq!(next(&site, "Users").await.unwrap(), identity("users|", 1));
    let request = put_request(put("users|", "{}"));
    let written = site.documents(Caller::Writer).put_document(request).await.unwrap().into_inner();
    assert!(written.written.unwrap().id.starts_with("users/2-"));
    let before = database.store().last_etag();
    assert_eq!(next(&site, "USERS|").await.unwrap().value, 3);
    assert_eq!(set(&site, "users", 2, false).await.unwrap(), identity("users|", 3));
    assert_eq!(set(&site, "users", 7, false).await.unwrap().value, 7);
    assert_eq!(set(&site, "users", 0, true).await.unwrap().value, 0);
    // Numbers are given out again, ids of documents are not.
    assert_eq!(next(&site, "users").await.unwrap().value, 1);
    let request = put_request(put("users|", "{}"));
    let written = site.documents(Caller::Writer).put_document(request).await.unwrap().into_inner();
    let written = written.written.unwrap();
    assert!(written.id.starts_with("users/3-"));
    assert_eq!(written.etag, before.get() + 1, "the others are no changes");
    assert_eq!(set(&site, "users", IDENTITY_MAX, false).await.unwrap().value, IDENTITY_MAX);
}

#[tokio::test]
async fn identities_are_listed_by_name_page_by_page() {
    let (site, _database) = Site::with_orders().await;
    let mut reader = site.documents(Caller::Reader);
    let none = reader.list_identities(list_request(0, "")).await.unwrap().into_inner();
    assert_eq!(none, wire::ListIdentitiesResponse::default());
    for (name, value) in [("c", 3), ("A", 1), ("b", 2), ("d", 4)] {
        set(&site, name, value, false).await.unwrap();
    }
    let (mut all, mut token, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let page = reader.list_identities(list_request(2, &token)).await.unwrap().into_inner();
        all.extend(page.identities);
        (token, pages) = (page.next_page_token, pages + 1);
        if token.is_empty() {
            break;
        }
    }
    let expected = [("a|", 1), ("b|", 2), ("c|", 3), ("d|", 4)];
    assert_eq!(all, expected.map(|(name, value)| identity(name, value)));
    assert_eq!(pages, 2);
    refused(reader.list_identities(list_request(2, "x")).await, Reason::PageTokenInvalid);
    let negative = reader.list_identities(list_request(-1, "")).await;
    assert_eq!(fields(&refused(negative, Reason::FieldInvalid)), ["page_size"]);
}

#[tokio::test]
async fn every_wrong_field_is_named() {
    let (site, _database) = Site::with_orders().await;
    for name in ["", "a\u{7}", &"x".repeat(512)] {
        let error = refused(next(&site, name).await, Reason::FieldInvalid);
        assert_eq!(fields(&error), ["name"]);
        let error = refused(set(&site, name, IDENTITY_MAX + 1, true).await, Reason::FieldInvalid);
        assert_eq!(fields(&error), ["name", "value"]);
    }
    let error = refused(set(&site, "a", IDENTITY_MAX + 1, true).await, Reason::FieldInvalid);
    assert_eq!(fields(&error), ["value"]);
}

#[tokio::test]
async fn who_may_read_may_not_count() {
    let (site, _database) = Site::with_orders().await;
    let denied = Reason::DatabaseAccessDenied;
    let mut reader = site.documents(Caller::Reader);
    refused(reader.next_identity(next_request("a")).await, denied);
    refused(reader.set_identity(set_request("a", 1, false)).await, denied);
    let mut nobody = site.documents(Caller::Nobody);
    refused(nobody.list_identities(list_request(0, "")).await, denied);
}
