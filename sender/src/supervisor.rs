//! One runner an enabled task: started, ended and started anew as definitions and databases change.
//!
//! It compares what is defined with what runs whenever something was nudged, and never polls. A
//! runner keeps trying: after a failure it waits with jitter, then begins a new session with a full
//! handshake.

use std::{collections::HashMap, sync::Arc, time::Duration};

use jackdaw_common::batch::BatchLimits;
use jackdaw_node::{
    catalog::Database,
    entropy,
    role::Context,
    shutdown::{Shutdown, Trigger},
};
use jackdaw_store::RecordKind;
use tokio::{sync::Notify, task::JoinHandle};

use crate::{
    control::TaskChanges,
    definition::{ConnectionString, TaskDefinition},
    progress::{Board, Phase, TaskKey},
    runner::{Plan, Runner},
};

/// Tells the supervisor that definitions have changed.
#[derive(Clone, Default)]
pub(crate) struct Nudge(Arc<Notify>);

impl TaskChanges for Nudge {
    fn changed(&self) {
        self.0.notify_one();
    }
}

/// A runner and how to end it.
struct Running {
    plan: Plan,
    stop: Trigger,
    task: JoinHandle<()>,
}

/// Tells of a runner that ends though nobody has asked it to.
struct Watched {
    key: TaskKey,
    board: Board,
    nudge: Nudge,
    stopped: Shutdown,
}

impl Drop for Watched {
    fn drop(&mut self) {
        if self.stopped.is_requested() {
            return;
        }
        self.board.update(self.key, |status| {
            status.phase = Phase::Connecting;
            status.actual_url = None;
        });
        let nudge = self.nudge.clone();
        // Not at once: what has failed may fail again.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                tokio::time::sleep(AGAIN).await;
                nudge.changed();
            });
        }
    }
}

/// Time after which a runner that has ended unasked is begun anew.
const AGAIN: Duration = Duration::from_secs(5);

/// Keeps one runner an enabled task.
pub(crate) struct Supervisor {
    context: Context,
    board: Board,
    nudge: Nudge,
    running: HashMap<TaskKey, Running>,
}

impl Supervisor {
    pub(crate) fn new(context: Context, board: Board, nudge: Nudge) -> Self {
        Self { context, board, nudge, running: HashMap::new() }
    }

    /// Runs until the node drains; all runners have ended then.
    pub(crate) async fn run(mut self) {
        let mut databases = self.context.catalog.subscribe();
        let mut drain = self.context.drain.clone();
        loop {
            self.follow().await;
            tokio::select! {
                biased;
                () = drain.requested() => break,
                changed = databases.changed() => if changed.is_err() { break },
                () = self.nudge.0.notified() => {}
            }
        }
        let keys: Vec<_> = self.running.keys().copied().collect();
        for key in keys {
            self.end(key).await;
        }
    }

    /// Brings what runs into line with what is defined.
    async fn follow(&mut self) {
        let databases = self.context.catalog.list();
        let mut wanted = HashMap::new();
        let mut known = Vec::new();
        let mut unread = Vec::new();
        for database in &databases {
            let Some(definitions) = definitions(database) else {
                unread.push(database.store().database_id());
                continue;
            };
            for definition in definitions {
                let key = TaskKey { database: database.store().database_id(), task: definition.id };
                known.push(key);
                if definition.enabled {
                    let destination = connection_string(database, &definition);
                    wanted.insert(key, (Arc::clone(database), Plan { definition, destination }));
                }
            }
        }
        // What cannot be read is not taken for deleted.
        let read = |key: &TaskKey| !unread.contains(&key.database);
        let keys: Vec<_> = self.running.keys().copied().filter(read).collect();
        for key in keys {
            let ended = self.running[&key].task.is_finished();
            let stays =
                wanted.get(&key).is_some_and(|(_, plan)| plan.same_as(&self.running[&key].plan));
            if !stays || ended {
                self.end(key).await;
                if known.contains(&key) {
                    self.board.update(key, |status| {
                        status.phase = Phase::Stopped;
                        status.actual_url = None;
                        status.error = None;
                    });
                } else {
                    self.board.forget(key);
                }
            }
        }
        for (key, (database, plan)) in wanted {
            if !self.running.contains_key(&key) {
                self.start(key, &database, plan);
            }
        }
    }

    fn start(&mut self, key: TaskKey, database: &Database, plan: Plan) {
        let (stop, stopped) = Trigger::new();
        let runner = Runner {
            key,
            source_name: database.name().to_string(),
            store: database.store().clone(),
            board: self.board.clone(),
            clock: Arc::clone(&self.context.clock),
            dial: Arc::new(self.context.client_tls.clone()),
            random: Arc::new(entropy::random_u64),
            limits: BatchLimits::default(),
            plan: plan.clone(),
            stop: stopped,
        };
        let (board, nudge) = (self.board.clone(), self.nudge.clone());
        let task = tokio::spawn(async move {
            // Whatever ends it unasked, a fault of the program, is noticed: it is begun anew.
            let _watched = Watched { key, board, nudge, stopped: runner.stop.clone() };
            runner.run().await;
        });
        self.running.insert(key, Running { plan, stop, task });
    }

    async fn end(&mut self, key: TaskKey) {
        let Some(running) = self.running.remove(&key) else { return };
        running.stop.fire();
        if running.task.await.is_err() {
            tracing::error!(task = key.task, "the runner of a task panicked");
        }
    }
}

/// The tasks of a database; `None` where they cannot be read. One that is not understood is left
/// alone, and said so.
fn definitions(database: &Database) -> Option<Vec<TaskDefinition>> {
    let records = database.store().snapshot().records(RecordKind::ExternalReplication);
    let records = records
        .inspect_err(|error| {
            tracing::error!(database = %database.name(), %error, "cannot read tasks");
        })
        .ok()?;
    let definitions = records
        .into_iter()
        .filter_map(|(_, record)| {
            serde_json::from_slice(&record)
                .inspect_err(|error| {
                    tracing::error!(database = %database.name(), %error, "cannot read a task");
                })
                .ok()
        })
        .collect();
    Some(definitions)
}

fn connection_string(database: &Database, task: &TaskDefinition) -> Option<ConnectionString> {
    let key = task.connection_string.as_bytes();
    let record = database.store().snapshot().record(RecordKind::ConnectionString, key);
    serde_json::from_slice(&record.ok()??).ok()
}
