//! Change vectors: what a version, or a whole database, has seen of every incarnation.
//!
//! Owns the type and its rules: order, merge, the text for people and the binary form for rows and
//! frames. Pure sets of numbers: it mints nothing (invariant I3), knows nothing of rows,
//! and the flat form is the only one; RavenDB's composite `order|version` is refused.

mod binary;
mod merge;
mod order;
mod text;

use core::cmp::Reverse;
use core::fmt;
use core::hash::{Hash, Hasher};
use std::sync::Arc;

use thiserror::Error;

pub use binary::DecodeError;
pub use order::Order;
pub use text::ParseError;

use crate::etag::Etag;
use crate::id::IncarnationId;
use crate::limits::CHANGE_VECTOR_ENTRIES_MAX;

/// How far one incarnation has been seen: everything up to an etag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Entry {
    /// Who issued the etag; the identity of the entry.
    pub incarnation: IncarnationId,
    /// The last etag seen.
    pub etag: Etag,
}

/// For each of some incarnations the last etag seen; empty is "knows nothing".
///
/// Entries are sorted by the bytes of their ids, an id occurs once, no etag is zero: a missing
/// entry is a zero, so there is one value for one meaning. Vectors of up to two entries live in
/// place, longer ones are shared: cloning never copies one, and moving one copies 56 bytes.
#[derive(Clone)]
pub struct ChangeVector {
    repr: Repr,
}

impl ChangeVector {
    /// The vector that knows nothing.
    pub const fn empty() -> Self {
        Self { repr: Repr::Inline { entries: [ABSENT; INLINE_ENTRIES], count: 0 } }
    }

    /// The vector of these entries, in any order.
    ///
    /// Of a repeated id the highest etag counts; a zero etag is as good as no entry.
    pub fn from_entries(entries: impl IntoIterator<Item = Entry>) -> Self {
        let mut builder = Builder::new();
        entries.into_iter().for_each(|entry| builder.push(entry));
        builder.sort();
        builder.finish()
    }

    /// The entries, sorted by the bytes of their ids.
    pub fn entries(&self) -> &[Entry] {
        match &self.repr {
            Repr::Inline { entries, count } => {
                entries.get(..usize::from(*count)).unwrap_or_default()
            }
            Repr::Shared(entries) => entries,
        }
    }

    /// Whether it knows nothing.
    pub fn is_empty(&self) -> bool {
        self.entries().is_empty()
    }

    /// How many entries it has.
    pub fn len(&self) -> usize {
        self.entries().len()
    }

    /// The etag up to which it has seen an incarnation; zero when it has seen nothing of it.
    pub fn etag_of(&self, incarnation: IncarnationId) -> Etag {
        let entries = self.entries();
        let found = entries.binary_search_by_key(&incarnation, |entry| entry.incarnation);
        found.ok().and_then(|at| entries.get(at)).map_or(Etag::ZERO, |entry| entry.etag)
    }

    /// An error when it is longer than any vector may grow, [`CHANGE_VECTOR_ENTRIES_MAX`].
    ///
    /// The type itself has no bound: sessions that would exceed it are refused, writes are not.
    pub fn check_bound(&self) -> Result<(), TooManyEntries> {
        if self.len() > CHANGE_VECTOR_ENTRIES_MAX {
            return Err(TooManyEntries { entries: self.len() });
        }
        Ok(())
    }
}

impl Default for ChangeVector {
    fn default() -> Self {
        Self::empty()
    }
}

impl PartialEq for ChangeVector {
    fn eq(&self, other: &Self) -> bool {
        self.entries() == other.entries()
    }
}

impl Eq for ChangeVector {}

impl Hash for ChangeVector {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.entries().hash(state);
    }
}

impl fmt::Debug for ChangeVector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChangeVector({self})")
    }
}

/// A vector is longer than [`CHANGE_VECTOR_ENTRIES_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("change vector has {entries} entries, more than {CHANGE_VECTOR_ENTRIES_MAX}")]
pub struct TooManyEntries {
    /// Its length.
    pub entries: usize,
}

/// Where the entries are.
#[derive(Clone)]
enum Repr {
    /// The first `count` of these; [`ABSENT`] behind them.
    Inline { entries: [Entry; INLINE_ENTRIES], count: u8 },
    /// More than fit in place.
    Shared(Arc<[Entry]>),
}

impl Repr {
    fn new(entries: &[Entry]) -> Self {
        let mut inline = [ABSENT; INLINE_ENTRIES];
        match (inline.get_mut(..entries.len()), u8::try_from(entries.len())) {
            (Some(place), Ok(count)) => {
                place.copy_from_slice(entries);
                Self::Inline { entries: inline, count }
            }
            _ => Self::Shared(Arc::from(entries)),
        }
    }
}

/// Collects entries: on the stack as long as they are few, so that finishing allocates once.
struct Builder {
    few: [Entry; FEW_ENTRIES],
    /// How many of `few` count; all of them once there are more.
    count: usize,
    /// All entries, once they are more than few.
    many: Vec<Entry>,
}

impl Builder {
    fn new() -> Self {
        Self { few: [ABSENT; FEW_ENTRIES], count: 0, many: Vec::new() }
    }

    /// Appends an entry, unless its etag is zero.
    fn push(&mut self, entry: Entry) {
        if entry.etag.is_zero() {
            return;
        }
        if self.many.is_empty() {
            if let Some(place) = self.few.get_mut(self.count) {
                *place = entry;
                self.count += 1;
                return;
            }
            self.many.reserve(FEW_ENTRIES * 2);
            self.many.extend_from_slice(&self.few);
        }
        self.many.push(entry);
    }

    fn extend(&mut self, entries: &[Entry]) {
        entries.iter().for_each(|entry| self.push(*entry));
    }

    fn entries(&mut self) -> &mut [Entry] {
        if self.many.is_empty() { self.few.split_at_mut(self.count).0 } else { &mut self.many }
    }

    /// Brings what was appended into order and leaves of each id the highest etag.
    fn sort(&mut self) {
        let entries = self.entries();
        if entries.is_sorted_by(|left, right| left.incarnation < right.incarnation) {
            return;
        }
        entries.sort_unstable_by_key(|entry| (entry.incarnation, Reverse(entry.etag)));
        let mut sorted = Self::new();
        for same_id in entries.chunk_by(|left, right| left.incarnation == right.incarnation) {
            sorted.extend(same_id.get(..1).unwrap_or_default());
        }
        *self = sorted;
    }

    /// The vector of what was appended, which must be in order.
    fn finish(mut self) -> ChangeVector {
        let entries = self.entries();
        debug_assert!(entries.is_sorted_by(|left, right| left.incarnation < right.incarnation));
        ChangeVector { repr: Repr::new(entries) }
    }
}

/// Entries a vector holds in place: one-way copies have one, two-way pairs have two.
const INLINE_ENTRIES: usize = 2;

/// Entries that are collected on the stack: a group of a few databases, copied to and fro.
const FEW_ENTRIES: usize = 8;

/// Stands where no entry is.
const ABSENT: Entry = Entry { incarnation: IncarnationId::from_bytes([0; 16]), etag: Etag::ZERO };

#[cfg(test)]
mod tests;
