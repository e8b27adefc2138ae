//! Series: names, times, what clients do, what merges make of it, and the binary form.

mod codec;
mod density;
mod hostile;
mod laws;
mod merge;
mod names;
mod oracle;
mod pieces;
mod points;
mod read;
mod times;

use std::sync::Arc;

use super::*;
use crate::{ChangeVector, Entry, Etag, IncarnationId, item::Context};

fn at(millis: i64) -> SeriesTime {
    SeriesTime::new(millis).unwrap()
}

fn span(first: i64, last: i64) -> Span {
    Span::new(at(first), at(last)).unwrap()
}

/// The incarnation that a case calls by a letter.
fn incarnation(letter: char) -> IncarnationId {
    IncarnationId::from_bytes([u8::try_from(letter).unwrap(); 16])
}

/// What the write `etag` of an incarnation minted.
fn origin(letter: char, etag: u64) -> Entry {
    Entry { incarnation: incarnation(letter), etag: Etag::new(etag).unwrap() }
}

fn new(millis: i64, values: &[f64]) -> NewEntry {
    NewEntry::new(at(millis), values.to_vec(), None).unwrap()
}

fn tagged(millis: i64, values: &[f64], tag: &str) -> NewEntry {
    NewEntry::new(at(millis), values.to_vec(), Some(Arc::from(tag))).unwrap()
}

/// Appends to a plain series.
fn plain(appended: &[(i64, f64, Entry)]) -> Points {
    let mut points = Points::default();
    for (millis, value, origin) in appended {
        points.append(new(*millis, &[*value]), false, *origin);
    }
    points
}

/// Times, values and origins of all entries.
fn entries(points: &Points) -> Vec<(i64, &[f64], Entry)> {
    let entries = points.entries().iter();
    entries.map(|it| (it.time.millis(), it.values.as_slice(), it.origin)).collect()
}

/// Spans and origins of all deletions.
fn dead(points: &Points) -> Vec<(Span, Entry)> {
    points.dead().iter().map(|range| (range.span, range.origin)).collect()
}

/// What a reader sees.
fn shown(points: &Points, incremental: bool) -> Vec<(i64, Vec<f64>)> {
    points.read(incremental).map(|it| (it.time.millis(), it.values)).collect()
}

/// A state of a span, as a copy keeps it.
#[derive(Clone, Debug, Default, PartialEq)]
struct State {
    points: Points,
    vector: ChangeVector,
    since: ChangeVector,
}

impl State {
    fn borrowed(&self) -> SegmentState<'_> {
        let context = Context { vector: &self.vector, since: &self.since };
        SegmentState { points: &self.points, context }
    }

    fn merged(&self, other: &Self) -> Self {
        Self {
            points: merge(&self.borrowed(), &other.borrowed()),
            vector: self.vector.merge(&other.vector),
            since: self.since.merge(&other.since),
        }
    }

    fn restrict(&self, span: Span) -> Self {
        Self { points: self.points.restrict(span), ..self.clone() }
    }
}

/// A copy that writes under its own incarnation.
#[derive(Clone, Debug)]
struct Node {
    letter: char,
    etag: u64,
    incremental: bool,
    state: State,
}

impl Node {
    fn new(letter: char) -> Self {
        Self { letter, etag: 0, incremental: false, state: State::default() }
    }

    fn incremental(letter: char) -> Self {
        Self { incremental: true, ..Self::new(letter) }
    }

    /// What the next write mints.
    fn next(&self) -> Entry {
        origin(self.letter, self.etag + 1)
    }

    fn mint(&mut self) -> Entry {
        let minted = self.next();
        self.etag += 1;
        self.state.vector.raise(minted);
        minted
    }

    fn append(&mut self, millis: i64, values: &[f64]) {
        self.append_all(vec![new(millis, values)]);
    }

    fn append_all(&mut self, all: Vec<NewEntry>) {
        let minted = self.mint();
        self.state.points.append_all(all, self.incremental, minted);
    }

    /// As a store does: a deletion that finds nothing writes nothing.
    fn delete(&mut self, span: Span) -> bool {
        let next = self.next();
        let gone = self.state.points.delete(span, next) > 0;
        if gone {
            self.mint();
        }
        gone
    }

    fn delete_document(&mut self) {
        self.mint();
        self.state.points = Points::default();
        self.state.since = self.state.vector.clone();
    }

    fn receive(&mut self, state: &State) {
        self.state = self.state.merged(state);
    }

    fn shown(&self) -> Vec<(i64, Vec<f64>)> {
        shown(&self.state.points, self.incremental)
    }
}
