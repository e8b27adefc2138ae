//! Versions that clients put among the revisions of documents: what another database has kept, or
//! what was kept before there was one.

use std::sync::Arc;

use jackdaw_common::{
    Attachment, Attachments, ChangeVector, Entry, Kept, Timestamp, Version,
    limits::REVISION_AHEAD_MICROS_MAX,
};

use super::{NewAttachment, NewRevision, TransactError, Written, attaching::bring};
use crate::write::work::{Like, Work};

/// Puts a version among the revisions of its document, unless it is there.
///
/// It is kept under an entry of its own, which is all that it has seen: it stands for no version
/// of the document, and no write of the document is before or after it.
pub(super) fn revise(
    work: &mut Work<'_>,
    command: usize,
    revision: NewRevision,
    now: Timestamp,
) -> Result<Written, TransactError> {
    let NewRevision { id, collection, content, last_modified, attachments, parts } = revision;
    // Whatever is written to the document afterwards is listed behind it.
    if last_modified > now.plus_micros(REVISION_AHEAD_MICROS_MAX) {
        return Err(TransactError::RevisionAhead { command, id, last_modified, now });
    }
    let entry = work.next_entry()?;
    let mut attached = Vec::with_capacity(attachments.len());
    for NewAttachment { name, content_type, content } in attachments {
        let (hash, size) = bring(work, command, &id, content)?;
        attached.push(Attachment { name, content_type, hash, size, origin: entry });
    }
    attached.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    let attached = match Attachments::new(attached) {
        Ok(attached) => attached,
        Err(error) => return Err(TransactError::Attachments { command, id, error }),
    };
    let by = ChangeVector::from_entries([entry]);
    let version = Version {
        id: id.clone(),
        collection,
        vector: by.clone(),
        last_modified,
        content,
        attachments: attached,
        since: ChangeVector::empty(),
        kept: Some(Arc::new(Kept { by, parts })),
    };
    match work.revision_like(&version)? {
        Like::None => {}
        Like::There => return Ok(Written::nothing(id)),
        Like::TooMany => {
            return Err(TransactError::RevisionsAtOnce { command, id, last_modified });
        }
    }
    let Entry { etag, .. } = work.mint()?;
    let vector = version.vector.clone();
    work.keep(version, Some(entry))?;
    Ok(Written { id, vector, etag, value: None })
}
