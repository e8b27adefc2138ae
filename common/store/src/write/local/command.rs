//! What a client may ask for, one step of a transaction at a time.

use std::sync::Arc;

use bytes::Bytes;
use jackdaw_common::{
    AttachmentName, BlobHash, ChangeVector, Collection, Content, ContentType, CounterName,
    DocumentId, KeptParts, Timestamp,
    item::series::{NewEntry, SeriesName, Span},
};

use crate::contents::Staged;

/// The vector a document must have for a write to go on; empty: it must not exist.
pub type Expected = Option<ChangeVector>;

/// One step of a transaction.
#[derive(Clone, Debug)]
pub enum Command {
    /// Creates or replaces a document.
    Put {
        /// Its id.
        id: NewId,
        /// Its collection.
        collection: Collection,
        /// Its JSON.
        body: Bytes,
        /// What must be there.
        expected: Expected,
    },
    /// Deletes a document; one that does not exist stays so.
    Delete {
        /// Its id.
        id: DocumentId,
        /// What must be there.
        expected: Expected,
    },
    /// Attaches a content to a live document, in the place of what has that name.
    PutAttachment {
        /// The document.
        id: DocumentId,
        /// Name of the attachment.
        name: AttachmentName,
        /// What the client says the content is.
        content_type: ContentType,
        /// The content.
        content: NewContent,
        /// What the document must have.
        expected: Expected,
    },
    /// Removes an attachment; one that does not exist stays so.
    DeleteAttachment {
        /// The document.
        id: DocumentId,
        /// Name of the attachment.
        name: AttachmentName,
        /// What the document must have.
        expected: Expected,
    },
    /// Adds to a counter of a live document; one that does not exist begins with 0.
    Increment {
        /// The document.
        id: DocumentId,
        /// Name of the counter.
        name: CounterName,
        /// What is added.
        delta: i64,
    },
    /// Deletes a counter; one that does not exist stays so.
    DeleteCounter {
        /// The document.
        id: DocumentId,
        /// Name of the counter.
        name: CounterName,
    },
    /// Puts entries into a time series of a live document, each in the place of what is there at
    /// its time; in an incremental series it adds to that.
    Append {
        /// The document.
        id: DocumentId,
        /// Name of the series.
        name: SeriesName,
        /// In any order.
        entries: Vec<NewEntry>,
    },
    /// Deletes the entries of a time series within a span; where there are none nothing happens.
    DeleteSpan {
        /// The document.
        id: DocumentId,
        /// Name of the series.
        name: SeriesName,
        /// From the first time to the last one.
        span: Span,
    },
    /// Puts a version among the revisions of a document, whatever is configured; the document
    /// stays as it is. One that is there already, of the same time and with the same content, is
    /// not put again.
    PutRevision(Box<NewRevision>),
}

/// A content that a command attaches.
#[derive(Clone, Debug)]
pub enum NewContent {
    /// One that was staged.
    Staged(Arc<Staged>),
    /// One that something in the database has, or that an earlier command brings.
    Held(BlobHash),
}

impl NewRevision {
    fn bytes(&self) -> usize {
        let contents = self.attachments.iter().map(|it| it.content.inline_bytes() + 1024);
        256 + self.content.bytes() + self.parts.bytes() + contents.sum::<usize>()
    }
}

impl NewContent {
    /// Its hash.
    pub fn hash(&self) -> BlobHash {
        match self {
            Self::Staged(staged) => staged.hash(),
            Self::Held(hash) => *hash,
        }
    }

    /// Bytes of it that are in memory.
    fn inline_bytes(&self) -> usize {
        match self {
            Self::Staged(staged) => staged.inline_bytes(),
            Self::Held(_) => 0,
        }
    }
}

impl From<Arc<Staged>> for NewContent {
    fn from(staged: Arc<Staged>) -> Self {
        Self::Staged(staged)
    }
}

/// A version that is put among the revisions of a document.
#[derive(Clone, Debug)]
pub struct NewRevision {
    /// The document. It need not exist.
    pub id: DocumentId,
    /// The version's collection.
    pub collection: Collection,
    /// Its JSON, or that it is a deletion.
    pub content: Content,
    /// When a client last changed it.
    pub last_modified: Timestamp,
    /// What was attached to it.
    pub attachments: Vec<NewAttachment>,
    /// What the document had beside its body.
    pub parts: KeptParts,
}

/// An attachment of a version that is put among the revisions.
#[derive(Clone, Debug)]
pub struct NewAttachment {
    /// Its name.
    pub name: AttachmentName,
    /// What the content is said to be.
    pub content_type: ContentType,
    /// The content.
    pub content: NewContent,
}

impl Command {
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Put { body, .. } => body.len() + 256,
            Self::Delete { .. }
            | Self::DeleteAttachment { .. }
            | Self::Increment { .. }
            | Self::DeleteCounter { .. }
            | Self::DeleteSpan { .. } => 256,
            Self::Append { entries, .. } => {
                256 + entries.iter().map(NewEntry::bytes).sum::<usize>()
            }
            Self::PutAttachment { content, .. } => content.inline_bytes() + 1024,
            Self::PutRevision(revision) => revision.bytes(),
        }
    }
}

/// The id of a put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NewId {
    /// As the client gave it.
    Given(DocumentId),
    /// The client gave `users/`: completed with the etag, 19 digits, and the database's tag.
    Etag(DocumentId),
    /// The client gave `users|`: completed with a number counted for it, and the database's tag.
    Number(DocumentId),
}

impl NewId {
    /// How an id that a client gave is meant.
    pub fn parse(id: DocumentId) -> Self {
        if id.as_str().ends_with('/') {
            Self::Etag(id)
        } else if id.as_str().ends_with('|') {
            Self::Number(id)
        } else {
            Self::Given(id)
        }
    }
}
