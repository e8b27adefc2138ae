//! Cutting what is too large for a segment.

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::limits::SEGMENT_BYTES_MAX;

/// Entries of one value each that says much, some at one time apart.
fn noise(count: i64) -> Points {
    let mut points = Points::default();
    let value = |at: i64| (at as f64).sin();
    let all = (0..count).map(|at| new(at * 10, &[value(at)]));
    points.append_all(all.collect(), false, origin('A', 1));
    points
}

/// What is true of all pieces.
fn check(points: &Points, whole: Span, pieces: &[(Span, Points)]) {
    let mut next = Some(whole.first());
    let mut joined = Points::default();
    for (at, (span, piece)) in pieces.iter().enumerate() {
        assert_eq!(Some(span.first()), next);
        next = span.last().next();
        assert_eq!(*piece, points.restrict(*span));
        let begins = piece.entries().iter().map(|it| it.time);
        let begins = begins.chain(piece.dead().iter().map(|it| it.span.first())).min();
        assert!(at == 0 || begins == Some(span.first()));
        assert!(piece.live() <= 1 || piece.encoded_len() <= SEGMENT_BYTES_MAX, "{span:?}");
        assert_eq!(piece.encode().len(), piece.encoded_len());
        joined.extend(piece.clone());
    }
    assert_eq!(next, whole.last().next());
    assert_eq!(joined, *points);
}

#[test]
fn what_fits_is_one_piece() {
    let points = noise(200);
    assert!(points.encoded_len() <= SEGMENT_BYTES_MAX);
    for at_tail in [true, false] {
        assert_eq!(points.clone().pieces(Span::ALL, at_tail), [(Span::ALL, points.clone())]);
    }
    let nothing = Points::default();
    assert_eq!(nothing.clone().pieces(span(3, 4), true), [(span(3, 4), nothing)]);
}

#[test]
fn at_the_tail_all_but_the_last_are_full() {
    let points = noise(1_000);
    let whole = span(-5, 20_000);
    let pieces = points.clone().pieces(whole, true);
    check(&points, whole, &pieces);
    let (last, full) = pieces.split_last().unwrap();
    assert!(full.len() >= 3);
    for (_, piece) in full {
        assert!(piece.encoded_len() > SEGMENT_BYTES_MAX - 40, "{}", piece.encoded_len());
    }
    assert!(last.1.live() > 0);
}

/// Appending in order, one by one, leaves full segments behind.
#[test]
fn appending_in_order_fills_segments() {
    let (mut open, mut closed) = ((Span::ALL, Points::default()), Vec::new());
    for at in 0..2_000 {
        let minted = origin('A', u64::try_from(at).unwrap() + 1);
        open.1.append(new(at * 1_000, &[f64::from(i32::try_from(at % 7).unwrap())]), false, minted);
        let mut pieces = open.1.pieces(open.0, true);
        open = pieces.pop().unwrap();
        closed.append(&mut pieces);
    }
    assert!(closed.len() > 1);
    assert!(closed.iter().all(|(_, it)| it.encoded_len() > SEGMENT_BYTES_MAX - 40));
    closed.push(open);
    assert_eq!(closed.iter().map(|(_, it)| it.live()).sum::<u64>(), 2_000);
}

#[test]
fn elsewhere_pieces_are_about_equal() {
    for count in [300, 400, 1_000, 3_000] {
        let points = noise(count);
        let pieces = points.clone().pieces(Span::ALL, false);
        check(&points, Span::ALL, &pieces);
        let sizes: Vec<_> = pieces.iter().map(|(_, it)| it.encoded_len()).collect();
        let (least, most) = (sizes.iter().min().unwrap(), sizes.iter().max().unwrap());
        assert!(most - least < most / 5, "{sizes:?}");
        assert_eq!(pieces.len(), points.pieces(Span::ALL, true).len());
    }
}

#[test]
fn one_time_stays_together_even_where_it_is_too_large() {
    let state = (1..=40_u64).fold(State::default(), |state, number| {
        let letter = char::from(u8::try_from(number).unwrap() + 64);
        let mut node = Node::new(letter);
        let values = [(); 32].map(|()| (number as f64).sqrt());
        node.append_all([-10, 0, 10].map(|at| new(at, &values)).to_vec());
        state.merged(&node.state)
    });
    for at_tail in [true, false] {
        let pieces = state.points.clone().pieces(Span::ALL, at_tail);
        check(&state.points, Span::ALL, &pieces);
        let counts: Vec<_> = pieces.iter().map(|(_, it)| it.entries().len()).collect();
        assert_eq!(counts, [40, 40, 40]);
    }
}

/// Deletions that reach over cuts are cut with them, and many of them alone are cut too.
#[test]
fn dead_ranges_are_cut() {
    let mut points = noise(1_000);
    points.delete(span(500, 6_000), origin('A', 2));
    points.append_all(
        (60..500).map(|at| new(at * 10 + 1, &[0.1])).collect(),
        false,
        origin('A', 3),
    );
    let only_dead = {
        let mut points = noise(1_000);
        for at in 0..1_000 {
            let minted = origin('A', u64::try_from(at).unwrap() + 2);
            assert_eq!(points.delete(span(at * 10, at * 10 + 3), minted), 1);
        }
        points
    };
    for points in [points, only_dead] {
        for at_tail in [true, false] {
            let pieces = points.clone().pieces(Span::ALL, at_tail);
            assert!(pieces.len() > 1);
            check(&points, Span::ALL, &pieces);
        }
    }
}

/// Deletions of many copies over everything: they are in every piece, but leave room in it.
#[test]
fn dead_ranges_over_everything_leave_room_for_entries() {
    let mut state = State::default();
    for number in 1..=100_u8 {
        let mut node = Node::new(char::from(number));
        node.append(0, &[1.0]);
        assert!(node.delete(Span::ALL));
        state = state.merged(&node.state);
    }
    let all = (0..1_000).map(|at| new(at * 10, &[(at as f64).sin()]));
    state.points.append_all(all.collect(), false, origin('~', 1));
    let pieces = state.points.clone().pieces(Span::ALL, true);
    assert!(pieces.len() < 12, "{}", pieces.len());
    assert!(pieces.iter().all(|(_, piece)| piece.dead().len() == 100));
}

#[test]
fn a_hundred_thousand_entries_are_cut() {
    let points = noise(100_000);
    for at_tail in [true, false] {
        let pieces = points.clone().pieces(Span::ALL, at_tail);
        assert!((300..500).contains(&pieces.len()), "{}", pieces.len());
        assert_eq!(pieces.iter().map(|(_, it)| it.live()).sum::<u64>(), 100_000);
    }
}

fn entry() -> impl Strategy<Value = (i64, [f64; 2])> {
    (0_i64..4_000, any::<[f64; 2]>())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn pieces_are_a_partition(
        writes in vec((vec(entry(), 0..200), 0_i64..4_000, 0_i64..900), 1..12),
        at_tail: bool,
    ) {
        let mut node = Node::new('A');
        for (all, first, length) in writes {
            let finite = all.iter().filter(|(_, values)| values.iter().all(|it| it.is_finite()));
            node.append_all(finite.map(|(millis, values)| new(*millis, values)).collect());
            node.delete(span(first, first + length));
        }
        let whole = span(-7, 5_000);
        check(&node.state.points, whole, &node.state.points.clone().pieces(whole, at_tail));
    }
}
