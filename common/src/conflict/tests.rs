//! Every branch of the decision, and its laws over random histories.

use proptest::prelude::*;

use super::*;
use crate::{Entry, Etag, IncarnationId};

fn id(n: u8) -> IncarnationId {
    IncarnationId::from_bytes([n; 16])
}

fn vector(entries: &[(u8, u64)]) -> ChangeVector {
    ChangeVector::from_entries(
        entries
            .iter()
            .map(|&(n, etag)| Entry { incarnation: id(n), etag: Etag::new(etag).unwrap() }),
    )
}

fn seen(entries: &[(u8, u64)], tombstone: bool, hash: u8) -> Seen {
    Seen { vector: vector(entries), tombstone, hash: ContentHash::from_be_bytes([hash; 16]) }
}

/// A database with nothing retired.
fn holder(vector: &ChangeVector) -> Holder<'_> {
    Holder { vector, retired: &[] }
}

#[test]
fn nothing_present_is_an_update() {
    let decision = decide::<Seen>(&seen(&[(1, 5)], false, 1), &[], holder(&ChangeVector::empty()));
    assert_eq!(decision, Decision::Replace);
}

#[test]
fn nothing_present_but_held_before_stays_deleted() {
    let decision = decide::<Seen>(&seen(&[(1, 5)], false, 1), &[], holder(&vector(&[(1, 7)])));
    assert_eq!(decision, Decision::Ignore(Known::Forgotten));
    let newer = decide::<Seen>(&seen(&[(1, 8)], false, 1), &[], holder(&vector(&[(1, 7)])));
    assert_eq!(newer, Decision::Replace);
}

#[test]
fn one_present_is_compared() {
    let present = [seen(&[(1, 5), (2, 3)], false, 1)];
    let none = ChangeVector::empty();
    let cases = [
        (seen(&[(1, 8), (2, 3)], false, 2), Decision::Replace),
        (seen(&[(1, 5)], false, 2), Decision::Ignore(Known::Covered)),
        (seen(&[(1, 5), (2, 3)], false, 1), Decision::Ignore(Known::Covered)),
        (seen(&[(1, 5), (2, 3)], false, 9), Decision::Ignore(Known::Collided)),
        (seen(&[(1, 8)], false, 2), Decision::Conflict { superseded: vec![] }),
        (seen(&[(1, 8)], true, 2), Decision::Conflict { superseded: vec![] }),
    ];
    for (incoming, expected) in cases {
        assert_eq!(decide(&incoming, &present, holder(&none)), expected, "{incoming:?}");
    }
}

#[test]
fn two_concurrent_deletions_merge() {
    let present = [seen(&[(1, 5)], true, 1)];
    let decision = decide(&seen(&[(2, 7)], true, 1), &present, holder(&ChangeVector::empty()));
    assert_eq!(decision, Decision::Merge(vector(&[(1, 5), (2, 7)])));
}

#[test]
fn deletions_that_are_all_there_is_merge() {
    let present = [seen(&[(1, 5)], false, 1), seen(&[(2, 7)], true, 2)];
    let none = ChangeVector::empty();
    let decision = decide(&seen(&[(1, 6)], true, 3), &present, holder(&none));
    assert_eq!(decision, Decision::Merge(vector(&[(1, 6), (2, 7)])));
    let beside_a_live_one = decide(&seen(&[(3, 1)], true, 3), &present, holder(&none));
    assert_eq!(beside_a_live_one, Decision::Conflict { superseded: vec![] });
}

#[test]
fn a_version_among_conflicts_replaces_what_it_dominates() {
    let present = [seen(&[(1, 5)], false, 1), seen(&[(2, 7)], false, 2)];
    let none = ChangeVector::empty();
    let decision = decide(&seen(&[(1, 6)], false, 3), &present, holder(&none));
    assert_eq!(decision, Decision::Conflict { superseded: vec![0] });
    let decision = decide(&seen(&[(1, 6), (2, 7)], false, 3), &present, holder(&none));
    assert_eq!(decision, Decision::Replace);
    let decision = decide(&seen(&[(2, 6)], false, 3), &present, holder(&none));
    assert_eq!(decision, Decision::Ignore(Known::Covered));
    let decision = decide(&seen(&[(3, 1)], false, 3), &present, holder(&none));
    assert_eq!(decision, Decision::Conflict { superseded: vec![] });
}

/// Carries out a decision on a set of versions.
fn step(present: &mut Vec<Seen>, incoming: &Seen) {
    match decide(incoming, present, holder(&ChangeVector::empty())) {
        Decision::Ignore(_) => {}
        Decision::Replace => *present = vec![incoming.clone()],
        Decision::Merge(vector) => *present = vec![Seen { vector, ..incoming.clone() }],
        Decision::Conflict { superseded } => {
            for index in superseded.into_iter().rev() {
                present.remove(index);
            }
            present.push(incoming.clone());
        }
    }
}

fn versions() -> impl Strategy<Value = Vec<Seen>> {
    let entries = prop::collection::btree_map(0u8..3, 1u64..4, 1..3);
    prop::collection::vec(entries, 1..6).prop_map(|vectors| {
        vectors
            .into_iter()
            .map(|entries| {
                let entries: Vec<_> = entries.into_iter().collect();
                seen(&entries, false, 1)
            })
            .collect()
    })
}

proptest! {
    /// The same versions in any order leave the same set.
    #[test]
    fn the_order_of_arrival_does_not_matter(
        (one, other) in versions()
            .prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle()))
    ) {
        let outcome = |versions: &[Seen]| {
            let mut present = Vec::new();
            versions.iter().for_each(|version| step(&mut present, version));
            let mut vectors: Vec<_> = present.into_iter().map(|seen| seen.vector).collect();
            vectors.sort();
            vectors
        };
        prop_assert_eq!(outcome(&one), outcome(&other));
    }

    /// What was applied once is ignored the second time.
    #[test]
    fn a_second_time_changes_nothing(all in versions()) {
        let mut present = Vec::new();
        all.iter().for_each(|version| step(&mut present, version));
        let before = present.clone();
        all.iter().for_each(|version| step(&mut present, version));
        prop_assert_eq!(before, present);
    }

    /// A local write dominates all it replaces.
    #[test]
    fn a_local_base_covers_everything_present(all in versions()) {
        let base = local_base(&all, &vector(&[(7, 7)]));
        prop_assert!(all.iter().all(|version| base.covers(&version.vector)));
        prop_assert!(base.covers(&vector(&[(7, 7)])));
    }
}

/// Semantics 1.5.2, all of its cases: incarnation 3 is retired.
#[test]
fn retired_incarnations_settle_nothing() {
    let retired = [id(3)];
    let empty = ChangeVector::empty();
    let holder = Holder { vector: &empty, retired: &retired };
    let conflict = Decision::Conflict { superseded: vec![] };
    type Entries<'e> = &'e [(u8, u64)];
    let cases: [(Entries<'_>, Entries<'_>, Decision); 4] = [
        (&[(1, 10), (2, 10), (3, 10)], &[(1, 11), (2, 10)], Decision::Replace),
        (&[(1, 11), (2, 10)], &[(1, 10), (2, 10), (3, 10)], conflict.clone()),
        (&[(1, 11), (2, 10)], &[(1, 10), (2, 11), (3, 10)], conflict),
        (&[(1, 11), (2, 10)], &[(1, 11), (2, 12), (3, 10)], Decision::Replace),
    ];
    for (local, remote, expected) in cases {
        let decision = decide(&seen(remote, false, 2), &[seen(local, false, 1)], holder);
        assert_eq!(decision, expected, "{local:?} {remote:?}");
    }
}

#[test]
fn what_only_a_retired_incarnation_has_written_is_known() {
    let retired = [id(3)];
    let vector = vector(&[(1, 5)]);
    let holder = Holder { vector: &vector, retired: &retired };
    for entries in [&[(3, 9)][..], &[(1, 5), (3, 9)]] {
        let decision = decide::<Seen>(&seen(entries, false, 1), &[], holder);
        assert_eq!(decision, Decision::Ignore(Known::Forgotten), "{entries:?}");
    }
    let newer = decide::<Seen>(&seen(&[(1, 6), (3, 9)], false, 1), &[], holder);
    assert_eq!(newer, Decision::Replace);
}

proptest! {
    /// Retiring makes more known, and never less; what only the living have seen is judged as ever.
    #[test]
    fn retiring_makes_nothing_unknown(all in versions(), database in versions()) {
        let vector = database.iter().fold(ChangeVector::empty(), |all, it| all.merge(&it.vector));
        let retired = [id(2)];
        let before = holder(&vector);
        let without = vector.without(&retired);
        let after = Holder { vector: &without, retired: &retired };
        for version in &all {
            let of_the_living = version.vector.without(&retired);
            prop_assert!(!before.has_seen(&version.vector) || after.has_seen(&version.vector));
            prop_assert_eq!(after.has_seen(&of_the_living), before.has_seen(&of_the_living));
            prop_assert_eq!(after.has_seen(&version.vector), after.has_seen(&of_the_living));
        }
    }

    /// Whatever is retired, a version that has seen another is never kept beside it, nor given up
    /// for it; and two that are only in conflict are never both lost.
    #[test]
    fn retiring_never_turns_an_order_round(one in versions(), other in versions()) {
        let empty = ChangeVector::empty();
        let retired = [id(2)];
        let holder = Holder { vector: &empty, retired: &retired };
        for (one, other) in one.iter().zip(&other) {
            let there = decide(one, std::slice::from_ref(other), holder);
            let back = decide(other, std::slice::from_ref(one), holder);
            match one.vector.compare(&other.vector) {
                Order::Update => {
                    prop_assert_eq!(there, Decision::Replace);
                    prop_assert_eq!(back, Decision::Ignore(Known::Covered));
                }
                Order::AlreadyMerged => prop_assert_eq!(there, Decision::Ignore(Known::Covered)),
                Order::Conflict => {
                    let both = (&there, &back) == (&Decision::Replace, &Decision::Replace);
                    prop_assert!(!both, "{:?} {:?}", one, other);
                    let ignored = |it: &Decision| matches!(it, Decision::Ignore(_));
                    prop_assert!(!ignored(&there) && !ignored(&back));
                }
            }
        }
    }
}
