//! Engines that break one promise each.

use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;

use crate::engine::{
    Blobs, Direction, Engine, EngineError, Memory, Operation, Scan, ScanRange, Snapshot, Table,
    WriteBatch,
};
use crate::suite::{Place, TABLES};

/// What is wrong with a [`Faulty`] engine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fault {
    RowsFromNowhere,
    SeesTheCommitBefore,
    TablesOneByOne,
    DropsOneOfTwoAtATime,
    KeepsThePartBeforeAnError,
    FirstOperationCounts,
    ErrorOnDeletingNothing,
    ErrorOnAnEmptyBatch,
    EmptyValuesAreNone,
    CutsBigValues,
    RefusesLongKeys,
    OneTableForTwo,
    ForgetsWhenOpened,
    AnswersInKeyOrder,
    UnknownTablesAreEmpty,
    SnapshotsMove,
    ScansMove,
    SnapshotsExpire,
    ExcludedStartIncluded,
    ExcludedEndIncluded,
    AlwaysForward,
    PanicsOnInvertedRanges,
    PanicsOnLongBounds,
    StopsAtTheGreatestByte,
    SignedOrder,
    LosesEveryHundredthCommit,
}

/// Every fault, with the check that is there to find it.
pub(super) const FAULTS: &[(Fault, &str)] = &[
    (Fault::RowsFromNowhere, "a new engine is empty"),
    (Fault::SeesTheCommitBefore, "a commit is seen at once"),
    (Fault::TablesOneByOne, "a batch is whole over tables"),
    (Fault::DropsOneOfTwoAtATime, "commits of several threads all land"),
    (Fault::KeepsThePartBeforeAnError, "a refused batch leaves nothing"),
    (Fault::FirstOperationCounts, "the last operation on a key counts"),
    (Fault::ErrorOnDeletingNothing, "deleting what is not there is no error"),
    (Fault::ErrorOnAnEmptyBatch, "an empty batch does nothing"),
    (Fault::EmptyValuesAreNone, "values may be empty"),
    (Fault::CutsBigValues, "values may be big"),
    (Fault::RefusesLongKeys, "keys may be long"),
    (Fault::OneTableForTwo, "tables are apart"),
    (Fault::ForgetsWhenOpened, "what was committed is there after opening again"),
    (Fault::AnswersInKeyOrder, "many keys are read in the order asked"),
    (Fault::UnknownTablesAreEmpty, "an unknown table is an error"),
    (Fault::SnapshotsMove, "an older snapshot stays as it was"),
    (Fault::ScansMove, "a running scan stays as it was"),
    (Fault::SnapshotsExpire, "a snapshot outlives much writing"),
    (Fault::ExcludedStartIncluded, "a scan keeps to its bounds"),
    (Fault::ExcludedEndIncluded, "a scan keeps to its bounds"),
    (Fault::AlwaysForward, "a scan keeps to its bounds"),
    (Fault::PanicsOnInvertedRanges, "a range that ends before it starts is empty"),
    (Fault::PanicsOnLongBounds, "bounds may be longer than keys"),
    (Fault::StopsAtTheGreatestByte, "a prefix is exact"),
    (Fault::SignedOrder, "keys are ordered as unsigned bytes"),
    (Fault::LosesEveryHundredthCommit, "any history is as in a model"),
    (Fault::ForgetsWhenOpened, "any history is as in a model"),
    (Fault::SnapshotsExpire, "any history is as in a model"),
    (Fault::ExcludedEndIncluded, "any history is as in a model"),
];

/// An engine in memory with a fault; it is its own place.
#[derive(Clone)]
pub(super) struct Faulty {
    fault: Fault,
    inner: Memory,
    commits: Arc<AtomicUsize>,
    busy: Arc<AtomicBool>,
    before: Arc<std::sync::Mutex<Option<Arc<dyn Snapshot>>>>,
}

impl Faulty {
    pub(super) fn new(fault: Fault) -> Self {
        Self {
            fault,
            inner: Memory::new(&TABLES),
            commits: Arc::default(),
            busy: Arc::default(),
            before: Arc::default(),
        }
    }

    fn table(&self, table: Table) -> Table {
        let both = self.fault == Fault::OneTableForTwo && table == TABLES[2];
        if both { TABLES[0] } else { table }
    }

    fn one_by_one(&self, batch: WriteBatch) -> Result<(), EngineError> {
        for table in TABLES {
            let mut part = WriteBatch::new();
            for operation in batch.operations().iter().filter(|one| one.table == table) {
                push(&mut part, table, operation.clone());
            }
            self.inner.commit(part)?;
            std::thread::sleep(Duration::from_micros(50));
        }
        Ok(())
    }
}

fn push(batch: &mut WriteBatch, table: Table, operation: Operation) {
    match operation.value {
        Some(value) => batch.put(table, operation.key, value),
        None => batch.delete(table, operation.key),
    }
}

fn failure() -> EngineError {
    EngineError::Poisoned { reason: "a planted fault".to_owned() }
}

impl Place for Faulty {
    fn open(&self) -> Result<Arc<dyn Engine>, EngineError> {
        let mut opened = self.clone();
        if self.fault == Fault::ForgetsWhenOpened {
            opened.inner = Memory::new(&TABLES);
        }
        Ok(Arc::new(opened))
    }
}

impl Engine for Faulty {
    fn snapshot(&self) -> Result<Arc<dyn Snapshot>, EngineError> {
        let inner = match (self.fault, &*self.before.lock().unwrap()) {
            (Fault::SeesTheCommitBefore, Some(before)) => Arc::clone(before),
            _ => self.inner.snapshot()?,
        };
        let taken = self.commits.load(Ordering::SeqCst);
        Ok(Arc::new(FaultySnapshot { engine: self.clone(), inner, taken }))
    }

    fn blobs(&self) -> Arc<dyn Blobs> {
        self.inner.blobs()
    }

    fn commit(&self, batch: WriteBatch) -> Result<(), EngineError> {
        let number = self.commits.fetch_add(1, Ordering::SeqCst);
        *self.before.lock().unwrap() = Some(self.inner.snapshot()?);
        match self.fault {
            Fault::ErrorOnAnEmptyBatch if batch.is_empty() => return Err(failure()),
            Fault::LosesEveryHundredthCommit if number % 100 == 99 => return Ok(()),
            Fault::TablesOneByOne => return self.one_by_one(batch),
            Fault::DropsOneOfTwoAtATime => {
                if self.busy.swap(true, Ordering::SeqCst) {
                    return Ok(());
                }
                std::thread::sleep(Duration::from_micros(100));
                let outcome = self.inner.commit(batch);
                self.busy.store(false, Ordering::SeqCst);
                return outcome;
            }
            _ => {}
        }
        let mut operations = batch.into_operations();
        if self.fault == Fault::FirstOperationCounts {
            operations.reverse();
        }
        let snapshot = self.inner.snapshot()?;
        let mut batch = WriteBatch::new();
        for mut operation in operations {
            let table = self.table(operation.table);
            match (self.fault, &operation.value) {
                (Fault::RefusesLongKeys, _) if operation.key.len() > 1000 => return Err(failure()),
                (Fault::CutsBigValues, Some(value)) => {
                    operation.value = Some(value.slice(..value.len().min(1 << 20)));
                }
                (Fault::ErrorOnDeletingNothing, None)
                    if snapshot.get(table, &operation.key)?.is_none() =>
                {
                    return Err(failure());
                }
                (Fault::KeepsThePartBeforeAnError, _) => {
                    let mut one = WriteBatch::new();
                    push(&mut one, table, operation);
                    self.inner.commit(one)?;
                    continue;
                }
                _ => {}
            }
            push(&mut batch, table, operation);
        }
        self.inner.commit(batch)
    }
}

struct FaultySnapshot {
    engine: Faulty,
    inner: Arc<dyn Snapshot>,
    taken: usize,
}

impl FaultySnapshot {
    fn now(&self) -> Arc<dyn Snapshot> {
        let age = self.engine.commits.load(Ordering::SeqCst) - self.taken;
        match self.engine.fault {
            Fault::SnapshotsMove => self.engine.inner.snapshot().unwrap(),
            Fault::SnapshotsExpire if age > 20 => self.engine.inner.snapshot().unwrap(),
            _ => Arc::clone(&self.inner),
        }
    }
}

impl Snapshot for FaultySnapshot {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
        match self.engine.fault {
            Fault::RowsFromNowhere => return Ok(Some(Bytes::new())),
            Fault::UnknownTablesAreEmpty if !TABLES.contains(&table) => return Ok(None),
            _ => {}
        }
        let found = self.now().get(self.engine.table(table), key)?;
        let hidden = self.engine.fault == Fault::EmptyValuesAreNone;
        Ok(found.filter(|value| !(hidden && value.is_empty())))
    }

    fn multi_get(&self, table: Table, keys: &[&[u8]]) -> Result<Vec<Option<Bytes>>, EngineError> {
        let mut keys = keys.to_vec();
        if self.engine.fault == Fault::AnswersInKeyOrder {
            keys.sort_unstable();
        }
        keys.into_iter().map(|key| self.get(table, key)).collect()
    }

    fn scan(&self, table: Table, mut range: ScanRange, direction: Direction) -> Scan<'_> {
        let included = |bound: Bound<Bytes>| match bound {
            Bound::Excluded(key) => Bound::Included(key),
            bound => bound,
        };
        let mut direction = direction;
        match self.engine.fault {
            Fault::ExcludedStartIncluded => range.start = included(range.start),
            Fault::ExcludedEndIncluded => range.end = included(range.end),
            Fault::AlwaysForward => direction = Direction::Forward,
            Fault::PanicsOnInvertedRanges => assert!(!range.is_empty()),
            Fault::PanicsOnLongBounds => {
                for bound in [&range.start, &range.end] {
                    if let Bound::Included(key) | Bound::Excluded(key) = bound {
                        assert!(key.len() <= super::KEY_BYTES_MAX);
                    }
                }
            }
            _ => {}
        }
        let rows = move |snapshot: Arc<dyn Snapshot>, range| {
            let rows = snapshot.scan(self.engine.table(table), range, direction);
            rows.collect::<Vec<_>>()
        };
        match self.engine.fault {
            // Reads on from where it stands, in whatever is there by then.
            Fault::ScansMove => Box::new(std::iter::from_fn(move || {
                let rest = rows(self.engine.inner.snapshot().unwrap(), range.clone());
                let row = rest.into_iter().next()?;
                let key = row.as_ref().unwrap().0.clone();
                match direction {
                    Direction::Forward => range.start = Bound::Excluded(key),
                    Direction::Backward => range.end = Bound::Excluded(key),
                }
                Some(row)
            })),
            Fault::StopsAtTheGreatestByte => {
                let mut rows = rows(self.now(), range);
                rows.retain(|row| row.as_ref().map_or(true, |(key, _)| key[0] != u8::MAX));
                Box::new(rows.into_iter())
            }
            Fault::SignedOrder => {
                let mut rows = rows(self.now(), range);
                rows.sort_by_key(|row| row.as_ref().unwrap().0[0].cast_signed());
                Box::new(rows.into_iter())
            }
            _ => Box::new(rows(self.now(), range).into_iter()),
        }
    }
}
