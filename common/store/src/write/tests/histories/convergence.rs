//! Several databases that copy each other, whatever is written where and however batches come:
//! they end with the same versions, none lost, and then they are still.
//!
//! The model knows no vectors. A version is the set of writes that its writer had seen; a document
//! shows those versions of which no other version that has come has seen the write.

use std::collections::{BTreeMap, BTreeSet};

use jackdaw_common::{ChangeVector, Content};
use proptest::prelude::*;

use super::super::harness::*;
use crate::{Command, Incoming, Lookup, Store};

const IDS: [&str; 3] = ["a", "b", "c"];

/// A write, by its number.
type Write = u32;

/// A version as the model has it.
#[derive(Clone, Debug, PartialEq)]
struct Version {
    /// The write that made it; none for the merge of two deletions.
    write: Option<Write>,
    seen: BTreeSet<Write>,
    /// Its body, unique; none for a deletion.
    body: Option<String>,
}

/// What has come to one database, by document.
type Received = BTreeMap<&'static str, Vec<Version>>;

#[derive(Clone, Debug)]
enum Step {
    /// A client's transaction at a database: documents, and whether each is put.
    Transact(usize, Vec<(usize, bool)>),
    /// The next batch of a link: items at most, whether what the destination covers is left out,
    /// whether the disk is full at first.
    Ship { link: usize, items: usize, skip: bool, full: bool },
    /// The last batch of a link comes once more.
    Late(usize),
    /// A link begins a new session.
    Reconnect(usize),
}

struct World {
    engines: Vec<Faulty>,
    stores: Vec<Store>,
    links: Vec<(usize, usize, Link, Option<Incoming>)>,
    received: Vec<Received>,
    /// What each vector of a document stands for.
    known: BTreeMap<(&'static str, ChangeVector), Version>,
    writes: Write,
}

impl World {
    async fn new(databases: usize, edges: &[(usize, usize)]) -> Self {
        let engines: Vec<_> = (0..databases).map(|_| Faulty::new()).collect();
        let stores: Vec<_> = (1..)
            .zip(&engines)
            .map(|(n, engine)| Store::open(engine.clone(), TestClock::at(0), identity(n)).unwrap())
            .collect();
        let mut links = Vec::new();
        for &(from, to) in edges {
            links.push((from, to, Link::open(&stores[from], &stores[to]).await, None));
        }
        let received = vec![Received::new(); databases];
        Self { engines, stores, links, received, known: BTreeMap::new(), writes: 0 }
    }

    async fn carry_out(&mut self, step: &Step) {
        match step {
            Step::Transact(at, of) => self.transact(at % self.stores.len(), of).await,
            Step::Ship { link, items, skip, full } => {
                self.ship(link % self.links.len(), *items, *skip, *full).await;
            }
            Step::Late(link) => {
                let edges = self.edges();
                let (_, to, link, late) = &mut self.links[link % edges];
                let (Some(late), before) = (late.clone(), self.stores[*to].last_etag()) else {
                    return;
                };
                let items = late.items.len() as u64;
                let applied = link.apply(Incoming { epoch: link.epoch(), ..late }).await;
                assert_eq!((applied.already_present, applied.collided), (items, 0));
                assert_eq!(self.stores[*to].last_etag(), before);
            }
            Step::Reconnect(link) => {
                let edges = self.edges();
                let (from, to, link, _) = &mut self.links[link % edges];
                *link = Link::open(&self.stores[*from], &self.stores[*to]).await;
            }
        }
    }

    fn edges(&self) -> usize {
        self.links.len()
    }

    async fn transact(&mut self, at: usize, of: &[(usize, bool)]) {
        let first = self.writes;
        let body = |number: usize| format!("{}", first as usize + number + 1);
        let commands: Vec<Command> =
            of.iter()
                .enumerate()
                .map(|(number, &(document, live))| {
                    if live {
                        putting(IDS[document], &body(number))
                    } else {
                        deleting(IDS[document])
                    }
                })
                .collect();
        let written = self.stores[at].transact(commands).await.unwrap();
        for ((number, &(document, live)), written) in of.iter().enumerate().zip(written) {
            self.writes += 1;
            let document = IDS[document];
            if written.etag.is_zero() {
                assert!(self.live(at, document).is_empty(), "{document} was not deleted");
                continue;
            }
            let received = self.received[at].entry(document).or_default();
            let mut seen: BTreeSet<_> =
                received.iter().flat_map(|version| version.seen.iter().copied()).collect();
            seen.insert(self.writes);
            let body = live.then(|| body(number));
            let version = Version { write: Some(self.writes), seen, body };
            received.push(version.clone());
            let twice = self.known.insert((document, written.vector), version);
            assert_eq!(twice, None, "a vector was minted twice");
        }
        self.check(at);
    }

    async fn ship(&mut self, link: usize, items: usize, skip: bool, full: bool) -> u64 {
        let (_, to, link, last) = &mut self.links[link];
        let (to, mut batch) = (*to, link.next(items));
        for item in &batch.items {
            let version = &item.item.version;
            let document = IDS.into_iter().find(|id| *id == version.id.as_str()).unwrap();
            let Some(known) = self.known.get(&(document, version.vector.clone())) else {
                panic!("{document} has a vector that nobody gave it: {}", version.vector);
            };
            let body = match &version.content {
                Content::Document(body) => Some(text(body)),
                Content::Tombstone => None,
                other => panic!("{other:?}"),
            };
            assert_eq!(known.body, body, "{document} does not say what it said");
            self.received[to].entry(document).or_default().push(known.clone());
        }
        if skip {
            let vector = self.stores[to].vector();
            // The merge of two deletions is nobody's write: it may be covered and not be there.
            batch.items.retain(|item| {
                item.item.minted.is_none() || !vector.covers(&item.item.version.vector)
            });
        }
        if full {
            let before =
                (self.stores[to].snapshot().header().clone(), changes(&self.stores[to], 0));
            self.engines[to].fail(Fault::NoSpace);
            assert!(self.stores[to].apply(batch.clone()).await.is_err());
            let after = (self.stores[to].snapshot().header().clone(), changes(&self.stores[to], 0));
            assert_eq!(before, after);
        }
        *last = Some(batch.clone());
        let sent = batch.items.len() as u64;
        let applied = link.apply(batch).await;
        let counted =
            applied.applied + applied.already_present + applied.merged + applied.conflicted;
        assert_eq!((counted, applied.collided), (sent, 0), "every item is counted once");
        self.learn(to);
        self.check(to);
        sent
    }

    /// A deletion under a vector that no client's write gave it is the merge of those that came.
    fn learn(&mut self, at: usize) {
        for document in IDS {
            let rows = match lookup(&self.stores[at], document) {
                Lookup::Missing => continue,
                Lookup::Found(row) => vec![*row],
                Lookup::Conflict(rows) => rows,
            };
            for row in rows {
                let key = (document, row.version.vector.clone());
                if self.known.contains_key(&key) {
                    continue;
                }
                assert!(row.version.content.is_tombstone() && row.minted.is_none());
                let received = &self.received[at][document];
                let deletions = received.iter().filter(|version| version.body.is_none());
                let seen = deletions.flat_map(|version| version.seen.iter().copied()).collect();
                self.known.insert(key, Version { write: None, seen, body: None });
            }
        }
    }

    /// The bodies that a document shows.
    fn live(&self, at: usize, document: &str) -> BTreeSet<String> {
        let none = Vec::new();
        let received = self.received[at].get(document).unwrap_or(&none);
        let gone = |one: &Version| {
            received.iter().any(|other| {
                other.write != one.write && one.write.is_some_and(|it| other.seen.contains(&it))
            })
        };
        let live = received.iter().filter(|version| !gone(version));
        live.filter_map(|version| version.body.clone()).collect()
    }

    fn check(&self, at: usize) {
        let store = &self.stores[at];
        audit(&store.snapshot());
        for document in IDS {
            let all = reads(store, document);
            let shown: BTreeSet<_> = all.iter().filter(|body| *body != "†").cloned().collect();
            assert_eq!(shown, self.live(at, document), "{document} at database {}", at + 1);
            let anything = self.received[at].get(document).is_some_and(|all| !all.is_empty());
            assert_eq!(all.is_empty(), !anything, "{document} at database {}", at + 1);
        }
    }

    /// Writes have stopped: everything is sent until nothing is left, and that must end.
    async fn settle(&mut self) {
        for _ in 0..=2 * self.stores.len() + 2 {
            let mut sent = 0;
            for link in 0..self.edges() {
                sent += self.ship(link, usize::MAX, false, false).await;
            }
            if sent == 0 {
                return self.at_rest();
            }
        }
        panic!("items go to and fro for ever");
    }

    fn at_rest(&self) {
        let versions = |store: &Store, document| {
            let rows = match lookup(store, document) {
                Lookup::Missing => Vec::new(),
                Lookup::Found(row) => vec![*row],
                Lookup::Conflict(rows) => rows,
            };
            let said = rows.into_iter().map(|row| (says(&row), row.version.vector));
            said.collect::<Vec<_>>()
        };
        for (at, store) in self.stores.iter().enumerate() {
            for document in IDS {
                let first = versions(&self.stores[0], document);
                assert_eq!(versions(store, document), first, "{document} differs");
                // Nothing that was written anywhere is lost, but for what a later write had seen.
                let made = self.known.iter().filter(|((of, _), _)| *of == document);
                let made: Vec<_> = made.map(|(_, version)| version).collect();
                let gone = |write| {
                    made.iter().any(|it| it.write != Some(write) && it.seen.contains(&write))
                };
                let left: BTreeSet<_> = made
                    .iter()
                    .filter(|version| version.write.is_some_and(|write| !gone(write)))
                    .filter_map(|version| version.body.clone())
                    .collect();
                assert_eq!(self.live(at, document), left, "{document} at database {}", at + 1);
            }
            assert_eq!(store.vector(), self.stores[0].vector(), "the same was seen everywhere");
            assert_eq!(counts(store), counts(&self.stores[0]));
        }
    }
}

fn step() -> impl Strategy<Value = Step> {
    let command = (0..IDS.len(), prop::bool::weighted(0.65));
    let ship = (any::<usize>(), 1usize..4, any::<bool>(), prop::bool::weighted(0.1));
    prop_oneof![
        5 => (0usize..3, prop::collection::vec(command, 1..4))
            .prop_map(|(at, of)| Step::Transact(at, of)),
        6 => ship.prop_map(|(link, items, skip, full)| Step::Ship { link, items, skip, full }),
        1 => any::<usize>().prop_map(Step::Late),
        1 => any::<usize>().prop_map(Step::Reconnect),
    ]
}

fn run(databases: usize, edges: &[(usize, usize)], steps: &[Step]) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let mut world = World::new(databases, edges).await;
        for step in steps {
            world.carry_out(step).await;
        }
        world.settle().await;
        // Once more, from new sessions: nothing goes, nothing is written.
        let still: Vec<_> = world.stores.iter().map(Store::last_etag).collect();
        for link in 0..world.edges() {
            world.carry_out(&Step::Reconnect(link)).await;
            assert_eq!(world.ship(link, usize::MAX, false, false).await, 0);
        }
        assert_eq!(world.stores.iter().map(Store::last_etag).collect::<Vec<_>>(), still);
    });
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn two_that_copy_each_other_become_one(steps in steps()) {
        run(2, &[(0, 1), (1, 0)], &steps);
    }

    #[test]
    fn three_in_a_ring_become_one(steps in steps()) {
        run(3, &[(0, 1), (1, 2), (2, 0)], &steps);
    }

    #[test]
    fn three_that_all_copy_each_other_become_one(steps in steps()) {
        run(3, &[(0, 1), (1, 0), (1, 2), (2, 1), (2, 0), (0, 2)], &steps);
    }
}
