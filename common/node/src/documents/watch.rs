//! Committed changes as they become durable.
//!
//! ```text
//!   store publishes ──► feeder task ── spawn_blocking: read changes ──► bounded queue ──► client
//! ```
//!
//! The feeder wakes at once on every commit and never polls. While the client is slow, commits
//! gather; what was overwritten meanwhile is then seen once. A client that has parts to take and
//! takes none for too long is given up; one that waits for changes is not.

use std::{sync::Arc, time::Duration};

use jackdaw_common::Etag;
use jackdaw_proto::{
    convert::documents::change,
    documents::WatchChangesResponse,
    wire::{Reason, WireError},
};
use jackdaw_store::{Snapshot, Store, StoreError};

use super::{PART_BYTES, PART_CHANGES_MAX, PARTS_QUEUED_MAX, STEP_ROWS_MAX};
use crate::{
    catalog::Database,
    control::{
        blocking, failure,
        feeding::{self, Feeder, Parts},
        pace,
    },
};

/// The changes after an etag, or from now on, for a client that takes a part within `stall_max`.
///
/// # Errors
///
/// `ETAG_NOT_ISSUED` for an etag that the database has not given out.
pub(super) fn watch(
    database: Arc<Database>,
    after: Option<u64>,
    stall_max: Duration,
) -> Result<Parts<WatchChangesResponse>, WireError> {
    let last = database.store().last_etag();
    let after = match after {
        None => last,
        Some(after) => Etag::new(after)
            .ok()
            .filter(|after| *after <= last)
            .ok_or_else(|| not_issued(after, last))?,
    };
    let store = database.store().clone();
    Ok(feeding::parts(database, PARTS_QUEUED_MAX, async move |sender| {
        Err(follow(sender, store, after, stall_max).await)
    }))
}

fn not_issued(after: u64, last: Etag) -> WireError {
    let text = format!("after_etag {after} is none of this database, whose last one is {last}");
    WireError::new(Reason::EtagNotIssued, text).with("after_etag", after).with("last_etag", last)
}

/// Reports until it cannot; answers why.
async fn follow(
    sender: Feeder<WatchChangesResponse>,
    store: Store,
    after: Etag,
    stall_max: Duration,
) -> WireError {
    let mut published = store.subscribe();
    let mut reported = after;
    let mut first = true;
    loop {
        published.mark_unchanged();
        loop {
            let (snapshot, from) = (store.snapshot(), reported);
            let part = blocking(move || {
                read_part(&snapshot, from).map_err(|error| failure::store(&error))
            });
            let Part { response, complete } = match part.await {
                Ok(part) => part,
                Err(error) => return error,
            };
            let last = Etag::new(response.last_etag).unwrap_or(reported);
            if first || last > reported {
                match pace::room(&sender, stall_max).await {
                    Ok(Some(room)) => room.send(Ok(response)),
                    // The client being gone, `watch` ends this.
                    Ok(None) => {}
                    Err(error) => return error,
                }
            }
            (reported, first) = (last, false);
            if complete {
                break;
            }
        }
        if published.changed().await.is_err() {
            let failed = store.failed().borrow().clone();
            return failure::store(&failed.unwrap_or(StoreError::Closed));
        }
    }
}

struct Part {
    response: WatchChangesResponse,
    /// Whether it reaches the end of its snapshot.
    complete: bool,
}

fn read_part(snapshot: &Snapshot, after: Etag) -> Result<Part, StoreError> {
    let mut response = WatchChangesResponse::default();
    let mut bytes = 0;
    for (looked_at, row) in snapshot.changes_after(after).enumerate() {
        let row = row?;
        let full = bytes >= PART_BYTES || response.changes.len() == PART_CHANGES_MAX;
        if full || looked_at == STEP_ROWS_MAX {
            return Ok(Part { response, complete: false });
        }
        response.last_etag = row.etag.get();
        if snapshot.is_past(&row)? {
            // It was told of when it was written, and is kept.
            continue;
        }
        let change = change(row.etag, &row.version, row.conflicted);
        bytes += change.id.len() + change.collection.len() + change.name.len();
        bytes += change.change_vector.len() + 64;
        response.changes.push(change);
    }
    response.last_etag = snapshot.header().last_etag.get();
    Ok(Part { response, complete: true })
}
