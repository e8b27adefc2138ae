//! Reading at one moment, and the translation of fjall's errors.

use std::io;
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;
use fjall::{Database, Guard, Keyspace, LsmError, Readable};

use super::super::{Direction, EngineError, KEY_BYTES_MAX, Scan, ScanRange, Snapshot, Table};

/// The open keyspaces, found by the id of their table.
pub(super) struct Keyspaces(Vec<Option<Keyspace>>);

impl Keyspaces {
    pub(super) fn new(opened: impl IntoIterator<Item = (Table, Keyspace)>) -> Self {
        let mut by_id = vec![None; usize::from(u8::MAX) + 1];
        for (table, keyspace) in opened {
            by_id[usize::from(table.id)] = Some(keyspace);
        }
        Self(by_id)
    }

    pub(super) fn of(&self, table: Table) -> Result<&Keyspace, EngineError> {
        let keyspace = self.0.get(usize::from(table.id)).and_then(Option::as_ref);
        keyspace.ok_or(EngineError::UnknownTable { table: table.name })
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Keyspace> {
        self.0.iter().flatten()
    }
}

/// All tables as they were between two commits.
pub(super) struct View {
    snapshot: fjall::Snapshot,
    keyspaces: Arc<Keyspaces>,
}

impl View {
    /// Must not be called while a batch is being committed: it would show half of it.
    pub(super) fn new(database: &Database, keyspaces: &Arc<Keyspaces>) -> Self {
        Self { snapshot: database.snapshot(), keyspaces: Arc::clone(keyspaces) }
    }
}

impl Snapshot for View {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
        let keyspace = self.keyspaces.of(table)?;
        // fjall panics on a key that cannot be there.
        if !(1..=KEY_BYTES_MAX).contains(&key.len()) {
            return Ok(None);
        }
        let found = self.snapshot.get(keyspace, key);
        let found = found.map_err(|error| unreadable(error, table, || Bytes::copy_from_slice(key)));
        Ok(found?.map(|value| unshared(value.into())))
    }

    fn multi_get(&self, table: Table, keys: &[&[u8]]) -> Result<Vec<Option<Bytes>>, EngineError> {
        // Neighbours lie in the same blocks and on the same paths through memory.
        let mut order: Vec<usize> = (0..keys.len()).collect();
        order.sort_unstable_by_key(|index| keys[*index]);
        let mut found = vec![None; keys.len()];
        for index in order {
            found[index] = self.get(table, keys[index])?;
        }
        Ok(found)
    }

    fn scan(&self, table: Table, range: ScanRange, direction: Direction) -> Scan<'_> {
        let keyspace = match self.keyspaces.of(table) {
            Ok(keyspace) => keyspace,
            Err(error) => return Box::new(std::iter::once(Err(error))),
        };
        if range.is_empty() {
            return Box::new(std::iter::empty());
        }
        let bounds = (start_within_limits(range.start), end_within_limits(range.end));
        let guards = self.snapshot.range::<Bytes, _>(keyspace, bounds);
        match direction {
            Direction::Forward => Box::new(Rows::new(guards, table)),
            Direction::Backward => Box::new(Rows::new(guards.rev(), table)),
        }
    }
}

/// A value read alone, as a copy if it is small: as it comes it keeps the whole block in memory, so
/// that a batch of small rows from all over a table would hold on to a hundred times its size.
fn unshared(value: Bytes) -> Bytes {
    if value.len() > COPIED_BYTES_MAX { value } else { Bytes::copy_from_slice(&value) }
}

/// From here on a value is a good part of its block, and a copy costs more than it saves.
const COPIED_BYTES_MAX: usize = 4 << 10;

/// fjall panics on a bound longer than any key. No key lies between such a bound and its beginning
/// of the greatest length, and none but that beginning is a prefix of it.
fn start_within_limits(start: Bound<Bytes>) -> Bound<Bytes> {
    match start {
        Bound::Included(key) | Bound::Excluded(key) if key.len() > KEY_BYTES_MAX => {
            Bound::Excluded(key.slice(..KEY_BYTES_MAX))
        }
        start => start,
    }
}

/// As [`start_within_limits`].
fn end_within_limits(end: Bound<Bytes>) -> Bound<Bytes> {
    match end {
        Bound::Included(key) | Bound::Excluded(key) if key.len() > KEY_BYTES_MAX => {
            Bound::Included(key.slice(..KEY_BYTES_MAX))
        }
        end => end,
    }
}

/// A running scan; ends for good after its first error.
struct Rows<I> {
    guards: Option<I>,
    table: Table,
    last: Bytes,
}

impl<I> Rows<I> {
    fn new(guards: I, table: Table) -> Self {
        Self { guards: Some(guards), table, last: Bytes::new() }
    }
}

impl<I: Iterator<Item = Guard>> Iterator for Rows<I> {
    type Item = Result<(Bytes, Bytes), EngineError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.guards.as_mut()?.next()?.into_inner() {
            Ok((key, value)) => {
                self.last = Bytes::from(key);
                Some(Ok((self.last.clone(), Bytes::from(value))))
            }
            Err(error) => {
                self.guards = None;
                Some(Err(unreadable(error, self.table, || self.last.clone())))
            }
        }
    }
}

/// What reading `table` at `key` failed with.
fn unreadable(error: fjall::Error, table: Table, key: impl FnOnce() -> Bytes) -> EngineError {
    match input_output(error) {
        // A file that ends too early is damage as well, not a fault of the device.
        Ok(source) if source.kind() != io::ErrorKind::UnexpectedEof => {
            EngineError::Io { doing: "reading a table", source }
        }
        Ok(source) => {
            EngineError::Corrupt { table: table.name, key: key(), what: source.to_string() }
        }
        Err(what) => EngineError::Corrupt { table: table.name, key: key(), what },
    }
}

/// What anything but reading failed with.
pub(super) fn failure(error: fjall::Error, doing: &'static str) -> EngineError {
    let source = input_output(error).unwrap_or_else(io::Error::other);
    EngineError::Io { doing, source }
}

/// The system's error inside fjall's, or else what fjall says.
pub(super) fn input_output(error: fjall::Error) -> Result<io::Error, String> {
    match error {
        fjall::Error::Io(source) | fjall::Error::Storage(LsmError::Io(source)) => Ok(source),
        fjall::Error::Storage(error) => Err(format!("{error:?}")),
        error => Err(format!("{error:?}")),
    }
}
