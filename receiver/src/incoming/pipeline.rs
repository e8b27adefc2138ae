//! Batches on their way into the store: unpacked side by side, applied in the order they came.
//!
//! ```text
//!   batch ──► unpacking (blocking, several at once) ──► the writer's queue, one after the other
//!                                                              │
//!   done, in order ◄── durable ◄── one commit for all that wait ┘
//! ```
//!
//! Progress without items takes the same way, so that it never overtakes the batches before it. The
//! first failure stops everything behind it: nothing more is queued, and what was queued is refused
//! by the store, since it continues from what was not applied (pitfall 11).

#[cfg(test)]
pub(super) mod planted;

use std::time::Duration;

use futures_util::{
    FutureExt as _, StreamExt as _,
    future::{BoxFuture, Fuse},
    stream::FuturesOrdered,
};
use jackdaw_common::{
    DatabaseId, Etag,
    frame::{self, BatchEnd, Durations, RewindReason, SenderHeartbeat},
};
use jackdaw_node::offload::offload;
use jackdaw_store::{
    Applied, ApplyError, Brought, Incoming, IncomingItem, Present, Reconciled, Store,
};
use tokio::time::Instant;
use tracing::{Instrument as _, Span};

use super::{
    error::IncomingError,
    unpack::{Gathered, UnpackError, unpack},
};

/// Something to be applied.
pub(super) enum Job {
    /// A whole batch.
    Batch {
        /// What came.
        batch: Gathered,
        /// The contents that it refers to.
        brought: Brought,
        /// When its first frame came.
        since: Instant,
        /// When its last one did.
        complete: Instant,
    },
    /// Progress without items.
    Progress(SenderHeartbeat),
    /// What the source holds within a range.
    Present {
        /// What it holds.
        present: frame::Present,
        /// When it came.
        since: Instant,
    },
}

/// What became of a job.
pub(super) enum Done {
    /// It is durable.
    Applied {
        /// What the store says.
        applied: Applied,
        /// For a batch: its number, how long it took, and its span.
        batch: Option<(u64, Durations, Span)>,
    },
    /// A range of a full reconcile is durable.
    Reconciled {
        /// Its number.
        number: u64,
        /// What became of it.
        reconciled: Reconciled,
        /// How long it took.
        durations: Durations,
    },
    /// It was not applied, nor was anything behind it, and nothing of that is under way any more.
    Refused {
        /// The batch's number.
        number: u64,
        /// Why.
        reason: RewindReason,
    },
}

/// A job that the store can be given.
enum Unpacked {
    /// A batch, or mere progress.
    Incoming { incoming: Incoming, batch: Option<Numbered> },
    /// A range of a full reconcile.
    Present { number: u64, present: Present, since: Instant },
}

/// What is known of a batch beside what the store is given.
struct Numbered {
    number: u64,
    /// How long it took to come.
    durations: Durations,
    /// When its applying began.
    started: Instant,
    span: Span,
}

/// Why a job goes no further.
enum Failure {
    /// The session ends.
    Ends(IncomingError),
    /// The sender is to send it again.
    Again { number: u64, reason: RewindReason },
    /// It continues from what was not applied: a job before it has failed.
    Behind(ApplyError),
}

type Step<T> = BoxFuture<'static, Result<T, Failure>>;

/// Batches on their way into the store.
pub(super) struct Pipeline {
    store: Store,
    source: DatabaseId,
    epoch: u64,
    unpacking: FuturesOrdered<Step<Unpacked>>,
    queueing: Fuse<Step<Step<Done>>>,
    is_queueing: bool,
    applying: FuturesOrdered<Step<Done>>,
    refused: Option<(u64, RewindReason)>,
}

impl Pipeline {
    /// An empty one, for a session of `source`.
    pub(super) fn new(store: Store, source: DatabaseId, epoch: u64) -> Self {
        Self {
            store,
            source,
            epoch,
            unpacking: FuturesOrdered::new(),
            queueing: Fuse::terminated(),
            is_queueing: false,
            applying: FuturesOrdered::new(),
            refused: None,
        }
    }

    /// Jobs that are not done.
    pub(super) fn len(&self) -> usize {
        self.unpacking.len() + usize::from(self.is_queueing) + self.applying.len()
    }

    /// Whether nothing is under way.
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes a job, behind those it has; none behind one that was refused.
    pub(super) fn push(&mut self, job: Job) {
        if self.refused.is_some() {
            return;
        }
        #[cfg(test)]
        let Some(job) = planted::overtake(self, job) else { return };
        let span = match &job {
            Job::Batch { batch, .. } => {
                let BatchEnd { number, last, items, .. } = batch.end;
                let (after, last) = (batch.after.get(), last.get());
                tracing::info_span!("batch", number, after, last, items)
            }
            Job::Progress(_) | Job::Present { .. } => Span::none(),
        };
        let (source, epoch) = (self.source, self.epoch);
        let incoming = move |after: Etag, (last, run), frontier, items| Incoming {
            source,
            epoch,
            after,
            last,
            run,
            frontier,
            items,
            brought: Brought::default(),
        };
        let unpacking = async move {
            match job {
                Job::Progress(SenderHeartbeat { after, last, run, frontier, .. }) => {
                    let incoming = incoming(after, (last, run), frontier, Vec::new());
                    Ok(Unpacked::Incoming { incoming, batch: None })
                }
                Job::Present { present, since } => {
                    let frame::Present { number, vector, after, through, keys } = present;
                    let present = Present { source, epoch, vector, after, through, keys };
                    Ok(Unpacked::Present { number, present, since })
                }
                Job::Batch { batch, brought, since, complete } => {
                    let after = batch.after;
                    let (items, end) = decoded(batch).await?;
                    let BatchEnd { number, last, run, frontier, .. } = end;
                    let started = Instant::now();
                    let durations = Durations {
                        received: micros(complete - since),
                        waited: micros(started - complete),
                        applied: 0,
                    };
                    let incoming = incoming(after, (last, run), frontier, items);
                    let incoming = Incoming { brought, ..incoming };
                    let span = Span::current();
                    let batch = Some(Numbered { number, durations, started, span });
                    Ok(Unpacked::Incoming { incoming, batch })
                }
            }
        };
        self.unpacking.push_back(unpacking.instrument(span).boxed());
    }

    /// Forgets what the store has not been given yet: the session ends once the rest is done.
    pub(super) fn close(&mut self) {
        self.unpacking.clear();
        self.queueing = Fuse::terminated();
        self.is_queueing = false;
    }

    /// The next job that is done, in the order they came. Waits for ever when there is none. Cancel
    /// safe.
    ///
    /// # Errors
    ///
    /// The session must end.
    pub(super) async fn next(&mut self) -> Result<Done, IncomingError> {
        loop {
            if self.is_empty()
                && let Some((number, reason)) = self.refused.take()
            {
                return Ok(Done::Refused { number, reason });
            }
            let failure = tokio::select! {
                biased;
                Some(done) = self.applying.next() => match done {
                    Ok(done) => return Ok(done),
                    Err(failure) => failure,
                },
                queued = &mut self.queueing, if self.is_queueing => {
                    self.is_queueing = false;
                    match queued {
                        Ok(applying) => {
                            self.applying.push_back(applying);
                            continue;
                        }
                        Err(failure) => failure,
                    }
                }
                Some(unpacked) = self.unpacking.next(), if !self.is_queueing => match unpacked {
                    Ok(unpacked) => {
                        self.queueing = queue(self.store.clone(), unpacked).boxed().fuse();
                        self.is_queueing = true;
                        continue;
                    }
                    Err(failure) => failure,
                },
                else => return std::future::pending().await,
            };
            self.fail(failure)?;
        }
    }

    /// The first failure decides; those behind it only follow from it.
    fn fail(&mut self, failure: Failure) -> Result<(), IncomingError> {
        match failure {
            Failure::Ends(error) => return Err(error),
            Failure::Behind(error) if self.refused.is_none() => return Err(error.into()),
            Failure::Behind(_) => {}
            Failure::Again { number, reason } => {
                self.close();
                self.refused.get_or_insert((number, reason));
            }
        }
        Ok(())
    }
}

/// Checks and decodes a batch, away from the session.
async fn decoded(batch: Gathered) -> Result<(Vec<IncomingItem>, BatchEnd), Failure> {
    let (items, end) = offload(move || (unpack(&batch), batch.end))
        .await
        .map_err(|_| Failure::Ends(IncomingError::Draining))?;
    match items {
        Ok(items) => Ok((items, end)),
        Err(error @ UnpackError::Checksum { .. }) => {
            tracing::warn!(batch = end.number, %error, "batch refused");
            Err(Failure::Again { number: end.number, reason: RewindReason::Checksum })
        }
        Err(error) => Err(Failure::Ends(error.into())),
    }
}

/// Puts a job into the writer's queue; answers what waits for it to be durable.
async fn queue(store: Store, unpacked: Unpacked) -> Result<Step<Done>, Failure> {
    let (incoming, batch) = match unpacked {
        Unpacked::Incoming { incoming, batch } => (incoming, batch),
        Unpacked::Present { number, present, since } => {
            // The next job must not reach the store before the last step of this one.
            let done = reconcile(store, number, present, since).await?;
            return Ok(std::future::ready(Ok(done)).boxed());
        }
    };
    let number = batch.as_ref().map(|batch| batch.number);
    let span = batch.as_ref().map_or_else(Span::none, |batch| batch.span.clone());
    let failed = move |error| span.in_scope(|| Failure::of_store(error, number));
    let applying = store.enqueue(incoming).await.map_err(&failed)?;
    let applying = async move {
        let applied = applying.await.map_err(failed)?;
        let batch = batch.map(|Numbered { number, durations, started, span }| {
            let applied = micros(started.elapsed());
            (number, Durations { applied, ..durations }, span)
        });
        Ok(Done::Applied { applied, batch })
    };
    Ok(applying.boxed())
}

/// Takes a range of a full reconcile to its end, step by step.
async fn reconcile(
    store: Store,
    number: u64,
    mut present: Present,
    since: Instant,
) -> Result<Done, Failure> {
    let started = Instant::now();
    let mut all = Reconciled::default();
    loop {
        let step = store.reconcile(present.clone()).await;
        let step = step.map_err(|error| Failure::of_store(error, Some(number)))?;
        all.removed += step.removed;
        all.kept += step.kept;
        all.vector = step.vector;
        match step.next {
            Some(after) => present.after = after,
            None => break,
        }
    }
    let durations = Durations {
        received: 0,
        waited: micros(started - since),
        applied: micros(started.elapsed()),
    };
    Ok(Done::Reconciled { number, reconciled: all, durations })
}

impl Failure {
    /// Of a job that the store did not apply; `number` is a batch's.
    fn of_store(error: ApplyError, number: Option<u64>) -> Self {
        match (error, number) {
            (error @ ApplyError::Gap { .. }, _) => Self::Behind(error),
            (ApplyError::ContentMissing { id, version, revision, name, hash }, Some(number)) => {
                let (document, attachment) = (id, name);
                let reason =
                    RewindReason::Missing { document, version, revision, attachment, hash };
                // It is sent again; the sender tells people where that does not help.
                tracing::warn!(batch = number, ?reason, "batch refers to what is not here");
                Self::Again { number, reason }
            }
            (ApplyError::Store(error), Some(number))
                if !error.is_final() && !error.is_no_space() =>
            {
                tracing::error!(batch = number, %error, "batch could not be applied");
                Self::Again { number, reason: RewindReason::ApplyFailed }
            }
            (error, _) => Self::Ends(error.into()),
        }
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
