//! Retiring incarnations: vectors get no longer for the sake of what is gone for good.
//!
//! A retired incarnation leaves the database vector, so that what is written from now on does not
//! carry it, and settles nothing any more when versions are compared (semantics 1.5.1, 1.10).
//! Vectors of what is stored stay as they are: whoever has a copy has them too.

use std::sync::Arc;

use jackdaw_common::IncarnationId;
use thiserror::Error;

use super::work::{Work, corrupt};
use crate::{
    engine::{Direction, ScanRange},
    error::StoreError,
    keys,
    tables::cursors::Cursor,
};

/// Why an incarnation was not retired.
#[derive(Clone, Debug, Error)]
pub enum RetireError {
    /// It is alive: this database, or one that was received from, writes under it.
    #[error("incarnation {0} is in use")]
    InUse(IncarnationId),
    /// The database has never heard of it.
    #[error("incarnation {0} is not known")]
    Unknown(IncarnationId),
    /// The database cannot read or write.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Retires incarnations: all of them, or none.
pub(crate) fn retire(
    work: &mut Work<'_>,
    incarnations: Vec<IncarnationId>,
) -> Result<(), RetireError> {
    let mut sources = Vec::new();
    for row in work.overlay.base().scan(keys::CURSORS, ScanRange::all(), Direction::Forward) {
        let (key, _) = row.map_err(StoreError::from)?;
        let Some(row) = work.small(keys::CURSORS, &key)? else { continue };
        let cursor = Cursor::decode(row).map_err(|error| corrupt(keys::CURSORS, &key, error))?;
        sources.extend(cursor.incarnation());
    }
    let mut retired = work.header.origin.retired.clone();
    for incarnation in incarnations {
        if retired.contains(&incarnation) {
            continue;
        }
        if incarnation == work.header.incarnation || sources.contains(&incarnation) {
            return Err(RetireError::InUse(incarnation));
        }
        if work.header.vector.etag_of(incarnation).is_zero() {
            return Err(RetireError::Unknown(incarnation));
        }
        retired.push(incarnation);
    }
    retired.sort_unstable();
    work.header.vector = work.header.vector.without(&retired);
    Arc::make_mut(&mut work.header.origin).retired = retired;
    Ok(())
}
