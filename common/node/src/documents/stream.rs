//! All documents of one snapshot, in parts.
//!
//! ```text
//!   feeder task ── spawn_blocking: a step of a reader ──► bounded queue ──► the response stream
//! ```
//!
//! No thread waits for a slow client: a part is read when there is room for it, in steps of bounded
//! length. Between two of them the feeder ends, and lets go of its snapshot, when the client is
//! gone or takes nothing for too long, or when the database ends.

mod having;
mod part;
mod reader;

pub(super) use reader::{Reader, Step};

use std::{sync::Arc, time::Duration};

use jackdaw_proto::{
    documents::{StreamDocumentsRequest, StreamDocumentsResponse},
    wire::WireError,
};

use super::{
    PARTS_QUEUED_MAX,
    read::{after, prefix},
};
use crate::{
    catalog::Database,
    control::{
        blocking, failure,
        feeding::{self, Feeder, Parts},
        pace,
    },
};

/// What a stream is of.
#[derive(Clone, Debug)]
pub(super) struct Streamed {
    /// What ids begin with, in lower case.
    prefix: String,
    /// Behind which id it begins, in lower case; none: with the first.
    after: Option<String>,
    /// What documents have beside their bodies.
    with: With,
}

/// What documents have in a stream beside their bodies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum With {
    Nothing,
    /// Counters and time series.
    Parts,
    /// The same, and digests of what time series show.
    Digests,
}

impl Streamed {
    /// Reads what a client asks for.
    ///
    /// # Errors
    ///
    /// `FIELD_INVALID` for a prefix, or an id to begin behind, that is longer than any id.
    pub(super) fn read(request: &StreamDocumentsRequest) -> Result<Self, WireError> {
        let prefix = prefix(&request.id_prefix)?;
        let after = after(&request.after_id)?;
        let with =
            match (request.include_counters_and_time_series, request.include_time_series_digests) {
                (false, _) => With::Nothing,
                (true, false) => With::Parts,
                (true, true) => With::Digests,
            };
        Ok(Self { prefix, after, with })
    }
}

/// The documents that are asked for, for a client that takes a part within `stall_max`.
pub(super) fn stream(
    database: Arc<Database>,
    streamed: Streamed,
    stall_max: Duration,
) -> Parts<StreamDocumentsResponse> {
    let reader = Reader::new(database.store().snapshot(), streamed);
    feeding::parts(database, PARTS_QUEUED_MAX, |sender| feed(sender, reader, stall_max))
}

async fn feed(
    sender: Feeder<StreamDocumentsResponse>,
    mut reader: Reader,
    stall_max: Duration,
) -> Result<(), WireError> {
    loop {
        let Some(room) = pace::room(&sender, stall_max).await? else { return Ok(()) };
        // Each step is waited for on its own: whoever dropped this future by then ends it here.
        let (part, is_last) = loop {
            let step = blocking(move || {
                let step = reader.step().map_err(|error| failure::store(&error))?;
                Ok((reader, step))
            });
            let (after, step) = step.await?;
            reader = after;
            match step {
                Step::More => {}
                Step::Part(part) => break (part, false),
                Step::Last(part) => break (part, true),
            }
        };
        // At the end there may be nothing left to say.
        if !is_last || !part.documents.is_empty() || !part.conflicts.is_empty() {
            room.send(Ok(part));
        }
        if is_last {
            return Ok(());
        }
    }
}
