//! What clients do to the points of one copy.

use std::collections::BTreeMap;

use proptest::{collection::vec, prelude::*};

use super::*;

const A1: fn() -> Entry = || origin('A', 1);
const A2: fn() -> Entry = || origin('A', 2);

#[test]
fn an_entry_is_checked() {
    let entry = |values: &[f64], tag: &str| {
        NewEntry::new(at(0), values.to_vec(), Some(Arc::from(tag))).map(|it| it.values.len())
    };
    assert_eq!(entry(&[], ""), Err(NewEntryError::NoValues));
    assert_eq!(entry(&[1.0; 32], ""), Ok(32));
    assert_eq!(entry(&[1.0; 33], ""), Err(NewEntryError::TooManyValues { count: 33 }));
    for wrong in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert_eq!(entry(&[0.0, wrong], ""), Err(NewEntryError::NotFinite { at: 1 }));
    }
    assert_eq!(entry(&[-0.0, f64::MAX, 5e-324], &"é".repeat(127)), Ok(3));
    assert_eq!(entry(&[1.0], &"é".repeat(128)), Err(NewEntryError::TagTooLong { bytes: 256 }));
    let entry = tagged(7, &[1.0], "a");
    assert_eq!((entry.time(), entry.values(), entry.tag()), (at(7), &[1.0][..], Some("a")));
}

#[test]
fn an_append_replaces_all_siblings() {
    let (mut one, mut other) = (Node::new('A'), Node::new('B'));
    one.append(5, &[1.0]);
    other.append(5, &[2.0, 2.0]);
    one.receive(&other.state);
    assert_eq!(one.state.points.entries().len(), 2);
    one.append(5, &[0.5]);
    assert_eq!(entries(&one.state.points), [(5, &[0.5][..], A2())]);
}

#[test]
fn appends_come_in_any_order_and_the_last_of_a_time_counts() {
    let mut points = plain(&[(1, 1.0, A1()), (3, 3.0, A1()), (5, 5.0, A1())]);
    let all =
        vec![new(4, &[4.0]), new(3, &[30.0]), new(0, &[0.0]), new(4, &[40.0]), new(9, &[9.0])];
    points.append_all(all, false, A2());
    let expected: [(i64, &[f64], Entry); 6] = [
        (0, &[0.0], A2()),
        (1, &[1.0], A1()),
        (3, &[30.0], A2()),
        (4, &[40.0], A2()),
        (5, &[5.0], A1()),
        (9, &[9.0], A2()),
    ];
    assert_eq!(entries(&points), expected);
    assert_eq!(points.live(), 6);
    let before = points.clone();
    points.append_all(Vec::new(), false, origin('A', 3));
    assert_eq!(points, before);
}

#[test]
fn an_increment_adds_to_what_its_own_incarnation_added() {
    let (mut one, mut other) = (Node::incremental('B'), Node::incremental('A'));
    one.append(5, &[1.0]);
    other.append(5, &[10.0, 10.0]);
    one.receive(&other.state);
    // A shorter and a longer one: a missing value is a zero.
    one.append_all(vec![tagged(5, &[2.0, 3.0, 4.0], "no tags here"), new(5, &[0.5])]);
    let expected: [(i64, &[f64], Entry); 2] =
        [(5, &[10.0, 10.0], origin('A', 1)), (5, &[3.5, 3.0, 4.0], origin('B', 2))];
    assert_eq!(entries(&one.state.points), expected);
    assert!(one.state.points.entries().iter().all(|entry| entry.tag.is_none()));
    assert_eq!(one.shown(), [(5, vec![13.5, 13.0, 4.0])]);
}

#[test]
fn a_deletion_leaves_a_dead_range_where_something_went() {
    let mut points = plain(&[(1, 1.0, A1()), (3, 3.0, A1()), (5, 5.0, A1())]);
    let before = points.clone();
    assert_eq!(points.delete(span(2, 2), A2()), 0);
    assert_eq!(points.delete(span(6, 100), A2()), 0);
    assert_eq!(points, before);
    assert_eq!(points.delete(span(3, 5), A2()), 2);
    assert_eq!(entries(&points), [(1, &[1.0][..], A1())]);
    assert_eq!(dead(&points), [(span(3, 5), A2())]);
    // A second time there is nothing left.
    assert_eq!(points.delete(span(3, 5), origin('A', 3)), 0);
    assert_eq!(dead(&points), [(span(3, 5), A2())]);
    // What is appended later stands in the dead range.
    points.append(new(4, &[4.0]), false, origin('A', 4));
    assert_eq!(dead(&points), [(span(3, 5), A2())]);
    assert_eq!(points.live(), 2);
}

#[test]
fn siblings_of_one_time_go_as_one() {
    let (mut one, mut other) = (Node::new('A'), Node::new('B'));
    one.append(5, &[1.0]);
    other.append(5, &[2.0]);
    one.receive(&other.state);
    assert_eq!(one.state.points.delete(span(0, 9), one.next()), 1);
    assert!(one.state.points.entries().is_empty() && !one.state.points.is_empty());
}

#[test]
fn a_deletion_takes_the_place_of_those_before_it() {
    let mut points = Points::default();
    let mut etag = 0;
    let mut delete = |first: i64, last: i64| {
        etag += 2;
        points.append(new(first, &[0.0]), false, origin('A', etag - 1));
        assert_eq!(points.delete(span(first, last), origin('A', etag)), 1);
        dead(&points)
    };
    let by = |etag| origin('A', etag);
    assert_eq!(delete(10, 19), [(span(10, 19), by(2))]);
    assert_eq!(delete(10, 19), [(span(10, 19), by(4))]);
    assert_eq!(delete(5, 30), [(span(5, 30), by(6))]);
    // One that reaches over a part of it leaves the rest, before and behind.
    let parts = [(span(5, 9), by(6)), (span(10, 19), by(8)), (span(20, 30), by(6))];
    assert_eq!(delete(10, 19), parts);
    assert_eq!(delete(0, 100), [(span(0, 100), by(10))]);
}

#[test]
fn a_part_has_what_lies_in_it_and_parts_make_a_whole() {
    let mut whole = plain(&[(1, 1.0, A1()), (4, 4.0, A1()), (5, 5.0, A1()), (9, 9.0, A1())]);
    whole.delete(span(4, 8), A2());
    whole.append(new(6, &[6.0]), false, origin('A', 3));
    let (before, behind) = (whole.restrict(span(0, 5)), whole.restrict(span(6, 10)));
    assert_eq!(entries(&before), [(1, &[1.0][..], A1())]);
    assert_eq!(dead(&before), [(span(4, 5), A2())]);
    assert_eq!(dead(&behind), [(span(6, 8), A2())]);
    let mut both = before.clone();
    both.extend(behind.clone());
    assert_eq!(both, whole);
    // With a gap between them they are two.
    let mut apart = before;
    apart.extend(behind.restrict(span(7, 10)));
    assert_eq!(dead(&apart), [(span(4, 5), A2()), (span(7, 8), A2())]);
    // And so they are where two deletions meet.
    let mut met = plain(&[(1, 1.0, A1()), (2, 2.0, A1())]);
    met.delete(span(1, 1), A2());
    met.delete(span(2, 2), origin('A', 3));
    assert_eq!(dead(&met).len(), 2);
}

#[test]
fn a_segment_has_only_what_is_in_its_span_and_was_seen() {
    let mut points = plain(&[(1, 1.0, A1()), (5, 5.0, A1())]);
    points.delete(span(3, 7), origin('B', 4));
    let seen = ChangeVector::from_entries([A1(), origin('B', 4)]);
    assert_eq!(points.check(span(1, 7), &seen), Ok(()));
    let outside = |millis| Err(SegmentError::Outside { time: at(millis) });
    assert_eq!(points.check(span(2, 7), &seen), outside(1));
    assert_eq!(points.check(span(1, 6), &seen), outside(7));
    for unseen in [A1(), origin('B', 4)] {
        let vector = seen.without(&[unseen.incarnation]);
        let refused = Err(SegmentError::Unseen { origin: unseen });
        assert_eq!(points.check(span(1, 7), &vector), refused);
    }
    let less = ChangeVector::from_entries([A1(), origin('B', 3)]);
    assert!(points.check(span(1, 7), &less).is_err());
}

#[test]
fn writes_can_be_told_as_those_of_another_incarnation() {
    let mut points = plain(&[(1, 1.0, A2()), (5, 5.0, A1())]);
    points.delete(span(5, 5), origin('A', 3));
    let moved = points.with_origins(|it| Entry { incarnation: incarnation('Z'), ..*it });
    assert_eq!(entries(&moved), [(1, &[1.0][..], origin('Z', 2))]);
    assert_eq!(dead(&moved), [(span(5, 5), origin('Z', 3))]);
    assert_eq!(moved.with_origins(|it| Entry { incarnation: incarnation('A'), ..*it }), points);
}

/// A hundred thousand in disorder, and once more in the middle: nothing is quadratic here.
#[test]
fn many_entries_are_appended_at_once() {
    let scattered = |at: i64| (at * 7_919) % 100_003;
    let mut points = Points::default();
    for (times, value) in [(2, 1.0), (1, 2.0)] {
        let all = (0..100_000).map(|at| new(scattered(at) * times, &[value]));
        points.append_all(all.collect(), false, A1());
    }
    assert_eq!(points.live(), 150_000);
}

proptest! {
    /// Against a map, the simplest series there is.
    #[test]
    fn one_copy_is_a_map(
        writes in vec((vec((0_i64..20, 0_u8..5), 0..8), any::<bool>(), 0_i64..20, 0_i64..6), 1..12),
        incremental: bool,
    ) {
        let mut node = if incremental { Node::incremental('A') } else { Node::new('A') };
        let mut map: BTreeMap<i64, f64> = BTreeMap::new();
        for (all, deletes, first, length) in writes {
            if deletes {
                let gone: Vec<_> = map.range(first..=first + length).map(|(at, _)| *at).collect();
                prop_assert_eq!(node.delete(span(first, first + length)), !gone.is_empty());
                map.retain(|at, _| !gone.contains(at));
                continue;
            }
            for (time, value) in &all {
                let value = f64::from(*value);
                let before = map.get(time).filter(|_| incremental).copied().unwrap_or_default();
                map.insert(*time, before + value);
            }
            let all = all.iter().map(|(time, value)| new(*time, &[f64::from(*value)]));
            node.append_all(all.collect());
            prop_assert_eq!(node.state.points.live(), map.len() as u64);
        }
        let expected: Vec<_> = map.into_iter().map(|(at, value)| (at, vec![value])).collect();
        prop_assert_eq!(node.shown(), expected);
    }
}
