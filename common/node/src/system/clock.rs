//! The wall clock: the one place that reads it.
//!
//! The composition root hands it to whoever needs the time as a [`Clock`]; a simulation hands in
//! its own.

use std::time::{SystemTime, UNIX_EPOCH};

use jackdaw_common::{Timestamp, clock::Clock};

/// The system's wall clock, in microseconds; times that 64 bits do not hold become the nearest.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that is injected")]
    fn now(&self) -> Timestamp {
        let micros = match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_micros()).unwrap_or(i64::MAX),
            Err(before) => {
                i64::try_from(before.duration().as_micros()).map_or(i64::MIN, |micros| -micros)
            }
        };
        Timestamp::from_micros(micros)
    }
}
