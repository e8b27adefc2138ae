//! The laws of vectors, against a map as the simplest model there is.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{entry, id};
use crate::change_vector::{ChangeVector, Order};
use crate::etag::Etag;

/// What a vector means: every id with its etag, no zeros.
type Model = BTreeMap<u64, u64>;

/// Etags that collide often, and those at the borders of the varint.
fn etag() -> impl Strategy<Value = u64> {
    prop_oneof![
        6 => 0..4_u64,
        1 => prop::sample::select(vec![127, 128, 16_383, 16_384, 1 << 56, Etag::MAX.get()]),
        1 => 0..=Etag::MAX.get(),
    ]
}

/// Entries in any order, some repeated, some zero, of few ids: most vectors overlap.
fn entries() -> impl Strategy<Value = Vec<(u64, u64)>> {
    prop_oneof![
        3 => prop::collection::vec((0..3_u64, etag()), 0..4),
        3 => prop::collection::vec((0..12_u64, etag()), 0..16),
        1 => prop::collection::vec((0..200_u64, etag()), 0..200),
    ]
}

fn model(entries: &[(u64, u64)]) -> Model {
    let mut model = Model::new();
    for &(number, etag) in entries.iter().filter(|(_, etag)| *etag > 0) {
        let highest = model.entry(number).or_default();
        *highest = etag.max(*highest);
    }
    model
}

fn vector(entries: &[(u64, u64)]) -> ChangeVector {
    ChangeVector::from_entries(entries.iter().map(|&(number, etag)| entry(number, etag)))
}

fn of_model(model: &Model) -> ChangeVector {
    model.iter().fold(ChangeVector::empty(), |mut vector, (&number, &etag)| {
        vector.raise(entry(number, etag));
        vector
    })
}

fn vectors() -> impl Strategy<Value = ChangeVector> {
    entries().prop_map(|entries| vector(&entries))
}

/// Semantics 1.4, word by word.
fn compare(remote: &Model, local: &Model) -> Order {
    let larger = |left: &Model, right: &Model| {
        left.iter().any(|(number, etag)| etag > right.get(number).unwrap_or(&0))
    };
    match (larger(remote, local), larger(local, remote)) {
        (true, true) => Order::Conflict,
        (true, false) => Order::Update,
        (false, _) => Order::AlreadyMerged,
    }
}

fn is_canonical(vector: &ChangeVector) -> bool {
    let entries = vector.entries();
    entries.is_sorted_by(|left, right| left.incarnation < right.incarnation)
        && entries.iter().all(|entry| !entry.etag.is_zero())
        && vector.len() == entries.len()
        && vector.is_empty() == entries.is_empty()
}

proptest! {
    #[test]
    fn agrees_with_a_map(left in entries(), right in entries()) {
        let (left_map, right_map) = (model(&left), model(&right));
        let (left, right) = (vector(&left), vector(&right));
        prop_assert!(is_canonical(&left) && is_canonical(&right));
        prop_assert_eq!(&left, &of_model(&left_map));
        prop_assert_eq!(left == right, left_map == right_map);
        prop_assert_eq!(left.compare(&right), compare(&left_map, &right_map));
        prop_assert_eq!(
            left.covers(&right),
            compare(&right_map, &left_map) == Order::AlreadyMerged
        );
        let both: Vec<(u64, u64)> =
            left_map.iter().chain(&right_map).map(|(&number, &etag)| (number, etag)).collect();
        let merged = left.merge(&right);
        prop_assert_eq!(&merged, &of_model(&model(&both)));
        let distance = |map: &Model| map.values().map(|etag| i128::from(*etag)).sum::<i128>();
        prop_assert_eq!(left.distance(&right), distance(&left_map) - distance(&right_map));
        for number in 0..12 {
            let etag = left_map.get(&number).copied().unwrap_or(0);
            prop_assert_eq!(left.etag_of(id(number)).get(), etag);
        }
    }

    #[test]
    fn raise_agrees_with_a_map(given in entries(), number in 0..12_u64, etag in etag()) {
        let mut raised = vector(&given);
        let before = raised.clone();
        raised.raise(entry(number, etag));
        let mut expected = given.clone();
        expected.push((number, etag));
        prop_assert!(is_canonical(&raised));
        prop_assert_eq!(&raised, &of_model(&model(&expected)));
        // The clone shared its entries and must not have changed with them.
        prop_assert_eq!(before, of_model(&model(&given)));
    }

    #[test]
    fn without_agrees_with_a_map(
        given in entries(), gone in prop::collection::vec(0..12_u64, 0..6),
    ) {
        let mut map = model(&given);
        map.retain(|number, _| !gone.contains(number));
        let ids: Vec<_> = gone.iter().map(|number| id(*number)).collect();
        let left = vector(&given).without(&ids);
        prop_assert!(is_canonical(&left));
        prop_assert_eq!(left, of_model(&map));
    }

    #[test]
    fn order_of_entries_does_not_matter(mut entries in entries(), turn: prop::sample::Index) {
        let listed = vector(&entries);
        if !entries.is_empty() {
            let at = turn.index(entries.len());
            entries.rotate_left(at);
        }
        prop_assert_eq!(&vector(&entries), &listed);
        entries.reverse();
        prop_assert_eq!(vector(&entries), listed);
    }

    #[test]
    fn merge_is_commutative_associative_idempotent(a in vectors(), b in vectors(), c in vectors()) {
        prop_assert_eq!(a.merge(&b), b.merge(&a));
        prop_assert_eq!(a.merge(&b).merge(&c), a.merge(&b.merge(&c)));
        prop_assert_eq!(&a.merge(&a), &a);
        prop_assert_eq!(&a.merge(&ChangeVector::empty()), &a);
        let mut merged = a.clone();
        merged.merge_from(&b);
        prop_assert_eq!(merged, a.merge(&b));
    }

    #[test]
    fn merge_is_the_least_upper_bound(a in vectors(), b in vectors(), more in vectors()) {
        let merged = a.merge(&b);
        prop_assert!(merged.covers(&a) && merged.covers(&b));
        prop_assert!(is_canonical(&merged));
        // Whatever covers both covers their merge, and lowering one entry uncovers one of them.
        let upper = a.merge(&more).merge(&b);
        prop_assert!(upper.covers(&merged));
        for at in 0..merged.len() {
            let mut entries = merged.entries().to_vec();
            entries[at].etag = Etag::new(entries[at].etag.get() - 1).unwrap();
            let lower = ChangeVector::from_entries(entries);
            prop_assert!(!(lower.covers(&a) && lower.covers(&b)));
        }
    }

    #[test]
    fn compare_is_antisymmetric(a in vectors(), b in vectors()) {
        let expected = match a.compare(&b) {
            Order::Update => Order::AlreadyMerged,
            Order::Conflict => Order::Conflict,
            Order::AlreadyMerged if a == b => Order::AlreadyMerged,
            Order::AlreadyMerged => Order::Update,
        };
        prop_assert_eq!(b.compare(&a), expected);
        prop_assert_eq!(a.covers(&b) && b.covers(&a), a == b);
    }

    #[test]
    fn covering_is_transitive(a in vectors(), b in vectors(), c in vectors()) {
        let (b, c) = (a.merge(&b), a.merge(&b).merge(&c));
        prop_assert!(c.covers(&b) && b.covers(&a) && c.covers(&a));
    }

    #[test]
    fn text_round_trips(vector in vectors()) {
        prop_assert_eq!(vector.to_string().parse(), Ok(vector));
    }

    #[test]
    fn binary_round_trips(vector in vectors()) {
        let bytes = vector.to_bytes();
        prop_assert_eq!(bytes.len(), vector.encoded_len());
        prop_assert_eq!(ChangeVector::decode(&bytes), Ok(vector));
    }

    #[test]
    fn equal_in_every_form_or_in_none(left in vectors(), right in vectors()) {
        let equal = left == right;
        prop_assert_eq!(left.to_string() == right.to_string(), equal);
        prop_assert_eq!(left.digest() == right.digest(), equal);
        // The total order is that of the binary form.
        prop_assert_eq!(left.cmp(&right), left.to_bytes().cmp(&right.to_bytes()));
    }

    #[test]
    fn any_bytes_are_refused_or_canonical(bytes in any::<Vec<u8>>()) {
        if let Ok(vector) = ChangeVector::decode(&bytes) {
            prop_assert_eq!(vector.to_bytes(), bytes);
        }
    }

    /// Bytes that are nearly a vector: ids in a small alphabet, etags of any bytes, cut anywhere.
    #[test]
    fn bytes_like_a_vector_are_refused_or_canonical(
        entries in prop::collection::vec((0..6_u8, prop_oneof![
            3 => prop::collection::vec(1..0x80_u8, 1..2),
            1 => prop::collection::vec(prop_oneof![Just(0), Just(0x80), 0..=255_u8], 1..11),
        ]), 0..12),
        cut in 0..4_usize,
    ) {
        let mut bytes: Vec<u8> =
            entries.iter().flat_map(|(id, etag)| [[*id; 16].as_slice(), etag].concat()).collect();
        bytes.truncate(bytes.len().saturating_sub(cut.saturating_sub(2)));
        if let Ok(vector) = ChangeVector::decode(&bytes) {
            prop_assert!(is_canonical(&vector));
            prop_assert_eq!(vector.to_bytes(), bytes);
        }
    }

    #[test]
    fn a_flipped_bit_is_refused_or_another_vector(
        vector in vectors(), at in any::<prop::sample::Index>(), bit in 0..8_u8,
    ) {
        let mut bytes = vector.to_bytes();
        if bytes.is_empty() {
            return Ok(());
        }
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        if let Ok(other) = ChangeVector::decode(&bytes) {
            prop_assert_ne!(&other, &vector);
            prop_assert_eq!(other.to_bytes(), bytes);
        }
    }

    #[test]
    fn any_text_is_refused_or_a_vector(text in prop_oneof![
        any::<String>(),
        "([AB]{0,2}:{0,1}-{0,1}[0-9]{0,20}-[A-Za-z+/é]{20,23}[AQgw]{0,1}[, |]{0,2}){0,4}",
        "([AB]{1,2}:[0-9]{1,18}-[A-Za-z+/]{21}[AQgw][, ]{1,2}){0,4}",
    ]) {
        if let Ok(vector) = text.parse::<ChangeVector>() {
            prop_assert!(is_canonical(&vector));
            prop_assert_eq!(vector.to_string().parse(), Ok(vector));
        }
    }
}
