//! One end's stream as rows in strict id order.

use std::collections::VecDeque;
use std::iter::Peekable;

use futures_util::{Stream, StreamExt as _};
use jackdaw_common::DocumentId;
use jackdaw_proto::documents::{
    ConflictVersion, Document, DocumentConflict, StreamDocumentsResponse,
};
use tonic::Status;

use super::{CompareError, Side};

/// What stands at one id of one end.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) id: DocumentId,
    pub(super) content: Content,
}

/// A document, or its versions in conflict.
#[derive(Debug)]
pub(super) enum Content {
    Document(Document),
    Conflict(Vec<ConflictVersion>),
}

/// The rows of a stream.
pub(super) struct Rows<S> {
    side: Side,
    parts: S,
    waiting: VecDeque<Row>,
    last: Option<DocumentId>,
}

impl<S: Stream<Item = Result<StreamDocumentsResponse, Status>> + Unpin> Rows<S> {
    pub(super) fn new(side: Side, parts: S) -> Self {
        Self { side, parts, waiting: VecDeque::new(), last: None }
    }

    /// The next row; none at the end of the stream.
    pub(super) async fn next(&mut self) -> Result<Option<Row>, CompareError> {
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
        let Some(row) = self.waiting.pop_front() else { return Ok(None) };
        if let Some(after) = self.last.replace(row.id.clone()).filter(|last| *last >= row.id) {
            return Err(CompareError::Order { side, id: row.id, after });
        }
        Ok(Some(row))
    }
}

/// The two lists of a part, each in id order, as one. A list that is not in order stays so and is
/// found by whoever reads on.
fn merged(part: StreamDocumentsResponse, side: Side) -> Result<VecDeque<Row>, CompareError> {
    let mut rows = VecDeque::with_capacity(part.documents.len() + part.conflicts.len());
    let documents = part.documents.into_iter().map(|document| document_row(document, side));
    let conflicts = part.conflicts.into_iter().map(|conflict| conflict_row(conflict, side));
    let (mut documents, mut conflicts) = (documents.peekable(), conflicts.peekable());
    while let Some(row) = first(&mut documents, &mut conflicts) {
        rows.push_back(row?);
    }
    Ok(rows)
}

type Read = Result<Row, CompareError>;

/// Takes from that of two lists whose next id is the lower; an error counts as lowest.
fn first(
    left: &mut Peekable<impl Iterator<Item = Read>>,
    right: &mut Peekable<impl Iterator<Item = Read>>,
) -> Option<Read> {
    let right_is_first = match (left.peek(), right.peek()) {
        (None, _) => true,
        (Some(Ok(left)), Some(Ok(right))) => right.id < left.id,
        (Some(_), right) => matches!(right, Some(Err(_))),
    };
    if right_is_first { right.next() } else { left.next() }
}

fn document_row(document: Document, side: Side) -> Read {
    let id = id(&document.id, side)?;
    Ok(Row { id, content: Content::Document(document) })
}

fn conflict_row(conflict: DocumentConflict, side: Side) -> Read {
    let id = id(&conflict.id, side)?;
    Ok(Row { id, content: Content::Conflict(conflict.versions) })
}

fn id(text: &str, side: Side) -> Result<DocumentId, CompareError> {
    DocumentId::new(text).map_err(|error| CompareError::Id { side, error })
}
