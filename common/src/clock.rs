//! Time as the domain sees it: a point on the UTC time line, and a trait for whoever tells it.
//!
//! Nothing here reads a clock; the composition root injects one, a simulation its own.

use core::fmt;

/// Microseconds since 1970-01-01T00:00:00Z, UTC, negative before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From microseconds since the Unix epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the Unix epoch.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// The time that lies `micros` later, at most the greatest there is.
    #[must_use]
    pub const fn plus_micros(self, micros: i64) -> Self {
        Self(self.0.saturating_add(micros))
    }

    /// How long after `earlier` this is, in microseconds; zero when it is not after it.
    pub const fn micros_since(self, earlier: Self) -> u64 {
        if self.0 <= earlier.0 { 0 } else { self.0.abs_diff(earlier.0) }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} µs", self.0)
    }
}

/// Who tells the time.
pub trait Clock: Send + Sync + 'static {
    /// The wall clock, UTC. It may jump, also backwards.
    fn now(&self) -> Timestamp;
}
