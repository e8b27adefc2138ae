//! Transactions: what a client asked for, checked, and carried out by the store.

use jackdaw_common::{
    ChangeVector,
    limits::{DOCUMENT_BYTES_MAX, TRANSACTION_BYTES_MAX, TRANSACTION_COMMANDS_MAX},
};
use jackdaw_proto::{
    convert::documents::{self as convert, written},
    documents as wire,
    wire::{Reason, Violations, WireError},
};
use jackdaw_store::{Command, NewId, TransactError, Written};

use super::{
    CHECKED_INLINE_BYTES_MAX,
    body::{Body, BodyError},
    read,
};
use crate::{
    catalog::Database,
    control::{blocking, failure},
};

/// Where the commands of a transaction stand in their request.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    /// The only one, in the field `put` or `delete`.
    Field,
    /// In the list `commands`.
    List,
}

impl Place {
    fn path(self, index: usize) -> String {
        match self {
            Self::Field => String::new(),
            Self::List => format!("commands[{index}]."),
        }
    }
}

/// The one put of a request.
pub(super) async fn put(put: Option<wire::Put>) -> Result<Vec<Command>, WireError> {
    let mut violations = Violations::new();
    let put = convert::put("put", put, &mut violations);
    let put = violations.value(put)?;
    checked(vec![convert::Command::Put(put)], Place::Field).await
}

/// The one delete of a request.
pub(super) async fn delete(delete: Option<wire::Delete>) -> Result<Vec<Command>, WireError> {
    let mut violations = Violations::new();
    let delete = convert::delete("delete", delete, &mut violations);
    let delete = violations.value(delete)?;
    checked(vec![convert::Command::Delete(delete)], Place::Field).await
}

/// The commands of a transaction, at least one.
pub(super) async fn commands(list: Vec<wire::Command>) -> Result<Vec<Command>, WireError> {
    if list.is_empty() {
        return Err(WireError::field("commands", "has no command"));
    }
    if list.len() > TRANSACTION_COMMANDS_MAX {
        return Err(too_large("commands", list.len(), TRANSACTION_COMMANDS_MAX));
    }
    let mut violations = Violations::new();
    let read = list.into_iter().enumerate().map(|(index, command)| {
        convert::command(&format!("commands[{index}]"), command, &mut violations)
    });
    let steps: Vec<_> = read.flatten().collect();
    violations.finish()?;
    checked(steps, Place::List).await
}

/// Checks sizes and bodies.
async fn checked(steps: Vec<convert::Command>, place: Place) -> Result<Vec<Command>, WireError> {
    let bytes = steps.iter().map(body_bytes).sum();
    if bytes > TRANSACTION_BYTES_MAX && steps.len() > 1 {
        return Err(too_large("bytes", bytes, TRANSACTION_BYTES_MAX));
    }
    if bytes > CHECKED_INLINE_BYTES_MAX {
        return blocking(move || check_bodies(steps, place)).await;
    }
    check_bodies(steps, place)
}

fn check_bodies(steps: Vec<convert::Command>, place: Place) -> Result<Vec<Command>, WireError> {
    let mut violations = Violations::new();
    let mut commands = Vec::with_capacity(steps.len());
    for (index, step) in steps.into_iter().enumerate() {
        commands.push(match step {
            convert::Command::Put(put) => {
                let path = || format!("{}put.body", place.path(index));
                let body = match Body::check(put.body) {
                    Ok(body) => body,
                    Err(BodyError::TooLarge { bytes }) => {
                        return Err(body_too_large(path(), bytes));
                    }
                    Err(error) => {
                        violations.add(path(), error);
                        continue;
                    }
                };
                let Body { json: body, collection } = body;
                let id = NewId::parse(put.id);
                Command::Put { id, collection, body, expected: put.expected }
            }
            convert::Command::Delete(delete) => {
                Command::Delete { id: delete.id, expected: delete.expected }
            }
        });
    }
    violations.finish()?;
    Ok(commands)
}

fn body_bytes(step: &convert::Command) -> usize {
    match step {
        convert::Command::Put(put) => put.body.len(),
        convert::Command::Delete(_) => 0,
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
    let written = database.store().transact(vec![command]).await;
    let written = written.map_err(|error| refusal(&error, Place::Field))?;
    Ok(outcome(&written).pop().unwrap_or_default())
}

/// What was written, as it goes out.
pub(super) fn outcome(list: &[Written]) -> Vec<wire::Written> {
    list.iter().map(|one| written(&one.id, &one.vector, one.etag)).collect()
}

/// Why a transaction was not carried out, as it goes out.
pub(super) fn refusal(error: &TransactError, place: Place) -> WireError {
    match error {
        TransactError::Mismatch { command, id, expected, actual } => {
            let (has, should) = (state(actual), state(expected));
            let text = format!("document {id} {has}; expected was that it {should}");
            WireError::new(Reason::ChangeVectorMismatch, text)
                .with("command", command)
                .with("id", id)
                .with("expected", expected)
                .with("actual", actual)
                .about("jackdaw/Document", id)
        }
        TransactError::Generated { command, id, why } => WireError::field(
            format!("{}put.id", place.path(*command)),
            format!("no id can be generated from {id}: {why}"),
        ),
        TransactError::TooLarge { bytes, max } => too_large("encoded bytes", *bytes, *max),
        TransactError::NoDocument { id, .. } => read::not_found(id),
        TransactError::InConflict { id, .. } => {
            let text = format!("document {id} is in conflict: put or delete it first");
            WireError::new(Reason::DocumentConflict, text)
                .with("id", id)
                .about("jackdaw/Document", id)
        }
        TransactError::Attachments { id, error, .. } => {
            WireError::new(Reason::AttachmentsTooMany, format!("document {id}: {error}"))
                .with("id", id)
                .about("jackdaw/Document", id)
        }
        TransactError::TooManyContents { contents, max } => {
            too_large("attachments", *contents, *max)
        }
        TransactError::Store(error) => failure::store(error),
    }
}

fn state(vector: &ChangeVector) -> String {
    if vector.is_empty() {
        "does not exist".to_owned()
    } else {
        format!("has change vector {vector}")
    }
}
