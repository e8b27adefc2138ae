//! How a task is doing: written by its session, read by the control API.
//!
//! A board holds one watched value a task. Writing never waits, reading never blocks a session,
//! so a status call answers whatever the data plane does.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jackdaw_common::{ChangeVector, DatabaseId, Etag, Timestamp};
use tokio::sync::watch;

/// One task of one source database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaskKey {
    /// The source database.
    pub database: DatabaseId,
    /// The task's id in it.
    pub task: u64,
}

/// What a task is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// Not running.
    #[default]
    Stopped,
    /// Dialing and shaking hands.
    Connecting,
    /// Saying what it holds: it has forgotten deletions that the destination has not received.
    Reconciling,
    /// Sending what the destination does not have yet.
    CatchingUp,
    /// The destination has everything.
    Live,
    /// Waiting before the next try.
    Backoff {
        /// When that is.
        until: Timestamp,
    },
    /// It cannot go on until somebody acts.
    Blocked,
}

/// What went wrong last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastError {
    /// Reason of the published catalogue.
    pub reason: String,
    /// For people.
    pub message: String,
    /// When.
    pub time: Timestamp,
    /// Tries that have failed in a row.
    pub retries: u32,
    /// The next try; `None` when it waits for somebody to act.
    pub next_try: Option<Timestamp>,
}

/// What somebody should know though nothing has failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// Reason of the published catalogue.
    pub reason: String,
    /// For people.
    pub message: String,
    /// When it was noticed.
    pub time: Timestamp,
}

/// Items and bytes, counted over the life of this process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Items sent.
    pub items_sent: u64,
    /// Bytes of encoded items sent.
    pub bytes_sent: u64,
    /// Bytes of contents of attachments sent.
    pub content_bytes_sent: u64,
    /// Items left out: the destination had them, or their successors went in the same batch.
    pub left_out: u64,
    /// Batches acknowledged.
    pub batches_acknowledged: u64,
    /// Items written as the current version.
    pub applied: u64,
    /// Items the destination had.
    pub already_present: u64,
    /// Items merged into an equal version.
    pub merged: u64,
    /// Items kept as versions of a conflict.
    pub conflicted: u64,
    /// Documents the destination removed in full reconciles.
    pub reconciled_removed: u64,
    /// Documents the source does not have and the destination kept in full reconciles.
    pub reconciled_kept: u64,
}

/// How a task is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// What it is doing.
    pub phase: Phase,
    /// What follows, but for the error and the warning, is of this destination, by
    /// [`ConnectionString::destination`](crate::definition::ConnectionString). Zero before the task
    /// has run.
    pub destination: u64,
    /// The URL in use; `None` when not connected and accepted.
    pub actual_url: Option<String>,
    /// Etag up to which was sent in this session.
    pub last_sent: Etag,
    /// Etag up to which the destination has acknowledged.
    pub last_acknowledged: Etag,
    /// The destination's vector as last heard of.
    pub destination_vector: ChangeVector,
    /// Bytes of contents that the destination lacked when it was first asked in this session.
    pub lacked: Option<u64>,
    /// When the destination was last heard of.
    pub heard: Option<Timestamp>,
    /// Counts.
    pub counts: Counts,
    /// The last error, until it works again.
    pub error: Option<LastError>,
    /// What somebody should know though it works.
    pub warning: Option<Warning>,
}

impl Status {
    /// The same for a destination of which nothing is known yet.
    #[must_use]
    pub fn towards(self, destination: u64) -> Self {
        let Self { phase, error, warning, .. } = self;
        Self { phase, destination, error, warning, ..Self::default() }
    }
}

/// The statuses of all tasks of this process.
#[derive(Clone, Default)]
pub struct Board(Arc<Mutex<HashMap<TaskKey, watch::Sender<Status>>>>);

impl Board {
    /// The status of a task; a task that never ran is `Stopped`.
    pub fn status(&self, key: TaskKey) -> Status {
        self.statuses().get(&key).map_or_else(Status::default, |status| status.borrow().clone())
    }

    /// Follows the status of a task. The channel closes when the task is forgotten.
    pub fn watch(&self, key: TaskKey) -> watch::Receiver<Status> {
        self.statuses().entry(key).or_default().subscribe()
    }

    /// Changes the status of a task.
    pub fn update(&self, key: TaskKey, change: impl FnOnce(&mut Status)) {
        self.statuses().entry(key).or_default().send_modify(change);
    }

    /// Forgets a task: it was deleted.
    pub fn forget(&self, key: TaskKey) {
        self.statuses().remove(&key);
    }

    fn statuses(&self) -> MutexGuard<'_, HashMap<TaskKey, watch::Sender<Status>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
