//! What a reader sees where several entries stand at one time (semantics 8.4).

use super::*;

/// Entries side by side that did not know of each other.
fn siblings(all: &[(&[f64], Option<&str>, Entry)]) -> Points {
    all.iter()
        .fold(State::default(), |state, (values, tag, minted)| {
            let entry = NewEntry::new(at(0), values.to_vec(), tag.map(Arc::from)).unwrap();
            let mut points = Points::default();
            points.append(entry, false, *minted);
            let vector = ChangeVector::from_entries([*minted]);
            state.merged(&State { points, vector, ..State::default() })
        })
        .points
}

fn read(points: &Points, incremental: bool) -> ReadEntry {
    let mut all: Vec<_> = points.read(incremental).collect();
    assert_eq!(all.len(), 1);
    all.remove(0)
}

/// Each row's first wins over its second, wherever both come from.
#[test]
fn the_winner_is_the_same_everywhere() {
    type Row<'r> = [(&'r [f64], Option<&'r str>); 2];
    let rows: [Row<'_>; 8] = [
        // More values win, padding ignored (RV-15).
        [(&[0.0, 0.0], None), (&[9.0], None)],
        [(&[1.0, -5.0, 0.0], None), (&[1.0, 7.0], Some("z"))],
        // Then the greater ones, the first that differ.
        [(&[2.0, 0.0], None), (&[1.0, 9.0], Some("z"))],
        [(&[1.0, 3.0], None), (&[1.0, 2.0], None)],
        [(&[0.0], None), (&[-0.0], None)],
        // Then the tag; no tag is the least.
        [(&[1.0], Some("b")), (&[1.0], Some("a"))],
        [(&[1.0], Some("")), (&[1.0], None)],
        [(&[-1.0], None), (&[-2.0], Some("z"))],
    ];
    for [winner, loser] in rows {
        for [one, other] in [[origin('A', 1), origin('B', 1)], [origin('B', 1), origin('A', 1)]] {
            let points = siblings(&[(winner.0, winner.1, one), (loser.0, loser.1, other)]);
            assert_eq!(points.entries().len(), 2);
            assert_eq!(points.live(), 1);
            let read = read(&points, false);
            assert_eq!((read.values.as_slice(), read.tag.as_deref()), winner);
        }
    }
}

#[test]
fn what_is_the_same_but_for_its_origin_is_read_once() {
    let points = siblings(&[(&[1.0], None, origin('A', 1)), (&[1.0], None, origin('B', 1))]);
    assert_eq!(points.entries().len(), 2);
    assert_eq!(shown(&points, false), [(0, vec![1.0])]);
}

#[test]
fn an_incremental_series_shows_sums_and_no_tags() {
    let points = siblings(&[
        (&[1.0, 10.0], Some("a"), origin('A', 1)),
        (&[2.0], Some("b"), origin('B', 1)),
        (&[4.0, 0.5, 7.0], None, origin('C', 1)),
    ]);
    let sum = ReadEntry { time: at(0), values: vec![7.0, 10.5, 7.0], tag: None };
    assert_eq!(read(&points, true), sum);
}

/// Sums of floats depend on the order: here it decides whether the small one counts.
#[test]
fn sums_are_made_in_the_order_of_the_origins() {
    let (big, small) = (1e16, 1.0);
    let all: [(&[f64], Option<&str>, Entry); 3] = [
        (&[big], None, origin('A', 1)),
        (&[small], None, origin('B', 1)),
        (&[-big], None, origin('C', 1)),
    ];
    let orders = [[0, 1, 2], [2, 1, 0], [1, 2, 0], [1, 0, 2]];
    for order in orders {
        let points = siblings(&order.map(|place: usize| all[place]));
        assert_eq!(read(&points, true).values, [(big + small) - big]);
    }
}

#[test]
fn times_are_read_in_order() {
    let points = plain(&[(5, 1.0, origin('A', 1)), (-5, 2.0, origin('A', 2))]);
    assert_eq!(shown(&points, false), [(-5, vec![2.0]), (5, vec![1.0])]);
    assert_eq!(Points::default().read(true).count(), 0);
}
