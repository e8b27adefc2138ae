//! A source's session begins: where it goes on, and that no older session writes any more.
//!
//! The new epoch is written in the transaction that reads the cursor; every apply checks it. That
//! is the fence (protocol, "Handshake rules").

use jackdaw_common::{
    ChangeVector, DatabaseId, Etag, IncarnationId, Timestamp, limits::NEW_COPY_ROWS_MAX,
};
use thiserror::Error;

use super::work::{Work, corrupt};
use crate::{
    engine::{Direction, ScanRange},
    error::StoreError,
    keys,
    tables::{
        cursors::{Cursor, Owner},
        heads::Head,
    },
};

/// What a source says of itself when it calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begin {
    /// The source database.
    pub source: DatabaseId,
    /// Its current incarnation.
    pub incarnation: IncarnationId,
    /// Etag of its newest durable change.
    pub last_etag: Etag,
    /// Deletions at or below this etag it no longer remembers.
    pub tombstone_floor: Etag,
    /// Everything it holds.
    pub vector: ChangeVector,
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
    if let Some(cursor) = &known {
        lineage(&begin, cursor)?;
    }
    let mut cursor = known.unwrap_or_else(|| Cursor {
        incarnation: begin.incarnation,
        etag: Etag::ZERO,
        epoch: 0,
        owners: Vec::new(),
        seen: now,
    });
    let highest = cursor.generation(begin.task);
    if begin.generation < highest {
        return Err(BeginError::Fenced { offered: begin.generation, highest });
    }
    if cursor.etag < begin.tombstone_floor && !is_new_copy(work, &cursor, &begin.vector)? {
        let (floor, cursor) = (begin.tombstone_floor, cursor.etag);
        return Err(BeginError::FullReconcileRequired { floor, cursor });
    }
    cursor.epoch += 1;
    cursor.seen = now;
    cursor.accept(Owner { task: begin.task, generation: begin.generation });
    work.set_small(keys::CURSORS, keys::cursor(begin.source), Some(cursor.encode()));
    let vector = work.header.vector.clone();
    Ok(Session { epoch: cursor.epoch, cursor: cursor.etag, vector })
}

/// The source is the one that was received from, and not behind what was received.
fn lineage(begin: &Begin, cursor: &Cursor) -> Result<(), BeginError> {
    if cursor.incarnation != begin.incarnation {
        let (offered, known) = (begin.incarnation, cursor.incarnation);
        return Err(BeginError::IncarnationChanged { offered, known });
    }
    if cursor.etag > begin.last_etag {
        let (last, cursor) = (begin.last_etag, cursor.etag);
        return Err(BeginError::SourceForked { last, cursor });
    }
    Ok(())
}

/// Whether nothing is held here that the source has seen: what it has forgotten to be deleted
/// cannot be here then (protocol, "Handshake rules", 9).
fn is_new_copy(
    work: &Work<'_>,
    cursor: &Cursor,
    source: &ChangeVector,
) -> Result<bool, StoreError> {
    if !cursor.etag.is_zero() || work.header.documents > NEW_COPY_ROWS_MAX as u64 {
        return Ok(false);
    }
    let base = work.overlay.base();
    for table in [keys::DOCUMENTS, keys::CONFLICTS] {
        // A row that this group replaces counts too: a copy that is new has none.
        let written = work.overlay.written(table).map(Ok);
        for entry in base.scan(table, ScanRange::all(), Direction::Forward).chain(written) {
            let (key, row) = entry?;
            let heads = if table == keys::CONFLICTS {
                Head::decode_all(row)
            } else {
                Head::decode(row).map(|head| vec![head])
            };
            let heads = heads.map_err(|error| corrupt(table, &key, error))?;
            if heads.iter().any(|head| source.covers(head.vector())) {
                return Ok(false);
            }
        }
    }
    Ok(true)
}
