//! Points in time and lengths of it: microseconds in the domain, protobuf's own types on the wire.

use jackdaw_common::Timestamp;
use thiserror::Error;

/// A timestamp that the domain cannot hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("is not a time within 292,000 years of 1970")]
pub struct TimestampError;

/// As it goes out.
#[must_use]
pub fn timestamp(time: Timestamp) -> prost_types::Timestamp {
    let nanos = time.micros().rem_euclid(MICROS_A_SECOND) * 1_000;
    prost_types::Timestamp {
        seconds: time.micros().div_euclid(MICROS_A_SECOND),
        nanos: i32::try_from(nanos).unwrap_or_default(),
    }
}

/// As it comes in; what is finer than a microsecond is cut off.
///
/// # Errors
///
/// Nanoseconds outside 0 to 999,999,999, or a time that microseconds in 64 bits do not reach.
pub fn from_timestamp(time: &prost_types::Timestamp) -> Result<Timestamp, TimestampError> {
    if !(0..1_000_000_000).contains(&time.nanos) {
        return Err(TimestampError);
    }
    time.seconds
        .checked_mul(MICROS_A_SECOND)
        .and_then(|micros| micros.checked_add(i64::from(time.nanos / 1_000)))
        .map(Timestamp::from_micros)
        .ok_or(TimestampError)
}

/// A length of time as it goes out.
#[must_use]
pub fn duration(micros: u64) -> prost_types::Duration {
    let (seconds, micros) = (micros / 1_000_000, micros % 1_000_000);
    prost_types::Duration {
        seconds: i64::try_from(seconds).unwrap_or(i64::MAX),
        nanos: i32::try_from(micros * 1_000).unwrap_or_default(),
    }
}

/// A length of time that the domain cannot hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DurationError {
    /// It is negative.
    #[error("is negative")]
    Negative,
    /// Its nanoseconds are not 0 to 999,999,999, or it is too long.
    #[error("is not a length of time within 584,000 years")]
    Outside,
}

/// As it comes in; what is finer than a microsecond is cut off.
///
/// # Errors
///
/// [`DurationError`].
pub fn from_duration(duration: &prost_types::Duration) -> Result<u64, DurationError> {
    if duration.seconds < 0 || duration.nanos < 0 {
        return Err(DurationError::Negative);
    }
    let seconds = u64::try_from(duration.seconds).map_err(|_| DurationError::Outside)?;
    let nanos = u64::try_from(duration.nanos).map_err(|_| DurationError::Outside)?;
    if nanos >= 1_000_000_000 {
        return Err(DurationError::Outside);
    }
    let micros = seconds.checked_mul(1_000_000).and_then(|it| it.checked_add(nanos / 1_000));
    micros.ok_or(DurationError::Outside)
}

const MICROS_A_SECOND: i64 = 1_000_000;

#[cfg(test)]
mod tests;
