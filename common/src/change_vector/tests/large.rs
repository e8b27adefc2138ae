//! Comparison of large vectors: the published cases with 15, 100 and 1000 entries.

use super::{entry, text_of, vector};
use crate::change_vector::ChangeVector;
use crate::change_vector::Order::{self, AlreadyMerged, Conflict, Update};

const SIZES: [u64; 3] = [15, 100, 1000];

/// What the vector of a case has for index `k` of `n`; `None` when it has no such entry.
type Etags = fn(k: u64, n: u64) -> Option<u64>;

/// Case, remote, local, whether the local one is listed in reverse, how they stand.
const CASES: [(&str, Etags, Etags, bool, Order); 16] = [
    ("CV-20", |_, _| Some(10), |_, _| Some(1), false, Update),
    ("CV-21", |_, _| Some(10), |k, n| (k <= n - 5).then_some(1), false, Update),
    ("CV-22", |_, _| Some(1), |k, n| (k <= n - 5).then_some(10), false, Conflict),
    (
        "CV-23",
        |k, _| every(3, k, 10),
        |k, n| every(2, k, 10).filter(|_| k <= n - 5),
        false,
        Conflict,
    ),
    ("CV-24", |k, n| (k <= n - 5).then_some(10), |_, _| Some(1), false, Conflict),
    ("CV-25", |_, _| Some(10), |_, _| Some(1), true, Update),
    ("CV-26", |_, _| Some(1), |_, _| Some(10), true, AlreadyMerged),
    ("CV-27", |k, _| every(4, k, 11), |_, _| Some(10), true, Conflict),
    ("CV-28", |k, _| every(2, k, 11), |k, _| (k >= 10).then_some(10), true, Conflict),
    ("CV-29", |k, n| every(4, k, 11).filter(|_| k <= n - 10), |_, _| Some(10), true, Conflict),
    ("CV-30", |_, _| Some(1), |k, _| (k >= 10).then_some(10), true, Conflict),
    ("CV-31", |k, n| (k <= n - 10).then_some(1), |_, _| Some(10), true, AlreadyMerged),
    ("CV-32", |_, _| Some(10), |k, _| (k >= 10).then_some(1), true, Update),
    ("CV-33", |k, n| (k <= n - 10).then_some(10), |_, _| Some(1), true, Conflict),
    ("CV-34", |k, n| Some(if k == n / 2 { 15 } else { 5 }), |_, _| Some(10), true, Conflict),
    ("CV-35", |_, _| Some(10), |k, n| Some(if k == n / 2 { 15 } else { 5 }), true, Conflict),
];

/// `etag` for every `step`th index, 1 for the others.
fn every(step: u64, k: u64, etag: u64) -> Option<u64> {
    Some(if k.is_multiple_of(step) { etag } else { 1 })
}

/// The case's vector as the text `i0:10 i1:1 …`.
fn listed(etags: Etags, n: u64, reverse: bool) -> String {
    let mut entries: Vec<String> =
        (0..n).filter_map(|k| etags(k, n).map(|etag| format!("i{k}:{etag}"))).collect();
    if reverse {
        entries.reverse();
    }
    entries.join(" ")
}

#[test]
fn published_cases() {
    for (case, remote, local, reverse, order) in CASES {
        for n in SIZES {
            let (remote, local) = (listed(remote, n, false), listed(local, n, reverse));
            let built = vector(&remote).compare(&vector(&local));
            assert_eq!(built, order, "{case} with {n}");
            let remote: ChangeVector = text_of(&remote).parse().unwrap();
            let local: ChangeVector = text_of(&local).parse().unwrap();
            assert_eq!(remote.compare(&local), order, "{case} with {n}, from text");
        }
    }
}

#[test]
fn published_cases_with_another_first_entry() {
    for (case, remote, local, order) in [
        ("CV-36", "i1:1 i2:1", "i0:10 i1:10 i2:10", AlreadyMerged),
        ("CV-37", "i0:1 i1:1 i2:1", "i1:10 i2:10", Conflict),
        ("CV-38", "i1:10 i2:10", "i0:1 i1:1 i2:1", Conflict),
        ("CV-39", "i0:10 i1:10 i2:10", "i1:1 i2:1", Update),
    ] {
        assert_eq!(vector(remote).compare(&vector(local)), order, "{case}");
    }
    // The same with the first of many ids on one side only.
    for n in SIZES {
        let of = |ids: core::ops::Range<u64>, etag| {
            ChangeVector::from_entries(ids.map(|k| entry(k, etag)))
        };
        let stand = |remote: ChangeVector, local: ChangeVector| remote.compare(&local);
        assert_eq!(stand(of(1..n, 1), of(0..n, 10)), AlreadyMerged, "CV-36 with {n}");
        assert_eq!(stand(of(0..n, 1), of(1..n, 10)), Conflict, "CV-37 with {n}");
        assert_eq!(stand(of(1..n, 10), of(0..n, 1)), Conflict, "CV-38 with {n}");
        assert_eq!(stand(of(0..n, 10), of(1..n, 1)), Update, "CV-39 with {n}");
    }
}
