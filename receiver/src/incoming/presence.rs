//! A session as seen from outside: whether it is alive, and how another takes its place.

use std::time::Duration;

use jackdaw_common::limits::{PRESENCE_QUEUE_MAX, PROBE_MILLIS_MAX};
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

/// What is asked of a session.
pub(super) enum Ask {
    /// To answer once its sender was heard of.
    Probe(oneshot::Sender<()>),
    /// To end: a newer session of its task has begun.
    Supersede,
}

/// A session as seen from outside. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Presence(mpsc::Sender<Ask>);

/// What a presence asks of its session.
pub(super) type Asked = mpsc::Receiver<Ask>;

/// A presence and its session's end of it.
pub(super) fn presence() -> (Presence, Asked) {
    let (sender, receiver) = mpsc::channel(PRESENCE_QUEUE_MAX);
    (Presence(sender), receiver)
}

impl Presence {
    /// Whether the sender says something within `PROBE_MILLIS_MAX` from now; waits as long.
    pub(crate) async fn is_alive(&self) -> bool {
        let within = Duration::from_millis(PROBE_MILLIS_MAX);
        let (reply, answer) = oneshot::channel();
        let asked = async {
            self.0.send(Ask::Probe(reply)).await.ok()?;
            answer.await.ok()
        };
        matches!(timeout(within, asked).await, Ok(Some(())))
    }

    /// Ends the session: a newer one of its task has begun. One that is too busy to be told finds
    /// out at its next batch.
    pub(crate) fn supersede(&self) {
        // A session that has ended needs no telling.
        let _ = self.0.try_send(Ask::Supersede);
    }
}
