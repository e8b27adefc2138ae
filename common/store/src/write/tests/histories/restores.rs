//! Random histories of two databases of which one goes back to an earlier state of its disk, writes
//! on, and is declared restored: nothing that a client was told of and that is still anywhere is
//! lost, and the two become one.
//!
//! The model knows no vectors: as in `convergence`, a version is the set of writes that its writer
//! had seen. It was seen to find that what was written behind the fork is not reissued, or only the
//! database vector or the deletions are not, that runs are not compared, and that a destination
//! does not go back.

use std::collections::{BTreeMap, BTreeSet};

use jackdaw_common::{ChangeVector, Content, Etag, IncarnationId, Timestamp};
use proptest::prelude::*;

use super::super::harness::*;
use crate::{
    BeginError, Command, Forget, Incoming, IncomingItem, Lookup, Store, declare, engine::Memory,
    keys::TABLES,
};

const IDS: [&str; 3] = ["a", "b", "c"];

const TASK: u64 = 1;

type Write = u32;

/// A version as the model has it.
#[derive(Clone, Debug)]
struct Version {
    write: Write,
    seen: BTreeSet<Write>,
    /// Its body; none for a deletion.
    body: Option<String>,
}

/// What has come to one database, by document.
type Received = BTreeMap<&'static str, Vec<Version>>;

#[derive(Clone, Debug)]
enum Step {
    /// A client's transaction: documents, and whether each is put.
    Transact(Vec<(usize, bool)>),
    /// A client of the destination.
    There(usize, bool),
    /// What the source has goes to the destination.
    Copy,
    /// Batches of one transaction, only so many of them.
    Some(usize),
    /// What the destination has goes to the source.
    Back,
    /// The source forgets deletions.
    Forget,
}

/// The source's disk, and what the model has of it.
struct Disk {
    memory: Memory,
    received: Received,
    /// What it has written itself, by the entry that was minted for it.
    own: BTreeMap<(IncarnationId, Etag), Version>,
}

impl Disk {
    fn new() -> Self {
        let memory = Memory::new(&TABLES);
        Self { memory, received: Received::new(), own: BTreeMap::new() }
    }

    fn copied(&self) -> Self {
        let (received, own) = (self.received.clone(), self.own.clone());
        Self { memory: copied(&self.memory), received, own }
    }

    /// It is declared that it went back to `fork`.
    fn declare(&mut self, incarnation: IncarnationId, fork: Etag) {
        declare::restored(&self.memory, incarnation, Some(fork)).unwrap();
        let own = std::mem::take(&mut self.own).into_iter();
        self.own = own
            .map(|((by, etag), version)| {
                ((if etag > fork { incarnation } else { by }, etag), version)
            })
            .collect();
    }
}

struct World {
    source: Store,
    disk: Disk,
    destination: Store,
    received: Received,
    writes: Write,
    run: u8,
    /// The destination took what the source wrote before anybody said that it went back.
    taken: bool,
    /// The source has gone back, and nobody has said so yet.
    forked: bool,
    /// It was said to have gone back further than it has: what is reissued stands beside itself at
    /// the destination, and that does not come back to a source that has had it already.
    early: bool,
}

impl World {
    /// A task follows the source, so that what is overwritten is kept until it was sent.
    async fn new() -> Self {
        let disk = Disk::new();
        let (source, destination) = (opened(&disk.memory, 1, 1), in_memory(2));
        task(&source, TASK, true).await;
        let received = Received::new();
        let (writes, run) = (0, 1);
        let (taken, forked, early) = (false, false, false);
        Self { source, disk, destination, received, writes, run, taken, forked, early }
    }

    /// The source is opened again, from this disk.
    fn open(&mut self, disk: Disk) {
        self.run += 1;
        self.source = opened(&disk.memory, 1, self.run);
        self.disk = disk;
    }

    async fn carry_out(&mut self, step: &Step) {
        match step {
            Step::Transact(of) => self.transact(true, of).await,
            Step::There(id, live) => self.transact(false, &[(*id, *live)]).await,
            Step::Copy => drop(self.ship(true, usize::MAX).await),
            Step::Some(batches) => drop(self.ship(true, *batches).await),
            // Where it has gone back, what has seen its lost writes cannot be told from its own.
            Step::Back if self.forked => {}
            Step::Back => drop(self.ship(false, usize::MAX).await),
            Step::Forget => {
                let all = Forget { before: Timestamp::from_micros(i64::MAX), after: None };
                self.source.forget(all).await.unwrap();
            }
        }
        audit(&self.source.snapshot());
        audit(&self.destination.snapshot());
    }

    async fn transact(&mut self, at_source: bool, of: &[(usize, bool)]) {
        let first = self.writes;
        let body = |number: usize| format!("{}", first as usize + number + 1);
        let command = |(number, &(id, live)): (usize, &(usize, bool))| -> Command {
            if live { putting(IDS[id], &body(number)) } else { deleting(IDS[id]) }
        };
        let commands = of.iter().enumerate().map(command).collect();
        let Disk { received, own, .. } = &mut self.disk;
        let (store, received) = if at_source {
            (&self.source, received)
        } else {
            (&self.destination, &mut self.received)
        };
        let written = store.transact(commands).await.unwrap();
        for ((number, &(id, live)), written) in of.iter().enumerate().zip(written) {
            self.writes += 1;
            if written.etag.is_zero() {
                continue;
            }
            let versions = received.entry(IDS[id]).or_default();
            let seen = versions.iter().flat_map(|it| it.seen.iter().copied()).chain([self.writes]);
            let seen = seen.collect();
            let version = Version { write: self.writes, seen, body: live.then(|| body(number)) };
            versions.push(version.clone());
            if at_source {
                own.insert((store.incarnation(), written.etag), version);
            }
        }
    }

    /// One way, in a session of its own; answers how many items went.
    async fn ship(&mut self, forth: bool, batches: usize) -> usize {
        let (from, to) = if forth {
            (&self.source, &self.destination)
        } else {
            (&self.destination, &self.source)
        };
        let session = match to.begin(offer(from)).await {
            Ok(session) => session,
            Err(BeginError::SourceForked(_)) if forth && self.forked => return 0,
            Err(other) => panic!("{other}"),
        };
        self.taken |= forth && self.forked;
        reconcile(from, to, &session, 2).await;
        let mut link = Link::of(from, to, session);
        let mut sent = 0;
        for _ in 0..batches {
            let batch = link.next(1);
            let (items, whole) = (batch.items.len(), batch.frontier.is_some());
            if forth {
                self.received = pass(&batch, &self.disk, std::mem::take(&mut self.received));
            }
            let cursor = link.apply(batch).await.cursor;
            sent += items;
            if forth {
                from.stand(at(TASK, cursor)).await.unwrap();
            }
            if whole {
                // All that one has seen the other has, also what a reconcile has taken away.
                if forth {
                    merge(&self.disk.received, &mut self.received);
                } else {
                    merge(&self.received, &mut self.disk.received);
                }
                return sent;
            }
        }
        sent
    }

    /// What has not been overwritten by anybody who had seen it, of all that is anywhere.
    fn left(&self, id: &str) -> BTreeSet<String> {
        let both = [&self.disk.received, &self.received];
        let all: Vec<_> = both.iter().filter_map(|it| it.get(id)).flatten().collect();
        let gone = |one: &Version| {
            all.iter().any(|other| other.write != one.write && other.seen.contains(&one.write))
        };
        all.iter().filter(|it| !gone(it)).filter_map(|it| it.body.clone()).collect()
    }

    fn check(&self, id: &str, store: &Store) {
        let shown: BTreeSet<_> = rows(store, id).into_iter().map(|(_, body)| body).collect();
        let left = self.left(id);
        if self.taken || self.early {
            // What was taken as the old one's stays beside what is reissued.
            assert!(left.is_subset(&shown), "{id} shows {shown:?}, not all of {left:?}");
        } else {
            assert_eq!(shown, left, "{id}");
        }
    }

    async fn settle(&mut self) {
        for _ in 0..8 {
            let last = |world: &Self| (world.source.last_etag(), world.destination.last_etag());
            let before = last(self);
            let sent = self.ship(true, usize::MAX).await + self.ship(false, usize::MAX).await;
            audit(&self.source.snapshot());
            audit(&self.destination.snapshot());
            // A reconcile writes though nothing is sent.
            if sent == 0 && last(self) == before {
                break;
            }
        }
        for id in IDS {
            self.check(id, &self.source);
            self.check(id, &self.destination);
            if !self.early {
                assert_eq!(rows(&self.source, id), rows(&self.destination, id), "{id}");
            }
        }
        assert_eq!(self.source.vector(), self.destination.vector());
        assert_eq!(self.ship(true, usize::MAX).await + self.ship(false, usize::MAX).await, 0);
    }
}

/// What the source has written and sends comes to the destination.
fn pass(batch: &Incoming, from: &Disk, mut to: Received) -> Received {
    for IncomingItem { item, .. } in &batch.items {
        // What others have minted they have, and so they have what they merged.
        let minted = item.minted.and_then(|it| from.own.get(&(it.incarnation, it.etag)));
        let Some(known) = minted else { continue };
        let body = match &item.version.content {
            Content::Document(body) => Some(text(body)),
            Content::Tombstone => None,
            other => panic!("{other:?}"),
        };
        assert_eq!(known.body, body, "{} does not say what it said", item.version.id);
        let id = IDS.into_iter().find(|id| *id == item.version.id.as_str()).unwrap();
        add(to.entry(id).or_default(), known);
    }
    to
}

fn merge(from: &Received, to: &mut Received) {
    for (id, versions) in from {
        let there = to.entry(id).or_default();
        versions.iter().for_each(|version| add(there, version));
    }
}

fn add(to: &mut Vec<Version>, version: &Version) {
    if to.iter().all(|known| known.write != version.write) {
        to.push(version.clone());
    }
}

/// The live versions of a document.
fn rows(store: &Store, id: &str) -> Vec<(ChangeVector, String)> {
    let rows = match lookup(store, id) {
        Lookup::Missing => Vec::new(),
        Lookup::Found(row) => vec![*row],
        Lookup::Conflict(rows) => rows,
    };
    let rows = rows.into_iter().map(|row| (row.version.vector.clone(), says(&row)));
    rows.filter(|(_, body)| body != "†").collect()
}

fn step() -> impl Strategy<Value = Step> {
    let command = || (0..IDS.len(), prop::bool::weighted(0.65));
    prop_oneof![
        6 => prop::collection::vec(command(), 1..4).prop_map(Step::Transact),
        2 => command().prop_map(|(id, live)| Step::There(id, live)),
        2 => Just(Step::Copy),
        2 => (1usize..4).prop_map(Step::Some),
        2 => Just(Step::Back),
        1 => Just(Step::Forget),
    ]
}

fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 0..most)
}

/// Before the fork, what is lost, behind the fork, behind the declaration; how many etags earlier
/// than the fork the declaration says.
type History = ([Vec<Step>; 4], u64);

fn histories() -> impl Strategy<Value = History> {
    let parts = (steps(12), steps(12), steps(8), steps(8));
    let earlier = prop_oneof![4 => Just(0), 1 => 1u64..4];
    (parts, earlier)
        .prop_map(|((one, two, three, four), earlier)| ([one, two, three, four], earlier))
}

async fn history((parts, earlier): &History) {
    let mut world = World::new().await;
    let [before, lost, behind, after] = parts;
    for step in before {
        world.carry_out(step).await;
    }
    let (then, fork) = (world.disk.copied(), world.source.last_etag());
    for step in lost {
        world.carry_out(step).await;
    }
    world.open(then);
    world.forked = true;
    for step in behind {
        world.carry_out(step).await;
    }
    let mut disk = world.disk.copied();
    let said = Etag::new(fork.get().saturating_sub(*earlier)).unwrap();
    disk.declare(IncarnationId::from_bytes([0xee; 16]), said);
    world.open(disk);
    world.forked = false;
    world.early = said < fork;
    for step in after {
        world.carry_out(step).await;
    }
    world.settle().await;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn nothing_is_lost_when_a_source_goes_back(history_of in histories()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(history(&history_of));
    }
}
