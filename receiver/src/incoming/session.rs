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

use std::{collections::VecDeque, time::Duration};

use futures_util::{Stream, StreamExt as _};
use jackdaw_common::{
    ChangeVector, DatabaseId, Etag, Timestamp,
    frame::{
        self, Ack, BatchEnd, Durations, Grammar, Outcomes, Present, ReceiverHeartbeat,
        RewindReason, SenderHeartbeat, ToReceiver, ToSender, Window,
    },
    limits::{HEARTBEAT_MILLIS, SILENCE_MILLIS_MAX, TELL_MILLIS},
};
use jackdaw_node::shutdown::Shutdown;
use jackdaw_store::{Applied, Published, Reconciled, Session as Opened, Store};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, sleep_until},
};

use super::{
    error::IncomingError,
    intake::Intake,
    pipeline::{Done, Job, Pipeline},
    presence::{Ask, Asked, Presence, presence},
    reconcile::Ranges,
    room::Room,
};

const HEARTBEAT: Duration = Duration::from_millis(HEARTBEAT_MILLIS);
const SILENCE_MAX: Duration = Duration::from_millis(SILENCE_MILLIS_MAX);
const TELL: Duration = Duration::from_millis(TELL_MILLIS);

/// What can happen to a session.
enum Event {
    /// A frame came, or the connection ended.
    Frame(Option<Result<ToReceiver, IncomingError>>),
    /// What was read last has room.
    Room,
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
        source: DatabaseId,
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
            dropping: false,
            pipeline: Pipeline::new(store, source, opened.epoch),
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
                frame = inbound.next(), if !self.draining && !self.intake.is_waiting() => {
                    Event::Frame(frame)
                }
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

    fn on(&mut self, event: Event) -> Result<(), IncomingError> {
        match event {
            Event::Frame(Some(frame)) => self.on_frame(frame?),
            Event::Room => {
                // It may have been a while, in which nothing was read.
                self.hear();
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
                if self.intake.is_waiting() {
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
        }
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
        }
        self.intake.begin(number, after);
        Ok(())
    }

    fn on_end(&mut self, end: BatchEnd) -> Result<(), IncomingError> {
        if let Some((batch, since)) = self.intake.end(end, !self.dropping)? {
            let complete = Instant::now();
            self.push_progress();
            self.pipeline.push(Job::Batch { batch, since, complete });
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
        self.progress = None;
        // The sender goes back to what it was told of: it must not be told of more afterwards.
        if self.told.0 != self.cursor {
            self.heartbeat(false);
        }
        self.outbox.push_back(ToSender::Rewind { number, reason });
    }

    fn acknowledge(&mut self, number: u64, applied: Applied, durations: Durations) {
        if applied.collided > 0 {
            tracing::error!(
                items = applied.collided,
                "items came with the change vector of another content: source and destination \
                 differ, and neither version is newer"
            );
        }
        tracing::debug!(
            cursor = applied.cursor.get(),
            applied = applied.applied,
            already_present = applied.already_present,
            merged = applied.merged,
            conflicted = applied.conflicted,
            "batch durable"
        );
        self.beat = Instant::now();
        self.told = (applied.cursor, applied.vector.clone());
        self.outbox.push_back(ToSender::Ack(Ack {
            number,
            cursor: applied.cursor,
            vector: applied.vector,
            outcomes: Outcomes {
                applied: applied.applied,
                already_present: applied.already_present,
                merged: applied.merged,
                conflicted: applied.conflicted,
            },
            reconciled: None,
            durations,
        }));
    }

    /// A range of a full reconcile is durable.
    fn answer(&mut self, number: u64, reconciled: Reconciled, durations: Durations) {
        let Reconciled { removed, kept, vector, .. } = reconciled;
        if removed + kept > 0 {
            tracing::info!(removed, kept, "reconciled with the source");
        }
        self.beat = Instant::now();
        self.told = (self.cursor, vector.clone());
        self.outbox.push_back(ToSender::Ack(Ack {
            number,
            cursor: self.cursor,
            vector,
            outcomes: Outcomes::default(),
            reconciled: Some(frame::Reconciled { removed, kept }),
            durations,
        }));
    }

    /// What the sender does not know yet is told soon, with what else comes until then.
    fn on_news(&mut self) {
        let vector = &self.published.borrow_and_update().vector;
        if self.told.0 != self.cursor || self.told.1 != *vector {
            self.tell.get_or_insert_with(|| Instant::now() + TELL);
        }
    }

    /// The sender has given a sign of life.
    fn hear(&mut self) {
        self.heard = Instant::now();
        for probe in self.probes.drain(..) {
            // Who asked may have given up.
            let _ = probe.send(());
        }
    }

    /// When something is to be done though nothing happens.
    fn timer(&self) -> Instant {
        let beat = self.beat + HEARTBEAT;
        let timer = self.tell.map_or(beat, |tell| beat.min(tell));
        // While nothing is read, nothing can be heard.
        if self.intake.is_waiting() { timer } else { timer.min(self.heard + SILENCE_MAX) }
    }

    fn on_timer(&mut self) -> Result<(), IncomingError> {
        let now = Instant::now();
        if now >= self.heard + SILENCE_MAX && !self.intake.is_waiting() {
            return Err(IncomingError::Silent);
        }
        if now >= self.beat + HEARTBEAT || self.tell.is_some_and(|tell| now >= tell) {
            self.heartbeat(false);
        }
        Ok(())
    }

    fn heartbeat(&mut self, answer_wanted: bool) {
        let vector = self.published.borrow().vector.clone();
        self.beat = Instant::now();
        self.tell = None;
        self.told = (self.cursor, vector.clone());
        self.outbox.push_back(ToSender::Heartbeat(ReceiverHeartbeat {
            cursor: self.cursor,
            vector,
            echo: self.echo,
            answer_wanted,
        }));
    }
}

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod planted;
#[cfg(test)]
mod tests;
