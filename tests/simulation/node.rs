//! One node: a disk that stays, and processes that come and go.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jackdaw_common::{
    DatabaseId, Etag, IncarnationId, RunId, Timestamp, batch::BatchLimits, clock::Clock,
};
use jackdaw_node::shutdown::{Shutdown, Trigger};
use jackdaw_receiver::incoming::LiveSessions;
use jackdaw_sender::{
    definition::{ConnectionString, TaskDefinition},
    progress::{Board, Phase, TaskKey},
    runner::{Plan, Runner},
};
use jackdaw_store::{Forget, Identity, Record, RecordKind, Store};
use jackdaw_tests::random::Random;
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep},
};

use crate::{
    disk::Disk,
    link::{Network, Phone},
};

/// The port of the first node; each node has its own.
pub(crate) const PORT: usize = 7_000;

/// A clock that goes with the runtime's, and may be set.
pub(crate) struct SimulatedClock {
    begin: Instant,
    /// Microseconds that it is ahead.
    ahead: Mutex<i64>,
}

impl SimulatedClock {
    fn new() -> Self {
        Self { begin: Instant::now(), ahead: Mutex::new(1_000_000_000_000_000) }
    }

    /// Somebody sets it.
    pub(crate) fn jump(&self, micros: i64) {
        *self.ahead.lock().unwrap_or_else(PoisonError::into_inner) += micros;
    }
}

impl Clock for SimulatedClock {
    fn now(&self) -> Timestamp {
        let since = i64::try_from(self.begin.elapsed().as_micros()).unwrap_or(i64::MAX);
        let ahead = *self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        Timestamp::from_micros(ahead.saturating_add(since))
    }
}

/// What others reach of a process. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Door {
    pub(crate) node: usize,
    pub(crate) store: Store,
    pub(crate) live: LiveSessions,
    pub(crate) drain: Shutdown,
    tasks: Arc<Mutex<Vec<JoinHandle<()>>>>,
}

impl Door {
    /// Runs as a part of the process: ends with it.
    pub(crate) fn spawn(&self, part: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.retain(|task| !task.is_finished());
        tasks.push(tokio::spawn(part));
    }
}

/// A process.
struct Process {
    door: Door,
    board: Board,
    runners: BTreeMap<(u64, bool), (Trigger, JoinHandle<()>)>,
    _drain: Trigger,
}

/// What a node keeps to.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// What a batch holds at most.
    pub(crate) limits: BatchLimits,
    /// How long a commit takes.
    pub(crate) sync: Duration,
    /// How old deletions must be to be forgotten; `None`: they never are.
    pub(crate) tombstone_age: Option<Duration>,
}

/// One node.
pub(crate) struct Node {
    pub(crate) index: usize,
    pub(crate) disk: Disk,
    pub(crate) clock: Arc<SimulatedClock>,
    settings: Settings,
    network: Network,
    random: Random,
    openings: u64,
    /// A planted bug: a run that was used is used again.
    pub(crate) same_run: bool,
    process: Option<Process>,
}

/// Nodes are few.
fn number(index: usize) -> u8 {
    u8::try_from(index).unwrap() + 1
}

/// The database of a node.
pub(crate) fn database(index: usize) -> DatabaseId {
    DatabaseId::from_bytes([number(index); 16])
}

/// The ids that the database of a node is opened with, the so-many-th time.
fn identity(index: usize, opening: u64) -> Identity {
    let incarnation = IncarnationId::from_bytes([0x80 | number(index); 16]);
    let mut run = [number(index); 16];
    run[..8].copy_from_slice(&opening.to_be_bytes());
    Identity { database: database(index), incarnation, run: RunId::from_bytes(run) }
}

impl Node {
    /// A node that is not running yet.
    pub(crate) fn new(
        index: usize,
        disk: Disk,
        settings: Settings,
        network: Network,
        random: &Random,
    ) -> Self {
        let clock = Arc::new(SimulatedClock::new());
        let random = random.named(&format!("node {index}"));
        let (openings, same_run) = (0, false);
        Self { index, disk, clock, settings, network, random, openings, same_run, process: None }
    }

    /// Its database, while it runs.
    pub(crate) fn store(&self) -> Option<Store> {
        self.process.as_ref().map(|process| process.door.store.clone())
    }

    /// Starts a process, unless one runs.
    pub(crate) fn start(&mut self) {
        if self.process.is_some() {
            return;
        }
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let engine = self.disk.open();
        self.openings += u64::from(!self.same_run);
        let identity = identity(self.index, self.openings);
        let opened = Store::open_driven(engine, clock, identity, self.settings.sync);
        // A disk that fails is tried again, as by whoever runs a service.
        let Ok((store, drive)) = opened else { return };
        let (drain, drained) = Trigger::new();
        let door = Door {
            node: self.index,
            store: store.clone(),
            live: LiveSessions::default(),
            drain: drained,
            tasks: Arc::default(),
        };
        door.spawn(drive);
        if let Some(age) = self.settings.tombstone_age {
            door.spawn(sweep(store.clone(), Arc::clone(&self.clock), age));
        }
        door.spawn(forget_staged(store));
        self.network.set_door(self.index, Some(door.clone()));
        let (board, runners) = (Board::default(), BTreeMap::new());
        self.process = Some(Process { door, board, runners, _drain: drain });
        for definition in self.definitions().into_iter().filter(|task| task.enabled) {
            self.run(definition, false);
        }
    }

    /// Ends the process at once: every part of it stops where it is.
    pub(crate) async fn kill(&mut self) {
        self.network.set_door(self.index, None);
        let Some(process) = self.process.take() else { return };
        for (_, runner) in process.runners.into_values() {
            runner.abort();
            // It was ended on purpose.
            let _ = runner.await;
        }
        loop {
            let tasks = process.door.tasks.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let Some(task) = tasks else { return };
            task.abort();
            let _ = task.await;
        }
    }

    /// Whether its database takes nothing any more.
    pub(crate) fn has_failed(&self) -> bool {
        let failed = |process: &Process| process.door.store.failed().borrow().is_some();
        self.disk.is_broken() || self.process.as_ref().is_some_and(failed)
    }

    /// The tasks that its database has.
    fn definitions(&self) -> Vec<TaskDefinition> {
        let Some(store) = self.store() else { return Vec::new() };
        let records = store.snapshot().records(RecordKind::ExternalReplication).unwrap();
        records.iter().map(|(_, record)| serde_json::from_slice(record).unwrap()).collect()
    }

    fn key(&self, task: u64) -> TaskKey {
        TaskKey { database: database(self.index), task }
    }

    /// Defines a task to the node `to`, or changes it; `None`: it is deleted. False: it could not
    /// be written now.
    pub(crate) async fn define(&mut self, task: u64, enabled: Option<bool>) -> bool {
        let Some(store) = self.store() else { return false };
        let before = store.snapshot().record(RecordKind::ExternalReplication, &task.to_be_bytes());
        let Ok(before) = before else { return false };
        let known: Option<TaskDefinition> =
            before.as_ref().map(|record| serde_json::from_slice(record).unwrap());
        let value = enabled.map(|enabled| {
            let new = TaskDefinition {
                id: task,
                display_name: format!("task {task}"),
                connection_string: "there".to_owned(),
                enabled,
                created: 0,
                generation: 0,
                asked: None,
            };
            TaskDefinition { enabled, ..known.unwrap_or(new) }
        });
        let record = Record {
            kind: RecordKind::ExternalReplication,
            key: task.to_be_bytes().to_vec().into(),
            expected: before,
            value: value.as_ref().map(|task| serde_json::to_vec(task).unwrap().into()),
        };
        if store.record(vec![record]).await.is_err() {
            return false;
        }
        self.end(task, false).await;
        self.end(task, true).await;
        if let Some(definition) = value.filter(|task| task.enabled) {
            self.run(definition, false);
        }
        true
    }

    /// A second runner of a task, as if two processes had it, or none.
    pub(crate) async fn twin(&mut self, task: u64, runs: bool) {
        self.end(task, true).await;
        let definition = self.definitions().into_iter().find(|one| one.id == task && one.enabled);
        if let Some(definition) = definition.filter(|_| runs) {
            self.run(definition, true);
        }
    }

    async fn end(&mut self, task: u64, twin: bool) {
        let Some(process) = &mut self.process else { return };
        let Some((stop, runner)) = process.runners.remove(&(task, twin)) else { return };
        stop.fire();
        // A runner that panics fails the run elsewhere.
        let _ = runner.await;
    }

    /// Tasks are numbered by their destination, a thousand apart, so that each says where it goes.
    fn run(&mut self, definition: TaskDefinition, twin: bool) {
        let task = definition.id;
        let key = self.key(task);
        let Some(process) = &mut self.process else { return };
        let destination = ConnectionString {
            name: definition.connection_string.clone(),
            database: "there".to_owned(),
            topology_discovery_urls: vec![format!("https://node:{}", PORT + destination(task))],
            created: 0,
            asked: None,
        };
        let (stop, stopped) = Trigger::new();
        let random = Mutex::new(self.random.named(&format!("waits of {task} {twin}")));
        let runner = Runner {
            key,
            source_name: format!("node {}", self.index),
            store: process.door.store.clone(),
            board: if twin { Board::default() } else { process.board.clone() },
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            dial: Arc::new(Phone { node: self.index, network: self.network.clone() }),
            random: Arc::new(move || {
                random.lock().unwrap_or_else(PoisonError::into_inner).number()
            }),
            limits: self.settings.limits,
            plan: Plan { definition, destination: Some(destination) },
            stop: stopped,
        };
        process.runners.insert((task, twin), (stop, tokio::spawn(runner.run())));
    }

    /// Whether a task waits for somebody, for this reason.
    pub(crate) fn is_blocked(&self, task: u64, reason: &str) -> bool {
        self.process.as_ref().is_some_and(|process| {
            let status = process.board.status(self.key(task));
            status.phase == Phase::Blocked && status.error.is_some_and(|it| it.reason == reason)
        })
    }

    /// How its tasks are, for whoever reads of a failure.
    pub(crate) fn status(&self) -> String {
        let Some(process) = &self.process else { return "not running".to_owned() };
        let tasks = process.runners.keys().filter(|(_, twin)| !twin);
        let tasks = tasks.map(|(task, _)| {
            let status = process.board.status(self.key(*task));
            let error = status.error.map(|error| format!("{}: {}", error.reason, error.message));
            format!("task {task}: {:?} at {} {error:?}", status.phase, status.last_acknowledged)
        });
        let last: Etag = process.door.store.last_etag();
        format!("at {last}, {}", tasks.collect::<Vec<_>>().join("; "))
    }
}

/// The node that a task sends to.
pub(crate) fn destination(task: u64) -> usize {
    usize::try_from(task / 1_000).unwrap()
}

/// The first task of a source to a destination.
pub(crate) fn task_to(node: usize) -> u64 {
    u64::from(number(node) - 1) * 1_000 + 1
}

/// How long what has come of a content is kept: longer than most cuts, and not than all.
const STAGED: Duration = Duration::from_secs(3);

/// Removes what has come of contents and nobody goes on with, again and again.
async fn forget_staged(store: Store) {
    loop {
        sleep(Duration::from_secs(1)).await;
        // One that cannot be removed is tried again.
        let _ = store.forget_staged(STAGED);
    }
}

/// Forgets deletions, again and again.
async fn sweep(store: Store, clock: Arc<SimulatedClock>, age: Duration) {
    let age = i64::try_from(age.as_micros()).unwrap();
    loop {
        sleep(Duration::from_millis(500)).await;
        let before = clock.now().plus_micros(-age);
        let mut after = None;
        // One that fails is tried again.
        while let Ok(done) = store.forget(Forget { before, after }).await {
            after = done.next;
            if after.is_none() {
                break;
            }
        }
    }
}
