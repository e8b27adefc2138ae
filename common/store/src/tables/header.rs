//! `header`: the row that says what a database is and how far it has come.
//!
//! It is written with every commit, so that it and the rows it speaks of are durable together
//! (invariant I5).

use std::sync::Arc;

use bytes::Bytes;
use jackdaw_common::{ChangeVector, DatabaseId, Etag, IncarnationId, Lineage, Timestamp};

use super::codec::{RowError, RowReader, RowWriter};
use super::{followers::Followers, origin::Origin};

/// What a database is and how far it has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Stable id.
    pub database: DatabaseId,
    /// The id its change-vector entries carry.
    pub incarnation: IncarnationId,
    /// When it was created.
    pub created: Timestamp,
    /// Etag of the newest change.
    pub last_etag: Etag,
    /// Everything it holds, or something that dominates it (invariant I6).
    pub vector: ChangeVector,
    /// Deletions at or below this etag may be forgotten.
    pub tombstone_floor: Etag,
    /// Stamp of the newest commit.
    pub last_stamp: Timestamp,
    /// Live documents.
    pub documents: u64,
    /// Remembered deletions.
    pub tombstones: u64,
    /// Documents in conflict.
    pub conflicts: u64,
    /// Attachments of live documents.
    pub attachments: u64,
    /// Contents of attachments, each counted once.
    pub blobs: u64,
    /// Bytes of those contents.
    pub blob_bytes: u64,
    /// Counters that are there, and not deleted.
    pub counters: u64,
    /// Times that the time series have entries at.
    pub series_entries: u64,
    /// Rows of counters and segments, also of those that hold nothing any more.
    pub parts: u64,
    /// Revisions of documents.
    pub revisions: u64,
    /// Documents of which revisions are remembered to be removed.
    pub trims: u64,
    /// Superseded rows that are kept for tasks which have not passed what took their place.
    pub history_rows: u64,
    /// About how many bytes those rows take.
    pub history_bytes: u64,
    /// Rows superseded at or below this etag may have been dropped though a task had not passed
    /// them: there was too much history. Their transactions arrive without them.
    pub folded_until: Etag,
    /// The tasks that send this database, and how far their destinations have come.
    pub followers: Followers,
    /// Where it comes from: a row of its own, seldom written.
    pub origin: Arc<Origin>,
}

impl Header {
    /// The header of a database that holds nothing yet.
    pub(crate) fn new(database: DatabaseId, origin: Origin, now: Timestamp) -> Self {
        Self {
            database,
            incarnation: origin.lineage.current(),
            created: now,
            last_etag: Etag::ZERO,
            vector: ChangeVector::empty(),
            tombstone_floor: Etag::ZERO,
            last_stamp: now,
            documents: 0,
            tombstones: 0,
            conflicts: 0,
            attachments: 0,
            blobs: 0,
            blob_bytes: 0,
            counters: 0,
            series_entries: 0,
            parts: 0,
            revisions: 0,
            trims: 0,
            history_rows: 0,
            history_bytes: 0,
            folded_until: Etag::ZERO,
            followers: Followers::default(),
            origin: Arc::new(origin),
        }
    }

    /// Its incarnations and runs.
    pub fn lineage(&self) -> &Lineage {
        &self.origin.lineage
    }

    /// Raises the database vector; retired incarnations stay out of it.
    pub(crate) fn raise(&mut self, vector: &ChangeVector) {
        self.vector.merge_from(vector);
        if !self.origin.retired.is_empty() {
            self.vector = self.vector.without(&self.origin.retired);
        }
    }

    pub(crate) fn encode(&self) -> Bytes {
        let mut row = RowWriter::new(128);
        row.fixed(self.database.as_bytes());
        row.fixed(self.incarnation.as_bytes());
        row.timestamp(self.created);
        row.etag(self.last_etag);
        row.vector(&self.vector);
        row.etag(self.tombstone_floor);
        row.timestamp(self.last_stamp);
        row.varint(self.documents);
        row.varint(self.tombstones);
        row.varint(self.conflicts);
        row.varint(self.history_rows);
        row.varint(self.history_bytes);
        row.etag(self.folded_until);
        self.followers.write(&mut row);
        row.varint(self.attachments);
        row.varint(self.blobs);
        row.varint(self.blob_bytes);
        row.varint(self.counters);
        row.varint(self.series_entries);
        row.varint(self.parts);
        row.varint(self.revisions);
        row.varint(self.trims);
        row.seal()
    }

    /// Reads both rows.
    pub(crate) fn decode(bytes: Bytes, origin: Bytes) -> Result<Self, RowError> {
        let origin = Arc::new(Origin::decode(origin)?);
        let mut row = RowReader::open(bytes)?;
        let header = Self {
            database: DatabaseId::from_bytes(row.fixed()?),
            incarnation: IncarnationId::from_bytes(row.fixed()?),
            created: row.timestamp()?,
            last_etag: row.etag()?,
            vector: row.vector()?,
            tombstone_floor: row.etag()?,
            last_stamp: row.timestamp()?,
            documents: row.varint()?,
            tombstones: row.varint()?,
            conflicts: row.varint()?,
            history_rows: row.varint()?,
            history_bytes: row.varint()?,
            folded_until: row.etag()?,
            followers: Followers::read(&mut row)?,
            attachments: row.varint()?,
            blobs: row.varint()?,
            blob_bytes: row.varint()?,
            counters: row.varint()?,
            series_entries: row.varint()?,
            parts: row.varint()?,
            revisions: row.varint()?,
            trims: row.varint()?,
            origin,
        };
        row.close()?;
        if header.incarnation != header.lineage().current() {
            return Err(RowError("its incarnation is not the one of its origin".to_owned()));
        }
        Ok(header)
    }
}
