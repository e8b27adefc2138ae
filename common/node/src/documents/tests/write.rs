//! What `documents` promises about `write`, tried out.

use jackdaw_common::limits::{DOCUMENT_BYTES_MAX, TRANSACTION_COMMANDS_MAX};
use jackdaw_proto::{documents as wire, wire::Reason};

use super::*;
use crate::control::fixture::{fields, refused};

fn delete_request(id: &str, expected: Option<&str>) -> wire::DeleteDocumentRequest {
    let expected_change_vector = expected.map(str::to_owned);
    let delete = wire::Delete { id: id.into(), expected_change_vector };
    wire::DeleteDocumentRequest { database: "Orders".into(), delete: Some(delete) }
}

#[tokio::test]
async fn a_document_is_put_replaced_and_deleted() {
    let (site, _database) = Site::with_orders().await;
    let mut writer = site.documents(Caller::Writer);
    let first = writer.put_document(put_request(put("Users/1", "{}"))).await.unwrap();
    let first = first.into_inner().written.unwrap();
    let second = writer.put_document(put_request(put("users/1", "{\"a\":1}"))).await.unwrap();
    let second = second.into_inner().written.unwrap();
    assert_eq!((first.id.as_str(), second.id.as_str()), ("Users/1", "Users/1"));
    assert!(second.etag > first.etag);
    assert_ne!(second.change_vector, first.change_vector);

    let deleted = writer.delete_document(delete_request("USERS/1", None)).await.unwrap();
    let deleted = deleted.into_inner().written.unwrap();
    assert!(deleted.etag > second.etag && !deleted.change_vector.is_empty());
    let again = writer.delete_document(delete_request("users/1", None)).await.unwrap();
    let again = again.into_inner().written.unwrap();
    assert_eq!((again.etag, again.change_vector.as_str()), (0, ""));
}

#[tokio::test]
async fn ids_that_ask_for_it_are_completed() {
    let (site, database) = Site::with_orders().await;
    let tag = database.store().tag();
    fill(&site, &["users/", "orders|", "orders|"], "{}").await;
    let page = site.documents(Caller::Reader).list_documents(list_request("", 0, "")).await;
    let ids: Vec<_> = page.unwrap().into_inner().documents.into_iter().map(|it| it.id).collect();
    let users = format!("users/{:019}-{tag}", 1);
    assert_eq!(ids, [format!("orders/1-{tag}"), format!("orders/2-{tag}"), users]);
}

#[tokio::test]
async fn expectations_are_kept() {
    let (site, _database) = Site::with_orders().await;
    let mut writer = site.documents(Caller::Writer);
    let expecting =
        |vector: &str| wire::Put { expected_change_vector: Some(vector.into()), ..put("a", "{}") };
    let written = writer.put_document(put_request(expecting(""))).await.unwrap().into_inner();
    let vector = written.written.unwrap().change_vector;
    let error = refused(
        writer.put_document(put_request(expecting(""))).await,
        Reason::ChangeVectorMismatch,
    );
    assert_eq!(error.metadata["actual"], vector);
    assert_eq!((error.metadata["expected"].as_str(), error.metadata["id"].as_str()), ("", "a"));
    assert!(error.message.contains("does not exist"), "{}", error.message);
    refused(
        writer.delete_document(delete_request("a", Some(""))).await,
        Reason::ChangeVectorMismatch,
    );
    writer.put_document(put_request(expecting(&vector))).await.unwrap();
    let error = refused(
        writer.put_document(put_request(expecting("nonsense"))).await,
        Reason::FieldInvalid,
    );
    assert_eq!(fields(&error), ["put.expected_change_vector"]);
}

#[tokio::test]
async fn a_transaction_is_all_or_nothing() {
    let (site, database) = Site::with_orders().await;
    let mut writer = site.documents(Caller::Writer);
    let mut failing = put("b", "{}");
    failing.expected_change_vector = Some("A:1-AAAAAAAAAAAAAAAAAAAAAA".into());
    let failing = wire::Command { command: Some(wire::command::Command::Put(failing)) };
    let commands = vec![put_command("a", "{}"), failing];
    let error =
        refused(writer.transact(transact_request(commands)).await, Reason::ChangeVectorMismatch);
    assert_eq!(error.metadata["command"], "1");
    assert!(database.store().last_etag().is_zero());

    let commands = vec![put_command("a", "{}"), put_command("b", "{}"), delete_command("A")];
    let written = writer.transact(transact_request(commands)).await.unwrap().into_inner().written;
    let etags: Vec<_> = written.iter().map(|one| one.etag).collect();
    assert_eq!(etags, [1, 2, 3]);
}

#[tokio::test]
async fn every_wrong_field_of_a_transaction_is_named() {
    let (site, database) = Site::with_orders().await;
    let mut writer = site.documents(Caller::Writer);
    let commands = vec![
        put_command("", "{}"),
        put_command("a", "{}"),
        delete_command("a\u{1}"),
        wire::Command { command: None },
    ];
    let error = refused(writer.transact(transact_request(commands)).await, Reason::FieldInvalid);
    assert_eq!(fields(&error), ["commands[0].put.id", "commands[2].delete.id", "commands[3]"]);

    let commands = vec![put_command("a", "[]"), put_command("b", "{}"), put_command("c", "{")];
    let error = refused(writer.transact(transact_request(commands)).await, Reason::FieldInvalid);
    assert_eq!(fields(&error), ["commands[0].put.body", "commands[2].put.body"]);

    let error = refused(writer.transact(transact_request(vec![])).await, Reason::FieldInvalid);
    assert_eq!(fields(&error), ["commands"]);
    let empty = wire::PutDocumentRequest { database: "Orders".into(), put: None };
    assert_eq!(fields(&refused(writer.put_document(empty).await, Reason::FieldInvalid)), ["put"]);
    let empty = wire::DeleteDocumentRequest { database: "Orders".into(), delete: None };
    let error = refused(writer.delete_document(empty).await, Reason::FieldInvalid);
    assert_eq!(fields(&error), ["delete"]);
    let error =
        refused(writer.put_document(put_request(put("a", "x"))).await, Reason::FieldInvalid);
    assert_eq!(fields(&error), ["put.body"]);
    assert!(database.store().last_etag().is_zero());
}

#[tokio::test]
async fn an_id_that_cannot_be_completed_is_named() {
    let (site, _database) = Site::with_orders().await;
    let mut writer = site.documents(Caller::Writer);
    let long = format!("{}/", "a".repeat(511));
    let error =
        refused(writer.put_document(put_request(put(&long, "{}"))).await, Reason::FieldInvalid);
    assert_eq!(fields(&error), ["put.id"]);
    let commands = vec![put_command("a", "{}"), put_command(&long, "{}")];
    let error = refused(writer.transact(transact_request(commands)).await, Reason::FieldInvalid);
    assert_eq!(fields(&error), ["commands[1].put.id"]);
}

#[tokio::test]
async fn what_is_too_large_is_refused_with_its_bound() {
    let (site, database) = Site::with_orders().await;
    let mut writer = site.documents(Caller::Writer);
    let json = |bytes: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(bytes));
    let large = put_request(put("a", &json(DOCUMENT_BYTES_MAX)));
    let error = refused(writer.put_document(large).await, Reason::DocumentTooLarge);
    assert_eq!(error.metadata["most"], DOCUMENT_BYTES_MAX.to_string());
    assert_eq!(fields(&error), ["put.body"]);

    let body = json(DOCUMENT_BYTES_MAX - 100);
    let commands = ["a", "b", "c", "d", "e"].map(|id| put_command(id, &body)).into();
    let error =
        refused(writer.transact(transact_request(commands)).await, Reason::TransactionTooLarge);
    assert_eq!(error.metadata["what"], "bytes");

    let many = (0..=TRANSACTION_COMMANDS_MAX).map(|_| delete_command("a")).collect();
    let error = refused(writer.transact(transact_request(many)).await, Reason::TransactionTooLarge);
    assert_eq!(error.metadata["actual"], (TRANSACTION_COMMANDS_MAX + 1).to_string());
    assert!(database.store().last_etag().is_zero());

    let most = (0..TRANSACTION_COMMANDS_MAX).map(|_| delete_command("a")).collect();
    writer.transact(transact_request(most)).await.unwrap();
}

#[tokio::test]
async fn every_write_passes_the_door() {
    let (site, database) = Site::with_orders().await;
    for caller in [Caller::Nobody, Caller::Reader] {
        let mut documents = site.documents(caller);
        let denied = Reason::DatabaseAccessDenied;
        refused(documents.put_document(put_request(put("a", "{}"))).await, denied);
        refused(documents.delete_document(delete_request("a", None)).await, denied);
        refused(documents.transact(transact_request(vec![delete_command("a")])).await, denied);
        let message = wire::BulkWriteRequest { database: "Orders".into(), commands: vec![] };
        refused(documents.bulk_write(tokio_stream::iter([message])).await, denied);
    }
    assert!(database.store().last_etag().is_zero());
}
