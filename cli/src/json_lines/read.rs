//! Lines in.

use std::borrow::Cow;
use std::io::{self, BufRead, Read as _};

use bytes::Bytes;
use jackdaw_common::DocumentId;
use jackdaw_common::id::DocumentIdError;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use thiserror::Error;

use super::{DOCUMENT, DocumentLine, Line, Numbered, OtherKind};

/// Bytes of a line at most: four of the largest bodies, so that one in a string with every byte
/// escaped, or an attachment of 48 MiB in base64, still fits; memory is held for one line.
pub const LINE_BYTES_MAX: usize = 4 * jackdaw_common::limits::DOCUMENT_BYTES_MAX;

/// The lines of an input, in order. Ends after the first error.
///
/// Empty lines are passed over, and counted. A byte-order mark before the first line and a
/// carriage return at the end of one are harmless.
#[derive(Debug)]
pub struct Lines<R> {
    input: R,
    number: u64,
    bytes_read: u64,
    ended: bool,
}

impl<R: BufRead> Lines<R> {
    /// The lines of this input.
    pub fn new(input: R) -> Self {
        Self { input, number: 0, bytes_read: 0, ended: false }
    }

    fn next_line(&mut self) -> Result<Option<Line>, LineProblem> {
        loop {
            let mut line = Vec::new();
            let mut bounded = (&mut self.input).take(LINE_BYTES_MAX as u64 + 1);
            let read = bounded.read_until(b'\n', &mut line).map_err(LineProblem::Read)?;
            if read == 0 {
                return Ok(None);
            }
            self.number += 1;
            self.bytes_read += read as u64;
            if read > LINE_BYTES_MAX {
                return Err(LineProblem::TooLong);
            }
            if self.number == 1 && line.starts_with(BYTE_ORDER_MARK) {
                line.drain(..BYTE_ORDER_MARK.len());
            }
            if !line.iter().all(u8::is_ascii_whitespace) {
                return parse(Bytes::from(line)).map(Some);
            }
        }
    }
}

impl<R: BufRead> Iterator for Lines<R> {
    type Item = Result<Numbered, LineError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.next_line();
        self.ended = !matches!(next, Ok(Some(_)));
        let number = match &next {
            // The line that could not be read is the one after the last.
            Err(LineProblem::Read(_)) => self.number + 1,
            _ => self.number,
        };
        let bytes = self.bytes_read;
        let place = |line: Option<Line>| line.map(|line| Numbered { number, bytes, line });
        next.map(place).map_err(|problem| LineError { number, problem }).transpose()
    }
}

/// A line is not what it should be.
#[derive(Debug, Error)]
#[error("line {number}: {problem}")]
pub struct LineError {
    /// The number of the line, 1 and up.
    pub number: u64,
    /// What is wrong with it.
    pub problem: LineProblem,
}

/// What is wrong with a line.
#[derive(Debug, Error)]
pub enum LineProblem {
    /// The input could not be read.
    #[error("cannot be read: {0}")]
    Read(io::Error),
    /// More bytes than a line may have.
    #[error("longer than {LINE_BYTES_MAX} bytes")]
    TooLong,
    /// Bytes that are not UTF-8.
    #[error("not UTF-8 at byte {at}")]
    NotUtf8 {
        /// The first byte that is not, counted from 0.
        at: usize,
    },
    /// Something else than a JSON object.
    #[error("not a JSON object")]
    NotObject,
    /// Not one JSON object of the shape that its kind has.
    #[error("{message} (column {column})")]
    Json {
        /// What the parser says.
        message: String,
        /// Where, counted from 1.
        column: usize,
    },
    /// A kind that the format does not have.
    #[error("unknown kind {kind:?}; known are document, attachment, counter and time_series")]
    UnknownKind {
        /// The kind.
        kind: String,
    },
    /// A document's id is not one.
    #[error("{0}")]
    Id(#[from] DocumentIdError),
    /// A document has no body, or two.
    #[error("a document has exactly one of \"body\" and \"body_text\"")]
    Body,
    /// The body of a document is JSON, but not an object.
    #[error("the body is not a JSON object")]
    BodyNotObject,
}

impl From<serde_json::Error> for LineProblem {
    fn from(error: serde_json::Error) -> Self {
        let text = error.to_string();
        // The parser counts lines too, but only ever sees one.
        let message = text.rsplit_once(" at line ").map_or(&*text, |(message, _)| message);
        Self::Json { message: message.to_owned(), column: error.column() }
    }
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What every line has.
#[derive(Deserialize)]
struct Kind<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
}

/// What a document's line has. A field that is none of these would be lost: it is an error.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document<'a> {
    #[serde(rename = "kind")]
    _kind: IgnoredAny,
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    body: Option<&'a RawValue>,
    body_text: Option<String>,
}

fn parse(line: Bytes) -> Result<Line, LineProblem> {
    let text = std::str::from_utf8(&line)
        .map_err(|error| LineProblem::NotUtf8 { at: error.valid_up_to() })?;
    // The derived readers would take an array of the fields' values for an object.
    if !text.trim_ascii_start().starts_with('{') {
        return Err(LineProblem::NotObject);
    }
    let kind = serde_json::from_str::<Kind<'_>>(text)?.kind;
    if kind != DOCUMENT {
        let known = OtherKind::named(&kind).map(Line::Other);
        return known.ok_or_else(|| LineProblem::UnknownKind { kind: kind.into_owned() });
    }
    let document: Document<'_> = serde_json::from_str(text)?;
    let id = DocumentId::new(&document.id)?;
    let body = match (document.body, document.body_text) {
        (Some(body), None) => line.slice_ref(body.get().as_bytes()),
        (None, Some(text)) => {
            // Its own parser's position is of no use to who reads the line.
            serde_json::from_str::<&RawValue>(&text)?;
            Bytes::from(text)
        }
        _ => return Err(LineProblem::Body),
    };
    if body.trim_ascii_start().starts_with(b"{") {
        Ok(Line::Document(DocumentLine { id, body }))
    } else {
        Err(LineProblem::BodyNotObject)
    }
}
