//! A client's write of a document: the entry it mints, the version it leaves, and what becomes of
//! the document's revisions.

use jackdaw_common::{
    Attachments, ChangeVector, Collection, Content, DocumentId, Entry, Timestamp, Version,
    conflict::local_base, item::RevisionsRule,
};

use super::Written;
use crate::{
    error::StoreError,
    write::work::{Present, Work},
};

/// The entry of a write that is under way: the next row is its.
pub(super) struct Minting {
    /// The entry.
    pub(super) entry: Entry,
    vector: ChangeVector,
}

/// What a document comes to be.
pub(super) struct Draft {
    pub(super) id: DocumentId,
    pub(super) collection: Collection,
    pub(super) content: Content,
    pub(super) attachments: Attachments,
    pub(super) since: ChangeVector,
}

impl Minting {
    /// Mints the entry of a write over what there is.
    pub(super) fn new(work: &mut Work<'_>, present: &Present) -> Result<Self, StoreError> {
        let mut vector = local_base(&present.heads, &work.header.vector);
        let entry = work.mint()?;
        vector.raise(entry);
        Ok(Self { entry, vector })
    }

    /// Writes the document.
    pub(super) fn write(
        self,
        work: &mut Work<'_>,
        present: &Present,
        draft: Draft,
        now: Timestamp,
    ) -> Result<Written, StoreError> {
        let Self { entry, vector } = self;
        let Draft { id, collection, content, attachments, since } = draft;
        let rule = work.rule(&collection).cloned();
        let deleted = content.is_tombstone();
        let purged = deleted && rule.as_ref().is_some_and(|rule| rule.purge_on_delete);
        let kept = match rule.as_ref().filter(|_| !purged) {
            Some(_) => Some(work.kept(&id, entry)?),
            None => None,
        };
        let last_modified = if kept.is_some() { work.behind_revisions(&id, now)? } else { now };
        let version =
            Version { id, collection, vector, last_modified, content, attachments, since, kept };
        let hash = version.content_hash();
        let head = work.replace(present, version, hash, Some(entry))?;
        revise(work, &head.id, rule, purged, now)?;
        Ok(Written { id: head.id, vector: head.seen.vector, etag: head.etag, value: None })
    }
}

/// Removes the revisions that a document does not keep any more.
fn revise(
    work: &mut Work<'_>,
    id: &DocumentId,
    rule: Option<RevisionsRule>,
    purged: bool,
    now: Timestamp,
) -> Result<(), StoreError> {
    if purged {
        work.purge(id, now)?;
    } else if let Some(rule) = rule {
        work.trim_by(id, &rule, now)?;
    }
    Ok(())
}
