//! A client's transaction: puts and deletes in order, all or none.
//!
//! Each put mints an entry of this database over everything the document and the database have
//! seen, so it ends whatever conflict there was (semantics 1.7.1, 6.7).

use std::sync::Arc;

use bytes::Bytes;
use jackdaw_common::{
    AttachmentName, Attachments, ChangeVector, Collection, Content, ContentType, DocumentId, Entry,
    Etag, NodeTag, Timestamp, Version,
    conflict::local_base,
    item::attachment::AttachmentsError,
    limits::{TRANSACTION_BLOBS_MAX, TRANSACTION_ENCODED_BYTES_MAX},
};
use thiserror::Error;

use super::{
    attaching::{Attaching, attach, attachments, detach},
    work::{Present, Work, corrupt},
};
use crate::{
    contents::Staged,
    error::StoreError,
    keys::{self, RecordKind},
    tables::codec::{RowError, RowReader, RowWriter},
};

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
        content: Arc<Staged>,
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
}

impl Command {
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Put { body, .. } => body.len() + 256,
            Self::Delete { .. } | Self::DeleteAttachment { .. } => 256,
            Self::PutAttachment { content, .. } => content.content().len() + 1024,
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

/// What one command wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The document, its id completed where it was generated.
    pub id: DocumentId,
    /// Its new vector; empty when nothing was written.
    pub vector: ChangeVector,
    /// Its new etag; zero when nothing was written.
    pub etag: Etag,
}

/// Why a transaction was not carried out. Nothing of it was written.
#[derive(Clone, Debug, Error)]
pub enum TransactError {
    /// A document does not have the vector that a command expected.
    #[error("command {command}: {id} has change vector {actual:?}, not {expected:?}")]
    Mismatch {
        /// Which command, counted from zero.
        command: usize,
        /// Which document.
        id: DocumentId,
        /// What was expected; empty: that it does not exist.
        expected: ChangeVector,
        /// What it has; empty: it does not exist; in conflict: the merge of its versions.
        actual: ChangeVector,
    },
    /// A generated id would be longer than an id may be.
    #[error("command {command}: no id can be generated from {id}: {why}")]
    Generated {
        /// Which command, counted from zero.
        command: usize,
        /// What the client gave.
        id: DocumentId,
        /// What is wrong with the completed id.
        why: String,
    },
    /// With ids and change vectors it is larger than what a destination takes as one.
    #[error("the transaction takes {bytes} bytes encoded, more than {max}")]
    TooLarge {
        /// What it takes.
        bytes: usize,
        /// What one may take.
        max: usize,
    },
    /// There is no such document to attach something to.
    #[error("command {command}: there is no document {id}")]
    NoDocument {
        /// Which command, counted from zero.
        command: usize,
        /// Which document.
        id: DocumentId,
    },
    /// The document is in conflict: which version something is attached to is for a put to say.
    #[error("command {command}: document {id} is in conflict")]
    InConflict {
        /// Which command, counted from zero.
        command: usize,
        /// Which document.
        id: DocumentId,
    },
    /// More would be attached to the document than may be.
    #[error("command {command}: document {id}: {error}")]
    Attachments {
        /// Which command, counted from zero.
        command: usize,
        /// Which document.
        id: DocumentId,
        /// What is too much.
        error: AttachmentsError,
    },
    /// It refers to more contents than a destination takes as one.
    #[error("the transaction refers to {contents} contents, more than {max}")]
    TooManyContents {
        /// To how many.
        contents: usize,
        /// To how many it may.
        max: usize,
    },
    /// The database cannot write.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Carries out a client's transaction.
pub(crate) fn transact(
    work: &mut Work<'_>,
    commands: Vec<Command>,
    now: Timestamp,
) -> Result<Vec<Written>, TransactError> {
    work.begin(now);
    let mut written = Vec::with_capacity(commands.len());
    for (command, step) in commands.into_iter().enumerate() {
        written.push(match step {
            Command::Put { id, collection, body, expected } => {
                let id = complete(work, command, id)?;
                let present = work.present(&id)?;
                check(command, &id, &present, expected)?;
                // The casing of the first write stays.
                let id = present.live().map_or(id, |head| head.id.clone());
                if let Err(error) = attachments(&present).check() {
                    return Err(TransactError::Attachments { command, id, error });
                }
                put(work, &present, id, collection, Content::Document(body), now)?
            }
            Command::Delete { id, expected } => {
                let present = work.present(&id)?;
                check(command, &id, &present, expected)?;
                delete(work, &present, id, now)?
            }
            Command::PutAttachment { id, name, content_type, content, expected } => {
                let present = work.present(&id)?;
                check(command, &id, &present, expected)?;
                let new = Attaching { name, content_type, content };
                attach(work, command, &present, id, new, now)?
            }
            Command::DeleteAttachment { id, name, expected } => {
                let present = work.present(&id)?;
                check(command, &id, &present, expected)?;
                detach(work, command, &present, id, &name, now)?
            }
        });
        let (bytes, max) = (work.encoded_bytes(), TRANSACTION_ENCODED_BYTES_MAX);
        if bytes > max {
            return Err(TransactError::TooLarge { bytes, max });
        }
    }
    let (contents, max) = (work.contents(), TRANSACTION_BLOBS_MAX);
    if contents > max {
        return Err(TransactError::TooManyContents { contents, max });
    }
    Ok(written)
}

fn put(
    work: &mut Work<'_>,
    present: &Present,
    id: DocumentId,
    collection: Collection,
    content: Content,
    now: Timestamp,
) -> Result<Written, StoreError> {
    let (vector, minted) = minted(work, present)?;
    let deleted = content.is_tombstone();
    let attachments = if deleted { Attachments::default() } else { attachments(present) };
    let version = Version { id, collection, vector, last_modified: now, content, attachments };
    let hash = version.content_hash();
    let head = work.replace(present, version, hash, Some(minted))?;
    Ok(Written { id: head.id, vector: head.seen.vector, etag: head.etag })
}

fn delete(
    work: &mut Work<'_>,
    present: &Present,
    id: DocumentId,
    now: Timestamp,
) -> Result<Written, StoreError> {
    if present.live().is_none() && !present.is_conflict() {
        return Ok(Written { id, vector: ChangeVector::empty(), etag: Etag::ZERO });
    }
    let newest = present.heads.iter().max_by_key(|head| head.etag);
    let (id, collection) = newest.map_or_else(
        || (id, Collection::default()),
        |head| (head.id.clone(), head.collection.clone()),
    );
    put(work, present, id, collection, Content::Tombstone, now)
}

/// The vector of a local write.
pub(super) fn minted(
    work: &mut Work<'_>,
    present: &Present,
) -> Result<(ChangeVector, Entry), StoreError> {
    let mut vector = local_base(&present.heads, &work.header.vector);
    let entry = work.mint()?;
    vector.raise(entry);
    Ok((vector, entry))
}

fn check(
    command: usize,
    id: &DocumentId,
    present: &Present,
    expected: Expected,
) -> Result<(), TransactError> {
    let Some(expected) = expected else { return Ok(()) };
    let exists = present.live().is_some() || present.is_conflict();
    let actual = if exists {
        local_base(&present.heads, &ChangeVector::empty())
    } else {
        ChangeVector::empty()
    };
    if actual == expected {
        return Ok(());
    }
    Err(TransactError::Mismatch { command, id: id.clone(), expected, actual })
}

/// The id a put writes: as given, or completed so that no other database generates it too, and so
/// that it is nobody's yet.
fn complete(work: &mut Work<'_>, command: usize, id: NewId) -> Result<DocumentId, TransactError> {
    let tag = NodeTag::derived(work.header.incarnation);
    match id {
        NewId::Given(id) => Ok(id),
        NewId::Etag(id) => {
            let number = format!("{}{:019}", id.as_str(), work.next_etag()?.get());
            // A client may have written that very id, and those behind it.
            let mut again = 1_u64;
            loop {
                let text = match again {
                    1 => format!("{number}-{tag}"),
                    more => format!("{number}.{more}-{tag}"),
                };
                let candidate = generated(command, id.clone(), &text)?;
                if is_free(work, &candidate)? {
                    return Ok(candidate);
                }
                again += 1;
            }
        }
        NewId::Number(id) => loop {
            let number = count(work, &id)?;
            // One "|" only: "a|" and "a||" are counted apart and must not come out the same.
            let prefix = id.as_str().strip_suffix('|').unwrap_or(id.as_str());
            let text = format!("{prefix}/{number}-{tag}");
            let candidate = generated(command, id.clone(), &text)?;
            // A client may have written that very id; the next number is free, or the one after.
            if is_free(work, &candidate)? {
                return Ok(candidate);
            }
        },
    }
}

/// Whether there is no document under an id.
fn is_free(work: &Work<'_>, id: &DocumentId) -> Result<bool, StoreError> {
    let present = work.present(id)?;
    Ok(present.live().is_none() && !present.is_conflict())
}

fn generated(command: usize, given: DocumentId, text: &str) -> Result<DocumentId, TransactError> {
    text.parse().map_err(|error: jackdaw_common::id::DocumentIdError| TransactError::Generated {
        command,
        id: given,
        why: error.to_string(),
    })
}

/// The next number for ids that begin with `prefix`.
fn count(work: &mut Work<'_>, prefix: &DocumentId) -> Result<u64, StoreError> {
    let key = keys::record(RecordKind::Identity, prefix.key().as_bytes());
    let last = match work.small(keys::RECORDS, &key)? {
        Some(row) => read_number(row).map_err(|error| corrupt(keys::RECORDS, &key, error))?,
        None => 0,
    };
    let mut row = RowWriter::new(10);
    row.varint(last + 1);
    work.set_small(keys::RECORDS, key, Some(row.seal()));
    Ok(last + 1)
}

fn read_number(row: Bytes) -> Result<u64, RowError> {
    let mut row = RowReader::open(row)?;
    let number = row.varint()?;
    row.close()?;
    Ok(number)
}
