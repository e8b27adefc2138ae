//! A batch of a source: each version decided, all of them and the cursor written together.
//!
//! The versions keep the vectors they have; only the frontier of the batch raises the database
//! vector (invariants I5, I6). Transactions of the source stay transactions here.

mod merging;
mod revisions;

use jackdaw_common::{
    AttachmentName, BlobHash, ChangeVector, Content, ContentHash, DatabaseId, DocumentId, Entry,
    Etag, Item, RunId, Timestamp, Version,
    change_vector::TooManyEntries,
    conflict::{Decision, Holder, Known, Seen, decide},
    limits::CHANGE_VECTOR_ENTRIES_MAX,
};
use thiserror::Error;

use super::{
    session::load,
    work::{Present, Work},
};
use crate::{
    contents::Brought,
    error::StoreError,
    keys,
    tables::{cursors::Cursor, header::Header},
};

use merging::Outcome;

#[cfg(test)]
thread_local! {
    /// A planted bug: nobody asks in which session a batch came (pitfall 12).
    pub(crate) static UNFENCED: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// A batch, or the mere progress of a source when it has no items.
#[derive(Clone, Debug)]
pub struct Incoming {
    /// The database it comes from.
    pub source: DatabaseId,
    /// The session it came in.
    pub epoch: u64,
    /// The etag it continues from.
    pub after: Etag,
    /// Etag up to which the source was scanned.
    pub last: Etag,
    /// The run of the source in which that etag was issued.
    pub run: RunId,
    /// The source's database vector, at a whole point.
    pub frontier: Option<ChangeVector>,
    /// The versions, in etag order.
    pub items: Vec<IncomingItem>,
    /// The contents that they refer to, unless the database has them for sure.
    pub brought: Brought,
}

impl Incoming {
    pub(crate) fn bytes(&self) -> usize {
        let items: usize =
            self.items.iter().map(|item| item.item.version.content.bytes() + 256).sum();
        items + self.brought.inline_bytes()
    }
}

/// An item with what can be computed before the writer's turn.
#[derive(Clone, Debug)]
pub struct IncomingItem {
    /// The item.
    pub item: Item,
    /// The hash of what its version says.
    pub hash: ContentHash,
}

impl From<Item> for IncomingItem {
    fn from(item: Item) -> Self {
        let hash = item.version.content_hash();
        Self { item, hash }
    }
}

/// What became of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// The durable cursor.
    pub cursor: Etag,
    /// The durable database vector.
    pub vector: ChangeVector,
    /// Items written as the current version.
    pub applied: u64,
    /// Items that were known.
    pub already_present: u64,
    /// Items merged into an equal version.
    pub merged: u64,
    /// Items kept as versions of a conflict.
    pub conflicted: u64,
    /// Of those known: how many had the vector of another content.
    pub collided: u64,
    /// The source went back, and has seen again now what it had sent before: the next session
    /// begins with a full reconcile.
    pub reconcile_due: bool,
}

impl Applied {
    fn ignore(&mut self, known: Known) {
        self.already_present += 1;
        self.collided += u64::from(known == Known::Collided);
    }
}

/// Why a batch was not applied. Nothing of it was.
#[derive(Clone, Debug, Error)]
pub enum ApplyError {
    /// A newer session of this source has begun.
    #[error("session {epoch} was superseded by session {current}")]
    Fenced {
        /// The session of the batch.
        epoch: u64,
        /// The session that may write.
        current: u64,
    },
    /// What lies between the cursor and the batch has not arrived.
    #[error("batch continues from etag {after}, but the cursor is at {cursor}")]
    Gap {
        /// Where the batch continues from.
        after: Etag,
        /// Where the cursor is.
        cursor: Etag,
    },
    /// An item or the frontier claims changes of this database that it has not made: the source
    /// cannot be trusted, or this database went back.
    #[error("the source claims etag {claimed} of this database, whose last is {last}")]
    FrontierForged {
        /// What is claimed.
        claimed: Etag,
        /// This database's last etag.
        last: Etag,
    },
    /// A version has an attachment whose content is not here, and has not come along.
    #[error("the content {hash} of attachment {name} of document {id} is missing")]
    ContentMissing {
        /// The document.
        id: DocumentId,
        /// The vector of the version that has the attachment.
        version: ChangeVector,
        /// Whether another version has taken that one's place at the source: it is a revision.
        revision: bool,
        /// The attachment.
        name: AttachmentName,
        /// The content.
        hash: BlobHash,
    },
    /// A source says what it holds, though it was not asked, or elsewhere than where it is due, or
    /// not in order.
    #[error("the source says what it holds where it was not asked to")]
    NotReconciling,
    /// The frontier would make the database's vector too long.
    #[error("with the frontier, the database's {0}")]
    VectorTooLong(#[from] TooManyEntries),
    /// The database cannot write.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Applies a batch.
pub(crate) fn apply(
    work: &mut Work<'_>,
    batch: Incoming,
    now: Timestamp,
) -> Result<Applied, ApplyError> {
    let mut cursor = fenced(work, batch.source, batch.epoch)?;
    if batch.after > cursor.etag() {
        return Err(ApplyError::Gap { after: batch.after, cursor: cursor.etag() });
    }
    // Before the items take etags of their own, which the source cannot have seen.
    let items = batch.items.iter().map(|item| &item.item.version.vector);
    check_claims(work, items.chain(&batch.frontier))?;
    revisions::check_claims(work, &batch.items)?;
    work.begin(now);
    work.arrives();
    work.references.bring(batch.brought);
    let mut applied = Applied::default();
    let mut transaction = None;
    let (mut items, mut due) = (batch.items.into_iter(), Vec::new());
    while let Some(next) = items.as_slice().first() {
        let first = next.item.transaction.first;
        if transaction != Some(first) {
            revisions::trim(work, std::mem::take(&mut due), now)?;
            work.border();
            due = revisions::keep_before(work, of_one_transaction(items.as_slice()))?;
        }
        transaction = Some(first);
        let Some(item) = items.next() else { break };
        cursor.receive(&item.item.version.vector);
        one(work, item, &mut applied)?;
    }
    revisions::trim(work, due, now)?;
    cursor.advance(batch.last, batch.run);
    if let Some(frontier) = batch.frontier {
        work.header.raise(&frontier);
        check_room(&work.header)?;
        cursor.reach_whole_point();
        cursor.receive(&frontier);
        applied.reconcile_due = cursor.is_paid_by(&frontier);
    }
    cursor.seen = now;
    work.set_small(keys::CURSORS, keys::cursor(batch.source), Some(cursor.encode()));
    applied.cursor = cursor.etag();
    applied.vector = work.header.vector.clone();
    Ok(applied)
}

/// Those of `items` that are of the same transaction as the first.
fn of_one_transaction(items: &[IncomingItem]) -> &[IncomingItem] {
    let first = items.first().map(|item| item.item.transaction.first);
    let count = items.iter().take_while(|item| Some(item.item.transaction.first) == first).count();
    items.get(..count).unwrap_or_default()
}

/// The cursor of a source, for a session that may still write.
pub(super) fn fenced(
    work: &Work<'_>,
    source: DatabaseId,
    epoch: u64,
) -> Result<Cursor, ApplyError> {
    let known = load(work, source)?;
    let current = known.as_ref().map_or(0, |cursor| cursor.epoch);
    #[cfg(test)]
    let epoch = if UNFENCED.get() { current } else { epoch };
    known.filter(|_| current == epoch).ok_or(ApplyError::Fenced { epoch, current })
}

/// Nobody can have seen changes of this database that it has not made. If somebody has, it went
/// back: what it mints next would stand for two contents.
pub(super) fn check_claims<'v>(
    work: &Work<'_>,
    vectors: impl Iterator<Item = &'v ChangeVector>,
) -> Result<(), ApplyError> {
    let (own, last) = (work.header.incarnation, work.header.last_etag);
    for vector in vectors {
        check_claim(vector.etag_of(own), last)?;
    }
    Ok(())
}

fn check_claim(claimed: Etag, last: Etag) -> Result<(), ApplyError> {
    if claimed > last { Err(ApplyError::FrontierForged { claimed, last }) } else { Ok(()) }
}

/// What this database writes next must fit into the database vector too.
fn check_room(header: &Header) -> Result<(), TooManyEntries> {
    if header.vector.len() < CHANGE_VECTOR_ENTRIES_MAX {
        return Ok(());
    }
    let mut all = header.vector.clone();
    all.raise(Entry { incarnation: header.incarnation, etag: Etag::MAX });
    all.check_bound()
}

fn one(work: &mut Work<'_>, item: IncomingItem, applied: &mut Applied) -> Result<(), ApplyError> {
    let IncomingItem { item: Item { minted, past, version, .. }, hash } = item;
    let present = work.present(&version.id)?;
    if version.content.is_part() {
        return Ok(part(work, &present, version, minted, applied)?);
    }
    if let Some(missing) = work.references.missing(work.overlay, &version.attachments)? {
        let (name, hash) = (missing.name.clone(), missing.hash);
        let (id, version) = (version.id, version.vector);
        return Err(ApplyError::ContentMissing { id, version, revision: past, name, hash });
    }
    if past {
        return Ok(revisions::late(work, version, minted, Known::Covered, applied)?);
    }
    match decided(work, &version, hash, &present) {
        Decision::Ignore(known) => revisions::late(work, version, minted, known, applied)?,
        Decision::Replace => {
            work.replace(&present, version, hash, minted)?;
            applied.applied += 1;
        }
        Decision::Merge(vector) => {
            work.keep_arriving(version.clone(), minted)?;
            work.merge(&present, version, vector)?;
            applied.merged += 1;
        }
        Decision::Conflict { superseded } => {
            work.add(&present, &superseded, version, hash, minted)?;
            applied.conflicted += 1;
        }
    }
    Ok(())
}

/// What becomes of a version of a document.
fn decided(work: &Work<'_>, version: &Version, hash: ContentHash, present: &Present) -> Decision {
    let tombstone = version.content.is_tombstone();
    let seen = Seen { vector: version.vector.clone(), tombstone, hash };
    let holder = Holder { vector: &work.header.vector, retired: &work.header.origin.retired };
    decide(&seen, &present.heads, holder)
}

/// Something that a document has, whether that is here yet or not: it may follow.
fn part(
    work: &mut Work<'_>,
    present: &Present,
    version: Version,
    minted: Option<Entry>,
    applied: &mut Applied,
) -> Result<(), StoreError> {
    let removed = matches!(version.content, Content::RevisionTombstone(_));
    if !removed && present.buries(version.context()) {
        // It was written without knowing that the document was deleted, and went with it.
        applied.ignore(Known::Forgotten);
        return Ok(());
    }
    let outcome = match version.content.clone() {
        Content::Counter(counter) => merging::counter(work, version, counter, minted)?,
        Content::Segment(segment) => merging::segment(work, version, segment, minted)?,
        Content::RevisionTombstone(removed) => revisions::removed(work, version, removed, minted)?,
        Content::Document(_) | Content::Tombstone => return Ok(()),
    };
    match outcome {
        Outcome::Ignored(known) => applied.ignore(known),
        Outcome::Applied => applied.applied += 1,
        Outcome::Merged => applied.merged += 1,
    }
    Ok(())
}
