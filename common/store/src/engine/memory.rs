//! An engine that keeps everything in memory and nothing anywhere else: for tests and simulation.
//!
//! A snapshot shares each table with the engine; a commit copies a table only when a snapshot
//! still holds it. Called wherever an [`Engine`] is; clones share the same rows, so that a test
//! can "reopen" it.

mod blobs;

use std::collections::BTreeMap;
use std::collections::btree_map;
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;

use super::{Blobs, Direction, Engine, EngineError, Scan, ScanRange, Snapshot, Table, WriteBatch};
use blobs::MemoryBlobs;

/// The engine in memory. A clone is another handle on the same rows.
#[derive(Clone)]
pub struct Memory {
    state: Arc<RwLock<State>>,
    blobs: MemoryBlobs,
}

impl Memory {
    /// An empty engine with these tables.
    #[must_use]
    pub fn new(tables: &[Table]) -> Self {
        let tables = tables.iter().map(|table| (table.id, Arc::default())).collect();
        Self { state: Arc::new(RwLock::new(State { tables })), blobs: MemoryBlobs::default() }
    }

    fn state(&self) -> State {
        self.state.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Engine for Memory {
    fn snapshot(&self) -> Result<Arc<dyn Snapshot>, EngineError> {
        Ok(Arc::new(self.state()))
    }

    fn commit(&self, batch: WriteBatch) -> Result<(), EngineError> {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        for operation in batch.operations() {
            operation.check()?;
            state.rows(operation.table)?;
        }
        for operation in batch.into_operations() {
            let Some(rows) = state.tables.get_mut(&operation.table.id) else { continue };
            let rows = Arc::make_mut(rows);
            match operation.value {
                Some(value) => rows.insert(operation.key, value),
                None => rows.remove(&operation.key),
            };
        }
        Ok(())
    }

    fn blobs(&self) -> Arc<dyn Blobs> {
        Arc::new(self.blobs.clone())
    }
}

type Rows = BTreeMap<Bytes, Bytes>;

/// All rows at one moment; being a copy of pointers it is its own snapshot.
#[derive(Clone)]
struct State {
    tables: BTreeMap<u8, Arc<Rows>>,
}

impl State {
    fn rows(&self, table: Table) -> Result<&Rows, EngineError> {
        let rows = self.tables.get(&table.id).map(AsRef::as_ref);
        rows.ok_or(EngineError::UnknownTable { table: table.name })
    }
}

impl Snapshot for State {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
        Ok(self.rows(table)?.get(key).cloned())
    }

    fn scan(&self, table: Table, range: ScanRange, direction: Direction) -> Scan<'_> {
        let rows = match self.rows(table) {
            Ok(rows) => rows,
            Err(error) => return Box::new(std::iter::once(Err(error))),
        };
        if range.is_empty() {
            return Box::new(std::iter::empty());
        }
        let rows = rows.range::<Bytes, (Bound<Bytes>, Bound<Bytes>)>((range.start, range.end));
        match direction {
            Direction::Forward => Box::new(rows.map(owned)),
            Direction::Backward => Box::new(rows.rev().map(owned)),
        }
    }
}

type Row<'a> = <btree_map::Range<'a, Bytes, Bytes> as Iterator>::Item;

fn owned((key, value): Row<'_>) -> Result<(Bytes, Bytes), EngineError> {
    Ok((key.clone(), value.clone()))
}
