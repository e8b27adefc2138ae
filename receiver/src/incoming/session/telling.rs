//! What a session tells its sender: what is durable, and that it is there.

use std::time::Duration;

use jackdaw_common::{
    frame::{Ack, Durations, Outcomes, ReceiverHeartbeat, ToSender},
    limits::{HEARTBEAT_MILLIS, SILENCE_MILLIS_MAX, TELL_MILLIS},
};
use jackdaw_store::{Applied, Reconciled};
use tokio::time::Instant;

use super::{IncomingError, Session};

const HEARTBEAT: Duration = Duration::from_millis(HEARTBEAT_MILLIS);
const SILENCE_MAX: Duration = Duration::from_millis(SILENCE_MILLIS_MAX);
const TELL: Duration = Duration::from_millis(TELL_MILLIS);

impl Session {
    pub(super) fn acknowledge(&mut self, number: u64, applied: Applied, durations: Durations) {
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
    pub(super) fn answer(&mut self, number: u64, reconciled: Reconciled, durations: Durations) {
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
            reconciled: Some(jackdaw_common::frame::Reconciled { removed, kept }),
            durations,
        }));
    }

    /// What the sender does not know yet is told soon, with what else comes until then.
    pub(super) fn on_news(&mut self) {
        let vector = &self.published.borrow_and_update().vector;
        if self.told.0 != self.cursor || self.told.1 != *vector {
            self.tell.get_or_insert_with(|| Instant::now() + TELL);
        }
    }

    /// The sender has given a sign of life.
    pub(super) fn hear(&mut self) {
        self.heard = Instant::now();
        for probe in self.probes.drain(..) {
            // Who asked may have given up.
            let _ = probe.send(());
        }
    }

    /// When something is to be done though nothing happens.
    pub(super) fn timer(&self) -> Instant {
        let beat = self.beat + HEARTBEAT;
        let timer = self.tell.map_or(beat, |tell| beat.min(tell));
        if self.is_held_up() { timer } else { timer.min(self.heard + SILENCE_MAX) }
    }

    pub(super) fn on_timer(&mut self) -> Result<(), IncomingError> {
        let now = Instant::now();
        if now >= self.heard + SILENCE_MAX && !self.is_held_up() {
            return Err(IncomingError::Silent);
        }
        if now >= self.beat + HEARTBEAT || self.tell.is_some_and(|tell| now >= tell) {
            self.heartbeat(false);
        }
        Ok(())
    }

    pub(super) fn heartbeat(&mut self, answer_wanted: bool) {
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
