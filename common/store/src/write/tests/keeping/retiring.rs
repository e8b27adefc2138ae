//! Retired incarnations: vectors get rid of them, what they wrote stays known, and what is alive is
//! not retired.

use jackdaw_common::{ChangeVector, IncarnationId, Lineage, Timestamp, lineage::Life};

use super::super::harness::*;
use crate::{Begin, BeginError, Forget, Lookup, RetireError, Store, engine::Memory, keys::TABLES};

fn incarnation(n: u8) -> IncarnationId {
    identity(n).incarnation
}

/// Source 2 has brought "a" of database 3, which is gone, "b" of its own and "c" of both.
async fn holding(store: &Store) -> u64 {
    let epoch = session(store, 2).await.epoch;
    let items = vec![
        arriving(1, "a", &vector(&[(3, 5)]), Some("1")),
        arriving(2, "b", &vector(&[(2, 2)]), Some("1")),
        arriving(3, "c", &vector(&[(2, 3), (3, 6)]), Some("1")),
    ];
    store.apply(batch(2, epoch, 0, items)).await.unwrap();
    store.apply(progress(2, epoch, 3, &vector(&[(2, 3), (3, 9)]))).await.unwrap();
    epoch
}

fn unsuitable(outcome: Result<(), RetireError>) -> &'static str {
    match outcome.unwrap_err() {
        RetireError::InUse(_) => "in use",
        RetireError::Unknown(_) => "unknown",
        RetireError::Store(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn what_is_alive_or_not_known_is_not_retired() {
    let store = in_memory(1);
    assert_eq!(unsuitable(store.retire(vec![incarnation(1)]).await), "in use");
    holding(&store).await;
    put(&store, "own", "1").await;
    let before = store.snapshot().header().clone();
    assert_eq!(unsuitable(store.retire(vec![incarnation(1)]).await), "in use");
    assert_eq!(unsuitable(store.retire(vec![incarnation(2)]).await), "in use");
    assert_eq!(unsuitable(store.retire(vec![incarnation(4)]).await), "unknown");
    // All or none.
    for other in [1, 2, 4] {
        store.retire(vec![incarnation(3), incarnation(other)]).await.unwrap_err();
    }
    assert_eq!(*store.snapshot().header(), before);
}

#[test]
fn vectors_get_rid_of_what_is_retired() {
    on_both(async |place| {
        let store = place.open(1);
        let epoch = holding(&store).await;
        assert_eq!(store.vector(), vector(&[(2, 3), (3, 9)]));
        let before = changes(&store, 0);
        store.retire(vec![incarnation(3)]).await.unwrap();
        assert_eq!(store.vector(), vector(&[(2, 3)]));
        assert_eq!(changes(&store, 0), before, "what is stored stays as it is");
        // What is new does not carry it; what is written again carries what it had.
        assert_eq!(put(&store, "new", "1").await.vector, vector(&[(1, 4), (2, 3)]));
        assert_eq!(put(&store, "a", "2").await.vector, vector(&[(1, 5), (2, 3), (3, 5)]));
        // A frontier does not bring it back, nor does an item.
        let applied =
            store.apply(progress(2, epoch, 4, &vector(&[(2, 4), (3, 12)]))).await.unwrap();
        assert_eq!(applied.vector, vector(&[(1, 5), (2, 4)]));
        let item = arriving(5, "d", &vector(&[(2, 5), (3, 12)]), Some("1"));
        store.apply(batch(2, epoch, 4, vec![item])).await.unwrap();
        assert_eq!(found(&store, "d").version.vector, vector(&[(2, 5), (3, 12)]));
        assert_eq!(put(&store, "newer", "1").await.vector, vector(&[(1, 7), (2, 4)]));
        drop(store);
        let store = place.open(1);
        assert_eq!(store.snapshot().header().origin.retired, [incarnation(3)]);
        let epoch = session(&store, 2).await.epoch;
        let applied =
            store.apply(progress(2, epoch, 6, &vector(&[(2, 6), (3, 99)]))).await.unwrap();
        assert_eq!(applied.vector, vector(&[(1, 7), (2, 6)]));
        audit(&store.snapshot());
    });
}

#[tokio::test]
async fn what_a_retired_one_wrote_is_known_and_does_not_come_back() {
    let store = in_memory(1);
    let epoch = holding(&store).await;
    store.retire(vec![incarnation(3)]).await.unwrap();
    let lost = |number| {
        vec![
            arriving(number, "lost", &vector(&[(3, 7)]), Some("1")),
            arriving(number + 1, "lost too", &vector(&[(2, 1), (3, 8)]), Some("1")),
            arriving(number + 2, "late", &vector(&[(3, 77)]), Some("1")),
        ]
    };
    let applied = store.apply(batch(2, epoch, 3, lost(4))).await.unwrap();
    assert_eq!((applied.applied, applied.already_present), (0, 3));
    assert_eq!(lookup(&store, "lost"), Lookup::Missing);
    // What somebody who is alive has added is news.
    let news = vec![arriving(7, "lost", &vector(&[(2, 7), (3, 7)]), Some("2"))];
    store.apply(batch(2, epoch, 6, news)).await.unwrap();
    assert_eq!(reads(&store, "lost"), ["2"]);
    // A deletion of what it wrote is forgotten like any other, and then it stays deleted.
    delete(&store, "a").await;
    delete(&store, "c").await;
    let all = || Forget { before: Timestamp::from_micros(i64::MAX), after: None };
    assert_eq!(store.forget(all()).await.unwrap().tombstones, 2);
    let again = vec![
        arriving(8, "a", &vector(&[(3, 5)]), Some("1")),
        arriving(9, "c", &vector(&[(2, 3), (3, 6)]), Some("1")),
    ];
    store.apply(batch(2, epoch, 7, again)).await.unwrap();
    assert_eq!((lookup(&store, "a"), lookup(&store, "c")), (Lookup::Missing, Lookup::Missing));
    audit(&store.snapshot());
}

/// Semantics 1.5.2, through the store.
#[tokio::test]
async fn a_retired_one_settles_nothing() {
    let store = in_memory(1);
    let epoch = holding(&store).await;
    // Ahead here only by what is retired: what has seen more of the living takes its place.
    let ahead = arriving(4, "c", &vector(&[(2, 4)]), Some("2"));
    store.retire(vec![incarnation(3)]).await.unwrap();
    store.apply(batch(2, epoch, 3, vec![ahead])).await.unwrap();
    assert_eq!(reads(&store, "c"), ["2"]);
    // Ahead there only by what is retired: both stay.
    let behind = arriving(5, "c", &vector(&[(2, 2), (3, 8)]), Some("3"));
    store.apply(batch(2, epoch, 4, vec![behind])).await.unwrap();
    assert_eq!(reads(&store, "c"), ["2", "3"]);
    audit(&store.snapshot());
}

#[tokio::test]
async fn a_second_time_changes_nothing() {
    let engine = Faulty::new();
    let store = Store::open(engine.clone(), TestClock::at(0), identity(1)).unwrap();
    holding(&store).await;
    store.retire(vec![incarnation(3)]).await.unwrap();
    let (tried, before) = (engine.tried(), store.snapshot().header().clone());
    store.retire(vec![incarnation(3)]).await.unwrap();
    store.retire(vec![incarnation(3), incarnation(3)]).await.unwrap();
    store.retire(Vec::new()).await.unwrap();
    assert_eq!((engine.tried(), store.snapshot().header().clone()), (tried, before));
    // Beside one that is wrong it is none either.
    assert_eq!(unsuitable(store.retire(vec![incarnation(3), incarnation(4)]).await), "unknown");
}

#[tokio::test]
async fn a_retired_source_is_refused() {
    let store = in_memory(1);
    holding(&store).await;
    store.retire(vec![incarnation(3)]).await.unwrap();
    match store.begin(calling(3)).await {
        Err(BeginError::IncarnationRetired { incarnation: it }) => assert_eq!(it, incarnation(3)),
        other => panic!("{other:?}"),
    }
    assert_eq!(store.snapshot().cursor(source(3)).unwrap(), None);
    // It was, once: what counts is what it writes under now.
    let life = |n, after| Life { incarnation: incarnation(n), after: etag(after) };
    let lineage = Lineage::from_logs(vec![life(3, 0), life(4, 5)], Vec::new()).unwrap();
    store.begin(Begin { lineage, ..calling(3) }).await.unwrap();
}

/// What a source wrote before it was restored is not over before all of it is here.
#[tokio::test]
async fn an_older_incarnation_of_a_source_is_in_use_until_it_is_passed() {
    let memory = Memory::new(&TABLES);
    let source = opened(&memory, 3, 1);
    for id in ["a", "b", "c"] {
        put(&source, id, "1").await;
    }
    drop(source);
    let another = IncarnationId::from_bytes([0xee; 16]);
    crate::declare::restored(&memory, another, None).unwrap();
    let source = opened(&memory, 3, 2);
    put(&source, "d", "1").await;
    let store = in_memory(1);
    let mut link = Link::open(&source, &store).await;
    let first = link.next(1);
    link.apply(crate::Incoming { frontier: Some(vector(&[(3, 1)])), ..first }).await;
    assert_eq!(unsuitable(store.retire(vec![incarnation(3)]).await), "in use");
    link.run(1).await;
    store.retire(vec![incarnation(3)]).await.unwrap();
    for id in ["a", "b", "c", "d"] {
        assert_eq!(reads(&store, id), ["1"]);
    }
    assert_eq!(store.vector().etag_of(incarnation(3)), etag(0));
    assert_eq!(unsuitable(store.retire(vec![another]).await), "in use");
}

/// A source that begins in the very group in which it is retired is in use.
#[tokio::test]
async fn a_source_that_begins_at_that_moment_is_in_use() {
    let engine = Faulty::new();
    let store = Store::open(engine.clone(), TestClock::at(0), identity(1)).unwrap();
    holding(&store).await;
    engine.hold();
    let (first, second, third) = (store.clone(), store.clone(), store.clone());
    let held = tokio::spawn(async move { put(&first, "own", "1").await });
    tokio::task::yield_now().await;
    engine.until_waiting();
    let began = tokio::spawn(async move { second.begin(calling(3)).await });
    tokio::task::yield_now().await;
    let retired = tokio::spawn(async move { third.retire(vec![incarnation(3)]).await });
    tokio::task::yield_now().await;
    engine.release();
    held.await.unwrap();
    began.await.unwrap().unwrap();
    assert_eq!(unsuitable(retired.await.unwrap()), "in use");
    assert_ne!(store.vector(), ChangeVector::empty());
}
