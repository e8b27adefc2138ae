//! Lines of what documents have: attachments, counters, time series.
//!
//! Ids, names and values are the service's to check.

use std::borrow::Cow;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use jackdaw_proto::documents::{Attachment, TimeSeriesEntry};
use serde::{Deserialize, Serialize, de::IgnoredAny};

use super::{Kind, read::LineProblem, time::read_time};

/// An attachment, or a part of one, as its line has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AttachmentLine {
    /// Id of the document.
    pub document: String,
    /// Name of the attachment.
    pub name: String,
    /// What its content is.
    pub content_type: String,
    /// Its content, or the part of it that begins at `offset`.
    pub content: Bytes,
    /// Bytes of the content that stand in the lines before.
    pub offset: u64,
    /// Whether the next line goes on with it.
    pub more: bool,
    /// Bytes of the whole content; the first of several lines has it.
    pub size: Option<u64>,
    /// BLAKE2b-256 of the whole content, in base64, where the line says it.
    pub hash: Option<String>,
}

impl AttachmentLine {
    /// Whether it is one of several lines, or says what its content is to be held against.
    pub fn is_special(&self) -> bool {
        self.offset > 0 || self.more || self.size.is_some() || self.hash.is_some()
    }
}

/// A counter as its line has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CounterLine {
    /// Id of the document.
    pub document: String,
    /// Name of the counter.
    pub name: String,
    /// Its value.
    pub value: i64,
}

/// A time series, or a part of one, as its line has it.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesLine {
    /// Id of the document.
    pub document: String,
    /// Name of the series.
    pub name: String,
    /// Its entries.
    pub entries: Vec<TimeSeriesEntry>,
}

/// What an attachment's line has. A field that is none of these would be lost: it is an error.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AttachmentRead<'a> {
    #[serde(rename = "kind")]
    _kind: IgnoredAny,
    document_id: String,
    name: String,
    #[serde(default)]
    content_type: String,
    #[serde(default)]
    offset: u64,
    #[serde(default)]
    more: bool,
    size: Option<u64>,
    hash: Option<String>,
    #[serde(borrow)]
    data_base64: Cow<'a, str>,
}

/// What a counter's line has.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CounterRead {
    #[serde(rename = "kind")]
    _kind: IgnoredAny,
    document_id: String,
    name: String,
    value: i64,
}

/// What a time series' line has.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SeriesRead {
    #[serde(rename = "kind")]
    _kind: IgnoredAny,
    document_id: String,
    name: String,
    entries: Vec<Entry>,
}

/// Time, values, tag.
type Entry = (String, Vec<f64>, Option<String>);

pub(super) fn attachment(text: &str) -> Result<AttachmentLine, LineProblem> {
    let read: AttachmentRead<'_> = serde_json::from_str(text)?;
    let content = STANDARD.decode(&*read.data_base64)?.into();
    // What is cut short somewhere must not be taken for whole.
    let is_said = read.size.is_some() || read.hash.is_some();
    if (read.more && read.offset == 0 && read.size.is_none()) || (read.offset > 0 && is_said) {
        return Err(LineProblem::AttachmentSize);
    }
    let AttachmentRead { document_id: document, name, content_type, offset, more, .. } = read;
    let (size, hash) = (read.size, read.hash);
    Ok(AttachmentLine { document, name, content_type, content, offset, more, size, hash })
}

/// Whether an attachment's line goes on with the one before it; nothing else of it is looked at.
pub(super) fn goes_on(text: &str) -> Result<bool, LineProblem> {
    #[derive(Deserialize)]
    struct Place {
        #[serde(default)]
        offset: u64,
    }
    Ok(serde_json::from_str::<Place>(text)?.offset > 0)
}

pub(super) fn counter(text: &str) -> Result<CounterLine, LineProblem> {
    let CounterRead { document_id: document, name, value, .. } = serde_json::from_str(text)?;
    Ok(CounterLine { document, name, value })
}

pub(super) fn series(text: &str) -> Result<SeriesLine, LineProblem> {
    let SeriesRead { document_id: document, name, entries, .. } = serde_json::from_str(text)?;
    if entries.is_empty() {
        return Err(LineProblem::NoEntries);
    }
    let entries = entries.into_iter().map(entry).collect::<Result<_, _>>()?;
    Ok(SeriesLine { document, name, entries })
}

/// Reads one entry, `["2000-01-01T00:00:00Z",[39.81],null]`.
pub(super) fn read_entry(text: &str) -> Result<TimeSeriesEntry, LineProblem> {
    entry(serde_json::from_str(text)?)
}

fn entry((time, values, tag): Entry) -> Result<TimeSeriesEntry, LineProblem> {
    match read_time(&time) {
        Some(time) => Ok(TimeSeriesEntry { time: Some(time), values, tag }),
        None => Err(LineProblem::Time { text: time }),
    }
}

/// A line, its kind first.
#[derive(Serialize)]
struct Out<'a, T> {
    kind: &'static str,
    document_id: &'a str,
    name: &'a str,
    #[serde(flatten)]
    rest: T,
}

#[derive(Serialize)]
struct AttachmentRest<'a> {
    content_type: &'a str,
    #[serde(flatten)]
    place: Option<Place<'a>>,
    data_base64: String,
}

/// Which part of a content a line has.
#[derive(Serialize)]
#[serde(untagged)]
enum Place<'a> {
    First { size: u64, hash: &'a str, more: bool },
    Next { offset: u64, more: bool },
}

#[derive(Serialize)]
struct CounterRest {
    value: i64,
}

#[derive(Serialize)]
struct SeriesRest<'a> {
    entries: Vec<(String, &'a [f64], Option<&'a str>)>,
}

/// Appends an attachment's line, with its line end.
///
/// # Errors
///
/// None that a document's id and an attachment could cause.
pub fn write_attachment(
    out: &mut Vec<u8>,
    document_id: &str,
    attachment: &Attachment,
    content: &[u8],
) -> serde_json::Result<()> {
    let (kind, name) = (Kind::Attachment.as_str(), &*attachment.name);
    let content_type = &*attachment.content_type;
    let rest = AttachmentRest { content_type, place: None, data_base64: STANDARD.encode(content) };
    line(out, &Out { kind, document_id, name, rest })
}

/// Appends one of the lines of an attachment that has several: the one with the part of its content
/// that begins at `offset`.
///
/// # Errors
///
/// None that a document's id and an attachment could cause.
pub fn write_attachment_part(
    out: &mut Vec<u8>,
    document_id: &str,
    attachment: &Attachment,
    offset: u64,
    part: &[u8],
) -> serde_json::Result<()> {
    let (kind, name) = (Kind::Attachment.as_str(), &*attachment.name);
    let more = offset + (part.len() as u64) < attachment.size;
    let (content_type, place) = match offset {
        0 => {
            let place = Place::First { size: attachment.size, hash: &attachment.hash, more };
            (&*attachment.content_type, place)
        }
        offset => ("", Place::Next { offset, more }),
    };
    let (place, data_base64) = (Some(place), STANDARD.encode(part));
    let rest = AttachmentRest { content_type, place, data_base64 };
    line(out, &Out { kind, document_id, name, rest })
}

/// Appends a counter's line, with its line end.
///
/// # Errors
///
/// None that an id and a name could cause.
pub fn write_counter(
    out: &mut Vec<u8>,
    document_id: &str,
    name: &str,
    value: i64,
) -> serde_json::Result<()> {
    let (kind, rest) = (Kind::Counter.as_str(), CounterRest { value });
    line(out, &Out { kind, document_id, name, rest })
}

/// Appends the line of a time series, or of a part of one, with its line end. Values must be
/// finite: JSON has no other numbers.
///
/// # Errors
///
/// None that an id, a name and entries could cause.
pub fn write_series(
    out: &mut Vec<u8>,
    document_id: &str,
    name: &str,
    entries: &[TimeSeriesEntry],
) -> serde_json::Result<()> {
    let entry = |entry: &'_ TimeSeriesEntry| entry.time.unwrap_or_default().to_string();
    let entries = entries.iter().map(|it| (entry(it), &*it.values, it.tag.as_deref())).collect();
    let (kind, rest) = (Kind::TimeSeries.as_str(), SeriesRest { entries });
    line(out, &Out { kind, document_id, name, rest })
}

fn line(out: &mut Vec<u8>, line: &impl Serialize) -> serde_json::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.push(b'\n');
    Ok(())
}
