//! Short words for what tests write and read.

use std::sync::Arc;

use bytes::Bytes;
use jackdaw_common::{
    Attachment, Attachments, ChangeVector, Content, DatabaseId, DocumentId, Entry, Etag, Item,
    Lineage, RunId, Timestamp, TransactionMark, Version,
};

use super::identity;
use crate::{
    Applied, Begin, Brought, Command, Expected, Incoming, IncomingItem, Lookup, NewId, Record,
    RecordKind, Session, Snapshot, Staged, Store, TransactError, Written,
    tables::{changes::ChangeRow, followers::Follower},
};

pub(crate) fn id(text: &str) -> DocumentId {
    text.parse().unwrap()
}

pub(crate) fn etag(number: u64) -> Etag {
    Etag::new(number).unwrap()
}

/// The vector that has seen these etags of these test databases.
pub(crate) fn vector(entries: &[(u8, u64)]) -> ChangeVector {
    ChangeVector::from_entries(entries.iter().map(|&(n, number)| entry(n, number)))
}

pub(crate) fn entry(n: u8, number: u64) -> Entry {
    Entry { incarnation: identity(n).incarnation, etag: etag(number) }
}

pub(crate) fn source(n: u8) -> DatabaseId {
    identity(n).database
}

pub(crate) fn text(bytes: &Bytes) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A put in collection `Users`. An id that ends in "/" or "|" is completed.
pub(crate) fn putting(id_text: &str, body: &str) -> Command {
    Command::Put {
        id: NewId::parse(id(id_text)),
        collection: "Users".parse().unwrap(),
        body: Bytes::copy_from_slice(body.as_bytes()),
        expected: None,
    }
}

pub(crate) fn deleting(id_text: &str) -> Command {
    Command::Delete { id: id(id_text), expected: None }
}

/// The command, if the document has this vector.
pub(crate) fn expecting(vector: &ChangeVector, command: Command) -> Command {
    let now: Expected = Some(vector.clone());
    match command {
        Command::Put { id, collection, body, .. } => {
            Command::Put { id, collection, body, expected: now }
        }
        Command::Delete { id, .. } => Command::Delete { id, expected: now },
        Command::PutAttachment { id, name, content_type, content, .. } => {
            Command::PutAttachment { id, name, content_type, content, expected: now }
        }
        Command::DeleteAttachment { id, name, .. } => {
            Command::DeleteAttachment { id, name, expected: now }
        }
        other => panic!("{other:?} expects nothing"),
    }
}

pub(crate) async fn one(store: &Store, command: Command) -> Result<Written, TransactError> {
    let mut written = store.transact(vec![command]).await?;
    assert_eq!(written.len(), 1);
    Ok(written.remove(0))
}

pub(crate) async fn put(store: &Store, id: &str, body: &str) -> Written {
    one(store, putting(id, body)).await.unwrap()
}

pub(crate) async fn delete(store: &Store, id: &str) -> Written {
    one(store, deleting(id)).await.unwrap()
}

/// A content, staged.
pub(crate) fn staged(store: &Store, content: &[u8]) -> Arc<Staged> {
    let mut staging = store.stage();
    content.chunks(100_000).for_each(|piece| staging.write(piece).unwrap());
    Arc::new(staging.finish().unwrap())
}

pub(crate) fn attaching(store: &Store, id_text: &str, name: &str, content: &[u8]) -> Command {
    Command::PutAttachment {
        id: id(id_text),
        name: name.parse().unwrap(),
        content_type: "image/png".parse().unwrap(),
        content: staged(store, content).into(),
        expected: None,
    }
}

pub(crate) async fn attach(store: &Store, id: &str, name: &str, content: &[u8]) -> Written {
    one(store, attaching(store, id, name, content)).await.unwrap()
}

pub(crate) async fn detach(store: &Store, id_text: &str, name: &str) -> Written {
    let (id, name) = (id(id_text), name.parse().unwrap());
    one(store, Command::DeleteAttachment { id, name, expected: None }).await.unwrap()
}

/// What is attached to a live document: names, and contents read whole.
pub(crate) fn attached(snapshot: &Snapshot, document: &str) -> Vec<(String, Vec<u8>)> {
    let Lookup::Found(row) = snapshot.document(&id(document)).unwrap() else {
        panic!("{document} is in conflict, or not there")
    };
    let read = |one: &Attachment| {
        let content = snapshot.content(&one.hash).unwrap().expect("its content is not there");
        assert_eq!(content.size(), one.size);
        let (mut bytes, mut offset) = (Vec::new(), 0);
        while offset < one.size {
            let piece = content.read(offset, 100_000).unwrap();
            offset += piece.len() as u64;
            bytes.extend_from_slice(&piece);
        }
        assert!(content.read(one.size, 1).unwrap().is_empty(), "there is more of it");
        (one.name.as_str().to_owned(), bytes)
    };
    row.version.attachments.as_slice().iter().map(read).collect()
}

/// A task whose destination stands at an etag.
pub(crate) fn at(task: u64, acknowledged: Etag) -> Follower {
    Follower { task, destination: 0, acknowledged }
}

pub(crate) fn lookup(store: &Store, document: &str) -> Lookup {
    store.snapshot().document(&id(document)).unwrap()
}

/// The only version of a document, live or deleted.
pub(crate) fn found(store: &Store, document: &str) -> ChangeRow {
    match lookup(store, document) {
        Lookup::Found(row) => *row,
        other => panic!("{document} is {other:?}"),
    }
}

/// What a version says: its body, "†" for a deletion.
pub(crate) fn says(row: &ChangeRow) -> String {
    match &row.version.content {
        Content::Document(body) => text(body),
        Content::Tombstone => "†".to_owned(),
        other => format!("{other:?}"),
    }
}

/// What a document says: nothing where there is none, several in conflict, sorted.
pub(crate) fn reads(store: &Store, document: &str) -> Vec<String> {
    said(&store.snapshot(), document)
}

/// The same, of a snapshot.
pub(crate) fn said(snapshot: &Snapshot, document: &str) -> Vec<String> {
    let mut all: Vec<_> = match snapshot.document(&id(document)).unwrap() {
        Lookup::Missing => Vec::new(),
        Lookup::Found(row) => vec![says(&row)],
        Lookup::Conflict(rows) => rows.iter().map(says).collect(),
    };
    all.sort();
    all
}

/// Documents, tombstones and conflicts, as the header counts them.
pub(crate) fn counts(store: &Store) -> (u64, u64, u64) {
    let snapshot = store.snapshot();
    let header = snapshot.header();
    (header.documents, header.tombstones, header.conflicts)
}

/// The changes after an etag.
pub(crate) fn changes(store: &Store, after: u64) -> Vec<ChangeRow> {
    store.snapshot().changes_after(etag(after)).collect::<Result<_, _>>().unwrap()
}

pub(crate) fn mark(first: u64, rows: u32) -> TransactionMark {
    TransactionMark { first: etag(first), rows }
}

/// Creates or deletes a replication task of the database: it follows from then on.
pub(crate) async fn task(store: &Store, task: u64, there: bool) {
    let value = |there: bool| there.then(|| Bytes::from_static(b"a task"));
    let record = Record {
        kind: RecordKind::ExternalReplication,
        key: Bytes::copy_from_slice(&task.to_be_bytes()),
        expected: value(!there),
        value: value(there),
    };
    store.record(vec![record]).await.unwrap();
}

/// What test database `n` says when it calls: an ordinary source.
pub(crate) fn calling(n: u8) -> Begin {
    Begin {
        source: source(n),
        lineage: Lineage::new(identity(n).incarnation),
        last_etag: etag(1_000_000),
        tombstone_floor: Etag::ZERO,
        vector: vector(&[(n, 1_000_000)]),
        task: 1,
        generation: 1,
    }
}

pub(crate) async fn session(store: &Store, n: u8) -> Session {
    store.begin(calling(n)).await.unwrap()
}

/// A version as it arrives: in a transaction of its own, in collection `Users`.
pub(crate) fn arriving(
    number: u64,
    document: &str,
    vector: &ChangeVector,
    body: Option<&str>,
) -> Item {
    let content = body.map_or(Content::Tombstone, |body| {
        Content::Document(Bytes::copy_from_slice(body.as_bytes()))
    });
    Item {
        etag: etag(number),
        transaction: mark(number, 1),
        minted: None,
        past: false,
        version: Version {
            id: id(document),
            collection: "Users".parse().unwrap(),
            vector: vector.clone(),
            last_modified: Timestamp::from_micros(77),
            content,
            attachments: Attachments::default(),
            since: ChangeVector::empty(),
            kept: None,
        },
    }
}

/// A batch of source `n` in session `epoch`; it ends with its last item.
pub(crate) fn batch(n: u8, epoch: u64, after: u64, items: Vec<Item>) -> Incoming {
    let last = items.last().map_or(etag(after), |item| item.etag);
    Incoming {
        source: source(n),
        epoch,
        after: etag(after),
        last,
        run: RunId::NONE,
        frontier: None,
        items: items.into_iter().map(IncomingItem::from).collect(),
        brought: Brought::default(),
    }
}

/// Progress of source `n` without items.
pub(crate) fn progress(n: u8, epoch: u64, last: u64, frontier: &ChangeVector) -> Incoming {
    let frontier = Some(frontier.clone());
    Incoming { last: etag(last), frontier, ..batch(n, epoch, 0, Vec::new()) }
}

/// Applies items of source `n` in a new session, from the beginning.
pub(crate) async fn receive(store: &Store, n: u8, items: Vec<Item>) -> Applied {
    let epoch = session(store, n).await.epoch;
    store.apply(batch(n, epoch, 0, items)).await.unwrap()
}
