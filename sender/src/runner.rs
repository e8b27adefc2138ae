//! The life of one enabled task: session after session, with growing waits after failures.

use std::{sync::Arc, time::Duration};

use jackdaw_common::{
    Etag, Timestamp,
    batch::BatchLimits,
    clock::Clock,
    frame::{Accept, Offer, PROTOCOL},
    limits::{BACKOFF_MILLIS_MAX, SILENCE_MILLIS_MAX},
    retry::backoff_millis,
};
use jackdaw_node::{channel::ReceiverUrl, shutdown::Shutdown};
use jackdaw_proto::wire::Reason;
use jackdaw_store::{FollowError, Store, tables::followers::Follower};
use tokio::time::{Instant, timeout};
use tracing::Instrument as _;

use crate::{
    definition::{ConnectionString, TaskDefinition},
    outgoing::{Connected, Dial, Retry, Session, SessionError, check_cursor},
    ownership::Ownership,
    position::Position,
    progress::{Board, LastError, Phase, Status, TaskKey, Warning},
};

/// Longest wait for a receiver's answer to an offer, and how long a session lives that counts as
/// one that went well.
const SILENCE_MAX: Duration = Duration::from_millis(SILENCE_MILLIS_MAX);

/// What a runner is to do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The task.
    pub definition: TaskDefinition,
    /// Where to; `None` when its connection string is gone.
    pub destination: Option<ConnectionString>,
}

impl Plan {
    /// Whether a runner of `other` need not be started anew: the name may change, the generation
    /// is the runner's own doing.
    pub(crate) fn same_as(&self, other: &Self) -> bool {
        self.definition.id == other.definition.id && self.destination == other.destination
    }
}

/// The life of one enabled task.
pub struct Runner {
    /// Which task.
    pub key: TaskKey,
    /// Name of the source database, for people.
    pub source_name: String,
    /// The source database.
    pub store: Store,
    /// Where it says how it is doing.
    pub board: Board,
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
    /// How receivers are reached.
    pub dial: Arc<dyn Dial>,
    /// Random numbers, for the waits after failures.
    pub random: Arc<dyn Fn() -> u64 + Send + Sync>,
    /// What a batch holds at most.
    pub limits: BatchLimits,
    /// What it is to do.
    pub plan: Plan,
    /// Ends it.
    pub stop: Shutdown,
}

impl Runner {
    /// Runs until it is told to stop.
    pub async fn run(mut self) {
        let span = tracing::info_span!(
            "task",
            database = %self.source_name,
            task = self.key.task,
            task_name = %self.plan.definition.display_name,
        );
        self.live().instrument(span).await;
    }

    async fn live(&mut self) {
        let destination = self.plan.destination.as_ref();
        let destination = destination.map(ConnectionString::destination).unwrap_or_default();
        // What it was when this process began; sessions know better.
        let snapshot = self.store.snapshot();
        let known = snapshot.header().followers.acknowledged_by(self.key.task, destination);
        self.board.update(self.key, |status| {
            if status.destination != destination {
                *status = std::mem::take(status).towards(destination);
            }
            status.last_acknowledged = known.unwrap_or(status.last_acknowledged);
        });
        drop(snapshot);
        let mut ownership = Ownership::new(self.store.clone(), self.key.task);
        let mut failures = 0;
        let mut attempt = 0;
        let mut told = None;
        let mut contents = Contents::default();
        // Told that its generation is too low, a task asks again at once, but once only.
        let mut fenced = false;
        loop {
            let outcome = match ownership.generation().await {
                Ok(None) => return,
                Ok(Some(generation)) => self.session(generation, attempt, destination).await,
                Err(error) => Outcome::Failed { accepted: false, error: error.into() },
            };
            self.board.update(self.key, |status| status.actual_url = None);
            let (accepted, error) = match outcome {
                Outcome::Stopped => return,
                Outcome::Failed { accepted, error } => (accepted, error),
            };
            let highest = error.fenced_by();
            if let Some(highest) = highest {
                tracing::warn!(highest, "the destination knows of a later owner of this task");
                ownership.fenced_by(highest);
                if !fenced {
                    fenced = true;
                    continue;
                }
            }
            fenced = highest.is_some();
            // A content may take many connections; one that ends otherwise may end so for ever.
            let lost = matches!(error, SessionError::Lost | SessionError::Silent);
            let grown = contents.have_grown(&self.board.status(self.key)) && lost;
            failures = match (accepted, grown) {
                (true, _) => 0,
                (false, true) => 1,
                (false, false) => failures + 1,
            };
            attempt += 1;
            if accepted {
                told = None;
            }
            if self.wait(&error, failures, is_news(&mut told, &error)).await {
                return;
            }
        }
    }

    /// Waits after a failure; true when it was told to stop meanwhile.
    async fn wait(&mut self, error: &SessionError, failures: u32, news: bool) -> bool {
        let millis = match error.retry() {
            Retry::Backoff => backoff_millis(failures, (self.random)()),
            Retry::Blocked => BACKOFF_MILLIS_MAX,
        };
        let micros = i64::try_from(millis * 1_000).unwrap_or(i64::MAX);
        self.report(error, failures, news, self.clock.now().plus_micros(micros));
        tokio::select! {
            biased;
            () = self.stop.requested() => true,
            () = tokio::time::sleep(Duration::from_millis(millis)) => false,
        }
    }

    /// Says why it failed, to people once: blocked for one reason it is tried again for ever.
    fn report(&self, error: &SessionError, failures: u32, news: bool, next: Timestamp) {
        let now = self.clock.now();
        let blocked = error.retry() == Retry::Blocked;
        let reason = error.reason().to_owned();
        if blocked && news {
            tracing::error!(reason, %error, "task is blocked until somebody acts");
        } else if blocked {
            tracing::debug!(reason, %error, "task is blocked as before");
        } else {
            tracing::warn!(reason, %error, failures, "session failed, trying again");
        }
        self.board.update(self.key, |status| {
            status.phase = if blocked { Phase::Blocked } else { Phase::Backoff { until: next } };
            status.error = Some(LastError {
                reason,
                message: error.message(),
                time: now,
                retries: failures,
                next_try: Some(next),
            });
        });
    }

    /// One session, from dialing to its end.
    async fn session(&mut self, generation: u64, attempt: usize, destination: u64) -> Outcome {
        let mut stop = self.stop.clone();
        let call = self.call(generation, attempt);
        let connected = tokio::select! {
            biased;
            () = stop.requested() => return Outcome::Stopped,
            connected = call => connected,
        };
        let (url, connected) = match connected {
            Ok(connected) => connected,
            Err(error) => return Outcome::Failed { accepted: false, error },
        };
        let cursor = connected.accept.cursor;
        // What is written down makes room for forgetting: it must be true.
        let last = self.store.last_etag();
        if let Err(untrue) = check_cursor(cursor, Etag::ZERO, last) {
            return Outcome::Failed { accepted: false, error: untrue.into() };
        }
        let begun = Instant::now();
        let stands = Follower { task: self.key.task, destination, acknowledged: cursor };
        let mut position = match self.position(connected.floor, stands).await {
            Ok(position) => position,
            Err(error) => return Outcome::Failed { accepted: false, error },
        };
        self.accepted(&url, &connected.accept);
        let session = Session::new(
            self.store.clone(),
            self.board.clone(),
            self.key,
            Arc::clone(&self.clock),
            self.limits,
            connected.accept,
        );
        let outcome = match session {
            Ok(session) => {
                let session = session.run(connected.inbound, connected.outbound, stop);
                tokio::select! {
                    biased;
                    outcome = session => outcome,
                    () = position.keep() => Ok(()),
                }
            }
            Err(error) => Err(error),
        };
        position.write().await;
        match outcome {
            Ok(()) => Outcome::Stopped,
            Err(error) => {
                // A session that brought nothing forward counts as a failure like any other, but
                // one that had nothing to bring and lived.
                let accepted = self.board.status(self.key).last_acknowledged > cursor
                    || begun.elapsed() > SILENCE_MAX;
                Outcome::Failed { accepted, error }
            }
        }
    }

    /// Says that the session was accepted.
    fn accepted(&self, url: &ReceiverUrl, accept: &Accept) {
        let cursor = accept.cursor;
        tracing::info!(%url, cursor = cursor.get(), "session accepted");
        self.board.update(self.key, |status| {
            status.phase = Phase::CatchingUp;
            status.actual_url = Some(url.to_string());
            status.error = None;
            status.last_acknowledged = cursor;
            status.last_sent = cursor;
            status.lacked = None;
            status.destination_vector = accept.vector.clone();
            if let Some(from) = accept.went_back_from {
                status.warning = Some(restored(cursor, from, self.clock.now()));
            }
        });
    }

    /// Writes down where the destination stands before anything is sent: from then on nothing
    /// behind that is forgotten. What was forgotten since the offer said otherwise would be missed.
    async fn position(&self, offered: Etag, stands: Follower) -> Result<Position, SessionError> {
        let (store, cursor) = (self.store.clone(), stands.acknowledged);
        let floor = match store.stand(stands).await {
            Ok(stands) => stands.tombstone_floor,
            Err(FollowError::Store(error)) if error.is_no_space() => {
                // What is written down keeps as much, or more.
                let snapshot = store.snapshot();
                let header = snapshot.header();
                let written = header.followers.acknowledged(stands.task);
                if written.is_none_or(|written| written > cursor) {
                    return Err(error.into());
                }
                tracing::warn!(%error, "cannot write down where the destination is");
                header.tombstone_floor
            }
            Err(error) => return Err(error.into()),
        };
        if floor > offered && cursor < floor {
            return Err(SessionError::FloorRose { floor });
        }
        Ok(Position::new(store, self.board.clone(), self.key, stands))
    }

    async fn call(
        &self,
        generation: u64,
        attempt: usize,
    ) -> Result<(ReceiverUrl, Connected), SessionError> {
        self.board.update(self.key, |status| status.phase = Phase::Connecting);
        let definition = &self.plan.definition;
        let name = &definition.connection_string;
        let missing = || SessionError::ConnectionString(name.clone());
        let destination = self.plan.destination.as_ref().ok_or_else(missing)?;
        let urls = &destination.topology_discovery_urls;
        let url = urls.get(attempt % urls.len().max(1)).ok_or_else(missing)?;
        let url: ReceiverUrl = url.parse().map_err(|_| missing())?;
        let snapshot = self.store.snapshot();
        let header = snapshot.header();
        let offer = Offer {
            protocol: PROTOCOL,
            source_name: self.source_name.clone(),
            source: header.database,
            lineage: header.lineage().clone(),
            last_etag: header.last_etag,
            tombstone_floor: header.tombstone_floor,
            vector: header.vector.clone(),
            task: definition.id,
            task_name: definition.display_name.clone(),
            generation,
            destination: destination.database.clone(),
        };
        let answered = timeout(SILENCE_MAX, self.dial.dial(&url, offer)).await;
        let connected = answered.map_err(|_| SessionError::Silent)??;
        Ok((url, connected))
    }
}

/// The destination has more of the source than the source has, as was declared.
fn restored(common: Etag, received: Etag, time: Timestamp) -> Warning {
    let message = format!(
        "the source was restored or copied: up to etag {common} both have the same, the \
         destination keeps what it has up to etag {received}"
    );
    tracing::warn!(reason = Reason::SourceRestored.as_str(), "{message}");
    Warning { reason: Reason::SourceRestored.as_str().to_owned(), message, time }
}

/// Whether an error is another one than was told last.
fn is_news(told: &mut Option<String>, error: &SessionError) -> bool {
    let message = error.message();
    let news = told.as_deref() != Some(&*message);
    *told = Some(message);
    news
}

/// The least that the destination has lacked of the contents behind its cursor.
#[derive(Default)]
struct Contents(Option<(Etag, u64)>);

impl Contents {
    /// Whether it lacks less than it ever did, at the same place: the session before brought it
    /// there. What is lost and comes again is no progress.
    fn have_grown(&mut self, status: &Status) -> bool {
        let Some(lacked) = status.lacked else { return false };
        let cursor = status.last_acknowledged;
        let least = self.0.filter(|(at, _)| *at == cursor).map(|(_, least)| least);
        let grown = least.is_some_and(|least| lacked < least);
        self.0 = Some((cursor, least.map_or(lacked, |least| lacked.min(least))));
        grown
    }
}

/// How a session ended.
enum Outcome {
    /// It was told to.
    Stopped,
    /// It failed.
    Failed {
        /// Whether it had brought something forward.
        accepted: bool,
        /// Why.
        error: SessionError,
    },
}

#[cfg(test)]
mod tests;
