//! A client's transaction: commands in order, all or none. Beside it what clients write that is no
//! change and never travels.
//!
//! Each put mints an entry of this database over everything the document and the database have
//! seen, so it ends whatever conflict there was (semantics 1.7.1, 6.7).

mod appending;
mod attaching;
mod command;
mod counting;
mod exchanging;
mod generated;
mod identities;
mod minting;
mod numbers;
mod revising;

use jackdaw_common::{
    Attachments, BlobHash, ChangeVector, Collection, Content, CounterName, DocumentId, Etag,
    Timestamp, Version,
    conflict::local_base,
    item::attachment::AttachmentsError,
    limits::{TRANSACTION_BLOBS_MAX, TRANSACTION_ENCODED_BYTES_MAX, TRANSACTION_ROWS_MAX},
};
use thiserror::Error;

use super::work::{Present, Work};
use crate::{error::StoreError, tables::parts::PartHead};
use attaching::{Attaching, attach, attachments, detach};
pub use command::{Command, Expected, NewAttachment, NewContent, NewId, NewRevision};
pub(crate) use exchanging::exchange;
pub use exchanging::{Exchange, ExchangeError, Exchanged};
use generated::complete;
pub use identities::Numbering;
pub(crate) use identities::number;
use minting::{Draft, Minting};

/// What one command wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The document, its id completed where it was generated.
    pub id: DocumentId,
    /// Its new vector; empty when nothing was written.
    pub vector: ChangeVector,
    /// Its new etag; zero when nothing was written.
    pub etag: Etag,
    /// What a counter has come to by an increment, unless others have taken it beyond 64 bits.
    pub value: Option<i64>,
}

impl Written {
    fn nothing(id: DocumentId) -> Self {
        Self { id, vector: ChangeVector::empty(), etag: Etag::ZERO, value: None }
    }
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
    /// It writes more rows than a destination takes as one.
    #[error("the transaction writes {rows} rows, more than {max}")]
    TooManyRows {
        /// How many.
        rows: usize,
        /// How many it may.
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
    /// A content that is named by its hash is not there.
    #[error("command {command}: document {id}: the database has no content {hash}")]
    NoContent {
        /// Which command, counted from zero.
        command: usize,
        /// Which document it is for.
        id: DocumentId,
        /// Which content.
        hash: BlobHash,
    },
    /// A revision is said to have been written later than now.
    #[error("command {command}: a revision of document {id} is of {last_modified}, it is {now}")]
    RevisionAhead {
        /// Which command, counted from zero.
        command: usize,
        /// Which document.
        id: DocumentId,
        /// When it is said to have been written.
        last_modified: Timestamp,
        /// The time of the database.
        now: Timestamp,
    },
    /// A document has as many revisions of one time as clients may put.
    #[error("command {command}: document {id} has too many revisions of {last_modified}")]
    RevisionsAtOnce {
        /// Which command, counted from zero.
        command: usize,
        /// Which document.
        id: DocumentId,
        /// Of when.
        last_modified: Timestamp,
    },
    /// A counter, or what this database has added to it, would be led beyond 64 bits.
    #[error(
        "command {command}: counter {name} of document {id}, or what this database has added to \
         it, would go beyond 64 bits"
    )]
    CounterOverflow {
        /// Which command, counted from zero.
        command: usize,
        /// Which document.
        id: DocumentId,
        /// Which counter.
        name: CounterName,
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
    keep_before(work, &commands)?;
    let mut written = Vec::with_capacity(commands.len());
    for (command, step) in commands.into_iter().enumerate() {
        written.push(carry_out(work, command, step, now)?);
        let (bytes, max) = (work.encoded_bytes(), TRANSACTION_ENCODED_BYTES_MAX);
        if bytes > max {
            return Err(TransactError::TooLarge { bytes, max });
        }
        let (rows, max) = (work.rows(), TRANSACTION_ROWS_MAX);
        if rows > max {
            return Err(TransactError::TooManyRows { rows, max });
        }
    }
    let (contents, max) = (work.contents(), TRANSACTION_BLOBS_MAX);
    if contents > max {
        return Err(TransactError::TooManyContents { contents, max });
    }
    Ok(written)
}

/// Keeps what the commands take the place of, before they do.
fn keep_before(work: &mut Work<'_>, commands: &[Command]) -> Result<(), StoreError> {
    if !work.keeps() {
        return Ok(());
    }
    for command in commands {
        let (id, name) = match command {
            Command::Put { id: NewId::Given(id), .. }
            | Command::Delete { id, .. }
            | Command::PutAttachment { id, .. } => (id, None),
            Command::DeleteAttachment { id, name, .. } => (id, Some(name)),
            // What is generated is nobody's yet; what a document has leaves it as it is.
            Command::Put { .. }
            | Command::Increment { .. }
            | Command::DeleteCounter { .. }
            | Command::Append { .. }
            | Command::DeleteSpan { .. }
            | Command::PutRevision(_) => continue,
        };
        let present = work.present(id)?;
        let attached = |name| present.live().is_some_and(|it| it.attachments.get(name).is_some());
        let deleted = matches!(command, Command::Delete { .. });
        let heads = present.heads.iter();
        let purged: Vec<_> = heads.map(|head| deleted && work.purges(&head.collection)).collect();
        if name.is_none_or(attached) {
            work.keep_versions(&present, |at| !purged[at])?;
        }
    }
    Ok(())
}

fn carry_out(
    work: &mut Work<'_>,
    command: usize,
    step: Command,
    now: Timestamp,
) -> Result<Written, TransactError> {
    match step {
        Command::Put { id, collection, body, expected } => {
            let id = complete(work, command, id)?;
            let present = work.present(&id)?;
            check(command, &id, &present, expected)?;
            // The casing of the first write stays.
            let id = present.live().map_or(id, |head| head.id.clone());
            if let Err(error) = attachments(&present).check() {
                return Err(TransactError::Attachments { command, id, error });
            }
            Ok(put(work, &present, id, collection, Content::Document(body), now)?)
        }
        Command::Delete { id, expected } => {
            let present = work.present(&id)?;
            check(command, &id, &present, expected)?;
            Ok(delete(work, &present, id, now)?)
        }
        Command::PutAttachment { id, name, content_type, content, expected } => {
            let present = work.present(&id)?;
            check(command, &id, &present, expected)?;
            let new = Attaching { name, content_type, content };
            attach(work, command, &present, id, new, now)
        }
        Command::DeleteAttachment { id, name, expected } => {
            let present = work.present(&id)?;
            check(command, &id, &present, expected)?;
            detach(work, command, &present, id, &name, now)
        }
        Command::Increment { id, name, delta } => {
            counting::increment(work, Holder::of(work, command, id)?, name, delta, now)
        }
        Command::DeleteCounter { id, name } => counting::delete(work, id, &name, now),
        Command::Append { id, name, entries } => {
            appending::append(work, Holder::of(work, command, id)?, name, entries, now)
        }
        Command::DeleteSpan { id, name, span } => appending::delete(work, id, &name, span, now),
        Command::PutRevision(revision) => revising::revise(work, command, *revision, now),
    }
}

/// A document that counters and time series are written to.
struct Holder {
    command: usize,
    id: DocumentId,
    present: Present,
}

impl Holder {
    /// The document, which must have a version that is live.
    fn of(work: &Work<'_>, command: usize, id: DocumentId) -> Result<Self, TransactError> {
        let present = work.present(&id)?;
        let Some(head) = present.alive().next() else {
            return Err(TransactError::NoDocument { command, id });
        };
        Ok(Self { command, id: head.id.clone(), present })
    }

    /// What a client writes over: `parts`, which may be none.
    fn over<P>(&self, work: &Work<'_>, parts: &[PartHead<P>]) -> Seen {
        // What the document's versions have seen is no matter: of what they have seen of its parts
        // some may not have come yet. The deletion that they came after is.
        let mut since = self.present.since();
        let mut vector = work.header.vector.clone();
        for part in parts {
            since.merge_from(&part.since);
            vector.merge_from(&part.vector);
        }
        vector.merge_from(&since);
        Seen { vector, since }
    }

    /// A version of something that it has.
    fn part(&self, seen: Seen, content: Content, now: Timestamp) -> Version {
        Version {
            id: self.id.clone(),
            collection: Collection::default(),
            vector: seen.vector,
            last_modified: now,
            content,
            attachments: Attachments::default(),
            since: seen.since,
            kept: None,
        }
    }
}

/// What a write to a part of a document has seen.
struct Seen {
    /// All that was done to it.
    vector: ChangeVector,
    /// The deletion of the document that it comes after.
    since: ChangeVector,
}

fn put(
    work: &mut Work<'_>,
    present: &Present,
    id: DocumentId,
    collection: Collection,
    content: Content,
    now: Timestamp,
) -> Result<Written, StoreError> {
    let deleted = content.is_tombstone();
    let attachments = if deleted { Attachments::default() } else { attachments(present) };
    let since = if deleted { ChangeVector::empty() } else { present.since() };
    let minting = Minting::new(work, present)?;
    minting.write(work, present, Draft { id, collection, content, attachments, since }, now)
}

fn delete(
    work: &mut Work<'_>,
    present: &Present,
    id: DocumentId,
    now: Timestamp,
) -> Result<Written, StoreError> {
    if present.live().is_none() && !present.is_conflict() {
        return Ok(Written::nothing(id));
    }
    let newest = present.heads.iter().max_by_key(|head| head.etag);
    let (id, collection) = newest.map_or_else(
        || (id, Collection::default()),
        |head| (head.id.clone(), head.collection.clone()),
    );
    put(work, present, id, collection, Content::Tombstone, now)
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
