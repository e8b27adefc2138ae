//! The writer's queue, and what drives the writer: a thread of its own, or a task.
//!
//! Whoever writes waits in one bounded queue; what has gathered while a commit ran is committed
//! together next (group commit). Answers go out after the fsync.

use std::{ops::ControlFlow, sync::Arc, thread, time::Duration};

use arc_swap::ArcSwap;
use jackdaw_common::limits::{GROUP_BYTES_MAX, GROUP_INTENTS_MAX};
use tokio::{
    sync::{
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

/// A writer, the queue it takes from, and whom it tells.
pub(crate) struct Drive {
    pub(crate) writer: Writer,
    pub(crate) queue: mpsc::Receiver<Intent>,
    pub(crate) outlet: Outlet,
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
    fn gather(&mut self, first: Option<Intent>) -> Vec<Intent> {
        let mut bytes = first.as_ref().map_or(0, Intent::bytes);
        let mut group = Vec::from_iter(first);
        while group.len() < GROUP_INTENTS_MAX && bytes < GROUP_BYTES_MAX {
            let Ok(next) = self.queue.try_recv() else { break };
            bytes += next.bytes();
            group.push(next);
        }
        group
    }

    /// Commits `group`; breaks when nothing can be written any more.
    fn execute(&mut self, group: Vec<Intent>) -> ControlFlow<()> {
        match self.writer.execute(group, |snapshot| self.outlet.publish(snapshot)) {
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
