//! The fields of entries, and dead ranges: each remembers what came before and says what is
//! different.
//!
//! Writing and reading stand side by side, and both remember by the same function.

use core::array;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::bits::{Reader, Sink};
use super::{SegmentError, SegmentFlaw};
use crate::item::series::{DeadRange, SeriesTime, Span};
use crate::limits::{SERIES_TAG_BYTES_MAX, SERIES_VALUES_MAX};
use crate::{Entry, Etag, IncarnationId};

/// Times, each as the difference to where the step before would have led.
#[derive(Default)]
pub(super) struct Times {
    before: Option<SeriesTime>,
    step: i64,
}

impl Times {
    pub(super) fn put(&mut self, sink: &mut impl Sink, time: SeriesTime) {
        sink.put_signed(time.millis() - self.expected());
        self.remember(time);
    }

    pub(super) fn take(&mut self, bits: &mut Reader<'_>) -> Result<SeriesTime, SegmentError> {
        let millis = bits.take_signed()?.checked_add(self.expected());
        let time = millis.and_then(|millis| SeriesTime::new(millis).ok());
        let time = time.ok_or(bits.flaw(SegmentFlaw::Time))?;
        self.remember(time);
        Ok(time)
    }

    fn expected(&self) -> i64 {
        self.before.map_or(0, SeriesTime::millis) + self.step
    }

    fn remember(&mut self, time: SeriesTime) {
        self.step = self.before.map_or(0, |before| time.millis() - before.millis());
        self.before = Some(time);
    }
}

/// Origins: whether it is the same as before; else the incarnation, by number once it has occurred,
/// and the difference to its etag before.
#[derive(Default)]
pub(super) struct Origins {
    before: Option<Entry>,
    /// The last origin of every incarnation, in the order in which they occurred.
    known: Vec<Entry>,
    places: BTreeMap<IncarnationId, usize>,
}

impl Origins {
    pub(super) fn put(&mut self, sink: &mut impl Sink, origin: Entry) {
        if sink.put_bit(self.before == Some(origin)) {
            return;
        }
        let place = self.places.get(&origin.incarnation).copied().unwrap_or(self.known.len());
        sink.put_number(place as u64);
        if place == self.known.len() {
            sink.put_bytes(origin.incarnation.as_bytes());
        }
        sink.put_signed(origin.etag.get().cast_signed() - self.etag_at(place));
        self.remember(origin, place);
    }

    pub(super) fn take(&mut self, bits: &mut Reader<'_>) -> Result<Entry, SegmentError> {
        if bits.take_bit()? {
            return self.before.ok_or(bits.flaw(SegmentFlaw::NotCanonical));
        }
        let place = bits.take_up_to(self.known.len())?;
        let incarnation = match self.known.get(place) {
            Some(known) => known.incarnation,
            None => self.take_new(bits)?,
        };
        let etag = bits.take_signed()?.checked_add(self.etag_at(place));
        let etag = etag.and_then(|etag| Etag::new(u64::try_from(etag).ok()?).ok());
        let etag = etag.filter(|etag| !etag.is_zero()).ok_or(bits.flaw(SegmentFlaw::Etag))?;
        let origin = Entry { incarnation, etag };
        if self.before == Some(origin) {
            return Err(bits.flaw(SegmentFlaw::NotCanonical));
        }
        self.remember(origin, place);
        Ok(origin)
    }

    /// Takes an incarnation that has not occurred.
    fn take_new(&self, bits: &mut Reader<'_>) -> Result<IncarnationId, SegmentError> {
        let mut id = [0; 16];
        bits.take_bytes(&mut id)?;
        let id = IncarnationId::from_bytes(id);
        if self.places.contains_key(&id) {
            return Err(bits.flaw(SegmentFlaw::NotCanonical));
        }
        Ok(id)
    }

    /// The last etag of an incarnation; zero where it has not occurred. Etags have 63 bits.
    fn etag_at(&self, place: usize) -> i64 {
        self.known.get(place).map_or(0, |known| known.etag.get().cast_signed())
    }

    fn remember(&mut self, origin: Entry, place: usize) {
        match self.known.get_mut(place) {
            Some(known) => *known = origin,
            None => {
                self.places.insert(origin.incarnation, place);
                self.known.push(origin);
            }
        }
        self.before = Some(origin);
    }
}

/// Tags: whether it is the same as before; else by number, 0 for none, once it has occurred.
#[derive(Default)]
pub(super) struct Tags {
    before: Option<Arc<str>>,
    /// In the order in which they occurred.
    known: Vec<Arc<str>>,
    /// The number of each in that order, from 1.
    numbers: BTreeMap<Arc<str>, usize>,
}

impl Tags {
    pub(super) fn put(&mut self, sink: &mut impl Sink, tag: Option<&Arc<str>>) {
        if sink.put_bit(self.before.as_ref() == tag) {
            return;
        }
        let new = self.known.len() + 1;
        let number = tag.map_or(0, |tag| self.numbers.get(tag).copied().unwrap_or(new));
        sink.put_number(number as u64);
        if let Some(tag) = tag.filter(|_| number == new) {
            sink.put_number(tag.len() as u64);
            sink.put_bytes(tag.as_bytes());
            self.learn(tag.clone());
        }
        self.before = tag.cloned();
    }

    pub(super) fn take(&mut self, bits: &mut Reader<'_>) -> Result<Option<Arc<str>>, SegmentError> {
        if bits.take_bit()? {
            return Ok(self.before.clone());
        }
        let number = bits.take_up_to(self.known.len() + 1)?;
        let tag = match number.checked_sub(1).map(|place| self.known.get(place)) {
            None => None,
            Some(Some(known)) => Some(known.clone()),
            Some(None) => Some(self.take_new(bits)?),
        };
        if tag == self.before {
            return Err(bits.flaw(SegmentFlaw::NotCanonical));
        }
        self.before.clone_from(&tag);
        Ok(tag)
    }

    /// Takes a tag that has not occurred.
    fn take_new(&mut self, bits: &mut Reader<'_>) -> Result<Arc<str>, SegmentError> {
        let mut text = [0; SERIES_TAG_BYTES_MAX];
        let bytes = bits.take_up_to(SERIES_TAG_BYTES_MAX)?;
        let (text, _) = text.split_at_mut(bytes);
        bits.take_bytes(text)?;
        let tag = core::str::from_utf8(text).map_err(|_| bits.flaw(SegmentFlaw::Tag))?;
        if self.numbers.contains_key(tag) {
            return Err(bits.flaw(SegmentFlaw::NotCanonical));
        }
        let tag: Arc<str> = Arc::from(tag);
        self.learn(tag.clone());
        Ok(tag)
    }

    fn learn(&mut self, tag: Arc<str>) {
        self.known.push(tag.clone());
        self.numbers.insert(tag, self.known.len());
    }
}

/// Values: whether they are as many as before, else how many; then each by its column.
pub(super) struct Values {
    count: usize,
    columns: [Column; SERIES_VALUES_MAX],
}

impl Default for Values {
    fn default() -> Self {
        Self { count: 1, columns: array::from_fn(|_| Column::default()) }
    }
}

impl Values {
    /// Puts 1 to 32 values.
    pub(super) fn put(&mut self, sink: &mut impl Sink, values: &[f64]) {
        debug_assert!((1..=SERIES_VALUES_MAX).contains(&values.len()));
        if !sink.put_bit(values.len() == self.count) {
            self.count = values.len();
            sink.put(self.count as u64 - 1, COUNT_BITS);
        }
        for (column, value) in self.columns.iter_mut().zip(values) {
            column.put(sink, *value);
        }
    }

    pub(super) fn take(&mut self, bits: &mut Reader<'_>) -> Result<Vec<f64>, SegmentError> {
        if !bits.take_bit()? {
            let less_one = usize::try_from(bits.take(COUNT_BITS)?).unwrap_or_default();
            if less_one + 1 == self.count {
                return Err(bits.flaw(SegmentFlaw::NotCanonical));
            }
            self.count = less_one + 1;
        }
        self.columns.iter_mut().take(self.count).map(|column| column.take(bits)).collect()
    }
}

/// One value of every entry: the bits in which it differs from the one before.
#[derive(Default)]
struct Column {
    before: u64,
    window: Window,
}

/// Where the bits are in which two values differ: so many zeros, then `width` bits, zeros again.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Window {
    lead: u32,
    width: u32,
}

impl Window {
    /// The least window of a difference; its lead is cut to what its field holds.
    fn of(difference: u64) -> Self {
        let lead = difference.leading_zeros().min((1 << LEAD_BITS) - 1);
        Self { lead, width: u64::BITS - lead - difference.trailing_zeros() }
    }

    fn shift(self) -> u32 {
        u64::BITS - self.lead - self.width
    }

    fn covers(self, other: Self) -> bool {
        self.lead <= other.lead && self.lead + self.width >= other.lead + other.width
    }
}

impl Column {
    fn put(&mut self, sink: &mut impl Sink, value: f64) {
        let difference = value.to_bits() ^ self.before;
        if !sink.put_bit(difference != 0) {
            return;
        }
        let window = self.window_for(difference);
        if !sink.put_bit(window == self.window) {
            sink.put(u64::from(window.lead), LEAD_BITS);
            sink.put(u64::from(window.width) - 1, WIDTH_BITS);
        }
        sink.put(difference >> window.shift(), window.width);
        *self = Self { before: value.to_bits(), window };
    }

    fn take(&mut self, bits: &mut Reader<'_>) -> Result<f64, SegmentError> {
        if !bits.take_bit()? {
            return Ok(f64::from_bits(self.before));
        }
        let same = bits.take_bit()?;
        let window = if same { self.window } else { Self::take_window(bits)? };
        let difference = if window.width == 0 { 0 } else { bits.take(window.width)? };
        let difference = difference.checked_shl(window.shift()).unwrap_or_default();
        let chosen = difference != 0 && window == self.window_for(difference);
        if !chosen || same != (window == self.window) {
            return Err(bits.flaw(SegmentFlaw::NotCanonical));
        }
        *self = Self { before: self.before ^ difference, window };
        Ok(f64::from_bits(self.before))
    }

    fn take_window(bits: &mut Reader<'_>) -> Result<Window, SegmentError> {
        let [lead, width] = [bits.take(LEAD_BITS)?, bits.take(WIDTH_BITS)? + 1];
        let [lead, width] = [lead, width].map(|number| u32::try_from(number).unwrap_or_default());
        if lead + width > u64::BITS {
            return Err(bits.flaw(SegmentFlaw::Number));
        }
        Ok(Window { lead, width })
    }

    /// The window in which a difference is written: the one before, unless a new one is shorter
    /// with all that it costs. Without that a single jump would make all later values long.
    fn window_for(&self, difference: u64) -> Window {
        let least = Window::of(difference);
        let cheap = self.window.width <= least.width + LEAD_BITS + WIDTH_BITS;
        if cheap && self.window.covers(least) { self.window } else { least }
    }
}

/// Dead ranges: how far behind the one before it begins, how long it is, and its origin. Origins of
/// entries are kept apart, so that what a dead range takes does not depend on entries.
#[derive(Default)]
pub(super) struct Deletions {
    before: Option<SeriesTime>,
    origins: Origins,
}

impl Deletions {
    /// Puts a range that does not begin before the last one.
    pub(super) fn put(&mut self, sink: &mut impl Sink, range: &DeadRange) {
        let (first, last) = (range.span.first(), range.span.last());
        sink.put_number(first.offset() - self.before());
        sink.put_number(last.offset() - first.offset());
        self.origins.put(sink, range.origin);
        self.before = Some(first);
    }

    pub(super) fn take(&mut self, bits: &mut Reader<'_>) -> Result<DeadRange, SegmentError> {
        let first = Self::take_time(bits, self.before())?;
        let last = Self::take_time(bits, first.offset())?;
        let span = Span::new(first, last).map_err(|_| bits.flaw(SegmentFlaw::Order))?;
        let origin = self.origins.take(bits)?;
        self.before = Some(first);
        Ok(DeadRange { span, origin })
    }

    fn before(&self) -> u64 {
        self.before.map_or(0, SeriesTime::offset)
    }

    /// Takes a time that is so much behind another.
    fn take_time(bits: &mut Reader<'_>, offset: u64) -> Result<SeriesTime, SegmentError> {
        let offset = offset.checked_add(bits.take_number()?);
        let time = offset.and_then(|offset| SeriesTime::from_offset(offset).ok());
        time.ok_or(bits.flaw(SegmentFlaw::Time))
    }
}

/// Bits of how many values there are, less one.
const COUNT_BITS: u32 = 5;

/// Bits of how many zeros lead. More of them than fit are written out, as values that differ in so
/// little are rare.
const LEAD_BITS: u32 = 5;

/// Bits of the width of a window, less one.
const WIDTH_BITS: u32 = 6;
