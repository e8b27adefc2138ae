//! What a session says beside its batches: progress, and that it is there.

use std::time::Duration;

use jackdaw_common::{
    ChangeVector, Etag, RunId,
    frame::{SenderHeartbeat, ToReceiver},
};
use tokio::time::Instant;

use super::{HEARTBEAT, SILENCE_MAX, Session, SessionError};

/// Time in which what raises the database vector without a change of its own gathers before the
/// destination is told.
const RAISED: Duration = Duration::from_millis(500);

impl Session {
    /// Tells the destination what it need not wait for, if that is news.
    pub(super) fn tell_progress(&mut self, last: Etag, run: RunId, frontier: Option<ChangeVector>) {
        if last > self.sent || (frontier.is_some() && frontier != self.frontier) {
            self.heartbeat(last, run, frontier);
        }
    }

    /// Says that it is there, and nothing new.
    pub(super) fn sign_of_life(&mut self) {
        let run = self.store.snapshot().header().lineage().run_of(self.sent);
        self.heartbeat(self.sent, run, None);
    }

    fn heartbeat(&mut self, last: Etag, run: RunId, frontier: Option<ChangeVector>) {
        self.frontier = frontier.clone().or(self.frontier.take());
        let after = self.sent;
        self.sent = last;
        self.beat = Instant::now();
        let sent_at = self.clock.now();
        // However long the connection takes nothing, they do not gather.
        if let Some(ToReceiver::Heartbeat(waits)) = self.outbox.back_mut() {
            let frontier = frontier.or(waits.frontier.take());
            *waits = SenderHeartbeat { after: waits.after, last, run, frontier, sent_at };
            return;
        }
        self.outbox.push_back(ToReceiver::Heartbeat(SenderHeartbeat {
            after,
            last,
            run,
            frontier,
            sent_at,
        }));
    }

    /// What was published is looked at: what raised the database vector without a change of its own
    /// is told of in a while.
    pub(super) fn note_raised(&mut self) {
        if self.raised.is_none() && self.is_raised() {
            self.raised = Some(Instant::now() + RAISED);
        }
    }

    /// Whether the database vector is another one than the destination was told.
    fn is_raised(&self) -> bool {
        self.frontier.as_ref() != Some(&self.published.borrow().vector)
    }

    pub(super) fn on_timer(&mut self) -> Result<(), SessionError> {
        let now = Instant::now();
        if now >= self.heard + SILENCE_MAX {
            return Err(SessionError::Silent);
        }
        self.check_echo(now)?;
        if now >= self.beat + HEARTBEAT {
            self.sign_of_life();
        }
        if self.raised.is_some_and(|raised| now >= raised) {
            let busy = self.packing.is_some() || self.ready.is_some();
            self.raised = busy.then_some(now + RAISED);
            self.pack_more(self.is_raised());
        }
        Ok(())
    }

    /// What the destination has written itself was left out. It has to tell that it has it: if it
    /// went back, it has not, and somebody must know.
    fn check_echo(&self, now: Instant) -> Result<(), SessionError> {
        let (claimed, since) = self.echoed;
        let last = self.destination.known.etag_of(self.destination.incarnation);
        if claimed > last && now >= since + SILENCE_MAX {
            return Err(SessionError::DestinationForked { claimed, last });
        }
        Ok(())
    }
}
