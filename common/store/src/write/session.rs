//! A source's session begins: where it goes on, and that no older session writes any more.
//!
//! The new epoch is written in the transaction that reads the cursor; every apply checks it. That
//! is the fence (protocol, "Handshake rules").

use jackdaw_common::{ChangeVector, DatabaseId, Etag, IncarnationId, Timestamp};
use thiserror::Error;

use super::work::{Work, corrupt};
use crate::{error::StoreError, keys, tables::cursors::Cursor};

/// What a source says of itself when it calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Begin {
    /// The source database.
    pub source: DatabaseId,
    /// Its current incarnation.
    pub incarnation: IncarnationId,
    /// Etag of its newest durable change.
    pub last_etag: Etag,
    /// Deletions at or below this etag it no longer remembers.
    pub tombstone_floor: Etag,
    /// The task that the session serves.
    pub task: u64,
    /// The generation of the task's owner.
    pub generation: u64,
}

/// A session that may write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its epoch; an apply names it.
    pub epoch: u64,
    /// Where the source goes on.
    pub cursor: Etag,
    /// Everything this database holds.
    pub vector: ChangeVector,
}

/// Why a session may not begin.
#[derive(Clone, Debug, Error)]
pub enum BeginError {
    /// Source and destination are one database.
    #[error("source and destination are the same database {0}")]
    SelfReplication(DatabaseId),
    /// The source is behind what was received from it: its store went back, or is a copy.
    #[error("source is at etag {last}, but up to {cursor} was received from it")]
    SourceForked {
        /// The source's last etag.
        last: Etag,
        /// The cursor here.
        cursor: Etag,
    },
    /// The source speaks with another incarnation than before.
    #[error("source has incarnation {offered}, but {known} was received from")]
    IncarnationChanged {
        /// What it says now.
        offered: IncarnationId,
        /// What it was.
        known: IncarnationId,
    },
    /// A higher generation of the task's owner was accepted before.
    #[error("owner has generation {offered}, but {highest} was accepted before")]
    Fenced {
        /// What it says.
        offered: u64,
        /// The highest accepted.
        highest: u64,
    },
    /// The source has forgotten deletions that this database has not received.
    #[error("source forgot deletions up to etag {floor}, but only {cursor} was received")]
    FullReconcileRequired {
        /// What the source has forgotten.
        floor: Etag,
        /// The cursor here.
        cursor: Etag,
    },
    /// The database cannot write.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The cursor row of a source.
pub(super) fn load(work: &Work<'_>, source: DatabaseId) -> Result<Option<Cursor>, StoreError> {
    let key = keys::cursor(source);
    let row = work.small(keys::CURSORS, &key)?;
    row.map(|row| Cursor::decode(row).map_err(|error| corrupt(keys::CURSORS, &key, error)))
        .transpose()
}

/// Begins a session.
pub(crate) fn begin(
    work: &mut Work<'_>,
    begin: Begin,
    now: Timestamp,
) -> Result<Session, BeginError> {
    if begin.source == work.header.database {
        return Err(BeginError::SelfReplication(begin.source));
    }
    let known = load(work, begin.source)?;
    if let Some(cursor) = known {
        if cursor.incarnation != begin.incarnation {
            let (offered, known) = (begin.incarnation, cursor.incarnation);
            return Err(BeginError::IncarnationChanged { offered, known });
        }
        if cursor.etag > begin.last_etag {
            let (last, cursor) = (begin.last_etag, cursor.etag);
            return Err(BeginError::SourceForked { last, cursor });
        }
        if begin.task == cursor.task && begin.generation < cursor.generation {
            let (offered, highest) = (begin.generation, cursor.generation);
            return Err(BeginError::Fenced { offered, highest });
        }
    }
    let etag = known.map_or(Etag::ZERO, |cursor| cursor.etag);
    // A destination that never received from this source cannot hold what it deleted, though a
    // session that brought nothing may have begun before.
    if !etag.is_zero() && etag < begin.tombstone_floor {
        let (floor, cursor) = (begin.tombstone_floor, etag);
        return Err(BeginError::FullReconcileRequired { floor, cursor });
    }
    let cursor = Cursor {
        incarnation: begin.incarnation,
        etag,
        epoch: known.map_or(0, |cursor| cursor.epoch) + 1,
        generation: begin.generation,
        task: begin.task,
        seen: now,
    };
    work.set_small(keys::CURSORS, keys::cursor(begin.source), Some(cursor.encode()));
    Ok(Session { epoch: cursor.epoch, cursor: etag, vector: work.header.vector.clone() })
}
