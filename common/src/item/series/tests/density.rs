//! How many bytes series take, and that the form they have does not change.

use super::*;

fn per_entry(points: &Points) -> f64 {
    let length = points.encode().len();
    assert_eq!(Points::decode(&points.encode()).as_ref(), Ok(points));
    f64::from(u32::try_from(length).unwrap()) / points.entries().len() as f64
}

/// A thousand entries, a minute apart.
fn regular(value: impl Fn(f64) -> f64, own_origin: bool) -> Points {
    let mut points = Points::default();
    for at in 0..1_000_i32 {
        let minted = origin('A', if own_origin { 3 * u64::from(at.unsigned_abs()) + 1 } else { 1 });
        let start = 1_700_000_000_000;
        let entry = new(start + i64::from(at) * 60_000, &[value(f64::from(at))]);
        points.append(entry, false, minted);
    }
    points
}

#[test]
fn regular_entries_are_small() {
    let rows: [(&str, f64, Points); 5] = [
        ("the same value", 1.0, regular(|_| 72.5, false)),
        ("the same value, each a write of its own", 2.0, regular(|_| 72.5, true)),
        ("a value that changes slowly", 9.0, regular(|at| 20.0 + (at / 100.0).sin(), false)),
        ("each a write of its own", 9.0, regular(|at| 20.0 + (at / 100.0).sin(), true)),
        ("whole numbers", 3.0, regular(|at| 60.0 + (at * 7.0) % 13.0, false)),
    ];
    for (name, most, points) in rows {
        let bytes = per_entry(&points);
        assert!(bytes < most, "{name}: {bytes} bytes an entry");
    }
}

#[test]
fn a_tag_is_written_once() {
    let mut points = Points::default();
    let tag = |at: i64| if at % 2 == 0 { "watches/fitbit" } else { "watches/apple" };
    let all = (0..1_000).map(|at| tagged(at * 1_000, &[1.0], tag(at)));
    points.append_all(all.collect(), false, origin('A', 1));
    assert!(per_entry(&points) < 2.0);
}

/// One jump must not make all values after it long.
#[test]
fn a_jump_is_forgotten() {
    let jump = |at: f64| if at == 3.0 { 1e-300 / 3.0 } else { 64.0 + at % 4.0 };
    assert!(per_entry(&regular(jump, false)) < 2.0);
}

/// Rows and frames hold them: the form must never change.
#[test]
fn bytes_are_pinned() {
    assert_eq!(*Points::default().encode(), [0]);
    let mut points = Points::default();
    points.append(tagged(1_000, &[1.0, -2.5], "a"), false, origin('A', 1));
    points.append_all(vec![new(2_000, &[1.5, -2.5]), new(3_001, &[1.5])], false, origin('A', 9));
    points.delete(span(2_000, 2_500), origin('B', 4));
    let bytes: Vec<String> = points.encode().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(bytes.concat(), PINNED);
}

const PINNED: &str = concat!(
    "860e73f10505050505050505050505050505050614103083089ffe01b800f788",
    "97804c03f80001c41090e679ff0b188484848484848484848484848484848538",
);
