//! The writer: takes intents in order, decides each over what the ones before it decided, commits
//! them together, publishes, and answers.
//!
//! One a database. An intent succeeds or fails by itself: one that fails takes back what it wrote,
//! the rest of its group goes on. It is synchronous and owns no thread; `commit` drives it on one,
//! a simulation on its own time. Etags and change vectors are minted here and nowhere else
//! (invariant I3).

mod collect;
mod enforce;
mod followers;
mod forget;
mod incoming;
mod local;
mod reconcile;
mod records;
mod references;
mod retire;
mod session;
#[cfg(test)]
pub(crate) mod tests;
mod work;

use std::sync::Arc;

use jackdaw_common::{
    IdentityName, IncarnationId, RunId, Timestamp,
    clock::Clock,
    limits::{GROUP_BYTES_MAX, RUN_MILLIS_MAX},
};
use tokio::sync::oneshot;
use xxhash_rust::xxh3::Xxh3;

pub use enforce::{Configure, ConfigureError, Enforce, EnforceError, Enforced};
pub use followers::{FollowError, Stands};
pub use forget::{Forget, ForgetError, Forgotten, Looked};
pub use incoming::{Applied, ApplyError, Incoming, IncomingItem};
pub use local::{
    Command, Exchange, ExchangeError, Exchanged, Expected, NewAttachment, NewContent, NewId,
    NewRevision, Numbering, TransactError, Written,
};
pub use reconcile::{Present, Reconciled};
pub use records::{Record, RecordError};
pub use retire::RetireError;
pub use session::{Begin, BeginError, Session};

use crate::{
    engine::Engine,
    error::StoreError,
    keys,
    overlay::Overlay,
    read::{Published, Snapshot},
    tables::{followers::Follower, header::Header},
};
pub(crate) use collect::Collector;
use work::Work;
pub(crate) use work::corrupt;

/// Where the answer to an intent goes, once it is durable.
pub(crate) type Reply<T, E> = oneshot::Sender<Result<T, E>>;

/// Something to be written, and who waits for it.
pub(crate) enum Intent {
    /// A client's transaction.
    Transact(Vec<Command>, Reply<Vec<Written>, TransactError>),
    /// A client's write of a compare-exchange item.
    Exchange(Exchange, Reply<Exchanged, ExchangeError>),
    /// A number of an identity is taken or set.
    Number(IdentityName, Numbering, Reply<u64, StoreError>),
    /// A session of a source begins.
    Begin(Begin, Reply<Session, BeginError>),
    /// A batch of a source, or just its progress.
    Apply(Incoming, Reply<Applied, ApplyError>),
    /// What a source holds of a range, in a full reconcile.
    Reconcile(Present, Reply<Reconciled, ApplyError>),
    /// Incarnations are dead.
    Retire(Vec<IncarnationId>, Reply<(), RetireError>),
    /// Records of the services.
    Record(Vec<Record>, Reply<(), RecordError>),
    /// How far the destination of a task is.
    Stand(Follower, Reply<Stands, FollowError>),
    /// Deletions that nobody needs any more are forgotten.
    Forget(Forget, Reply<Forgotten, ForgetError>),
    /// Revisions are kept otherwise from now on.
    Configure(Configure, Reply<(), ConfigureError>),
    /// Revisions that are not kept any more go.
    Enforce(Enforce, Reply<Enforced, EnforceError>),
}

impl Intent {
    /// About how many bytes it will write.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Transact(commands, _) => commands.iter().map(Command::bytes).sum(),
            Self::Exchange(exchange, _) => exchange.bytes(),
            Self::Apply(incoming, _) => incoming.bytes(),
            Self::Number(..)
            | Self::Begin(..)
            | Self::Reconcile(..)
            | Self::Retire(..)
            | Self::Record(..)
            | Self::Stand(..)
            | Self::Forget(..)
            | Self::Configure(..)
            | Self::Enforce(..) => 0,
        }
    }
}

/// Sends an answer, given why the commit failed if it did.
type Answer = Box<dyn FnOnce(Option<&StoreError>) + Send>;

/// Decides and commits for one database.
pub(crate) struct Writer {
    engine: Arc<dyn Engine>,
    clock: Arc<dyn Clock>,
    published: Snapshot,
    collector: Collector,
    /// The run that what is written now belongs to, and since when it is that one.
    run: (RunId, Timestamp),
    /// Whether the last commit was refused: nothing is tried again by itself.
    refused: bool,
}

impl Writer {
    pub(crate) fn new(
        engine: Arc<dyn Engine>,
        clock: Arc<dyn Clock>,
        published: Snapshot,
        collector: Collector,
        run: RunId,
    ) -> Self {
        let run = (run, clock.now());
        Self { engine, clock, published, collector, run, refused: false }
    }

    /// Whether it has something to do though nothing is asked of it: an empty group does a step.
    pub(crate) fn has_work(&self) -> bool {
        !self.refused && self.collector.wants(self.published.header())
    }

    /// Carries out one group: all of it is durable, and `publish` has been called with the view of
    /// it, when the answers go out. In several commits where it writes more than one should.
    ///
    /// # Errors
    ///
    /// Why nothing of a commit was written. All waiters have been told.
    pub(crate) fn execute(
        &mut self,
        intents: Vec<Intent>,
        mut publish: impl FnMut(&Snapshot),
    ) -> Result<(), StoreError> {
        let mut intents = intents.into_iter();
        let mut outcome = Ok(());
        loop {
            if let Err(failure) = self.commit_some(&mut intents, &mut publish) {
                let ends = failure.is_final();
                outcome = Err(failure);
                if ends {
                    break;
                }
            }
            if intents.len() == 0 {
                return outcome;
            }
        }
        let mut overlay = Overlay::new(self.published.engine());
        let mut header = self.published.header().clone();
        for intent in intents {
            self.decide(&mut overlay, &mut header, intent)(outcome.as_ref().err());
        }
        outcome
    }

    /// Carries out of `intents` what belongs into one commit.
    fn commit_some(
        &mut self,
        intents: &mut impl Iterator<Item = Intent>,
        publish: &mut impl FnMut(&Snapshot),
    ) -> Result<(), StoreError> {
        self.run_on();
        let mut overlay = Overlay::new(self.published.engine());
        let mut header = self.published.header().clone();
        let mut answers = Vec::new();
        // What an intent writes may be far more than what it asks: a document is written anew with
        // everything that is attached to it.
        while overlay.bytes() < GROUP_BYTES_MAX
            && let Some(intent) = intents.next()
        {
            answers.push(self.decide(&mut overlay, &mut header, intent));
        }
        let published = self.published.header().last_etag;
        let collector = self.collector.step(published, &mut overlay, &mut header);
        let nothing = overlay.is_empty() && header == *self.published.header();
        let failure = if nothing {
            // All were refused or had nothing to do: that is durable as it is.
            self.collector = collector;
            None
        } else {
            match self.commit(overlay, &header) {
                Ok(snapshot) => {
                    publish(&snapshot);
                    self.published = snapshot;
                    self.collector = collector;
                    None
                }
                Err(failure) => Some(failure),
            }
        };
        self.refused = failure.is_some();
        for answer in answers {
            answer(failure.as_ref());
        }
        failure.map_or(Ok(()), Err)
    }

    /// Goes over to another run now and then: a machine that was set back, its memory too, goes on
    /// in the run it was in, and is told from what it was by the next one at the latest.
    fn run_on(&mut self) {
        let (run, since) = self.run;
        let now = self.clock.now();
        if now.micros_since(since) < RUN_MILLIS_MAX * 1_000 {
            return;
        }
        let mut hasher = Xxh3::new();
        hasher.update(run.as_bytes());
        hasher.update(&now.micros().to_be_bytes());
        self.run = (RunId::from_bytes(hasher.digest128().to_be_bytes()), now);
    }

    fn decide(&self, overlay: &mut Overlay, header: &mut Header, intent: Intent) -> Answer {
        let now = self.clock.now();
        let current_run = self.run.0;
        match intent {
            Intent::Transact(commands, reply) => run(overlay, header, current_run, reply, |work| {
                local::transact(work, commands, now)
            }),
            Intent::Exchange(exchange, reply) => {
                run(overlay, header, current_run, reply, |work| local::exchange(work, exchange))
            }
            Intent::Number(name, step, reply) => {
                run(overlay, header, current_run, reply, |work| local::number(work, &name, step))
            }
            Intent::Begin(begin, reply) => {
                run(overlay, header, current_run, reply, |work| session::begin(work, begin, now))
            }
            Intent::Apply(batch, reply) => {
                run(overlay, header, current_run, reply, |work| incoming::apply(work, batch, now))
            }
            Intent::Reconcile(present, reply) => {
                run(overlay, header, current_run, reply, |work| reconcile::step(work, present, now))
            }
            Intent::Retire(incarnations, reply) => {
                run(overlay, header, current_run, reply, |work| retire::retire(work, incarnations))
            }
            Intent::Record(list, reply) => {
                run(overlay, header, current_run, reply, |work| records::write(work, list))
            }
            Intent::Stand(follower, reply) => {
                run(overlay, header, current_run, reply, |work| followers::stand(work, follower))
            }
            Intent::Forget(what, reply) => {
                run(overlay, header, current_run, reply, |work| forget::step(work, what))
            }
            Intent::Configure(what, reply) => {
                run(overlay, header, current_run, reply, |work| enforce::configure(work, what))
            }
            Intent::Enforce(what, reply) => {
                run(overlay, header, current_run, reply, |work| enforce::step(work, what, now))
            }
        }
    }

    fn commit(&self, mut overlay: Overlay, header: &Header) -> Result<Snapshot, StoreError> {
        let header_row = header.encode();
        overlay.put(keys::HEADER, keys::HEADER_KEY.into(), header_row);
        if !Arc::ptr_eq(&header.origin, &self.published.header().origin) {
            overlay.put(keys::HEADER, keys::ORIGIN_KEY.into(), header.origin.encode());
        }
        let (named, needless) = references::fates(&overlay)?;
        let contents = self.published.contents();
        contents.check()?;
        let adopted = contents.adopt(&named);
        let held = overlay.release();
        if let Err(error) = self.engine.commit(overlay.into_batch()) {
            let error = StoreError::from(error);
            // Else what was named may be so in what is durable.
            if !error.is_final() {
                contents.put_back(adopted);
            }
            return Err(error);
        }
        drop(held);
        let number = self.published.commit() + 1;
        let epoch = self.published.epoch();
        let epoch = if needless.is_empty() { epoch.clone() } else { epoch.end(needless) };
        Ok(Snapshot::new(self.engine.snapshot()?, header.clone(), number, epoch))
    }

    /// What was published last.
    pub(crate) fn published(&self) -> Published {
        self.published.published()
    }
}

/// Runs one intent over the overlay and keeps its answer until the group is durable.
fn run<T, E>(
    overlay: &mut Overlay,
    header: &mut Header,
    run: RunId,
    reply: Reply<T, E>,
    intent: impl FnOnce(&mut Work<'_>) -> Result<T, E>,
) -> Answer
where
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
{
    let first = overlay.is_empty();
    let mut work = Work::new(overlay, header.clone(), run);
    let outcome = intent(&mut work).and_then(|value| Ok((value, work.finish()?)));
    let outcome = match outcome {
        Ok((value, after)) => {
            *header = after;
            overlay.keep();
            Ok(value)
        }
        Err(error) => {
            overlay.take_back();
            Err(error)
        }
    };
    Box::new(move |failure| {
        let answer = match failure {
            // A refusal stands where nothing of the group was decided before it: else it may be
            // about what the group did not get to write.
            Some(failure) if outcome.is_ok() || !first => Err(E::from(failure.clone())),
            _ => outcome,
        };
        // Who asked may have gone: the write stands all the same.
        drop(reply.send(answer));
    })
}
