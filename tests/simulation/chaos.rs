//! The faults: what goes wrong, for how long, and that it did.

pub(crate) mod restoring;

use std::{collections::BTreeMap, time::Duration};

use jackdaw_tests::random::Random;
use tokio::time::Instant;

use crate::{disk::Failure, link::Way, oracle::truth::Edge, world::World};

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// A process is killed; what it has written stays.
    Kill,
    /// A machine loses its power.
    PowerCut,
    /// A commit fails, and is gone.
    CommitLost,
    /// A commit fails, though the disk has it.
    CommitKept,
    /// A disk is full for a while.
    Full,
    /// A wire is cut for a while.
    Cut,
    /// What one way of a wire carries waits for a while; nobody is told.
    Hold,
    /// A frame with items, or a piece of a content, is altered.
    Alter,
    /// A clock is set.
    Clock,
    /// A task is disabled for a while.
    Disable,
    /// A task is sent by two runners for a while.
    Twin,
}

impl Fault {
    /// All kinds.
    pub(crate) const ALL: [Self; 11] = [
        Self::Kill,
        Self::PowerCut,
        Self::CommitLost,
        Self::CommitKept,
        Self::Full,
        Self::Cut,
        Self::Hold,
        Self::Alter,
        Self::Clock,
        Self::Disable,
        Self::Twin,
    ];
}

/// What ends a fault.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Remedy {
    /// The node is started.
    Start(usize),
    /// Its disk has space again.
    Space(usize),
    /// The wire is whole.
    Heal(usize, usize),
    /// The task is enabled.
    Enable(Edge),
    /// The second runner ends.
    Alone(Edge),
}

/// What is broken, and what was.
pub(crate) struct Chaos {
    random: Random,
    pub(crate) due: Vec<(Instant, Remedy)>,
    pub(crate) fired: BTreeMap<Fault, u64>,
}

impl Chaos {
    pub(crate) fn new(random: &Random) -> Self {
        let (due, fired) = (Vec::new(), BTreeMap::new());
        Self { random: random.named("chaos"), due, fired }
    }

    /// When the next fault comes.
    pub(crate) fn pause(&mut self, every: Duration) -> Duration {
        let mean = u64::try_from(every.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(1 + self.random.below(2 * mean))
    }

    fn pick(&mut self, faults: &[(Fault, u64)]) -> Option<Fault> {
        let all: u64 = faults.iter().map(|(_, weight)| weight).sum();
        let mut at = self.random.below(all);
        faults.iter().find_map(|(fault, weight)| {
            if at < *weight {
                return Some(*fault);
            }
            at -= weight;
            None
        })
    }

    fn later(&mut self, millis: u64, remedy: Remedy) {
        let millis = Duration::from_millis(1 + self.random.below(millis));
        self.due.push((Instant::now() + millis, remedy));
    }

    /// The remedies whose time has come; with `all`, every one.
    pub(crate) fn remedies(&mut self, all: bool) -> Vec<Remedy> {
        let now = Instant::now();
        let (due, later): (Vec<_>, Vec<_>) =
            self.due.drain(..).partition(|(at, _)| all || *at <= now);
        self.due = later;
        due.into_iter().map(|(_, remedy)| remedy).collect()
    }
}

impl World {
    /// Something goes wrong.
    pub(crate) async fn fault(&mut self) {
        let Some(fault) = self.chaos.pick(&self.plan.faults) else { return };
        let edges = self.plan.topology.edges();
        let node = self.chaos.random.index(self.nodes.len());
        let edge = edges[self.chaos.random.index(edges.len())];
        let back = self.chaos.random.chance(500);
        self.log.note("chaos", format_args!("{fault:?} of node {node}, {edge:?}"));
        *self.chaos.fired.entry(fault).or_default() += 1;
        let wire = self.network.wire(edge.from, edge.to);
        match fault {
            Fault::Kill | Fault::PowerCut => {
                self.stop(node, fault == Fault::PowerCut).await;
                self.chaos.later(3_000, Remedy::Start(node));
            }
            Fault::CommitLost | Fault::CommitKept => {
                self.nodes[node].disk.fail(Failure { kept: fault == Fault::CommitKept });
            }
            Fault::Full => {
                self.nodes[node].disk.set_full(true);
                self.chaos.later(4_000, Remedy::Space(node));
            }
            Fault::Cut => {
                wire.cut();
                self.chaos.later(4_000, Remedy::Heal(edge.from, edge.to));
            }
            Fault::Hold => {
                wire.hold(if back { Way::Back } else { Way::There }, true);
                let millis = if self.chaos.random.chance(300) { 60_000 } else { 2_000 };
                self.chaos.later(millis, Remedy::Heal(edge.from, edge.to));
            }
            Fault::Alter => wire.alter(1),
            Fault::Clock => {
                let seconds = self.chaos.random.below(7_200).cast_signed() - 3_600;
                self.nodes[node].clock.jump(seconds * 1_000_000);
            }
            Fault::Disable => {
                // It may have been written though the answer is another.
                self.enable(edge, false).await;
                self.chaos.later(5_000, Remedy::Enable(edge));
            }
            Fault::Twin => {
                self.nodes[edge.from].twin(edge.task, true).await;
                self.chaos.later(5_000, Remedy::Alone(edge));
            }
        }
    }

    /// Ends faults: those whose time has come, or all.
    pub(crate) async fn remedy(&mut self, all: bool) {
        for remedy in self.chaos.remedies(all) {
            match remedy {
                Remedy::Start(node) => self.start(node),
                Remedy::Space(node) => self.nodes[node].disk.set_full(false),
                Remedy::Heal(from, to) => self.network.wire(from, to).heal(),
                Remedy::Alone(edge) => self.nodes[edge.from].twin(edge.task, false).await,
                Remedy::Enable(edge) => {
                    if !self.enable(edge, true).await {
                        self.chaos.later(500, Remedy::Enable(edge));
                    }
                }
            }
        }
    }
}
