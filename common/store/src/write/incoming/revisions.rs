//! Revisions that arrive, and what says that some are gone.

use jackdaw_common::{
    ChangeVector, Collection, Content, DocumentId, Entry, RevisionsRule, Timestamp, Version,
    conflict::{Decision, Holder, Known},
};

use super::{Applied, ApplyError, IncomingItem, check_claim, decided, merging::Outcome};
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

/// Keeps what the items of a transaction take the place of, before they do; not where a document is
/// deleted and its collection's rule purges it. Answers the documents of which something is to be
/// removed afterwards, each with its collection.
pub(super) fn keep_before(
    work: &mut Work<'_>,
    items: &[IncomingItem],
) -> Result<Vec<(DocumentId, Collection)>, StoreError> {
    let mut due = Vec::new();
    if !work.keeps() {
        return Ok(due);
    }
    for IncomingItem { item, hash } in items {
        let version = &item.version;
        if version.content.is_part() || item.past {
            continue;
        }
        let present = work.present(&version.id)?;
        let deleted = version.content.is_tombstone();
        let heads = present.heads.iter();
        let purged: Vec<_> = heads.map(|head| deleted && work.purges(&head.collection)).collect();
        let any = match decided(work, version, *hash, &present) {
            Decision::Ignore(_) => false,
            Decision::Conflict { superseded } => {
                work.keep_versions(&present, |at| superseded.contains(&at) && !purged[at])?
            }
            Decision::Replace | Decision::Merge(_) => {
                work.keep_versions(&present, |at| !purged[at])? || purged.contains(&true)
            }
        };
        if let Some(head) = present.heads.first().filter(|_| any) {
            due.push((version.id.clone(), head.collection.clone()));
        }
    }
    Ok(due)
}

/// Removes what this database has kept of documents by itself and its rules no longer keep, now
/// that another database has written them anew. What others keep is theirs.
pub(super) fn trim(
    work: &mut Work<'_>,
    due: Vec<(DocumentId, Collection)>,
    now: Timestamp,
) -> Result<(), StoreError> {
    for (id, collection) in due {
        let Some(rule) = work.rule(&collection).cloned() else { continue };
        let purged = rule.purge_on_delete && work.present(&id)?.is_tombstone();
        let rule = if purged { RevisionsRule::none() } else { rule };
        work.trim_own(&id, &rule, now)?;
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
    // Whatever has become of what they were made from: together they are one.
    if before.vector.covers(&version.vector) && before.removed.covers(&removed) {
        return Ok(Outcome::Ignored(Known::Covered));
    }
    let all = removed.merge(&before.removed);
    let vector = version.vector.merge(&before.vector);
    if vector == version.vector && all == removed {
        work.write_trim(version, removed, minted)?;
        return Ok(Outcome::Applied);
    }
    let content = Content::RevisionTombstone(all.clone());
    work.write_trim(Version { vector, content, ..version }, all, None)?;
    Ok(Outcome::Merged)
}
