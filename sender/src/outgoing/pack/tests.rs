//! What goes into a batch, and what does not; and that the batches of any history, cut anywhere,
//! show a destination nothing but states of the source.

mod chains;
mod pitfalls;
mod revisions;

use std::collections::BTreeMap;

use bytes::Bytes;
use jackdaw_common::{
    Attachments, Collection, Content, Entry, Lineage, RunId, Timestamp, TransactionMark, Version,
    frame::PROTOCOL, limits::CHANGE_VECTOR_ENTRIES_MAX,
};
use jackdaw_proto::convert::replication::decode_items;
use jackdaw_store::{
    Begin, Brought, Command, Forget, Incoming, IncomingItem, NewId, Record, RecordKind, Session,
    Store, tables::followers::Follower,
};

use super::*;
use crate::outgoing::session::fixture::{etag, identity, store};

/// By a planted bug, the frontier of a batch that ends in the middle of a scan.
pub(super) fn early_frontier(own: IncarnationId, last: Etag) -> Option<ChangeVector> {
    let entry = Entry { incarnation: own, etag: last };
    EARLY_FRONTIER.get().then(|| ChangeVector::from_entries([entry]))
}

fn destination(known: ChangeVector) -> Destination {
    Destination {
        incarnation: identity(9).incarnation,
        known,
        item_bytes_max: 1 << 24,
        transaction_bytes_max: 1 << 26,
    }
}

fn nothing() -> Destination {
    destination(ChangeVector::empty())
}

fn entry(n: u8, number: u64) -> Entry {
    Entry { incarnation: identity(n).incarnation, etag: etag(number) }
}

fn vector(entries: &[(u8, u64)]) -> ChangeVector {
    ChangeVector::from_entries(entries.iter().map(|&(n, number)| entry(n, number)))
}

fn put(id: &str, body: &str) -> Command {
    Command::Put {
        id: NewId::Given(id.parse().unwrap()),
        collection: Collection::default(),
        body: Bytes::copy_from_slice(body.as_bytes()),
        expected: None,
    }
}

fn delete(id: &str) -> Command {
    Command::Delete { id: id.parse().unwrap(), expected: None }
}

async fn write(store: &Store, commands: Vec<Command>) {
    store.transact(commands).await.unwrap();
}

/// From now on a task follows the database: it keeps what is overwritten.
async fn follow(store: &Store) {
    let record = Record {
        kind: RecordKind::ExternalReplication,
        key: Bytes::copy_from_slice(&1_u64.to_be_bytes()),
        expected: None,
        value: Some(Bytes::from_static(b"a task")),
    };
    store.record(vec![record]).await.unwrap();
}

async fn begin(here: &Store, source: u8) -> Session {
    let begin = Begin {
        source: identity(source).database,
        lineage: Lineage::new(identity(source).incarnation),
        last_etag: etag(1 << 40),
        tombstone_floor: Etag::ZERO,
        vector: ChangeVector::empty(),
        task: 1,
        generation: u64::from(PROTOCOL.0),
    };
    here.begin(begin).await.unwrap()
}

/// Versions arrive from database `source`, each in a transaction of its own.
async fn arrive(here: &Store, source: u8, versions: &[(&str, ChangeVector, Option<Entry>, bool)]) {
    let session = begin(here, source).await;
    let items = versions.iter().enumerate().map(|(at, (id, vector, minted, live))| {
        let number = session.cursor.get() + at as u64 + 1;
        IncomingItem::from(Item {
            etag: etag(number),
            transaction: TransactionMark { first: etag(number), rows: 1 },
            minted: *minted,
            past: false,
            version: Version {
                id: id.parse().unwrap(),
                collection: Collection::default(),
                vector: vector.clone(),
                last_modified: Timestamp::from_micros(1),
                content: match live {
                    true => Content::Document(Bytes::from_static(b"{}")),
                    false => Content::Tombstone,
                },
                attachments: Attachments::default(),
                since: ChangeVector::empty(),
                kept: None,
            },
        })
    });
    let items: Vec<_> = items.collect();
    let incoming = Incoming {
        source: identity(source).database,
        epoch: session.epoch,
        after: session.cursor,
        last: items.last().map_or(session.cursor, |item| item.item.etag),
        run: RunId::NONE,
        frontier: None,
        items,
        brought: Brought::default(),
    };
    here.apply(incoming).await.unwrap();
}

fn items(packed: &Packed) -> Vec<Item> {
    let mut items = Vec::new();
    for frame in &packed.frames {
        decode_items(frame.clone(), &mut items, usize::MAX).unwrap();
    }
    assert_eq!(items.len() as u64, packed.items);
    items
}

/// Id, etag, first etag and rows of the transaction.
fn shape(packed: &Packed) -> Vec<(String, u64, u64, u32)> {
    let shape = |item: Item| {
        let TransactionMark { first, rows } = item.transaction;
        (item.version.id.as_str().to_owned(), item.etag.get(), first.get(), rows)
    };
    items(packed).into_iter().map(shape).collect()
}

fn row(id: &str, etag: u64, first: u64, rows: u32) -> (String, u64, u64, u32) {
    (id.to_owned(), etag, first, rows)
}

fn all(store: &Store, destination: &Destination) -> Packed {
    pack(&store.snapshot(), Etag::ZERO, BatchLimits::default(), destination).unwrap()
}

/// What a database shows: id and body of every live document.
type Shown = BTreeMap<String, String>;

fn shown(store: &Store) -> Shown {
    let snapshot = store.snapshot();
    let documents = snapshot.documents("", None).map(|document| match document.unwrap() {
        jackdaw_store::Lookup::Found(row) => {
            let Content::Document(body) = &row.version.content else { panic!("deleted") };
            let body = String::from_utf8(body.to_vec()).unwrap();
            (row.version.id.as_str().to_owned(), body)
        }
        other => panic!("{other:?}"),
    });
    documents.collect()
}

/// The next batch of `from`, applied to `to`; answers where its cursor is then.
async fn send(from: &Store, to: &Store, session: &Session, items_max: usize, after: Etag) -> Etag {
    let limits = BatchLimits { items: items_max, bytes: usize::MAX, ..BatchLimits::default() };
    let towards = Destination { incarnation: to.incarnation(), ..destination(to.vector()) };
    let packed = pack(&from.snapshot(), after, limits, &towards).unwrap();
    let incoming = Incoming {
        source: from.database_id(),
        epoch: session.epoch,
        after: packed.after,
        last: packed.last,
        run: RunId::NONE,
        frontier: packed.frontier.clone(),
        items: items(&packed).into_iter().map(IncomingItem::from).collect(),
        brought: Brought::default(),
    };
    to.apply(incoming).await.unwrap().cursor
}

#[tokio::test]
async fn what_the_destination_has_is_left_out() {
    let store = store(1);
    write(&store, vec![put("own", "{}")]).await;
    let minted = |n, number| Some(entry(n, number));
    arrive(
        &store,
        2,
        &[
            ("theirs", vector(&[(9, 7)]), minted(9, 7), true),
            ("known", vector(&[(2, 3), (3, 4)]), minted(2, 3), true),
            ("newer", vector(&[(2, 6)]), minted(2, 6), true),
            ("half known", vector(&[(2, 4), (3, 9)]), minted(2, 4), true),
            // Covered entry by entry, and perhaps nowhere: a merge of two deletions.
            ("merged", vector(&[(2, 2), (3, 2)]), None, false),
        ],
    )
    .await;
    let packed = all(&store, &destination(vector(&[(2, 5), (3, 5)])));
    let sent: Vec<_> = shape(&packed).into_iter().map(|(id, ..)| id).collect();
    assert_eq!(sent, ["own", "newer", "half known", "merged"]);
    assert_eq!((packed.left_out, packed.last), (2, etag(6)));
    assert_eq!(packed.frontier, Some(store.vector()));
    // Nothing at all to send, and the scan has come to the end all the same.
    let packed = all(&store, &destination(vector(&[(1, 9), (2, 9), (3, 9), (9, 9)])));
    assert_eq!((packed.items, packed.left_out, packed.last), (1, 5, etag(6)));
}

#[tokio::test]
async fn a_version_whose_successor_is_in_the_batch_is_left_out() {
    let store = store(1);
    follow(&store).await;
    write(&store, vec![put("x", "1"), put("y", "1")]).await;
    write(&store, vec![put("z", "1")]).await;
    write(&store, vec![put("w", "1"), put("x", "2")]).await;
    write(&store, vec![put("v", "1")]).await;
    let packed = all(&store, &nothing());
    // Who copies the destination must not see y without x: one transaction, from 1 to 5.
    let expected = [row("y", 2, 1, 5), row("z", 3, 1, 5), row("w", 4, 1, 5), row("x", 5, 1, 5)];
    assert_eq!(shape(&packed)[..4], expected);
    assert_eq!(shape(&packed)[4], row("v", 6, 6, 1));
    assert_eq!(packed.left_out, 1);
    assert_eq!(packed.bytes, packed.frames.iter().map(|frame| frame.len() as u64).sum::<u64>());
    // In a batch of its own, each goes as it was.
    let limits = BatchLimits { items: 1, bytes: usize::MAX, ..BatchLimits::default() };
    let first = pack(&store.snapshot(), Etag::ZERO, limits, &nothing()).unwrap();
    assert_eq!(shape(&first), [row("x", 1, 1, 2), row("y", 2, 1, 2)]);
    let second = pack(&store.snapshot(), first.last, limits, &nothing()).unwrap();
    let third = pack(&store.snapshot(), second.last, limits, &nothing()).unwrap();
    assert_eq!(shape(&third), [row("w", 4, 4, 2), row("x", 5, 4, 2)]);
}

/// A deletion takes what the document had with it, wherever it comes to. Where it was forgotten
/// before the document was made again, the new document does not speak of it.
#[tokio::test]
async fn a_deletion_goes_along_unless_its_successor_remembers_it() {
    let middle = store(1);
    follow(&middle).await;
    write(&middle, vec![put("own", "1")]).await;
    write(&middle, vec![delete("own")]).await;
    write(&middle, vec![put("own", "2")]).await;
    let minted = |number| Some(entry(2, number));
    arrive(
        &middle,
        2,
        &[
            ("theirs", vector(&[(2, 1)]), minted(1), true),
            ("theirs", vector(&[(2, 2)]), minted(2), false),
            ("theirs", vector(&[(2, 3)]), minted(3), true),
            ("theirs", vector(&[(2, 4)]), minted(4), true),
        ],
    )
    .await;
    let packed = all(&middle, &nothing());
    let sent = items(&packed).into_iter().map(|item| {
        let TransactionMark { first, .. } = item.transaction;
        (item.etag.get(), first.get(), item.version.content.is_tombstone())
    });
    let sent: Vec<_> = sent.collect();
    assert_eq!(sent, [(3, 1, false), (5, 4, true), (7, 6, false)]);
    assert_eq!(packed.left_out, 4);
}

/// So in a chain the end has nothing of a document's earlier life.
#[tokio::test]
async fn an_earlier_life_ends_in_the_whole_chain() {
    let (head, middle, end) = (store(1), store(2), store(3));
    follow(&head).await;
    follow(&middle).await;
    let (to_middle, to_end) = (begin(&middle, 1).await, begin(&end, 2).await);
    let add =
        Command::Increment { id: "d".parse().unwrap(), name: "likes".parse().unwrap(), delta: 5 };
    write(&head, vec![put("d", "1"), add]).await;
    let at_middle = send(&head, &middle, &to_middle, 100, Etag::ZERO).await;
    let at_end = send(&middle, &end, &to_end, 100, Etag::ZERO).await;
    assert_eq!(end.snapshot().header().counters, 1);
    write(&head, vec![delete("d")]).await;
    let at_middle = send(&head, &middle, &to_middle, 100, at_middle).await;
    head.stand(Follower { task: 1, destination: 1, acknowledged: at_middle }).await.unwrap();
    let before = Timestamp::from_micros(i64::MAX);
    assert_eq!(head.forget(Forget { before, after: None }).await.unwrap().tombstones, 1);
    write(&head, vec![put("d", "2")]).await;
    send(&head, &middle, &to_middle, 100, at_middle).await;
    send(&middle, &end, &to_end, 100, at_end).await;
    for store in [&head, &middle, &end] {
        assert_eq!(shown(store), [("d".to_owned(), "2".to_owned())].into());
        assert_eq!(store.snapshot().header().counters, 0);
    }
}

#[tokio::test]
async fn a_document_that_is_hot_goes_once() {
    let store = store(1);
    follow(&store).await;
    for number in 0..100 {
        write(&store, vec![put("hot", &format!("{number}"))]).await;
    }
    let packed = all(&store, &nothing());
    assert_eq!((packed.items, packed.left_out), (1, 99));
    assert_eq!(shape(&packed), [row("hot", 100, 1, 100)]);
}

/// Where nearly everything is left out, a pack ends all the same, at a border.
#[tokio::test]
async fn a_pack_looks_at_a_bounded_number_of_rows() {
    let store = store(1);
    let rows: u64 = 16_000;
    for round in 0..6 {
        let commands = (0..rows).map(|n| put(&format!("{round}/{n}"), "")).collect();
        write(&store, commands).await;
    }
    let packed = all(&store, &destination(vector(&[(1, 10 * rows)])));
    assert_eq!((packed.items, packed.frontier), (0, None));
    assert_eq!(packed.last, etag(5 * rows), "the border behind {PACK_ROWS_MAX} rows");
}

#[tokio::test]
async fn an_item_that_does_not_fit_is_named() {
    let store = store(1);
    write(&store, vec![put("small", ""), put("large", &"x".repeat(500))]).await;
    let narrow = Destination { item_bytes_max: 300, ..nothing() };
    match pack(&store.snapshot(), Etag::ZERO, BatchLimits::default(), &narrow) {
        Err(PackError::ItemTooLarge { id, etag: at, bytes, max: 300 }) => {
            assert_eq!((id.as_str(), at), ("large", etag(2)));
            assert!(bytes > 500);
        }
        other => panic!("{other:?}"),
    }
}

/// A transaction that is more than a batch goes alone: behind others it would make a batch, and so
/// a transaction of the next database in a chain, that is larger still.
#[tokio::test]
async fn a_large_transaction_goes_alone() {
    let store = store(1);
    write(&store, vec![put("a", "1"), put("b", "1")]).await;
    write(&store, (0..6).map(|n| put(&format!("large/{n}"), "1")).collect()).await;
    write(&store, vec![put("c", "1")]).await;
    let sizes = |limits: BatchLimits| {
        let (mut after, mut sizes) = (Etag::ZERO, Vec::new());
        while after < store.last_etag() {
            let packed = pack(&store.snapshot(), after, limits, &nothing()).unwrap();
            assert_eq!(packed.frontier.is_some(), packed.last == store.last_etag());
            sizes.push(packed.items);
            after = packed.last;
        }
        sizes
    };
    assert_eq!(
        sizes(BatchLimits { items: 5, bytes: usize::MAX, ..BatchLimits::default() }),
        [2, 6, 1]
    );
    assert_eq!(
        sizes(BatchLimits { items: 6, bytes: usize::MAX, ..BatchLimits::default() }),
        [8, 1]
    );
    let one = all(&store, &nothing()).bytes / 9;
    assert_eq!(
        sizes(BatchLimits { items: 100, bytes: 5 * one as usize, ..BatchLimits::default() }),
        [2, 6, 1]
    );
}

#[tokio::test]
async fn a_transaction_that_does_not_fit_is_named() {
    let store = store(1);
    write(&store, vec![put("small", "")]).await;
    write(&store, (0..6).map(|n| put(&format!("d/{n}"), &"x".repeat(100))).collect()).await;
    let narrow = Destination { transaction_bytes_max: 600, ..nothing() };
    let limits = BatchLimits { items: 5, ..BatchLimits::default() };
    let small = pack(&store.snapshot(), Etag::ZERO, limits, &narrow).unwrap();
    assert_eq!(shape(&small), [row("small", 1, 1, 1)]);
    match pack(&store.snapshot(), small.last, limits, &narrow) {
        Err(PackError::TransactionTooLarge { after, bytes, max: 600 }) => {
            assert_eq!(after, etag(1));
            assert!(bytes > 600);
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_vector_that_is_too_long_for_any_destination_is_named() {
    let store = store(1);
    let of = |entries: std::ops::Range<usize>| {
        let entry = |n: usize| {
            let incarnation = IncarnationId::from_bytes((n as u128 + 1).to_be_bytes());
            Entry { incarnation, etag: etag(1) }
        };
        ChangeVector::from_entries(entries.map(entry))
    };
    arrive(&store, 2, &[("longer", of(0..CHANGE_VECTOR_ENTRIES_MAX - 1), None, true)]).await;
    assert_eq!(all(&store, &nothing()).items, 1);
    // Whoever ends a conflict has seen all of its versions.
    let other = CHANGE_VECTOR_ENTRIES_MAX..CHANGE_VECTOR_ENTRIES_MAX + 1;
    arrive(&store, 3, &[("longer", of(other), None, false)]).await;
    write(&store, vec![put("longer", "1")]).await;
    match pack(&store.snapshot(), Etag::ZERO, BatchLimits::default(), &nothing()) {
        Err(PackError::VectorTooLong { id, etag: at, error }) => {
            assert_eq!((id.as_str(), at), ("longer", etag(3)));
            assert_eq!(error.entries, CHANGE_VECTOR_ENTRIES_MAX + 1);
        }
        other => panic!("{other:?}"),
    }
}
