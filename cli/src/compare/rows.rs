//! One end's stream as rows in strict id order, each whole: entries that go on with a document are
//! put together with it.

use std::collections::VecDeque;
use std::iter::Peekable;
use std::mem::take;

use futures_util::stream::Fuse;
use futures_util::{Stream, StreamExt as _};
use jackdaw_common::DocumentId;
use jackdaw_proto::documents::{
    ConflictVersion, Counter, Document, DocumentConflict, StreamDocumentsResponse,
    TimeSeriesSummary,
};
use tonic::Status;

use super::{CompareError, Side};

/// What stands at one id of one end.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) id: DocumentId,
    pub(super) content: Content,
    pub(super) counters: Vec<Counter>,
    pub(super) time_series: Vec<TimeSeriesSummary>,
}

/// A document, or its versions in conflict.
#[derive(Debug)]
pub(super) enum Content {
    Document(Box<Document>),
    Conflict(Vec<ConflictVersion>),
}

/// The rows of a stream.
pub(super) struct Rows<S> {
    side: Side,
    parts: Fuse<S>,
    waiting: VecDeque<Entry>,
    last: Option<DocumentId>,
}

/// An entry of a stream.
#[derive(Debug)]
struct Entry {
    row: Row,
    /// Whether it goes on with the row before it.
    continued: bool,
}

impl<S: Stream<Item = Result<StreamDocumentsResponse, Status>> + Unpin> Rows<S> {
    /// The rows of a stream that begins behind a document.
    pub(super) fn new(side: Side, parts: S, behind: Option<DocumentId>) -> Self {
        // The end is met again by whoever looks whether the last row goes on.
        Self { side, parts: parts.fuse(), waiting: VecDeque::new(), last: behind }
    }

    /// The next row; none at the end of the stream.
    pub(super) async fn next(&mut self) -> Result<Option<Row>, CompareError> {
        let side = self.side;
        let Some(Entry { mut row, continued }) = self.entry().await? else { return Ok(None) };
        if continued {
            return Err(CompareError::Continued { side, id: row.id });
        }
        if let Some(after) = self.last.replace(row.id.clone()).filter(|last| *last >= row.id) {
            return Err(CompareError::Order { side, id: row.id, after });
        }
        // Only the entry behind it says that a row is whole.
        while let Some(next) = self.entry().await? {
            if !next.continued || !row.goes_on_with(&next.row) {
                self.waiting.push_front(next);
                break;
            }
            row.counters.extend(next.row.counters);
            row.time_series.extend(next.row.time_series);
        }
        Ok(Some(row))
    }

    /// The next entry; none at the end of the stream.
    async fn entry(&mut self) -> Result<Option<Entry>, CompareError> {
        let side = self.side;
        while self.waiting.is_empty() {
            match self.parts.next().await {
                None => return Ok(None),
                Some(Ok(part)) => self.waiting = merged(part, side)?,
                Some(Err(status)) => {
                    return Err(CompareError::Read { side, status: Box::new(status) });
                }
            }
        }
        Ok(self.waiting.pop_front())
    }
}

impl Row {
    fn goes_on_with(&self, next: &Self) -> bool {
        self.id == next.id
            && matches!(
                (&self.content, &next.content),
                (Content::Document(_), Content::Document(_))
                    | (Content::Conflict(_), Content::Conflict(_))
            )
    }
}

/// The two lists of a part, each in id order, as one. A list that is not in order stays so and is
/// found by whoever reads on.
fn merged(part: StreamDocumentsResponse, side: Side) -> Result<VecDeque<Entry>, CompareError> {
    let mut rows = VecDeque::with_capacity(part.documents.len() + part.conflicts.len());
    let documents = part.documents.into_iter().map(|document| document_row(document, side));
    let conflicts = part.conflicts.into_iter().map(|conflict| conflict_row(conflict, side));
    let (mut documents, mut conflicts) = (documents.peekable(), conflicts.peekable());
    while let Some(row) = first(&mut documents, &mut conflicts) {
        rows.push_back(row?);
    }
    Ok(rows)
}

type Read = Result<Entry, CompareError>;

/// Takes from that of two lists whose next id is the lower; an error counts as lowest.
fn first(
    left: &mut Peekable<impl Iterator<Item = Read>>,
    right: &mut Peekable<impl Iterator<Item = Read>>,
) -> Option<Read> {
    let right_is_first = match (left.peek(), right.peek()) {
        (None, _) => true,
        (Some(Ok(left)), Some(Ok(right))) => right.row.id < left.row.id,
        (Some(_), right) => matches!(right, Some(Err(_))),
    };
    if right_is_first { right.next() } else { left.next() }
}

fn document_row(mut document: Document, side: Side) -> Read {
    let (id, continued) = (id(&document.id, side)?, document.continued);
    let (counters, time_series) = (take(&mut document.counters), take(&mut document.time_series));
    let content = Content::Document(Box::new(document));
    Ok(Entry { row: Row { id, content, counters, time_series }, continued })
}

fn conflict_row(conflict: DocumentConflict, side: Side) -> Read {
    let id = id(&conflict.id, side)?;
    let DocumentConflict { versions, counters, time_series, continued, .. } = conflict;
    let content = Content::Conflict(versions);
    Ok(Entry { row: Row { id, content, counters, time_series }, continued })
}

fn id(text: &str, side: Side) -> Result<DocumentId, CompareError> {
    DocumentId::new(text).map_err(|error| CompareError::Id { side, error })
}
