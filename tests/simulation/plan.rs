//! What a seed decides: the nodes and their tasks, what clients write, and which faults there are.

use std::time::Duration;

use jackdaw_common::{
    batch::BatchLimits,
    frame::Window,
    limits::{BATCH_BLOB_BYTES, BATCH_BLOBS, WINDOW_BATCHES, WINDOW_BYTES},
};
use jackdaw_tests::random::Random;

use crate::{
    chaos::{Fault, restoring::Setback},
    disk::Crash,
    node::{Settings, task_to},
    oracle::truth::Edge,
    planted::Planted,
};

/// What receivers grant.
const WIDE: Window = Window { batches: WINDOW_BATCHES, bytes: WINDOW_BYTES };
/// Most batches are larger than that.
const NARROW: Window = Window { bytes: 100, ..WIDE };

/// The beginning of the ids that several nodes write.
pub(crate) const SHARED: &str = "s/";

/// Who replicates to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Topology {
    /// One to another.
    Pair,
    /// One to another, and that to a third.
    Chain,
    /// One to two others.
    Star,
    /// Two to each other, each with documents of its own.
    TwoWay,
    /// Three in a ring, each with documents of its own.
    Ring,
    /// Two to each other, with documents that both write.
    Shared,
}

impl Topology {
    const ALL: [Self; 6] =
        [Self::Pair, Self::Chain, Self::Star, Self::TwoWay, Self::Ring, Self::Shared];

    pub(crate) fn nodes(self) -> usize {
        match self {
            Self::Pair | Self::TwoWay | Self::Shared => 2,
            Self::Chain | Self::Star | Self::Ring => 3,
        }
    }

    /// The tasks.
    pub(crate) fn edges(self) -> Vec<Edge> {
        let pairs: &[(usize, usize)] = match self {
            Self::Pair => &[(0, 1)],
            Self::Chain => &[(0, 1), (1, 2)],
            Self::Star => &[(0, 1), (0, 2)],
            Self::TwoWay | Self::Shared => &[(0, 1), (1, 0)],
            Self::Ring => &[(0, 1), (1, 2), (2, 0)],
        };
        pairs.iter().map(|(from, to)| Edge { from: *from, to: *to, task: task_to(*to) }).collect()
    }
}

/// What somebody at a node does about revisions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keeping {
    /// Mean time between two looks, milliseconds.
    pub(crate) every: u64,
    /// How many of a thousand looks change what is kept.
    pub(crate) changes: u64,
    /// How many of the others enforce it.
    pub(crate) enforces: u64,
}

impl Keeping {
    /// In half of all seeds somebody keeps something, at some of the nodes or at all.
    fn of_all(seed: u64, topology: Topology) -> Vec<Option<Self>> {
        let mut random = Random::new(seed).named("revisions");
        let share = [0, 0, 500, 1_000][random.index(4)];
        let keeping = Self {
            every: [1_000, 4_000][random.index(2)],
            changes: [0, 100, 300][random.index(3)],
            enforces: [0, 100, 400][random.index(3)],
        };
        (0..topology.nodes()).map(|_| random.chance(share).then_some(keeping)).collect()
    }
}

/// What a run is made of.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) topology: Topology,
    pub(crate) settings: Settings,
    /// How long there are faults.
    pub(crate) unsafe_for: Duration,
    /// Mean time between two faults.
    pub(crate) fault_every: Duration,
    /// How often each fault comes, against the others.
    pub(crate) faults: Vec<(Fault, u64)>,
    /// Mean time between two transactions of a client, milliseconds.
    pub(crate) pause: u64,
    /// Documents that each writer has.
    pub(crate) documents: u64,
    /// Clients a writer.
    pub(crate) clients: u64,
    /// Longest padding of a document, bytes.
    pub(crate) padding: usize,
    /// How many of a thousand transactions write to counters and series.
    pub(crate) parts: u64,
    /// How many of a thousand transactions attach contents.
    pub(crate) attachments: u64,
    /// What is kept as revisions, node by node; `None`: nobody there says anything.
    pub(crate) keeping: Vec<Option<Keeping>>,
    /// Whether nodes that else write documents of their own only have some in common.
    pub(crate) shares: bool,
    /// How often a disk is set back.
    pub(crate) setbacks: u64,
    /// How; `None`: in any way.
    pub(crate) setback: Option<Setback>,
    /// What receivers grant.
    pub(crate) window: Window,
    pub(crate) planted: Option<Planted>,
    /// A commit that fails, whatever else does.
    pub(crate) crash: Option<Crash>,
}

impl Plan {
    /// The plan of a seed.
    pub(crate) fn new(seed: u64, planted: Option<Planted>) -> Self {
        let mut random = Random::new(seed).named("plan");
        let topology = [Topology::Pair, Topology::Chain][random.index(2)];
        let others = Topology::ALL[random.index(Topology::ALL.len())];
        let topology = if random.chance(300) { topology } else { others };
        let mut window = Random::new(seed).named("window");
        let mut parts = Random::new(seed).named("parts");
        let mut attachments = Random::new(seed).named("attachments");
        let mut pick = |options: &[u64]| options[random.index(options.len())];
        let age = pick(&[0, 500, 3_000]);
        let settings = Settings {
            limits: BatchLimits {
                items: usize::try_from(pick(&[1, 2, 5, 1_000])).unwrap(),
                bytes: usize::try_from(pick(&[300, 1 << 20])).unwrap(),
                contents: [1, 3, BATCH_BLOBS][attachments.index(3)],
                content_bytes: [20_000, BATCH_BLOB_BYTES][attachments.index(2)],
            },
            sync: Duration::from_millis(pick(&[1, 4, 15])),
            tombstone_age: (age > 0 && topology != Topology::Shared)
                .then(|| Duration::from_millis(age)),
        };
        let faults = Fault::ALL.iter().map(|fault| (*fault, pick(&[0, 1, 4])));
        let mut plan = Self {
            seed,
            topology,
            settings,
            faults: faults.collect(),
            unsafe_for: Duration::from_secs(pick(&[10, 20, 40])),
            fault_every: Duration::from_millis(pick(&[300, 1_000, 3_000])),
            pause: pick(&[50, 150, 500]),
            documents: pick(&[4, 16, 60]),
            clients: pick(&[1, 2, 3]),
            padding: usize::try_from(pick(&[10, 2_000])).unwrap(),
            parts: [0, 100, 300][parts.index(3)],
            attachments: [0, 0, 150, 400][attachments.index(4)],
            keeping: Keeping::of_all(seed, topology),
            // A deletion that one side has forgotten is no deletion to what the other wrote without
            // knowing of it.
            shares: matches!(topology, Topology::TwoWay | Topology::Ring) && age == 0,
            setbacks: 0,
            setback: None,
            window: [WIDE, NARROW, Window { batches: 1, ..WIDE }][window.index(3)],
            planted,
            crash: None,
        };
        plan.provoke();
        plan.keeping.resize(plan.topology.nodes(), None);
        if plan.keeping.iter().any(Option::is_some) {
            // Each commit of an engine in memory costs as much as there are rows, and what is kept
            // stays.
            plan.pause = plan.pause.max(150);
        }
        plan
    }

    /// The plan of a seed in which disks are set back: every node writes documents of its own.
    pub(crate) fn restoring(seed: u64, planted: Option<Planted>) -> Self {
        let mut plan = Self::new(seed, planted);
        let mut random = Random::new(seed).named("restoring");
        plan.topology = [Topology::Pair, Topology::Chain, Topology::Star][random.index(3)];
        plan.keeping = Keeping::of_all(seed, plan.topology);
        plan.shares = false;
        plan.setbacks = 1 + random.below(3);
        plan.unsafe_for = Duration::from_secs(3 + random.below(6));
        let age = [None, Some(100), Some(300), Some(1_000)][random.index(4)];
        plan.settings.tombstone_age = age.map(Duration::from_millis);
        plan.clients = 1;
        plan.pause = [100, 200, 400][random.index(3)];
        plan.documents = [8, 60][random.index(2)];
        plan
    }

    /// The plan of a seed in which much is deleted and forgotten, and then a destination set back:
    /// it still has what nobody remembers to have been deleted.
    pub(crate) fn forgetting(seed: u64) -> Self {
        let mut plan = Self::restoring(seed, None);
        plan.setback = Some(Setback::Destination);
        plan.settings.tombstone_age = Some(Duration::from_millis(100));
        plan.unsafe_for = Duration::from_secs(10);
        plan.documents = 60;
        plan.pause = 100;
        plan
    }

    /// A plan in which nothing goes wrong by itself, and little is written.
    pub(crate) fn calm(seed: u64, topology: Topology) -> Self {
        let mut plan = Self::new(seed, None);
        plan.topology = topology;
        // A crash in any commit is also one while contents come, and revisions go.
        let keeping = Keeping { every: 500, changes: 300, enforces: 300 };
        (plan.attachments, plan.keeping) = (200, vec![Some(keeping); topology.nodes()]);
        plan.shares = false;
        plan.settings.tombstone_age = Some(Duration::from_millis(500));
        plan.settings.limits.items = 2;
        plan.faults.clear();
        plan.unsafe_for = Duration::from_secs(2);
        plan.pause = 150;
        plan.clients = 2;
        plan
    }

    /// What a planted bug needs to show itself.
    fn provoke(&mut self) {
        match self.planted {
            Some(Planted::PingPong) => self.topology = Topology::TwoWay,
            Some(Planted::DisabledForgets) => {
                self.topology = Topology::Pair;
                self.settings.tombstone_age = Some(Duration::from_millis(500));
                self.faults.push((Fault::Disable, 4));
            }
            Some(Planted::HalfCommits) if self.topology == Topology::Shared => {
                self.topology = Topology::Pair;
            }
            Some(Planted::LostTombstone) => {
                self.topology = Topology::Pair;
                self.fault_every = Duration::from_millis(300);
                self.faults = vec![(Fault::CommitKept, 1)];
                // Else what documents have tells of it first, and what leads to what was kept.
                self.parts = 0;
                self.keeping = vec![None; self.topology.nodes()];
            }
            Some(Planted::WideWindow) => self.settings.limits.items = 1,
            Some(Planted::WaitsForItself) => self.window = NARROW,
            Some(Planted::LostItem) => self.settings.limits.items = 1_000,
            // It gives names to contents anew, too.
            Some(Planted::SameRun) => self.attachments = 0,
            Some(Planted::UnsyncedContent) => self.faults = vec![(Fault::PowerCut, 1)],
            Some(Planted::LostDeadRange) => self.topology = Topology::Shared,
            Some(Planted::PartsStay | Planted::CountedTwice | Planted::HalfParts)
                if self.topology == Topology::Shared =>
            {
                self.topology = Topology::Pair;
            }
            _ => {}
        }
        if self.planted.is_some_and(Planted::is_of_parts) {
            self.parts = 700;
        }
        if self.planted.is_some_and(Planted::is_of_contents) {
            self.attachments = 700;
        }
        if self.planted.is_some_and(Planted::is_of_revisions) {
            let keeping = Keeping { every: 500, changes: 200, enforces: 400 };
            self.keeping = vec![Some(keeping); self.topology.nodes()];
        }
    }

    /// The nodes that clients write to.
    pub(crate) fn writers(&self) -> Vec<usize> {
        match self.topology {
            _ if self.setbacks > 0 => (0..self.topology.nodes()).collect(),
            Topology::Pair | Topology::Star => vec![0],
            Topology::Chain => vec![0, 1],
            Topology::TwoWay | Topology::Shared => vec![0, 1],
            Topology::Ring => vec![0, 1, 2],
        }
    }

    /// The beginning of the ids that a node writes.
    pub(crate) fn prefix(&self, node: usize) -> String {
        if self.topology == Topology::Shared { SHARED.to_owned() } else { format!("n{node}/") }
    }
}
