//! What is overwritten stays while a task needs it, and goes when it does not.

use std::sync::Arc;

use jackdaw_common::Etag;
use tokio::sync::oneshot;

use super::super::harness::*;
use crate::{
    Snapshot, Store,
    engine::Memory,
    keys::TABLES,
    write::{Collector, Intent},
};

/// The etags of all rows, and what they say.
fn rows(store: &Store) -> Vec<(u64, String)> {
    changes(store, 0).iter().map(|row| (row.etag.get(), says(row))).collect()
}

fn row(etag: u64, says: &str) -> (u64, String) {
    (etag, says.to_owned())
}

async fn stand(store: &Store, number: u64, acknowledged: u64) {
    store.stand(at(number, etag(acknowledged))).await.unwrap();
}

/// Waits until the collector has nothing left to do: an idle writer goes on by itself.
async fn until_rows(store: &Store, count: usize) {
    let mut published = store.subscribe();
    while changes(store, 0).len() > count {
        published.changed().await.unwrap();
    }
    audit(&store.snapshot());
}

#[test]
fn without_a_task_nothing_is_kept() {
    on_both(async |place| {
        let store = place.open(1);
        put(&store, "a", "1").await;
        put(&store, "a", "2").await;
        assert_eq!(rows(&store), [row(2, "2")]);
        task(&store, 1, true).await;
        put(&store, "a", "3").await;
        // Kept from the task's creation on, not what went before.
        assert_eq!(rows(&store), [row(2, "2"), row(3, "3")]);
        task(&store, 1, false).await;
        put(&store, "a", "4").await;
        until_rows(&store, 1).await;
        assert_eq!(rows(&store), [row(4, "4")]);
        assert_eq!(store.snapshot().header().history_rows, 0);
    });
}

#[test]
fn a_superseded_row_stays_until_every_task_has_passed_its_successor() {
    on_both(async |place| {
        let store = place.open(1);
        task(&store, 1, true).await;
        task(&store, 7, true).await;
        for body in ["1", "2", "3"] {
            put(&store, "a", body).await;
        }
        delete(&store, "a").await;
        let all = [row(1, "1"), row(2, "2"), row(3, "3"), row(4, "†")];
        assert_eq!(rows(&store), all);
        audit(&store.snapshot());
        stand(&store, 1, 4).await;
        stand(&store, 7, 2).await;
        // Row 1 was superseded at 2, which both have passed.
        until_rows(&store, 3).await;
        assert_eq!(rows(&store), all[1..]);
        // A task that has passed the row, but not its successor, still needs it.
        stand(&store, 7, 3).await;
        until_rows(&store, 2).await;
        assert_eq!(rows(&store), all[2..]);
        drop(store);
        // It is still known after a restart.
        let store = place.open(1);
        assert_eq!(store.snapshot().header().followers.acknowledged(7), Some(etag(3)));
        assert_eq!(rows(&store), all[2..]);
        stand(&store, 7, 4).await;
        until_rows(&store, 1).await;
        assert_eq!(rows(&store), all[3..]);
        assert_eq!(store.snapshot().header().folded_until, Etag::ZERO);
    });
}

/// A source transaction is there whole, whatever came after it (pitfall 7, invariant I8).
#[tokio::test]
async fn a_transaction_can_be_read_whole_after_it_was_overwritten() {
    let store = in_memory(1);
    task(&store, 1, true).await;
    store.transact(vec![putting("x", "x1"), putting("y", "y1")]).await.unwrap();
    store.transact(vec![putting("x", "x2"), putting("z", "z2")]).await.unwrap();
    put(&store, "y", "y3").await;
    let first: Vec<_> = changes(&store, 0).into_iter().filter(|row| row.etag <= etag(2)).collect();
    assert_eq!(first.iter().map(says).collect::<Vec<_>>(), ["x1", "y1"]);
    assert!(first.iter().all(|row| row.transaction == mark(1, 2)));
    // What leads from one to the next is there too.
    let previous: Vec<_> = changes(&store, 2).iter().map(|row| row.previous.get()).collect();
    assert_eq!(previous, [1, 0, 2]);
    audit(&store.snapshot());
}

/// What a transaction overwrites of its own was never there.
#[tokio::test]
async fn a_transaction_keeps_nothing_of_its_own() {
    let store = in_memory(1);
    task(&store, 1, true).await;
    put(&store, "x", "0").await;
    let twice = vec![putting("x", "1"), putting("x", "2"), deleting("x"), putting("x", "3")];
    store.transact(twice).await.unwrap();
    assert_eq!(rows(&store), [row(1, "0"), row(5, "3")]);
    audit(&store.snapshot());
    stand(&store, 1, 5).await;
    until_rows(&store, 1).await;
    assert_eq!(rows(&store), [row(5, "3")]);
}

/// The versions of a conflict that a write ends, and those that an arriving version supersedes.
#[test]
fn versions_of_a_conflict_are_kept_too() {
    on_both(async |place| {
        let store = place.open(1);
        task(&store, 1, true).await;
        put(&store, "x", "mine").await;
        let theirs = arriving(1, "x", &vector(&[(2, 1)]), Some("theirs"));
        let newer = arriving(2, "x", &vector(&[(2, 2)]), Some("newer"));
        receive(&store, 2, vec![theirs, newer]).await;
        assert_eq!(reads(&store, "x"), ["mine", "newer"]);
        assert_eq!(rows(&store), [row(1, "mine"), row(2, "theirs"), row(3, "newer")]);
        audit(&store.snapshot());
        put(&store, "x", "both").await;
        assert_eq!(rows(&store).len(), 4);
        audit(&store.snapshot());
        stand(&store, 1, 4).await;
        until_rows(&store, 1).await;
        assert_eq!(rows(&store), [row(4, "both")]);
    });
}

#[test]
fn a_task_that_goes_back_keeps_what_comes_after() {
    on_both(async |place| {
        let store = place.open(1);
        task(&store, 1, true).await;
        put(&store, "a", "1").await;
        put(&store, "a", "2").await;
        stand(&store, 1, 2).await;
        until_rows(&store, 1).await;
        stand(&store, 1, 0).await;
        put(&store, "a", "3").await;
        assert_eq!(rows(&store), [row(2, "2"), row(3, "3")]);
        stand(&store, 1, 3).await;
        until_rows(&store, 1).await;
    });
}

/// A store that keeps at most so many bytes of history.
fn keeping(bytes_max: u64) -> Store {
    let collector = Collector::keeping(bytes_max);
    let (engine, clock) = (Memory::new(&TABLES), TestClock::at(1));
    Store::open_collecting(engine, clock, identity(1), collector).unwrap()
}

/// Too much history: the oldest goes, and it is said up to where.
#[tokio::test]
async fn history_is_bounded() {
    let store = keeping(3_000);
    task(&store, 1, true).await;
    for number in 1..=100 {
        put(&store, "a", &format!("{number}")).await;
        put(&store, "b", &format!("{number}")).await;
    }
    let mut published = store.subscribe();
    while store.snapshot().header().history_bytes > 3_000 {
        published.changed().await.unwrap();
    }
    let snapshot = store.snapshot();
    audit(&snapshot);
    let kept = snapshot.header().history_rows;
    assert!((8..=11).contains(&kept), "{kept} rows");
    // The newest history is what is left: all from the row after which nothing was folded.
    let folded = snapshot.header().folded_until;
    assert_eq!(folded, etag(200 - kept));
    let etags: Vec<_> = changes(&store, 0).iter().map(|row| row.etag.get()).collect();
    assert_eq!(etags, (200 - kept - 1..=200).collect::<Vec<_>>());
    // Nothing that is current was lost.
    assert_eq!((reads(&store, "a"), reads(&store, "b")), (vec!["100".into()], vec!["100".into()]));
}

/// Much to collect at once goes in steps, none of which is asked for.
#[tokio::test]
async fn much_is_collected_in_steps() {
    let store = Arc::new(in_memory(1));
    task(&store, 1, true).await;
    for round in 0..3 {
        let all = (0..4_000).map(|n| putting(&format!("d{n}"), &format!("{round}"))).collect();
        store.transact(all).await.unwrap();
    }
    assert_eq!(store.snapshot().header().history_rows, 8_000);
    stand(&store, 1, 12_000).await;
    let after_one_step = store.snapshot().header().history_rows;
    assert!((1..8_000).contains(&after_one_step), "{after_one_step} left after one step");
    until_rows(&store, 4_000).await;
}

/// A writer of which nothing is asked comes to rest, wherever a task stands, also where the history
/// that is left is still needed: else its thread runs for ever, and does nothing.
///
/// Found by: a step that meets a needed row first answers that it has come nowhere.
#[tokio::test]
async fn an_idle_writer_rests_though_history_is_left() {
    for (stands, left) in [(0, 2), (3, 2), (4, 1), (5, 1), (6, 0)] {
        let memory = Memory::new(&TABLES);
        let store = opened(&memory, 1, 1);
        task(&store, 1, true).await;
        for document in ["a", "b", "c", "a", "new", "b"] {
            put(&store, document, "1").await;
        }
        drop(store);
        let mut writer = bare(&memory, 1);
        let stand = Intent::Stand(at(1, etag(stands)), oneshot::channel().0);
        writer.execute(vec![stand], |_| {}).unwrap();
        // What a driver does with an empty queue.
        let mut steps = 0;
        while writer.has_work() && steps < 10 {
            writer.execute(Vec::new(), |_| {}).unwrap();
            steps += 1;
        }
        assert!(!writer.has_work(), "no rest where the task stands at {stands}");
        let snapshot = Snapshot::inspect(&memory).unwrap().unwrap();
        assert_eq!(snapshot.header().history_rows, left, "the task stands at {stands}");
        audit(&snapshot);
    }
}
