//! What becomes of two states of one span.
//!
//! Nothing is minted: the state that comes of it is under the merge of both vectors, and it is the
//! same in whichever order and however often states arrive. What one side lacks although it has
//! seen it was overwritten or deleted there. What it lacks and has not seen is new to it, and stays
//! unless a deletion there, made without knowing of it, covers its time: the dead win.

use core::cmp::Ordering;

use super::super::Context;
use super::dead::DeadRanges;
use super::entry::has_seen;
use super::{DeadRange, Points, SeriesEntry, SeriesTime};
use crate::ChangeVector;

/// A state of a span of a series.
#[derive(Clone, Copy, Debug)]
pub struct SegmentState<'s> {
    /// What is there.
    pub points: &'s Points,
    /// All that was seen of the span.
    pub context: Context<'s>,
}

/// The points of the two states together; both must be of the same span.
///
/// Their vector is the merge of both vectors, their `since` that of both. A state that has not
/// seen the deletion of the document which the other came after belongs to an earlier life of the
/// document: nothing of it stays.
#[must_use]
pub fn merge(one: &SegmentState<'_>, other: &SegmentState<'_>) -> Points {
    let since = one.context.since.merge(other.context.since);
    let bygone = Points::default();
    let [one, other] = [one, other].map(|state| {
        let points = if state.context.came_after(&since) { state.points } else { &bygone };
        SegmentState { points, ..*state }
    });
    Points::new(entries(&one, &other), dead(&one, &other))
}

/// The entries that stay: a walk along both sides.
fn entries(one: &SegmentState<'_>, other: &SegmentState<'_>) -> Vec<SeriesEntry> {
    let mut ours = one.points.entries().iter().peekable();
    let mut theirs = other.points.entries().iter().peekable();
    let (mut by_us, mut by_them) = (Verdict::new(one, other), Verdict::new(other, one));
    let mut kept = Vec::with_capacity(ours.len().max(theirs.len()));
    loop {
        let side = match (ours.peek(), theirs.peek()) {
            (Some(one), Some(other)) => one.key().cmp(&other.key()),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return kept,
        };
        let entry = match side {
            Ordering::Less => ours.next().filter(|entry| by_them.spares(entry)),
            Ordering::Greater => theirs.next().filter(|entry| by_us.spares(entry)),
            // They are the same, unless one write was told in two ways: then, too, there must be
            // one answer.
            Ordering::Equal => {
                ours.next().into_iter().chain(theirs.next()).max_by(|one, other| one.rank(other))
            }
        };
        kept.extend(entry.cloned());
    }
}

/// The deletions that stay: those on both sides, and those that the other has not seen. A deletion
/// that a later one took the place of is on one side only, and seen by it.
fn dead(one: &SegmentState<'_>, other: &SegmentState<'_>) -> DeadRanges {
    let (ours, theirs) = (one.points.dead_ranges(), other.points.dead_ranges());
    let mut kept = ours.shared(theirs);
    kept.extend(ours.unseen(other.context.vector).chain(theirs.unseen(one.context.vector)));
    DeadRanges::of(kept)
}

/// What one side has to say about the entries of the other that it lacks, asked in order of time.
struct Verdict<'s> {
    seen: &'s ChangeVector,
    /// What the other side has seen.
    other_seen: &'s ChangeVector,
    /// Its deletions that begin later than was asked.
    dead: &'s [DeadRange],
    /// How far those reach that have begun and that the other side has not seen.
    dead_until: Option<SeriesTime>,
}

impl<'s> Verdict<'s> {
    fn new(side: &SegmentState<'s>, other: &SegmentState<'s>) -> Self {
        let dead = side.points.dead();
        Self { seen: side.context.vector, other_seen: other.context.vector, dead, dead_until: None }
    }

    /// Whether an entry is new to it and none of its deletions covers it.
    fn spares(&mut self, entry: &SeriesEntry) -> bool {
        while let Some((range, later)) = self.dead.split_first()
            && range.span.first() <= entry.time
        {
            if !has_seen(self.other_seen, range.origin) {
                self.dead_until = self.dead_until.max(Some(range.span.last()));
            }
            self.dead = later;
        }
        !has_seen(self.seen, entry.origin) && self.dead_until < Some(entry.time)
    }
}
