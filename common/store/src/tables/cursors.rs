//! `cursors`: how far each source has come into this database, and whose session may go on.

use bytes::Bytes;
use jackdaw_common::{Etag, IncarnationId, Timestamp, limits::CURSOR_TASKS_MAX};

use crate::codec::{RowError, RowReader, RowWriter};

/// The place of one source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The source's incarnation that `etag` was issued in.
    pub incarnation: IncarnationId,
    /// Everything of the source up to here is durable in this database.
    pub etag: Etag,
    /// The session that may write; an older one applies nothing.
    pub epoch: u64,
    /// The tasks that were accepted, the one heard of last at the end; bounded.
    pub owners: Vec<Owner>,
    /// When the row was last written.
    pub seen: Timestamp,
}

/// A task of the source that was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Its id at the source.
    pub task: u64,
    /// The highest generation of its ownership that was accepted.
    pub generation: u64,
}

impl Cursor {
    /// The highest generation of `task` that was accepted; 0 before the first.
    pub fn generation(&self, task: u64) -> u64 {
        let owner = self.owners.iter().find(|owner| owner.task == task);
        owner.map_or(0, |owner| owner.generation)
    }

    /// Notes that an owner was accepted; the one heard of longest ago gives way.
    pub(crate) fn accept(&mut self, owner: Owner) {
        self.owners.retain(|known| known.task != owner.task);
        if self.owners.len() >= CURSOR_TASKS_MAX {
            self.owners.remove(0);
        }
        self.owners.push(owner);
    }

    pub(crate) fn encode(&self) -> Bytes {
        let mut row = RowWriter::new(64);
        row.fixed(self.incarnation.as_bytes());
        row.etag(self.etag);
        row.varint(self.epoch);
        row.varint(self.owners.len() as u64);
        for owner in &self.owners {
            row.varint(owner.task);
            row.varint(owner.generation);
        }
        row.timestamp(self.seen);
        row.seal()
    }

    pub(crate) fn decode(bytes: Bytes) -> Result<Self, RowError> {
        let mut row = RowReader::open(bytes)?;
        let incarnation = IncarnationId::from_bytes(row.fixed()?);
        let (etag, epoch) = (row.etag()?, row.varint()?);
        let mut owners = Vec::new();
        for _ in 0..row.varint()? {
            owners.push(Owner { task: row.varint()?, generation: row.varint()? });
        }
        let cursor = Self { incarnation, etag, epoch, owners, seen: row.timestamp()? };
        row.close()?;
        Ok(cursor)
    }
}
