//! Spans in which everything was deleted.
//!
//! A deletion is kept so that it also reaches entries which it has not seen: it wins over what was
//! written at the same time elsewhere. It means the same however it is cut up, time by time, since
//! segments of one series end at different times in different copies.

use super::entry::{OriginKey, has_seen, origin_key};
use super::{SeriesTime, Span};
use crate::{ChangeVector, Entry};

/// A deletion of everything in a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeadRange {
    /// What was deleted.
    pub span: Span,
    /// The entry that the deletion minted.
    pub origin: Entry,
}

impl DeadRange {
    /// What ranges are ordered by.
    fn key(&self) -> (Span, OriginKey) {
        (self.span, origin_key(self.origin))
    }

    /// Where it ends, among the ranges of all origins.
    fn end(&self) -> (OriginKey, SeriesTime) {
        (origin_key(self.origin), self.span.last())
    }

    /// The part of it in a span.
    pub(super) fn within(&self, span: &Span) -> Option<Self> {
        self.span.intersection(span).map(|span| Self { span, ..*self })
    }

    /// The part of it from a time on.
    pub(super) fn from(&self, first: SeriesTime) -> Option<Self> {
        Some(Self { span: self.span.from(first)?, ..*self })
    }
}

/// Dead ranges by first time, last time and origin; those of one origin lie apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct DeadRanges(Vec<DeadRange>);

impl DeadRanges {
    /// Brings ranges into order, and makes one of those of an origin that touch.
    pub(super) fn of(mut ranges: Vec<DeadRange>) -> Self {
        ranges.sort_unstable_by_key(|range| (origin_key(range.origin), range.span));
        ranges.dedup_by(|later, before| {
            let joined = before.span.joined(&later.span).filter(|_| later.origin == before.origin);
            before.span = joined.unwrap_or(before.span);
            joined.is_some()
        });
        ranges.sort_unstable_by_key(DeadRange::key);
        Self(ranges)
    }

    pub(super) fn as_slice(&self) -> &[DeadRange] {
        &self.0
    }

    pub(super) fn into_vec(self) -> Vec<DeadRange> {
        self.0
    }

    /// Adds a deletion that has seen all of these. In its span they are of no use any more: whoever
    /// has not seen one of them has not seen this one either.
    pub(super) fn bury(&mut self, deletion: DeadRange) {
        let rest = |older: &DeadRange| {
            let origin = older.origin;
            older.span.minus(&deletion.span).map(move |span| DeadRange { span, origin })
        };
        let ranges = self.0.iter().flat_map(rest).chain([deletion]);
        *self = Self::of(ranges.collect());
    }

    /// The parts of them in a span.
    pub(super) fn within(&self, span: &Span) -> Self {
        Self::of(self.0.iter().filter_map(|range| range.within(span)).collect())
    }

    /// Appends those of a later span.
    pub(super) fn extend(&mut self, mut later: Self) {
        if !later.0.is_empty() {
            let mut ranges = core::mem::take(&mut self.0);
            ranges.append(&mut later.0);
            *self = Self::of(ranges);
        }
    }

    /// Those that somebody has not seen.
    pub(super) fn unseen(&self, vector: &ChangeVector) -> impl Iterator<Item = &DeadRange> {
        self.0.iter().filter(|range| !has_seen(vector, range.origin))
    }

    /// Where a deletion is among these and among the others.
    pub(super) fn shared(&self, others: &Self) -> Vec<DeadRange> {
        let [mut ours, mut theirs] = [self, others].map(|ranges| {
            let mut ranges = ranges.0.clone();
            ranges.sort_unstable_by_key(DeadRange::end);
            ranges.into_iter().peekable()
        });
        let mut shared = Vec::new();
        while let (Some(one), Some(other)) = (ours.peek(), theirs.peek()) {
            if one.origin == other.origin {
                shared.extend(one.within(&other.span));
            }
            // What ends first has nothing more in common with what follows on the other side.
            let shorter = if one.end() <= other.end() { &mut ours } else { &mut theirs };
            shorter.next();
        }
        shared
    }
}
