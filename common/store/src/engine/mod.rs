//! The seam between a database and the thing that keeps its bytes.
//!
//! Owns the traits [`Engine`] and [`Snapshot`], the batch and the range they take, and what every
//! engine promises; `suite.rs` states the promises as tests. Knows nothing of what keys and values
//! mean: that is `keys.rs` and `tables/`. Called by the writer and the readers of this crate, on
//! blocking threads, never on the async runtime.

pub mod blobs;
pub mod embedded;
mod error;
pub mod memory;
#[cfg(test)]
mod tests;

use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

use bytes::Bytes;

pub use blobs::{BlobId, Blobs, Part};
pub use embedded::{Embedded, EmbeddedOptions};
pub use error::EngineError;
pub use memory::Memory;

/// Keeps tables of ordered keys, atomically and durably.
///
/// One writer at a time: `commit` may be called from several threads, but engines are free to
/// serialise; readers never wait for a commit.
pub trait Engine: Send + Sync + 'static {
    /// A view that is consistent over all tables: it holds exactly the batches whose `commit`
    /// returned `Ok` before this call, each of them whole, and stays so for as long as it lives.
    ///
    /// A batch that another thread is committing meanwhile is in it whole or not at all. A long
    /// lived snapshot keeps old versions on disk; drop it when done.
    ///
    /// # Errors
    ///
    /// Any [`EngineError`] of a remote engine; the engines of this crate never fail here.
    fn snapshot(&self) -> Result<Arc<dyn Snapshot>, EngineError>;

    /// Writes the whole batch or nothing of it, over all tables. Once it returns `Ok`, the batch
    /// survives a crash of the process and of the machine (as far as the engine is durable).
    ///
    /// An empty batch is accepted and does nothing. Not cancellable.
    ///
    /// # Errors
    ///
    /// [`EngineError::NoSpace`], [`EngineError::Length`], [`EngineError::UnknownTable`] and
    /// [`EngineError::Poisoned`]: nothing was written. Any other error: the outcome is unknown
    /// until the engine is opened again, snapshots of this handle never show the batch, and every
    /// later commit on this handle is refused as `Poisoned` (invariant I14).
    fn commit(&self, batch: WriteBatch) -> Result<(), EngineError>;

    /// The contents beside the rows; the same for as long as the engine is open, and longer where
    /// somebody still holds them.
    fn blobs(&self) -> Arc<dyn Blobs>;

    /// What tells the place where the engine keeps its bytes from every other, also from one that a
    /// copy of them was brought to; the same for as long as they stay there. `None` for an engine
    /// without such a place.
    ///
    /// # Errors
    ///
    /// [`EngineError::Io`].
    fn place(&self) -> Result<Option<String>, EngineError> {
        Ok(None)
    }
}

/// A consistent view of all tables at one moment; see [`Engine::snapshot`].
pub trait Snapshot: Send + Sync {
    /// The value at `key`, or `None`. An empty key is never there, nor one that is too long.
    ///
    /// The value holds on to little more memory than it shows; those of a scan may share a block of
    /// the engine, which lives as long as any of them.
    ///
    /// # Errors
    ///
    /// [`EngineError::Corrupt`], [`EngineError::Io`], [`EngineError::UnknownTable`].
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, EngineError>;

    /// The values at `keys`, in the order of `keys`; the same key may stand in it twice.
    ///
    /// # Errors
    ///
    /// As [`Snapshot::get`]; the first failing key fails the call.
    fn multi_get(&self, table: Table, keys: &[&[u8]]) -> Result<Vec<Option<Bytes>>, EngineError> {
        keys.iter().map(|key| self.get(table, key)).collect()
    }

    /// The rows of `range` in the order of `direction`, read as the iterator is driven.
    ///
    /// A range whose start lies behind its end is empty. After the first error the iterator ends.
    fn scan(&self, table: Table, range: ScanRange, direction: Direction) -> Scan<'_>;
}

/// What [`Snapshot::scan`] answers: key and value of each row.
pub type Scan<'a> = Box<dyn Iterator<Item = Result<(Bytes, Bytes), EngineError>> + Send + 'a>;

/// A table of an engine. Two tables never share an id or a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Table {
    /// Stable number, used where a table is named in few bytes. Never reused.
    pub id: u8,
    /// Stable name; the embedded engine's name for its keyspace: ASCII, at most 255 bytes.
    pub name: &'static str,
    /// How the table is used, from which an engine chooses its layout.
    pub profile: Profile,
}

/// How a table is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Profile {
    /// Few rows, seldom written.
    Small,
    /// Ascending keys, big values, read by scans.
    Sequential,
    /// Point reads and writes all over the table, small values; often asked for missing keys.
    Random,
}

/// Which way a scan goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Ascending keys.
    Forward,
    /// Descending keys.
    Backward,
}

/// A range of keys, bytes compared as unsigned numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScanRange {
    /// Where it begins.
    pub start: Bound<Bytes>,
    /// Where it ends.
    pub end: Bound<Bytes>,
}

impl ScanRange {
    /// Every key.
    #[must_use]
    pub const fn all() -> Self {
        Self { start: Bound::Unbounded, end: Bound::Unbounded }
    }

    /// The keys that begin with `prefix`, itself included; every key for an empty one.
    #[must_use]
    pub fn prefix(prefix: &[u8]) -> Self {
        let end = match prefix.iter().rposition(|byte| *byte != u8::MAX) {
            None => Bound::Unbounded,
            Some(last) => {
                let mut end = prefix[..=last].to_vec();
                end[last] += 1;
                Bound::Excluded(Bytes::from(end))
            }
        };
        if prefix.is_empty() {
            return Self::all();
        }
        Self { start: Bound::Included(Bytes::copy_from_slice(prefix)), end }
    }

    /// The keys behind `key`, without it.
    #[must_use]
    pub fn after(key: impl Into<Bytes>) -> Self {
        Self { start: Bound::Excluded(key.into()), end: Bound::Unbounded }
    }

    /// `key` and the keys behind it.
    #[must_use]
    pub fn from(key: impl Into<Bytes>) -> Self {
        Self { start: Bound::Included(key.into()), end: Bound::Unbounded }
    }

    /// The same range, ended before `key`.
    #[must_use]
    pub fn before(self, key: impl Into<Bytes>) -> Self {
        Self { end: Bound::Excluded(key.into()), ..self }
    }

    /// The same range, ended with `key`, which belongs to it.
    #[must_use]
    pub fn to(self, key: impl Into<Bytes>) -> Self {
        Self { end: Bound::Included(key.into()), ..self }
    }

    /// Whether a key lies in it.
    #[must_use]
    pub fn contains(&self, key: &Bytes) -> bool {
        let range = (self.start.as_ref(), self.end.as_ref());
        RangeBounds::<Bytes>::contains(&range, key)
    }

    /// Whether no key can lie in it, so that an engine need not be asked.
    pub(crate) fn is_empty(&self) -> bool {
        match (&self.start, &self.end) {
            (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
            (Bound::Included(start), Bound::Included(end)) => start > end,
            (
                Bound::Excluded(start) | Bound::Included(start),
                Bound::Excluded(end) | Bound::Included(end),
            ) => start >= end,
        }
    }
}

/// Puts and deletes to be committed together. Of several operations on one key the last counts.
#[derive(Clone, Debug, Default)]
pub struct WriteBatch {
    operations: Vec<Operation>,
    bytes: usize,
}

/// One put or delete of a [`WriteBatch`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Where.
    pub table: Table,
    /// Which row.
    pub key: Bytes,
    /// The new value; `None` deletes.
    pub value: Option<Bytes>,
}

impl Operation {
    /// Whether key and value have a length that every engine takes.
    pub(crate) fn check(&self) -> Result<(), EngineError> {
        let value_length = self.value.as_ref().map_or(0, Bytes::len);
        let parts = [
            ("key", self.key.len(), 1, KEY_BYTES_MAX),
            ("value", value_length, 0, VALUE_BYTES_MAX),
        ];
        for (part, length, min, max) in parts {
            if !(min..=max).contains(&length) {
                return Err(EngineError::Length { table: self.table.name, part, length, min, max });
            }
        }
        Ok(())
    }
}

impl FromIterator<Operation> for WriteBatch {
    fn from_iter<I: IntoIterator<Item = Operation>>(operations: I) -> Self {
        let mut batch = Self::new();
        for Operation { table, key, value } in operations {
            batch.push(table, key, value);
        }
        batch
    }
}

impl WriteBatch {
    /// An empty batch.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty batch with room for `operations` puts and deletes.
    #[must_use]
    pub fn with_capacity(operations: usize) -> Self {
        Self { operations: Vec::with_capacity(operations), bytes: 0 }
    }

    /// Writes `value` at `key`, over what was there.
    pub fn put(&mut self, table: Table, key: impl Into<Bytes>, value: impl Into<Bytes>) {
        self.push(table, key.into(), Some(value.into()));
    }

    /// Removes `key`; a key that is not there is no error.
    pub fn delete(&mut self, table: Table, key: impl Into<Bytes>) {
        self.push(table, key.into(), None);
    }

    /// How many puts and deletes it has, counting each of several on one key.
    #[must_use]
    pub fn len(&self) -> usize {
        self.operations.len()
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    /// Bytes of all keys and values in it.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The operations in the order they came.
    #[must_use]
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The operations in the order they came.
    #[must_use]
    pub fn into_operations(self) -> Vec<Operation> {
        self.operations
    }

    fn push(&mut self, table: Table, key: Bytes, value: Option<Bytes>) {
        self.bytes += key.len() + value.as_ref().map_or(0, Bytes::len);
        self.operations.push(Operation { table, key, value });
    }
}

/// Longest key that every engine takes, in bytes; the least is one. Bounded by the embedded
/// engine, which writes a key's length in two bytes.
pub const KEY_BYTES_MAX: usize = 65_535;

/// Longest value that every engine takes, in bytes: far above the largest item
/// of a batch, and far below the four bytes in which the embedded engine writes a length.
pub const VALUE_BYTES_MAX: usize = 1 << 30;
