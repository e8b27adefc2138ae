//! Stores as sources: what they say of themselves and of what they hold; and copies of their disks,
//! from which they go back.

use bytes::Bytes;
use jackdaw_common::RunId;

use super::{Link, Place, TestClock, identity};
use crate::{
    Begin, BeginError, Identity, Present, Reconciled, Session, Snapshot, Store,
    engine::{Direction, Engine as _, Memory, ScanRange, WriteBatch},
    keys::{self, TABLES},
};

/// The rows of an engine as they are now, in another one.
pub(crate) fn copied(memory: &Memory) -> Memory {
    let (copy, snapshot) = (Memory::new(&TABLES), memory.snapshot().unwrap());
    let mut batch = WriteBatch::new();
    for table in TABLES {
        for row in snapshot.scan(table, ScanRange::all(), Direction::Forward) {
            let (key, value) = row.unwrap();
            batch.put(table, key, value);
        }
    }
    copy.commit(batch).unwrap();
    copy
}

/// The ids of database `n`, and a run.
pub(crate) fn running(n: u8, run: u8) -> Identity {
    Identity { run: RunId::from_bytes([run; 16]), ..identity(n) }
}

/// Opens database `n` in an engine; what it writes belongs to a run.
pub(crate) fn opened(memory: &Memory, n: u8, run: u8) -> Store {
    Place::Memory(memory.clone()).open_with(running(n, run), TestClock::at(1_000_000))
}

/// What a store says of itself when it calls.
pub(crate) fn offer(source: &Store) -> Begin {
    let snapshot = source.snapshot();
    let header = snapshot.header();
    Begin {
        source: source.database_id(),
        lineage: header.lineage().clone(),
        last_etag: header.last_etag,
        tombstone_floor: header.tombstone_floor,
        vector: header.vector.clone(),
        task: 1,
        generation: 1,
    }
}

/// The lower-cased ids of everything a database has, deletions too; ascending.
fn keys_of(snapshot: &Snapshot) -> Vec<Bytes> {
    let engine = snapshot.engine();
    let tables = [keys::DOCUMENTS, keys::TOMBSTONES, keys::CONFLICTS];
    let rows = tables
        .into_iter()
        .flat_map(|table| engine.scan(table, ScanRange::all(), Direction::Forward));
    let mut keys: Vec<_> = rows.map(|row| row.unwrap().0).collect();
    keys.sort_unstable();
    keys
}

/// A full reconcile as far as the session asks for one: the source says what it has, so many ids at
/// a time. Answers what was done in all.
pub(crate) async fn reconcile(
    source: &Store,
    destination: &Store,
    session: &Session,
    keys_max: usize,
) -> Reconciled {
    let mut done = Reconciled::default();
    let Some(after) = session.reconcile_after.clone() else { return done };
    let snapshot = source.snapshot();
    let mut keys = keys_of(&snapshot);
    keys.retain(|key| *key > after);
    let mut present = Present {
        source: source.database_id(),
        epoch: session.epoch,
        vector: snapshot.header().vector.clone(),
        after,
        through: None,
        keys: Vec::new(),
    };
    loop {
        present.keys = keys.drain(..keys.len().min(keys_max)).collect();
        present.through = present.keys.last().filter(|_| !keys.is_empty()).cloned();
        loop {
            let step = destination.reconcile(present.clone()).await.unwrap();
            done.removed += step.removed;
            done.kept += step.kept;
            done.vector = step.vector;
            let Some(next) = step.next else { break };
            present.after = next;
        }
        let Some(through) = present.through.take() else { return done };
        present.after = through;
    }
}

/// All that a session does: it begins, reconciles if it has to, and sends everything. Answers how
/// it began, and how many items went.
pub(crate) async fn bring(
    source: &Store,
    destination: &Store,
) -> Result<(Session, usize), BeginError> {
    let session = destination.begin(offer(source)).await?;
    reconcile(source, destination, &session, 2).await;
    let sent = Link::of(source, destination, session.clone()).run(usize::MAX).await;
    Ok((session, sent))
}
