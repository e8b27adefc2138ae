//! Attachments that clients put and delete: each writes the document anew, with its body as it was.

use jackdaw_common::{
    Attachment, AttachmentName, Attachments, BlobHash, Content, ContentType, DocumentId, Timestamp,
    item::attachment::Attached,
};

use super::{Draft, Minting, NewContent, TransactError, Written};
use crate::{
    error::StoreError,
    tables::heads::Head,
    write::work::{Present, Work},
};

/// What is to be attached.
pub(super) struct Attaching {
    pub(super) name: AttachmentName,
    pub(super) content_type: ContentType,
    pub(super) content: NewContent,
}

/// What stays attached when a document is put: what is attached to it, or, in a conflict, to its
/// live versions, merged.
pub(super) fn attachments(present: &Present) -> Attachments {
    if let Some(head) = present.live() {
        return head.attachments.clone();
    }
    let live = present.heads.iter().filter(|head| !head.seen.tombstone);
    let versions: Vec<_> = live
        .map(|head| Attached {
            vector: head.vector(),
            last_modified: head.last_modified,
            attachments: &head.attachments,
        })
        .collect();
    Attachments::merged(&versions)
}

/// Attaches a content to a document.
pub(super) fn attach(
    work: &mut Work<'_>,
    command: usize,
    present: &Present,
    id: DocumentId,
    new: Attaching,
    now: Timestamp,
) -> Result<Written, TransactError> {
    let head = live(command, present, &id)?;
    let Some(head) = head else { return Err(TransactError::NoDocument { command, id }) };
    let Attaching { name, content_type, content } = new;
    let (hash, size) = bring(work, command, &id, content)?;
    // The entry that this write mints: the next row is its.
    let minting = Minting::new(work, present)?;
    let attachment = Attachment { name, content_type, hash, size, origin: minting.entry };
    let attachments = head.attachments.with(attachment);
    if let Err(error) = attachments.check() {
        return Err(TransactError::Attachments { command, id, error });
    }
    let draft = rewritten(work, head, attachments)?;
    Ok(minting.write(work, present, draft, now)?)
}

/// Sees to it that a content is there when the transaction ends; answers its hash and its bytes.
pub(super) fn bring(
    work: &mut Work<'_>,
    command: usize,
    id: &DocumentId,
    content: NewContent,
) -> Result<(BlobHash, u64), TransactError> {
    match content {
        NewContent::Staged(staged) => {
            let (hash, size) = (staged.hash(), staged.size());
            work.references.bring_one(staged);
            Ok((hash, size))
        }
        NewContent::Held(hash) => match work.references.size(work.overlay, &hash)? {
            Some(size) => Ok((hash, size)),
            None => Err(TransactError::NoContent { command, id: id.clone(), hash }),
        },
    }
}

/// Removes an attachment from a document.
pub(super) fn detach(
    work: &mut Work<'_>,
    command: usize,
    present: &Present,
    id: DocumentId,
    name: &AttachmentName,
    now: Timestamp,
) -> Result<Written, TransactError> {
    let head = live(command, present, &id)?;
    let Some(head) = head.filter(|head| head.attachments.get(name).is_some()) else {
        return Ok(Written::nothing(id));
    };
    let minting = Minting::new(work, present)?;
    let draft = rewritten(work, head, head.attachments.without(name))?;
    Ok(minting.write(work, present, draft, now)?)
}

fn live<'p>(
    command: usize,
    present: &'p Present,
    id: &DocumentId,
) -> Result<Option<&'p Head>, TransactError> {
    if present.is_conflict() {
        return Err(TransactError::InConflict { command, id: id.clone() });
    }
    Ok(present.live())
}

/// The document that `head` is of, with other attachments.
fn rewritten(work: &Work<'_>, head: &Head, attachments: Attachments) -> Result<Draft, StoreError> {
    Ok(Draft {
        id: head.id.clone(),
        collection: head.collection.clone(),
        content: Content::Document(work.body(head)?),
        attachments,
        since: head.since.clone(),
    })
}
