//! Counters: what a client asks of one, and how they go out.

use jackdaw_common::{Counter, CounterName, DocumentId, Partial};

use crate::{documents as wire, wire::Violations};

/// The field of an increment, in a request of its own as in a command.
pub const INCREMENT: &str = "increment_counter";
/// The field of a deletion, likewise.
pub const DELETE: &str = "delete_counter";

/// An increment, its fields checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncrementCounter {
    /// The document.
    pub document: DocumentId,
    /// Name of the counter.
    pub name: CounterName,
    /// What is added.
    pub delta: i64,
}

/// A deletion, its fields checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteCounter {
    /// The document.
    pub document: DocumentId,
    /// Name of the counter.
    pub name: CounterName,
}

/// Reads an increment that stands at `path`; `None` after adding what is wrong.
pub fn increment(
    path: &str,
    increment: Option<wire::IncrementCounter>,
    violations: &mut Violations,
) -> Option<IncrementCounter> {
    let Some(increment) = increment else {
        violations.add(path, "is missing");
        return None;
    };
    let wire::IncrementCounter { document_id, name, delta } = increment;
    let document = violations.check(format!("{path}.document_id"), DocumentId::new(&document_id));
    let name = violations.check(format!("{path}.name"), CounterName::new(&name));
    Some(IncrementCounter { document: document?, name: name?, delta })
}

/// Reads a deletion that stands at `path`; `None` after adding what is wrong.
pub fn delete(
    path: &str,
    delete: Option<wire::DeleteCounter>,
    violations: &mut Violations,
) -> Option<DeleteCounter> {
    let Some(wire::DeleteCounter { document_id, name }) = delete else {
        violations.add(path, "is missing");
        return None;
    };
    let document = violations.check(format!("{path}.document_id"), DocumentId::new(&document_id));
    let name = violations.check(format!("{path}.name"), CounterName::new(&name));
    Some(DeleteCounter { document: document?, name: name? })
}

/// A counter as it goes out, with what it is the sum of.
#[must_use]
pub fn counter(counter: &Counter) -> wire::Counter {
    wire::Counter {
        name: counter.name.as_str().to_owned(),
        value: counter.partials.value().ok(),
        partials: partials(counter),
    }
}

/// A counter as a stream of documents has it: what it is the sum of only where it has no value,
/// since copies that show the same could not be told from others then.
#[must_use]
pub fn counter_streamed(counter: &Counter) -> wire::Counter {
    let value = counter.partials.value().ok();
    wire::Counter {
        name: counter.name.as_str().to_owned(),
        value,
        partials: if value.is_none() { partials(counter) } else { Vec::new() },
    }
}

fn partials(counter: &Counter) -> Vec<wire::PartialCounterValue> {
    counter.partials.as_slice().iter().map(partial).collect()
}

fn partial(partial: &Partial) -> wire::PartialCounterValue {
    wire::PartialCounterValue {
        incarnation: partial.origin.incarnation.to_string(),
        etag: partial.origin.etag.get(),
        value: partial.value,
    }
}
