//! What `counters` promises, tried out.

use jackdaw_common::{Counter, Partial, Partials};

use super::*;
use crate::convert::documents::counters::{self, DeleteCounter, IncrementCounter};

fn step(document: &str, name: &str) -> wire::IncrementCounter {
    wire::IncrementCounter { document_id: document.into(), name: name.into(), delta: -3 }
}

fn deletion(document: &str, name: &str) -> wire::DeleteCounter {
    wire::DeleteCounter { document_id: document.into(), name: name.into() }
}

#[test]
fn increments_and_deletions_are_read() {
    use wire::command::Command as Step;
    let mut violations = Violations::new();
    let mut read =
        |step| command("commands[0]", wire::Command { command: Some(step) }, &mut violations);
    let (document, name) = ("Users/1".parse().unwrap(), "Likes".parse().unwrap());
    let increment = IncrementCounter { document, name, delta: -3 };
    let DeleteCounter { document, name } =
        DeleteCounter { document: increment.document.clone(), name: increment.name.clone() };
    let delete = DeleteCounter { document, name };
    let increment = Some(Command::IncrementCounter(increment));
    assert_eq!(read(Step::IncrementCounter(step("Users/1", "Likes"))), increment);
    let delete = Some(Command::DeleteCounter(delete));
    assert_eq!(read(Step::DeleteCounter(deletion("Users/1", "Likes"))), delete);
    assert!(violations.is_empty());
}

#[test]
fn wrong_fields_are_named() {
    let mut violations = Violations::new();
    assert_eq!(counters::increment("i", Some(step("", "\u{7}")), &mut violations), None);
    assert_eq!(counters::increment("i", None, &mut violations), None);
    let long = "x".repeat(513);
    assert_eq!(counters::delete("d", Some(deletion("", &long)), &mut violations), None);
    assert_eq!(counters::delete("d", None, &mut violations), None);
    let error = violations.finish().unwrap_err();
    let paths: Vec<_> = error.violations().iter().map(|it| it.path.as_str()).collect();
    assert_eq!(paths, ["i.document_id", "i.name", "i", "d.document_id", "d.name", "d"]);
}

#[test]
fn a_counter_goes_out_with_its_parts_or_without() {
    let partial = |id, etag, value| Partial {
        origin: Entry {
            incarnation: IncarnationId::from_bytes([id; 16]),
            etag: Etag::new(etag).unwrap(),
        },
        value,
    };
    let counter = |values: [i64; 2]| Counter {
        name: "Likes".parse().unwrap(),
        partials: Partials::new(vec![partial(1, 5, values[0]), partial(2, 6, values[1])]).unwrap(),
    };
    let wire = counters::counter(&counter([7, -9]));
    assert_eq!((wire.name.as_str(), wire.value, wire.partials.len()), ("Likes", Some(-2), 2));
    let incarnation = IncarnationId::from_bytes([2; 16]).to_string();
    let second = wire::PartialCounterValue { incarnation, etag: 6, value: -9 };
    assert_eq!(wire.partials[1], second);
    let beyond = counters::counter(&counter([i64::MAX, 1]));
    assert_eq!((beyond.value, beyond.partials.len()), (None, 2));
    let short = counters::counter_streamed(&counter([7, -9]));
    assert_eq!(short, wire::Counter { partials: Vec::new(), ..wire });
    assert_eq!(counters::counter_streamed(&counter([i64::MAX, 1])), beyond);
}
