//! What `compare_exchange` promises, tried out.

use jackdaw_common::{CompareExchangeIndex, CompareExchangeKey};

use super::*;
use crate::convert::documents::compare_exchange::{MISMATCH_DETAIL, item, mismatch_detail};

fn sample(key: &str, bytes: usize) -> wire::CompareExchangeItem {
    let key = CompareExchangeKey::new(key).unwrap();
    item(&key, CompareExchangeIndex::new(u64::MAX), vec![b' '; bytes].into())
}

#[test]
fn an_error_has_the_value_where_it_fits() {
    let small = mismatch_detail(Some(sample("Key", 2_000)));
    assert_eq!((small.value_bytes, small.actual.unwrap()), (2_000, sample("Key", 2_000)));
    let large = mismatch_detail(Some(sample("Key", 3_000)));
    assert_eq!((large.value_bytes, large.actual.unwrap()), (3_000, sample("Key", 0)));
    assert_eq!(mismatch_detail(None), wire::CompareExchangeMismatch::default());
}

#[test]
fn the_largest_detail_there_is_reaches_the_client() {
    let key = "\u{2c65}".repeat(170);
    let value = (0..3_000).rev().find(|bytes| {
        mismatch_detail(Some(sample(&key, *bytes))).actual.unwrap().value.len() == *bytes
    });
    let detail = mismatch_detail(Some(sample(&key, value.unwrap())));
    let error = WireError::new(Reason::CompareExchangeMismatch, "x".repeat(512))
        .with("key", &key)
        .with("expected_index", u64::MAX)
        .with("actual_index", u64::MAX)
        .about("jackdaw/CompareExchangeItem", &key)
        .with_detail(MISMATCH_DETAIL, &detail);
    let read = RemoteError::from_status(&error.into());
    assert_eq!(read.detail(MISMATCH_DETAIL), Some(detail));
}
