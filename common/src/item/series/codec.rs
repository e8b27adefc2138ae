//! The binary form of the points of a segment: in rows, in frames, and what digests are made of.
//!
//! A stream of bits in the manner of Gorilla (Pelkonen and others, 2015): how many entries and
//! dead ranges follow, then each as far as it differs from what came before, zeros to the end of
//! the last byte. Whatever can be said in two ways is said in one, and reading is strict: what it
//! accepts it would write again. So equal points have equal bytes. The fields of an entry are in
//! [`fields`], the bits in [`bits`].

pub(super) mod bits;
mod fields;

use bytes::Bytes;

use self::bits::{Counter, Reader, Sink, Writer};
use self::fields::{Deletions, Origins, Tags, Times, Values};
use super::dead::DeadRanges;
use super::{DeadRange, Points, SegmentError, SegmentFlaw, SeriesEntry};

impl Points {
    /// The binary form.
    pub fn encode(&self) -> Bytes {
        let mut encoder = Encoder::<Writer>::default();
        encoder.points(self);
        encoder.sink.finish()
    }

    /// Bytes of the binary form. Costs about what writing it would.
    pub fn encoded_len(&self) -> usize {
        let mut encoder = Encoder::<Counter>::default();
        encoder.points(self);
        encoder.bits().div_ceil(8)
    }

    /// Reads a binary form, which must be all of the bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, SegmentError> {
        let mut decoder = Decoder::new(bytes);
        let entries = decoder.bits.count(ENTRY_BITS_MIN)?;
        let dead = decoder.bits.count(DEAD_BITS_MIN)?;
        let entries = decoder.entries(entries)?;
        let dead = decoder.dead(dead)?;
        decoder.bits.finish()?;
        Ok(Self::new(entries, dead))
    }
}

/// Writes entries, and behind them dead ranges; or counts their bits.
#[derive(Default)]
pub(super) struct Encoder<S> {
    sink: S,
    times: Times,
    origins: Origins,
    tags: Tags,
    values: Values,
    deletions: Deletions,
}

impl<S: Sink> Encoder<S> {
    fn points(&mut self, points: &Points) {
        self.sink.put_number(points.entries().len() as u64);
        self.sink.put_number(points.dead().len() as u64);
        points.entries().iter().for_each(|entry| self.entry(entry));
        points.dead().iter().for_each(|range| self.dead(range));
    }

    pub(super) fn entry(&mut self, entry: &SeriesEntry) {
        self.times.put(&mut self.sink, entry.time);
        self.origins.put(&mut self.sink, entry.origin);
        self.tags.put(&mut self.sink, entry.tag.as_ref());
        self.values.put(&mut self.sink, &entry.values);
    }

    pub(super) fn dead(&mut self, range: &DeadRange) {
        self.deletions.put(&mut self.sink, range);
    }
}

impl Encoder<Counter> {
    /// The bits so far.
    pub(super) fn bits(&self) -> usize {
        self.sink.bits()
    }
}

/// Reads what an [`Encoder`] wrote.
struct Decoder<'b> {
    bits: Reader<'b>,
    times: Times,
    origins: Origins,
    tags: Tags,
    values: Values,
    deletions: Deletions,
}

impl<'b> Decoder<'b> {
    fn new(bytes: &'b [u8]) -> Self {
        Self {
            bits: Reader::new(bytes),
            times: Times::default(),
            origins: Origins::default(),
            tags: Tags::default(),
            values: Values::default(),
            deletions: Deletions::default(),
        }
    }

    fn entries(&mut self, count: usize) -> Result<Vec<SeriesEntry>, SegmentError> {
        let mut entries: Vec<SeriesEntry> = Vec::with_capacity(count);
        for _ in 0..count {
            let entry = self.entry()?;
            if entries.last().is_some_and(|before| before.key() >= entry.key()) {
                return Err(self.bits.flaw(SegmentFlaw::Order));
            }
            entries.push(entry);
        }
        Ok(entries)
    }

    fn entry(&mut self) -> Result<SeriesEntry, SegmentError> {
        let time = self.times.take(&mut self.bits)?;
        let origin = self.origins.take(&mut self.bits)?;
        let tag = self.tags.take(&mut self.bits)?;
        let values = self.values.take(&mut self.bits)?;
        Ok(SeriesEntry { time, values, tag, origin })
    }

    fn dead(&mut self, count: usize) -> Result<DeadRanges, SegmentError> {
        let mut ranges = Vec::with_capacity(count);
        for _ in 0..count {
            ranges.push(self.deletions.take(&mut self.bits)?);
        }
        let dead = DeadRanges::of(ranges.clone());
        if dead.as_slice() != ranges {
            return Err(self.bits.flaw(SegmentFlaw::Order));
        }
        Ok(dead)
    }
}

/// Bits of an entry at least: one for its time, origin, tag, number of values, and value.
const ENTRY_BITS_MIN: usize = 5;

/// Bits of a dead range at least: one for its first time, last time and origin.
const DEAD_BITS_MIN: usize = 3;
