//! Revisions: versions of a document that are kept when another takes their place.
//!
//! Whether a version is kept is part of the version: the database that wrote it says so, by its own
//! configuration, and every copy keeps it, whatever is configured there. What is removed of a
//! document's revisions is said by the entries under which they were kept, so that one that comes
//! late is known for what it is, and nothing else goes with it. Several databases may have kept the
//! same version, each by itself; it goes when it is gone for each of them.

mod configuration;
#[cfg(test)]
mod tests;

pub use configuration::{RevisionsConfiguration, RevisionsRule, RuleError};

use std::collections::BTreeMap;

use super::{counter::CounterName, series::SeriesSummary};
use crate::{
    ChangeVector, Entry, Etag, IncarnationId,
    limits::{COUNTER_NAME_BYTES_MAX, REVISION_PARTS_BYTES_MAX},
};

/// That a version is kept as a revision, and what its document had when it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The entries under which it is kept, one of each incarnation that keeps it: the one that was
    /// minted for the version, or, where it was kept only when another took its place, those that
    /// were minted then. Never empty.
    pub by: ChangeVector,
    /// What the document had beside its body.
    pub parts: KeptParts,
}

/// Counters and time series of a document at the time of a revision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeptParts {
    /// Its counters, by name.
    pub counters: Vec<KeptCounter>,
    /// Its time series, by name.
    pub series: Vec<SeriesSummary>,
    /// Whether it had more: of very many only the first are kept.
    pub more: bool,
}

/// A counter at the time of a revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptCounter {
    /// Its name.
    pub name: CounterName,
    /// Its value; `None` for one that was beyond 64 bits.
    pub value: Option<i64>,
}

/// Bytes that the numbers of a counter or a series take encoded, at most.
const NUMBERS_BYTES_MAX: usize = 48;

/// Bytes that parts take at most: the one that made them full is beyond the bound.
pub const PARTS_BYTES_MAX: usize =
    REVISION_PARTS_BYTES_MAX + COUNTER_NAME_BYTES_MAX + NUMBERS_BYTES_MAX;

impl KeptParts {
    /// Bytes they take encoded, at most.
    pub fn bytes(&self) -> usize {
        let counters = self.counters.iter().map(|it| it.name.as_str().len());
        let series = self.series.iter().map(|it| it.name.as_str().len());
        counters.chain(series).map(|name| name + NUMBERS_BYTES_MAX).sum()
    }

    /// Whether another one would be too many.
    pub fn is_full(&self) -> bool {
        self.bytes() > REVISION_PARTS_BYTES_MAX
    }
}

/// What of `by` is not among what is known to be gone.
pub fn left(by: &ChangeVector, gone: &ChangeVector) -> ChangeVector {
    let left = by.entries().iter().filter(|it| gone.etag_of(it.incarnation) < it.etag);
    ChangeVector::from_entries(left.copied())
}

/// What is removed when the revisions kept under `victims` go and those kept under `stays` do not:
/// all of the first and none of the others. Of the first those are left out that could not be told
/// from the others.
pub fn removal<'k>(
    victims: impl Iterator<Item = &'k ChangeVector>,
    stays: impl Iterator<Item = &'k ChangeVector>,
) -> ChangeVector {
    let mut first_to_stay: BTreeMap<IncarnationId, Etag> = BTreeMap::new();
    for Entry { incarnation, etag } in stays.flat_map(ChangeVector::entries).copied() {
        let first = first_to_stay.entry(incarnation).or_insert(etag);
        *first = etag.min(*first);
    }
    let goes = |entry: &Entry| {
        first_to_stay.get(&entry.incarnation).is_none_or(|first| *first > entry.etag)
    };
    let mut removed = ChangeVector::empty();
    for victim in victims.filter(|victim| victim.entries().iter().all(goes)) {
        removed.merge_from(victim);
    }
    removed
}
