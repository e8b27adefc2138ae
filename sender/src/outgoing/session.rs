//! One accepted session: packs, sends, and settles until it ends.
//!
//! ```text
//!   store ──news──► pack (blocking) ──► outbox ──one frame at a time──► connection
//!                                          ▲                                │
//!   board ◄── status ── settle ◄───────────┴──────── acks, heartbeats ◄─────┘
//! ```
//!
//! It always reads: no arm of its loop awaits a send. Its batches in flight stay within the window
//! that the receiver granted; a batch larger than the window goes alone.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use futures_util::{FutureExt as _, Stream, StreamExt as _};
use jackdaw_common::{
    ChangeVector, Etag, Timestamp,
    batch::BatchLimits,
    clock::Clock,
    frame::{
        Accept, Ack, BatchEnd, BlobChunk, BlobNeed, Present, ReceiverHeartbeat, RewindReason,
        ToReceiver, ToSender, Window,
    },
    limits::{HEARTBEAT_MILLIS, REWINDS_MAX, SILENCE_MILLIS_MAX},
};
use jackdaw_node::{offload::offload, shutdown::Shutdown};
use jackdaw_store::{Published, Store};
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep_until, timeout},
};

use super::{
    delivery::{Delivery, piece},
    error::SessionError,
    pack::{Destination, Packed, Referred, pack},
    packing::{Packing, Ready, finished, ready},
    reconcile::{Progress, Range, range},
    settle::{Carries, InFlight, Untrue, check_cursor, settle},
};
use crate::progress::{Board, Phase, Status, TaskKey};

const HEARTBEAT: Duration = Duration::from_millis(HEARTBEAT_MILLIS);
const SILENCE_MAX: Duration = Duration::from_millis(SILENCE_MILLIS_MAX);
/// How long a receiver that takes nothing any more is listened to.
const LAST_WORDS_MAX: Duration = Duration::from_secs(1);

/// What can happen to a session.
enum Event {
    /// A frame came, or the connection ended.
    Frame(Option<Result<ToSender, SessionError>>),
    /// A batch, or a range of a full reconcile, is packed.
    Packed(Result<Ready, SessionError>),
    /// A piece of a content of the batch that waits is read.
    Piece(Result<BlobChunk, SessionError>),
    /// The connection took a frame.
    Sent,
    /// The connection takes no frames any more.
    Hangup,
    /// The source has changed, or can no more.
    News(bool),
    /// A heartbeat is due, or the peer is silent for too long.
    Timer,
    /// Somebody wants it to end.
    Stop,
}

/// One accepted session.
pub(crate) struct Session {
    store: Store,
    board: Board,
    key: TaskKey,
    clock: Arc<dyn Clock>,
    window: Window,
    limits: BatchLimits,
    destination: Destination,
    published: watch::Receiver<Published>,
    /// The full reconcile that comes first, where the destination has asked for one.
    reconcile: Option<Progress>,
    /// Acknowledged by the destination.
    acknowledged: Etag,
    /// Sent, or told to be left out.
    sent: Etag,
    /// Scanned: sent, or waiting in `ready`.
    scanned: Etag,
    /// What the destination was told at the last whole point.
    frontier: Option<ChangeVector>,
    /// When it is to be told of what raised the database vector without a change of its own.
    raised: Option<Instant>,
    number: u64,
    /// What the destination has given out, as its own versions say, and since when that is known.
    echoed: (Etag, Instant),
    /// Rewinds since the last ack.
    rewinds: u32,
    packing: Option<Packing>,
    ready: Option<Ready>,
    /// Contents of the batch that is ready, until all that is needed of them is sent.
    delivery: Option<Delivery>,
    in_flight: VecDeque<InFlight>,
    outbox: VecDeque<ToReceiver>,
    heard: Instant,
    heard_at: Timestamp,
    beat: Instant,
}

impl Session {
    /// A session that `accept` has opened.
    pub(crate) fn new(
        store: Store,
        board: Board,
        key: TaskKey,
        clock: Arc<dyn Clock>,
        limits: BatchLimits,
        accept: Accept,
    ) -> Result<Self, SessionError> {
        let mut published = store.subscribe();
        let last = published.borrow_and_update().last_etag;
        check_cursor(accept.cursor, Etag::ZERO, last).map_err(SessionError::Untrue)?;
        let (cursor, now) = (accept.cursor, Instant::now());
        let heard_at = clock.now();
        let destination = Destination {
            incarnation: accept.incarnation,
            known: accept.vector,
            item_bytes_max: accept.item_bytes_max,
            transaction_bytes_max: accept.transaction_bytes_max,
        };
        Ok(Self {
            store,
            board,
            key,
            clock,
            window: accept.window,
            limits,
            destination,
            published,
            reconcile: accept.reconcile_after.map(Progress::new),
            acknowledged: cursor,
            sent: cursor,
            scanned: cursor,
            frontier: None,
            raised: None,
            number: 0,
            echoed: (Etag::ZERO, now),
            rewinds: 0,
            packing: None,
            ready: None,
            delivery: None,
            in_flight: VecDeque::new(),
            outbox: VecDeque::new(),
            heard: now,
            heard_at,
            beat: now,
        })
    }

    /// Runs until it is told to stop, or fails.
    ///
    /// # Errors
    ///
    /// Why it ended, unless it was told to.
    pub(crate) async fn run(
        mut self,
        mut inbound: impl Stream<Item = Result<ToSender, SessionError>> + Unpin,
        outbound: mpsc::Sender<ToReceiver>,
        mut stop: Shutdown,
    ) -> Result<(), SessionError> {
        self.report(|_| {});
        self.pack_more(true);
        loop {
            #[cfg(test)]
            planted::send_all(&mut self.outbox, &outbound).await;
            let timer = (self.beat + HEARTBEAT).min(self.heard + SILENCE_MAX);
            let timer = self.raised.map_or(timer, |raised| raised.min(timer));
            let event = tokio::select! {
                biased;
                () = stop.requested() => Event::Stop,
                frame = inbound.next() => Event::Frame(frame),
                packed = finished(&mut self.packing) => Event::Packed(packed),
                piece = piece(&mut self.delivery), if self.outbox.is_empty() => Event::Piece(piece),
                permit = outbound.reserve(), if !self.outbox.is_empty() => {
                    match (permit, self.outbox.pop_front()) {
                        (Ok(permit), Some(frame)) => {
                            permit.send(frame);
                            Event::Sent
                        }
                        _ => Event::Hangup,
                    }
                }
                changed = self.published.changed() => Event::News(changed.is_ok()),
                () = sleep_until(timer) => Event::Timer,
            };
            match event {
                Event::Stop => return Ok(()),
                Event::Hangup => return Err(self.last_words(&mut inbound).await),
                event => self.on(event)?,
            }
        }
    }

    /// Why the receiver takes no frames any more. What it has acknowledged, and its status, come a
    /// little later.
    async fn last_words(
        &mut self,
        inbound: &mut (impl Stream<Item = Result<ToSender, SessionError>> + Unpin),
    ) -> SessionError {
        let heard = async {
            while let Some(frame) = inbound.next().await {
                if let Err(error) = frame.and_then(|frame| self.on_frame(frame)) {
                    return error;
                }
            }
            SessionError::Lost
        };
        timeout(LAST_WORDS_MAX, heard).await.unwrap_or(SessionError::Lost)
    }

    fn on(&mut self, event: Event) -> Result<(), SessionError> {
        match event {
            Event::Frame(None) => return Err(SessionError::Lost),
            Event::Frame(Some(frame)) => self.on_frame(frame?)?,
            Event::Packed(packed) => self.on_packed(packed?),
            Event::Piece(piece) => self.on_piece(piece?),
            Event::News(false) => return Err(SessionError::SourceClosed),
            Event::News(true) => self.pack_more(false),
            Event::Timer => self.on_timer()?,
            Event::Sent | Event::Hangup | Event::Stop => {}
        }
        Ok(())
    }

    fn on_frame(&mut self, frame: ToSender) -> Result<(), SessionError> {
        self.heard = Instant::now();
        self.heard_at = self.clock.now();
        match frame {
            ToSender::Accept(_) => return Err(SessionError::UnexpectedAccept),
            ToSender::Ack(ack) => self.on_ack(ack)?,
            ToSender::Heartbeat(beat) => self.on_heartbeat(beat)?,
            ToSender::BlobNeed(need) => self.on_need(need)?,
            ToSender::Rewind { number, reason } => self.on_rewind(number, reason)?,
        }
        Ok(())
    }

    fn on_need(&mut self, need: BlobNeed) -> Result<(), SessionError> {
        let number = need.number;
        let delivery = self.delivery.as_mut().ok_or(Untrue::Need { number })?;
        let lacked = delivery.need(need)?;
        self.report(|status| {
            status.lacked.get_or_insert(lacked);
        });
        self.end_delivery();
        Ok(())
    }

    fn on_piece(&mut self, chunk: BlobChunk) {
        let bytes = chunk.bytes.len() as u64;
        self.beat = Instant::now();
        self.outbox.push_back(ToReceiver::BlobChunk(chunk));
        self.report(|status| status.counts.content_bytes_sent += bytes);
        self.end_delivery();
    }

    /// The batch has its turn when all its contents are sent.
    fn end_delivery(&mut self) {
        if self.delivery.as_ref().is_some_and(Delivery::is_done) {
            self.delivery = None;
            self.send_ready();
            self.pack_more(false);
        }
    }

    fn on_ack(&mut self, ack: Ack) -> Result<(), SessionError> {
        let batch = settle(&mut self.in_flight, &ack, self.sent)?;
        self.acknowledged = self.acknowledged.max(ack.cursor);
        self.rewinds = 0;
        self.destination.known.merge_from(&ack.vector);
        if let Carries::Range { through } = &batch.carries {
            let through = through.clone();
            if self.reconcile.as_mut().is_some_and(|progress| progress.acknowledge(through)) {
                self.reconcile = None;
                self.pack_more(true);
            }
        }
        self.send_ready();
        self.pack_more(false);
        self.report(|status| {
            let counts = &mut status.counts;
            counts.batches_acknowledged += u64::from(ack.reconciled.is_none());
            counts.applied += ack.outcomes.applied;
            counts.already_present += ack.outcomes.already_present;
            counts.merged += ack.outcomes.merged;
            counts.conflicted += ack.outcomes.conflicted;
            let reconciled = ack.reconciled.unwrap_or_default();
            counts.reconciled_removed += reconciled.removed;
            counts.reconciled_kept += reconciled.kept;
            status.destination_vector = ack.vector;
        });
        batch.span.in_scope(|| {
            tracing::debug!(
                received_us = ack.durations.received,
                waited_us = ack.durations.waited,
                applied_us = ack.durations.applied,
                "acknowledged"
            );
        });
        Ok(())
    }

    fn on_heartbeat(&mut self, beat: ReceiverHeartbeat) -> Result<(), SessionError> {
        check_cursor(beat.cursor, self.acknowledged, self.sent)?;
        self.acknowledged = beat.cursor;
        self.destination.known.merge_from(&beat.vector);
        if beat.answer_wanted && self.outbox.is_empty() {
            self.sign_of_life();
        }
        self.report(|status| status.destination_vector = beat.vector);
        Ok(())
    }

    /// Goes back to what is acknowledged: the batch was not applied, nor anything behind it.
    fn on_rewind(&mut self, number: u64, reason: RewindReason) -> Result<(), SessionError> {
        let expected = self.in_flight.front().map(|batch| batch.number);
        if expected != Some(number) {
            return Err(Untrue::Number { acked: number, expected }.into());
        }
        self.rewinds += 1;
        if self.rewinds >= REWINDS_MAX {
            let after = self.acknowledged;
            return Err(SessionError::Rewound { number, after, reason });
        }
        tracing::warn!(batch = number, ?reason, "batch was not applied, sending it again");
        self.in_flight.clear();
        self.outbox.clear();
        self.ready = None;
        self.delivery = None;
        self.packing = None;
        self.frontier = None;
        self.sent = self.acknowledged;
        self.scanned = self.acknowledged;
        if let Some(progress) = &mut self.reconcile {
            progress.go_back();
        }
        self.outbox.push_back(ToReceiver::Rewound { number: self.number + 1 });
        self.pack_more(true);
        Ok(())
    }

    fn on_packed(&mut self, mut ready: Ready) {
        self.packing = None;
        match &mut ready {
            Ready::Batch(packed) => {
                self.scanned = packed.last;
                if packed.echoed > self.echoed.0 {
                    self.echoed = (packed.echoed, Instant::now());
                }
                let contents = std::mem::take(&mut packed.contents);
                self.offer(contents);
            }
            Ready::Range(range) => {
                if let Some(progress) = &mut self.reconcile {
                    progress.packed(range);
                }
            }
        }
        self.ready = Some(ready);
        self.send_ready();
        self.pack_more(false);
    }

    /// Offers the contents of the batch that is packed.
    fn offer(&mut self, contents: Vec<Referred>) {
        if !contents.is_empty() {
            let (delivery, offer) = Delivery::new(self.number + 1, contents);
            self.delivery = Some(delivery);
            self.outbox.push_back(ToReceiver::BlobOffer(offer));
        }
    }

    /// Sends what is packed, if its contents are sent and the window has room for it.
    fn send_ready(&mut self) {
        if self.delivery.is_some() {
            return;
        }
        match self.ready.take() {
            None => {}
            Some(Ready::Batch(packed)) if packed.items == 0 => {
                self.tell_progress(packed.last, packed.run, packed.frontier);
                self.report(|status| status.counts.left_out += packed.left_out);
            }
            Some(Ready::Batch(packed)) if self.has_room(packed.bytes) => self.send(packed),
            Some(Ready::Range(range)) if self.has_room(range.bytes) => self.send_range(range),
            waits => self.ready = waits,
        }
    }

    /// Whether the window has room for so many bytes more; it has for whatever goes alone.
    fn has_room(&self, bytes: u64) -> bool {
        let on_the_way: u64 = self.in_flight.iter().map(|batch| batch.bytes).sum();
        let alone = self.in_flight.is_empty();
        #[cfg(test)]
        let alone = alone && !planted::WAITS_FOR_ITSELF.get();
        alone
            || (self.in_flight.len() < self.window.batches as usize
                && on_the_way + bytes <= self.window.bytes)
    }

    fn send_range(&mut self, range: Range) {
        self.number += 1;
        let (number, last) = (self.number, self.sent);
        let Range { after, through, keys, bytes, vector } = range;
        let carries = Carries::Range { through: through.clone() };
        let span = tracing::info_span!("range", number, bytes);
        self.in_flight.push_back(InFlight { number, last, items: 0, bytes, carries, span });
        let present = Present { number, vector, after, through, keys };
        self.outbox.push_back(ToReceiver::Present(present));
        self.beat = Instant::now();
    }

    fn send(&mut self, packed: Packed) {
        self.number += 1;
        let Packed { after, last, run, items, bytes, left_out, frames, frontier, .. } = packed;
        let (number, checksum) = (self.number, packed.checksum);
        let carries = Carries::Items;
        let (from, to) = (after.get(), last.get());
        let span = tracing::info_span!("batch", number, after = from, last = to, items, bytes);
        span.in_scope(|| tracing::debug!("sent"));
        self.in_flight.push_back(InFlight { number, last, items, bytes, carries, span });
        self.sent = last;
        self.outbox.push_back(ToReceiver::BatchBegin { number, after });
        self.outbox.extend(frames.into_iter().map(ToReceiver::Items));
        if frontier.is_some() {
            self.frontier.clone_from(&frontier);
        }
        let end = BatchEnd { number, last, run, items, checksum, frontier };
        self.outbox.push_back(ToReceiver::BatchEnd(end));
        self.beat = Instant::now();
        self.report(|status| {
            status.counts.items_sent += items;
            status.counts.bytes_sent += bytes;
            status.counts.left_out += left_out;
        });
    }

    /// Starts to pack the next batch, or range of a full reconcile, one ahead of the window.
    fn pack_more(&mut self, first: bool) {
        let published = self.published.borrow_and_update().last_etag;
        self.note_raised();
        if self.packing.is_some() || self.ready.is_some() {
            return;
        }
        let snapshot = self.store.snapshot();
        if let Some(progress) = &self.reconcile {
            let Some(after) = progress.next() else { return };
            let packing = offload(move || range(&snapshot, after));
            self.packing = Some(packing.map(|range| ready(range, Ready::Range)).boxed());
        } else if first || published > self.scanned {
            let (after, limits) = (self.scanned, self.limits);
            let destination = self.destination.clone();
            let packing = offload(move || pack(&snapshot, after, limits, &destination));
            self.packing = Some(packing.map(|packed| ready(packed, Ready::Batch)).boxed());
        }
    }

    /// Brings the board up to date.
    fn report(&self, change: impl FnOnce(&mut Status)) {
        let source = self.published.borrow().last_etag;
        let live = self.acknowledged >= source || self.caught_up(source);
        self.board.update(self.key, |status| {
            change(status);
            status.phase = match &self.reconcile {
                Some(_) => Phase::Reconciling,
                None if live => Phase::Live,
                None => Phase::CatchingUp,
            };
            status.last_sent = self.sent;
            status.last_acknowledged = self.acknowledged;
            status.heard = Some(self.heard_at);
        });
    }

    /// Once live, a task stays so as long as less than a batch is missing.
    fn caught_up(&self, source: Etag) -> bool {
        let missing = source.get() - self.acknowledged.get().min(source.get());
        self.board.status(self.key).phase == Phase::Live && missing < self.limits.items as u64
    }
}

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod planted;
mod telling;
#[cfg(test)]
mod tests;
