//! Why a transaction was not carried out, as a client is told: with the command and its field.

use jackdaw_common::{
    ChangeVector, DocumentId,
    limits::{REVISION_AHEAD_MICROS_MAX, REVISIONS_AT_ONCE_MAX},
};
use jackdaw_proto::wire::{Reason, WireError};
use jackdaw_store::{Command, TransactError};

use super::{Place, too_large};
use crate::{
    control::failure,
    documents::{counters, read},
};

/// The commands that a request has, as far as an error tells of them.
#[derive(Clone, Debug)]
pub(in crate::documents) struct Asked {
    place: Place,
    fields: Vec<Field>,
}

/// The field in which a command stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Put,
    Delete,
    IncrementCounter,
    DeleteCounter,
    AppendTimeSeries,
    DeleteTimeSeriesRange,
    PutAttachment,
    DeleteAttachment,
    PutRevision,
    /// The header of an attachment that is put.
    Header,
    /// The request itself.
    Request,
}

impl Field {
    fn of(place: Place, command: &Command) -> Self {
        let is_step = matches!(place, Place::List);
        match command {
            Command::Put { .. } => Self::Put,
            Command::Delete { .. } => Self::Delete,
            Command::Increment { .. } => Self::IncrementCounter,
            Command::DeleteCounter { .. } => Self::DeleteCounter,
            Command::Append { .. } => Self::AppendTimeSeries,
            Command::DeleteSpan { .. } => Self::DeleteTimeSeriesRange,
            Command::PutAttachment { .. } if is_step => Self::PutAttachment,
            Command::PutAttachment { .. } => Self::Header,
            Command::DeleteAttachment { .. } if is_step => Self::DeleteAttachment,
            Command::DeleteAttachment { .. } => Self::Request,
            Command::PutRevision(_) => Self::PutRevision,
        }
    }

    /// Its path within its command.
    const fn path(self) -> &'static str {
        match self {
            Self::Put => "put.",
            Self::Delete => "delete.",
            Self::IncrementCounter => "increment_counter.",
            Self::DeleteCounter => "delete_counter.",
            Self::AppendTimeSeries => "append_time_series.",
            Self::DeleteTimeSeriesRange => "delete_time_series_range.",
            Self::PutAttachment => "put_attachment.",
            Self::DeleteAttachment => "delete_attachment.",
            Self::PutRevision => "put_revision.",
            Self::Header => "header.",
            Self::Request => "",
        }
    }

    /// The field of it that has the hash of a content.
    const fn hash(self) -> &'static str {
        match self {
            Self::PutRevision => "attachments",
            _ => "hash",
        }
    }

    /// The field of it that has the id of the document.
    const fn id(self) -> &'static str {
        match self {
            Self::Put | Self::Delete => "id",
            _ => "document_id",
        }
    }
}

impl Asked {
    /// What `commands` are, which stand at `place`.
    pub(in crate::documents) fn of(place: Place, commands: &[Command]) -> Self {
        Self { place, fields: commands.iter().map(|it| Field::of(place, it)).collect() }
    }

    /// Why they were not carried out.
    pub(in crate::documents) fn refusal(&self, error: &TransactError) -> WireError {
        match error {
            TransactError::Mismatch { command, id, expected, actual } => {
                let error = mismatch(id, expected, actual);
                self.at(*command, |_| "expected_change_vector", error)
            }
            TransactError::Generated { command, id, why } => {
                let text = format!("no id can be generated from {id}: {why}");
                let error = WireError::field(self.path(*command, Field::id), text);
                self.at(*command, Field::id, error)
            }
            TransactError::NoDocument { command, id } => {
                self.at(*command, Field::id, read::not_found(id))
            }
            TransactError::InConflict { command, id } => {
                let text = format!("document {id} is in conflict: put or delete it first");
                self.at(*command, Field::id, document(Reason::DocumentConflict, text, id))
            }
            TransactError::Attachments { command, id, error } => {
                let text = format!("document {id}: {error}");
                self.at(*command, Field::id, document(Reason::AttachmentsTooMany, text, id))
            }
            TransactError::NoContent { command, id, hash } => {
                let text = format!("document {id}: the database has no content {hash}");
                let error = document(Reason::ContentNotFound, text, id).with("hash", hash);
                self.at(*command, Field::hash, error)
            }
            TransactError::RevisionAhead { command, id, last_modified, now } => {
                let seconds = |micros: i64| micros / 1_000_000;
                let ahead = seconds(last_modified.micros().saturating_sub(now.micros()));
                let most = seconds(REVISION_AHEAD_MICROS_MAX);
                let text = format!(
                    "is {ahead} s ahead of the database's time, more than {most}, in a revision of \
                     document {id}"
                );
                let path = self.path(*command, |_| "last_modified");
                self.at(*command, |_| "last_modified", WireError::field(path, text))
            }
            TransactError::RevisionsAtOnce { command, id, .. } => {
                let text =
                    format!("document {id} has {REVISIONS_AT_ONCE_MAX} revisions of this time");
                let path = self.path(*command, |_| "last_modified");
                self.at(*command, |_| "last_modified", WireError::field(path, text))
            }
            TransactError::CounterOverflow { command, id, name } => {
                let text = format!(
                    "counter {name} of document {id}, or what this database has added to it, \
                     would go beyond 64 bits"
                );
                self.at(*command, |_| "delta", counters::beyond(id, name, text))
            }
            TransactError::TooLarge { bytes, max } => too_large("encoded bytes", *bytes, *max),
            TransactError::TooManyContents { contents, max } => {
                too_large("attachments", *contents, *max)
            }
            TransactError::TooManyRows { rows, max } => too_large("rows", *rows, *max),
            TransactError::Store(error) => failure::store(error),
        }
    }

    /// Says of which command an error is, and of which field of it.
    fn at(
        &self,
        command: usize,
        field: impl Fn(Field) -> &'static str,
        error: WireError,
    ) -> WireError {
        error.with("command", command).with("field", self.path(command, field))
    }

    fn path(&self, command: usize, field: impl Fn(Field) -> &'static str) -> String {
        let within = self.fields.get(command).copied().unwrap_or(Field::Request);
        format!("{}{}{}", self.place.path(command), within.path(), field(within))
    }
}

fn mismatch(id: &DocumentId, expected: &ChangeVector, actual: &ChangeVector) -> WireError {
    let (has, should) = (state(actual), state(expected));
    let text = format!("document {id} {has}; expected was that it {should}");
    document(Reason::ChangeVectorMismatch, text, id)
        .with("expected", expected)
        .with("actual", actual)
}

/// An error about a document.
fn document(reason: Reason, text: String, id: &DocumentId) -> WireError {
    WireError::new(reason, text).with("id", id).about("jackdaw/Document", id)
}

fn state(vector: &ChangeVector) -> String {
    if vector.is_empty() {
        "does not exist".to_owned()
    } else {
        format!("has change vector {vector}")
    }
}
