//! Counters and time series of databases that copy each other: what they end with is what the
//! operations say, whoever has heard of which first.
//!
//! The model knows no vectors and no segments. An operation is known to a database or is not; what
//! is there follows from the operations, and from which of them each had heard of.

use std::collections::{BTreeMap, BTreeSet};

use jackdaw_common::{Timestamp, item::series::NewEntry};
use proptest::prelude::*;

use super::super::{harness::*, local::parts::*};
use crate::{Command, Forget, Looked, Store};

const DOCUMENT: &str = "d";
const COUNTERS: [&str; 2] = ["likes", "stars"];
const SERIES: [&str; 2] = ["heat", "INC:hits"];
/// So many values that few entries fill a segment.
const WIDTH: usize = 32;
const TIMES: i64 = 48;

/// An operation, by its number.
type Op = usize;

#[derive(Clone, Debug)]
enum What {
    /// What its database has added to a counter, this included.
    Increment {
        counter: usize,
        partial: i64,
    },
    DeleteCounter {
        counter: usize,
    },
    /// What its database has put at a time; in an incremental series all that it has added there.
    Append {
        series: usize,
        time: i64,
        values: Vec<f64>,
    },
    Clear {
        series: usize,
        first: i64,
        last: i64,
    },
    DeleteDocument,
}

#[derive(Clone, Debug)]
struct Operation {
    at: usize,
    what: What,
    past: BTreeSet<Op>,
}

#[derive(Clone, Debug)]
enum Step {
    Increment { at: usize, counter: usize, delta: i64 },
    DeleteCounter { at: usize, counter: usize },
    Append { at: usize, series: usize, times: Vec<i64>, seed: u32 },
    Clear { at: usize, series: usize, first: i64, length: i64 },
    DeleteDocument { at: usize },
    Put { at: usize },
    Forget { at: usize },
    Ship { link: usize, items: usize },
    Again(usize),
}

/// What a document shows: counters by name, series by name and time.
type Shown = (BTreeMap<usize, i64>, BTreeMap<(usize, i64), u64>);

#[derive(Default)]
struct Model {
    operations: Vec<Operation>,
    /// What each database has heard of.
    known: Vec<BTreeSet<Op>>,
}

impl Model {
    fn of(&self, known: &BTreeSet<Op>) -> Vec<(Op, &Operation)> {
        known.iter().map(|op| (*op, &self.operations[*op])).collect()
    }

    /// Whether whoever knows so much knows of a deletion of the document which an operation has
    /// not heard of: it beats that.
    fn is_bygone(&self, operation: &Operation, known: &BTreeSet<Op>) -> bool {
        let mut deletions = self.of(known).into_iter();
        deletions.any(|(op, by)| {
            matches!(by.what, What::DeleteDocument) && !operation.past.contains(&op)
        })
    }

    /// Whether an operation still says something to whoever knows so much.
    fn stands(&self, op: Op, known: &BTreeSet<Op>) -> bool {
        let this = &self.operations[op];
        let operations = self.of(known).into_iter();
        let mut others = operations.filter(|(_, by)| !self.is_bygone(by, known));
        !self.is_bygone(this, known)
            && others.all(|(other, by)| match (&this.what, &by.what) {
                (What::Append { series, time, .. }, What::Clear { series: of, first, last }) => {
                    of != series || !(*first..=*last).contains(time) || this.past.contains(&other)
                }
                (What::Increment { counter, .. }, What::DeleteCounter { counter: of }) => {
                    of != counter || !by.past.contains(&op)
                }
                (What::Increment { counter, .. }, What::Increment { counter: of, .. }) => {
                    of != counter || by.at != this.at || !by.past.contains(&op)
                }
                (What::Append { series, time, .. }, What::Append { series: of, time: at, .. }) => {
                    let replaces = *series == 0 || by.at == this.at;
                    of != series || at != time || !replaces || !by.past.contains(&op)
                }
                _ => true,
            })
    }

    /// What whoever knows so much shows.
    fn shown(&self, known: &BTreeSet<Op>) -> Shown {
        let (mut counters, mut entries) = (BTreeMap::new(), BTreeMap::new());
        for (op, operation) in self.of(known) {
            if !self.stands(op, known) {
                continue;
            }
            match &operation.what {
                What::Increment { counter, partial } => {
                    *counters.entry(*counter).or_default() += partial;
                }
                What::Append { series, time, values } => {
                    let there: &mut Vec<f64> = entries.entry((*series, *time)).or_default();
                    if *series == 0 {
                        let (one, other) = (rank(values), rank(there));
                        if one > other {
                            there.clone_from(values);
                        }
                    } else {
                        add(there, values);
                    }
                }
                _ => {}
            }
        }
        (counters, entries.into_iter().map(|(at, values)| (at, digest(&values))).collect())
    }

    /// Whether a database shows something of a series within a span.
    fn shows(&self, at: usize, series: usize, first: i64, last: i64) -> bool {
        let (_, entries) = self.shown(&self.known[at]);
        entries.keys().any(|(of, time)| *of == series && (first..=last).contains(time))
    }

    /// What a database has added itself, as far as it still stands there.
    fn own(&self, at: usize, is: impl Fn(&What) -> bool) -> Option<&What> {
        let known = &self.known[at];
        let own = self.of(known).into_iter().filter(|(op, operation)| {
            operation.at == at && is(&operation.what) && self.stands(*op, known)
        });
        own.map(|(_, operation)| &operation.what).next_back()
    }

    fn record(&mut self, at: usize, what: What) {
        let past = self.known[at].clone();
        self.known[at].insert(self.operations.len());
        self.operations.push(Operation { at, what, past });
    }
}

fn rank(values: &[f64]) -> (usize, Vec<u64>) {
    (values.len(), values.iter().map(|value| value.to_bits()).collect())
}

/// Values in few digits, for whoever reads a failure.
fn digest(values: &[f64]) -> u64 {
    let (count, bits) = rank(values);
    bits.into_iter().fold(count as u64, |all, bits| all.rotate_left(7) ^ bits) % 1_000_000
}

/// Positive numbers of few bits: sums are exact in any order.
fn add(there: &mut Vec<f64>, values: &[f64]) {
    there.resize(there.len().max(values.len()), 0.0);
    there.iter_mut().zip(values).for_each(|(there, value)| *there += value);
}

fn values(seed: u32, time: i64) -> Vec<f64> {
    let mut state = u64::from(seed) << 32 | time as u64;
    let count = if seed.is_multiple_of(4) { 1 } else { WIDTH };
    let value = |_| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) % (1 << 30)) as f64 / 1_024.0
    };
    (0..count).map(value).collect()
}

struct World {
    stores: Vec<Store>,
    links: Vec<(usize, usize, Link)>,
    model: Model,
}

impl World {
    async fn new(databases: usize, edges: &[(usize, usize)]) -> Self {
        let stores: Vec<_> = (1..).take(databases).map(in_memory).collect();
        put(&stores[0], DOCUMENT, "1").await;
        let mut links = Vec::new();
        for &(from, to) in edges {
            links.push((from, to, Link::open(&stores[from], &stores[to]).await));
        }
        let known = vec![BTreeSet::new(); databases];
        let mut world = Self { stores, links, model: Model { known, ..Model::default() } };
        world.settle().await;
        world
    }

    fn is_live(&self, at: usize) -> bool {
        self.stores[at].snapshot().is_live(&id(DOCUMENT)).unwrap()
    }

    async fn write(&mut self, at: usize, command: Command, what: Vec<What>) {
        let written = one(&self.stores[at], command).await.unwrap();
        assert_eq!(written.etag.is_zero(), what.is_empty(), "{what:?}");
        let before = self.model.known[at].clone();
        for what in what {
            let past = before.clone();
            self.model.known[at].insert(self.model.operations.len());
            self.model.operations.push(Operation { at, what, past });
        }
    }

    async fn carry_out(&mut self, step: &Step) {
        let databases = self.stores.len();
        match step.clone() {
            Step::Ship { link, items } => self.ship(link % self.links.len(), items).await,
            Step::Again(link) => {
                let link = link % self.links.len();
                self.ship(link, usize::MAX).await;
                self.again(link).await;
            }
            Step::Put { at } => {
                let at = at % databases;
                put(&self.stores[at], DOCUMENT, "1").await;
            }
            Step::Forget { at } => self.forget(at % databases).await,
            Step::DeleteDocument { at } => {
                let at = at % databases;
                if !delete(&self.stores[at], DOCUMENT).await.etag.is_zero() {
                    self.model.record(at, What::DeleteDocument);
                }
            }
            Step::Increment { at, .. }
            | Step::DeleteCounter { at, .. }
            | Step::Append { at, .. }
            | Step::Clear { at, .. }
                if !self.is_live(at % databases) => {}
            Step::Increment { at, counter, delta } => {
                self.increment(at % databases, counter % COUNTERS.len(), delta).await;
            }
            Step::DeleteCounter { at, counter } => {
                self.uncount(at % databases, counter % COUNTERS.len()).await;
            }
            Step::Append { at, series, times, seed } => {
                self.append(at % databases, series % SERIES.len(), times, seed).await;
            }
            Step::Clear { at, series, first, length } => {
                self.clear(at % databases, series % SERIES.len(), first, first + length).await;
            }
        }
    }

    /// Whoever copies a database has passed what it forgets. Deletions of the document itself stay.
    async fn forget(&mut self, at: usize) {
        for link in 0..self.links.len() {
            if self.links[link].0 == at {
                self.ship(link, usize::MAX).await;
            }
        }
        let (before, after) = (Timestamp::from_micros(i64::MAX), Some(Looked::before_parts()));
        let done = self.stores[at].forget(Forget { before, after }).await.unwrap();
        assert_eq!((done.tombstones, done.trims, done.next), (0, 0, None));
    }

    async fn increment(&mut self, at: usize, counter: usize, delta: i64) {
        let is = |what: &What| match what {
            What::Increment { counter: of, .. } => *of == counter,
            _ => false,
        };
        let before = match self.model.own(at, is) {
            Some(What::Increment { partial, .. }) => *partial,
            _ => 0,
        };
        let what = What::Increment { counter, partial: before + delta };
        self.write(at, adding(DOCUMENT, COUNTERS[counter], delta), vec![what]).await;
    }

    async fn uncount(&mut self, at: usize, counter: usize) {
        let there = self.model.shown(&self.model.known[at]).0.contains_key(&counter);
        let what = there.then_some(What::DeleteCounter { counter });
        self.write(at, uncounting(DOCUMENT, COUNTERS[counter]), what.into_iter().collect()).await;
    }

    async fn clear(&mut self, at: usize, series: usize, first: i64, last: i64) {
        let there = self.model.shows(at, series, first, last);
        let what = there.then_some(What::Clear { series, first, last });
        let command = clearing(DOCUMENT, SERIES[series], span(first, last));
        self.write(at, command, what.into_iter().collect()).await;
    }

    async fn append(&mut self, at: usize, series: usize, mut times: Vec<i64>, seed: u32) {
        times.sort_unstable();
        times.dedup();
        let mut entries = Vec::new();
        let mut what = Vec::new();
        for at_time in times {
            let new = values(seed, at_time);
            entries.push(NewEntry::new(time(at_time), new.clone(), None).unwrap());
            let is = |what: &What| {
                matches!(what, What::Append { series: of, time, .. }
                if (*of, *time) == (series, at_time))
            };
            let mut values = new;
            if series == 1
                && let Some(What::Append { values: before, .. }) = self.model.own(at, is)
            {
                add(&mut values, before);
            }
            what.push(What::Append { series, time: at_time, values });
        }
        let name = series_name(SERIES[series]);
        let command = Command::Append { id: id(DOCUMENT), name, entries };
        self.write(at, command, what).await;
    }

    async fn ship(&mut self, link: usize, items: usize) {
        let (from, to, link) = &mut self.links[link];
        link.run(items).await;
        let heard = self.model.known[*from].clone();
        self.model.known[*to].extend(heard);
    }

    /// A session begins anew, from the very beginning: what came before changes nothing.
    async fn again(&mut self, link: usize) {
        let (_, to, link) = &mut self.links[link];
        let to = &self.stores[*to];
        let last = to.last_etag();
        assert_eq!(link.repeat().await, 0, "something came twice");
        assert_eq!(to.last_etag(), last);
    }

    async fn settle(&mut self) {
        for _ in 0..2 * self.stores.len() {
            for link in 0..self.links.len() {
                self.ship(link, usize::MAX).await;
            }
        }
    }

    fn check(&self, at: usize) {
        let store = &self.stores[at];
        audit(&store.snapshot());
        let mut counters = BTreeMap::new();
        let mut entries = BTreeMap::new();
        for (counter, name) in COUNTERS.iter().enumerate() {
            counters.extend(counted(store, DOCUMENT, name).map(|value| (counter, value)));
        }
        for (series, name) in SERIES.iter().enumerate() {
            for (time, values) in shown(store, DOCUMENT, name) {
                entries.insert((series, time), digest(&values));
            }
        }
        assert_eq!((counters, entries), self.model.shown(&self.model.known[at]), "at {at}");
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let at = 0usize..3;
    let which = 0usize..2;
    let step = prop_oneof![
        4 => (at.clone(), which.clone(), -5i64..100)
            .prop_map(|(at, counter, delta)| Step::Increment { at, counter, delta }),
        1 => (at.clone(), which.clone())
            .prop_map(|(at, counter)| Step::DeleteCounter { at, counter }),
        6 => (at.clone(), which.clone(), prop::collection::vec(0..TIMES, 1..20), any::<u32>())
            .prop_map(|(at, series, times, seed)| Step::Append { at, series, times, seed }),
        2 => (at.clone(), which, 0..TIMES, 0..TIMES).prop_map(|(at, series, first, length)| {
            Step::Clear { at, series, first, length }
        }),
        1 => at.clone().prop_map(|at| Step::DeleteDocument { at }),
        1 => at.clone().prop_map(|at| Step::Put { at }),
        2 => at.prop_map(|at| Step::Forget { at }),
        6 => (0usize..6, prop_oneof![1usize..4, Just(usize::MAX)])
            .prop_map(|(link, items)| Step::Ship { link, items }),
        1 => (0usize..6).prop_map(Step::Again),
    ];
    prop::collection::vec(step, 1..40)
}

fn run(databases: usize, edges: &[(usize, usize)], steps: &[Step]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut world = World::new(databases, edges).await;
        for step in steps {
            world.carry_out(step).await;
            (0..databases).for_each(|at| world.check(at));
        }
        world.settle().await;
        (0..databases).for_each(|at| world.check(at));
        let last: Vec<_> = world.stores.iter().map(Store::last_etag).collect();
        world.settle().await;
        let after: Vec<_> = world.stores.iter().map(Store::last_etag).collect();
        assert_eq!(last, after, "and then they are still");
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn a_pair_ends_alike(steps in steps()) {
        run(2, &[(0, 1), (1, 0)], &steps);
    }

    #[test]
    fn a_ring_ends_alike(steps in steps()) {
        run(3, &[(0, 1), (1, 2), (2, 0)], &steps);
    }

    #[test]
    fn a_mesh_ends_alike(steps in steps()) {
        run(3, &[(0, 1), (1, 0), (1, 2), (2, 1), (0, 2), (2, 0)], &steps);
    }
}
