//! Vectors of a store that went back and wrote before anybody said so.

use proptest::prelude::*;

use super::{entry, id, vector};
use crate::change_vector::{ChangeVector, Order};
use crate::etag::Etag;

fn etag(number: u64) -> Etag {
    Etag::new(number).unwrap()
}

/// What incarnation 0 issued behind `after` becomes 9's.
fn reissued(vector: &ChangeVector, after: u64) -> ChangeVector {
    vector.reissued(id(0), etag(after), id(9))
}

#[test]
fn what_lies_behind_the_fork_is_the_new_ones() {
    let cases = [
        // What is common stays, what others issued too, whatever its etag.
        ("i0:5", 5, "i0:5"),
        ("i0:4 i1:9", 5, "i0:4 i1:9"),
        ("i1:9", 5, "i1:9"),
        ("", 5, ""),
        ("i0:6", 5, "i0:5 i9:6"),
        ("i0:6 i1:9", 5, "i0:5 i1:9 i9:6"),
        // Nothing is common.
        ("i0:6 i1:9", 0, "i1:9 i9:6"),
        // A part of it is the new one's already: of an earlier one that began behind the fork too.
        ("i0:6 i9:8", 5, "i0:5 i9:8"),
        ("i0:8 i9:6", 5, "i0:5 i9:8"),
    ];
    for (before, after, expected) in cases {
        assert_eq!(reissued(&vector(before), after), vector(expected), "{before} behind {after}");
    }
    let last = ChangeVector::from_entries([entry(0, Etag::MAX.get())]);
    assert_eq!(reissued(&last, 1).etag_of(id(9)), Etag::MAX);
}

fn vectors() -> impl Strategy<Value = ChangeVector> {
    prop::collection::vec((0..3u64, 0..8u64), 0..4)
        .prop_map(|all| ChangeVector::from_entries(all.into_iter().map(|(n, at)| entry(n, at))))
}

proptest! {
    #[test]
    fn order_stays_as_it_was(one in vectors(), other in vectors(), after in 0..8u64) {
        let order = reissued(&one, after).compare(&reissued(&other, after));
        prop_assert_eq!(order, one.compare(&other));
        let equal = reissued(&one, after) == reissued(&other, after);
        prop_assert_eq!(equal, one == other);
    }

    #[test]
    fn a_second_time_changes_nothing(one in vectors(), after in 0..8u64) {
        let once = reissued(&one, after);
        prop_assert_eq!(reissued(&once, after), once);
    }

    /// What is known to have been common is seen as before; nothing of the other future is.
    #[test]
    fn it_has_seen_what_is_common_and_nothing_else(
        one in vectors(),
        other in vectors(),
        after in 0..8u64,
    ) {
        let new = reissued(&one, after);
        if other.etag_of(id(0)) <= etag(after) {
            prop_assert_eq!(new.covers(&other), one.covers(&other));
        } else {
            prop_assert!(!new.covers(&other));
            let forked = one.etag_of(id(0)) > etag(after);
            prop_assert!(!forked || new.compare(&other) == Order::Conflict);
        }
    }
}
