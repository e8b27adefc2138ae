//! What `documents` promises about counters, tried out.

use jackdaw_common::{
    Content, Entry,
    item::{Counter, Partial, Partials},
};
use jackdaw_proto::{documents as wire, wire::Reason};
use jackdaw_store::Store;
use tonic::Status;

use super::*;
use crate::control::fixture::{fields, receive, refused, replicate};

fn step(document: &str, name: &str, delta: i64) -> wire::IncrementCounter {
    wire::IncrementCounter { document_id: document.into(), name: name.into(), delta }
}

fn command(document: &str, name: &str, delta: i64) -> wire::Command {
    let step = wire::command::Command::IncrementCounter(step(document, name, delta));
    wire::Command { command: Some(step) }
}

async fn increment(
    site: &Site,
    step: wire::IncrementCounter,
) -> Result<wire::IncrementCounterResponse, Status> {
    let request =
        wire::IncrementCounterRequest { database: "Orders".into(), increment_counter: Some(step) };
    site.documents(Caller::Writer).increment_counter(request).await.map(|it| it.into_inner())
}

fn deletion(document: &str, name: &str) -> wire::DeleteCounterRequest {
    let delete = wire::DeleteCounter { document_id: document.into(), name: name.into() };
    wire::DeleteCounterRequest { database: "Orders".into(), delete_counter: Some(delete) }
}

async fn get(site: &Site, document: &str, name: &str) -> Result<wire::Counter, Status> {
    let request = wire::GetCounterRequest {
        database: "Orders".into(),
        document_id: document.into(),
        name: name.into(),
    };
    site.documents(Caller::Reader).get_counter(request).await.map(|it| it.into_inner())
}

fn list_request(document: &str, page_size: i32, token: &str) -> wire::ListCountersRequest {
    wire::ListCountersRequest {
        database: "Orders".into(),
        document_id: document.into(),
        page_size,
        page_token: token.into(),
    }
}

/// What another database has come to.
async fn receive_counter(store: &Store, document: &str, name: &str, value: i64, etag: u64) {
    let counter = |origin: Entry| {
        let partials = Partials::new(vec![Partial { origin, value }]).unwrap();
        Content::Counter(Counter { name: name.parse().unwrap(), partials })
    };
    receive(store, document, etag, counter).await;
}

#[tokio::test]
async fn a_counter_is_added_to_read_and_deleted() {
    let (site, database) = Site::with_orders().await;
    fill(&site, &["Users/1"], "{}").await;
    let first = increment(&site, step("users/1", "Likes", 5)).await.unwrap();
    let written = first.written.unwrap();
    assert_eq!((first.value, written.counter_value), (Some(5), Some(5)));
    // The document itself stays as it is.
    assert_eq!((written.id.as_str(), written.etag), ("Users/1", 2));
    let second = increment(&site, step("USERS/1", "likes", -7)).await.unwrap();
    assert_eq!((second.value, second.written.unwrap().etag), (Some(-2), 3));

    let counter = get(&site, "users/1", "LIKES").await.unwrap();
    assert_eq!((counter.name.as_str(), counter.value), ("Likes", Some(-2)));
    let incarnation = database.store().snapshot().header().incarnation.to_string();
    let partial = wire::PartialCounterValue { incarnation, etag: 3, value: -2 };
    assert_eq!(counter.partials, [partial]);
    assert_eq!(database.store().snapshot().header().counters, 1);

    let mut writer = site.documents(Caller::Writer);
    let gone = writer.delete_counter(deletion("users/1", "liKes")).await.unwrap().into_inner();
    let gone = gone.written.unwrap();
    assert!(gone.etag > 3 && gone.counter_value.is_none());
    let again = writer.delete_counter(deletion("users/1", "likes")).await.unwrap().into_inner();
    assert_eq!(again.written.unwrap().etag, 0);
    let none = writer.delete_counter(deletion("users/2", "likes")).await.unwrap().into_inner();
    assert_eq!(none.written.unwrap().change_vector, "");
    refused(get(&site, "users/1", "likes").await, Reason::CounterNotFound);
    let anew = increment(&site, step("users/1", "likes", 1)).await.unwrap();
    assert_eq!(anew.value, Some(1));
}

#[tokio::test]
async fn what_is_not_there_is_said() {
    let (site, _database) = Site::with_orders().await;
    let error = refused(increment(&site, step("a", "x", 1)).await, Reason::DocumentNotFound);
    assert_eq!(error.metadata["id"], "a");
    assert_eq!(error.metadata["field"], "increment_counter.document_id");
    let commands = || vec![put_command("b", "{}"), put_command("c", "{}"), command("a", "x", 1)];
    let mut writer = site.documents(Caller::Writer);
    let answer = writer.transact(transact_request(commands())).await.map(drop);
    let message = wire::BulkWriteRequest { database: "Orders".into(), commands: commands() };
    let bulk = writer.bulk_write(tokio_stream::iter([message])).await.map(drop);
    for answer in [answer, bulk] {
        let error = refused(answer, Reason::DocumentNotFound);
        assert_eq!(error.metadata["command"], "2");
        assert_eq!(error.metadata["field"], "commands[2].increment_counter.document_id");
    }
    refused(get(&site, "a", "x").await, Reason::DocumentNotFound);
    let listed = site.documents(Caller::Reader).list_counters(list_request("a", 0, "")).await;
    refused(listed, Reason::DocumentNotFound);
    fill(&site, &["a"], "{}").await;
    let error = refused(get(&site, "a", "x").await, Reason::CounterNotFound);
    assert_eq!((error.metadata["id"].as_str(), error.metadata["name"].as_str()), ("a", "x"));
    let listed = site.documents(Caller::Reader).list_counters(list_request("a", 0, "")).await;
    assert_eq!(listed.unwrap().into_inner(), wire::ListCountersResponse::default());
}

#[tokio::test]
async fn every_wrong_field_is_named() {
    let (site, _database) = Site::with_orders().await;
    let error = refused(increment(&site, step("", "\u{1}", 1)).await, Reason::FieldInvalid);
    assert_eq!(fields(&error), ["increment_counter.document_id", "increment_counter.name"]);
    let mut writer = site.documents(Caller::Writer);
    let empty = wire::IncrementCounterRequest { database: "Orders".into(), ..Default::default() };
    let error = refused(writer.increment_counter(empty).await, Reason::FieldInvalid);
    assert_eq!(fields(&error), ["increment_counter"]);
    let error = refused(writer.delete_counter(deletion("", "")).await, Reason::FieldInvalid);
    assert_eq!(fields(&error), ["delete_counter.document_id", "delete_counter.name"]);
    let empty = wire::DeleteCounterRequest { database: "Orders".into(), ..Default::default() };
    let error = refused(writer.delete_counter(empty).await, Reason::FieldInvalid);
    assert_eq!(fields(&error), ["delete_counter"]);
    let error = refused(get(&site, "", &"x".repeat(513)).await, Reason::FieldInvalid);
    assert_eq!(fields(&error), ["document_id", "name"]);
    let listed = site.documents(Caller::Reader).list_counters(list_request("", 0, "")).await;
    assert_eq!(fields(&refused(listed, Reason::FieldInvalid)), ["document_id"]);
}

/// What this database would be led to beyond 64 bits is refused; what others have led there is
/// told of, and the way back is open.
#[tokio::test]
async fn a_value_beyond_64_bits_is_never_shown() {
    let (site, database) = Site::with_orders().await;
    fill(&site, &["a"], "{}").await;
    increment(&site, step("a", "x", i64::MAX - 1)).await.unwrap();
    let before = database.store().last_etag();
    let error = refused(increment(&site, step("a", "X", 2)).await, Reason::CounterOverflow);
    assert_eq!((error.metadata["id"].as_str(), error.metadata["name"].as_str()), ("a", "x"));
    let commands = vec![put_command("b", "{}"), command("a", "x", 2)];
    let answer = site.documents(Caller::Writer).transact(transact_request(commands)).await;
    let error = refused(answer, Reason::CounterOverflow);
    assert_eq!(error.metadata["command"], "1");
    assert_eq!(error.metadata["field"], "commands[1].increment_counter.delta");
    assert_eq!(database.store().last_etag(), before);

    receive_counter(database.store(), "a", "x", 100, 1).await;
    let error = refused(get(&site, "a", "x").await, Reason::CounterOverflow);
    assert_eq!(error.metadata["name"], "x");
    let mut reader = site.documents(Caller::Reader);
    let listed = reader.list_counters(list_request("a", 0, "")).await.unwrap().into_inner();
    assert_eq!((listed.counters[0].value, listed.counters[0].partials.len()), (None, 2));
    let (streamed, _) = stream_parts(&site).await;
    // Copies that show no value are told apart by what it would be the sum of.
    assert_eq!(streamed[0].counters, listed.counters);
    refused(increment(&site, step("a", "x", 1)).await, Reason::CounterOverflow);
    let back = increment(&site, step("a", "x", -1)).await.unwrap();
    assert_eq!((back.value, back.written.unwrap().counter_value), (None, None));
    let back = increment(&site, step("a", "x", -98)).await.unwrap();
    assert_eq!(back.value, Some(i64::MAX));
    assert_eq!(get(&site, "a", "x").await.unwrap().value, Some(i64::MAX));
}

#[tokio::test]
async fn counters_are_listed_by_name_page_by_page() {
    let (site, _database) = Site::with_orders().await;
    fill(&site, &["a", "a\u{e9}"], "{}").await;
    for name in ["c", "B", "a", "gone", "d", "E"] {
        increment(&site, step("a", name, 1)).await.unwrap();
    }
    increment(&site, step("a\u{e9}", "other", 1)).await.unwrap();
    site.documents(Caller::Writer).delete_counter(deletion("a", "gone")).await.unwrap();
    let mut reader = site.documents(Caller::Reader);
    let (mut names, mut token, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let page = reader.list_counters(list_request("A", 2, &token)).await.unwrap().into_inner();
        assert!(page.counters.iter().all(|counter| counter.value == Some(1)));
        names.extend(page.counters.into_iter().map(|it| it.name));
        (token, pages) = (page.next_page_token, pages + 1);
        if token.is_empty() {
            break;
        }
    }
    assert_eq!((names.join(""), pages), ("aBcdE".to_owned(), 3));
    let other = reader.list_counters(list_request("a\u{e9}", 2, "x")).await;
    refused(other, Reason::PageTokenInvalid);
    let negative = reader.list_counters(list_request("a", -1, "")).await;
    assert_eq!(fields(&refused(negative, Reason::FieldInvalid)), ["page_size"]);
}

#[tokio::test]
async fn increments_stand_in_transactions_and_bulk_writes() {
    let (site, _database) = Site::with_orders().await;
    let delete = wire::DeleteCounter { document_id: "a".into(), name: "y".into() };
    let commands = vec![
        put_command("a", "{}"),
        command("a", "x", 2),
        command("a", "x", 3),
        command("a", "y", 1),
        wire::Command { command: Some(wire::command::Command::DeleteCounter(delete)) },
    ];
    let mut writer = site.documents(Caller::Writer);
    let written = writer.transact(transact_request(commands)).await.unwrap().into_inner().written;
    let values: Vec<_> = written.iter().map(|one| one.counter_value).collect();
    assert_eq!(values, [None, Some(2), Some(5), Some(1), None]);
    let message = wire::BulkWriteRequest {
        database: "Orders".into(),
        commands: vec![command("a", "x", 10), command("a", "z", 4)],
    };
    let answer = writer.bulk_write(tokio_stream::iter([message])).await.unwrap().into_inner();
    assert_eq!(answer.commands, 2);
    assert_eq!(get(&site, "a", "x").await.unwrap().value, Some(15));

    let commands = vec![command("a", "", 1), command("", "x", 1)];
    let error = refused(writer.transact(transact_request(commands)).await, Reason::FieldInvalid);
    let paths = ["commands[0].increment_counter.name", "commands[1].increment_counter.document_id"];
    assert_eq!(fields(&error), paths);
}

/// They are of the document, whichever of its versions will be left.
#[tokio::test]
async fn a_document_in_conflict_has_its_counters() {
    let (site, database) = Site::with_orders().await;
    fill(&site, &["a"], "{}").await;
    increment(&site, step("a", "x", 1)).await.unwrap();
    replicate(database.store(), "a", Some("{\"other\":1}"), 1).await;
    let more = increment(&site, step("a", "x", 1)).await.unwrap();
    assert_eq!(more.value, Some(2));
    increment(&site, step("a", "y", 7)).await.unwrap();
    assert_eq!(get(&site, "a", "y").await.unwrap().value, Some(7));
    let (documents, conflicts) = stream_parts(&site).await;
    assert!(documents.is_empty());
    let counters: Vec<_> =
        conflicts[0].counters.iter().map(|it| (it.name.as_str(), it.value)).collect();
    assert_eq!(counters, [("x", Some(2)), ("y", Some(7))]);
    assert!(conflicts[0].counters.iter().all(|counter| counter.partials.is_empty()));
}

#[tokio::test]
async fn a_stream_has_counters_where_it_is_asked_for_them() {
    let (site, _database) = Site::with_orders().await;
    fill(&site, &["a", "b"], "{}").await;
    increment(&site, step("a", "x", 1)).await.unwrap();
    let (documents, _) = stream_parts(&site).await;
    let counts: Vec<_> = documents.iter().map(|it| it.counters.len()).collect();
    assert_eq!(counts, [1, 0]);
    let mut reader = site.documents(Caller::Reader);
    let mut plain = reader.stream_documents(stream_request("")).await.unwrap().into_inner();
    let part = plain.message().await.unwrap().unwrap();
    assert!(part.documents.iter().all(|it| it.counters.is_empty()));
}

#[tokio::test]
async fn a_watch_tells_of_counters() {
    let (site, _database) = Site::with_orders().await;
    fill(&site, &["Users/1"], "{}").await;
    increment(&site, step("users/1", "Likes", 1)).await.unwrap();
    let request = wire::WatchChangesRequest { database: "Orders".into(), after_etag: Some(0) };
    let changes = site.documents(Caller::Reader).watch_changes(request).await;
    let part = changes.unwrap().into_inner().message().await.unwrap().unwrap();
    let seen: Vec<_> =
        part.changes.iter().map(|it| (it.kind(), it.id.as_str(), it.name.as_str())).collect();
    let (put, counter) = (wire::ChangeKind::Put, wire::ChangeKind::Counter);
    assert_eq!(seen, [(put, "Users/1", ""), (counter, "Users/1", "Likes")]);
}

#[tokio::test]
async fn every_call_passes_the_door() {
    let (site, database) = Site::with_orders().await;
    fill(&site, &["a"], "{}").await;
    let before = database.store().last_etag();
    let denied = Reason::DatabaseAccessDenied;
    for caller in [Caller::Nobody, Caller::Reader] {
        let mut documents = site.documents(caller);
        let request = wire::IncrementCounterRequest {
            database: "Orders".into(),
            increment_counter: Some(step("a", "x", 1)),
        };
        refused(documents.increment_counter(request).await, denied);
        refused(documents.delete_counter(deletion("a", "x")).await, denied);
    }
    let mut nobody = site.documents(Caller::Nobody);
    refused(nobody.list_counters(list_request("a", 0, "")).await, denied);
    let request = wire::GetCounterRequest { database: "Orders".into(), ..Default::default() };
    refused(nobody.get_counter(request).await, denied);
    assert_eq!(database.store().last_etag(), before);
}
