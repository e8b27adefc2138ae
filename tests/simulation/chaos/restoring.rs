//! Restores: disks that are set back as a whole, under way, and what a person declares of them.
//!
//! A family of plans of its own, since most of what holds otherwise does not when a disk goes back.
//! What does: everything that any disk still has comes to everybody downstream, a fork that nobody
//! has declared is refused, and nobody loses documents of their own.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jackdaw_common::{Content, Etag, IncarnationId, Version, item::series::Points};
use jackdaw_store::{Snapshot as Rows, declare, engine::Snapshot, tables::changes::ChangeRow};
use jackdaw_tests::random::Random;
use tokio::time::Instant;

use crate::{
    disk::Copied,
    oracle::{Violation, truth::Edge},
    planted::Planted,
    world::World,
};

/// How long a task may take to find out that its source went back.
const FOUND_OUT: Duration = Duration::from_secs(150);
/// Checkpoints that are kept of each disk.
const CHECKPOINTS: usize = 5;

/// How a disk is set back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Setback {
    /// A source's, and it writes on; it is declared when somebody notices, or after a while.
    WentBack,
    /// A source's, and that is declared before it is started again.
    Restored,
    /// One's that sends to nobody, and nobody says so.
    Destination,
}

impl Setback {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::WentBack, Self::Restored, Self::Destination];
}

/// What copies there are of the disks, and what was done with them.
pub(crate) struct Archive {
    random: Random,
    checkpoints: BTreeMap<usize, Vec<Checkpoint>>,
    /// Incarnations that were declared.
    declared: u8,
    pub(crate) fired: BTreeMap<Setback, u64>,
    /// Forks that a task was blocked for.
    pub(crate) blocked: u64,
}

#[derive(Clone)]
struct Checkpoint {
    rows: Arc<dyn Snapshot>,
    contents: Copied,
    last: Etag,
}

impl Archive {
    pub(crate) fn new(random: &Random) -> Self {
        let random = random.named("archive");
        let (checkpoints, fired) = (BTreeMap::new(), BTreeMap::new());
        Self { random, checkpoints, declared: 0, fired, blocked: 0 }
    }
}

impl World {
    /// Faults, copies and setbacks, until peace.
    pub(crate) async fn restores(&mut self, setbacks: u64) -> Result<(), Violation> {
        for _ in 0..setbacks {
            let end = Instant::now() + self.plan.unsafe_for;
            let mut fault = Instant::now() + self.chaos.pause(self.plan.fault_every);
            let mut copy = Instant::now();
            while Instant::now() < end {
                self.step().await?;
                if Instant::now() >= fault {
                    self.fault().await;
                    fault = Instant::now() + self.chaos.pause(self.plan.fault_every);
                }
                if Instant::now() >= copy {
                    self.copy_disks();
                    copy += Duration::from_millis(500 + self.archive.random.below(2_000));
                }
            }
            self.setback().await?;
        }
        Ok(())
    }

    fn copy_disks(&mut self) {
        for node in &self.nodes {
            let last = self.oracle.with(|truth| {
                let durable = truth.nodes[node.index].durable.as_ref();
                durable.map_or(Etag::ZERO, |durable| durable.header.last_etag)
            });
            let copies = self.archive.checkpoints.entry(node.index).or_default();
            if copies.len() == CHECKPOINTS {
                copies.remove(self.archive.random.index(CHECKPOINTS));
            }
            let (rows, contents) = node.disk.checkpoint();
            copies.push(Checkpoint { rows, contents, last });
        }
    }

    async fn setback(&mut self) -> Result<(), Violation> {
        let any = Setback::ALL[self.archive.random.index(Setback::ALL.len())];
        let setback = self.plan.setback.unwrap_or(any);
        let edges = self.plan.topology.edges();
        let sends = |node: &usize| edges.iter().any(|edge| edge.from == *node);
        let is_source = setback != Setback::Destination;
        let nodes: Vec<_> = (0..self.nodes.len()).filter(|it| sends(it) == is_source).collect();
        let node = nodes[self.archive.random.index(nodes.len())];
        let copies = &self.archive.checkpoints[&node];
        // An old one more often: more has been forgotten since.
        let back = self.archive.random.index(copies.len());
        let checkpoint = copies[self.archive.random.index(back + 1)].clone();
        let common = checkpoint.last;
        if setback == Setback::WentBack {
            // What it wrote from then on and did not declare has the vectors of what it had written
            // before: a copy of that cannot be told from it.
            let copies = self.archive.checkpoints.entry(node).or_default();
            copies.retain(|copy| copy.last <= common);
        }
        self.log.note("chaos", format_args!("{setback:?} of node {node} to {common}"));
        *self.archive.fired.entry(setback).or_default() += 1;
        self.stop(node, false).await;
        self.down = Some(node);
        // What it had sent arrives, or not.
        self.pass(Duration::from_secs(5)).await?;
        self.nodes[node].disk.set_back(&*checkpoint.rows, &checkpoint.contents);
        let fork = (setback == Setback::WentBack).then_some(common);
        self.oracle.rebuilt(node, &self.nodes[node].disk.visible(), fork);
        if setback == Setback::Restored {
            self.declare(node, common)?;
        }
        self.back(node).await?;
        if setback == Setback::WentBack {
            self.notice(node, common).await?;
            self.stop(node, false).await;
            self.down = Some(node);
            self.declare(node, common)?;
            self.back(node).await?;
        }
        Ok(())
    }

    /// The node runs again, with all its tasks, as its person sees to.
    async fn back(&mut self, node: usize) -> Result<(), Violation> {
        self.down = None;
        self.start(node);
        for edge in self.plan.topology.edges().into_iter().filter(|edge| edge.from == node) {
            while !self.enable(edge, true).await {
                self.step().await?;
            }
        }
        Ok(())
    }

    async fn pass(&mut self, time: Duration) -> Result<(), Violation> {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.step().await?;
        }
        Ok(())
    }

    /// Until somebody notices that a source went back: by its blocked task, or by chance.
    async fn notice(&mut self, node: usize, common: Etag) -> Result<(), Violation> {
        let ahead = self.oracle.with(|truth| truth.restores.forks[&node].ahead.clone());
        let edges = self.plan.topology.edges();
        let ahead: Vec<Edge> = edges
            .into_iter()
            .filter(|edge| edge.from == node && ahead.contains(&edge.to))
            .collect();
        if self.plan.planted == Some(Planted::SameRun) {
            // Until it has written past what was received from it.
            return self.pass(Duration::from_secs(100)).await;
        }
        if ahead.is_empty() || self.archive.random.chance(200) {
            let millis = self.archive.random.below(8_000);
            return self.pass(Duration::from_millis(millis)).await;
        }
        let end = Instant::now() + FOUND_OUT;
        while Instant::now() < end {
            self.step().await?;
            if ahead.iter().all(|edge| self.nodes[node].is_blocked(edge.task, "SOURCE_FORKED")) {
                self.archive.blocked += 1;
                return Ok(());
            }
        }
        let what = format!("node {node} went back to {common}, {}", self.nodes[node].status());
        Err(Violation { invariant: "fork", what: format!("{ahead:?}: {what}") })
    }

    /// A person declares where the database went back to; what it holds stays.
    fn declare(&mut self, node: usize, common: Etag) -> Result<(), Violation> {
        self.archive.declared += 1;
        let incarnation = IncarnationId::from_bytes([0xc0 | self.archive.declared; 16]);
        if self.plan.planted != Some(Planted::SameIncarnation) {
            let (before, after) = self.nodes[node].disk.edit(|engine| {
                let contents = || {
                    let rows = Rows::inspect(engine).unwrap().unwrap();
                    let rows = rows.changes_after(Etag::ZERO).map(Result::unwrap);
                    let row =
                        |row: ChangeRow| (row.etag, row.version.id.clone(), says(&row.version));
                    rows.map(row).collect::<Vec<_>>()
                };
                let before = contents();
                declare::restored(engine, incarnation, Some(common)).expect("a database");
                (before, contents())
            });
            if before != after {
                let what = format!("declaring node {node} at {common} changed what it says");
                return Err(Violation { invariant: "P1", what });
            }
        }
        self.oracle.rebuilt(node, &self.nodes[node].disk.visible(), None);
        Ok(())
    }

    /// What is to be in peace and is not yet, after restores.
    pub(crate) fn unsettled(&self) -> Option<Violation> {
        let edges = self.plan.topology.edges();
        self.oracle.with(|truth| {
            let behind = edges.iter().find_map(|edge| {
                let last = truth.nodes[edge.from].visible.as_ref()?.header.last_etag;
                let stands = truth.nodes[edge.to].cursor(truth.databases[edge.from]);
                let what = format!("{edge:?} is at {stands} of {last}");
                (stands != last).then_some(Violation { invariant: "P2", what })
            });
            let owed = || truth.owed(&edges).map(|what| Violation { invariant: "P1", what });
            behind.or_else(owed)
        })
    }
}

/// What a version says, whoever has written it.
fn says(version: &Version) -> String {
    match &version.content {
        Content::Document(_) | Content::Tombstone => format!("{:?}", version.content_hash()),
        Content::Counter(counter) => format!("{:?}", counter.partials.value()),
        // Of whom it names entries is what is declared anew.
        Content::RevisionTombstone(_) => "removed".to_owned(),
        Content::Segment(segment) => {
            let points = Points::decode(&segment.points).unwrap();
            let incremental = segment.extent.name.is_incremental();
            format!("{:?}", points.read(incremental).collect::<Vec<_>>())
        }
    }
}
