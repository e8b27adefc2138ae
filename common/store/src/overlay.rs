//! What a group of intents has decided and not committed yet, laid over the published state.
//!
//! Later intents of a group read what earlier ones wrote; an intent that fails takes back just
//! what it wrote itself. Owned by the writer, used by one thread.

use std::{
    any::Any,
    cmp::Ordering,
    collections::{BTreeSet, HashMap},
    iter,
    sync::Arc,
};

use bytes::Bytes;

use crate::{
    engine::{Direction, EngineError, Scan, ScanRange, Snapshot, Table, WriteBatch},
    keys::{COUNTERS, REVISIONS, SEGMENTS, TABLES},
};

#[cfg(test)]
use crate::keys::{CONFLICTS, DOCUMENTS, TOMBSTONES};

#[cfg(test)]
thread_local! {
    /// A planted bug: documents are loaded as they were before the group (pitfall 16).
    pub(crate) static STALE: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// Rows written since the last commit, over a snapshot of that commit.
pub(crate) struct Overlay {
    base: Arc<dyn Snapshot>,
    written: Vec<HashMap<Bytes, Option<Bytes>>>,
    /// Keys that were written in the tables that are scanned, in order; some may have been taken
    /// back.
    order: [BTreeSet<Bytes>; ORDERED.len()],
    undo: Vec<Undo>,
    /// Bytes that were written, and of those what stands; what was written again counts again.
    bytes: usize,
    kept: usize,
    /// What must not go before the group is committed.
    held: Vec<Box<dyn Any>>,
}

/// How one row stood in the overlay before an intent wrote it.
struct Undo {
    table: Table,
    key: Bytes,
    before: Option<Option<Bytes>>,
}

impl Overlay {
    /// Nothing written yet over `base`.
    pub(crate) fn new(base: Arc<dyn Snapshot>) -> Self {
        let written = TABLES.iter().map(|_| HashMap::new()).collect();
        let order = Default::default();
        let (undo, held) = Default::default();
        Self { base, written, order, undo, bytes: 0, kept: 0, held }
    }

    /// Bytes that were written since the last commit, about.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The value at `key` as this group sees it.
    pub(crate) fn row(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
        #[cfg(test)]
        if STALE.get() && [DOCUMENTS, TOMBSTONES, CONFLICTS].contains(&table) {
            return self.base.get(table, key);
        }
        match self.written[place(table)].get(key) {
            Some(value) => Ok(value.clone()),
            None => self.base.get(table, key),
        }
    }

    /// The published state below, without what this group has written.
    pub(crate) fn base(&self) -> &Arc<dyn Snapshot> {
        &self.base
    }

    /// Keeps something until the group is committed, or refused.
    pub(crate) fn hold(&mut self, something: impl Any) {
        self.held.push(Box::new(something));
    }

    /// The rows of one of the tables that are scanned, as this group sees them.
    pub(crate) fn scan(&self, table: Table, range: ScanRange, direction: Direction) -> Scan<'_> {
        let order = ORDERED.iter().position(|ordered| *ordered == table);
        let written = order.filter(|_| !range.is_empty()).map(|at| {
            let keys = self.order[at].range((range.start.clone(), range.end.clone()));
            let forward = direction == Direction::Forward;
            let keys: Box<dyn Iterator<Item = &Bytes> + Send> =
                if forward { Box::new(keys) } else { Box::new(keys.rev()) };
            keys
        });
        let mut written = written.into_iter().flatten().peekable();
        let mut base = self.base.scan(table, range, direction).peekable();
        let rows = &self.written[place(table)];
        Box::new(iter::from_fn(move || {
            loop {
                let order = match (base.peek(), written.peek()) {
                    (None, None) => return None,
                    (Some(Ok((one, _))), Some(other)) if direction == Direction::Forward => {
                        one.cmp(other)
                    }
                    (Some(Ok((one, _))), Some(other)) => (*other).cmp(one),
                    (Some(_), _) => Ordering::Less,
                    (None, Some(_)) => Ordering::Greater,
                };
                let before = if order == Ordering::Greater { None } else { base.next() };
                if order == Ordering::Less {
                    return before;
                }
                let key = written.next()?;
                match rows.get(key) {
                    Some(Some(row)) => return Some(Ok((key.clone(), row.clone()))),
                    Some(None) => {}
                    None if before.is_some() => return before,
                    None => {}
                }
            }
        }))
    }

    /// The rows of a table that this group has written or removed, in no order.
    pub(crate) fn changed(
        &self,
        table: Table,
    ) -> impl Iterator<Item = (&Bytes, Option<Bytes>)> + '_ {
        self.written[place(table)].iter().map(|(key, row)| (key, row.clone()))
    }

    /// The rows of a table that this group has written and not removed, in no order.
    pub(crate) fn written(&self, table: Table) -> impl Iterator<Item = (Bytes, Bytes)> + '_ {
        let rows = self.written[place(table)].iter();
        rows.filter_map(|(key, row)| Some((key.clone(), row.clone()?)))
    }

    pub(crate) fn put(&mut self, table: Table, key: Bytes, value: Bytes) {
        self.write(table, key, Some(value));
    }

    pub(crate) fn delete(&mut self, table: Table, key: Bytes) {
        self.write(table, key, None);
    }

    fn write(&mut self, table: Table, key: Bytes, value: Option<Bytes>) {
        if let Some(at) = ORDERED.iter().position(|ordered| *ordered == table) {
            self.order[at].insert(key.clone());
        }
        self.bytes += key.len() + value.as_ref().map_or(0, Bytes::len);
        let before = self.written[place(table)].insert(key.clone(), value);
        self.undo.push(Undo { table, key, before });
    }

    /// What the intent wrote stands.
    pub(crate) fn keep(&mut self) {
        self.kept = self.bytes;
        self.undo.clear();
    }

    /// Takes back what was written since the last `keep`.
    pub(crate) fn take_back(&mut self) {
        self.bytes = self.kept;
        while let Some(Undo { table, key, before }) = self.undo.pop() {
            let rows = &mut self.written[place(table)];
            match before {
                Some(value) => rows.insert(key, value),
                None => rows.remove(&key),
            };
        }
    }

    /// Whether nothing stands.
    pub(crate) fn is_empty(&self) -> bool {
        self.written.iter().all(HashMap::is_empty)
    }

    /// What is kept until the group is committed; nothing more is.
    pub(crate) fn release(&mut self) -> Vec<Box<dyn Any>> {
        std::mem::take(&mut self.held)
    }

    /// Everything that stands, as one batch. Rows go in by ascending key, which engines like.
    pub(crate) fn into_batch(self) -> WriteBatch {
        let rows = self.written.iter().map(HashMap::len).sum();
        let mut batch = WriteBatch::with_capacity(rows);
        for (table, written) in TABLES.into_iter().zip(self.written) {
            let mut rows: Vec<_> = written.into_iter().collect();
            rows.sort_unstable_by(|one, other| one.0.cmp(&other.0));
            for (key, value) in rows {
                match value {
                    Some(value) => batch.put(table, key, value),
                    None => batch.delete(table, key),
                }
            }
        }
        batch
    }
}

/// The tables that are scanned while they are written.
const ORDERED: [Table; 3] = [COUNTERS, SEGMENTS, REVISIONS];

/// Where a table stands in `TABLES`: its id counts from one.
fn place(table: Table) -> usize {
    usize::from(table.id) - 1
}
