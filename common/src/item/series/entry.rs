//! One entry of a series: as a client gives it, as a segment holds it, as a reader sees it.

use core::cmp::Ordering;
use std::sync::Arc;

use thiserror::Error;

use super::SeriesTime;
use crate::{
    ChangeVector, Entry, Etag, IncarnationId,
    limits::{SERIES_TAG_BYTES_MAX, SERIES_VALUES_MAX},
};

/// What a client appends to a series.
#[derive(Clone, Debug, PartialEq)]
pub struct NewEntry {
    pub(super) time: SeriesTime,
    pub(super) values: Vec<f64>,
    pub(super) tag: Option<Arc<str>>,
}

impl NewEntry {
    /// Checks and takes an entry: 1 to 32 values, all of them finite, and perhaps a tag of up to
    /// 255 bytes.
    pub fn new(
        time: SeriesTime,
        values: Vec<f64>,
        tag: Option<Arc<str>>,
    ) -> Result<Self, NewEntryError> {
        let bytes = tag.as_ref().map_or(0, |tag| tag.len());
        if values.is_empty() {
            return Err(NewEntryError::NoValues);
        }
        if values.len() > SERIES_VALUES_MAX {
            return Err(NewEntryError::TooManyValues { count: values.len() });
        }
        if let Some(at) = values.iter().position(|value| !value.is_finite()) {
            return Err(NewEntryError::NotFinite { at });
        }
        if bytes > SERIES_TAG_BYTES_MAX {
            return Err(NewEntryError::TagTooLong { bytes });
        }
        Ok(Self { time, values, tag })
    }

    /// When.
    pub fn time(&self) -> SeriesTime {
        self.time
    }

    /// About how many bytes it takes.
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + size_of_val(self.values()) + self.tag().map_or(0, str::len)
    }

    /// What was measured, or how much is added.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// What the client says of it.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }
}

/// Why something is not an entry of a series.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum NewEntryError {
    /// No value at all.
    #[error("entry has no values")]
    NoValues,
    /// More values than an entry may have.
    #[error("entry has {count} values, more than {SERIES_VALUES_MAX}")]
    TooManyValues {
        /// How many it has.
        count: usize,
    },
    /// A value that nobody can add to or write as JSON.
    #[error("value {at} of the entry is not a finite number")]
    NotFinite {
        /// Its place among the values, from 0.
        at: usize,
    },
    /// Longer than a tag may be.
    #[error("tag has {bytes} bytes, more than {SERIES_TAG_BYTES_MAX}")]
    TagTooLong {
        /// Its length.
        bytes: usize,
    },
}

/// One entry as a segment holds it.
///
/// Several may stand at one time, siblings, each of another origin: writes that did not know of
/// each other. Equal means the same to the last bit of each value.
#[derive(Clone, Debug)]
pub struct SeriesEntry {
    /// When.
    pub time: SeriesTime,
    /// What was measured; of an incremental series the sum of what its incarnation added. 1 to 32.
    pub values: Vec<f64>,
    /// What the client said of it; nothing in an incremental series.
    pub tag: Option<Arc<str>>,
    /// The entry that the write which made it minted.
    pub origin: Entry,
}

impl SeriesEntry {
    /// What entries are ordered by, and known by.
    pub(super) fn key(&self) -> (SeriesTime, OriginKey) {
        (self.time, origin_key(self.origin))
    }

    /// Which of two siblings is shown, the greater one (semantics 8.4): more values, then greater
    /// values, then the rest of what tells them apart, so that every copy shows the same.
    pub(super) fn rank(&self, other: &Self) -> Ordering {
        let pairs = self.values.iter().zip(&other.values);
        let values = || pairs.map(|(one, other)| one.total_cmp(other)).find(|order| order.is_ne());
        let lengths = self.values.len().cmp(&other.values.len());
        lengths
            .then_with(|| values().unwrap_or(Ordering::Equal))
            .then_with(|| self.tag.cmp(&other.tag))
            .then_with(|| origin_key(self.origin).cmp(&origin_key(other.origin)))
    }
}

impl PartialEq for SeriesEntry {
    fn eq(&self, other: &Self) -> bool {
        self.time == other.time && self.rank(other).is_eq()
    }
}

impl Eq for SeriesEntry {}

/// What a reader sees at one time.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadEntry {
    /// When.
    pub time: SeriesTime,
    /// The values; of an incremental series the sums over all that added to them.
    pub values: Vec<f64>,
    /// What the client said of it; nothing in an incremental series.
    pub tag: Option<Arc<str>>,
}

impl ReadEntry {
    /// What the siblings of one time show in a plain series; nothing where there are none.
    pub(super) fn winner(siblings: &[SeriesEntry]) -> Option<Self> {
        let winner = siblings.iter().max_by(|one, other| one.rank(other))?;
        let SeriesEntry { time, values, tag, .. } = winner.clone();
        Some(Self { time, values, tag })
    }

    /// What they add up to in an incremental one. Sums of floats depend on their order, so it is
    /// always that of the origins.
    pub(super) fn sum(siblings: &[SeriesEntry]) -> Option<Self> {
        let (first, rest) = siblings.split_first()?;
        let mut values = first.values.clone();
        rest.iter().for_each(|sibling| add(&mut values, &sibling.values));
        Some(Self { time: first.time, values, tag: None })
    }
}

/// Adds value by value. What one has more than the other is kept: a missing value is a zero.
pub(super) fn add(values: &mut Vec<f64>, more: &[f64]) {
    for (value, addend) in values.iter_mut().zip(more) {
        *value += addend;
    }
    values.extend_from_slice(more.get(values.len()..).unwrap_or_default());
}

/// What origins are ordered by.
pub(super) type OriginKey = (IncarnationId, Etag);

/// An origin as what origins are ordered by.
pub(super) fn origin_key(origin: Entry) -> OriginKey {
    (origin.incarnation, origin.etag)
}

/// Whether who has seen so much has seen what this write did.
pub(super) fn has_seen(vector: &ChangeVector, origin: Entry) -> bool {
    vector.etag_of(origin.incarnation) >= origin.etag
}
