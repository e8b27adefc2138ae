//! Forgetting deletions: a tombstone that nobody needs any more goes, and raises the floor.
//!
//! It goes when every task has passed it, disabled ones too, when the database vector covers it, so
//! that an old version of the document is known for what it is when it comes again, and when it is
//! old enough (storage, "Tombstones"; invariant I16).

use bytes::Bytes;
use jackdaw_common::{Etag, Timestamp, conflict::Holder, limits::FORGET_ROWS_MAX};
use thiserror::Error;

use super::work::{Work, corrupt};
use crate::{
    engine::{Direction, ScanRange},
    error::StoreError,
    keys,
    tables::{changes::ChangeRow, heads::Head},
};

/// A step of forgetting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forget {
    /// Only what was committed here before this time.
    pub before: Timestamp,
    /// Goes on behind this key; `None` begins.
    pub after: Option<Bytes>,
}

/// What a step has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Deletions that are gone.
    pub tombstones: u64,
    /// Where the next step goes on; `None` when it was the last one.
    pub next: Option<Bytes>,
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
    let mut forgotten = Forgotten::default();
    if work.header.tombstones == 0 {
        return Ok(forgotten);
    }
    let passed = work.header.followers.passed();
    let base = work.overlay.base().clone();
    let range = what.after.map_or_else(ScanRange::all, ScanRange::after);
    let mut looked = 0;
    for entry in base.scan(keys::TOMBSTONES, range, Direction::Forward) {
        let (key, row) = entry.map_err(StoreError::from)?;
        looked += 1;
        if let Some(etag) = forgettable(work, passed, what.before, &key, row)? {
            work.forget(key.clone(), etag);
            forgotten.tombstones += 1;
        }
        if looked == FORGET_ROWS_MAX {
            forgotten.next = Some(key);
            break;
        }
    }
    Ok(forgotten)
}

/// The etag of a deletion that nobody needs; `None` for one that somebody does.
fn forgettable(
    work: &Work<'_>,
    passed: Etag,
    before: Timestamp,
    key: &Bytes,
    row: Bytes,
) -> Result<Option<Etag>, StoreError> {
    let head = Head::decode(row.clone()).map_err(|error| corrupt(keys::TOMBSTONES, key, error))?;
    // An intent of this very group may have written the document again.
    let changed = work.overlay.row(keys::TOMBSTONES, key)? != Some(row);
    let holder = Holder { vector: &work.header.vector, retired: &work.header.origin.retired };
    if changed || head.etag > passed || !holder.has_seen(head.vector()) {
        return Ok(None);
    }
    let change = keys::change(head.etag);
    let Some(row) = work.overlay.row(keys::CHANGES, &change)? else { return Ok(Some(head.etag)) };
    let row = ChangeRow::decode(head.etag, row)
        .map_err(|error| corrupt(keys::CHANGES, &change, error))?;
    Ok((row.stamp < before).then_some(head.etag))
}
