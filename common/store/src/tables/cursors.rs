//! `cursors`: how far each source has come into this database, and whose session may go on.

use bytes::Bytes;
use jackdaw_common::{Etag, IncarnationId, Timestamp};

use crate::codec::{RowError, RowReader, RowWriter};

/// The place of one source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The source's incarnation that `etag` was issued in.
    pub incarnation: IncarnationId,
    /// Everything of the source up to here is durable in this database.
    pub etag: Etag,
    /// The session that may write; an older one applies nothing.
    pub epoch: u64,
    /// Highest generation of an owner that was accepted.
    pub generation: u64,
    /// Task that was accepted last.
    pub task: u64,
    /// When the row was last written.
    pub seen: Timestamp,
}

impl Cursor {
    pub(crate) fn encode(&self) -> Bytes {
        let mut row = RowWriter::new(64);
        row.fixed(self.incarnation.as_bytes());
        row.etag(self.etag);
        row.varint(self.epoch);
        row.varint(self.generation);
        row.varint(self.task);
        row.timestamp(self.seen);
        row.seal()
    }

    pub(crate) fn decode(bytes: Bytes) -> Result<Self, RowError> {
        let mut row = RowReader::open(bytes)?;
        let cursor = Self {
            incarnation: IncarnationId::from_bytes(row.fixed()?),
            etag: row.etag()?,
            epoch: row.varint()?,
            generation: row.varint()?,
            task: row.varint()?,
            seen: row.timestamp()?,
        };
        row.close()?;
        Ok(cursor)
    }
}
