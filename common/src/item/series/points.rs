//! The entries and deletions of one segment, and what a client does to them.

use core::ops::Range;

use super::dead::DeadRanges;
use super::entry::{add, has_seen};
use super::{DeadRange, NewEntry, ReadEntry, SegmentError, SeriesEntry, SeriesTime, Span};
use crate::{ChangeVector, Entry};

/// What a segment holds: entries by time and origin, and dead ranges by span and origin.
///
/// An entry within a dead range was written by somebody who had seen the deletion.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Points {
    entries: Vec<SeriesEntry>,
    dead: DeadRanges,
}

impl Points {
    /// Nothing but the deletion of everything within a span.
    pub fn deleted(span: Span, origin: Entry) -> Self {
        Self { entries: Vec::new(), dead: DeadRanges::of(vec![DeadRange { span, origin }]) }
    }

    /// Of entries in order.
    pub(super) fn new(entries: Vec<SeriesEntry>, dead: DeadRanges) -> Self {
        debug_assert!(entries.is_sorted_by(|one, other| one.key() < other.key()));
        Self { entries, dead }
    }

    /// All entries, by time and origin.
    pub fn entries(&self) -> &[SeriesEntry] {
        &self.entries
    }

    /// All deletions, by first time, last time and origin.
    pub fn dead(&self) -> &[DeadRange] {
        self.dead.as_slice()
    }

    /// Whether there is neither an entry nor a deletion.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.dead().is_empty()
    }

    /// How many times have an entry.
    pub fn live(&self) -> u64 {
        times(&self.entries) as u64
    }

    /// What a reader sees: one entry a time, in order.
    ///
    /// Of the siblings of a time a plain series shows the one with more values, then with the
    /// greater values; an incremental one adds them up (semantics 8.4).
    pub fn read(&self, incremental: bool) -> impl Iterator<Item = ReadEntry> + '_ {
        let shown = if incremental { ReadEntry::sum } else { ReadEntry::winner };
        self.entries.chunk_by(|one, other| one.time == other.time).filter_map(shown)
    }

    /// Appends one entry; see [`Points::append_all`].
    pub fn append(&mut self, new: NewEntry, incremental: bool, origin: Entry) {
        self.append_all(vec![new], incremental, origin);
    }

    /// Appends entries in any order, as the write `origin`, which has seen all that is here.
    ///
    /// In a plain series an entry replaces all siblings of its time, and of several the last one
    /// counts. In an incremental one its values are added to what the incarnation of `origin` has
    /// at that time. Costs what is behind the first new time, so nothing at the tail.
    pub fn append_all(&mut self, mut new: Vec<NewEntry>, incremental: bool, origin: Entry) {
        new.sort_by_key(NewEntry::time);
        let Some(first) = new.first().map(NewEntry::time) else { return };
        let from = self.entries.partition_point(|entry| entry.time < first);
        let mut behind = self.entries.split_off(from).into_iter().peekable();
        for new in new {
            while let Some(entry) = behind.next_if(|entry| entry.time <= new.time) {
                self.entries.push(entry);
            }
            if incremental { self.increment_last(new, origin) } else { self.put_last(new, origin) }
        }
        self.entries.extend(behind);
    }

    /// Puts an entry in the place of its siblings, where none is behind them.
    fn put_last(&mut self, new: NewEntry, origin: Entry) {
        let NewEntry { time, values, tag } = new;
        self.entries.truncate(self.siblings_at_tail(time));
        self.entries.push(SeriesEntry { time, values, tag, origin });
    }

    /// Adds an entry to the sibling of its incarnation, where nothing is behind the siblings.
    fn increment_last(&mut self, new: NewEntry, origin: Entry) {
        let NewEntry { time, mut values, .. } = new;
        let from = self.siblings_at_tail(time);
        for sibling in self.entries.split_off(from) {
            if sibling.origin.incarnation == origin.incarnation {
                add(&mut values, &sibling.values);
            } else {
                self.entries.push(sibling);
            }
        }
        self.entries.push(SeriesEntry { time, values, tag: None, origin });
        if let Some(siblings) = self.entries.get_mut(from..) {
            siblings.sort_unstable_by_key(SeriesEntry::key);
        }
    }

    /// Where the siblings of a time begin, where nothing is behind them.
    fn siblings_at_tail(&self, time: SeriesTime) -> usize {
        let siblings = self.entries.iter().rev().take_while(|entry| entry.time == time);
        self.entries.len() - siblings.count()
    }

    /// Deletes everything in a span, as the write `origin`, which has seen all that is here;
    /// answers how many times had an entry there. Where none had, nothing changes.
    pub fn delete(&mut self, span: Span, origin: Entry) -> usize {
        let gone = times(self.entries.get(self.range(&span)).unwrap_or_default());
        if gone > 0 {
            self.bury(span, origin);
        }
        gone
    }

    /// The same, whether there is anything or not: what is written there without knowing of it will
    /// not be there either.
    pub fn bury(&mut self, span: Span, origin: Entry) {
        let range = self.range(&span);
        self.entries.drain(range);
        self.dead.bury(DeadRange { span, origin });
    }

    /// What of it lies in a span.
    #[must_use]
    pub fn restrict(&self, span: Span) -> Self {
        let entries = self.entries.get(self.range(&span)).unwrap_or_default();
        Self { entries: entries.to_vec(), dead: self.dead.within(&span) }
    }

    /// Appends what lies wholly behind. A deletion that was cut in two there is one again.
    pub fn extend(&mut self, mut later: Self) {
        let last = self.entries.last().map(|entry| entry.time);
        debug_assert!(later.entries.first().is_none_or(|first| last < Some(first.time)));
        self.entries.append(&mut later.entries);
        self.dead.extend(later.dead);
    }

    /// The same, each entry and deletion of the origin that `origin` answers for its own.
    #[must_use]
    pub fn with_origins(&self, origin: impl Fn(&Entry) -> Entry) -> Self {
        let entries = self.entries.iter();
        let entries =
            entries.map(|entry| SeriesEntry { origin: origin(&entry.origin), ..entry.clone() });
        let mut entries: Vec<_> = entries.collect();
        entries.sort_unstable_by_key(SeriesEntry::key);
        let dead = self.dead().iter();
        let dead = dead.map(|range| DeadRange { origin: origin(&range.origin), ..*range });
        Self::new(entries, DeadRanges::of(dead.collect()))
    }

    /// Whether it may stand in a segment of `span` under `vector`: all of it lies within the span,
    /// and the vector has seen all of it.
    pub fn check(&self, span: Span, vector: &ChangeVector) -> Result<(), SegmentError> {
        let entries = self.entries.iter().map(|entry| (entry.time, entry.time, entry.origin));
        let dead = self.dead().iter().map(|it| (it.span.first(), it.span.last(), it.origin));
        for (first, last, origin) in entries.chain(dead) {
            if let Some(time) = [first, last].into_iter().find(|time| !span.contains(*time)) {
                return Err(SegmentError::Outside { time });
            }
            if !has_seen(vector, origin) {
                return Err(SegmentError::Unseen { origin });
            }
        }
        Ok(())
    }

    /// The deletions, for a merge.
    pub(super) fn dead_ranges(&self) -> &DeadRanges {
        &self.dead
    }

    /// Entries and dead ranges.
    pub(super) fn into_parts(self) -> (Vec<SeriesEntry>, DeadRanges) {
        (self.entries, self.dead)
    }

    /// The places of the entries in a span.
    fn range(&self, span: &Span) -> Range<usize> {
        let from = self.entries.partition_point(|entry| entry.time < span.first());
        let to = self.entries.partition_point(|entry| entry.time <= span.last());
        from..to
    }
}

/// How many times these entries have.
fn times(entries: &[SeriesEntry]) -> usize {
    entries.chunk_by(|one, other| one.time == other.time).count()
}
