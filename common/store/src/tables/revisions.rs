//! `revisions`: the versions of documents that are kept, by document and time; before those of each
//! document stands how many there are. `trims`: what has been removed of a document's revisions.
//!
//! The versions themselves stay in `changes`, as rows that nothing else leads to any more.

use bytes::Bytes;
use jackdaw_common::{ChangeVector, Collection, Etag, Timestamp, item::revision::left};

use super::codec::{RowError, RowReader, RowWriter};

const TOMBSTONE: u8 = 1;
const PAST: u8 = 2;

/// A revision, without its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// Where its row lies in `changes`.
    pub etag: Etag,
    /// The entries under which it is kept.
    pub by: ChangeVector,
    /// What it has seen.
    pub vector: ChangeVector,
    /// When a client last changed it.
    pub last_modified: Timestamp,
    /// Its collection.
    pub collection: Collection,
    /// Bytes of its body.
    pub size: u64,
    /// Whether it is a deletion.
    pub tombstone: bool,
    /// Whether only this leads to its row: another version has taken its place, and every task has
    /// passed that.
    pub past: bool,
}

impl Revision {
    pub(crate) fn encode(&self) -> Bytes {
        let mut row = RowWriter::new(96);
        let past = if self.past { PAST } else { 0 };
        row.byte(past | if self.tombstone { TOMBSTONE } else { 0 });
        row.etag(self.etag);
        row.vector(&self.by);
        row.vector(&self.vector);
        row.timestamp(self.last_modified);
        row.string(self.collection.as_str().as_bytes());
        row.varint(self.size);
        row.seal()
    }

    pub(crate) fn decode(bytes: Bytes) -> Result<Self, RowError> {
        let mut row = RowReader::open(bytes)?;
        let bits = row.byte()?;
        let revision = Self {
            etag: row.etag()?,
            by: row.vector()?,
            vector: row.vector()?,
            last_modified: row.timestamp()?,
            collection: row.parsed()?,
            size: row.varint()?,
            tombstone: bits & TOMBSTONE != 0,
            past: bits & PAST != 0,
        };
        row.close()?;
        Ok(revision)
    }
}

/// How many revisions a document has, and whether they came in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ledger {
    /// How many.
    pub count: u64,
    /// Of each incarnation the last entry under which one was kept.
    pub newest: ChangeVector,
    /// When the newest was last modified.
    pub last_modified: Timestamp,
    /// Whether each was newer than all before it, and kept under a later entry than all before it
    /// of that incarnation: the oldest are then those with the first entries.
    pub ordered: bool,
}

impl Default for Ledger {
    fn default() -> Self {
        let last_modified = Timestamp::from_micros(i64::MIN);
        Self { count: 0, newest: ChangeVector::empty(), last_modified, ordered: true }
    }
}

impl Ledger {
    /// One more is there.
    pub(crate) fn add(&mut self, revision: &Revision) {
        let Revision { by, last_modified, .. } = revision;
        let last_modified = *last_modified;
        self.ordered &= last_modified > self.last_modified && left(by, &self.newest) == *by;
        self.newest.merge_from(by);
        self.last_modified = last_modified.max(self.last_modified);
        self.count += 1;
    }

    /// One is kept under other entries too.
    pub(crate) fn add_to(&mut self, by: &ChangeVector) {
        self.ordered = false;
        self.newest.merge_from(by);
    }

    /// Whether, going from the oldest on, nothing that is `removed` comes behind the first one that
    /// is not.
    pub(crate) fn ends_with_the_first_to_stay(&self) -> bool {
        self.ordered && self.newest.len() == 1
    }

    pub(crate) fn encode(&self) -> Bytes {
        let mut row = RowWriter::new(48);
        row.varint(self.count);
        row.vector(&self.newest);
        row.timestamp(self.last_modified);
        row.byte(u8::from(self.ordered));
        row.seal()
    }

    pub(crate) fn decode(bytes: Bytes) -> Result<Self, RowError> {
        let mut row = RowReader::open(bytes)?;
        let (count, newest) = (row.varint()?, row.vector()?);
        let (last_modified, ordered) = (row.timestamp()?, row.byte()? != 0);
        row.close()?;
        Ok(Self { count, newest, last_modified, ordered })
    }
}

/// What has been removed of a document's revisions: a row of `trims`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trim {
    /// Where its row lies in `changes`.
    pub etag: Etag,
    /// What it has seen.
    pub vector: ChangeVector,
    /// All that were kept up to these entries are gone.
    pub removed: ChangeVector,
}

impl Trim {
    pub(crate) fn encode(&self) -> Bytes {
        let mut row = RowWriter::new(64);
        row.etag(self.etag);
        row.vector(&self.vector);
        row.vector(&self.removed);
        row.seal()
    }

    pub(crate) fn decode(bytes: Bytes) -> Result<Self, RowError> {
        let mut row = RowReader::open(bytes)?;
        let trim = Self { etag: row.etag()?, vector: row.vector()?, removed: row.vector()? };
        row.close()?;
        Ok(trim)
    }
}
