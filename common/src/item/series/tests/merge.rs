//! What becomes of two states, case by case.

use super::*;

/// The state of a copy to which these arrived, in this order.
fn arrived(states: &[&State]) -> State {
    states.iter().fold(State::default(), |state, one| state.merged(one))
}

/// The state that all orders of arrival come to, each of them twice over.
fn in_any_order(states: &[&State; 3]) -> State {
    let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    let mut reached = orders.map(|order: [usize; 3]| {
        let order = order.map(|place| states[place]);
        arrived(&[order, order].concat())
    });
    let [first, ..] = &mut reached;
    let first = core::mem::take(first);
    assert!(reached.iter().skip(1).all(|other| *other == first), "{reached:?}");
    first
}

/// A: 5 under A:1, then 3 under A:2. B: 4 under B:1. RavenDB comes to 4 or to 5, by the order, and
/// to the same vector. 5 was overwritten by somebody who knew it; 3 and 4 stand side by side.
#[test]
fn pitfall_18() {
    let (mut a, mut b) = (Node::new('A'), Node::new('B'));
    a.append(0, &[5.0]);
    let first = a.state.clone();
    a.append(0, &[3.0]);
    b.append(0, &[4.0]);
    let reached = in_any_order(&[&first, &a.state, &b.state]);
    let siblings: [(i64, &[f64], Entry); 2] =
        [(0, &[3.0], origin('A', 2)), (0, &[4.0], origin('B', 1))];
    assert_eq!(entries(&reached.points), siblings);
    assert_eq!(shown(&reached.points, false), [(0, vec![4.0])]);
    let vector = ChangeVector::from_entries([origin('A', 2), origin('B', 1)]);
    assert_eq!(reached.vector, vector);
}

/// RV-15: by the width of a segment, padded, the winner depended on the order.
#[test]
fn more_values_win_padding_ignored() {
    let (mut a, mut b) = (Node::new('A'), Node::new('B'));
    a.append(0, &[1.0, 0.0]);
    b.append(0, &[9.0]);
    b.append(1, &[1.0, 2.0, 3.0]);
    let empty = State::default();
    let reached = in_any_order(&[&a.state, &b.state, &empty]);
    assert_eq!(shown(&reached.points, false), [(0, vec![1.0, 0.0]), (1, vec![1.0, 2.0, 3.0])]);
}

/// RV-16, and bug 42: the larger value won even over somebody who had seen it.
#[test]
fn an_overwrite_wins_where_it_saw_the_larger_value() {
    let (mut a, mut b) = (Node::new('A'), Node::new('B'));
    a.append(0, &[9.0, 9.0]);
    let before = a.state.clone();
    b.receive(&before);
    b.append(0, &[1.0]);
    let reached = in_any_order(&[&before, &a.state, &b.state]);
    assert_eq!(shown(&reached.points, false), [(0, vec![1.0])]);
    assert_eq!(reached, b.state);
}

/// TS-13, and the entries around it stay.
#[test]
fn a_deleted_point_beats_a_concurrent_live_one() {
    let (mut a, mut b) = (Node::new('A'), Node::new('B'));
    a.append_all((0..5).map(|millis| new(millis, &[1.0])).collect());
    b.receive(&a.state);
    let before = a.state.clone();
    assert!(a.delete(span(1, 3)));
    // One that was overwritten, one that nobody had, and one outside.
    b.append_all(vec![new(1, &[7.0]), new(0, &[7.0])]);
    let reached = in_any_order(&[&before, &a.state, &b.state]);
    assert_eq!(shown(&reached.points, false), [(0, vec![7.0]), (4, vec![1.0])]);
    assert_eq!(dead(&reached.points), [(span(1, 3), origin('A', 2))]);
}

/// A deletion reaches what was appended at a time at which its maker had nothing.
#[test]
fn a_dead_range_reaches_times_that_it_has_not_seen() {
    let (mut a, mut b) = (Node::new('A'), Node::new('B'));
    a.append(0, &[1.0]);
    assert!(a.delete(span(0, 9)));
    b.append_all(vec![new(9, &[1.0]), new(10, &[1.0]), new(-1, &[1.0])]);
    let reached = arrived(&[&b.state, &a.state]);
    assert_eq!(shown(&reached.points, false), [(-1, vec![1.0]), (10, vec![1.0])]);
}

/// Bug 43: deleted ranges were recorded again with every replay.
#[test]
fn replaying_a_deleted_range_changes_nothing() {
    let (mut a, mut b) = (Node::new('A'), Node::new('B'));
    a.append(0, &[1.0]);
    assert!(a.delete(span(0, 9)));
    let deleted = a.state.clone();
    b.receive(&deleted);
    let once = b.state.clone();
    b.receive(&deleted);
    assert_eq!(b.state, once);
    // Nor does it come back where a later deletion took its place.
    b.append(5, &[1.0]);
    assert!(b.delete(span(0, 9)));
    let later = b.state.clone();
    b.receive(&deleted);
    assert_eq!(b.state, later);
    assert_eq!(dead(&b.state.points), [(span(0, 9), origin('B', 2))]);
}

/// Bug 44.
#[test]
fn an_old_live_state_does_not_revive_a_dead_one() {
    let (mut a, mut b) = (Node::new('A'), Node::new('B'));
    a.append(0, &[1.0]);
    let live = a.state.clone();
    b.receive(&live);
    b.append(1, &[2.0]);
    assert!(b.delete(Span::ALL));
    let reached = in_any_order(&[&live, &a.state, &b.state]);
    assert!(reached.points.entries().is_empty());
    assert_eq!(reached, b.state);
}

/// Bug 47: a series came back, or went once more, when older states were sent again.
#[test]
fn deleting_then_appending_anew_survives_older_states() {
    let (mut a, mut b) = (Node::new('A'), Node::new('B'));
    a.append_all(vec![new(0, &[1.0]), new(1, &[1.0])]);
    let old = a.state.clone();
    b.receive(&old);
    assert!(a.delete(Span::ALL));
    let dead = a.state.clone();
    a.append(0, &[2.0]);
    let reached = in_any_order(&[&old, &dead, &a.state]);
    assert_eq!(shown(&reached.points, false), [(0, vec![2.0])]);
    // What an older copy writes meanwhile goes; the new life stays.
    b.append(0, &[9.0]);
    let reached = in_any_order(&[&old, &b.state, &a.state]);
    assert_eq!(shown(&reached.points, false), [(0, vec![2.0])]);
}

/// TS-20.
#[test]
fn increments_of_two_nodes_add_up_and_replays_do_not_double_them() {
    let (mut a, mut b) = (Node::incremental('A'), Node::incremental('B'));
    let mut old = Vec::new();
    for round in 0..10 {
        for node in [&mut a, &mut b] {
            node.append_all((0..100).map(|minute| new(minute * 60_000, &[1.0])).collect());
            old.push(node.state.clone());
        }
        if round % 3 == 0 {
            a.receive(&b.state);
            b.receive(&a.state);
        }
    }
    b.receive(&a.state);
    a.receive(&b.state);
    let settled = a.state.clone();
    for state in &old {
        a.receive(state);
        b.receive(state);
    }
    assert_eq!((&a.state, &b.state), (&settled, &settled));
    let expected: Vec<_> = (0..100).map(|minute| (minute * 60_000, vec![20.0])).collect();
    assert_eq!(a.shown(), expected);
}

/// An increment that has not seen a deletion goes with it; one that has begins at zero.
#[test]
fn increments_begin_anew_behind_a_deletion() {
    let (mut a, mut b) = (Node::incremental('A'), Node::incremental('B'));
    a.append(0, &[5.0]);
    b.receive(&a.state);
    assert!(b.delete(Span::ALL));
    a.append(0, &[5.0]);
    let unaware = a.state.clone();
    a.receive(&b.state);
    assert!(a.shown().is_empty());
    a.append(0, &[1.0]);
    let reached = in_any_order(&[&unaware, &b.state, &a.state]);
    assert_eq!(shown(&reached.points, true), [(0, vec![1.0])]);
}

/// Bug 46: segments survived the deletion of their document on another node.
#[test]
fn a_state_of_an_earlier_life_of_the_document_contributes_nothing() {
    let (mut a, mut b) = (Node::new('A'), Node::new('B'));
    a.append_all(vec![new(0, &[1.0]), new(1, &[1.0])]);
    assert!(a.delete(span(1, 1)));
    b.receive(&a.state);
    b.append(5, &[5.0]);
    a.delete_document();
    let deleted = a.state.clone();
    a.append(0, &[2.0]);
    // Neither its entries nor its deletions, but what it has seen counts as seen.
    let reached = in_any_order(&[&b.state, &deleted, &a.state]);
    assert_eq!(entries(&reached.points), [(0, &[2.0][..], a.state.vector.entries()[0])]);
    assert!(reached.points.dead().is_empty());
    assert!(reached.vector.covers(&b.state.vector));
    assert_eq!(reached.since, deleted.since);
}

#[test]
fn of_two_lives_that_do_not_know_of_each_other_nothing_stays() {
    let (mut a, mut b) = (Node::new('A'), Node::new('B'));
    for node in [&mut a, &mut b] {
        node.append(0, &[1.0]);
        node.delete_document();
        node.append(1, &[2.0]);
    }
    assert!(a.state.merged(&b.state).points.is_empty());
    b.receive(&a.state);
    b.append(2, &[3.0]);
    a.receive(&b.state);
    assert_eq!(a.shown(), [(2, vec![3.0])]);
}

/// Where segments end elsewhere, a deletion is cut elsewhere; it is the same deletion.
#[test]
fn a_deletion_is_the_same_however_it_is_cut() {
    let (mut a, mut c) = (Node::new('A'), Node::new('C'));
    a.append(0, &[1.0]);
    c.append(2, &[9.0]);
    assert!(a.delete(span(0, 10)));
    let whole = a.state.clone();
    // At A a later deletion takes the place of its end only.
    a.append(5, &[1.0]);
    assert!(a.delete(span(5, 20)));
    let reached = in_any_order(&[&whole, &a.state, &c.state]);
    assert!(reached.points.entries().is_empty());
    let by = |etag| origin('A', etag);
    assert_eq!(dead(&reached.points), [(span(0, 4), by(2)), (span(5, 20), by(4))]);
}

/// It must not happen, but where it does copies must agree all the same.
#[test]
fn a_write_that_is_told_in_two_ways_has_one_outcome() {
    let vector = ChangeVector::from_entries([origin('A', 1)]);
    let [one, other] = [1.0, 2.0].map(|value| {
        let points = plain(&[(0, value, origin('A', 1))]);
        State { points, vector: vector.clone(), ..State::default() }
    });
    assert_eq!(one.merged(&other), other);
    assert_eq!(other.merged(&one), other);
}
