//! `documents`, `tombstones` and `conflicts`: what a decision, a list or a digest needs to know of
//! a document's versions, without their bodies.
//!
//! A document stands in exactly one of the three: live in `documents`, deleted in `tombstones`,
//! or, with all its versions in one row, in `conflicts`.

use bytes::Bytes;
use jackdaw_common::{
    Attachments, ChangeVector, Collection, ContentHash, DocumentId, Etag, Timestamp, Version,
    conflict::Seen,
};

use super::codec::{RowError, RowReader, RowWriter, attachments};

const TOMBSTONE: u8 = 1;
/// A list of attachments follows.
const ATTACHMENTS: u8 = 2;
/// The deletion that the version came after stands behind the version's own vector.
const SINCE: u8 = 4;
/// It is kept as a revision once another takes its place.
const KEPT: u8 = 8;

/// One version without its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Where its row lies in `changes`.
    pub etag: Etag,
    /// When a client last changed it.
    pub last_modified: Timestamp,
    /// Bytes of its body.
    pub size: u64,
    /// Its collection.
    pub collection: Collection,
    /// Its id, in the casing it was written with.
    pub id: DocumentId,
    /// What it has seen, whether it is a deletion, what it says.
    pub seen: Seen,
    /// What is attached to it.
    pub attachments: Attachments,
    /// The deletion of the document that it came after; empty for none, and for a deletion.
    pub since: ChangeVector,
    /// Whether it is kept as a revision once another takes its place.
    pub kept: bool,
}

impl AsRef<Seen> for Head {
    fn as_ref(&self) -> &Seen {
        &self.seen
    }
}

impl Head {
    pub(crate) fn of(etag: Etag, version: &Version, hash: ContentHash) -> Self {
        Self {
            etag,
            last_modified: version.last_modified,
            size: version.content.bytes() as u64,
            collection: version.collection.clone(),
            id: version.id.clone(),
            seen: Seen {
                vector: version.vector.clone(),
                tombstone: version.content.is_tombstone(),
                hash,
            },
            attachments: version.attachments.clone(),
            since: version.since.clone(),
            kept: version.kept.is_some(),
        }
    }

    /// Its change vector.
    pub fn vector(&self) -> &ChangeVector {
        &self.seen.vector
    }

    fn write(&self, row: &mut RowWriter) {
        let tombstone = if self.seen.tombstone { TOMBSTONE } else { 0 };
        let attached = if self.attachments.is_empty() { 0 } else { ATTACHMENTS };
        let since = if self.since.is_empty() { 0 } else { SINCE };
        row.byte(tombstone | attached | since | if self.kept { KEPT } else { 0 });
        row.etag(self.etag);
        row.timestamp(self.last_modified);
        row.varint(self.size);
        row.fixed(&self.seen.hash.to_be_bytes());
        row.vector(&self.seen.vector);
        if !self.since.is_empty() {
            row.vector(&self.since);
        }
        row.string(self.id.as_str().as_bytes());
        row.string(self.collection.as_str().as_bytes());
        if !self.attachments.is_empty() {
            attachments::write(row, &self.attachments);
        }
    }

    fn read(row: &mut RowReader) -> Result<Self, RowError> {
        let bits = row.byte()?;
        let etag = row.etag()?;
        let last_modified = row.timestamp()?;
        let size = row.varint()?;
        let hash = ContentHash::from_be_bytes(row.fixed()?);
        let vector = row.vector()?;
        let since = if bits & SINCE != 0 { row.vector()? } else { ChangeVector::empty() };
        let id = row.parsed()?;
        let collection = row.parsed()?;
        let seen = Seen { vector, tombstone: bits & TOMBSTONE != 0, hash };
        let attached = bits & ATTACHMENTS != 0;
        let attachments = if attached { attachments::read(row)? } else { Attachments::default() };
        let kept = bits & KEPT != 0;
        Ok(Self { etag, last_modified, size, collection, id, seen, attachments, since, kept })
    }

    pub(crate) fn encode(&self) -> Bytes {
        let mut row = RowWriter::new(96 + self.id.as_str().len());
        self.write(&mut row);
        row.seal()
    }

    pub(crate) fn decode(bytes: Bytes) -> Result<Self, RowError> {
        let mut row = RowReader::open(bytes)?;
        let head = Self::read(&mut row)?;
        row.close()?;
        Ok(head)
    }

    pub(crate) fn encode_all(heads: &[Self]) -> Bytes {
        let mut row = RowWriter::new(128 * heads.len());
        row.varint(heads.len() as u64);
        for head in heads {
            head.write(&mut row);
        }
        row.seal()
    }

    pub(crate) fn decode_all(bytes: Bytes) -> Result<Vec<Self>, RowError> {
        let mut row = RowReader::open(bytes)?;
        let count = row.varint()?;
        let mut heads = Vec::new();
        for _ in 0..count {
            heads.push(Self::read(&mut row)?);
        }
        row.close()?;
        Ok(heads)
    }
}
