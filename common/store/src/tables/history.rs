//! `history`: what was overwritten and is kept, under the etag of the row that took its place.
//!
//! The rows themselves stay in `changes`, where the tail meets them in their order; here stands
//! only which of them go once every task has passed the successor.

use bytes::Bytes;
use jackdaw_common::Etag;

use crate::codec::{RowError, RowReader, RowWriter};

/// A row of `changes` that another one has superseded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Superseded {
    /// Its etag.
    pub etag: Etag,
    /// About how many bytes it takes.
    pub bytes: u64,
}

impl Superseded {
    pub(crate) fn encode_all(rows: &[Self]) -> Bytes {
        let mut row = RowWriter::new(4 + 12 * rows.len());
        row.varint(rows.len() as u64);
        for superseded in rows {
            row.etag(superseded.etag);
            row.varint(superseded.bytes);
        }
        row.seal()
    }

    pub(crate) fn decode_all(bytes: Bytes) -> Result<Vec<Self>, RowError> {
        let mut row = RowReader::open(bytes)?;
        let mut all = Vec::new();
        for _ in 0..row.varint()? {
            all.push(Self { etag: row.etag()?, bytes: row.varint()? });
        }
        row.close()?;
        Ok(all)
    }
}
