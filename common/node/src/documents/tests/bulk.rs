//! What `documents` promises about `bulk`, tried out.

use std::{
    sync::{Arc, Condvar, Mutex},
    time::Duration,
};

use jackdaw_common::{Content, DatabaseId, IncarnationId, RunId};
use jackdaw_proto::{documents as wire, wire::Reason};
use jackdaw_store::{
    Identity, Lookup, Store,
    engine::{Blobs, Engine, EngineError, Memory, Snapshot, WriteBatch},
    keys::TABLES,
};
use tokio::{sync::mpsc, time::sleep};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::*;
use crate::{
    catalog::Database,
    clock::SystemClock,
    control::fixture::{fields, refused},
    documents::bulk::Bulk,
};

fn message(commands: Vec<wire::Command>) -> wire::BulkWriteRequest {
    wire::BulkWriteRequest { database: "Orders".into(), commands }
}

async fn write(
    site: &Site,
    messages: Vec<wire::BulkWriteRequest>,
) -> Result<wire::BulkWriteResponse, Status> {
    let mut writer = site.documents(Caller::Writer);
    writer.bulk_write(tokio_stream::iter(messages)).await.map(tonic::Response::into_inner)
}

#[tokio::test]
async fn messages_are_carried_out_in_order_and_counted() {
    let (site, database) = Site::with_orders().await;
    let messages = (0..100).map(|number| {
        let id = format!("users/{number}");
        let mut commands =
            vec![put_command(&id, "{}"), put_command("last", &format!("{{\"n\":{number}}}"))];
        commands.extend((number == 99).then(|| delete_command("nothing")));
        message(commands)
    });
    let answer = write(&site, messages.collect()).await.unwrap();
    assert_eq!((answer.commands, answer.last_etag), (201, 200));
    assert_eq!(database.store().last_etag().get(), 200);
    let last = site.documents(Caller::Reader).get_document(get_request("last")).await.unwrap();
    assert_eq!(last.into_inner().body, &b"{\"n\":99}"[..]);
}

#[tokio::test]
async fn messages_without_commands_and_without_the_name_again_are_fine() {
    let (site, _database) = Site::with_orders().await;
    let unnamed =
        wire::BulkWriteRequest { database: String::new(), commands: vec![put_command("a", "{}")] };
    let answer = write(&site, vec![message(vec![]), unnamed, message(vec![])]).await.unwrap();
    assert_eq!((answer.commands, answer.last_etag), (1, 1));
}

#[tokio::test]
async fn the_first_failure_ends_the_call_and_says_where() {
    let (site, database) = Site::with_orders().await;
    let mut failing = put("b", "{}");
    failing.expected_change_vector = Some("A:1-AAAAAAAAAAAAAAAAAAAAAA".into());
    let failing = wire::Command { command: Some(wire::command::Command::Put(failing)) };
    let good = |id: &str| message(vec![put_command(id, "{}"), put_command(id, "{}")]);
    let mut messages = vec![good("1"), good("2"), message(vec![put_command("x", "{}"), failing])];
    messages.extend((0..50).map(|number| good(&format!("after/{number}"))));
    let error = refused(write(&site, messages).await, Reason::ChangeVectorMismatch);
    assert_eq!(
        (error.metadata["message"].as_str(), error.metadata["commands"].as_str()),
        ("2", "4")
    );
    assert_eq!(error.metadata["command"], "1");
    let page = site.documents(Caller::Reader).list_documents(list_request("", 0, "")).await;
    let ids: Vec<_> = page.unwrap().into_inner().documents.into_iter().map(|it| it.id).collect();
    assert!(ids.contains(&"1".into()) && ids.contains(&"2".into()) && !ids.contains(&"x".into()));
    assert!(ids.len() <= 2 + 3, "at most three behind it: {ids:?}");
    drop(database);
}

#[tokio::test]
async fn a_wrong_message_is_said_after_those_before_it() {
    let (site, database) = Site::with_orders().await;
    let messages = vec![
        message(vec![put_command("a", "{}")]),
        message(vec![put_command("b", "{}")]),
        message(vec![put_command("c", "{}"), put_command("d", "nonsense")]),
    ];
    let error = refused(write(&site, messages).await, Reason::FieldInvalid);
    assert_eq!(fields(&error), ["commands[1].put.body"]);
    assert_eq!(
        (error.metadata["message"].as_str(), error.metadata["commands"].as_str()),
        ("2", "2")
    );
    assert_eq!(database.store().last_etag().get(), 2);
}

#[tokio::test]
async fn the_database_is_named_first_and_stays() {
    let (site, _database) = Site::with_orders().await;
    let error = refused(write(&site, vec![]).await, Reason::FieldInvalid);
    assert_eq!(fields(&error), ["database"]);
    let unnamed = wire::BulkWriteRequest::default();
    let error = refused(write(&site, vec![unnamed]).await, Reason::FieldInvalid);
    assert_eq!(fields(&error), ["database"]);
    let other = wire::BulkWriteRequest { database: "Other".into(), commands: vec![] };
    let error = refused(write(&site, vec![message(vec![]), other]).await, Reason::FieldInvalid);
    assert_eq!(fields(&error), ["database"]);
    assert_eq!(error.metadata["message"], "1");
}

#[tokio::test]
async fn a_deletion_of_the_database_ends_a_bulk_write() {
    let (site, database) = Site::with_orders().await;
    let (sender, receiver) = mpsc::channel(1);
    sender.send(message(vec![put_command("a", "{}")])).await.unwrap();
    let mut writer = site.documents(Caller::Writer);
    let call = tokio::spawn(async move { writer.bulk_write(ReceiverStream::new(receiver)).await });
    let mut published = database.store().subscribe();
    published.wait_for(|published| published.last_etag.get() == 1).await.unwrap();
    drop(database);
    site.catalog.delete(&"Orders".parse().unwrap()).await.unwrap();
    refused(call.await.unwrap(), Reason::DatabaseNotFound);
    drop(sender);
}

/// An engine whose commits each wait to be let through.
#[derive(Clone)]
struct Gated {
    memory: Memory,
    let_through: Arc<(Mutex<u32>, Condvar)>,
}

impl Gated {
    fn new() -> Self {
        Self { memory: Memory::new(&TABLES), let_through: Arc::default() }
    }

    fn let_through(&self, commits: u32) {
        *self.let_through.0.lock().unwrap() += commits;
        self.let_through.1.notify_all();
    }
}

impl Engine for Gated {
    fn snapshot(&self) -> Result<Arc<dyn Snapshot>, EngineError> {
        self.memory.snapshot()
    }

    fn blobs(&self) -> Arc<dyn Blobs> {
        self.memory.blobs()
    }

    fn commit(&self, batch: WriteBatch) -> Result<(), EngineError> {
        let (allowed, changed) = &*self.let_through;
        let mut allowed = changed.wait_while(allowed.lock().unwrap(), |it| *it == 0).unwrap();
        *allowed -= 1;
        self.memory.commit(batch)
    }
}

/// A message that waits for room in the writer's queue is not overtaken by a small one that comes
/// when there is room.
///
/// Found by: a message counts as queued once it has been polled.
#[tokio::test]
async fn a_message_that_waits_for_room_is_not_overtaken() {
    const MIB: usize = 1024 * 1024;
    let engine = Gated::new();
    engine.let_through(1);
    let identity = Identity {
        database: DatabaseId::from_bytes([1; 16]),
        incarnation: IncarnationId::from_bytes([2; 16]),
        run: RunId::from_bytes([3; 16]),
    };
    let store = Store::open(engine.clone(), Arc::new(SystemClock), identity).unwrap();
    let database = Arc::new(Database::new("Orders".parse().unwrap(), store.clone(), None));
    let large = |id: &str, mib: usize| {
        let body = format!(r#"{{"large":"{}"}}"#, "x".repeat(MIB));
        (0..mib).map(|n| put_command(&format!("{id}/{n}"), &body)).collect::<Vec<_>>()
    };
    let (sender, receiver) = mpsc::channel(4);
    let call = tokio::spawn(
        Bulk::new(database).run(message(large("first", 40)), ReceiverStream::new(receiver)),
    );
    sender.send(Ok(message(large("second", 20)))).await.unwrap();
    let mut third = large("third", 20);
    third.push(put_command("x", r#"{"by":"third"}"#));
    sender.send(Ok(message(third))).await.unwrap();
    // The first is with the writer, the second in the queue, the third read and without room.
    sleep(Duration::from_secs(1)).await;
    let mut news = store.subscribe();
    engine.let_through(1);
    news.wait_for(|published| published.last_etag.get() == 40).await.unwrap();
    sender.send(Ok(message(vec![put_command("x", r#"{"by":"fourth"}"#)]))).await.unwrap();
    sleep(Duration::from_secs(1)).await;
    engine.let_through(10);
    drop(sender);
    assert_eq!(call.await.unwrap().unwrap().commands, 82);
    match store.snapshot().document(&"x".parse().unwrap()).unwrap() {
        Lookup::Found(row) => {
            let fourth = Content::Document(br#"{"by":"fourth"}"#[..].into());
            assert_eq!(row.version.content, fourth);
        }
        other => panic!("{other:?}"),
    }
}
