//! Transactions: what a client asked for, checked, and carried out by the store.

pub(super) mod refusal;

use bytes::Bytes;
use jackdaw_common::limits::{
    BLOB_INLINE_BYTES_MAX, DOCUMENT_BYTES_MAX, TRANSACTION_BYTES_MAX, TRANSACTION_COMMANDS_MAX,
};
use jackdaw_proto::{
    convert::documents::{self as convert, written},
    documents as wire,
    wire::{Reason, Violations, WireError},
};
use jackdaw_store::{Command, NewId, Store, Written};

use super::{
    CHECKED_INLINE_BYTES_MAX, CHECKED_INLINE_ENTRIES_MAX, attachments,
    body::{Body, BodyError},
    counters, revisions, series,
};
use crate::{catalog::Database, control::blocking};
use refusal::Asked;

/// Where the commands of a transaction stand in their request.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    /// The only one, in the field `put` or `delete`.
    Field,
    /// In the list `commands`.
    List,
}

impl Place {
    /// The path of what a command is a field of.
    pub(super) fn path(self, index: usize) -> String {
        match self {
            Self::Field => String::new(),
            Self::List => format!("commands[{index}]."),
        }
    }
}

/// The one put of a request.
pub(super) async fn put(store: &Store, put: Option<wire::Put>) -> Result<Vec<Command>, WireError> {
    let mut violations = Violations::new();
    let put = convert::put("put", put, &mut violations);
    let put = violations.value(put)?;
    checked(store, vec![convert::Command::Put(put)], Place::Field).await
}

/// The one delete of a request.
pub(super) async fn delete(
    store: &Store,
    delete: Option<wire::Delete>,
) -> Result<Vec<Command>, WireError> {
    let mut violations = Violations::new();
    let delete = convert::delete("delete", delete, &mut violations);
    let delete = violations.value(delete)?;
    checked(store, vec![convert::Command::Delete(delete)], Place::Field).await
}

/// The commands of a transaction, at least one.
pub(super) async fn commands(
    store: &Store,
    list: Vec<wire::Command>,
) -> Result<Vec<Command>, WireError> {
    if list.is_empty() {
        return Err(WireError::field("commands", "has no command"));
    }
    if list.len() > TRANSACTION_COMMANDS_MAX {
        return Err(too_large("commands", list.len(), TRANSACTION_COMMANDS_MAX));
    }
    let entries: usize = list.iter().map(entries).sum();
    let steps = if entries > CHECKED_INLINE_ENTRIES_MAX {
        blocking(move || check_fields(list)).await?
    } else {
        check_fields(list)?
    };
    checked(store, steps, Place::List).await
}

/// Entries that a command brings, and whatever else it has many of.
fn entries(command: &wire::Command) -> usize {
    use wire::command::Command as Step;
    match &command.command {
        Some(Step::AppendTimeSeries(append)) => append.entries.len(),
        Some(Step::PutRevision(put)) => {
            put.attachments.len() + put.counters.len() + put.time_series.len()
        }
        _ => 0,
    }
}

fn check_fields(list: Vec<wire::Command>) -> Result<Vec<convert::Command>, WireError> {
    let mut violations = Violations::new();
    let read = list.into_iter().enumerate().map(|(index, command)| {
        convert::command(&format!("commands[{index}]"), command, &mut violations)
    });
    let steps: Vec<_> = read.flatten().collect();
    violations.finish()?;
    Ok(steps)
}

/// Checks sizes and bodies, and stages contents.
async fn checked(
    store: &Store,
    steps: Vec<convert::Command>,
    place: Place,
) -> Result<Vec<Command>, WireError> {
    let bytes = steps.iter().map(content_bytes).sum();
    // A put that is alone is refused as what it is.
    let is_put = matches!(steps[..], [convert::Command::Put(_)]);
    if bytes > TRANSACTION_BYTES_MAX && !is_put {
        return Err(too_large("bytes", bytes, TRANSACTION_BYTES_MAX));
    }
    // A content that is larger than a row may be waits for the disk.
    if bytes > CHECKED_INLINE_BYTES_MAX.min(BLOB_INLINE_BYTES_MAX) {
        let store = store.clone();
        return blocking(move || check_bodies(&store, steps, place)).await;
    }
    check_bodies(store, steps, place)
}

fn check_bodies(
    store: &Store,
    steps: Vec<convert::Command>,
    place: Place,
) -> Result<Vec<Command>, WireError> {
    let mut violations = Violations::new();
    let mut commands = Vec::with_capacity(steps.len());
    for (index, step) in steps.into_iter().enumerate() {
        let path = |field: &str| format!("{}{field}", place.path(index));
        commands.extend(command(store, step, path, &mut violations)?);
    }
    violations.finish()?;
    Ok(commands)
}

/// A step as the store takes it; `None` after adding what is wrong.
fn command(
    store: &Store,
    step: convert::Command,
    path: impl Fn(&str) -> String,
    violations: &mut Violations,
) -> Result<Option<Command>, WireError> {
    Ok(Some(match step {
        convert::Command::Put(put) => {
            let Some(body) = body(|| path("put.body"), put.body, violations)? else {
                return Ok(None);
            };
            let Body { json: body, collection } = body;
            let id = NewId::parse(put.id);
            Command::Put { id, collection, body, expected: put.expected }
        }
        convert::Command::Delete(it) => Command::Delete { id: it.id, expected: it.expected },
        convert::Command::IncrementCounter(it) => counters::increment_command(it),
        convert::Command::DeleteCounter(it) => counters::delete_command(it),
        convert::Command::AppendTimeSeries(it) => series::append_command(it),
        convert::Command::DeleteTimeSeriesRange(it) => series::delete_command(it),
        convert::Command::PutAttachment(it) => attachments::put_command(store, it)?,
        convert::Command::DeleteAttachment(it) => {
            Command::DeleteAttachment { id: it.document, name: it.name, expected: it.expected }
        }
        convert::Command::PutRevision(it) => {
            let revision = revisions::new_revision(store, *it, path, violations)?;
            return Ok(revision.map(|it| Command::PutRevision(Box::new(it))));
        }
    }))
}

/// The body that stands at `path`, checked; `None` after adding what is wrong.
pub(super) fn body(
    path: impl Fn() -> String,
    body: Bytes,
    violations: &mut Violations,
) -> Result<Option<Body>, WireError> {
    match Body::check(body) {
        Ok(body) => Ok(Some(body)),
        Err(BodyError::TooLarge { bytes }) => Err(body_too_large(path(), bytes)),
        Err(error) => {
            violations.add(path(), error);
            Ok(None)
        }
    }
}

/// Bytes of what a step carries.
fn content_bytes(step: &convert::Command) -> usize {
    match step {
        convert::Command::Put(put) => put.body.len(),
        convert::Command::AppendTimeSeries(append) => series::append_bytes(append),
        convert::Command::PutAttachment(put) => put.attachment.bytes(),
        convert::Command::PutRevision(put) => put.bytes(),
        convert::Command::Delete(_)
        | convert::Command::IncrementCounter(_)
        | convert::Command::DeleteCounter(_)
        | convert::Command::DeleteTimeSeriesRange(_)
        | convert::Command::DeleteAttachment(_) => 0,
    }
}

fn too_large(what: &'static str, actual: usize, most: usize) -> WireError {
    let text = format!("the transaction has {actual} {what}, more than {most}");
    WireError::new(Reason::TransactionTooLarge, text)
        .with("what", what)
        .with("actual", actual)
        .with("most", most)
}

fn body_too_large(path: String, bytes: usize) -> WireError {
    let text = format!("{path} has {bytes} bytes, more than {DOCUMENT_BYTES_MAX}");
    WireError::new(Reason::DocumentTooLarge, text)
        .with("field", &path)
        .with("bytes", bytes)
        .with("most", DOCUMENT_BYTES_MAX)
        .violating(path, format!("is larger than {DOCUMENT_BYTES_MAX} bytes"))
}

/// Carries out one command that stands alone.
pub(super) async fn carry_out(
    database: &Database,
    command: Command,
) -> Result<wire::Written, WireError> {
    Ok(transact(database, vec![command], Place::Field).await?.pop().unwrap_or_default())
}

/// Carries out commands, all or none.
pub(super) async fn transact(
    database: &Database,
    commands: Vec<Command>,
    place: Place,
) -> Result<Vec<wire::Written>, WireError> {
    let asked = Asked::of(place, &commands);
    let written = database.store().transact(commands).await;
    Ok(outcome(&written.map_err(|error| asked.refusal(&error))?))
}

/// What was written, as it goes out.
fn outcome(list: &[Written]) -> Vec<wire::Written> {
    list.iter().map(|one| written(&one.id, &one.vector, one.etag, one.value)).collect()
}
