//! Lines in.

use std::borrow::Cow;
use std::io::{self, BufRead, Read as _};

use base64::DecodeError;
use bytes::Bytes;
use jackdaw_common::DocumentId;
use jackdaw_common::id::DocumentIdError;
use jackdaw_proto::documents::TimeSeriesEntry;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use thiserror::Error;

use super::{DocumentLine, Kind, Line, Numbered, parts, revision};

/// Bytes of a line at most: four of the largest bodies, so that one in a string with every byte
/// escaped, or an attachment of 48 MiB in base64, still fits; memory is held for one line.
pub const LINE_BYTES_MAX: usize = 4 * jackdaw_common::limits::DOCUMENT_BYTES_MAX;

/// The lines of an input, in order. Ends after the first error.
///
/// Empty lines are passed over, and counted. A byte-order mark before the first line and a
/// carriage return at the end of one are harmless.
#[derive(Debug)]
pub struct Lines<R> {
    texts: Texts<R>,
    only_documents: bool,
    /// The attachment that the next line must go on with.
    begun: Option<Begun>,
}

/// An attachment of which not all lines have come.
#[derive(Debug)]
struct Begun {
    document: String,
    name: String,
    /// Bytes of its content that have come.
    offset: u64,
}

impl<R: BufRead> Lines<R> {
    /// The lines of this input.
    pub fn new(input: R) -> Self {
        Self { texts: Texts::new(input), only_documents: false, begun: None }
    }

    /// The same, but that of other kinds than documents only the kind is looked at.
    #[must_use]
    pub fn only_documents(self, only_documents: bool) -> Self {
        Self { only_documents, ..self }
    }
}

impl<R: BufRead> Iterator for Lines<R> {
    type Item = Result<Numbered, LineError>;

    fn next(&mut self) -> Option<Self::Item> {
        let only_documents = self.only_documents;
        loop {
            let Some((number, line)) = self.texts.next_as(|line| parse(line, only_documents))
            else {
                // What is cut short is told at the line that is missing.
                let number = self.texts.number + 1;
                self.begun.take()?;
                return Some(Err(LineError { number, problem: LineProblem::AttachmentCut }));
            };
            let bytes = self.texts.bytes_read;
            let line = line.and_then(|line| line.map(|line| self.in_place(line)).transpose());
            match line {
                Ok(None) => {}
                Ok(Some(line)) => return Some(Ok(Numbered { number, bytes, line })),
                Err(problem) => {
                    (self.texts.ended, self.begun) = (true, None);
                    return Some(Err(LineError { number, problem }));
                }
            }
        }
    }
}

impl<R> Lines<R> {
    /// The line, if it may stand behind the one before it.
    fn in_place(&mut self, line: Line) -> Result<Line, LineProblem> {
        let begun = self.begun.take();
        let Line::Attachment(part) = &line else {
            return begun.map_or(Ok(line), |_| Err(LineProblem::AttachmentCut));
        };
        match &begun {
            None if part.offset > 0 => return Err(LineProblem::AttachmentOffset),
            Some(begun) => {
                let same = (&begun.document, &begun.name) == (&part.document, &part.name);
                if !same || part.offset == 0 {
                    return Err(LineProblem::AttachmentCut);
                }
                if part.offset != begun.offset {
                    return Err(LineProblem::AttachmentOffset);
                }
            }
            None => {}
        }
        self.begun = part.more.then(|| Begun {
            document: part.document.clone(),
            name: part.name.clone(),
            offset: part.offset + part.content.len() as u64,
        });
        Ok(line)
    }
}

/// The entries of a time series that an input has, one a line, each with the number of its line.
/// Otherwise as [`Lines`].
#[derive(Debug)]
pub struct EntryLines<R>(Texts<R>);

impl<R: BufRead> EntryLines<R> {
    /// The entries of this input.
    pub fn new(input: R) -> Self {
        Self(Texts::new(input))
    }
}

impl<R: BufRead> Iterator for EntryLines<R> {
    type Item = Result<(u64, TimeSeriesEntry), LineError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (number, entry) = self.0.next_as(|line| parts::read_entry(utf8(&line)?))?;
        Some(match entry {
            Ok(entry) => Ok((number, entry)),
            Err(problem) => Err(LineError { number, problem }),
        })
    }
}

/// The texts of lines, each of bounded length.
#[derive(Debug)]
struct Texts<R> {
    input: R,
    number: u64,
    bytes_read: u64,
    ended: bool,
}

impl<R: BufRead> Texts<R> {
    fn new(input: R) -> Self {
        Self { input, number: 0, bytes_read: 0, ended: false }
    }

    /// The next line that is not empty, read by `parse`, with its number; none at the end, and
    /// after an error.
    fn next_as<T>(
        &mut self,
        parse: impl FnOnce(Bytes) -> Result<T, LineProblem>,
    ) -> Option<(u64, Result<T, LineProblem>)> {
        if self.ended {
            return None;
        }
        let next = self.next_line().and_then(|line| line.map(parse).transpose());
        self.ended = !matches!(next, Ok(Some(_)));
        let number = match &next {
            // The line that could not be read is the one after the last.
            Err(LineProblem::Read(_)) => self.number + 1,
            _ => self.number,
        };
        next.transpose().map(|next| (number, next))
    }

    fn next_line(&mut self) -> Result<Option<Bytes>, LineProblem> {
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
                return Ok(Some(Bytes::from(line)));
            }
        }
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
    #[error(
        "unknown kind {kind:?}; known are document, attachment, counter, time_series and revision"
    )]
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
    /// A revision has no body and is no deletion, or is both, or has two bodies.
    #[error(
        "a revision has exactly one of \"body\", \"body_text\" and \"deleted\", and only a \
         deletion has a \"collection\" and no attachments"
    )]
    RevisionBody,
    /// An attachment of a revision has no content, or two.
    #[error("an attachment of a revision has exactly one of \"data_base64\" and \"hash\"")]
    RevisionContent,
    /// The body of a document is JSON, but not an object.
    #[error("the body is not a JSON object")]
    BodyNotObject,
    /// The content of an attachment is not base64.
    #[error("the content of the attachment is not base64: {0}")]
    Base64(#[from] DecodeError),
    /// The first of several lines of an attachment does not say how large it is, or another does.
    #[error("of several lines of an attachment the first has its \"size\", and no other has")]
    AttachmentSize,
    /// An attachment has further lines, which do not come.
    #[error("the attachment of the line before goes on, but its next part does not stand here")]
    AttachmentCut,
    /// A part of an attachment does not follow what came of it.
    #[error("\"offset\" is not how many bytes of the attachment stand in the lines before")]
    AttachmentOffset,
    /// A time series has nothing to say.
    #[error("a time series has at least one entry")]
    NoEntries,
    /// The time of an entry is not one.
    #[error("{text:?} is not a time as RFC 3339 writes it, to milliseconds and with an offset")]
    Time {
        /// What stands there.
        text: String,
    },
    /// When a revision was written is not a time.
    #[error("{text:?} is not a time as RFC 3339 writes it, to microseconds and with an offset")]
    LastModified {
        /// What stands there.
        text: String,
    },
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
struct Named<'a> {
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

fn utf8(line: &Bytes) -> Result<&str, LineProblem> {
    std::str::from_utf8(line).map_err(|error| LineProblem::NotUtf8 { at: error.valid_up_to() })
}

/// What a line says; nothing where it goes on with one that is left out.
fn parse(line: Bytes, only_documents: bool) -> Result<Option<Line>, LineProblem> {
    let text = utf8(&line)?;
    // The derived readers would take an array of the fields' values for an object.
    if !text.trim_ascii_start().starts_with('{') {
        return Err(LineProblem::NotObject);
    }
    let name = serde_json::from_str::<Named<'_>>(text)?.kind;
    let Some(kind) = Kind::named(&name) else {
        return Err(LineProblem::UnknownKind { kind: name.into_owned() });
    };
    let line = match kind {
        Kind::Document => document(&line, text),
        Kind::Attachment if only_documents && parts::goes_on(text)? => return Ok(None),
        _ if only_documents => Ok(Line::LeftOut(kind)),
        Kind::Attachment => parts::attachment(text).map(Line::Attachment),
        Kind::Counter => parts::counter(text).map(Line::Counter),
        Kind::TimeSeries => parts::series(text).map(Line::TimeSeries),
        Kind::Revision => revision::read(&line, text).map(|it| Line::Revision(Box::new(it))),
    };
    line.map(Some)
}

/// Reads a document from `text`, which is all of `line`.
fn document(line: &Bytes, text: &str) -> Result<Line, LineProblem> {
    let document: Document<'_> = serde_json::from_str(text)?;
    let id = DocumentId::new(&document.id)?;
    let body = body(line, document.body, document.body_text)?.ok_or(LineProblem::Body)?;
    Ok(Line::Document(DocumentLine { id, body }))
}

/// A body of the line, in either form; none where it stands there in both or in none.
pub(super) fn body(
    line: &Bytes,
    body: Option<&RawValue>,
    text: Option<String>,
) -> Result<Option<Bytes>, LineProblem> {
    let body = match (body, text) {
        (Some(body), None) => line.slice_ref(body.get().as_bytes()),
        (None, Some(text)) => {
            // Its own parser's position is of no use to who reads the line.
            serde_json::from_str::<&RawValue>(&text)?;
            Bytes::from(text)
        }
        _ => return Ok(None),
    };
    if body.trim_ascii_start().starts_with(b"{") {
        Ok(Some(body))
    } else {
        Err(LineProblem::BodyNotObject)
    }
}
