//! Revisions: versions of documents that were kept.

use std::borrow::Cow;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use jackdaw_proto::documents::{
    Attachment, Flag, PutRevision, Revision, RevisionAttachment, RevisionCounter,
    RevisionTimeSeries, TimeSeriesSummary, revision_attachment::Source,
};
use prost_types::Timestamp;
use serde::{Deserialize, Serialize, de::IgnoredAny};
use serde_json::value::RawValue;

use super::Kind;
use super::read::{LineProblem, body};
use super::time::{read_micros, read_time};
use super::write::{BodyNotJson, body_field};

/// A revision as its line has it.
pub type RevisionLine = PutRevision;

/// What a revision's line has. A field that is none of these would be lost: it is an error.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Read<'a> {
    #[serde(rename = "kind")]
    _kind: IgnoredAny,
    document_id: String,
    last_modified: String,
    #[serde(borrow)]
    body: Option<&'a RawValue>,
    body_text: Option<String>,
    #[serde(default)]
    deleted: bool,
    #[serde(default)]
    collection: String,
    #[serde(default)]
    attachments: Vec<AttachmentRead<'a>>,
    #[serde(default)]
    counters: Vec<(String, Option<i64>)>,
    #[serde(default)]
    time_series: Vec<(String, u64, String, String)>,
    #[serde(default)]
    more_parts: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AttachmentRead<'a> {
    name: String,
    #[serde(default)]
    content_type: String,
    #[serde(borrow)]
    data_base64: Option<Cow<'a, str>>,
    hash: Option<String>,
}

/// Reads a revision from `text`, which is all of `line`.
pub(super) fn read(line: &Bytes, text: &str) -> Result<RevisionLine, LineProblem> {
    let read: Read<'_> = serde_json::from_str(text)?;
    let last_modified = read_micros(&read.last_modified)
        .ok_or(LineProblem::LastModified { text: read.last_modified })?;
    let is_bare = read.body.is_none() && read.body_text.is_none() && read.attachments.is_empty();
    let body = match (read.deleted, read.collection.is_empty()) {
        (true, _) if is_bare => Bytes::new(),
        (false, true) => body(line, read.body, read.body_text)?.ok_or(LineProblem::RevisionBody)?,
        _ => return Err(LineProblem::RevisionBody),
    };
    let attachments = read.attachments.into_iter().map(attachment);
    let counters = read.counters.into_iter();
    let time_series = read.time_series.into_iter().map(series);
    Ok(PutRevision {
        document_id: read.document_id,
        last_modified: Some(last_modified),
        body,
        deleted: read.deleted,
        collection: read.collection,
        attachments: attachments.collect::<Result<_, _>>()?,
        counters: counters.map(|(name, value)| RevisionCounter { name, value }).collect(),
        time_series: time_series.collect::<Result<_, _>>()?,
        more_parts: read.more_parts,
    })
}

fn attachment(read: AttachmentRead<'_>) -> Result<RevisionAttachment, LineProblem> {
    let source = match (read.data_base64, read.hash) {
        (Some(content), None) => Source::Content(STANDARD.decode(&*content)?.into()),
        (None, Some(hash)) => Source::Hash(hash),
        _ => return Err(LineProblem::RevisionContent),
    };
    let AttachmentRead { name, content_type, .. } = read;
    Ok(RevisionAttachment { name, content_type, source: Some(source) })
}

fn series(
    (name, entries, first, last): (String, u64, String, String),
) -> Result<RevisionTimeSeries, LineProblem> {
    let time = |text: String| read_time(&text).ok_or(LineProblem::Time { text });
    let (first, last) = (Some(time(first)?), Some(time(last)?));
    Ok(RevisionTimeSeries { name, entries, first, last })
}

/// A line, its kind first.
#[derive(Serialize)]
struct Out<'a> {
    kind: &'static str,
    document_id: &'a str,
    last_modified: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_text: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "is_false")]
    deleted: bool,
    #[serde(skip_serializing_if = "str::is_empty")]
    collection: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attachments: Vec<AttachmentOut<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    counters: Vec<(&'a str, Option<i64>)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    time_series: Vec<(&'a str, u64, String, String)>,
    #[serde(skip_serializing_if = "is_false")]
    more_parts: bool,
}

#[derive(Serialize)]
struct AttachmentOut<'a> {
    name: &'a str,
    content_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    data_base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hash: Option<&'a str>,
}

/// Serde's `skip_serializing_if` gives a reference.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_false(it: &bool) -> bool {
    !it
}

/// Appends a revision's line, with its line end. Of the contents of its attachments those stand in
/// it that are in `contents`, each in the place of its attachment; of the others their hashes.
///
/// # Errors
///
/// The body is not JSON. Nothing is appended then.
pub fn write_revision(
    out: &mut Vec<u8>,
    revision: &Revision,
    contents: &[Option<Vec<u8>>],
) -> Result<(), BodyNotJson> {
    let id = &*revision.document_id;
    let deleted = revision.flags().any(|flag| flag == Flag::DeleteRevision);
    let (mut body, mut body_text) = (None, None);
    if !deleted {
        let (field, value) = body_field(id, &revision.body)?;
        *(if field == "body" { &mut body } else { &mut body_text }) = Some(value);
    }
    let time = |time: Option<Timestamp>| time.unwrap_or_default().to_string();
    let none = contents.iter().map(Option::as_deref).chain(std::iter::repeat(None));
    let attachments = revision.attachments.iter().zip(none).map(attachment_out);
    let series = |it: &TimeSeriesSummary| (time(it.first), time(it.last));
    let line = Out {
        kind: Kind::Revision.as_str(),
        document_id: id,
        last_modified: time(revision.last_modified),
        body,
        body_text,
        deleted,
        collection: if deleted { &revision.collection } else { "" },
        attachments: attachments.collect(),
        counters: revision.counters.iter().map(|it| (&*it.name, it.value)).collect(),
        time_series: revision
            .time_series
            .iter()
            .map(|it| {
                let (first, last) = series(it);
                (&*it.name, it.entries, first, last)
            })
            .collect(),
        more_parts: revision.more_parts,
    };
    let not_json =
        |reason: serde_json::Error| BodyNotJson { id: id.to_owned(), reason: reason.to_string() };
    let line = serde_json::to_vec(&line).map_err(not_json)?;
    out.extend_from_slice(&line);
    out.push(b'\n');
    Ok(())
}

fn attachment_out<'a>((attachment, content): (&'a Attachment, Option<&[u8]>)) -> AttachmentOut<'a> {
    AttachmentOut {
        name: &attachment.name,
        content_type: &attachment.content_type,
        data_base64: content.map(|content| STANDARD.encode(content)),
        hash: content.is_none().then_some(&*attachment.hash),
    }
}
