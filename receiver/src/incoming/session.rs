//! One admitted session: gathers batches, has them applied, acknowledges what is durable.
//!
//! ```text
//!   connection ──frames──► open batch ──whole──► queue ──one at a time──► unpack, apply (store)
//!        ▲                                                                        │
//!        └────────────────────── outbox ◄──── acks, heartbeats ◄──────────────────┘
//! ```
//!
//! It always reads: no arm of its loop awaits a send. The window that it granted bounds the queue.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use futures_util::{FutureExt as _, Stream, StreamExt as _, future::BoxFuture};
use jackdaw_common::{
    ChangeVector, DatabaseId, Etag, Timestamp,
    frame::{
        Ack, BatchEnd, Durations, Grammar, Outcomes, ReceiverHeartbeat, SenderHeartbeat,
        ToReceiver, ToSender, Window,
    },
    limits::{BATCH_BYTES_MAX, HEARTBEAT_MILLIS, SILENCE_MILLIS_MAX},
};
use jackdaw_node::shutdown::Shutdown;
use jackdaw_store::{Applied, Incoming, Session as Opened, Store};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

use super::{
    error::IncomingError,
    unpack::{Gathered, unpack},
};

const HEARTBEAT: Duration = Duration::from_millis(HEARTBEAT_MILLIS);
const SILENCE_MAX: Duration = Duration::from_millis(SILENCE_MILLIS_MAX);

/// What can happen to a session.
enum Event {
    /// A frame came, or the connection ended.
    Frame(Option<Result<ToReceiver, IncomingError>>),
    /// The job under way is durable, or failed.
    Done(Result<Done, IncomingError>),
    /// The connection took a frame.
    Sent,
    /// The connection takes no frames any more.
    Hangup,
    /// A heartbeat is due, or the peer is silent for too long.
    Timer,
    /// The service ends.
    Drain,
}

/// Something to be applied.
enum Job {
    /// A whole batch, and when its first frame came.
    Batch(Gathered, Instant, Instant),
    /// Progress without items.
    Progress(SenderHeartbeat),
}

/// Something that was applied.
struct Done {
    applied: Applied,
    /// For a batch: its number, and how long it took.
    batch: Option<(u64, Durations)>,
}

/// A batch that is being gathered.
struct Open {
    number: u64,
    after: Etag,
    frames: Vec<bytes::Bytes>,
    bytes: usize,
    since: Instant,
}

/// One admitted session.
pub(crate) struct Session {
    store: Arc<Store>,
    source: DatabaseId,
    epoch: u64,
    window: Window,
    cursor: Etag,
    vector: ChangeVector,
    grammar: Grammar,
    number: u64,
    open: Option<Open>,
    queue: VecDeque<Job>,
    working: Option<BoxFuture<'static, Result<Done, IncomingError>>>,
    outbox: VecDeque<ToSender>,
    echo: Timestamp,
    heard: Instant,
    beat: Instant,
    draining: bool,
}

impl Session {
    /// The session that the store has opened for `source`.
    pub(crate) fn new(store: Store, source: DatabaseId, opened: Opened, window: Window) -> Self {
        let now = Instant::now();
        Self {
            store: Arc::new(store),
            source,
            epoch: opened.epoch,
            window,
            cursor: opened.cursor,
            vector: opened.vector,
            grammar: Grammar::Idle,
            number: 0,
            open: None,
            queue: VecDeque::new(),
            working: None,
            outbox: VecDeque::new(),
            echo: Timestamp::from_micros(0),
            heard: now,
            beat: now,
            draining: false,
        }
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
            self.start_next();
            if self.draining && self.working.is_none() && self.outbox.is_empty() {
                return Err(IncomingError::Draining);
            }
            let timer = (self.beat + HEARTBEAT).min(self.heard + SILENCE_MAX);
            let event = tokio::select! {
                biased;
                frame = inbound.next(), if !self.draining => Event::Frame(frame),
                done = finished(&mut self.working) => Event::Done(done),
                permit = outbound.reserve(), if !self.outbox.is_empty() => {
                    match (permit, self.outbox.pop_front()) {
                        (Ok(permit), Some(frame)) => {
                            permit.send(frame);
                            Event::Sent
                        }
                        _ => Event::Hangup,
                    }
                }
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
            Event::Done(done) => {
                self.on_done(done?);
                Ok(())
            }
            Event::Timer => self.on_timer(),
            Event::Drain => {
                // What is being applied is finished and acknowledged; the rest comes again.
                self.draining = true;
                self.queue.clear();
                Ok(())
            }
            Event::Frame(None) | Event::Sent | Event::Hangup => Ok(()),
        }
    }

    fn on_frame(&mut self, frame: ToReceiver) -> Result<(), IncomingError> {
        self.heard = Instant::now();
        self.grammar = self.grammar.step(frame.kind())?;
        match frame {
            ToReceiver::Offer(_) => Ok(()),
            ToReceiver::BatchBegin { number, after } => self.on_begin(number, after),
            ToReceiver::Items(encoded) => self.on_items(encoded),
            ToReceiver::BatchEnd(end) => self.on_end(end),
            ToReceiver::Heartbeat(beat) => {
                self.echo = beat.sent_at;
                if beat.last > self.cursor || beat.frontier.is_some() {
                    self.queue.push_back(Job::Progress(beat));
                }
                self.check_queue()
            }
        }
    }

    fn on_begin(&mut self, number: u64, after: Etag) -> Result<(), IncomingError> {
        let expected = self.number + 1;
        if number != expected {
            return Err(IncomingError::Number { number, expected });
        }
        self.number = number;
        let since = Instant::now();
        self.open = Some(Open { number, after, frames: Vec::new(), bytes: 0, since });
        Ok(())
    }

    fn on_items(&mut self, encoded: bytes::Bytes) -> Result<(), IncomingError> {
        // The grammar lets items in between a begin and an end only.
        let Some(open) = &mut self.open else { return Ok(()) };
        open.bytes += encoded.len();
        if open.bytes > BATCH_BYTES_MAX {
            return Err(IncomingError::BatchTooLarge { number: open.number, max: BATCH_BYTES_MAX });
        }
        open.frames.push(encoded);
        Ok(())
    }

    fn on_end(&mut self, end: BatchEnd) -> Result<(), IncomingError> {
        let Some(open) = self.open.take() else { return Ok(()) };
        if end.number != open.number {
            return Err(IncomingError::Number { number: end.number, expected: open.number });
        }
        let batch = Gathered { after: open.after, frames: open.frames, end };
        self.queue.push_back(Job::Batch(batch, open.since, Instant::now()));
        self.check_queue()
    }

    /// A sender that keeps to its window never fills the queue.
    fn check_queue(&self) -> Result<(), IncomingError> {
        // Every batch may be followed by a heartbeat.
        let most = self.window.batches as usize * 2 + 2;
        if self.queue.len() > most { Err(IncomingError::Window { most }) } else { Ok(()) }
    }

    fn start_next(&mut self) {
        if self.working.is_some() {
            return;
        }
        let Some(job) = self.queue.pop_front() else { return };
        let (store, source, epoch) = (Arc::clone(&self.store), self.source, self.epoch);
        self.working = Some(work(store, source, epoch, job).boxed());
    }

    fn on_done(&mut self, done: Done) {
        self.working = None;
        let Applied { cursor, vector, .. } = &done.applied;
        self.cursor = *cursor;
        self.vector.clone_from(vector);
        if let Some((number, durations)) = done.batch {
            self.acknowledge(number, &done.applied, durations);
        }
    }

    fn acknowledge(&mut self, number: u64, applied: &Applied, durations: Durations) {
        if applied.collided > 0 {
            tracing::error!(
                source = %self.source,
                batch = number,
                items = applied.collided,
                "items came with the change vector of another content: source and destination \
                 differ, and neither version is newer"
            );
        }
        self.beat = Instant::now();
        self.outbox.push_back(ToSender::Ack(Ack {
            number,
            cursor: applied.cursor,
            vector: applied.vector.clone(),
            outcomes: Outcomes {
                applied: applied.applied,
                already_present: applied.already_present,
                merged: applied.merged,
                conflicted: applied.conflicted,
            },
            durations,
        }));
    }

    fn on_timer(&mut self) -> Result<(), IncomingError> {
        let now = Instant::now();
        if now >= self.heard + SILENCE_MAX {
            return Err(IncomingError::Silent);
        }
        if now >= self.beat + HEARTBEAT {
            self.beat = now;
            self.outbox.push_back(ToSender::Heartbeat(ReceiverHeartbeat {
                cursor: self.cursor,
                vector: self.vector.clone(),
                echo: self.echo,
            }));
        }
        Ok(())
    }
}

/// Unpacks and applies one job.
async fn work(
    store: Arc<Store>,
    source: DatabaseId,
    epoch: u64,
    job: Job,
) -> Result<Done, IncomingError> {
    match job {
        Job::Progress(beat) => {
            let SenderHeartbeat { after, last, frontier, .. } = beat;
            let incoming = Incoming { source, epoch, after, last, frontier, items: Vec::new() };
            Ok(Done { applied: store.apply(incoming).await?, batch: None })
        }
        Job::Batch(batch, since, complete) => {
            let started = Instant::now();
            let (items, batch) = tokio::task::spawn_blocking(move || (unpack(&batch), batch))
                .await
                .map_err(|_| IncomingError::Draining)?;
            let BatchEnd { number, last, frontier, .. } = batch.end;
            let incoming =
                Incoming { source, epoch, after: batch.after, last, frontier, items: items? };
            let applied = store.apply(incoming).await?;
            let durations = Durations {
                received: micros(complete - since),
                waited: micros(started - complete),
                applied: micros(started.elapsed()),
            };
            Ok(Done { applied, batch: Some((number, durations)) })
        }
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// The job under way; waits for ever when there is none.
async fn finished(
    working: &mut Option<BoxFuture<'static, Result<Done, IncomingError>>>,
) -> Result<Done, IncomingError> {
    match working {
        Some(working) => working.await,
        None => std::future::pending().await,
    }
}
