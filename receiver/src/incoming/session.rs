//! One admitted session: gathers batches, has them applied, acknowledges what is durable.
//!
//! ```text
//!   connection ──frames──► intake ──whole──► pipeline ──► store
//!        ▲                                      │
//!        └──── outbox ◄──── acks, heartbeats, ◄─┘ done, in order
//!                           rewinds
//! ```
//!
//! It reads unless there is no room for what it has read: no arm of its loop awaits a send. The
//! window that it granted bounds the pipeline.

use std::collections::VecDeque;

use futures_util::{Stream, StreamExt as _};
use jackdaw_common::{
    ChangeVector, DatabaseId, Etag, Timestamp,
    frame::{
        BatchEnd, BlobNeed, BlobOffer, Grammar, Present, RewindReason, SenderHeartbeat, ToReceiver,
        ToSender, Window,
    },
};
use jackdaw_node::shutdown::Shutdown;
use jackdaw_store::{Published, Session as Opened, Store};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, sleep_until},
};

use super::{
    contents::Contents,
    error::IncomingError,
    intake::Intake,
    pipeline::{Done, Job, Pipeline},
    presence::{Ask, Asked, Presence, presence},
    reconcile::Ranges,
    room::Room,
};

/// What can happen to a session.
enum Event {
    /// A frame came, or the connection ended.
    Frame(Option<Result<ToReceiver, IncomingError>>),
    /// What was read last has room.
    Room,
    /// What was read of contents is taken in.
    Contents(Result<Option<BlobNeed>, IncomingError>),
    /// The oldest job under way is done, or the session must end.
    Done(Result<Done, IncomingError>),
    /// The database has changed, or can no more.
    News,
    /// Somebody asks something of it.
    Asked(Option<Ask>),
    /// The connection took a frame.
    Sent,
    /// The connection takes no frames any more.
    Hangup,
    /// A heartbeat is due, or the peer is silent for too long.
    Timer,
    /// The service ends.
    Drain,
}

/// Whose session it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source {
    /// The source database.
    pub(crate) database: DatabaseId,
    /// The task.
    pub(crate) task: u64,
}

/// One admitted session.
pub(crate) struct Session {
    epoch: u64,
    window: Window,
    published: watch::Receiver<Published>,
    cursor: Etag,
    /// What the sender was told last.
    told: (Etag, ChangeVector),
    /// When it is to be told of news.
    tell: Option<Instant>,
    grammar: Grammar,
    number: u64,
    intake: Intake,
    contents: Contents,
    /// Whether frames are dropped until the sender has rewound.
    dropping: bool,
    /// The full reconcile that comes first, where one was asked for.
    ranges: Ranges,
    pipeline: Pipeline,
    /// Progress that waits for its turn; what comes behind it joins it.
    progress: Option<SenderHeartbeat>,
    outbox: VecDeque<ToSender>,
    echo: Timestamp,
    asked: Asked,
    /// Who waits for a sign of the sender.
    probes: Vec<oneshot::Sender<()>>,
    heard: Instant,
    beat: Instant,
    /// Nothing more is read: it ends when all that it has been given is acknowledged.
    draining: bool,
    /// It ends so that the next one begins with a full reconcile.
    reconcile_due: bool,
}

impl Session {
    /// The session that the store has opened for `source`, and its presence.
    pub(crate) fn new(
        store: Store,
        source: Source,
        opened: Opened,
        window: Window,
        room: Room,
    ) -> (Self, Presence) {
        let now = Instant::now();
        let (presence, asked) = presence();
        let session = Self {
            epoch: opened.epoch,
            window,
            published: store.subscribe(),
            cursor: opened.cursor,
            told: (opened.cursor, opened.vector),
            ranges: Ranges::new(opened.reconcile_after),
            tell: None,
            grammar: Grammar::Idle,
            number: 0,
            intake: Intake::new(room, window.bytes),
            contents: Contents::new(store.clone(), source.database, source.task),
            dropping: false,
            pipeline: Pipeline::new(store, source.database, opened.epoch),
            progress: None,
            outbox: VecDeque::new(),
            echo: Timestamp::from_micros(0),
            asked,
            probes: Vec::new(),
            heard: now,
            beat: now,
            draining: false,
            reconcile_due: false,
        };
        (session, presence)
    }

    /// Runs until the sender hangs up, the service drains, or something is wrong.
    ///
    /// # Errors
    ///
    /// What the sender is told when the session ends.
    pub(crate) async fn run(
        mut self,
        mut inbound: impl Stream<Item = Result<ToReceiver, IncomingError>> + Unpin,
        outbound: mpsc::Sender<ToSender>,
        mut drain: Shutdown,
    ) -> Result<(), IncomingError> {
        loop {
            #[cfg(test)]
            planted::send_all(&mut self.outbox, &outbound).await;
            if self.draining && self.pipeline.is_empty() && self.outbox.is_empty() {
                let due = self.reconcile_due;
                return Err(if due {
                    IncomingError::ReconcileDue
                } else {
                    IncomingError::Draining
                });
            }
            let timer = self.timer();
            let event = tokio::select! {
                biased;
                asked = self.asked.recv() => Event::Asked(asked),
                frame = inbound.next(), if self.reads() => Event::Frame(frame),
                contents = self.contents.work() => Event::Contents(contents),
                () = self.intake.room() => Event::Room,
                done = self.pipeline.next() => Event::Done(done),
                permit = outbound.reserve(), if !self.outbox.is_empty() => {
                    match (permit, self.outbox.pop_front()) {
                        (Ok(permit), Some(frame)) => {
                            permit.send(frame);
                            Event::Sent
                        }
                        _ => Event::Hangup,
                    }
                }
                Ok(()) = self.published.changed() => Event::News,
                () = drain.requested(), if !self.draining => Event::Drain,
                () = sleep_until(timer) => Event::Timer,
            };
            if matches!(event, Event::Frame(None) | Event::Hangup) {
                return Ok(());
            }
            self.on(event)?;
        }
    }

    /// Whether it takes a frame now.
    fn reads(&self) -> bool {
        !self.draining && !self.is_held_up()
    }

    /// Whether what was read last must be dealt with first: nothing can be heard then.
    fn is_held_up(&self) -> bool {
        self.intake.is_waiting() || self.contents.is_busy()
    }

    fn on(&mut self, event: Event) -> Result<(), IncomingError> {
        match event {
            Event::Frame(Some(frame)) => self.on_frame(frame?),
            Event::Room => {
                // It may have been a while, in which nothing was read.
                self.hear();
                Ok(())
            }
            Event::Contents(need) => {
                self.hear();
                self.outbox.extend(need?.map(ToSender::BlobNeed));
                Ok(())
            }
            Event::Done(done) => self.on_done(done?),
            Event::News => {
                self.on_news();
                Ok(())
            }
            Event::Asked(Some(Ask::Probe(reply))) => {
                self.probes.retain(|probe| !probe.is_closed());
                self.probes.push(reply);
                if self.is_held_up() {
                    // Whether the sender is alive cannot be read now; the connection would tell.
                    self.hear();
                } else {
                    self.heartbeat(true);
                }
                Ok(())
            }
            Event::Asked(Some(Ask::Supersede)) => {
                Err(IncomingError::Superseded { epoch: self.epoch })
            }
            Event::Timer => self.on_timer(),
            Event::Drain => {
                self.leave();
                Ok(())
            }
            Event::Asked(None) | Event::Frame(None) | Event::Sent | Event::Hangup => Ok(()),
        }
    }

    /// What the store has been given is finished and acknowledged; the rest comes again.
    fn leave(&mut self) {
        self.draining = true;
        self.progress = None;
        self.intake.go_back();
        self.contents.go_back();
        self.pipeline.close();
    }

    fn on_frame(&mut self, frame: ToReceiver) -> Result<(), IncomingError> {
        self.hear();
        self.grammar = self.grammar.step(frame.kind())?;
        match frame {
            ToReceiver::Offer(_) => Ok(()),
            ToReceiver::BatchBegin { number, after } => self.on_begin(number, after),
            ToReceiver::Items(encoded) => self.intake.items(encoded, !self.dropping),
            ToReceiver::BatchEnd(end) => self.on_end(end),
            ToReceiver::Heartbeat(beat) => {
                self.echo = beat.sent_at;
                let reconciling = self.ranges.are_due();
                if !self.dropping
                    && !reconciling
                    && (beat.last > self.cursor || beat.frontier.is_some())
                {
                    self.on_progress(beat);
                }
                self.check_window()
            }
            ToReceiver::Rewound { number } => self.on_rewound(number),
            ToReceiver::Present(present) => self.on_present(present),
            ToReceiver::BlobOffer(offer) => self.on_offer(offer),
            ToReceiver::BlobChunk(_) if self.dropping => Ok(()),
            ToReceiver::BlobChunk(chunk) => self.contents.chunk(chunk),
        }
    }

    /// Contents are offered for the next batch.
    fn on_offer(&mut self, offer: BlobOffer) -> Result<(), IncomingError> {
        if self.dropping {
            return Ok(());
        }
        self.ranges.none_due()?;
        let (number, expected) = (offer.number, self.number.saturating_add(1));
        if number != expected {
            return Err(IncomingError::Number { number, expected });
        }
        self.contents.offer(offer)
    }

    /// Batches and ranges are numbered together, without a gap.
    fn count(&mut self, number: u64) -> Result<(), IncomingError> {
        let expected = self.number.saturating_add(1);
        if number != expected || number == u64::MAX {
            return Err(IncomingError::Number { number, expected });
        }
        self.number = number;
        Ok(())
    }

    fn on_present(&mut self, present: Present) -> Result<(), IncomingError> {
        self.count(present.number)?;
        if !self.dropping {
            self.ranges.take(&present)?;
            self.pipeline.push(Job::Present { present, since: Instant::now() });
        }
        self.check_window()
    }

    fn on_begin(&mut self, number: u64, after: Etag) -> Result<(), IncomingError> {
        self.count(number)?;
        if !self.dropping {
            self.ranges.none_due()?;
            self.contents.begin(number)?;
        }
        self.intake.begin(number, after);
        Ok(())
    }

    fn on_end(&mut self, end: BatchEnd) -> Result<(), IncomingError> {
        if let Some((batch, since)) = self.intake.end(end, !self.dropping)? {
            let complete = Instant::now();
            self.push_progress();
            let brought = self.contents.newest();
            self.pipeline.push(Job::Batch { batch, brought, since, complete });
        }
        self.check_window()
    }

    /// However often a sender tells of progress, it waits for the writer in one piece.
    fn on_progress(&mut self, beat: SenderHeartbeat) {
        self.progress = Some(match self.progress.take() {
            None => beat,
            // One that does not follow is the store's to refuse.
            Some(before) if before.last != beat.after => {
                self.pipeline.push(Job::Progress(before));
                beat
            }
            Some(before) => SenderHeartbeat {
                after: before.after,
                frontier: beat.frontier.or(before.frontier),
                ..beat
            },
        });
        if self.pipeline.len() < self.window.batches as usize {
            self.push_progress();
        }
    }

    fn push_progress(&mut self) {
        if let Some(beat) = self.progress.take() {
            self.pipeline.push(Job::Progress(beat));
        }
    }

    /// The sender has gone back: what comes now continues from what is durable.
    fn on_rewound(&mut self, number: u64) -> Result<(), IncomingError> {
        if !self.dropping || number <= self.number || number == u64::MAX {
            return Err(IncomingError::Rewound { number });
        }
        self.dropping = false;
        self.ranges.go_back();
        self.intake.go_back();
        self.contents.go_back();
        self.number = number - 1;
        Ok(())
    }

    /// A sender that keeps to its window never fills the pipeline.
    fn check_window(&self) -> Result<(), IncomingError> {
        // Every batch may be followed by a heartbeat.
        let most = self.window.batches as usize * 2 + 2;
        // Nor does one that reads what it is told let that gather here.
        let full = self.pipeline.len() > most || self.outbox.len() > 4 * most;
        if full { Err(IncomingError::Window { most }) } else { Ok(()) }
    }

    fn on_done(&mut self, done: Done) -> Result<(), IncomingError> {
        match done {
            Done::Applied { applied, batch } => {
                self.cursor = applied.cursor;
                if applied.reconcile_due {
                    self.reconcile_due = true;
                    self.leave();
                }
                match batch {
                    Some((number, durations, span)) => {
                        self.intake.done();
                        self.contents.done();
                        span.in_scope(|| self.acknowledge(number, applied, durations));
                    }
                    None => self.on_news(),
                }
            }
            Done::Reconciled { number, reconciled, durations } => {
                self.ranges.done(number);
                self.answer(number, reconciled, durations);
            }
            Done::Refused { number, reason } => self.rewind(number, reason),
        }
        self.push_progress();
        Ok(())
    }

    fn rewind(&mut self, number: u64, reason: RewindReason) {
        self.dropping = true;
        self.intake.drop_all();
        self.contents.drop_all();
        self.progress = None;
        // The sender goes back to what it was told of: it must not be told of more afterwards.
        if self.told.0 != self.cursor {
            self.heartbeat(false);
        }
        self.outbox.push_back(ToSender::Rewind { number, reason });
    }
}

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod planted;
mod telling;
#[cfg(test)]
mod tests;
