//! What `documents` promises about compare-exchange items, tried out.

use bytes::Bytes;
use jackdaw_common::limits::{COMPARE_EXCHANGE_BYTES_MAX, JSON_DEPTH_MAX};
use jackdaw_proto::{
    convert::documents::compare_exchange::MISMATCH_DETAIL,
    documents as wire,
    wire::{Reason, RemoteError},
};
use tonic::Status;

use super::*;
use crate::control::fixture::{fields, refused};

fn asking(key: &str, value: &str, expected_index: u64) -> wire::PutCompareExchangeRequest {
    wire::PutCompareExchangeRequest {
        database: "Orders".into(),
        key: key.into(),
        value: Bytes::copy_from_slice(value.as_bytes()),
        expected_index,
    }
}

async fn put(
    site: &Site,
    key: &str,
    value: &str,
    expected: u64,
) -> Result<wire::PutCompareExchangeResponse, Status> {
    let request = asking(key, value, expected);
    site.documents(Caller::Writer).put_compare_exchange(request).await.map(|it| it.into_inner())
}

async fn delete(site: &Site, key: &str, expected_index: u64) -> Result<u64, Status> {
    let request = wire::DeleteCompareExchangeRequest {
        database: "Orders".into(),
        key: key.into(),
        expected_index,
    };
    let answer = site.documents(Caller::Writer).delete_compare_exchange(request).await?;
    Ok(answer.into_inner().index)
}

async fn get(site: &Site, key: &str) -> Result<wire::CompareExchangeItem, Status> {
    let request = wire::GetCompareExchangeRequest { database: "Orders".into(), key: key.into() };
    site.documents(Caller::Reader).get_compare_exchange(request).await.map(|it| it.into_inner())
}

async fn list(
    site: &Site,
    prefix: &str,
    page_size: i32,
    token: &str,
) -> Result<wire::ListCompareExchangeResponse, Status> {
    let request = wire::ListCompareExchangeRequest {
        database: "Orders".into(),
        key_prefix: prefix.into(),
        page_size,
        page_token: token.into(),
    };
    site.documents(Caller::Reader).list_compare_exchange(request).await.map(|it| it.into_inner())
}

fn item(key: &str, value: &str, index: u64) -> wire::CompareExchangeItem {
    let value = Bytes::copy_from_slice(value.as_bytes());
    wire::CompareExchangeItem { key: key.into(), value, index }
}

fn detail(error: &RemoteError) -> wire::CompareExchangeMismatch {
    error.detail(MISMATCH_DETAIL).unwrap()
}

#[tokio::test]
async fn an_item_is_put_read_and_deleted() {
    let (site, database) = Site::with_orders().await;
    let first = put(&site, "Emails/A", " { \"by\" : 1e400 } ", 0).await.unwrap();
    assert_eq!((first.key.as_str(), first.index), ("Emails/A", 1));
    let kept = item("Emails/A", " { \"by\" : 1e400 } ", 1);
    assert_eq!(get(&site, "emails/a").await.unwrap(), kept, "kept byte for byte");
    let second = put(&site, "EMAILS/A", "null", 1).await.unwrap();
    assert_eq!((second.key.as_str(), second.index), ("Emails/A", 2));
    assert_eq!(delete(&site, "emails/A", 2).await.unwrap(), 3);
    assert_eq!(delete(&site, "emails/A", 2).await.unwrap(), 0);
    let error = refused(get(&site, "emails/A").await, Reason::CompareExchangeNotFound);
    assert_eq!(error.metadata["key"], "emails/A");
    assert_eq!(error.resource.unwrap().name, "emails/A");
    assert_eq!(put(&site, "emails/A", "1", 0).await.unwrap().index, 4);
    assert!(database.store().last_etag().is_zero(), "it is no change");
}

#[tokio::test]
async fn what_is_there_instead_is_told() {
    let (site, _database) = Site::with_orders().await;
    put(&site, "Lock", "{\"by\":\"a\"}", 0).await.unwrap();
    let reason = Reason::CompareExchangeMismatch;
    for expected in [0, 2] {
        let error = refused(put(&site, "lock", "{\"by\":\"b\"}", expected).await, reason);
        assert_eq!(error.metadata["expected_index"], expected.to_string());
        assert_eq!((&*error.metadata["actual_index"], &*error.metadata["key"]), ("1", "lock"));
        let there = item("Lock", "{\"by\":\"a\"}", 1);
        assert_eq!(detail(&error).actual, Some(there));
    }
    let error = refused(delete(&site, "lock", 7).await, reason);
    assert_eq!((detail(&error).actual.unwrap().index, detail(&error).value_bytes), (1, 10));
    let error = refused(put(&site, "other", "1", 1).await, reason);
    assert_eq!(error.metadata["actual_index"], "0");
    assert_eq!(detail(&error), wire::CompareExchangeMismatch::default());
    assert!(error.message.contains("does not exist"), "{error}");
}

#[tokio::test]
async fn a_value_is_any_json_within_its_bounds() {
    let (site, _database) = Site::with_orders().await;
    let mut last = 0;
    for value in ["1", "\"a\"", "[true]", "{\"@metadata\":1}", "{\"a\":1,\"a\":2}", " null\n"] {
        last = put(&site, "a", value, last).await.unwrap().index;
        assert_eq!(get(&site, "a").await.unwrap().value, value.as_bytes());
    }
    let deep = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
    let wide = |bytes: usize| format!("\"{}\"", "x".repeat(bytes - 2));
    for value in [deep(JSON_DEPTH_MAX), wide(COMPARE_EXCHANGE_BYTES_MAX)] {
        last = put(&site, "a", &value, last).await.unwrap().index;
    }
    let broken = wide(COMPARE_EXCHANGE_BYTES_MAX - 1) + "x";
    for value in ["", "x", "1 2", "{\"a\"}", &deep(JSON_DEPTH_MAX + 1), &broken] {
        let error = refused(put(&site, "a", value, last).await, Reason::FieldInvalid);
        assert_eq!(fields(&error), ["value"], "{value:.20}");
    }
    let request = wire::PutCompareExchangeRequest {
        value: Bytes::from_static(b"\"\xff\""),
        ..asking("a", "", last)
    };
    let answer = site.documents(Caller::Writer).put_compare_exchange(request).await;
    assert_eq!(fields(&refused(answer, Reason::FieldInvalid)), ["value"]);
    let large = put(&site, "a", &wide(COMPARE_EXCHANGE_BYTES_MAX + 1), last).await;
    let error = refused(large, Reason::CompareExchangeTooLarge);
    assert_eq!(error.metadata["most"], COMPARE_EXCHANGE_BYTES_MAX.to_string());
    assert_eq!(fields(&error), ["value"]);
    // One that does not fit into an error is left out of it.
    let error = refused(put(&site, "a", "1", 0).await, Reason::CompareExchangeMismatch);
    let detail = detail(&error);
    assert_eq!(detail.value_bytes, COMPARE_EXCHANGE_BYTES_MAX as u64);
    assert_eq!(detail.actual.unwrap(), item("a", "", last));
}

#[tokio::test]
async fn every_wrong_field_is_named() {
    let (site, _database) = Site::with_orders().await;
    for key in ["", "a\u{7}", &"x".repeat(513)] {
        let wrong = [
            put(&site, key, "1", 0).await.map(drop),
            delete(&site, key, 0).await.map(drop),
            get(&site, key).await.map(drop),
        ];
        for answer in wrong {
            assert_eq!(fields(&refused(answer, Reason::FieldInvalid)), ["key"]);
        }
    }
    let long = list(&site, &"x".repeat(769), 0, "").await;
    assert_eq!(fields(&refused(long, Reason::FieldInvalid)), ["key_prefix"]);
    let negative = list(&site, "", -1, "").await;
    assert_eq!(fields(&refused(negative, Reason::FieldInvalid)), ["page_size"]);
    refused(list(&site, "", 0, "x").await, Reason::PageTokenInvalid);
}

#[tokio::test]
async fn items_are_listed_by_key_page_by_page() {
    let (site, _database) = Site::with_orders().await;
    for key in ["b/3", "B/1", "a", "c", "b/2"] {
        put(&site, key, "1", 0).await.unwrap();
    }
    let (mut keys, mut token, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let page = list(&site, "B/", 2, &token).await.unwrap();
        keys.extend(page.items.into_iter().map(|it| it.key));
        (token, pages) = (page.next_page_token, pages + 1);
        if token.is_empty() {
            break;
        }
        refused(list(&site, "a", 2, &token).await, Reason::PageTokenInvalid);
    }
    assert_eq!((keys.join(" "), pages), ("B/1 b/2 b/3".to_owned(), 2));
    assert_eq!(list(&site, "", 0, "").await.unwrap().items.len(), 5);
    assert_eq!(list(&site, "d", 0, "").await.unwrap(), Default::default());
}

/// Below what clients take by default.
#[tokio::test]
async fn a_page_of_large_values_ends_early() {
    let (site, _database) = Site::with_orders().await;
    let large = format!("\"{}\"", "x".repeat(COMPARE_EXCHANGE_BYTES_MAX - 2));
    for key in ["a", "b", "c", "d"] {
        put(&site, key, &large, 0).await.unwrap();
    }
    let page = list(&site, "", 0, "").await.unwrap();
    assert_eq!(page.items.len(), 2);
    let page = list(&site, "", 0, &page.next_page_token).await.unwrap();
    assert_eq!((page.items.len(), page.next_page_token.as_str()), (2, ""));
}

#[tokio::test]
async fn who_may_read_may_not_write() {
    let (site, _database) = Site::with_orders().await;
    let denied = Reason::DatabaseAccessDenied;
    let mut reader = site.documents(Caller::Reader);
    refused(reader.put_compare_exchange(asking("a", "1", 0)).await, denied);
    let request = wire::DeleteCompareExchangeRequest {
        database: "Orders".into(),
        key: "a".into(),
        expected_index: 0,
    };
    refused(reader.delete_compare_exchange(request).await, denied);
    let mut nobody = site.documents(Caller::Nobody);
    let request = wire::GetCompareExchangeRequest { database: "Orders".into(), key: "a".into() };
    refused(nobody.get_compare_exchange(request).await, denied);
    let request =
        wire::ListCompareExchangeRequest { database: "Orders".into(), ..Default::default() };
    refused(nobody.list_compare_exchange(request).await, denied);
}

/// Two that race for a name: one gets it, and the other is told who.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_that_race_one_wins() {
    let (site, _database) = Site::with_orders().await;
    for round in 0..10 {
        let key = format!("name/{round}");
        let (one, other) = tokio::join!(put(&site, &key, "1", 0), put(&site, &key, "2", 0));
        let winner = if one.is_ok() { "1" } else { "2" };
        let loser = if one.is_ok() { other } else { one };
        let error = refused(loser, Reason::CompareExchangeMismatch);
        assert_eq!(detail(&error).actual.unwrap().value, winner.as_bytes());
    }
}
