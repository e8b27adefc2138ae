//! `changes`: every version the database keeps, clustered by etag, body included.
//!
//! The tail reads it in one sequential scan; ids lead here through `documents`, `tombstones` and
//! `conflicts`.

use bytes::Bytes;
use jackdaw_common::{
    Attachments, Content, Entry, Etag, Item, Timestamp, TransactionMark, Version,
};

use super::{
    attachments,
    codec::{RowError, RowReader, RowWriter},
};

const TOMBSTONE: u8 = 1;
const CONFLICTED: u8 = 2;
/// A list of attachments follows the body.
const ATTACHMENTS: u8 = 4;

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
            + version.content.bytes()
            + version.attachments.encoded_bytes_max()
    }

    pub(crate) fn encode(&self) -> Bytes {
        let version = &self.version;
        let body: &[u8] = match &version.content {
            Content::Document(body) => body,
            Content::Tombstone => &[],
        };
        let attachments = &version.attachments;
        let listed = attachments.encoded_bytes_max();
        let mut row = RowWriter::new(160 + version.id.as_str().len() + body.len() + listed);
        let tombstone = if version.content.is_tombstone() { TOMBSTONE } else { 0 };
        let attached = if attachments.is_empty() { 0 } else { ATTACHMENTS };
        row.byte(tombstone | attached | if self.conflicted { CONFLICTED } else { 0 });
        row.etag(self.transaction.first);
        row.varint(u64::from(self.transaction.rows));
        row.timestamp(self.stamp);
        row.etag(self.previous);
        row.varint(minted_index(self.minted, version));
        row.timestamp(version.last_modified);
        row.vector(&version.vector);
        row.string(version.id.as_str().as_bytes());
        row.string(version.collection.as_str().as_bytes());
        row.string(body);
        if !attachments.is_empty() {
            attachments::write(&mut row, attachments);
        }
        row.seal()
    }

    pub(crate) fn decode(etag: Etag, bytes: Bytes) -> Result<Self, RowError> {
        let mut row = RowReader::open(bytes)?;
        let bits = row.byte()?;
        let first = row.etag()?;
        let rows = u32::try_from(row.varint()?).map_err(|error| RowError(error.to_string()))?;
        let stamp = row.timestamp()?;
        let previous = row.etag()?;
        let minted = row.varint()?;
        let last_modified = row.timestamp()?;
        let vector = row.vector()?;
        let id = row.parsed()?;
        let collection = row.parsed()?;
        let body = row.string()?;
        let attached = bits & ATTACHMENTS != 0;
        let attachments =
            if attached { attachments::read(&mut row)? } else { Attachments::default() };
        row.close()?;
        let minted = usize::try_from(minted)
            .ok()
            .and_then(|index| index.checked_sub(1))
            .and_then(|index| vector.entries().get(index).copied());
        let content =
            if bits & TOMBSTONE != 0 { Content::Tombstone } else { Content::Document(body) };
        Ok(Self {
            etag,
            transaction: TransactionMark { first, rows },
            stamp,
            previous,
            minted,
            conflicted: bits & CONFLICTED != 0,
            version: Version { id, collection, vector, last_modified, content, attachments },
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
