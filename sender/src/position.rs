//! Where the destination of a task stands, written down at the source: what it has passed may go.
//!
//! The destination owns the position. What is written here follows what it acknowledges, a second
//! late at most; it says what history and deletions the source must keep, and how far the task was
//! when this process has not heard of the destination yet.

use std::time::Duration;

use jackdaw_store::{Store, tables::followers::Follower};
use tokio::time::sleep;

use crate::progress::{Board, TaskKey};

/// Time between two writes: one small commit, while the destination moves.
const EVERY: Duration = Duration::from_secs(1);

/// Writes down what the destination of a task acknowledges.
pub(crate) struct Position {
    store: Store,
    board: Board,
    key: TaskKey,
    written: Follower,
    /// Whether the last try failed, and was told of.
    failing: bool,
}

impl Position {
    /// A position that is written down already.
    pub(crate) fn new(store: Store, board: Board, key: TaskKey, written: Follower) -> Self {
        Self { store, board, key, written, failing: false }
    }

    /// Follows the board until it is dropped.
    pub(crate) async fn keep(&mut self) {
        let mut status = self.board.watch(self.key);
        loop {
            status.mark_unchanged();
            if self.write().await {
                sleep(EVERY).await;
            } else if status.changed().await.is_err() {
                // The task was deleted; who keeps this is about to end.
                return std::future::pending().await;
            }
        }
    }

    /// Writes what is known now, if that is news; answers whether it was.
    pub(crate) async fn write(&mut self) -> bool {
        let acknowledged = self.board.status(self.key).last_acknowledged;
        if acknowledged == self.written.acknowledged {
            return false;
        }
        let follower = Follower { acknowledged, ..self.written };
        match self.store.stand(follower).await {
            Ok(_) => {
                self.written = follower;
                self.failing = false;
            }
            Err(_) if self.failing => {}
            Err(error) => {
                tracing::warn!(%error, "cannot write down how far the destination is");
                self.failing = true;
            }
        }
        true
    }
}
