//! One database under clients, sources and restarts: every row audited, every etag new.

use std::collections::BTreeMap;

use jackdaw_common::{Etag, Item};
use proptest::prelude::*;
use tempfile::TempDir;

use super::super::harness::*;
use crate::{Command, Incoming, Lookup, Store};

const IDS: [&str; 5] = ["a", "B", "c/1", "c/2", "d"];

#[derive(Clone, Debug)]
enum Step {
    /// A client's transaction: ids, and whether each is put.
    Transact(Vec<(usize, bool)>),
    /// A transaction of which the last command does not find what it expects.
    Fail(Vec<(usize, bool)>),
    /// A batch of source 2 or 3: ids, and what each has seen of both.
    Apply(u8, Vec<(usize, u64, u64)>),
    /// The database is closed and opened.
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let command = || (0..IDS.len(), prop::bool::weighted(0.6));
    let item = (0..IDS.len(), 0u64..6, 0u64..6);
    prop_oneof![
        6 => prop::collection::vec(command(), 0..6).prop_map(Step::Transact),
        1 => prop::collection::vec(command(), 0..6).prop_map(Step::Fail),
        6 => (2u8..4, prop::collection::vec(item, 0..6))
            .prop_map(|(n, items)| Step::Apply(n, items)),
        1 => Just(Step::Reopen),
    ]
}

fn commands(of: &[(usize, bool)]) -> Vec<Command> {
    of.iter()
        .map(|&(at, live)| if live { putting(IDS[at], "1") } else { deleting(IDS[at]) })
        .collect()
}

/// Carries out a step; answers the etags that it was told of.
async fn carry_out(store: &Store, step: &Step, cursors: &mut BTreeMap<u8, u64>) -> Vec<Etag> {
    match step {
        Step::Transact(of) => {
            let written = store.transact(commands(of)).await.unwrap();
            written.iter().map(|one| one.etag).filter(|etag| !etag.is_zero()).collect()
        }
        Step::Fail(of) => {
            let mut all = commands(of);
            all.push(expecting(&vector(&[(7, 7)]), putting("never", "1")));
            assert!(store.transact(all).await.is_err());
            Vec::new()
        }
        Step::Apply(n, items) => {
            let after = cursors.entry(*n).or_default();
            let items: Vec<Item> = (*after + 1..)
                .zip(items)
                .map(|(number, &(at, two, three))| {
                    // What it says follows from its vector: no vector stands for two contents.
                    let (seen, body) =
                        (vector(&[(2, two), (3, three + 1)]), format!("{two}-{three}"));
                    let live = (two * 3 + three) % 5 < 3;
                    arriving(number, IDS[at], &seen, live.then_some(&*body))
                })
                .collect();
            let epoch = session(store, *n).await.epoch;
            let sent = items.len() as u64;
            let batch = batch(*n, epoch, *after, items);
            *after = batch.last.get();
            let applied = store.apply(batch.clone()).await.unwrap();
            let counted =
                applied.applied + applied.already_present + applied.merged + applied.conflicted;
            assert_eq!(counted, sent, "every item is counted once");
            again(store, batch).await;
            Vec::new()
        }
        Step::Reopen => Vec::new(),
    }
}

/// The same batch a second time writes nothing.
async fn again(store: &Store, batch: Incoming) {
    let before = (store.snapshot().header().clone(), changes(store, 0));
    let applied = store.apply(batch).await.unwrap();
    assert_eq!(applied.applied + applied.merged + applied.conflicted, 0, "{applied:?}");
    assert_eq!((store.snapshot().header().clone(), changes(store, 0)), before);
}

fn run(place: Place, steps: &[Step]) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut store = place.open(1);
    let (mut last, mut cursors) = (Etag::ZERO, BTreeMap::new());
    for step in steps {
        if let Step::Reopen = step {
            let before = store.snapshot().header().clone();
            drop(store);
            store = place.open(1);
            assert_eq!(*store.snapshot().header(), before);
        }
        let given = runtime.block_on(carry_out(&store, step, &mut cursors));
        for etag in given {
            assert!(etag > last, "etag {etag} after {last}");
            last = etag;
        }
        assert!(store.last_etag() >= last);
        last = store.last_etag();
        let snapshot = store.snapshot();
        audit(&snapshot);
        for id in IDS {
            match lookup(&store, id) {
                Lookup::Missing | Lookup::Found(_) => {}
                Lookup::Conflict(rows) => assert!(rows.len() > 1),
            }
        }
    }
}

fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 1..most)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn in_memory_all_rows_fit_together(steps in steps(30)) {
        run(Place::memory(), &steps);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn on_disk_all_rows_fit_together(steps in steps(20)) {
        run(Place::Folder(TempDir::new().unwrap()), &steps);
    }
}
