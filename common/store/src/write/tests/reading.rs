//! Snapshots: lists in order, changes in order, a view that stays as it was, and news of it.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use jackdaw_common::{Etag, Item};
use proptest::prelude::*;

use super::harness::*;
use crate::{
    Lookup, Snapshot, Store,
    engine::{
        self, Direction, Engine as _, EngineError, Memory, Scan, ScanRange, Table, WriteBatch,
    },
    keys::{self, TABLES},
};

/// Ids as a list gives them, conflicts marked with their number of versions.
fn list(snapshot: &Snapshot, prefix: &str, after: Option<&str>) -> Vec<(String, usize)> {
    snapshot
        .documents(prefix, after)
        .map(|found| match found.unwrap() {
            Lookup::Found(row) => (row.version.id.key().to_owned(), 1),
            Lookup::Conflict(rows) => (rows[0].version.id.key().to_owned(), rows.len()),
            Lookup::Missing => panic!("a list of what is missing"),
        })
        .collect()
}

/// A document that is live, deleted, or in conflict.
async fn place(store: &Store, epoch: u64, document: &str, state: u8) {
    put(store, document, "1").await;
    match state {
        0 => {}
        1 => drop(delete(store, document).await),
        _ => {
            let items: Vec<Item> = (2..=state)
                .map(|n| arriving(u64::from(n), document, &vector(&[(n, 9)]), Some("2")))
                .collect();
            store.apply(batch(9, epoch, 0, items)).await.unwrap();
        }
    }
}

#[test]
fn a_list_has_live_documents_and_conflicts_in_order() {
    on_both(async |at| {
        let store = at.open(1);
        let epoch = session(&store, 9).await.epoch;
        let states =
            [("B", 0), ("a", 2), ("c/2", 3), ("c/1", 0), ("C/10", 2), ("d", 1), ("c", 0), ("É", 2)];
        for (document, state) in states {
            place(&store, epoch, document, state).await;
        }
        let snapshot = store.snapshot();
        let listed = |prefix, after| {
            let list = list(&snapshot, prefix, after);
            list.into_iter().map(|(id, versions)| format!("{id}:{versions}")).collect::<Vec<_>>()
        };
        let all = ["a:2", "b:1", "c:1", "c/1:1", "c/10:2", "c/2:3", "é:2"];
        assert_eq!(listed("", None), all);
        assert_eq!(listed("c", None), all[2..6]);
        assert_eq!(listed("c/", None), all[3..6]);
        assert_eq!(listed("c/1", None), all[3..5]);
        assert_eq!(listed("c/", Some("c/1")), all[4..6]);
        assert_eq!(listed("c/", Some("c/10")), all[5..6]);
        assert_eq!(listed("c/", Some("c/2")), all[..0]);
        // Before the prefix, and behind it.
        assert_eq!(listed("c/", Some("a")), all[3..6]);
        assert_eq!(listed("c/", Some("d")), all[..0]);
        assert_eq!(listed("", Some("c/")), all[3..]);
        assert_eq!(listed("x", None), all[..0]);
        audit(&snapshot);
    });
}

fn ids() -> impl Strategy<Value = BTreeMap<String, u8>> {
    prop::collection::btree_map("[ab/]{0,3}[ab]", 0u8..4, 0..16)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_list_is_as_in_a_map(
        states in ids(),
        prefix in "[ab/]{0,2}",
        after in prop::option::of("[ab/]{0,4}"),
        page in 1usize..4,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let store = in_memory(1);
        runtime.block_on(async {
            let epoch = session(&store, 9).await.epoch;
            for (document, state) in &states {
                place(&store, epoch, document, *state).await;
            }
        });
        let expected: Vec<_> = states
            .iter()
            .filter(|(id, state)| **state != 1 && id.starts_with(&prefix))
            .map(|(id, state)| (id.clone(), usize::from((*state).max(1))))
            .collect();
        let behind = |after: &Option<String>| {
            let after = after.as_deref();
            let behind = |id: &&(String, usize)| after.is_none_or(|after| id.0.as_str() > after);
            expected.iter().filter(behind).cloned().collect::<Vec<_>>()
        };
        let snapshot = store.snapshot();
        prop_assert_eq!(list(&snapshot, &prefix, after.as_deref()), behind(&after));

        // Page by page, each behind the last id of the one before.
        let (mut paged, mut last) = (Vec::new(), None::<String>);
        for _ in 0..expected.len() {
            let mut next = list(&snapshot, &prefix, last.as_deref());
            next.truncate(page);
            last = next.last().map(|(id, _)| id.clone()).or(last);
            paged.append(&mut next);
        }
        prop_assert_eq!(paged, expected);
    }
}

#[test]
fn changes_come_in_the_order_of_etags() {
    on_both(async |place| {
        let store = place.open(1);
        for id in ["a", "b", "c", "a", "d"] {
            put(&store, id, "1").await;
        }
        delete(&store, "b").await;
        let all: Vec<_> = changes(&store, 0).iter().map(|row| row.etag.get()).collect();
        assert_eq!(all, [3, 4, 5, 6]);
        for after in 0..8 {
            let rows: Vec<_> = changes(&store, after).iter().map(|row| row.etag.get()).collect();
            let expected: Vec<_> = all.iter().copied().filter(|etag| *etag > after).collect();
            assert_eq!(rows, expected);
        }
        let behind_all = store.snapshot();
        assert_eq!(behind_all.changes_after(Etag::MAX).count(), 0);
    });
}

#[test]
fn a_snapshot_stays_as_it_was() {
    on_both(async |place| {
        let store = place.open(1);
        let mut kept = Vec::new();
        for round in 0..5 {
            let commands =
                vec![putting("a", &round.to_string()), putting(&format!("n/{round}"), "1")];
            store.transact(commands).await.unwrap();
            kept.push(store.snapshot());
        }
        let epoch = session(&store, 2).await.epoch;
        store.apply(progress(2, epoch, 9, &vector(&[(2, 9)]))).await.unwrap();
        delete(&store, "a").await;
        for (round, snapshot) in (0u64..).zip(&kept) {
            let Lookup::Found(row) = snapshot.document(&id("a")).unwrap() else { panic!() };
            assert_eq!(says(&row), round.to_string());
            assert_eq!(snapshot.changes_after(Etag::ZERO).count() as u64, round + 2);
            assert_eq!(snapshot.header().last_etag, etag(2 * round + 2));
            assert_eq!(snapshot.cursor(source(2)).unwrap(), None);
            assert_eq!(list(snapshot, "n/", None).len() as u64, round + 1);
            audit(snapshot);
        }
        drop(kept);
    });
}

#[test]
fn whoever_waits_hears_of_every_commit() {
    on_both(async |place| {
        let store = place.open(1);
        let mut news = store.subscribe();
        assert!(!news.has_changed().unwrap());
        let first = news.borrow().commit;
        put(&store, "a", "1").await;
        // Published before the answer: who has written reads what was written.
        assert!(news.has_changed().unwrap());
        let published = news.borrow_and_update().clone();
        assert_eq!(published.commit, first + 1);
        assert_eq!((published.last_etag, &published.vector), (etag(1), &vector(&[(1, 1)])));
        assert_eq!(store.snapshot().published(), published);
        // Progress of a source raises the vector, and no etag.
        let epoch = session(&store, 2).await.epoch;
        store.apply(progress(2, epoch, 4, &vector(&[(2, 4)]))).await.unwrap();
        let published = news.borrow_and_update().clone();
        assert_eq!((published.last_etag, &published.vector), (etag(1), &vector(&[(1, 1), (2, 4)])));
        assert_eq!(store.snapshot().published(), published);
    });
}

#[tokio::test]
async fn a_damaged_row_is_not_passed_over_in_a_list() {
    let memory = Memory::new(&TABLES);
    let open = || Store::open(memory.clone(), TestClock::at(0), identity(1)).unwrap();
    let store = open();
    let epoch = session(&store, 9).await.epoch;
    for (document, state) in [("a", 0), ("b", 2), ("c", 0), ("d", 2)] {
        place(&store, epoch, document, state).await;
    }
    drop(store);
    for (table, key, at) in
        [(keys::DOCUMENTS, "a", 0), (keys::CONFLICTS, "b", 1), (keys::DOCUMENTS, "c", 2)]
    {
        let before = memory.snapshot().unwrap().get(table, key.as_bytes()).unwrap().unwrap();
        let write = |value| {
            let mut batch = WriteBatch::new();
            batch.put(table, key, value);
            memory.commit(batch).unwrap();
        };
        write("nonsense".into());
        let store = open();
        let snapshot = store.snapshot();
        let readable: Vec<_> = snapshot.documents("", None).map(|row| row.is_ok()).collect();
        let expected: Vec<_> = (0..4).map(|index| index != at).collect();
        assert_eq!(readable, expected);
        drop((snapshot, store));
        write(before);
    }
}

/// A view whose scan of one table breaks at its second row.
struct Broken {
    inner: Arc<dyn engine::Snapshot>,
    table: Table,
}

impl engine::Snapshot for Broken {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
        self.inner.get(table, key)
    }

    fn scan(&self, table: Table, range: ScanRange, direction: Direction) -> Scan<'_> {
        let scan = self.inner.scan(table, range, direction);
        if table != self.table {
            return scan;
        }
        let what = "planted fault".to_owned();
        let broken = EngineError::Corrupt { table: table.name, key: Bytes::new(), what };
        Box::new(scan.take(1).chain(std::iter::once(Err(broken))))
    }
}

/// A page that ends early must not hide that the disk could not be read: the rows behind the
/// fault are not the next ones.
#[tokio::test]
async fn a_list_says_at_once_that_it_cannot_be_read() {
    let store = in_memory(1);
    let epoch = session(&store, 9).await.epoch;
    for (document, state) in [("a", 0), ("b", 2), ("c", 0), ("d", 2), ("e", 0), ("f", 2)] {
        place(&store, epoch, document, state).await;
    }
    for (table, expected) in
        [(keys::DOCUMENTS, vec!["a", "!"]), (keys::CONFLICTS, vec!["a", "b", "!"])]
    {
        let snapshot = store.snapshot();
        let broken = Arc::new(Broken { inner: snapshot.engine(), table });
        let snapshot =
            Snapshot::new(broken, snapshot.header().clone(), 0, snapshot.epoch().clone());
        let listed: Vec<_> = snapshot
            .documents("", None)
            .take(expected.len())
            .map(|row| match row {
                Ok(Lookup::Found(row)) => row.version.id.to_string(),
                Ok(Lookup::Conflict(rows)) => rows[0].version.id.to_string(),
                Ok(Lookup::Missing) => panic!("a list of what is missing"),
                Err(_) => "!".to_owned(),
            })
            .collect();
        assert_eq!(listed, expected, "{}", table.name);
    }
}
