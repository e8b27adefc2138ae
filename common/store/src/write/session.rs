//! A source's session begins: where it goes on, and that no older session writes any more.
//!
//! The new epoch is written in the transaction that reads the cursor; every apply checks it. That
//! is the fence (protocol, "Handshake rules").

use bytes::Bytes;
use jackdaw_common::{
    ChangeVector, DatabaseId, Entry, Etag, IncarnationId, Lineage, Timestamp,
    change_vector::TooManyEntries,
    limits::NEW_COPY_ROWS_MAX,
    lineage::{Fork, Kinship, judge},
};
use thiserror::Error;

use super::work::{Work, corrupt};
use crate::{
    engine::{Direction, ScanRange},
    error::StoreError,
    keys,
    tables::{
        cursors::{Cursor, Owner, Reconciling},
        heads::Head,
    },
};

/// What a source says of itself when it calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begin {
    /// The source database.
    pub source: DatabaseId,
    /// Its incarnations and runs.
    pub lineage: Lineage,
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
    /// Where it would have gone on, had it not been restored or copied since.
    pub went_back_from: Option<Etag>,
    /// The source has forgotten deletions that this database has not received: before it goes on,
    /// it has to say what it holds, behind this document id, lower case.
    pub reconcile_after: Option<Bytes>,
    /// Everything this database holds.
    pub vector: ChangeVector,
}

/// Why a session may not begin.
#[derive(Clone, Debug, Error)]
pub enum BeginError {
    /// Source and destination are one database.
    #[error("source and destination are the same database {0}")]
    SelfReplication(DatabaseId),
    /// The source is not the one that was received from: its store went back, or is a copy, and
    /// nobody has declared it.
    #[error("the source went back, or is a copy: {0}")]
    SourceForked(#[from] Fork),
    /// The source writes under an incarnation that was declared dead here.
    #[error("the source's incarnation {incarnation} is retired in this database")]
    IncarnationRetired {
        /// Its incarnation.
        incarnation: IncarnationId,
    },
    /// Together, source and destination know of too many incarnations.
    #[error("with what the source has seen, the database's {0}")]
    VectorTooLong(#[from] TooManyEntries),
    /// A higher generation of the task's owner was accepted before.
    #[error("owner has generation {offered}, but {highest} was accepted before")]
    Fenced {
        /// What it says.
        offered: u64,
        /// The highest accepted.
        highest: u64,
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
    check_vector(work, &begin)?;
    let known = load(work, begin.source)?;
    let lineage = &begin.lineage;
    let kinship = known.as_ref().map(|it| judge(&it.position, lineage, begin.last_etag));
    let kinship = kinship.transpose()?.unwrap_or(Kinship::Same);
    let mut cursor = known.unwrap_or_else(|| Cursor::new(lineage, now));
    let highest = cursor.generation(begin.task);
    if begin.generation < highest {
        return Err(BeginError::Fenced { offered: begin.generation, highest });
    }
    let before = cursor.etag();
    if let Kinship::Restored { common } = kinship {
        cursor.go_back(lineage, common, work.header.lineage().lives());
    }
    cursor.know(lineage);
    cursor.epoch += 1;
    cursor.seen = now;
    cursor.accept(Owner { task: begin.task, generation: begin.generation });
    reconcile(work, &mut cursor, &begin)?;
    work.set_small(keys::CURSORS, keys::cursor(begin.source), Some(cursor.encode()));
    Ok(Session {
        epoch: cursor.epoch,
        cursor: cursor.etag(),
        went_back_from: (kinship != Kinship::Same).then_some(before),
        reconcile_after: cursor.reconciling.map(|reconciling| reconciling.after),
        vector: work.header.vector.clone(),
    })
}

/// What both have seen, and what this database writes next, must fit into one vector.
fn check_vector(work: &Work<'_>, begin: &Begin) -> Result<(), BeginError> {
    let header = &work.header;
    let incarnation = begin.lineage.current();
    if header.origin.is_retired(incarnation) {
        return Err(BeginError::IncarnationRetired { incarnation });
    }
    let mut all = header.vector.merge(&begin.vector.without(&header.origin.retired));
    all.raise(Entry { incarnation: header.incarnation, etag: Etag::MAX });
    Ok(all.check_bound()?)
}

/// Whether source and destination must be reconciled in full first: the source does not remember
/// every deletion that is not here. What was begun with the same floor goes on where it was; what
/// was begun is carried out, though the cursor may have passed the floor meanwhile. A source that
/// went back owes one for all that it has seen again since.
fn reconcile(work: &Work<'_>, cursor: &mut Cursor, begin: &Begin) -> Result<(), StoreError> {
    let floor = begin.tombstone_floor;
    let under_way = cursor.reconciling.take().filter(|reconciling| reconciling.floor <= floor);
    let due =
        under_way.is_some() || cursor.deletions_known() < floor || cursor.is_paid_by(&begin.vector);
    cursor.pay(&begin.vector);
    if due && !is_new_copy(work, cursor, &begin.vector)? {
        let anew = || Reconciling { floor, after: Bytes::new() };
        let under_way = under_way.filter(|reconciling| reconciling.floor == floor);
        cursor.reconciling = Some(under_way.unwrap_or_else(anew));
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
    if !cursor.etag().is_zero() || work.header.documents > NEW_COPY_ROWS_MAX as u64 {
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
