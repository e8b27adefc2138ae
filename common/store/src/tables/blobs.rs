//! `blobs` and `contents`: each content once, however often it is attached.
//!
//! `blobs` says how large a content is, how many attachments refer to it, and where it lies: in
//! `contents`, under the same key, where it is little, else beside the tables.

use bytes::Bytes;

use super::codec::{RowError, RowReader, RowWriter};
use crate::engine::BlobId;

/// Where a content lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In `contents`.
    Inline,
    /// Beside the tables.
    Kept(BlobId),
}

/// One content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlobRow {
    /// Bytes of it.
    pub size: u64,
    /// Attachments that have it, over all rows of `changes`: of documents, of versions in conflict,
    /// and of what was overwritten and is kept. Never zero.
    pub references: u64,
    /// Where it lies.
    pub place: Place,
}

const INLINE: u8 = 0;
const KEPT: u8 = 1;

impl BlobRow {
    pub(crate) fn encode(&self) -> Bytes {
        let mut row = RowWriter::new(40);
        row.varint(self.size);
        row.varint(self.references);
        match self.place {
            Place::Inline => row.byte(INLINE),
            Place::Kept(blob) => {
                row.byte(KEPT);
                row.fixed(blob.as_bytes());
            }
        }
        row.seal()
    }

    pub(crate) fn decode(bytes: Bytes) -> Result<Self, RowError> {
        let mut row = RowReader::open(bytes)?;
        let (size, references) = (row.varint()?, row.varint()?);
        let place = match row.byte()? {
            INLINE => Place::Inline,
            KEPT => Place::Kept(BlobId::from_bytes(row.fixed()?)),
            other => return Err(RowError(format!("{other} is no place of a content"))),
        };
        row.close()?;
        Ok(Self { size, references, place })
    }
}

/// A row of `contents`.
pub(crate) fn encode_content(content: &[u8]) -> Bytes {
    let mut row = RowWriter::new(content.len() + 4);
    row.string(content);
    row.seal()
}

/// The content in a row of `contents`.
pub(crate) fn decode_content(bytes: Bytes) -> Result<Bytes, RowError> {
    let mut row = RowReader::open(bytes)?;
    let content = row.string()?;
    row.close()?;
    Ok(content)
}
