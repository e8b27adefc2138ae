//! All revisions of one snapshot, in parts.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use jackdaw_common::{ChangeVector, DocumentId};
use jackdaw_proto::{convert::documents::revisions as convert, documents as wire, wire::WireError};
use jackdaw_store::{Snapshot, StoreError};
use prost::Message as _;

use super::derived;
use crate::{
    catalog::Database,
    control::{
        blocking, failure,
        feeding::{self, Feeder, Parts},
        pace,
    },
    documents::{PART_BYTES, PARTS_QUEUED_MAX, STEP_ROWS_MAX},
};

/// The revisions of the documents whose keys begin with `prefix`, behind those of the document with
/// the key `after` where given, for a client that takes a part within `stall_max`.
pub(in crate::documents) fn stream(
    database: Arc<Database>,
    prefix: String,
    after: Option<String>,
    stall_max: Duration,
) -> Parts<wire::StreamRevisionsResponse> {
    let reader = Reader::new(database.store().snapshot(), prefix, after);
    feeding::parts(database, PARTS_QUEUED_MAX, |sender| feed(sender, reader, stall_max))
}

async fn feed(
    sender: Feeder<wire::StreamRevisionsResponse>,
    mut reader: Reader,
    stall_max: Duration,
) -> Result<(), WireError> {
    loop {
        let Some(room) = pace::room(&sender, stall_max).await? else { return Ok(()) };
        let step = blocking(move || {
            let part = reader.part().map_err(|error| failure::store(&error))?;
            Ok((reader, part))
        });
        let (after, part) = step.await?;
        reader = after;
        match part {
            Some(revisions) => room.send(Ok(wire::StreamRevisionsResponse { revisions })),
            None => return Ok(()),
        }
    }
}

/// Reads the revisions of a snapshot from the first to the last.
struct Reader {
    snapshot: Snapshot,
    prefix: String,
    /// The key of the last one that was read, or behind which to begin.
    after: Option<Bytes>,
    /// The document that it is of, and the vector of what that is now.
    document: Option<(DocumentId, Option<ChangeVector>)>,
}

impl Reader {
    fn new(snapshot: Snapshot, prefix: String, after: Option<String>) -> Self {
        // One before all that begin with the prefix leaves none of them out.
        let after = after.filter(|after| *after >= prefix);
        let after = after.map(|after| Snapshot::revisions_end(&after));
        Self { snapshot, prefix, after, document: None }
    }

    /// The next ones, as many as fill a part; none at the end.
    fn part(&mut self) -> Result<Option<Vec<wire::Revision>>, StoreError> {
        let Self { snapshot, prefix, after, document } = self;
        let (mut revisions, mut bytes) = (Vec::new(), 0);
        let before = after.clone();
        for entry in snapshot.all_revisions(prefix, before.as_ref()) {
            let (key, revision) = entry?;
            let live = match document {
                Some((id, live)) if *id == revision.id => live,
                _ => {
                    let live = snapshot.live_vector(&revision.id)?;
                    &mut document.insert((revision.id.clone(), live)).1
                }
            };
            let current = live.as_ref() == Some(&revision.vector);
            let flags = derived::of_revision(snapshot, &revision);
            let whole = convert::revision(snapshot.revised(&revision)?.version, flags);
            let whole = wire::Revision { current, ..whole };
            bytes += whole.encoded_len();
            revisions.push(whole);
            *after = Some(key);
            if bytes >= PART_BYTES || revisions.len() == STEP_ROWS_MAX {
                break;
            }
        }
        Ok((!revisions.is_empty()).then_some(revisions))
    }
}
