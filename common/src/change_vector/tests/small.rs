//! Comparison of small vectors: the published cases, worked examples, one-entry paths.

use super::{entry, id, text_of, vector};
use crate::change_vector::Order::{AlreadyMerged, Conflict, Update};
use crate::change_vector::{ChangeVector, Order, ParseError};
use crate::etag::Etag;
use crate::id::IncarnationId;

/// Case, remote, local, how they stand.
const CASES: [(&str, &str, &str, Order); 22] = [
    ("CV-01", "i0:1 i1:2 i2:3", "i0:10 i1:11 i2:12", AlreadyMerged),
    ("CV-02", "i0:10 i1:20 i2:30", "i0:1 i1:2 i2:3", Update),
    ("CV-03", "i0:10 i1:95 i2:2", "i0:10 i1:75 i2:3", Conflict),
    ("CV-04", "i1:95 i2:2 i0:10", "i1:75 i0:10 i2:3", Conflict),
    ("CV-05", "i0:10 i1:20 i2:30 i2:40", "i0:10 i1:20 i2:30", Update),
    ("CV-05 swapped", "i0:10 i1:20 i2:40 i2:30", "i0:10 i1:20 i2:30", Update),
    ("CV-06", "i1:10", "i0:10", Conflict),
    ("CV-07", "i0:1 i1:2 i2:3", "i0:10 i1:20 i2:30 i3:40", AlreadyMerged),
    ("CV-08", "i0:100 i1:200 i2:300", "i0:10 i1:20 i2:3000 i3:40", Conflict),
    ("CV-09", "i0:75", "i2:95 i1:2 i0:10", Conflict),
    ("CV-10", "", "", AlreadyMerged),
    ("CV-11", "", "i0:2 i1:3", AlreadyMerged),
    ("CV-12", "i0:2 i1:3", "", Update),
    ("CV-14", "i0:5 i1:5 i2:5", "i0:1 i1:1", Update),
    ("CV-15", "i2:5 i1:5 i0:5", "i0:1 i1:1", Update),
    ("CV-16", "i0:1 i1:1 i2:1", "i0:5 i1:5", Conflict),
    ("CV-17", "i2:1 i1:1 i0:1", "i0:5 i1:5", Conflict),
    ("CV-18", "i0:1 i1:5 i2:1", "i0:5 i1:1", Conflict),
    ("CV-19", "i2:1 i1:5 i0:1", "i0:5 i1:1", Conflict),
    ("equal", "i0:5 i1:7", "i1:7 i0:5", AlreadyMerged),
    // Semantics 1.4.4 says Update; a vector here cannot hold a zero.
    ("zero", "i0:5 i1:0", "i0:5", AlreadyMerged),
    ("zero, more", "i0:6 i1:0", "i0:5", Update),
];

#[test]
fn published_cases() {
    for (case, remote, local, order) in CASES {
        assert_eq!(vector(remote).compare(&vector(local)), order, "{case}");
    }
}

#[test]
fn published_cases_read_from_text_with_any_tags() {
    for (case, remote, local, order) in CASES {
        let remote: ChangeVector = text_of(remote).parse().unwrap();
        let local: ChangeVector = text_of(local).parse().unwrap();
        assert_eq!(remote.compare(&local), order, "{case}");
    }
}

#[test]
fn cv_10_nothing_is_the_empty_vector_however_it_is_written() {
    for left in [ChangeVector::default(), ChangeVector::empty(), "".parse().unwrap()] {
        for right in [ChangeVector::default(), ChangeVector::empty(), "".parse().unwrap()] {
            assert_eq!(left.compare(&right), AlreadyMerged);
            assert_eq!(left, right);
        }
    }
}

#[test]
fn cv_13_a_negative_etag_is_no_vector() {
    let text = text_of("i0:2 i1:-3");
    let at = text.find(":-").unwrap() + 1;
    assert_eq!(text.parse::<ChangeVector>(), Err(ParseError::EtagNegative { at }));
    let text = text_of("i1:-3 i0:2");
    let at = text.find(":-").unwrap() + 1;
    assert_eq!(text.parse::<ChangeVector>(), Err(ParseError::EtagNegative { at }));
}

#[test]
fn cv_46_tags_of_clusters_are_read() {
    let vector: ChangeVector =
        format!("A:1-{}, RAFT:2-{}, TRXN:10-{}", id(0), id(1), id(2)).parse().unwrap();
    assert_eq!(vector, super::vector("i0:1 i1:2 i2:10"));
}

/// Semantics 1.5.1: what a conflict becomes when some ids are gone for good.
fn compare_without(remote: &ChangeVector, local: &ChangeVector, unused: &[IncarnationId]) -> Order {
    let plain = remote.compare(local);
    if plain != Conflict {
        return plain;
    }
    match remote.without(unused).compare(&local.without(unused)) {
        AlreadyMerged => plain,
        order => order,
    }
}

#[test]
fn unused_ids_are_left_out_of_a_conflict() {
    // Semantics 1.5.2 and CV-49; C is unused.
    let unused = vector("C:1").entries()[0].incarnation;
    for (local, remote, plain, order) in [
        ("A:10 B:10 C:10", "A:11 B:10", Conflict, Update),
        ("A:11 B:10", "A:10 B:10 C:10", Conflict, Conflict),
        ("A:11 B:10", "A:10 B:11 C:10", Conflict, Conflict),
        ("A:11 B:10", "A:11 B:12 C:10", Update, Update),
    ] {
        let (local, remote) = (vector(local), vector(remote));
        assert_eq!(remote.compare(&local), plain);
        assert_eq!(compare_without(&remote, &local, &[unused]), order);
    }
}

#[test]
fn worked_examples() {
    // Semantics 18.1, flat vectors: remote, local.
    for (remote, local, order) in [
        ("A:5", "A:7 B:3", AlreadyMerged),
        ("A:8 B:2", "A:7 B:3", Conflict),
        ("A:8 B:3", "A:5 B:3", Update),
        ("A:8", "B:3", Conflict),
        ("A:5", "A:5 B:3", AlreadyMerged),
        ("", "A:5 B:3", AlreadyMerged),
        ("", "", AlreadyMerged),
        ("A:8 B:50", "A:60 B:3", Conflict),
        ("A:60 B:50", "A:8 B:50", Update),
        ("A:60 B:50", "A:60 B:3", Update),
        // The order part and the version part of a composite, as the flat vectors they are.
        ("A:9 S:4", "A:9", Update),
        ("A:9", "A:9 S:4", AlreadyMerged),
    ] {
        assert_eq!(vector(remote).compare(&vector(local)), order, "{remote} against {local}");
    }
    // Latest of {A:8} and {B:3}, and the scripts' verdicts that conflict once more.
    assert_eq!(vector("A:8").merge(&vector("B:3")), vector("A:8 B:3"));
    assert_eq!(vector("A:8 B:50").merge(&vector("A:60 B:3")), vector("A:60 B:50"));
}

#[test]
fn entries_are_sorted_unique_and_not_zero() {
    let given = [entry(3, 7), entry(1, 0), entry(2, 5), entry(3, 9), entry(0, 1), entry(3, 8)];
    let vector = ChangeVector::from_entries(given);
    assert_eq!(vector.len(), 3);
    assert!(vector.entries().is_sorted_by(|left, right| left.incarnation < right.incarnation));
    assert_eq!(vector.etag_of(id(3)).get(), 9);
    assert_eq!(vector.etag_of(id(2)).get(), 5);
    assert_eq!(vector.etag_of(id(0)).get(), 1);
    assert_eq!(vector.etag_of(id(1)), Etag::ZERO);
    assert_eq!(vector.etag_of(id(9)), Etag::ZERO);
    assert!(ChangeVector::from_entries([entry(1, 0)]).is_empty());
}

#[test]
fn in_place_or_shared_is_one_value() {
    // Three entries become two, which fit in place, by another way than two do.
    let made = vector("i0:1 i1:2 i2:3").without(&[id(2)]);
    assert_eq!(made, vector("i0:1 i1:2"));
    let hash = |vector: &ChangeVector| {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hasher = DefaultHasher::new();
        vector.hash(&mut hasher);
        hasher.finish()
    };
    assert_eq!(hash(&made), hash(&vector("i1:2 i0:1")));
    assert_eq!(size_of::<ChangeVector>(), 56);
}

#[test]
fn bound_is_checked_on_demand() {
    let of = |count| ChangeVector::from_entries((0..count).map(|it| entry(it, 1)));
    assert_eq!(of(256).check_bound(), Ok(()));
    assert_eq!(
        of(257).check_bound().unwrap_err().to_string(),
        "change vector has 257 entries, more than 256"
    );
}
