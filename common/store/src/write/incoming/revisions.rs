//! Revisions that arrive, and what says that some are gone.

use jackdaw_common::{
    ChangeVector, Content, Entry, Version,
    conflict::{Holder, Known},
};

use super::{Applied, ApplyError, IncomingItem, check_claim, merging::Outcome};
use crate::{error::StoreError, write::work::Work};

/// Nobody can know of an entry of this database that it has not minted.
pub(super) fn check_claims(work: &Work<'_>, items: &[IncomingItem]) -> Result<(), ApplyError> {
    let (own, last) = (work.header.incarnation, work.header.last_etag);
    for item in items {
        let version = &item.item.version;
        if let Some(kept) = &version.kept {
            check_claim(kept.by.etag_of(own), last)?;
        }
        if let Content::RevisionTombstone(removed) = &version.content {
            check_claim(removed.etag_of(own), last)?;
        }
    }
    Ok(())
}

/// A version that another one has taken the place of: a revision, if it is one, and nothing else.
pub(super) fn late(
    work: &mut Work<'_>,
    version: Version,
    minted: Option<Entry>,
    known: Known,
    applied: &mut Applied,
) -> Result<(), StoreError> {
    if known != Known::Collided && work.keep_arriving(version, minted)? {
        applied.applied += 1;
    } else {
        applied.ignore(known);
    }
    Ok(())
}

/// Revisions of a document are gone.
pub(super) fn removed(
    work: &mut Work<'_>,
    version: Version,
    removed: ChangeVector,
    minted: Option<Entry>,
) -> Result<Outcome, StoreError> {
    let Some(before) = work.removed(&version.id)? else {
        let holder = Holder { vector: &work.header.vector, retired: &work.header.origin.retired };
        if holder.has_seen(&version.vector) {
            return Ok(Outcome::Ignored(Known::Forgotten));
        }
        work.write_trim(version, removed, minted)?;
        return Ok(Outcome::Applied);
    };
    if before.vector.covers(&version.vector) {
        let same = before.vector != version.vector || before.removed == removed;
        return Ok(Outcome::Ignored(if same { Known::Covered } else { Known::Collided }));
    }
    if version.vector.covers(&before.vector) && removed.covers(&before.removed) {
        work.write_trim(version, removed, minted)?;
        return Ok(Outcome::Applied);
    }
    let all = removed.merge(&before.removed);
    let vector = version.vector.merge(&before.vector);
    let content = Content::RevisionTombstone(all.clone());
    work.write_trim(Version { vector, content, ..version }, all, None)?;
    Ok(Outcome::Merged)
}
