//! Which revisions are kept: configured, and enforced on what there is.
//!
//! A write looks after the document it writes; what a new rule says of all others is enforced when
//! somebody asks for it, in bounded steps.

use std::sync::Arc;

use bytes::Bytes;
use jackdaw_common::{
    RevisionsConfiguration, RevisionsRule, Timestamp,
    limits::{ENFORCE_ROWS_MAX, REVISIONS_TRIMMED_MAX},
};
use thiserror::Error;

use super::work::Work;
use crate::{
    engine::{Direction, ScanRange},
    error::StoreError,
    keys,
};

/// Of which collections revisions are kept, from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Configure {
    /// What is configured now; `None`: whatever it is.
    pub expected: Option<RevisionsConfiguration>,
    /// What shall be.
    pub configuration: RevisionsConfiguration,
}

/// Why revisions were not configured.
#[derive(Clone, Debug, Error)]
pub enum ConfigureError {
    /// Something else is configured than was expected: somebody else did it.
    #[error("the configuration of revisions was changed by somebody else")]
    Changed,
    /// The database cannot read or write.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A step of an enforcement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Enforce {
    /// Goes on behind this document id, lower case; `None` begins.
    pub after: Option<Bytes>,
}

/// What a step has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Enforced {
    /// Documents that have revisions, looked at to the end.
    pub documents: u64,
    /// Revisions that are gone.
    pub removed: u64,
    /// Where the next step goes on; `None` when it was the last one.
    pub next: Option<Enforce>,
}

/// Why nothing was enforced.
#[derive(Clone, Debug, Error)]
pub enum EnforceError {
    /// The database cannot read or write.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Configures revisions.
pub(crate) fn configure(work: &mut Work<'_>, what: Configure) -> Result<(), ConfigureError> {
    let current = &work.header.origin.revisions;
    if what.expected.is_some_and(|expected| expected != *current) {
        return Err(ConfigureError::Changed);
    }
    // Written also where just a casing is another.
    Arc::make_mut(&mut work.header.origin).revisions = what.configuration;
    Ok(())
}

/// Looks at the next documents and removes the revisions that are not kept any more.
pub(crate) fn step(
    work: &mut Work<'_>,
    what: Enforce,
    now: Timestamp,
) -> Result<Enforced, EnforceError> {
    work.begin(now);
    let mut enforced = Enforced::default();
    let mut left = ENFORCE_ROWS_MAX;
    let mut after = what.after;
    while work.header.revisions > 0 {
        let Some(document) = next(work, after.as_ref())? else { return Ok(enforced) };
        if left == 0 {
            enforced.next = Some(Enforce { after });
            return Ok(enforced);
        }
        let removed = one(work, &document, &mut left, now)?;
        enforced.removed += removed;
        if removed == REVISIONS_TRIMMED_MAX as u64 {
            // There may be more of it.
            continue;
        }
        enforced.documents += 1;
        after = Some(document);
    }
    Ok(enforced)
}

/// The next document that has revisions.
fn next(work: &Work<'_>, after: Option<&Bytes>) -> Result<Option<Bytes>, StoreError> {
    let behind = |after: &Bytes| ScanRange::from(keys::behind_parts(after));
    let range = after.map_or_else(ScanRange::all, behind);
    let first = work.overlay.scan(keys::REVISIONS, range, Direction::Forward).next();
    Ok(first.transpose()?.map(|(key, _)| keys::document_of(&key)))
}

/// Removes revisions of one document, in a transaction of its own.
fn one(
    work: &mut Work<'_>,
    document: &Bytes,
    left: &mut usize,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let (id, present) = (keys::id(document)?, work.present_at(document)?);
    let newest = work.newest_revision(document)?;
    let rule = newest.as_ref().and_then(|newest| work.rule(&newest.collection)).cloned();
    // That nothing is there is no deletion: the document may be on its way.
    let deleted = present.is_tombstone()
        || newest.is_some_and(|newest| newest.tombstone) && !present.is_alive();
    let rule = rule.filter(|rule| !(deleted && rule.purge_on_delete));
    let rule = rule.unwrap_or_else(RevisionsRule::none);
    *left -= 1;
    if present.is_conflict() {
        // What a person has to decide about stays as it is.
        return Ok(0);
    }
    let removed = work.trim_by(&id, &rule, now)?;
    work.border();
    *left = left.saturating_sub(usize::try_from(removed).unwrap_or(usize::MAX));
    Ok(removed)
}
