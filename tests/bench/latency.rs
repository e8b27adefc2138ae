//! Times that something took, summed up.

use std::time::Duration;

use serde::Serialize;

/// How long the slower ones took.
#[derive(Debug, Serialize)]
pub(crate) struct Latencies {
    pub(crate) p50_millis: f64,
    pub(crate) p99_millis: f64,
    pub(crate) p999_millis: f64,
    pub(crate) max_millis: f64,
}

impl Latencies {
    /// Of these; zeros when there are none.
    pub(crate) fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        Self {
            p50_millis: at(&times, 500),
            p99_millis: at(&times, 990),
            p999_millis: at(&times, 999),
            max_millis: at(&times, 1_000),
        }
    }
}

/// The time within which so many in a thousand lie.
fn at(sorted: &[Duration], per_mille: usize) -> f64 {
    let index = (sorted.len() * per_mille).div_ceil(1_000).saturating_sub(1);
    sorted.get(index).map_or(0.0, |time| time.as_secs_f64() * 1_000.0)
}
