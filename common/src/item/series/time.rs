//! Points in time and spans between them.

use thiserror::Error;

/// A time of a series: milliseconds since the Unix epoch, within the years 1 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesTime(i64);

impl SeriesTime {
    /// The first millisecond of the year 1.
    pub const MIN: Self = Self(-62_135_596_800_000);

    /// The last millisecond of the year 9999.
    pub const MAX: Self = Self(253_402_300_799_999);

    /// The time of so many milliseconds since the Unix epoch.
    pub const fn new(millis: i64) -> Result<Self, SeriesTimeError> {
        if millis < Self::MIN.0 || millis > Self::MAX.0 {
            return Err(SeriesTimeError { millis: millis as i128 });
        }
        Ok(Self(millis))
    }

    /// Milliseconds since the Unix epoch; negative before it.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Milliseconds since [`SeriesTime::MIN`].
    pub const fn offset(self) -> u64 {
        self.0.abs_diff(Self::MIN.0)
    }

    /// The time so many milliseconds after [`SeriesTime::MIN`].
    pub const fn from_offset(offset: u64) -> Result<Self, SeriesTimeError> {
        match Self::MIN.0.checked_add_unsigned(offset) {
            Some(millis) => Self::new(millis),
            None => Err(SeriesTimeError { millis: Self::MIN.0 as i128 + offset as i128 }),
        }
    }

    /// The millisecond after this one; none after the last.
    pub const fn next(self) -> Option<Self> {
        if self.0 == Self::MAX.0 { None } else { Some(Self(self.0 + 1)) }
    }

    /// The millisecond before this one; none before the first.
    pub const fn previous(self) -> Option<Self> {
        if self.0 == Self::MIN.0 { None } else { Some(Self(self.0 - 1)) }
    }

    /// Eight bytes whose order is the order of times.
    pub const fn to_be_bytes(self) -> [u8; 8] {
        self.offset().to_be_bytes()
    }

    /// Reads what [`SeriesTime::to_be_bytes`] wrote.
    pub const fn from_be_bytes(bytes: [u8; 8]) -> Result<Self, SeriesTimeError> {
        Self::from_offset(u64::from_be_bytes(bytes))
    }
}

/// A time outside the years 1 to 9999.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("time {millis} ms from the Unix epoch is not within the years 1 to 9999")]
pub struct SeriesTimeError {
    /// Milliseconds since the Unix epoch.
    pub millis: i128,
}

/// All times from a first to a last, both of them included; so it is never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    first: SeriesTime,
    last: SeriesTime,
}

impl Span {
    /// Every time there is.
    pub const ALL: Self = Self { first: SeriesTime::MIN, last: SeriesTime::MAX };

    /// From `first` to `last`, which must not be before it.
    pub fn new(first: SeriesTime, last: SeriesTime) -> Result<Self, SpanError> {
        if first > last {
            return Err(SpanError { first, last });
        }
        Ok(Self { first, last })
    }

    /// One time.
    pub const fn at(time: SeriesTime) -> Self {
        Self { first: time, last: time }
    }

    /// Its first time.
    pub const fn first(&self) -> SeriesTime {
        self.first
    }

    /// Its last time.
    pub const fn last(&self) -> SeriesTime {
        self.last
    }

    /// Whether a time is in it.
    pub fn contains(&self, time: SeriesTime) -> bool {
        self.first <= time && time <= self.last
    }

    /// Whether all of the other is in it.
    pub fn covers(&self, other: &Self) -> bool {
        self.contains(other.first) && self.contains(other.last)
    }

    /// What both have in common.
    pub fn intersection(&self, other: &Self) -> Option<Self> {
        Self::new(self.first.max(other.first), self.last.min(other.last)).ok()
    }

    /// Whether they have a time in common.
    pub fn meets(&self, other: &Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }

    /// From its first time to the last of one that lies behind.
    #[must_use]
    pub fn to(&self, later: &Self) -> Self {
        Self { first: self.first, last: self.last.max(later.last) }
    }

    /// What it has from a time on.
    pub(super) fn from(&self, first: SeriesTime) -> Option<Self> {
        self.intersection(&Self { first, ..Self::ALL })
    }

    /// What it has before the other and behind it.
    pub fn minus(&self, other: &Self) -> impl Iterator<Item = Self> + use<> {
        let until = |last| self.intersection(&Self { last, ..Self::ALL });
        let before = other.first.previous().and_then(until);
        let behind = other.last.next().and_then(|first| self.from(first));
        before.into_iter().chain(behind)
    }

    /// Both as one, where the other lies behind and leaves no gap.
    pub(super) fn joined(&self, later: &Self) -> Option<Self> {
        let touch = later.first <= self.last || self.last.next() == Some(later.first);
        touch.then(|| Self { first: self.first, last: self.last.max(later.last) })
    }
}

/// A span whose end is before its beginning.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("span ends at {} ms, before it begins at {} ms", last.millis(), first.millis())]
pub struct SpanError {
    /// Where it should begin.
    pub first: SeriesTime,
    /// Where it should end.
    pub last: SeriesTime,
}
