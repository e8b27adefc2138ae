//! Cutting points into pieces that are no larger than a segment may be.
//!
//! One pass encodes everything into a counter and begins anew where a piece is full, so that the
//! cost of a cut, what a piece must say again at its head, is counted as well.

use core::iter::{Peekable, from_fn, once};
use std::vec;

use super::codec::Encoder;
use super::codec::bits::{Counter, NUMBER_BITS_MAX};
use super::dead::DeadRanges;
use super::{DeadRange, Points, SeriesEntry, SeriesTime, Span};
use crate::limits::SEGMENT_BYTES_MAX;

impl Points {
    /// Cuts what is in `span`, and the span with it, into pieces of at most [`SEGMENT_BYTES_MAX`]
    /// encoded; into one where that is enough.
    ///
    /// With `at_tail` each piece but the last is as full as it can be, so that appending in order
    /// leaves full segments behind; without it they are about equally full. Each piece but the
    /// first begins at the time of an entry, or where a deletion begins. All entries of one time
    /// stay together: they alone may be larger.
    pub fn pieces(self, span: Span, at_tail: bool) -> Vec<(Span, Self)> {
        if self.encoded_len() <= SEGMENT_BYTES_MAX {
            return vec![(span, self)];
        }
        let filled = Cuts::new(&self, BITS_MAX);
        let cuts =
            if at_tail { filled } else { Cuts::new(&self, filled.bits / (filled.at.len() + 1)) };
        let mut rest = Rest::new(self);
        cuts.spans(span).map(|span| (span, rest.take(span))).collect()
    }
}

/// Where points are cut.
struct Cuts {
    /// The first time of each piece but the first.
    at: Vec<SeriesTime>,
    /// Bits of all pieces together.
    bits: usize,
}

impl Cuts {
    /// Ends each piece when it has `bits_enough`, or when it would have more than it may.
    fn new(points: &Points, bits_enough: usize) -> Self {
        let mut cuts = Self { at: Vec::new(), bits: 0 };
        let (mut entries, mut dead) = (points.entries(), points.dead());
        let mut open = Vec::new();
        let mut piece = Piece::new(&open);
        for time in steps(points) {
            let siblings = take_while(&mut entries, |entry| entry.time <= time);
            let begun = take_while(&mut dead, |range| range.span.first() <= time);
            open.extend_from_slice(begun);
            let bits = piece.bits();
            piece.add(siblings, begun);
            // A piece has something, or cutting would not come to an end.
            if bits > 0 && (bits >= bits_enough || piece.bits() > BITS_MAX) {
                cuts.at.push(time);
                cuts.bits += bits;
                open = open.iter().filter_map(|range| range.from(time)).collect();
                piece = Piece::new(&open);
                piece.add(siblings, &[]);
            }
        }
        cuts.bits += piece.bits();
        cuts
    }

    /// The spans of the pieces: without gaps, all of the span.
    fn spans(self, span: Span) -> impl Iterator<Item = Span> {
        let firsts = once(span.first()).chain(self.at.clone());
        let lasts = self.at.into_iter().filter_map(SeriesTime::previous).chain([span.last()]);
        firsts.zip(lasts).filter_map(|(first, last)| Span::new(first, last).ok())
    }
}

/// The piece that is being filled.
struct Piece {
    encoder: Encoder<Counter>,
    /// Bits of the dead ranges that it begins with.
    bits_open: usize,
}

impl Piece {
    /// A piece that lies within some dead ranges where it begins.
    fn new(open: &[DeadRange]) -> Self {
        let mut encoder = Encoder::default();
        DeadRanges::of(open.to_vec()).as_slice().iter().for_each(|range| encoder.dead(range));
        Self { bits_open: encoder.bits(), encoder }
    }

    /// Adds what begins at one time.
    fn add(&mut self, siblings: &[SeriesEntry], dead: &[DeadRange]) {
        siblings.iter().for_each(|entry| self.encoder.entry(entry));
        dead.iter().for_each(|range| self.encoder.dead(range));
    }

    /// Its bits; none as long as it is empty. Dead ranges that lie over everything are in every
    /// piece, so what they count for is bounded: else many of them would leave room for nothing.
    fn bits(&self) -> usize {
        self.encoder.bits() - self.bits_open.saturating_sub(BITS_MAX / 2)
    }
}

/// What has not become part of a piece yet.
struct Rest {
    entries: Peekable<vec::IntoIter<SeriesEntry>>,
    dead: Peekable<vec::IntoIter<DeadRange>>,
    /// Dead ranges that began in an earlier piece and go on.
    open: Vec<DeadRange>,
}

impl Rest {
    fn new(points: Points) -> Self {
        let (entries, dead) = points.into_parts();
        let (entries, dead) = (entries.into_iter(), dead.into_vec().into_iter());
        Self { entries: entries.peekable(), dead: dead.peekable(), open: Vec::new() }
    }

    /// Takes what is in a span, which follows on that before.
    fn take(&mut self, span: Span) -> Points {
        let entries = from_fn(|| self.entries.next_if(|entry| entry.time <= span.last()));
        let entries = entries.collect();
        let begun = from_fn(|| self.dead.next_if(|range| range.span.first() <= span.last()));
        self.open.extend(begun);
        let dead = self.open.iter().filter_map(|range| range.within(&span)).collect();
        self.open.retain(|range| range.span.last() > span.last());
        Points::new(entries, DeadRanges::of(dead))
    }
}

/// The times at which something begins: where points can be cut.
fn steps(points: &Points) -> Vec<SeriesTime> {
    let entries = points.entries().iter().map(|entry| entry.time);
    let dead = points.dead().iter().map(|range| range.span.first());
    let mut steps: Vec<_> = entries.chain(dead).collect();
    steps.sort();
    steps.dedup();
    steps
}

/// Takes what is first in a slice, as long as `belongs` says so.
fn take_while<'s, T>(slice: &mut &'s [T], belongs: impl Fn(&T) -> bool) -> &'s [T] {
    let count = slice.iter().take_while(|one| belongs(one)).count();
    slice.split_off(..count).unwrap_or_default()
}

/// Bits of a piece at most, without the two counts at its head.
const BITS_MAX: usize = SEGMENT_BYTES_MAX * 8 - 2 * NUMBER_BITS_MAX;
