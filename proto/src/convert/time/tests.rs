//! What `time` promises, tried out.

use proptest::prelude::*;

use super::*;

#[test]
fn times_before_1970_have_positive_nanoseconds() {
    let wire = timestamp(Timestamp::from_micros(-1));
    assert_eq!((wire.seconds, wire.nanos), (-1, 999_999_000));
    assert_eq!(from_timestamp(&wire), Ok(Timestamp::from_micros(-1)));
}

#[test]
fn nonsense_is_refused() {
    let wrong = |seconds, nanos| from_timestamp(&prost_types::Timestamp { seconds, nanos });
    assert_eq!(wrong(0, -1), Err(TimestampError));
    assert_eq!(wrong(0, 1_000_000_000), Err(TimestampError));
    assert_eq!(wrong(i64::MAX, 0), Err(TimestampError));
    assert_eq!(wrong(i64::MIN, 0), Err(TimestampError));
    assert_eq!(wrong(1, 1_999), Ok(Timestamp::from_micros(1_000_001)));
}

#[test]
fn durations_are_exact() {
    let wire = duration(61_000_007);
    assert_eq!((wire.seconds, wire.nanos), (61, 7_000));
    assert_eq!(duration(u64::MAX).seconds, 18_446_744_073_709);
}

proptest! {
    #[test]
    fn every_time_comes_back(micros: i64) {
        let time = Timestamp::from_micros(micros);
        prop_assert_eq!(from_timestamp(&timestamp(time)), Ok(time));
    }
}
