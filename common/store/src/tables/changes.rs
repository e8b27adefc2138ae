//! `changes`: every version the database keeps, clustered by etag, body included.
//!
//! The tail reads it in one sequential scan; ids lead here through `documents`, `tombstones` and
//! `conflicts`.

use std::sync::Arc;

use bytes::Bytes;
use jackdaw_common::{
    Attachments, ChangeVector, Content, Counter, Entry, Etag, Item, Segment, Timestamp,
    TransactionMark, Version,
};

use super::{
    codec::{RowError, RowReader, RowWriter, attachments, kept},
    parts::Part as _,
};

const TOMBSTONE: u8 = 1;
const CONFLICTED: u8 = 2;
/// A list of attachments follows the body.
const ATTACHMENTS: u8 = 4;
/// The deletion that the version came after stands behind the version's own vector.
const SINCE: u8 = 8;
/// It is a counter.
const COUNTER: u8 = 16;
/// It is a part of a time series.
const SEGMENT: u8 = 32;
/// It says that revisions are gone.
const REVISION_TOMBSTONE: u8 = COUNTER | SEGMENT;
/// It is kept as a revision; what is kept with it follows.
const KEPT: u8 = 64;

/// One row: a version and how it came into this database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeRow {
    /// Etag in this database.
    pub etag: Etag,
    /// The transaction that wrote the row here.
    pub transaction: TransactionMark,
    /// When that transaction was committed here.
    pub stamp: Timestamp,
    /// Etag of the row of the same document that this one replaced; zero for none.
    pub previous: Etag,
    /// The entry of `version.vector` that was minted for this very version, where one was.
    pub minted: Option<Entry>,
    /// Whether it was kept beside other versions when it was written.
    pub conflicted: bool,
    /// The version.
    pub version: Version,
}

/// Bytes that numbers, tags and lengths of an item take on the stream, at most.
const ENCODED_FIELDS_BYTES_MAX: usize = 128;

impl ChangeRow {
    /// The row as it travels.
    pub fn into_item(self) -> Item {
        Item {
            etag: self.etag,
            transaction: self.transaction,
            minted: self.minted,
            past: false,
            version: self.version,
        }
    }

    /// Bytes of the row encoded for the stream, at most.
    pub(crate) fn encoded_bytes_max(&self) -> usize {
        let version = &self.version;
        let texts = version.id.as_str().len() + version.collection.as_str().len();
        ENCODED_FIELDS_BYTES_MAX
            + texts
            + version.vector.encoded_len()
            + version.since.encoded_len()
            + version.content.bytes()
            + version.attachments.encoded_bytes_max()
            + version.kept.as_ref().map_or(0, |kept| kept.parts.bytes())
    }

    pub(crate) fn encode(&self) -> Bytes {
        let version = &self.version;
        let attachments = &version.attachments;
        let listed = attachments.encoded_bytes_max();
        let kept = version.kept.as_ref().map_or(0, |kept| kept.parts.bytes());
        let texts = 160 + version.id.as_str().len();
        let mut row = RowWriter::new(texts + version.content.bytes() + listed + kept);
        row.byte(self.bits());
        row.etag(self.transaction.first);
        row.varint(u64::from(self.transaction.rows));
        row.timestamp(self.stamp);
        row.etag(self.previous);
        row.varint(minted_index(self.minted, version));
        row.timestamp(version.last_modified);
        row.vector(&version.vector);
        if !version.since.is_empty() {
            row.vector(&version.since);
        }
        row.string(version.id.as_str().as_bytes());
        row.string(version.collection.as_str().as_bytes());
        match &version.content {
            Content::Document(body) => row.string(body),
            Content::Tombstone => row.string(&[]),
            Content::Counter(counter) => counter.write(&mut row),
            Content::Segment(segment) => segment.write(&mut row),
            Content::RevisionTombstone(removed) => row.vector(removed),
        }
        if !attachments.is_empty() {
            attachments::write(&mut row, attachments);
        }
        if let Some(kept) = &version.kept {
            kept::write(&mut row, kept);
        }
        row.seal()
    }

    /// What the row has, and what it is.
    fn bits(&self) -> u8 {
        let version = &self.version;
        let kind = match &version.content {
            Content::Document(_) => 0,
            Content::Tombstone => TOMBSTONE,
            Content::Counter(_) => COUNTER,
            Content::Segment(_) => SEGMENT,
            Content::RevisionTombstone(_) => REVISION_TOMBSTONE,
        };
        let attached = if version.attachments.is_empty() { 0 } else { ATTACHMENTS };
        let since = if version.since.is_empty() { 0 } else { SINCE };
        let kept = if version.kept.is_some() { KEPT } else { 0 };
        kind | attached | since | kept | if self.conflicted { CONFLICTED } else { 0 }
    }

    pub(crate) fn decode(etag: Etag, bytes: Bytes) -> Result<Self, RowError> {
        let mut row = RowReader::open(bytes)?;
        let bits = row.byte()?;
        let has = |bit| bits & bit != 0;
        let first = row.etag()?;
        let rows = u32::try_from(row.varint()?).map_err(|error| RowError(error.to_string()))?;
        let stamp = row.timestamp()?;
        let previous = row.etag()?;
        let minted = row.varint()?;
        let last_modified = row.timestamp()?;
        let vector = row.vector()?;
        let since = if has(SINCE) { row.vector()? } else { ChangeVector::empty() };
        let id = row.parsed()?;
        let collection = row.parsed()?;
        let content = match bits & (TOMBSTONE | COUNTER | SEGMENT) {
            0 => Content::Document(row.string()?),
            TOMBSTONE => {
                row.string()?;
                Content::Tombstone
            }
            COUNTER => Content::Counter(Counter::read(&mut row)?),
            SEGMENT => Content::Segment(Segment::read(&mut row)?),
            REVISION_TOMBSTONE => Content::RevisionTombstone(row.vector()?),
            other => return Err(RowError(format!("it is of kind {other}, which is not known"))),
        };
        let attachments =
            if has(ATTACHMENTS) { attachments::read(&mut row)? } else { Attachments::default() };
        let kept = if has(KEPT) { Some(Arc::new(kept::read(&mut row)?)) } else { None };
        row.close()?;
        let minted = usize::try_from(minted)
            .ok()
            .and_then(|index| index.checked_sub(1))
            .and_then(|index| vector.entries().get(index).copied());
        Ok(Self {
            etag,
            transaction: TransactionMark { first, rows },
            stamp,
            previous,
            minted,
            conflicted: has(CONFLICTED),
            version: Version {
                id,
                collection,
                vector,
                last_modified,
                content,
                attachments,
                since,
                kept,
            },
        })
    }
}

/// One-based place of the minted entry in the vector; zero for none.
fn minted_index(minted: Option<Entry>, version: &Version) -> u64 {
    let entries = version.vector.entries();
    minted
        .and_then(|entry| entries.iter().position(|other| *other == entry))
        .map_or(0, |index| index as u64 + 1)
}
