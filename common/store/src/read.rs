//! Published snapshots: the view between two commits, handed out once the first is durable.
//!
//! Readers, the tail and the services read through this and nothing else, so nobody sees what a
//! power cut can undo (invariant I4).

mod local;
mod parts;
mod revisions;

use std::sync::Arc;

use bytes::Bytes;
use jackdaw_common::{ChangeVector, DatabaseId, DocumentId, Etag, RunId, Version};

use crate::{
    contents::{Contents, Epoch},
    engine::{self, Direction, EngineError, ScanRange, Table},
    error::StoreError,
    keys::{self, RecordKind},
    tables::{changes::ChangeRow, codec::RowError, cursors::Cursor, header::Header, heads::Head},
    write::corrupt,
};

/// How far a database is, for whoever waits for news.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Number of the commit, counted from the opening of the database.
    pub commit: u64,
    /// Etag of the newest change in it.
    pub last_etag: Etag,
    /// The database vector.
    pub vector: ChangeVector,
}

/// A published snapshot. Cheap to clone; holds old versions on disk while it lives.
#[derive(Clone)]
pub struct Snapshot {
    engine: Arc<dyn engine::Snapshot>,
    header: Arc<Header>,
    commit: u64,
    /// Behind the view: what it sees of contents goes when both are gone.
    epoch: Arc<Epoch>,
}

/// What a database says of one document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// There never was one, or its deletion is forgotten.
    Missing,
    /// It is live, or it was deleted.
    Found(Box<ChangeRow>),
    /// Versions of it stand side by side, in the canonical order of their vectors.
    Conflict(Vec<ChangeRow>),
}

impl Snapshot {
    pub(crate) fn new(
        engine: Arc<dyn engine::Snapshot>,
        header: Header,
        commit: u64,
        epoch: Arc<Epoch>,
    ) -> Self {
        Self { engine, header: Arc::new(header), commit, epoch }
    }

    /// What `engine` holds, whether a database has it open or not; `None` when that is nothing yet.
    /// Not a published snapshot: for whoever examines an engine, not for readers of a database.
    ///
    /// # Errors
    ///
    /// A row that does not read back, or the engine's.
    pub fn inspect(engine: &dyn engine::Engine) -> Result<Option<Self>, StoreError> {
        let contents = Contents::new(engine.blobs(), RunId::NONE);
        let engine = engine.snapshot()?;
        let header = header(&*engine)?;
        Ok(header.map(|header| Self::new(engine, header, 0, Epoch::first(contents))))
    }

    pub(crate) fn engine(&self) -> Arc<dyn engine::Snapshot> {
        Arc::clone(&self.engine)
    }

    pub(crate) fn epoch(&self) -> &Arc<Epoch> {
        &self.epoch
    }

    pub(crate) fn contents(&self) -> &Arc<Contents> {
        self.epoch.contents()
    }

    pub(crate) fn commit(&self) -> u64 {
        self.commit
    }

    /// What the database is and how far it has come.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// How far it is.
    pub fn published(&self) -> Published {
        Published {
            commit: self.commit,
            last_etag: self.header.last_etag,
            vector: self.header.vector.clone(),
        }
    }

    /// What the database says of `id`.
    ///
    /// # Errors
    ///
    /// A row that does not read back, or the engine's.
    pub fn document(&self, id: &DocumentId) -> Result<Lookup, StoreError> {
        let key = id.key().as_bytes();
        for table in [keys::DOCUMENTS, keys::TOMBSTONES] {
            if let Some(row) = self.engine.get(table, key)? {
                let head = Head::decode(row).map_err(|error| corrupt(table, key, error))?;
                return Ok(Lookup::Found(Box::new(self.change(head.etag)?)));
            }
        }
        let Some(row) = self.engine.get(keys::CONFLICTS, key)? else { return Ok(Lookup::Missing) };
        Ok(Lookup::Conflict(self.versions(key, row)?))
    }

    fn versions(&self, key: &[u8], row: Bytes) -> Result<Vec<ChangeRow>, StoreError> {
        let heads = Head::decode_all(row).map_err(|e| corrupt(keys::CONFLICTS, key, e))?;
        heads.iter().map(|head| self.change(head.etag)).collect()
    }

    /// The row at `etag`, which another row leads to.
    pub(crate) fn change(&self, etag: Etag) -> Result<ChangeRow, StoreError> {
        let key = keys::change(etag);
        let Some(row) = self.engine.get(keys::CHANGES, &key)? else {
            return Err(StoreError::Row {
                table: keys::CHANGES.name,
                key: key.to_vec(),
                what: "missing, though another row leads to it".into(),
            });
        };
        ChangeRow::decode(etag, row).map_err(|error| corrupt(keys::CHANGES, &key, error))
    }

    /// The changes after `etag`, in etag order: the newest version of each document, and older ones
    /// that are kept as history for a task.
    pub fn changes_after(
        &self,
        etag: Etag,
    ) -> impl Iterator<Item = Result<ChangeRow, StoreError>> + Send + '_ {
        let range = ScanRange::after(keys::change(etag));
        self.engine.scan(keys::CHANGES, range, Direction::Forward).map(|row| {
            let (key, value) = row?;
            let etag = keys::etag(keys::CHANGES, &key)?;
            ChangeRow::decode(etag, value).map_err(|error| corrupt(keys::CHANGES, &key, error))
        })
    }

    /// The documents whose lower-cased ids begin with `prefix`, behind the lower-cased id `after`
    /// where given, in id order: live ones and those in conflict, deleted ones not.
    pub fn documents(
        &self,
        prefix: &str,
        after: Option<&str>,
    ) -> impl Iterator<Item = Result<Lookup, StoreError>> + Send + '_ {
        let heads = self.begin_with(keys::DOCUMENTS, prefix, after);
        let conflicts = self.begin_with(keys::CONFLICTS, prefix, after);
        let (mut heads, mut conflicts) = (heads.peekable(), conflicts.peekable());
        std::iter::from_fn(move || {
            let conflict_first = match (heads.peek(), conflicts.peek()) {
                (Some(Ok((one, _))), Some(Ok((other, _)))) => other < one,
                // What cannot be read is said at once: a page must not end before it.
                (Some(Err(_)), _) => false,
                (_, conflict) => conflict.is_some(),
            };
            let next = if conflict_first { conflicts.next() } else { heads.next() }?;
            Some(next.map_err(StoreError::from).and_then(|(key, row)| {
                if conflict_first {
                    return Ok(Lookup::Conflict(self.versions(&key, row)?));
                }
                let head = Head::decode(row).map_err(|e| corrupt(keys::DOCUMENTS, &key, e))?;
                Ok(Lookup::Found(Box::new(self.change(head.etag)?)))
            }))
        })
    }

    /// The lower-cased ids behind `after` of all documents there are, live, deleted and in
    /// conflict, and of those of which there is no more than a counter or a time series; ascending.
    pub fn ids_after(
        &self,
        after: &[u8],
    ) -> impl Iterator<Item = Result<Bytes, StoreError>> + Send + '_ {
        let range = || match after {
            [] => ScanRange::all(),
            after => ScanRange::after(Bytes::copy_from_slice(after)),
        };
        let tables = [keys::DOCUMENTS, keys::TOMBSTONES, keys::CONFLICTS].into_iter();
        let documents = tables.map(|table| -> Ids<'_> {
            let scan = self.engine.scan(table, range(), Direction::Forward);
            Box::new(scan.map(|row| row.map(|(key, _)| key)))
        });
        let parts = [keys::COUNTERS, keys::SEGMENTS].into_iter().filter(|_| self.header.parts > 0);
        let parts = parts.map(|table| -> Ids<'_> {
            let from = if after.is_empty() { Bytes::new() } else { keys::behind_parts(after) };
            Box::new(self.documents_of_parts(table, from))
        });
        let mut ids: Vec<_> = documents.chain(parts).map(Iterator::peekable).collect();
        std::iter::from_fn(move || {
            // What cannot be read comes first: it must not be passed over.
            for ids in &mut ids {
                if let Some(error) = ids.next_if(Result::is_err) {
                    return Some(error.map_err(StoreError::from));
                }
            }
            let heads = ids.iter_mut().filter_map(|ids| ids.peek()?.as_ref().ok().cloned());
            let least = heads.min()?;
            for ids in &mut ids {
                ids.next_if(|id| id.as_ref().is_ok_and(|id| *id == least));
            }
            Some(Ok(least))
        })
    }

    /// The documents that have something in one of the tables of parts, from a key on.
    fn documents_of_parts(
        &self,
        table: Table,
        mut from: Bytes,
    ) -> impl Iterator<Item = Result<Bytes, EngineError>> + Send + '_ {
        std::iter::from_fn(move || {
            let range =
                if from.is_empty() { ScanRange::all() } else { ScanRange::from(from.clone()) };
            let first = self.engine.scan(table, range, Direction::Forward).next()?;
            Some(first.map(|(key, _)| {
                let document = keys::document_of(&key);
                from = keys::behind_parts(&document);
                document
            }))
        })
    }

    /// The rows whose keys begin with `prefix`, behind the key `after` where given.
    fn begin_with(&self, table: Table, prefix: &str, after: Option<&str>) -> engine::Scan<'_> {
        let mut range = ScanRange::prefix(prefix.as_bytes());
        if let Some(after) = after.filter(|after| *after >= prefix) {
            range.start = ScanRange::after(Bytes::copy_from_slice(after.as_bytes())).start;
        }
        self.engine.scan(table, range, Direction::Forward)
    }

    /// How far `source` has come into this database.
    ///
    /// # Errors
    ///
    /// A row that does not read back, or the engine's.
    pub fn cursor(&self, source: DatabaseId) -> Result<Option<Cursor>, StoreError> {
        let key = keys::cursor(source);
        let row = self.engine.get(keys::CURSORS, &key)?;
        row.map(|row| Cursor::decode(row).map_err(|error| corrupt(keys::CURSORS, &key, error)))
            .transpose()
    }

    /// One record.
    ///
    /// # Errors
    ///
    /// The engine's.
    pub fn record(&self, kind: RecordKind, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        Ok(self.engine.get(keys::RECORDS, &keys::record(kind, key))?)
    }

    /// All records of a kind, key and value, by ascending key.
    ///
    /// # Errors
    ///
    /// The engine's.
    pub fn records(&self, kind: RecordKind) -> Result<Vec<(Bytes, Bytes)>, StoreError> {
        let range = ScanRange::prefix(&keys::record(kind, &[]));
        self.engine
            .scan(keys::RECORDS, range, Direction::Forward)
            .map(|row| row.map(|(key, value)| (key.slice(1..), value)).map_err(StoreError::from))
            .collect()
    }
}

/// Ids of documents, in order.
type Ids<'a> = Box<dyn Iterator<Item = Result<Bytes, EngineError>> + Send + 'a>;

/// What an engine says of the database in it; `None` when there is none.
pub(crate) fn header(engine: &dyn engine::Snapshot) -> Result<Option<Header>, StoreError> {
    let Some(row) = engine.get(keys::HEADER, keys::HEADER_KEY)? else { return Ok(None) };
    let Some(origin) = engine.get(keys::HEADER, keys::ORIGIN_KEY)? else {
        let missing = RowError("missing, though the other one is there".to_owned());
        return Err(corrupt(keys::HEADER, keys::ORIGIN_KEY, missing));
    };
    let header = Header::decode(row, origin);
    header.map(Some).map_err(|error| corrupt(keys::HEADER, keys::HEADER_KEY, error))
}

impl From<ChangeRow> for Version {
    fn from(row: ChangeRow) -> Self {
        row.version
    }
}
