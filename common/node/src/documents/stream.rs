//! All documents of one snapshot, in parts.
//!
//! ```text
//!   feeder task ── spawn_blocking: read a part ──► bounded queue ──► the call's response stream
//! ```
//!
//! No thread waits for a slow client: a part is read when there is room for it. The feeder ends,
//! and lets go of its snapshot, when the client is gone or takes nothing for too long, or when the
//! database ends.

use std::{sync::Arc, time::Duration};

use jackdaw_common::Version;
use jackdaw_proto::{
    convert::documents::{conflict, document},
    documents::StreamDocumentsResponse,
    wire::WireError,
};
use jackdaw_store::{Lookup, Snapshot, StoreError};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::{
    PART_BYTES, PARTS_QUEUED_MAX,
    read::{key, size},
};
use crate::{
    catalog::Database,
    control::{blocking, door, failure, pace},
};

type Sender = mpsc::Sender<Result<StreamDocumentsResponse, Status>>;

/// Parts on their way to a client.
pub(super) type Parts<T> = ReceiverStream<Result<T, Status>>;

/// The documents whose ids begin with `prefix`, in lower case, for a client that takes a part
/// within `stall_max`.
pub(super) fn stream(
    database: Arc<Database>,
    prefix: String,
    stall_max: Duration,
) -> Parts<StreamDocumentsResponse> {
    let (sender, receiver) = mpsc::channel(PARTS_QUEUED_MAX);
    tokio::spawn(async move {
        let (name, snapshot) = (database.name().clone(), database.store().snapshot());
        let ending = database.ending();
        drop(database);
        let outcome = tokio::select! {
            biased;
            ending = ending => Err(door::ended(&name, ending)),
            () = sender.closed() => return,
            outcome = feed(&sender, snapshot, prefix, stall_max) => outcome,
        };
        if let Err(error) = outcome {
            // A client that is gone needs no error.
            let _ = sender.send(Err(error.into())).await;
        }
    });
    ReceiverStream::new(receiver)
}

async fn feed(
    sender: &Sender,
    snapshot: Snapshot,
    prefix: String,
    stall_max: Duration,
) -> Result<(), WireError> {
    let mut after = None;
    loop {
        let Some(room) = pace::room(sender, stall_max).await? else { return Ok(()) };
        let (snapshot, prefix) = (snapshot.clone(), prefix.clone());
        let (part, last) = blocking(move || {
            read_part(&snapshot, &prefix, after).map_err(|error| failure::store(&error))
        })
        .await?;
        if part.documents.is_empty() && part.conflicts.is_empty() {
            return Ok(());
        }
        room.send(Ok(part));
        after = last;
    }
}

/// The part behind the key `after`, and the key of its last entry.
fn read_part(
    snapshot: &Snapshot,
    prefix: &str,
    after: Option<String>,
) -> Result<(StreamDocumentsResponse, Option<String>), StoreError> {
    let mut part = StreamDocumentsResponse::default();
    let mut bytes = 0;
    let mut last = None;
    for entry in snapshot.documents(prefix, after.as_deref()) {
        let entry = entry?;
        bytes += size(&entry);
        last = key(&entry);
        match entry {
            Lookup::Missing => {}
            Lookup::Found(row) => part.documents.push(document(row.etag, row.version)),
            Lookup::Conflict(rows) => {
                part.conflicts.push(conflict(rows.into_iter().map(Version::from).collect()));
            }
        }
        if bytes >= PART_BYTES {
            break;
        }
    }
    Ok((part, last))
}
