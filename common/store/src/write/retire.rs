//! Retiring incarnations: vectors get no longer for the sake of what is gone for good.
//!
//! A retired incarnation leaves the database vector, so that what is written from now on does not
//! carry it, and settles nothing any more when versions are compared (semantics 1.5.1, 1.10).
//! Vectors of what is stored stay as they are: whoever has a copy has them too.

use std::sync::Arc;

use jackdaw_common::{Etag, IncarnationId};
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
    /// It is alive: this database, or one that was received from, writes under it, or has written
    /// what is not here yet.
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
    let in_use = of_sources(work)?;
    let mut retired = work.header.origin.retired.clone();
    for incarnation in incarnations {
        if retired.contains(&incarnation) {
            continue;
        }
        if incarnation == work.header.incarnation || in_use.contains(&incarnation) {
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

/// The incarnations from which something new may come: those that sources write under, and older
/// ones of theirs that are not here to the end.
fn of_sources(work: &Work<'_>) -> Result<Vec<IncarnationId>, StoreError> {
    let mut in_use = Vec::new();
    let base = work.overlay.base().scan(keys::CURSORS, ScanRange::all(), Direction::Forward);
    // A session may have begun in this very group.
    let written = work.overlay.written(keys::CURSORS).map(Ok);
    for row in base.chain(written) {
        let (key, _) = row?;
        let Some(row) = work.small(keys::CURSORS, &key)? else { continue };
        let cursor = Cursor::decode(row).map_err(|error| corrupt(keys::CURSORS, &key, error))?;
        let lives = &cursor.position.lives;
        let ends = lives.iter().skip(1).map(|next| next.after).chain([Etag::MAX]);
        let open = lives.iter().zip(ends).filter(|(_, end)| *end > cursor.etag());
        in_use.extend(open.map(|(life, _)| life.incarnation));
    }
    Ok(in_use)
}
