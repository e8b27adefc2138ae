//! How long to wait before a failed session is tried again.
//!
//! Full jitter: a random time between nothing and a bound that doubles with every failure, so that
//! many tasks that failed together do not come back together.

use crate::limits::{BACKOFF_MILLIS_MAX, BACKOFF_MILLIS_MIN};

/// Milliseconds to wait after `failures` in a row, at least 1; `random` is drawn anew each time.
pub fn backoff_millis(failures: u32, random: u64) -> u64 {
    let bound = BACKOFF_MILLIS_MIN
        .checked_shl(failures.min(16))
        .map_or(BACKOFF_MILLIS_MAX, |bound| bound.min(BACKOFF_MILLIS_MAX));
    random % bound + 1
}

#[cfg(test)]
mod tests {
    //! The bound doubles and ends.

    use super::*;

    #[test]
    fn the_bound_doubles_up_to_its_maximum() {
        let most = |failures| backoff_millis(failures, u64::MAX / 2 / 60_000 * 60_000 - 1);
        for failures in 0..64 {
            let bound = if failures < 8 { 250 << failures } else { 60_000 };
            for random in [0, 1, 17, u64::MAX, bound - 1] {
                let wait = backoff_millis(failures, random);
                assert!((1..=bound).contains(&wait), "{wait} after {failures}");
            }
            assert_eq!(backoff_millis(failures, bound - 1), bound);
            assert!(most(failures) <= bound);
        }
    }
}
