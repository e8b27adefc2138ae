//! `revisions`: the versions of documents that are kept, by document and time; before those of each
//! document stands how many there are. `trims`: what has been removed of a document's revisions.
//!
//! The versions themselves stay in `changes`, as rows that nothing else leads to any more.

use bytes::Bytes;
use jackdaw_common::{
    ChangeVector, Collection, DocumentId, Etag, Timestamp, Version, item::revision::left,
};

use super::codec::{RowError, RowReader, RowWriter};

const TOMBSTONE: u8 = 1;
const PAST: u8 = 2;
const ATTACHED: u8 = 4;
const COUNTERS: u8 = 8;
const SERIES: u8 = 16;

/// A revision, without its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// Where its row lies in `changes`.
    pub etag: Etag,
    /// Its document, in the casing it was written with.
    pub id: DocumentId,
    /// What it has beside its body.
    pub has: Has,
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

/// What a revision has beside its body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Has {
    /// Something is attached to it.
    pub attachments: bool,
    /// Its document had a counter.
    pub counters: bool,
    /// Its document had a time series.
    pub series: bool,
}

impl Has {
    /// What a version has that is kept.
    pub(crate) fn of(version: &Version) -> Self {
        let parts = version.kept.as_ref().map(|kept| &kept.parts);
        Self {
            attachments: !version.attachments.is_empty(),
            counters: parts.is_some_and(|parts| !parts.counters.is_empty()),
            series: parts.is_some_and(|parts| !parts.series.is_empty()),
        }
    }
}

impl Revision {
    pub(crate) fn encode(&self) -> Bytes {
        let mut row = RowWriter::new(96 + self.id.as_str().len());
        let bit = |is: bool, bit: u8| if is { bit } else { 0 };
        let Has { attachments, counters, series } = self.has;
        let has = bit(attachments, ATTACHED) | bit(counters, COUNTERS) | bit(series, SERIES);
        row.byte(bit(self.past, PAST) | bit(self.tombstone, TOMBSTONE) | has);
        row.etag(self.etag);
        row.string(self.id.as_str().as_bytes());
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
        let has = |bit: u8| bits & bit != 0;
        let revision = Self {
            etag: row.etag()?,
            id: row.parsed()?,
            has: Has { attachments: has(ATTACHED), counters: has(COUNTERS), series: has(SERIES) },
            by: row.vector()?,
            vector: row.vector()?,
            last_modified: row.timestamp()?,
            collection: row.parsed()?,
            size: row.varint()?,
            tombstone: has(TOMBSTONE),
            past: has(PAST),
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
