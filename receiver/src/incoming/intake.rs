//! Batches of one session until they are durable: the one that is being gathered, and what those
//! behind it in the pipeline take.
//!
//! It keeps to two bounds: the window that the sender was granted, and the [`Room`] of all
//! sessions.

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use futures_util::{FutureExt as _, future::BoxFuture};
use jackdaw_common::{
    Etag,
    frame::BatchEnd,
    limits::{BATCH_BYTES_MAX, BATCH_ITEMS_MAX},
};
use tokio::time::Instant;

use super::{
    error::IncomingError,
    room::{Place, Room},
    unpack::Gathered,
};

/// Batches until they are durable.
pub(super) struct Intake {
    room: Room,
    /// Bytes that may be on their way, unless they are of one batch.
    window: u64,
    open: Option<Open>,
    /// A frame of the open batch for which there is no room yet.
    waiting: Option<Waiting>,
    /// Bytes of each batch in the pipeline, and their room, oldest first.
    held: VecDeque<(usize, Place)>,
}

/// A batch that is being gathered.
struct Open {
    number: u64,
    after: Etag,
    frames: Vec<Bytes>,
    bytes: usize,
    place: Place,
    since: Instant,
}

struct Waiting {
    frame: Bytes,
    place: BoxFuture<'static, Place>,
    since: Instant,
}

/// A wait for room that whoever runs the receiver should hear of.
const LONG_WAIT: Duration = Duration::from_secs(5);

impl Intake {
    /// Nothing yet, of a sender with a window of so many bytes.
    pub(super) fn new(room: Room, window: u64) -> Self {
        Self { room, window, open: None, waiting: None, held: VecDeque::new() }
    }

    /// A batch begins.
    pub(super) fn begin(&mut self, number: u64, after: Etag) {
        let (since, place) = (Instant::now(), Place::default());
        self.open = Some(Open { number, after, frames: Vec::new(), bytes: 0, place, since });
    }

    /// A frame of the open batch, which is dropped unless it is to be kept. No more must be read
    /// while it [waits](Self::is_waiting).
    pub(super) fn items(&mut self, frame: Bytes, keep: bool) -> Result<(), IncomingError> {
        // The grammar lets items in between a begin and an end only.
        let Some(open) = &mut self.open else { return Ok(()) };
        if frame.is_empty() {
            return Err(IncomingError::EmptyFrame { number: open.number });
        }
        open.bytes += frame.len();
        if open.bytes > BATCH_BYTES_MAX {
            return Err(IncomingError::BatchTooLarge { number: open.number, max: BATCH_BYTES_MAX });
        }
        // Each frame has an item at least.
        if open.frames.len() >= BATCH_ITEMS_MAX {
            return Err(IncomingError::TooManyFrames { number: open.number, max: BATCH_ITEMS_MAX });
        }
        // A batch larger than the window comes alone.
        let held: usize = self.held.iter().map(|(bytes, _)| bytes).sum();
        let max = self.window;
        if held > 0 && (held + open.bytes) as u64 > max {
            return Err(IncomingError::WindowBytes { max });
        }
        if !keep {
            return Ok(());
        }
        if open.place.is_beyond() {
            open.frames.push(frame);
        } else if let Some(place) = self.room.try_take(frame.len()) {
            open.place.add(place);
            open.frames.push(frame);
        } else {
            let place = self.room.clone().take(frame.len()).boxed();
            self.waiting = Some(Waiting { frame, place, since: Instant::now() });
        }
        Ok(())
    }

    /// The open batch is whole. Answers it with the time its gathering began; nothing where its
    /// frames were dropped.
    pub(super) fn end(
        &mut self,
        end: BatchEnd,
        keep: bool,
    ) -> Result<Option<(Gathered, Instant)>, IncomingError> {
        let Some(open) = self.open.take() else { return Ok(None) };
        if end.number != open.number {
            return Err(IncomingError::Number { number: end.number, expected: open.number });
        }
        if !keep {
            return Ok(None);
        }
        self.held.push_back((open.bytes, open.place));
        Ok(Some((Gathered { after: open.after, frames: open.frames, end }, open.since)))
    }

    /// The oldest batch in the pipeline is durable.
    pub(super) fn done(&mut self) {
        self.held.pop_front();
    }

    /// Nothing in the pipeline is under way any more, and what comes is dropped.
    pub(super) fn drop_all(&mut self) {
        self.held.clear();
        self.waiting = None;
        if let Some(open) = &mut self.open {
            open.frames.clear();
            open.place = Place::default();
        }
    }

    /// The sender begins anew: the open batch will not end.
    pub(super) fn go_back(&mut self) {
        self.open = None;
        self.waiting = None;
    }

    /// Whether a frame waits for room: nothing must be read until it has some.
    pub(super) fn is_waiting(&self) -> bool {
        self.waiting.is_some()
    }

    /// Completes when the frame that waits has room; never when none does. Cancel safe.
    pub(super) async fn room(&mut self) {
        let Some(waiting) = &mut self.waiting else { return std::future::pending().await };
        let place = waiting.place.as_mut().await;
        if let (Some(waiting), Some(open)) = (self.waiting.take(), &mut self.open) {
            let waited = waiting.since.elapsed();
            if waited >= LONG_WAIT {
                tracing::warn!(?waited, "the batches of other sessions left no room for this one");
            }
            open.place.add(place);
            open.frames.push(waiting.frame);
        }
    }
}

#[cfg(test)]
mod tests;
