//! What is sent of a database whose rows are overwritten: pitfalls 4 and 7.

use std::sync::Arc;

use bytes::Bytes;
use jackdaw_common::Etag;

use super::super::harness::*;
use crate::{
    Store,
    engine::{
        Blobs, Direction, Engine, EngineError, Memory, Operation, Scan, ScanRange, Snapshot, Table,
        WriteBatch,
    },
    keys::{self, TABLES},
    tables::history::Superseded,
};

/// An engine whose commits are seen before the disk has them. With the planted bug, a snapshot is
/// whatever is seen when it is read, without the changes above the last one that was durable when
/// it was taken.
struct Early {
    seen: Memory,
    disk: Faulty,
    filters: bool,
}

impl Engine for Early {
    fn snapshot(&self) -> Result<Arc<dyn Snapshot>, EngineError> {
        if !self.filters {
            return self.seen.snapshot();
        }
        let published = crate::Snapshot::inspect(&self.seen).unwrap();
        let watermark = published.map_or(Etag::ZERO, |published| published.header().last_etag);
        Ok(Arc::new(Filtered { seen: self.seen.clone(), watermark }))
    }

    fn blobs(&self) -> Arc<dyn Blobs> {
        self.seen.blobs()
    }

    fn commit(&self, batch: WriteBatch) -> Result<(), EngineError> {
        self.seen.commit(batch.clone())?;
        self.disk.commit(batch)
    }
}

/// What is seen now, up to an etag.
struct Filtered {
    seen: Memory,
    watermark: Etag,
}

impl Snapshot for Filtered {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
        self.seen.snapshot()?.get(table, key)
    }

    fn scan(&self, table: Table, range: ScanRange, direction: Direction) -> Scan<'_> {
        let seen = self.seen.snapshot().unwrap();
        let mut rows: Vec<_> = seen.scan(table, range, direction).map(Result::unwrap).collect();
        if table == keys::CHANGES {
            rows.retain(|(key, _)| keys::etag(table, key).unwrap() <= self.watermark);
        }
        Box::new(rows.into_iter().map(Ok))
    }
}

/// Writes documents of one etag each.
async fn fill(store: &Store, etags: std::ops::RangeInclusive<u64>) {
    for number in etags {
        assert_eq!(put(store, &format!("d/{number}"), "1").await.etag, etag(number));
    }
}

/// X@50 is durable, the cursor is 40; what overwrites it, X@120, is seen and not synced while the
/// tail reads on to 119; then the power fails. Answers what the destination has of X when all that
/// the source has come back with was sent.
async fn overwritten_while_the_power_fails(filters: bool) -> Vec<String> {
    let disk = Faulty::new();
    let engine = Early { seen: Memory::new(&TABLES), disk: disk.clone(), filters };
    let store = Store::open(engine, TestClock::at(1), identity(1)).unwrap();
    fill(&store, 1..=49).await;
    assert_eq!(put(&store, "x", "durable").await.etag, etag(50));
    let destination = in_memory(2);
    let mut link = Link::open(&store, &destination).await;
    let first = link.next(40);
    assert_eq!(link.apply(first).await.cursor, etag(40));
    fill(&store, 51..=119).await;

    disk.hold();
    let overwrite = store.enqueue_transaction(vec![putting("x", "lost")]).await.unwrap();
    disk.until_waiting();
    link.run(usize::MAX).await;
    disk.fail(Fault::Lost);
    disk.release();
    overwrite.await.unwrap_err();
    drop((link, store));

    let store = opened(&disk.disk(), 1, 2);
    assert_eq!((reads(&store, "x"), store.last_etag()), (vec!["durable".into()], etag(119)));
    let mut link = Link::open(&store, &destination).await;
    assert_eq!(link.next(1).after, etag(119));
    link.run(usize::MAX).await;
    reads(&destination, "x")
}

/// A durable row is sent whatever has overwritten it meanwhile: a reader is handed the view of a
/// commit, not a newer one without its newest rows.
#[tokio::test]
async fn pitfall_4_unsynced_overwrite_hides_a_durable_row() {
    assert_eq!(overwritten_while_the_power_fails(false).await, ["durable"]);
    let planted = overwritten_while_the_power_fails(true).await;
    assert!(planted.is_empty(), "the planted bug must be found: {planted:?}");
}

/// An engine in memory; with the planted bug, what is superseded goes at once, though a task has
/// not passed it.
struct Keeping {
    memory: Memory,
    keeps: bool,
}

impl Engine for Keeping {
    fn snapshot(&self) -> Result<Arc<dyn Snapshot>, EngineError> {
        self.memory.snapshot()
    }

    fn blobs(&self) -> Arc<dyn Blobs> {
        self.memory.blobs()
    }

    fn commit(&self, batch: WriteBatch) -> Result<(), EngineError> {
        let mut operations = batch.into_operations();
        if !self.keeps {
            let history = operations.iter().filter(|it| it.table == keys::HISTORY);
            let history = history.filter_map(|it| it.value.clone());
            let rows: Vec<_> = history.flat_map(|it| Superseded::decode_all(it).unwrap()).collect();
            operations.retain(|it| it.table != keys::HISTORY);
            let gone = |row: Superseded| (keys::change(row.etag), None);
            let gone = rows.into_iter().map(gone).map(|(key, value)| {
                let table = keys::CHANGES;
                Operation { table, key, value }
            });
            operations.extend(gone);
        }
        self.memory.commit(operations.into_iter().collect())
    }
}

/// T1 writes X@1 and Y@2, T2 writes X@3; batches end at the first border. Answers what a reader of
/// the destination sees of X and Y after each of them.
async fn seen_batch_by_batch(keeps: bool) -> Vec<[Vec<String>; 2]> {
    let engine = Keeping { memory: Memory::new(&TABLES), keeps };
    let store = Store::open(engine, TestClock::at(1), identity(1)).unwrap();
    task(&store, 1, true).await;
    store.transact(vec![putting("x", "x1"), putting("y", "y1")]).await.unwrap();
    store.transact(vec![putting("x", "x2")]).await.unwrap();
    assert_eq!(store.last_etag(), etag(3));
    let destination = in_memory(2);
    let mut link = Link::open(&store, &destination).await;
    let mut seen = Vec::new();
    loop {
        let batch = link.next(1);
        let (last, whole) = (batch.last, batch.frontier.is_some());
        link.apply(batch).await;
        seen.push(["x", "y"].map(|document| reads(&destination, document)));
        // There is a border there, however much of T1 is left.
        assert_eq!(last, etag(if whole { 3 } else { 2 }));
        if whole {
            return seen;
        }
    }
}

/// A border that stands behind a part of a transaction, since the rest was overwritten, shows what
/// never was.
#[tokio::test]
async fn pitfall_7_half_a_transaction() {
    let says = |x: &str, y: &str| [x, y].map(|it| vec![it.to_owned()]);
    let states = [says("x1", "y1"), says("x2", "y1")];
    assert_eq!(seen_batch_by_batch(true).await, states);
    let planted = seen_batch_by_batch(false).await;
    let half = [Vec::new(), vec!["y1".to_owned()]];
    assert_eq!(planted, [half, states[1].clone()], "the planted bug must be found");
}
