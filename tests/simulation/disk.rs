//! A disk with faults: an engine in memory whose commits can fail, be lost, or find no space.
//!
//! What the embedded engine does to a real disk is one journal record a batch, with a checksum,
//! and an fsync: a batch is there whole or not at all, and what was not synced goes from the end.
//! Two engines in memory stand for what a process sees and what a power cut leaves.

mod contents;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use jackdaw_common::Etag;
use jackdaw_store::{
    Snapshot as Rows,
    engine::{
        Blobs, Direction, Engine, EngineError, Memory, Operation, ScanRange, Snapshot, Table,
        WriteBatch,
    },
    keys::{
        BLOBS, CHANGES, CONTENTS, COUNTERS, CURSORS, DOCUMENTS, REVISIONS, SEGMENTS, TABLES,
        TOMBSTONES,
    },
};
use jackdaw_tests::random::Random;

use crate::{oracle::Oracle, planted::Planted};
use contents::Contents;
pub(crate) use contents::Copied;

/// How the next commit fails.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failure {
    /// Whether the batch is there when the database is opened again.
    pub(crate) kept: bool,
}

/// The commit of a node that fails, counted from 1 over all its processes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crash {
    pub(crate) node: usize,
    pub(crate) commit: u64,
    pub(crate) failure: Failure,
}

/// The disk of one node. Outlives its processes.
#[derive(Clone)]
pub(crate) struct Disk {
    node: usize,
    platter: Arc<Mutex<Platter>>,
    contents: Contents,
    oracle: Oracle,
}

/// What a disk shows to whoever looks at it and changes nothing.
#[derive(Clone)]
pub(crate) struct Seen {
    rows: Memory,
    contents: Contents,
}

impl Seen {
    /// How many contents lie beside the rows.
    pub(crate) fn contents(&self) -> u64 {
        self.contents.count()
    }

    fn has(&self, table: Table, key: &[u8]) -> bool {
        self.value(table, key).is_some()
    }

    fn value(&self, table: Table, key: &[u8]) -> Option<Bytes> {
        self.rows.snapshot().unwrap().get(table, key).unwrap()
    }
}

impl Engine for Seen {
    fn blobs(&self) -> Arc<dyn Blobs> {
        self.contents.seen()
    }

    fn snapshot(&self) -> Result<Arc<dyn Snapshot>, EngineError> {
        self.rows.snapshot()
    }

    fn commit(&self, _batch: WriteBatch) -> Result<(), EngineError> {
        Err(EngineError::Poisoned { reason: "nobody writes here".into() })
    }
}

struct Platter {
    /// What a process sees.
    visible: Memory,
    /// What a power cut leaves.
    durable: Memory,
    /// Visible, but not durable: in the order they came.
    unsynced: Vec<Vec<Operation>>,
    /// Failed, though the disk has it.
    unanswered: Option<Vec<Operation>>,
    /// Handles of earlier processes write no more.
    opening: u64,
    broken: bool,
    full: bool,
    failing: Option<Failure>,
    commits: u64,
    crash: Option<Crash>,
    planted: Option<Planted>,
    random: Random,
}

impl Disk {
    /// An empty disk.
    pub(crate) fn new(
        node: usize,
        oracle: Oracle,
        planted: Option<Planted>,
        crash: Option<Crash>,
        random: &Random,
    ) -> Self {
        let platter = Platter {
            visible: Memory::new(&TABLES),
            durable: Memory::new(&TABLES),
            unsynced: Vec::new(),
            unanswered: None,
            opening: 0,
            broken: false,
            full: false,
            failing: None,
            commits: 0,
            crash: crash.filter(|crash| crash.node == node),
            planted,
            random: random.named(&format!("disk {node}")),
        };
        let contents = Contents::new(planted, random.named(&format!("contents {node}")));
        Self { node, platter: Arc::new(Mutex::new(platter)), contents, oracle }
    }

    /// A handle for a new process: those before it write no more.
    pub(crate) fn open(&self) -> Handle {
        let mut platter = self.platter();
        platter.opening += 1;
        platter.broken = false;
        platter.failing = None;
        let unanswered = platter.unanswered.take();
        let (opening, planted) = (platter.opening, platter.planted);
        drop(platter);
        if let Some(mut operations) = unanswered {
            if planted == Some(Planted::LostTombstone) {
                operations = without_deletions(operations, &self.visible().rows);
            }
            self.write(operations, true);
        }
        Handle { disk: self.clone(), opening, contents: self.contents.open() }
    }

    /// The process that had it open has ended.
    pub(crate) fn close(&self) {
        self.contents.close();
    }

    /// The power fails: what was not synced goes, from the end.
    pub(crate) fn cut_power(&self) {
        self.contents.cut_power();
        let mut platter = self.platter();
        let count = platter.unsynced.len();
        let kept = platter.random.index(count + 1);
        let unsynced = std::mem::take(&mut platter.unsynced);
        for operations in unsynced.into_iter().take(kept) {
            apply(&platter.durable, operations);
        }
        platter.visible = filled(&*platter.durable.snapshot().unwrap());
    }

    /// The next commit fails.
    pub(crate) fn fail(&self, failure: Failure) {
        self.platter().failing = Some(failure);
    }

    /// There is space again, or none.
    pub(crate) fn set_full(&self, full: bool) {
        self.platter().full = full;
        self.contents.set_full(full);
    }

    /// Whether its process must be started again.
    pub(crate) fn is_broken(&self) -> bool {
        self.platter().broken
    }

    /// Writes a row past every process, as a disk that has gone bad does.
    pub(crate) fn put(&self, table: Table, key: &[u8], value: &[u8]) {
        let operation =
            Operation { table, key: key.to_vec().into(), value: Some(value.to_vec().into()) };
        let platter = self.platter();
        apply(&platter.durable, vec![operation.clone()]);
        apply(&platter.visible, vec![operation]);
    }

    /// What a process sees.
    pub(crate) fn visible(&self) -> Seen {
        self.seen(self.platter().visible.clone())
    }

    fn seen(&self, rows: Memory) -> Seen {
        Seen { rows, contents: self.contents.clone() }
    }

    /// What a copy of the disk has that is taken now.
    pub(crate) fn checkpoint(&self) -> (Arc<dyn Snapshot>, Copied) {
        let rows = self.platter().durable.snapshot().expect("the engine in memory takes all");
        (rows, self.contents.copy())
    }

    /// The disk as a whole is what it was. No process has it open.
    pub(crate) fn set_back(&self, checkpoint: &dyn Snapshot, contents: &Copied) {
        self.contents.set_back(contents);
        let mut platter = self.platter();
        platter.opening += 1;
        platter.broken = false;
        (platter.unanswered, platter.failing) = (None, None);
        platter.unsynced.clear();
        platter.durable = filled(checkpoint);
        platter.visible = filled(checkpoint);
    }

    /// Does something to the rows that no process does, and no invariant judges.
    pub(crate) fn edit<T>(&self, edit: impl FnOnce(&Memory) -> T) -> T {
        let mut platter = self.platter();
        let done = edit(&platter.visible);
        platter.durable = filled(&*platter.visible.snapshot().unwrap());
        done
    }

    fn commit(&self, opening: u64, batch: WriteBatch) -> Result<(), EngineError> {
        let mut platter = self.platter();
        if platter.broken || platter.opening != opening {
            return Err(EngineError::Poisoned { reason: "an earlier commit failed".into() });
        }
        if platter.full {
            let path = "simulated".into();
            return Err(EngineError::NoSpace { path, available: 0, needed: batch.bytes() as u64 });
        }
        platter.commits += 1;
        let commit = platter.commits;
        let crash = platter.crash.filter(|crash| crash.commit == commit);
        let failing = platter.failing.take().or(crash.map(|crash| crash.failure));
        if let Some(Failure { kept }) = failing {
            platter.broken = true;
            platter.unanswered = kept.then(|| batch.into_operations());
            let source = std::io::Error::other("simulated");
            return Err(EngineError::Io { doing: "syncing", source });
        }
        let planted = platter.planted;
        let hit = planted.is_some_and(Planted::is_on_disk) && platter.random.chance(200);
        drop(platter);
        self.write_but(planted.filter(|_| hit), batch.into_operations());
        Ok(())
    }

    /// Writes a commit, as far as a planted bug lets it.
    fn write_but(&self, planted: Option<Planted>, operations: Vec<Operation>) {
        match planted {
            Some(Planted::NoSync) => self.write(operations, false),
            Some(Planted::CursorAlone) if moves_cursor(&operations) => {
                let rows = [CHANGES.id, DOCUMENTS.id, REVISIONS.id];
                let rest = operations.into_iter().filter(|o| !rows.contains(&o.table.id));
                self.write(rest.collect(), true);
            }
            Some(Planted::HalfCommits) => {
                // A document and its change go together: only transactions are torn.
                let (first, rest) = torn(operations);
                self.write(first, true);
                self.write(rest, true);
            }
            Some(Planted::SharedEpoch) if operations.len() <= 2 => {
                let rest = operations.into_iter().filter(|o| o.table != CURSORS);
                self.write(rest.collect(), true);
            }
            Some(Planted::NewEtag) => self.write(doubled(operations), true),
            Some(Planted::HalfParts) if moves_cursor(&operations) => {
                let (later, first) = operations.into_iter().partition(is_part);
                self.write(first, true);
                self.write(later, true);
            }
            Some(Planted::StaleCounter) if moves_cursor(&operations) => {
                let stale = |o: &Operation| o.table == COUNTERS && o.value.is_some();
                self.write(operations.into_iter().filter(|o| !stale(o)).collect(), true);
            }
            Some(Planted::Uncounted) if keeps_revision(&operations) => {
                let visible = self.visible();
                let counted = |o: &Operation| o.table == BLOBS && visible.has(BLOBS, &o.key);
                self.write(operations.into_iter().filter(|o| !counted(o)).collect(), true);
            }
            Some(Planted::ContentLast) => {
                let (later, first) = operations.into_iter().partition(is_content);
                self.write(first, true);
                self.write(later, true);
            }
            Some(Planted::PastReturns) => {
                let back = self.before(&operations);
                self.write(operations, true);
                self.write(back, true);
            }
            Some(Planted::KeptIsLost) => {
                let kept = |o: &&Operation| {
                    o.table == REVISIONS && o.value.is_some() && !o.key.ends_with(&[0])
                };
                let lost = operations.iter().find(kept).cloned();
                let lost = lost.map(|o| Operation { value: None, ..o });
                self.write(operations, true);
                self.write(lost.into_iter().collect(), true);
            }
            Some(Planted::RemovedStays) => {
                let stays = |o: &Operation| o.table == REVISIONS && o.value.is_none();
                self.write(operations.into_iter().filter(|o| !stays(o)).collect(), true);
            }
            Some(Planted::PartsStay) => {
                let stays = |o: &Operation| is_part(o) && o.value.is_none();
                self.write(operations.into_iter().filter(|o| !stays(o)).collect(), true);
            }
            _ => self.write(operations, true),
        }
    }

    /// What documents were that a commit writes anew, and of which it keeps what they were.
    fn before(&self, operations: &[Operation]) -> Vec<Operation> {
        let visible = self.visible();
        let kept = |key: &[u8]| {
            let of = |o: &&Operation| o.table == REVISIONS && o.value.is_some();
            operations.iter().filter(of).any(|o| o.key.starts_with(&[key, &[0]].concat()))
        };
        let written = operations.iter().filter(|o| o.table == DOCUMENTS && o.value.is_some());
        let back = written.filter(|o| kept(&o.key)).filter_map(|o| {
            let value = visible.value(DOCUMENTS, &o.key)?;
            Some(Operation { value: Some(value), ..o.clone() })
        });
        back.collect()
    }

    fn write(&self, operations: Vec<Operation>, synced: bool) {
        let mut platter = self.platter();
        apply(&platter.visible, operations.clone());
        platter.unsynced.push(operations.clone());
        if synced {
            let unsynced = std::mem::take(&mut platter.unsynced);
            for operations in unsynced {
                apply(&platter.durable, operations);
            }
        }
        let visible = platter.visible.clone();
        drop(platter);
        self.oracle.committed(self.node, &operations, &self.seen(visible), synced);
    }

    fn platter(&self) -> MutexGuard<'_, Platter> {
        self.platter.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn apply(engine: &Memory, operations: Vec<Operation>) {
    engine.commit(operations.into_iter().collect()).expect("the engine in memory takes all");
}

fn filled(from: &dyn Snapshot) -> Memory {
    let to = Memory::new(&TABLES);
    for table in TABLES {
        let rows = from.scan(table, ScanRange::all(), Direction::Forward).map(|row| {
            let (key, value) = row.unwrap();
            Operation { table, key, value: Some(value) }
        });
        apply(&to, rows.collect());
    }
    to
}

fn moves_cursor(operations: &[Operation]) -> bool {
    operations.iter().any(|operation| operation.table == CURSORS)
}

fn keeps_revision(operations: &[Operation]) -> bool {
    operations.iter().any(|o| o.table == REVISIONS && o.value.is_some())
}

fn is_content(operation: &Operation) -> bool {
    [BLOBS, CONTENTS].contains(&operation.table)
}

fn is_part(operation: &Operation) -> bool {
    [COUNTERS, SEGMENTS].contains(&operation.table)
}

/// The commit without what it says of deletions, but for the documents that go.
fn without_deletions(mut operations: Vec<Operation>, visible: &Memory) -> Vec<Operation> {
    let after = filled(&*visible.snapshot().unwrap());
    apply(&after, operations.clone());
    let Some(rows) = Rows::inspect(&after).unwrap() else { return operations };
    let rows = rows.changes_after(Etag::ZERO).map(Result::unwrap);
    let deletions = rows.filter(|row| row.version.content.is_tombstone());
    let deletions: BTreeSet<_> = deletions.map(|row| row.etag.to_be_bytes().to_vec()).collect();
    operations.retain(|o| {
        let deletes = o.table == TOMBSTONES || o.table == CHANGES && deletions.contains(&o.key[..]);
        o.value.is_none() || !deletes
    });
    operations
}

/// Two halves of a commit, between two documents.
fn torn(operations: Vec<Operation>) -> (Vec<Operation>, Vec<Operation>) {
    let documents = operations.iter().filter(|o| o.table == DOCUMENTS).count();
    if documents < 2 || !moves_cursor(&operations) {
        return (operations, Vec::new());
    }
    let first = operations.iter().find(|o| o.table == DOCUMENTS).map(|o| o.key.clone());
    // One document comes first; where the cursor stands, and all the rest, follows.
    operations.into_iter().partition(|o| {
        let leads = o.table == DOCUMENTS && Some(&o.key) == first.as_ref();
        o.value.is_some() && (leads || o.table == CHANGES)
    })
}

/// The commit, each of its changes a second time, far away.
fn doubled(mut operations: Vec<Operation>) -> Vec<Operation> {
    let again: Vec<_> = operations
        .iter()
        .filter(|operation| operation.table == CHANGES && operation.value.is_some())
        .cloned()
        .map(|mut operation| {
            let mut key = operation.key.to_vec();
            key[1] |= 1;
            operation.key = key.into();
            operation
        })
        .collect();
    operations.extend(again);
    operations
}

/// What a process has of a disk.
#[derive(Clone)]
pub(crate) struct Handle {
    disk: Disk,
    opening: u64,
    contents: Arc<dyn Blobs>,
}

impl Engine for Handle {
    fn blobs(&self) -> Arc<dyn Blobs> {
        Arc::clone(&self.contents)
    }

    fn snapshot(&self) -> Result<Arc<dyn Snapshot>, EngineError> {
        self.disk.visible().snapshot()
    }

    fn commit(&self, batch: WriteBatch) -> Result<(), EngineError> {
        if batch.is_empty() {
            return Ok(());
        }
        self.disk.commit(self.opening, batch)
    }
}
