//! One database: the facade that everything above uses.
//!
//! Writes go through one queue into the writer; each returns once it is durable. Reads go to the
//! newest published snapshot. Cancelling a write's future does not cancel the write.

mod local;

use std::{
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

use arc_swap::ArcSwap;
use jackdaw_common::{
    ChangeVector, DatabaseId, Etag, IncarnationId, Lineage, NodeTag, RunId, clock::Clock,
    lineage::judge,
};
use thiserror::Error;
use tokio::{
    runtime::{Handle, RuntimeFlavor},
    sync::{oneshot, watch},
    task::block_in_place,
};

use crate::{
    commit::{Drive, Outlet, Queue, QueueClosed},
    contents::{Contents, Epoch, Staging},
    engine::{Direction, Engine, ScanRange, WriteBatch},
    error::StoreError,
    keys,
    read::{self, Published, Snapshot},
    tables::{followers::Follower, header::Header, origin::Origin},
    write::{
        Applied, ApplyError, Begin, BeginError, Collector, Command, Configure, ConfigureError,
        Enforce, EnforceError, Enforced, FollowError, Forget, ForgetError, Forgotten, Incoming,
        Intent, Present, Reconciled, Record, RecordError, Reply, RetireError, Session, Stands,
        TransactError, Writer, Written,
    },
};

/// Why a database does not open.
#[derive(Debug, Error)]
pub enum OpenError {
    /// Its rows cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The system gives no thread for the writer.
    #[error("start the writer: {0}")]
    Thread(#[from] std::io::Error),
    /// The folder is not where it was: it was moved, or it is a copy. Nobody but a person can tell
    /// which, and what a copy writes must not be taken for what the original wrote.
    #[error("it was moved or copied: it was made at {was}, and lies at {is}")]
    MovedOrCopied {
        /// What it says of its place.
        was: String,
        /// Where it is.
        is: String,
    },
    /// A declared restore was interrupted: it must be carried out to its end.
    #[error("its restore was interrupted, and must be repeated")]
    Unfinished,
}

/// The ids that a database is opened with: the first two are for one that is created.
#[derive(Clone, Copy, Debug)]
pub struct Identity {
    /// Its stable id.
    pub database: DatabaseId,
    /// Its first incarnation.
    pub incarnation: IncarnationId,
    /// The run that begins with the first change after this opening. Never used before.
    pub run: RunId,
}

/// One open database. Cheap to clone; closed when the last clone is dropped.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    identity: Identity,
    queue: Option<Queue>,
    newest: Arc<ArcSwap<Snapshot>>,
    published: watch::Receiver<Published>,
    failed: watch::Receiver<Option<StoreError>>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl Store {
    /// Opens the database in `engine`, or creates it there with `identity`.
    ///
    /// # Errors
    ///
    /// What the engine holds cannot be read, or is of a format that this version does not know.
    pub fn open(
        engine: impl Engine,
        clock: Arc<dyn Clock>,
        identity: Identity,
    ) -> Result<Self, OpenError> {
        Self::open_collecting(engine, clock, identity, Collector::default())
    }

    /// Opens the database with a collector of its own bounds.
    pub(crate) fn open_collecting(
        engine: impl Engine,
        clock: Arc<dyn Clock>,
        identity: Identity,
        collector: Collector,
    ) -> Result<Self, OpenError> {
        let (mut inner, drive) = prepare(Arc::new(engine), clock, identity, collector)?;
        inner.writer = Mutex::new(Some(drive.spawn()?));
        Ok(Self(Arc::new(inner)))
    }

    /// Opens the database without a thread: its writer is the future that is answered, to be
    /// spawned on a runtime that owns time, where each commit takes `sync`. For simulation: all the
    /// rest is as in [`Store::open`].
    ///
    /// # Errors
    ///
    /// As [`Store::open`].
    pub fn open_driven<E: Engine>(
        engine: E,
        clock: Arc<dyn Clock>,
        identity: Identity,
        sync: Duration,
    ) -> Result<(Self, impl Future<Output = ()> + Send + use<E>), OpenError> {
        let collector = Collector::default();
        let (inner, drive) = prepare(Arc::new(engine), clock, identity, collector)?;
        Ok((Self(Arc::new(inner)), drive.run(sync)))
    }

    /// Its stable id.
    pub fn database_id(&self) -> DatabaseId {
        self.0.identity.database
    }

    /// The id its change-vector entries carry.
    pub fn incarnation(&self) -> IncarnationId {
        self.0.identity.incarnation
    }

    /// The tag of the ids it generates.
    pub fn tag(&self) -> NodeTag {
        NodeTag::derived(self.incarnation())
    }

    /// The newest published snapshot.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::clone(&self.0.newest.load())
    }

    /// How far it is, now and after every commit. Closes when it can write no more.
    pub fn subscribe(&self) -> watch::Receiver<Published> {
        self.0.published.clone()
    }

    /// Becomes the reason when it can write no more, for good (invariant I14).
    pub fn failed(&self) -> watch::Receiver<Option<StoreError>> {
        self.0.failed.clone()
    }

    /// Carries out a client's transaction: all of it or nothing, durable at return.
    ///
    /// # Errors
    ///
    /// [`TransactError`]; nothing was written, unless the database failed for good.
    pub async fn transact(&self, commands: Vec<Command>) -> Result<Vec<Written>, TransactError> {
        self.submit(|reply| Intent::Transact(commands, reply)).await
    }

    /// A content that a client brings, before a transaction refers to it. What it answers blocks.
    pub fn stage(&self) -> Staging {
        Staging::upload(Arc::clone(self.snapshot().contents()))
    }

    /// A content that a session brings under a name, lower-case letters, digits and `-`: what has
    /// come of it before, in this session or an earlier one, is there. Blocking.
    ///
    /// # Errors
    ///
    /// The disk fails.
    pub fn resume(&self, name: String) -> Result<Staging, StoreError> {
        Staging::resume(Arc::clone(self.snapshot().contents()), name)
    }

    /// Bytes that have come of a content under that name, and that [`Store::resume`] goes on with.
    ///
    /// # Errors
    ///
    /// The disk fails.
    pub fn staged_bytes(&self, name: &str) -> Result<u64, StoreError> {
        self.snapshot().contents().staged_bytes(name)
    }

    /// Removes what has come of contents in sessions that have not gone on with it for so long.
    /// Blocking.
    ///
    /// # Errors
    ///
    /// The disk fails.
    pub fn forget_staged(&self, older_than: Duration) -> Result<u64, StoreError> {
        self.snapshot().contents().forget_staged(older_than)
    }

    /// Whether a source is the one that was received from before, as far as is durable: what
    /// [`Store::begin`] asks again.
    ///
    /// # Errors
    ///
    /// [`BeginError::SourceForked`].
    pub fn judge(
        &self,
        source: DatabaseId,
        lineage: &Lineage,
        last: Etag,
    ) -> Result<(), BeginError> {
        if let Some(known) = self.snapshot().cursor(source)? {
            judge(&known.position, lineage, last)?;
        }
        Ok(())
    }

    /// Begins a session of a source: the older ones write no more.
    ///
    /// # Errors
    ///
    /// [`BeginError`], the first handshake rule that does not hold.
    pub async fn begin(&self, begin: Begin) -> Result<Session, BeginError> {
        self.submit(|reply| Intent::Begin(begin, reply)).await
    }

    /// Applies a batch of a source, rows and cursor together, durable at return.
    ///
    /// # Errors
    ///
    /// [`ApplyError`]; nothing of the batch was written, unless the database failed for good.
    pub async fn apply(&self, incoming: Incoming) -> Result<Applied, ApplyError> {
        self.enqueue(incoming).await?.await
    }

    /// Puts a batch of a source into the writer's queue; the future that it answers completes once
    /// it is durable. Batches are applied in the order in which they were put there; those that
    /// wait together are made durable together. Dropping the second future does not stop the batch.
    ///
    /// # Errors
    ///
    /// The database can write no more. The second future: as [`Store::apply`].
    pub async fn enqueue(
        &self,
        incoming: Incoming,
    ) -> Result<impl Future<Output = Result<Applied, ApplyError>> + Send + use<>, ApplyError> {
        let (reply, answer) = oneshot::channel();
        self.put(Intent::Apply(incoming, reply)).await?;
        Ok(self.answered(answer))
    }

    /// Puts a client's transaction into the writer's queue, as [`Store::enqueue`] does a batch.
    ///
    /// # Errors
    ///
    /// The database can write no more. The second future: as [`Store::transact`].
    pub async fn enqueue_transaction(
        &self,
        commands: Vec<Command>,
    ) -> Result<
        impl Future<Output = Result<Vec<Written>, TransactError>> + Send + use<>,
        TransactError,
    > {
        let (reply, answer) = oneshot::channel();
        self.put(Intent::Transact(commands, reply)).await?;
        Ok(self.answered(answer))
    }

    /// A step of a full reconcile, durable at return; to be repeated while it answers that there is
    /// more.
    ///
    /// # Errors
    ///
    /// [`ApplyError`]; nothing was written, unless the database failed for good.
    pub async fn reconcile(&self, present: Present) -> Result<Reconciled, ApplyError> {
        self.submit(|reply| Intent::Reconcile(present, reply)).await
    }

    /// Declares incarnations dead, all or none, durable at return.
    ///
    /// # Errors
    ///
    /// [`RetireError`]; nothing was written, unless the database failed for good.
    pub async fn retire(&self, incarnations: Vec<IncarnationId>) -> Result<(), RetireError> {
        self.submit(|reply| Intent::Retire(incarnations, reply)).await
    }

    /// Writes records of the services, all or none, durable at return.
    ///
    /// # Errors
    ///
    /// [`RecordError`]; nothing was written, unless the database failed for good.
    pub async fn record(&self, records: Vec<Record>) -> Result<(), RecordError> {
        self.submit(|reply| Intent::Record(records, reply)).await
    }

    /// Notes where the destination of a task stands, durable at return. The task may then count on
    /// every deletion above that and above the floor it is answered.
    ///
    /// # Errors
    ///
    /// [`FollowError`]; nothing was written, unless the database failed for good.
    pub async fn stand(&self, follower: Follower) -> Result<Stands, FollowError> {
        self.submit(|reply| Intent::Stand(follower, reply)).await
    }

    /// A bounded step of forgetting deletions that nobody needs any more.
    ///
    /// # Errors
    ///
    /// [`ForgetError`]; nothing was forgotten, unless the database failed for good.
    pub async fn forget(&self, what: Forget) -> Result<Forgotten, ForgetError> {
        self.submit(|reply| Intent::Forget(what, reply)).await
    }

    /// Configures of which collections revisions are kept, durable at return.
    ///
    /// # Errors
    ///
    /// [`ConfigureError`]; nothing was changed, unless the database failed for good.
    pub async fn configure_revisions(&self, what: Configure) -> Result<(), ConfigureError> {
        self.submit(|reply| Intent::Configure(what, reply)).await
    }

    /// A bounded step of removing the revisions that are not kept any more, as is configured now.
    ///
    /// # Errors
    ///
    /// [`EnforceError`]; nothing was removed, unless the database failed for good.
    pub async fn enforce_revisions(&self, what: Enforce) -> Result<Enforced, EnforceError> {
        self.submit(|reply| Intent::Enforce(what, reply)).await
    }

    async fn submit<T: Send, E: From<StoreError> + Send>(
        &self,
        intent: impl FnOnce(Reply<T, E>) -> Intent,
    ) -> Result<T, E> {
        let (reply, answer) = oneshot::channel();
        self.put(intent(reply)).await?;
        self.answered(answer).await
    }

    /// The answer to an intent, or why there is none.
    fn answered<T: Send, E: From<StoreError> + Send>(
        &self,
        answer: oneshot::Receiver<Result<T, E>>,
    ) -> impl Future<Output = Result<T, E>> + Send + use<T, E> {
        let failed = self.0.failed.clone();
        async move {
            match answer.await {
                Ok(answer) => answer,
                Err(_) => Err(reason(failed).await.into()),
            }
        }
    }

    async fn put(&self, intent: Intent) -> Result<(), StoreError> {
        // The queue goes when the last clone does, which this is not.
        let Some(queue) = &self.0.queue else { return Err(StoreError::Closed) };
        match queue.put(intent).await {
            Ok(()) => Ok(()),
            Err(QueueClosed) => Err(reason(self.0.failed.clone()).await),
        }
    }

    /// Everything it holds, as a vector.
    pub fn vector(&self) -> ChangeVector {
        self.0.published.borrow().vector.clone()
    }

    /// Etag of its newest durable change.
    pub fn last_etag(&self) -> Etag {
        self.0.published.borrow().last_etag
    }
}

/// A store without anything that drives its writer yet, and what does.
fn prepare(
    engine: Arc<dyn Engine>,
    clock: Arc<dyn Clock>,
    identity: Identity,
    collector: Collector,
) -> Result<(Inner, Drive), OpenError> {
    let header = open_header(&*engine, &*clock, identity)?;
    let identity =
        Identity { database: header.database, incarnation: header.incarnation, ..identity };
    let snapshot = engine.snapshot().map_err(StoreError::from)?;
    let contents = Contents::new(engine.blobs(), identity.run);
    contents.sweep(&*snapshot)?;
    let snapshot = Snapshot::new(snapshot, header, 0, Epoch::first(contents));
    let writer = Writer::new(engine, clock, snapshot.clone(), collector, identity.run);
    let (sender, queue) = Queue::new();
    let (news, published) = watch::channel(writer.published());
    let (failing, failed) = watch::channel(None);
    let newest = Arc::new(ArcSwap::from_pointee(snapshot));
    let outlet = Outlet { newest: Arc::clone(&newest), news, failing };
    let drive = Drive { writer, queue, outlet };
    let (queue, writer) = (Some(sender), Mutex::new(None));
    Ok((Inner { identity, queue, newest, published, failed, writer }, drive))
}

/// Why a database takes nothing any more. Its writer ends at that moment, so it is soon known.
async fn reason(mut failed: watch::Receiver<Option<StoreError>>) -> StoreError {
    let reason = failed.wait_for(Option::is_some).await;
    // Without one it was closed.
    reason.ok().and_then(|reason| reason.clone()).unwrap_or(StoreError::Closed)
}

impl Drop for Inner {
    /// Waits for the writer, so that the folder is free when the last clone is gone. What was
    /// queued before is still written; meanwhile a runtime's other tasks go on.
    fn drop(&mut self) {
        self.queue = None;
        let Some(writer) = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take() else {
            return;
        };
        let join = || writer.join().is_err();
        let panicked = match Handle::try_current() {
            Ok(runtime) if runtime.runtime_flavor() == RuntimeFlavor::MultiThread => {
                block_in_place(join)
            }
            _ => join(),
        };
        if panicked {
            tracing::error!("the writer of a database panicked");
        }
    }
}

fn open_header(
    engine: &dyn Engine,
    clock: &dyn Clock,
    identity: Identity,
) -> Result<Header, OpenError> {
    let snapshot = engine.snapshot().map_err(StoreError::from)?;
    let place = engine.place().map_err(StoreError::from)?;
    if let Some(header) = read::header(&*snapshot)? {
        if !header.origin.reissuing.is_empty() {
            return Err(OpenError::Unfinished);
        }
        return match (&header.origin.place, place) {
            (Some(was), Some(is)) if *was != is => {
                Err(OpenError::MovedOrCopied { was: was.clone(), is })
            }
            _ => Ok(header),
        };
    }
    for table in keys::TABLES {
        let mut rows = snapshot.scan(table, ScanRange::all(), Direction::Forward);
        if rows.next().transpose().map_err(StoreError::from)?.is_some() {
            // A new header would give out etags that have been given out, or make a database of
            // half of another one.
            return Err(StoreError::Row {
                table: keys::HEADER.name,
                key: keys::HEADER_KEY.to_vec(),
                what: format!("missing, though there are {}", table.name),
            }
            .into());
        }
    }
    let origin = Origin::new(identity.incarnation, place);
    let header = Header::new(identity.database, origin, clock.now());
    let mut batch = WriteBatch::with_capacity(2);
    batch.put(keys::HEADER, keys::HEADER_KEY, header.encode());
    batch.put(keys::HEADER, keys::ORIGIN_KEY, header.origin.encode());
    engine.commit(batch).map_err(StoreError::from)?;
    Ok(header)
}
