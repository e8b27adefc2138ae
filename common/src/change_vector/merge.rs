//! The least vector that has seen what several have seen, and vectors with entries left out.

use std::sync::Arc;

use super::order::{Order, Walk};
use super::{Builder, ChangeVector, Entry, Repr};
use crate::etag::Etag;
use crate::id::IncarnationId;

impl ChangeVector {
    /// The least vector that covers both: of every id the higher etag (semantics 1.6).
    ///
    /// Costs nothing when one of them covers the other.
    #[must_use]
    pub fn merge(&self, other: &Self) -> Self {
        match other.compare(self) {
            Order::AlreadyMerged => self.clone(),
            Order::Update => other.clone(),
            Order::Conflict => {
                let mut builder = Builder::new();
                for both in Walk::new(self, other) {
                    let etag = both.left.max(both.right);
                    builder.push(Entry { incarnation: both.incarnation, etag });
                }
                builder.finish()
            }
        }
    }

    /// Becomes the [merge](ChangeVector::merge) of itself and the other.
    pub fn merge_from(&mut self, other: &Self) {
        match other.entries() {
            [entry] => self.raise(*entry),
            _ if self.covers(other) => {}
            _ => *self = self.merge(other),
        }
    }

    /// Raises the etag of one id; does nothing when it has seen that much of it already.
    pub fn raise(&mut self, entry: Entry) {
        let found = self.entries().binary_search_by_key(&entry.incarnation, |it| it.incarnation);
        match found {
            Ok(at) => {
                // Looked at first: getting at a shared vector to write copies it.
                if self.entries().get(at).is_some_and(|known| known.etag < entry.etag) {
                    self.overwrite(at, entry);
                }
            }
            Err(_) if entry.etag.is_zero() => {}
            Err(at) => {
                let (before, behind) = self.entries().split_at(at);
                let mut builder = Builder::new();
                builder.extend(before);
                builder.push(entry);
                builder.extend(behind);
                *self = builder.finish();
            }
        }
    }

    /// This vector without the entries of some ids: those of databases that are gone for good
    /// (semantics 1.5.1, 1.10).
    #[must_use]
    pub fn without(&self, ids: &[IncarnationId]) -> Self {
        let goes = |entry: &Entry| ids.contains(&entry.incarnation);
        if !self.entries().iter().any(goes) {
            return self.clone();
        }
        let mut builder = Builder::new();
        self.entries().iter().filter(|entry| !goes(entry)).for_each(|entry| builder.push(*entry));
        builder.finish()
    }

    /// This vector, as if what `from` issued behind `after` had been issued by `to`: for a store
    /// that went back, and wrote before anybody said so.
    #[must_use]
    pub fn reissued(&self, from: IncarnationId, after: Etag, to: IncarnationId) -> Self {
        let etag = self.etag_of(from);
        if etag <= after {
            return self.clone();
        }
        let rest = self.entries().iter().filter(|entry| entry.incarnation != from).copied();
        let before = Entry { incarnation: from, etag: after };
        Self::from_entries(rest.chain([before, Entry { incarnation: to, etag }]))
    }

    /// Replaces an entry by one of the same id.
    fn overwrite(&mut self, at: usize, entry: Entry) {
        let entries = match &mut self.repr {
            Repr::Inline { entries, .. } => entries.as_mut_slice(),
            Repr::Shared(entries) => Arc::make_mut(entries),
        };
        if let Some(place) = entries.get_mut(at) {
            debug_assert!(place.incarnation == entry.incarnation);
            *place = entry;
        }
    }
}
