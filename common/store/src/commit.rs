//! The writer's queue, and what drives the writer: a thread of its own, or a task.
//!
//! Whoever writes waits in one queue, bounded in intents and in bytes; what has gathered while a
//! commit ran is committed together next (group commit). Answers go out after the fsync.

use std::{ops::ControlFlow, sync::Arc, thread, time::Duration};

use arc_swap::ArcSwap;
use jackdaw_common::limits::{
    GROUP_BYTES_MAX, GROUP_INTENTS_MAX, WRITER_QUEUE_BYTES_MAX, WRITER_QUEUE_MAX,
};
use tokio::{
    sync::{
        OwnedSemaphorePermit, Semaphore,
        mpsc::{self, error::TryRecvError},
        watch,
    },
    time::sleep,
};

use crate::{
    error::StoreError,
    read::{Published, Snapshot},
    write::{Intent, Writer},
};

/// What one permit of the queue's room stands for: a semaphore counts less than bytes need.
const ROOM_UNIT_BYTES: usize = 1024;

/// Takes intents for the writer, in the order in which they are put there.
pub(crate) struct Queue {
    sender: mpsc::Sender<Queued>,
    room: Arc<Semaphore>,
}

/// The writer's end of the queue.
pub(crate) type Waiting = mpsc::Receiver<Queued>;

/// An intent that waits, and the room that it takes until it is decided.
pub(crate) struct Queued {
    intent: Intent,
    bytes: usize,
    room: OwnedSemaphorePermit,
}

/// The writer takes nothing any more.
pub(crate) struct QueueClosed;

impl Queue {
    /// An empty queue, and its other end.
    pub(crate) fn new() -> (Self, Waiting) {
        let (sender, waiting) = mpsc::channel(WRITER_QUEUE_MAX);
        let room = Arc::new(Semaphore::new(WRITER_QUEUE_BYTES_MAX.div_ceil(ROOM_UNIT_BYTES)));
        (Self { sender, room }, waiting)
    }

    /// Puts an intent there once there is room. One that is larger than all of it waits until it
    /// is alone. Cancel safe: what was not put there is not written.
    pub(crate) async fn put(&self, intent: Intent) -> Result<(), QueueClosed> {
        let bytes = intent.bytes();
        let units = units(bytes.min(WRITER_QUEUE_BYTES_MAX));
        // The semaphore is never closed; the writer's end gives its room back when it goes.
        let room = Arc::clone(&self.room).acquire_many_owned(units).await;
        let room = room.map_err(|_| QueueClosed)?;
        self.sender.send(Queued { intent, bytes, room }).await.map_err(|_| QueueClosed)
    }
}

/// How many permits so many bytes take.
fn units(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(ROOM_UNIT_BYTES)).unwrap_or(u32::MAX)
}

/// A writer, the queue it takes from, and whom it tells.
pub(crate) struct Drive {
    pub(crate) writer: Writer,
    pub(crate) queue: Waiting,
    pub(crate) outlet: Outlet,
}

/// Intents that are committed together.
#[derive(Default)]
struct Group {
    intents: Vec<Intent>,
    /// Given back once they are decided.
    room: Vec<OwnedSemaphorePermit>,
    bytes: usize,
}

impl Group {
    fn take(&mut self, queued: Queued) {
        self.bytes += queued.bytes;
        self.intents.push(queued.intent);
        self.room.push(queued.room);
    }

    fn is_full(&self) -> bool {
        self.intents.len() >= GROUP_INTENTS_MAX || self.bytes >= GROUP_BYTES_MAX
    }
}

/// Who is told of what was committed.
pub(crate) struct Outlet {
    /// The newest published snapshot.
    pub(crate) newest: Arc<ArcSwap<Snapshot>>,
    /// Told of every published snapshot.
    pub(crate) news: watch::Sender<Published>,
    /// Told of the final error.
    pub(crate) failing: watch::Sender<Option<StoreError>>,
}

impl Outlet {
    fn publish(&self, snapshot: &Snapshot) {
        self.newest.store(Arc::new(snapshot.clone()));
        self.news.send_replace(snapshot.published());
    }
}

impl Drive {
    /// Drives the writer on the thread that calls, until the queue is closed or nothing can be
    /// written any more.
    fn block(mut self) {
        loop {
            let busy = self.writer.has_work();
            let first = match self.queue.try_recv() {
                Ok(first) => Some(first),
                Err(TryRecvError::Empty) if busy => None,
                Err(_) => match self.queue.blocking_recv() {
                    Some(first) => Some(first),
                    None => return,
                },
            };
            let group = self.gather(first);
            if self.execute(group).is_break() {
                return;
            }
        }
    }

    /// The same as a task, for a runtime whose time is not the machine's. A commit takes `sync`.
    pub(crate) async fn run(mut self, sync: Duration) {
        loop {
            let first = if self.writer.has_work() {
                self.queue.try_recv().ok()
            } else {
                let Some(first) = self.queue.recv().await else { return };
                Some(first)
            };
            sleep(sync).await;
            let group = self.gather(first);
            if self.execute(group).is_break() {
                return;
            }
        }
    }

    /// `first` and what else is there, within bounds.
    fn gather(&mut self, first: Option<Queued>) -> Group {
        let mut group = Group::default();
        let mut next = first;
        while let Some(queued) = next {
            group.take(queued);
            next = if group.is_full() { None } else { self.queue.try_recv().ok() };
        }
        group
    }

    /// Commits `group`; breaks when nothing can be written any more.
    fn execute(&mut self, group: Group) -> ControlFlow<()> {
        let Group { intents, room, .. } = group;
        let executed = self.writer.execute(intents, |snapshot| self.outlet.publish(snapshot));
        drop(room);
        match executed {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) if error.is_final() => {
                // First the reason, then the queue: whoever waits in it, or comes later, is told
                // why it is closed.
                self.outlet.failing.send_replace(Some(error));
                self.queue.close();
                ControlFlow::Break(())
            }
            Err(error) => {
                tracing::warn!(%error, "commit refused, the database stays open");
                ControlFlow::Continue(())
            }
        }
    }

    /// Drives the writer on a thread of its own.
    pub(crate) fn spawn(self) -> std::io::Result<thread::JoinHandle<()>> {
        thread::Builder::new().name("jackdaw-writer".into()).spawn(move || self.block())
    }
}

impl Drop for Drive {
    /// A writer that panics has decided something that it should not have, or nothing: whoever
    /// runs the process must hear of it as of a failed fsync (invariant I14).
    fn drop(&mut self) {
        if thread::panicking() {
            self.outlet.failing.send_replace(Some(StoreError::Panicked));
            self.queue.close();
        }
    }
}
