//! One run: nodes, clients and faults, then peace, in which everything must become equal and
//! silent.

use std::{collections::BTreeMap, time::Duration};

use jackdaw_tests::random::Random;
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep},
};

use crate::{
    chaos::restoring::{Archive, Setback},
    chaos::{Chaos, Fault},
    clients::{Client, Stores, keeper, reader, rewriter},
    disk::Disk,
    invariants::{Shape, Traffic, contradicting, left_over, recounted, relisted, unequal},
    link::Network,
    log::Log,
    node::{Node, database},
    oracle::{Oracle, Violation, difference, resurrected, revisions::differently, truth::Edge},
    plan::{Plan, Topology},
    planted::Planted,
    seeds,
};

/// How long everything may take to become equal in peace: silence is noticed after 25 s, and a
/// blocked task tries again once a minute.
const PEACE_MAX: Duration = Duration::from_secs(400);
/// How long nothing may happen then.
const SILENCE: Duration = Duration::from_secs(20);

/// Everything there is.
pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) nodes: Vec<Node>,
    pub(crate) network: Network,
    pub(crate) chaos: Chaos,
    pub(crate) log: Log,
    pub(crate) archive: Archive,
    pub(crate) oracle: Oracle,
    /// A node that stays stopped, whatever else is repaired.
    pub(crate) down: Option<usize>,
    restarts: u64,
    stores: Stores,
    random: Random,
}

/// What a run has shown.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) violation: Option<Violation>,
    pub(crate) digest: BTreeMap<String, (u64, u64)>,
    pub(crate) fired: BTreeMap<Fault, u64>,
    pub(crate) altered: u64,
    pub(crate) batches: u64,
    /// How often a node was started again since a commit had failed.
    pub(crate) restarts: u64,
    pub(crate) setbacks: BTreeMap<Setback, u64>,
    /// Forks that blocked a task.
    pub(crate) blocked: u64,
    /// Documents that full reconciles removed.
    pub(crate) reconciled: u64,
    /// Items that were merged.
    pub(crate) merged: u64,
    /// Commands to counters and series that databases have, by kind.
    pub(crate) parts: BTreeMap<&'static str, u64>,
    /// What was done with contents and revisions, by kind.
    pub(crate) counts: BTreeMap<&'static str, u64>,
    pub(crate) conflicts: bool,
    pub(crate) forgotten: bool,
    /// What happened last, for whoever reads of a failure.
    pub(crate) last: String,
}

/// Runs a plan.
pub(crate) fn run(plan: Plan) -> Outcome {
    simulate(plan, async |mut world| {
        let outcome = world.live().await;
        if let Err(violation) = outcome {
            world.oracle.violated(violation.invariant, violation.what);
        }
        world.outcome()
    })
}

/// Does something with a world of its own.
pub(crate) fn simulate<T>(plan: Plan, act: impl AsyncFnOnce(World) -> T) -> T {
    seeds::note_panics();
    // One of an earlier run was that run's.
    drop(seeds::panicked());
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(async move { act(World::new(plan)).await })
}

impl World {
    fn new(plan: Plan) -> Self {
        let random = Random::new(plan.seed);
        let log = Log::new();
        let count = plan.topology.nodes();
        let databases = (0..count).map(database).collect();
        let disjoint = plan.topology != Topology::Shared;
        let shape = Shape { disjoint, nodes: count, restoring: plan.setbacks > 0 };
        let oracle = Oracle::new(databases, &shape, log.clone());
        let network = Network::new(count, oracle.clone(), &plan, &random);
        let nodes = (0..count).map(|index| {
            // Bugs of destinations are planted in destinations, one of a source in the first.
            let planted = plan.planted.filter(|it| (index == 0) == (*it == Planted::LostTombstone));
            let disk = Disk::new(index, oracle.clone(), planted, plan.crash, &random);
            let mut node = Node::new(index, disk, plan.settings.clone(), network.clone(), &random);
            node.same_run = plan.planted == Some(Planted::SameRun);
            node
        });
        let nodes = nodes.collect();
        let (chaos, stores) = (Chaos::new(&random), Stores::default());
        let archive = Archive::new(&random);
        let (restarts, down) = (0, None);
        Self { plan, nodes, network, chaos, log, archive, oracle, down, restarts, stores, random }
    }

    /// Starts every node, and defines the tasks.
    pub(crate) async fn begin(&mut self) {
        for node in 0..self.nodes.len() {
            self.start(node);
        }
        let edges = self.plan.topology.edges();
        self.oracle.tasks(edges.clone());
        for edge in edges {
            // The very first commits may fail.
            while !self.nodes[edge.from].define(edge.task, Some(true)).await {
                self.restarts += 1;
                self.stop(edge.from, false).await;
                self.start(edge.from);
            }
        }
    }

    async fn live(&mut self) -> Result<(), Violation> {
        self.begin().await;
        let clients = self.clients();
        match self.plan.setbacks {
            0 => self.faults().await?,
            setbacks => self.restores(setbacks).await?,
        }
        self.heal().await;
        let peace = Instant::now() + Duration::from_secs(2);
        while Instant::now() < peace {
            self.step().await?;
        }
        for client in clients {
            client.abort();
        }
        self.converge().await?;
        self.silence().await
    }

    async fn faults(&mut self) -> Result<(), Violation> {
        let end = Instant::now() + self.plan.unsafe_for;
        let mut next = Instant::now() + self.chaos.pause(self.plan.fault_every);
        while Instant::now() < end {
            self.step().await?;
            if Instant::now() >= next {
                self.fault().await;
                next = Instant::now() + self.chaos.pause(self.plan.fault_every);
            }
        }
        Ok(())
    }

    fn clients(&self) -> Vec<JoinHandle<()>> {
        let mut tasks = Vec::new();
        for node in 0..self.nodes.len() {
            tokio::spawn(reader(node, self.stores.clone(), self.oracle.clone()));
        }
        if self.plan.planted == Some(Planted::PingPong) {
            for node in 0..self.nodes.len() {
                tokio::spawn(rewriter(node, self.stores.clone()));
            }
        }
        for (node, keeping) in self.plan.keeping.iter().enumerate() {
            if let Some(keeping) = *keeping {
                let random = self.random.named(&format!("keeper {node}"));
                tasks.push(tokio::spawn(keeper(node, keeping, self.stores.clone(), random)));
            }
        }
        for node in self.plan.writers() {
            for number in 0..self.plan.clients {
                let client = Client {
                    node,
                    number,
                    plan: self.plan.clone(),
                    stores: self.stores.clone(),
                    oracle: self.oracle.clone(),
                    random: self.random.named(&format!("client {node} {number}")),
                };
                tasks.push(tokio::spawn(client.run()));
            }
        }
        tasks
    }

    /// A moment passes; what has failed is started again, as by whoever runs a service.
    pub(crate) async fn step(&mut self) -> Result<(), Violation> {
        sleep(Duration::from_millis(20)).await;
        self.remedy(false).await;
        for node in 0..self.nodes.len() {
            if self.nodes[node].has_failed() {
                self.restarts += 1;
                self.stop(node, false).await;
                self.start(node);
            }
        }
        if let Some(what) = seeds::panicked() {
            return Err(Violation { invariant: "panic", what });
        }
        self.oracle.violation().map_or(Ok(()), Err)
    }

    /// Everything is repaired.
    async fn heal(&mut self) {
        self.log.note("chaos", format_args!("peace"));
        for node in &self.nodes {
            node.disk.set_full(false);
        }
        for edge in self.plan.topology.edges() {
            self.network.wire(edge.from, edge.to).heal();
        }
        for node in 0..self.nodes.len() {
            self.start(node);
        }
        self.remedy(true).await;
    }

    pub(crate) async fn converge(&mut self) -> Result<(), Violation> {
        let end = Instant::now() + PEACE_MAX;
        loop {
            self.step().await?;
            let Some(Violation { invariant, what }) = self.difference() else { return Ok(()) };
            if Instant::now() >= end {
                let states: Vec<_> = self.nodes.iter().map(Node::status).collect();
                let what = format!("{what}\n{}", states.join("\n"));
                return Err(Violation { invariant, what });
            }
        }
    }

    /// What is not equal yet.
    fn difference(&self) -> Option<Violation> {
        if let Some(unsettled) = self.unsettled().filter(|_| self.plan.setbacks > 0) {
            return Some(unsettled);
        }
        let edges = self.plan.topology.edges();
        edges.into_iter().find_map(|edge| {
            self.oracle.with(|truth| {
                let equal = self.plan.setbacks == 0;
                let different = difference(truth, edge, equal).map(|what| ("P2", what));
                let found = different
                    .or_else(|| resurrected(truth, edge).map(|what| ("resurrection", what)));
                let found = found.or_else(|| {
                    let different = if equal { unequal } else { contradicting };
                    different(truth, edge).map(|what| ("parts", what))
                });
                let found = found
                    .or_else(|| differently(truth, edge, equal).map(|what| ("revisions", what)));
                found.map(|(invariant, what)| Violation {
                    invariant,
                    what: format!("{edge:?}: {what}"),
                })
            })
        })
    }

    /// Nothing happens any more.
    async fn silence(&mut self) -> Result<(), Violation> {
        // What was equal may have been told of only now, and is told item by item where batches are
        // small: it ends, and nothing is written for it.
        sleep(Duration::from_secs(2)).await;
        let most = Instant::now() + PEACE_MAX;
        let mut before = self.traffic();
        loop {
            sleep(Duration::from_secs(2)).await;
            let now = self.traffic();
            let wrote = now.wrote_nothing_since(&before);
            wrote.map_err(|what| Violation { invariant: "I10", what })?;
            let ended = now == before || Instant::now() >= most;
            before = now;
            if ended {
                break;
            }
        }
        let end = Instant::now() + SILENCE;
        while Instant::now() < end {
            self.step().await?;
        }
        let silent = self.traffic().is_silent_since(&before);
        silent.map_err(|what| Violation { invariant: "I10", what })?;
        match self.difference().or_else(|| self.miscounted()) {
            Some(violation) => Err(violation),
            None => Ok(()),
        }
    }

    /// What a database counts and lists otherwise than it has it.
    fn miscounted(&self) -> Option<Violation> {
        self.nodes.iter().find_map(|node| {
            let visible = node.disk.visible();
            let (index, visible) = (node.index, &visible);
            let what = self.oracle.with(|truth| {
                let parts = recounted(truth, index, visible);
                let revisions = parts.or_else(|| relisted(truth, index, visible));
                revisions.or_else(|| left_over(truth, index, visible))
            });
            Some(Violation { invariant: "counts", what: what? })
        })
    }

    fn traffic(&self) -> Traffic {
        self.oracle.with(|truth| Traffic::of(truth, self.network.items()))
    }

    pub(crate) fn start(&mut self, node: usize) {
        if self.down == Some(node) {
            return;
        }
        self.nodes[node].start();
        self.stores.set(node, self.nodes[node].store());
    }

    pub(crate) async fn stop(&mut self, node: usize, power: bool) {
        self.stores.set(node, None);
        self.nodes[node].disk.close();
        self.nodes[node].kill().await;
        if power {
            self.nodes[node].disk.cut_power();
        }
    }

    /// Enables a task, or disables it; false: not now.
    pub(crate) async fn enable(&mut self, edge: Edge, enabled: bool) -> bool {
        let forgets = self.plan.planted == Some(Planted::DisabledForgets);
        let state = if !enabled && forgets { None } else { Some(enabled) };
        self.nodes[edge.from].define(edge.task, state).await
    }

    fn outcome(&self) -> Outcome {
        let (conflicts, forgotten, parts, counts) = self.oracle.with(|truth| {
            let (parts, counts) = (truth.model.carried_out.clone(), truth.counts.clone());
            let mut heads = truth.nodes.iter().flat_map(|node| node.heads.values());
            (heads.any(|heads| heads.len() > 1), !truth.forgotten.is_empty(), parts, counts)
        });
        Outcome {
            violation: self.oracle.violation(),
            digest: self.log.digest(),
            fired: self.chaos.fired.clone(),
            altered: self.network.altered(),
            batches: self.network.items(),
            restarts: self.restarts,
            setbacks: self.archive.fired.clone(),
            blocked: self.archive.blocked,
            reconciled: self.network.reconciled(),
            merged: self.network.merged(),
            parts,
            counts,
            conflicts,
            forgotten,
            last: self.log.last(),
        }
    }
}
