//! One task, followed by a client.
//!
//! ```text
//!   board (the task's session) ──┐
//!   store publishes ─────────────┼──► feeder task ──► bounded queue ──► client
//!   one second, while it lags ───┘
//! ```
//!
//! At most ten times a second, and only what differs from what was sent last.

use std::{sync::Arc, time::Duration};

use jackdaw_common::{DatabaseName, clock::Clock};
use jackdaw_node::{
    catalog::Database,
    control::{door, failure},
};
use jackdaw_proto::{control::ExternalReplication, wire::WireError};
use jackdaw_store::StoreError;
use tokio::{sync::mpsc, time::sleep};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::view::{self, Facts};
use crate::progress::{Board, TaskKey};

/// States of a task on their way to a client.
pub(super) type Watch = ReceiverStream<Result<ExternalReplication, Status>>;

type Sender = mpsc::Sender<Result<ExternalReplication, Status>>;

/// Follows a task until the client is gone, the task is deleted, or its database ends.
pub(super) fn watch(
    database: &Arc<Database>,
    key: TaskKey,
    board: Board,
    clock: Arc<dyn Clock>,
) -> Watch {
    let (sender, receiver) = mpsc::channel(STATES_QUEUED_MAX);
    let database = Arc::clone(database);
    tokio::spawn(async move {
        let ending = database.ending();
        let name = database.name().clone();
        let follower = Follower { database, key, board, clock };
        let outcome = tokio::select! {
            biased;
            ending = ending => Err(door::ended(&name, ending)),
            () = sender.closed() => return,
            outcome = follower.follow(&sender, &name) => outcome,
        };
        if let Err(error) = outcome {
            // A client that is gone needs no error.
            let _ = sender.send(Err(error.into())).await;
        }
    });
    ReceiverStream::new(receiver)
}

struct Follower {
    database: Arc<Database>,
    key: TaskKey,
    board: Board,
    clock: Arc<dyn Clock>,
}

impl Follower {
    /// Reports until the task is deleted.
    async fn follow(self, sender: &Sender, name: &DatabaseName) -> Result<(), WireError> {
        let store = self.database.store();
        let mut published = store.subscribe();
        let mut status = self.board.watch(self.key);
        let mut shown = None;
        loop {
            published.mark_unchanged();
            let now = status.borrow_and_update().clone();
            let facts = Facts::gather(&self.database, self.key.task, &now).await?;
            let Some(facts) = facts else { return Ok(()) };
            let task = view::task(name, &facts, self.clock.now());
            drop(facts);
            let lags = view::lags(&task);
            if shown.as_ref() != Some(&task) {
                // The client being gone, `watch` ends this.
                let _ = sender.send(Ok(task.clone())).await;
                shown = Some(task);
            }
            sleep(STATES_PAUSE).await;
            tokio::select! {
                changed = published.changed() => if changed.is_err() {
                    let failed = store.failed().borrow().clone();
                    return Err(failure::store(&failed.unwrap_or(StoreError::Closed)));
                },
                // Forgotten by the board: deleted, or only ended.
                changed = status.changed() => if changed.is_err() {
                    status = self.board.watch(self.key);
                },
                () = sleep(LAG_PAUSE), if lags => {}
            }
        }
    }
}

/// States that wait for the client: one on its way while the next is made.
const STATES_QUEUED_MAX: usize = 2;

/// Time between two states at least.
const STATES_PAUSE: Duration = Duration::from_millis(100);

/// Time after which a lag that grows by itself is shown again.
const LAG_PAUSE: Duration = Duration::from_millis(900);
