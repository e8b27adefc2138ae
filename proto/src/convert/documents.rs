//! Documents and the commands that write them.
//!
//! Bodies pass as they are: whether one is JSON is checked where they enter a database. What is of
//! counters is in [`counters`], what is of time series in [`series`], what is of revisions in
//! [`revisions`], and in [`compare_exchange`] what is of no document.

pub mod compare_exchange;
pub mod counters;
pub mod revisions;
pub mod series;

use bytes::Bytes;
use jackdaw_common::{ChangeVector, Content, DocumentId, Etag, Version};
use prost::Message as _;

use self::{
    counters::{DeleteCounter, IncrementCounter},
    revisions::PutRevision,
    series::{AppendTimeSeries, DeleteTimeSeriesRange},
};
use crate::{
    convert::{
        attachments::{self as attached, DeleteAttachment, PutAttachment, attachments},
        change_vector,
        time::timestamp,
    },
    documents as wire,
    wire::Violations,
};

/// Full name of the detail of a `DOCUMENT_CONFLICT`.
pub const CONFLICT_DETAIL: &str = "jackdaw.documents.v1.DocumentConflict";

/// One step of a transaction, its fields checked.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Creates or replaces a document.
    Put(Put),
    /// Deletes a document.
    Delete(Delete),
    /// Adds to a counter.
    IncrementCounter(IncrementCounter),
    /// Deletes a counter.
    DeleteCounter(DeleteCounter),
    /// Puts entries into a time series.
    AppendTimeSeries(AppendTimeSeries),
    /// Deletes entries of a time series.
    DeleteTimeSeriesRange(DeleteTimeSeriesRange),
    /// Attaches a content.
    PutAttachment(PutAttachment),
    /// Removes an attachment.
    DeleteAttachment(DeleteAttachment),
    /// Puts a version among the revisions of a document.
    PutRevision(Box<PutRevision>),
}

/// A put, its fields checked but for the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Put {
    /// As the client gave it.
    pub id: DocumentId,
    /// As the client gave it.
    pub body: Bytes,
    /// What the document must have; empty: it must not exist.
    pub expected: Option<ChangeVector>,
}

/// A delete, its fields checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delete {
    /// As the client gave it.
    pub id: DocumentId,
    /// What the document must have.
    pub expected: Option<ChangeVector>,
}

/// Reads a put that stands at `path`; `None` after adding what is wrong.
pub fn put(path: &str, put: Option<wire::Put>, violations: &mut Violations) -> Option<Put> {
    let Some(put) = put else {
        violations.add(path, "is missing");
        return None;
    };
    let id = violations.check(format!("{path}.id"), DocumentId::new(&put.id));
    let expected = expectation(path, put.expected_change_vector.as_deref(), violations);
    Some(Put { id: id?, body: put.body, expected: expected? })
}

/// Reads a delete that stands at `path`; `None` after adding what is wrong.
pub fn delete(
    path: &str,
    delete: Option<wire::Delete>,
    violations: &mut Violations,
) -> Option<Delete> {
    let Some(delete) = delete else {
        violations.add(path, "is missing");
        return None;
    };
    let id = violations.check(format!("{path}.id"), DocumentId::new(&delete.id));
    let expected = expectation(path, delete.expected_change_vector.as_deref(), violations);
    Some(Delete { id: id?, expected: expected? })
}

/// Reads the command that stands at `path`; `None` after adding what is wrong.
pub fn command(path: &str, command: wire::Command, violations: &mut Violations) -> Option<Command> {
    use wire::command::Command as Step;
    let at = |field| format!("{path}.{field}");
    match command.command {
        Some(Step::Put(it)) => put(&at("put"), Some(it), violations).map(Command::Put),
        Some(Step::Delete(it)) => delete(&at("delete"), Some(it), violations).map(Command::Delete),
        Some(Step::IncrementCounter(it)) => {
            counters::increment(&at(counters::INCREMENT), Some(it), violations)
                .map(Command::IncrementCounter)
        }
        Some(Step::DeleteCounter(it)) => {
            counters::delete(&at(counters::DELETE), Some(it), violations)
                .map(Command::DeleteCounter)
        }
        Some(Step::AppendTimeSeries(it)) => {
            series::append(&at(series::APPEND), Some(it), violations).map(Command::AppendTimeSeries)
        }
        Some(Step::DeleteTimeSeriesRange(it)) => {
            series::delete(&at(series::DELETE), Some(it), violations)
                .map(Command::DeleteTimeSeriesRange)
        }
        Some(Step::PutAttachment(it)) => {
            attached::put(&at(attached::PUT), it, violations).map(Command::PutAttachment)
        }
        Some(Step::DeleteAttachment(it)) => {
            attached::delete(&at(attached::DELETE), &it, violations).map(Command::DeleteAttachment)
        }
        Some(Step::PutRevision(it)) => {
            let it = revisions::put(&at(revisions::PUT), it, violations);
            it.map(|it| Command::PutRevision(Box::new(it)))
        }
        None => {
            violations.add(path, "is no command");
            None
        }
    }
}

fn expectation(
    path: &str,
    text: Option<&str>,
    violations: &mut Violations,
) -> Option<Option<ChangeVector>> {
    change_vector::expected(format!("{path}.expected_change_vector"), text, violations)
}

/// A live document as it goes out; a deletion has an empty body.
#[must_use]
pub fn document(etag: Etag, version: Version) -> wire::Document {
    wire::Document {
        id: version.id.as_str().to_owned(),
        collection: version.collection.as_str().to_owned(),
        change_vector: change_vector::text(&version.vector),
        etag: etag.get(),
        last_modified: Some(timestamp(version.last_modified)),
        attachments: attachments(&version.attachments),
        body: body(version.content),
        counters: Vec::new(),
        time_series: Vec::new(),
        continued: false,
        flags: Vec::new(),
    }
}

/// What a command wrote, as it goes out; `value` is what a counter has come to.
#[must_use]
pub fn written(
    id: &DocumentId,
    vector: &ChangeVector,
    etag: Etag,
    value: Option<i64>,
) -> wire::Written {
    wire::Written {
        id: id.as_str().to_owned(),
        change_vector: change_vector::text(vector),
        etag: etag.get(),
        counter_value: value,
    }
}

/// A committed change as it goes out.
#[must_use]
pub fn change(etag: Etag, version: &Version, conflicted: bool) -> wire::Change {
    let (kind, name) = match &version.content {
        Content::Counter(counter) => (wire::ChangeKind::Counter, counter.name.as_str()),
        Content::Segment(segment) => (wire::ChangeKind::TimeSeries, segment.extent.name.as_str()),
        Content::RevisionTombstone(_) => (wire::ChangeKind::RevisionsRemoved, ""),
        _ if conflicted => (wire::ChangeKind::Conflict, ""),
        Content::Document(_) => (wire::ChangeKind::Put, ""),
        Content::Tombstone => (wire::ChangeKind::Delete, ""),
    };
    wire::Change {
        etag: etag.get(),
        id: version.id.as_str().to_owned(),
        collection: version.collection.as_str().to_owned(),
        kind: kind.into(),
        change_vector: change_vector::text(&version.vector),
        name: name.to_owned(),
    }
}

/// The versions of a document in conflict, whole.
#[must_use]
pub fn conflict(versions: Vec<Version>) -> wire::DocumentConflict {
    let id = versions.first().map(|version| version.id.as_str().to_owned()).unwrap_or_default();
    let versions = versions.into_iter().map(conflict_version).collect();
    wire::DocumentConflict { id, versions, ..wire::DocumentConflict::default() }
}

/// The same within an error: without bodies and attachments where they do not fit, and where even
/// that does not, without the last versions, which are counted.
#[must_use]
pub fn conflict_detail(versions: Vec<Version>) -> wire::DocumentConflict {
    let mut conflict = conflict(versions);
    if conflict.encoded_len() > DETAIL_BYTES_MAX {
        for version in &mut conflict.versions {
            version.body = Bytes::new();
            version.attachments = Vec::new();
        }
    }
    while conflict.encoded_len() > DETAIL_BYTES_MAX && conflict.versions.pop().is_some() {
        conflict.omitted_versions += 1;
    }
    conflict
}

fn conflict_version(version: Version) -> wire::ConflictVersion {
    wire::ConflictVersion {
        change_vector: change_vector::text(&version.vector),
        deleted: version.content.is_tombstone(),
        collection: version.collection.as_str().to_owned(),
        last_modified: Some(timestamp(version.last_modified)),
        body_bytes: version.content.bytes() as u64,
        attachments: attachments(&version.attachments),
        attachment_count: u32::try_from(version.attachments.len()).unwrap_or(u32::MAX),
        body: body(version.content),
    }
}

fn body(content: Content) -> Bytes {
    match content {
        Content::Document(body) => body,
        Content::Tombstone
        | Content::Counter(_)
        | Content::Segment(_)
        | Content::RevisionTombstone(_) => Bytes::new(),
    }
}

/// Bytes of a detail: an error's headers stay below 8 KiB together, and its other details and its
/// text need some of them.
const DETAIL_BYTES_MAX: usize = 2_560;

#[cfg(test)]
mod tests;
