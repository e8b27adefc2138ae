//! Forgetting deletions: a tombstone that nobody needs any more goes, and raises the floor; so do
//! counters and segments that hold nothing, and what was removed of a document's revisions.
//!
//! It goes when every task has passed it, disabled ones too, when the database vector covers it, so
//! that an old version of the document is known for what it is when it comes again, and when it is
//! old enough (storage, "Tombstones"; invariant I16).

use bytes::Bytes;
use jackdaw_common::{Etag, Timestamp, conflict::Holder, limits::FORGET_ROWS_MAX};
use thiserror::Error;

use super::work::{Work, corrupt};
use crate::{
    engine::{Direction, ScanRange, Table},
    error::StoreError,
    keys,
    tables::{changes::ChangeRow, heads::Head, parts::decode_dead, revisions::Trim},
};

/// A step of forgetting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forget {
    /// Only what was committed here before this time.
    pub before: Timestamp,
    /// Goes on where an earlier step ended; `None` begins.
    pub after: Option<Looked>,
}

/// How far forgetting has looked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Looked {
    table: Table,
    /// Up to this key; `None`: not at all.
    through: Option<Bytes>,
}

/// What a step has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Deletions that are gone.
    pub tombstones: u64,
    /// Documents of which it is not known any more that revisions were removed.
    pub trims: u64,
    /// Counters and segments that are gone: they held nothing.
    pub parts: u64,
    /// Where the next step goes on; `None` when it was the last one.
    pub next: Option<Looked>,
}

/// Why nothing was forgotten.
#[derive(Clone, Debug, Error)]
pub enum ForgetError {
    /// The database cannot read or write.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Looks at the next deletions and forgets those that nobody needs.
pub(crate) fn step(work: &mut Work<'_>, what: Forget) -> Result<Forgotten, ForgetError> {
    let begin = Looked { table: keys::TOMBSTONES, through: None };
    let Looked { table, through } = what.after.unwrap_or(begin);
    let mut forgotten = Forgotten::default();
    let passed = work.header.followers.passed();
    let base = work.overlay.base().clone();
    let range = through.map_or_else(ScanRange::all, ScanRange::after);
    let mut looked = 0;
    for entry in base.scan(table, range, Direction::Forward) {
        let (key, row) = entry.map_err(StoreError::from)?;
        looked += 1;
        let candidate = Candidate { table, key: &key, row, passed, before: what.before };
        match table {
            keys::TOMBSTONES => forgotten.tombstones += u64::from(tombstone(work, candidate)?),
            keys::TRIMS => forgotten.trims += u64::from(trim(work, candidate)?),
            _ => forgotten.parts += u64::from(part(work, candidate)?),
        }
        if looked == FORGET_ROWS_MAX {
            forgotten.next = Some(Looked { table, through: Some(key) });
            return Ok(forgotten);
        }
    }
    let next = ORDER.iter().skip_while(|other| **other != table).nth(1);
    forgotten.next = next.map(|table| Looked { table: *table, through: None });
    Ok(forgotten)
}

/// The tables that are looked at.
const ORDER: [Table; 3] = [keys::TOMBSTONES, keys::TRIMS, keys::DEAD];

#[cfg(test)]
impl Looked {
    /// At everything but what documents have.
    pub(crate) fn before_parts() -> Self {
        Self { table: keys::DEAD, through: None }
    }
}

/// A row that may not be needed any more.
struct Candidate<'c> {
    table: Table,
    key: &'c Bytes,
    row: Bytes,
    passed: Etag,
    before: Timestamp,
}

impl Candidate<'_> {
    /// Whether an intent of this very group has written something else.
    fn is_changed(&self, work: &Work<'_>) -> Result<bool, StoreError> {
        Ok(work.overlay.row(self.table, self.key)?.as_ref() != Some(&self.row))
    }

    /// Whether every task has passed it, and it was committed long enough ago.
    fn is_passed(&self, work: &Work<'_>, etag: Etag) -> Result<bool, StoreError> {
        if etag > self.passed {
            return Ok(false);
        }
        let change = keys::change(etag);
        let Some(row) = work.overlay.row(keys::CHANGES, &change)? else { return Ok(true) };
        let row =
            ChangeRow::decode(etag, row).map_err(|error| corrupt(keys::CHANGES, &change, error))?;
        Ok(row.stamp < self.before)
    }
}

/// Forgets a deletion, unless somebody needs it.
fn tombstone(work: &mut Work<'_>, it: Candidate<'_>) -> Result<bool, StoreError> {
    let head = Head::decode(it.row.clone()).map_err(|error| corrupt(it.table, it.key, error))?;
    let holder = Holder { vector: &work.header.vector, retired: &work.header.origin.retired };
    if !holder.has_seen(head.vector()) || it.is_changed(work)? || !it.is_passed(work, head.etag)? {
        return Ok(false);
    }
    work.forget(it.key.clone(), &head)?;
    Ok(true)
}

/// Forgets what was removed of a document's revisions, likewise: those that come again then are
/// known for what they are by the database vector.
fn trim(work: &mut Work<'_>, it: Candidate<'_>) -> Result<bool, StoreError> {
    let trim = Trim::decode(it.row.clone()).map_err(|error| corrupt(it.table, it.key, error))?;
    let holder = Holder { vector: &work.header.vector, retired: &work.header.origin.retired };
    let seen = holder.has_seen(&trim.vector) && holder.has_seen(&trim.removed);
    if !seen || it.is_changed(work)? || !it.is_passed(work, trim.etag)? {
        return Ok(false);
    }
    work.forget_trim(it.key.clone(), trim.etag);
    Ok(true)
}

/// Forgets a counter or a segment that holds nothing, likewise: what it has removed, and comes
/// again then, is known for what it is by the database vector.
fn part(work: &mut Work<'_>, it: Candidate<'_>) -> Result<bool, StoreError> {
    let etag = keys::etag(it.table, it.key)?;
    let (table, key) =
        decode_dead(it.row.clone()).map_err(|error| corrupt(it.table, it.key, error))?;
    if it.is_changed(work)? || !it.is_passed(work, etag)? {
        return Ok(false);
    }
    work.forget_part(table, key, etag)
}
