//! What travels, as ARCHITECTURE.md shows it, is what a service answers when it is asked.

use jackdaw_common::scope::{KINDS, Kind};

use crate::tree::Tree;
use crate::violation::{Violation, assert_none, lines};

/// Rows of the section's table that are missing, too many, or say something else.
fn differences(text: &str, kinds: &[Kind]) -> Vec<Violation> {
    let Some(begin) = text.lines().position(|line| line == SECTION) else {
        return vec![Violation::of(PAGE, format!("no section \"{SECTION}\""))];
    };
    let section = text.lines().enumerate().skip(begin + 1);
    let section = section.take_while(|(_, line)| !line.starts_with('#'));
    // A heading and the line below it come first.
    let rows = section.filter(|(_, line)| line.starts_with('|')).skip(2);
    let rows: Vec<_> = rows.map(|(at, line)| (at + 1, line)).collect();
    let mut found = Vec::new();
    for (at, kind) in kinds.iter().enumerate() {
        let expected = row(kind);
        match rows.get(at) {
            Some((_, line)) if *line == expected => {}
            Some((number, _)) => found.push(Violation::at(PAGE, *number, wanted(&expected))),
            None => found.push(Violation::of(PAGE, wanted(&expected))),
        }
    }
    for (number, _) in rows.iter().skip(kinds.len()) {
        let remedy = "a kind that no service names: add it to common/src/scope.rs, or take it out";
        found.push(Violation::at(PAGE, *number, remedy));
    }
    found
}

fn wanted(expected: &str) -> String {
    format!("common/src/scope.rs has it so, and in this place: {expected}")
}

/// A kind as its row.
fn row(kind: &Kind) -> String {
    let travels = if kind.travels { "yes" } else { "no" };
    format!("| `{}` | {travels} | {} |", kind.name, kind.reason)
}

/// Where the table is shown.
const PAGE: &str = "ARCHITECTURE.md";
/// The section that shows it.
const SECTION: &str = "### What travels";

#[test]
fn what_travels_is_shown_as_it_is_answered() {
    let text = Tree::open().text(PAGE).unwrap_or_default();
    assert_none("what travels", &differences(&text, KINDS));
}

#[test]
fn a_row_that_differs_is_found() {
    let kind = |name, travels| Kind { name, travels, reason: "why" };
    let kinds = [kind("a", true), kind("b", false)];
    let page =
        |rows: &str| format!("# x\n{SECTION}\n\n| | | |\n|---|---|---|\n{rows}\ntext\n## y\n");
    let [a, b] = kinds.each_ref().map(row);
    assert_eq!(differences(&page(&format!("{a}\n{b}\n")), &kinds), []);
    let wrong = [
        (format!("{a}\n{}\n", b.replace("no", "yes")), vec![7]),
        (format!("{a}\n{}\n", b.replace("why", "because")), vec![7]),
        (format!("{b}\n{a}\n"), vec![6, 7]),
        (format!("{a}\n"), vec![0]),
        (format!("{a}\n{b}\n{b}\n"), vec![8]),
    ];
    for (rows, expected) in wrong {
        assert_eq!(lines(&differences(&page(&rows), &kinds)), expected, "{rows}");
    }
    assert_eq!(lines(&differences("# x\n", &kinds)), [0]);
}
