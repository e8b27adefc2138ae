//! `history`: what was overwritten and is kept, under the etag of the row that took its place.
//!
//! The rows themselves stay in `changes`, where the tail meets them in their order; here stands
//! only which of them go once every task has passed the successor.

use bytes::Bytes;
use jackdaw_common::{BlobHash, Etag};

use super::codec::{RowError, RowReader, RowWriter};

/// A row of `changes` that another one has superseded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Superseded {
    /// Its etag.
    pub etag: Etag,
    /// About how many bytes it takes.
    pub bytes: u64,
    /// The content of each of its attachments.
    pub contents: Vec<BlobHash>,
    /// Whether it is a version that is kept as a revision.
    pub kept: bool,
    /// Whether it is a deletion that its successor does not remember. Tasks send it also where both
    /// have come in one transaction. Not part of the row.
    pub unremembered: bool,
}

impl Superseded {
    pub(crate) fn encode_all(rows: &[Self]) -> Bytes {
        let contents: usize = rows.iter().map(|row| row.contents.len()).sum();
        let mut row = RowWriter::new(4 + 14 * rows.len() + BlobHash::BYTES * contents);
        row.varint(rows.len() as u64);
        for superseded in rows {
            row.etag(superseded.etag);
            row.varint(superseded.bytes);
            row.varint(superseded.contents.len() as u64);
            for hash in &superseded.contents {
                row.fixed(hash.as_bytes());
            }
            row.byte(u8::from(superseded.kept));
        }
        row.seal()
    }

    pub(crate) fn decode_all(bytes: Bytes) -> Result<Vec<Self>, RowError> {
        let mut row = RowReader::open(bytes)?;
        let mut all = Vec::new();
        for _ in 0..row.varint()? {
            let (etag, bytes) = (row.etag()?, row.varint()?);
            let mut contents = Vec::new();
            for _ in 0..row.varint()? {
                contents.push(BlobHash::from_bytes(row.fixed()?));
            }
            all.push(Self { etag, bytes, contents, kept: row.byte()? != 0, unremembered: false });
        }
        row.close()?;
        Ok(all)
    }
}
