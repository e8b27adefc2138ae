//! Deletions are forgotten when nobody needs them, not before (invariant I16).

use jackdaw_common::{ChangeVector, Etag, Timestamp};

use super::super::harness::*;
use crate::{Begin, Forget, Store};

/// Forgets everything that may go of what was committed before a time; answers how many.
async fn forget(store: &Store, before: i64) -> u64 {
    let (mut gone, mut after) = (0, None);
    loop {
        let step = Forget { before: Timestamp::from_micros(before), after };
        let done = store.forget(step).await.unwrap();
        gone += done.tombstones;
        after = done.next;
        if after.is_none() {
            audit(&store.snapshot());
            return gone;
        }
    }
}

fn floor(store: &Store) -> u64 {
    store.snapshot().header().tombstone_floor.get()
}

const LATER: i64 = i64::MAX;

#[test]
fn a_deletion_that_nobody_needs_is_forgotten() {
    on_both(async |place| {
        let store = place.open(1);
        for id in ["a", "b", "c"] {
            put(&store, id, "1").await;
        }
        delete(&store, "a").await;
        delete(&store, "b").await;
        assert_eq!(counts(&store), (1, 2, 0));
        assert_eq!(forget(&store, LATER).await, 2);
        assert_eq!((counts(&store), floor(&store)), ((1, 0, 0), 5));
        assert_eq!(changes(&store, 0).len(), 1);
        drop(store);
        let store = place.open(1);
        assert_eq!((counts(&store), floor(&store)), ((1, 0, 0), 5));
        assert_eq!(forget(&store, LATER).await, 0);
        // A document of that id is a new one.
        put(&store, "a", "2").await;
        assert_eq!(reads(&store, "a"), ["2"]);
    });
}

/// Also by a task that is disabled: it follows from its creation to its deletion.
#[tokio::test]
async fn a_deletion_that_a_task_has_not_passed_stays() {
    let store = in_memory(1);
    task(&store, 1, true).await;
    task(&store, 2, true).await;
    put(&store, "a", "1").await;
    delete(&store, "a").await;
    put(&store, "b", "1").await;
    delete(&store, "b").await;
    assert_eq!(forget(&store, LATER).await, 0);
    store.stand(at(1, etag(4))).await.unwrap();
    assert_eq!(forget(&store, LATER).await, 0);
    assert_eq!(store.stand(at(2, etag(2))).await.unwrap().tombstone_floor, etag(0));
    assert_eq!((forget(&store, LATER).await, floor(&store)), (1, 2));
    assert_eq!(store.stand(at(2, etag(3))).await.unwrap().tombstone_floor, etag(2));
    assert_eq!(forget(&store, LATER).await, 0);
    task(&store, 2, false).await;
    assert_eq!((forget(&store, LATER).await, floor(&store)), (1, 4));
}

/// What was never written has nobody passed.
#[tokio::test]
async fn a_destination_that_claims_more_than_there_is_is_not_believed() {
    let store = in_memory(1);
    task(&store, 1, true).await;
    put(&store, "a", "1").await;
    delete(&store, "a").await;
    for claimed in [etag(3), Etag::MAX] {
        let refused = store.stand(at(1, claimed)).await.unwrap_err();
        assert!(refused.to_string().contains("the last one is 2"), "{refused}");
    }
    assert_eq!((forget(&store, LATER).await, floor(&store)), (0, 0));
    store.stand(at(1, etag(2))).await.unwrap();
    assert_eq!(forget(&store, LATER).await, 1);
}

#[tokio::test]
async fn a_young_deletion_stays() {
    let clock = TestClock::at(1_000);
    let store = Place::memory().open_at(1, clock.clone());
    put(&store, "a", "1").await;
    put(&store, "b", "1").await;
    clock.set(2_000);
    delete(&store, "a").await;
    clock.set(3_000);
    delete(&store, "b").await;
    assert_eq!(forget(&store, 2_000).await, 0);
    assert_eq!(forget(&store, 3_000).await, 1);
    assert_eq!(reads(&store, "b"), ["†"]);
}

/// What the database vector does not cover could come back as something new (pitfall 10).
#[test]
fn a_deletion_that_the_vector_does_not_cover_stays() {
    on_both(async |place| {
        let store = place.open(1);
        let epoch = session(&store, 2).await.epoch;
        let deleted = arriving(2, "x", &vector(&[(2, 2)]), None);
        store.apply(batch(2, epoch, 0, vec![deleted])).await.unwrap();
        assert_eq!(forget(&store, LATER).await, 0);
        store.apply(progress(2, epoch, 2, &vector(&[(2, 2)]))).await.unwrap();
        assert_eq!(forget(&store, LATER).await, 1);
        // An old version comes again: it is known.
        let old = arriving(3, "x", &vector(&[(2, 1)]), Some("old"));
        let applied = store.apply(batch(2, epoch, 2, vec![old])).await.unwrap();
        assert_eq!((applied.applied, applied.already_present), (0, 1));
        assert!(reads(&store, "x").is_empty());
    });
}

/// Many go in bounded steps.
#[tokio::test]
async fn many_are_forgotten_in_steps() {
    let store = in_memory(1);
    let all = |step: fn(&str) -> _| (0..5_000).map(move |n| step(&format!("d{n}"))).collect();
    store.transact(all(|id| putting(id, "1"))).await.unwrap();
    store.transact(all(deleting)).await.unwrap();
    let first = Forget { before: Timestamp::from_micros(LATER), after: None };
    let done = store.forget(first).await.unwrap();
    assert!(done.tombstones < 5_000 && done.next.is_some(), "{done:?}");
    assert_eq!(done.tombstones + forget(&store, LATER).await, 5_000);
}

/// A destination that never received from a source and holds nothing of it needs no deletions; one
/// that holds something of it from elsewhere may hold what was deleted there (handshake rule 9).
#[tokio::test]
async fn a_destination_that_holds_something_of_the_source_needs_its_deletions() {
    let store = in_memory(1);
    let calling = |vector: &ChangeVector| Begin {
        tombstone_floor: etag(9),
        vector: vector.clone(),
        ..calling(2)
    };
    put(&store, "mine", "1").await;
    let seen = vector(&[(2, 20), (3, 5)]);
    // What the source has not seen it cannot have deleted.
    store.begin(calling(&seen)).await.unwrap();
    let newer = arriving(1, "x", &vector(&[(3, 6)]), Some("newer"));
    receive(&store, 3, vec![newer]).await;
    store.begin(calling(&seen)).await.unwrap();
    let known = arriving(2, "y", &vector(&[(3, 5)]), Some("known"));
    receive(&store, 3, vec![known]).await;
    let reconciles = async || {
        let begun = store.begin(calling(&seen)).await.unwrap();
        begun.reconcile_after.is_some()
    };
    assert!(reconciles().await);
    // As one of several versions too.
    delete(&store, "y").await;
    assert!(!reconciles().await);
    let concurrent = arriving(3, "mine", &vector(&[(3, 4)]), Some("concurrent"));
    receive(&store, 3, vec![concurrent]).await;
    assert_eq!(counts(&store).2, 1);
    assert!(reconciles().await);
}
