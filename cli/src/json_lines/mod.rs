//! The format of import and export: one JSON object a line.
//!
//! ```text
//! {"kind":"document","id":"movies/1","body":{"Title":"…","@metadata":{"@collection":"Movies"}}}
//! {"kind":"attachment","document_id":"…","name":"…","content_type":"…","data_base64":"…"}
//! {"kind":"counter","document_id":"…","name":"…","value":853}
//! {"kind":"time_series","document_id":"…","name":"…","entries":[["…",[39.81],null]]}
//! {"kind":"revision","document_id":"…","last_modified":"…","body":{…}}
//! ```
//!
//! A body is taken and given byte for byte: numbers, blanks and the order of fields stay as they
//! are written. A body that has line ends of its own, or blanks around it, cannot stand in a line
//! as it is: it is written as a JSON string, `"body_text"` in place of `"body"`, and read from
//! either. An entry of a time series is its time as RFC 3339 writes it, to milliseconds, its
//! values, and its tag or null; values keep their 64 bits, and there is one entry at least.
//!
//! An attachment whose content is too large for a line has several, directly one behind the other.
//! All but the last have `"more":true`. The first has the `"size"` of the whole content, without
//! which one that is cut short would pass for whole, and may have its `"hash"`, BLAKE2b-256 in
//! base64. Each of the others names the same document and attachment, and has as `"offset"` how
//! many bytes of the content stand before it:
//!
//! ```text
//! {"kind":"attachment",…,"size":7,"hash":"…","more":true,"data_base64":"AQID"}
//! {"kind":"attachment",…,"offset":3,"more":true,"data_base64":"BAUG"}
//! {"kind":"attachment",…,"offset":6,"more":false,"data_base64":"Bw=="}
//! ```
//!
//! A revision that is a deletion has `"deleted":true` and its `"collection"` in place of a body. It
//! may have `"attachments"`, each with `"data_base64"` or, where something before it has the
//! content, its `"hash"`; `"counters"`, each a name and a value, or null where that was beyond 64
//! bits; `"time_series"`, each a name, how many entries there were, and the times of the first and
//! the last; and `"more_parts":true` where there were more of those. Nothing here does I/O except
//! through the `BufRead` it is given.

mod parts;
mod read;
mod revision;
mod time;
mod write;

use std::fmt;

use bytes::Bytes;
use jackdaw_common::DocumentId;

pub use parts::{
    AttachmentLine, CounterLine, SeriesLine, write_attachment, write_attachment_part,
    write_counter, write_series,
};
pub use read::{EntryLines, LINE_BYTES_MAX, LineError, LineProblem, Lines};
pub use revision::{RevisionLine, write_revision};
pub use time::read_time;
pub use write::{BodyNotJson, write_document};

/// A line and its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Numbered {
    /// The number of the line, 1 and up; empty lines count.
    pub number: u64,
    /// Bytes of the input up to the end of the line.
    pub bytes: u64,
    /// What it says.
    pub line: Line,
}

/// What one line says.
#[derive(Clone, Debug, PartialEq)]
pub enum Line {
    /// A document.
    Document(DocumentLine),
    /// An attachment of a document.
    Attachment(AttachmentLine),
    /// A counter of a document.
    Counter(CounterLine),
    /// A time series of a document, or a part of one.
    TimeSeries(SeriesLine),
    /// A revision of a document.
    Revision(Box<RevisionLine>),
    /// A kind that is not wanted: its content was not looked at.
    LeftOut(Kind),
}

/// A document as its line has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentLine {
    /// Its id.
    pub id: DocumentId,
    /// Its body: the bytes that stand in the line. A JSON object; not otherwise checked.
    pub body: Bytes,
}

/// The kind of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A document.
    Document,
    /// An attachment of a document.
    Attachment,
    /// A counter of a document.
    Counter,
    /// A time series of a document.
    TimeSeries,
    /// A revision of a document.
    Revision,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Document, Self::Attachment, Self::Counter, Self::TimeSeries, Self::Revision];

    /// The kind as a line names it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Document => "document",
            Self::Attachment => "attachment",
            Self::Counter => "counter",
            Self::TimeSeries => "time_series",
            Self::Revision => "revision",
        }
    }

    fn named(kind: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == kind)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests;
