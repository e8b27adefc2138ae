//! Revisions of databases that copy each other: whatever was kept and nobody removed is everywhere
//! in the end, once, and nothing else is; documents are never what they were.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jackdaw_common::{ChangeVector, item::RevisionsRule};
use proptest::prelude::*;

use super::super::{harness::*, local::revisions::*};
use crate::Store;

const DOCUMENTS: [&str; 2] = ["d", "e"];

#[derive(Clone, Debug)]
enum Step {
    Put { at: usize, document: usize },
    Delete { at: usize, document: usize },
    Configure { at: usize, rule: Option<RevisionsRule> },
    Enforce { at: usize },
    Ship { link: usize, items: usize },
    Again(usize),
}

/// A revision: its document, and its vector.
type Kept = (usize, ChangeVector);

struct World {
    stores: Vec<Store>,
    links: Vec<(usize, usize, Link)>,
    clock: Arc<TestClock>,
    now: i64,
    /// All that was ever a revision somewhere.
    kept: BTreeSet<Kept>,
    /// What a database has removed by itself.
    removed: BTreeSet<Kept>,
    /// What each database had when it was looked at last, and who keeps it.
    shown: Vec<BTreeMap<Kept, ChangeVector>>,
}

impl World {
    async fn new(databases: usize, edges: &[(usize, usize)]) -> Self {
        let clock = TestClock::at(1_000_000);
        let stores: Vec<_> =
            (1..=3).take(databases).map(|n| Place::memory().open_at(n, clock.clone())).collect();
        let mut links = Vec::new();
        for (from, to) in edges {
            links.push((*from, *to, Link::open(&stores[*from], &stores[*to]).await));
        }
        let shown = vec![BTreeMap::new(); databases];
        let (kept, removed) = (BTreeSet::new(), BTreeSet::new());
        Self { stores, links, clock, now: 1_000_000, kept, removed, shown }
    }

    fn revisions(&self, at: usize) -> BTreeMap<Kept, ChangeVector> {
        let snapshot = self.stores[at].snapshot();
        audit(&snapshot);
        let mut all = BTreeMap::new();
        for (number, document) in DOCUMENTS.iter().enumerate() {
            for entry in snapshot.revisions(&id(document), None) {
                let revision = entry.unwrap().1;
                let before = all.insert((number, revision.vector), revision.by);
                assert!(before.is_none(), "twice");
            }
        }
        all
    }

    /// Notes what a step has done at one database, to which something came or not.
    fn note(&mut self, at: usize, came: bool) {
        let now = self.revisions(at);
        let incarnation = identity(u8::try_from(at).unwrap() + 1).incarnation;
        for (gone, by) in &self.shown[at] {
            if now.contains_key(gone) {
                continue;
            }
            // A destination removes by its own rule what it alone has kept.
            let own = by.len() == 1 && !by.etag_of(incarnation).is_zero();
            let removed = !came || own || self.removed.contains(gone);
            assert!(removed, "{gone:?} went without being removed");
            self.removed.insert(gone.clone());
        }
        // A destination may keep by its own rule what nobody else does.
        self.kept.extend(now.keys().cloned());
        self.shown[at] = now;
    }

    async fn carry_out(&mut self, step: Step) {
        self.now += 10;
        self.clock.set(self.now);
        let databases = self.stores.len();
        match step {
            Step::Put { at, document } => {
                let at = at % databases;
                put(&self.stores[at], DOCUMENTS[document], &format!("{}", self.now)).await;
                self.note(at, false);
            }
            Step::Delete { at, document } => {
                let at = at % databases;
                delete(&self.stores[at], DOCUMENTS[document]).await;
                self.note(at, false);
            }
            Step::Configure { at, rule } => configure(&self.stores[at % databases], rule).await,
            Step::Enforce { at } => {
                let at = at % databases;
                enforce(&self.stores[at]).await;
                self.note(at, false);
            }
            Step::Ship { link, items } => self.ship(link % self.links.len(), items).await,
            Step::Again(link) => self.again(link % self.links.len()).await,
        }
    }

    /// One batch.
    async fn ship(&mut self, link: usize, items: usize) {
        let (_, to, link) = &mut self.links[link];
        let (to, next) = (*to, link.next(items));
        link.apply(next).await;
        self.note(to, true);
    }

    /// A session begins anew, from the very beginning: what came before changes nothing.
    async fn again(&mut self, at: usize) {
        let (_, to, link) = &mut self.links[at];
        let to = *to;
        link.run(usize::MAX).await;
        self.note(to, true);
        let last = self.stores[to].last_etag();
        assert_eq!(self.links[at].2.repeat().await, 0, "something came twice");
        assert_eq!(self.stores[to].last_etag(), last);
    }

    async fn settle(&mut self) {
        for _ in 0..2 * self.stores.len() {
            for link in 0..self.links.len() {
                self.ship(link, usize::MAX).await;
            }
        }
    }
}

fn rules() -> impl Strategy<Value = Option<RevisionsRule>> {
    prop_oneof![
        1 => Just(None),
        3 => Just(Some(all())),
        2 => (1..4_u64).prop_map(|count| Some(newest(count))),
        1 => Just(Some(purging())),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let at = 0usize..3;
    let document = 0usize..2;
    let step = prop_oneof![
        6 => (at.clone(), document.clone()).prop_map(|(at, document)| Step::Put { at, document }),
        2 => (at.clone(), document).prop_map(|(at, document)| Step::Delete { at, document }),
        2 => (at.clone(), rules()).prop_map(|(at, rule)| Step::Configure { at, rule }),
        1 => at.prop_map(|at| Step::Enforce { at }),
        8 => (0usize..6, prop_oneof![1usize..4, Just(usize::MAX)])
            .prop_map(|(link, items)| Step::Ship { link, items }),
        1 => (0usize..6).prop_map(Step::Again),
    ];
    prop::collection::vec(step, 1..40)
}

fn run(
    databases: usize,
    edges: &[(usize, usize)],
    rules: &[Option<RevisionsRule>],
    steps: &[Step],
) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut world = World::new(databases, edges).await;
        for (store, rule) in world.stores.iter().zip(rules) {
            configure(store, rule.clone()).await;
        }
        for step in steps {
            world.carry_out(step.clone()).await;
        }
        world.settle().await;
        let keys = |world: &World, at| world.revisions(at).into_keys().collect::<BTreeSet<_>>();
        let all = keys(&world, 0);
        let documents = |store: &Store| DOCUMENTS.map(|document| reads(store, document));
        for at in 1..databases {
            assert_eq!(keys(&world, at), all, "at 0 and {at}");
            assert_eq!(documents(&world.stores[at]), documents(&world.stores[0]));
        }
        // What two keep by themselves stays where only one of them has removed it.
        let unremoved: BTreeSet<_> = world.kept.difference(&world.removed).cloned().collect();
        assert!(all.is_superset(&unremoved), "lost: {:?}", unremoved.difference(&all));
        assert!(world.kept.is_superset(&all), "made of nothing: {:?}", all.difference(&world.kept));
        let last: Vec<_> = world.stores.iter().map(Store::last_etag).collect();
        world.settle().await;
        let after: Vec<_> = world.stores.iter().map(Store::last_etag).collect();
        assert_eq!(last, after, "and then they are still");
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn a_pair_keeps_alike(rules in prop::collection::vec(rules(), 2), steps in steps()) {
        run(2, &[(0, 1), (1, 0)], &rules, &steps);
    }

    #[test]
    fn a_ring_keeps_alike(rules in prop::collection::vec(rules(), 3), steps in steps()) {
        run(3, &[(0, 1), (1, 2), (2, 0)], &rules, &steps);
    }

    #[test]
    fn a_mesh_keeps_alike(rules in prop::collection::vec(rules(), 3), steps in steps()) {
        run(3, &[(0, 1), (1, 0), (1, 2), (2, 1), (0, 2), (2, 0)], &rules, &steps);
    }
}
