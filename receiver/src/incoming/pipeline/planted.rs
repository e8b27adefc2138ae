//! A mistake that a test switches on for the sessions of its thread, and must find (pitfall 11).

use std::cell::Cell;

use futures_util::FutureExt as _;
use jackdaw_common::{Etag, frame::SenderHeartbeat};
use jackdaw_store::Incoming;

use super::{Job, Pipeline, Unpacked, queue};

thread_local! {
    /// Progress goes to the store at once, whatever came before it, and nobody asks what it
    /// continues from.
    pub(crate) static OVERTAKES: Cell<bool> = const { Cell::new(false) };
}

/// By the planted bug, takes progress out of its turn; answers any other job.
pub(super) fn overtake(pipeline: &mut Pipeline, job: Job) -> Option<Job> {
    let beat = match job {
        Job::Progress(beat) if OVERTAKES.get() => beat,
        job => return Some(job),
    };
    let SenderHeartbeat { last, run, frontier, .. } = beat;
    let (source, epoch, after) = (pipeline.source, pipeline.epoch, Etag::ZERO);
    let incoming = Incoming {
        source,
        epoch,
        after,
        last,
        run,
        frontier,
        items: Vec::new(),
        brought: jackdaw_store::Brought::default(),
    };
    let queued = queue(pipeline.store.clone(), Unpacked::Incoming { incoming, batch: None });
    pipeline.applying.push_back(async move { queued.await?.await }.boxed());
    None
}
