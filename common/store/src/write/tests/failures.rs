//! What a disk can do to a database: nothing half-written, the cause told to everyone, and after
//! a full disk it goes on.

use std::{future::poll_fn, task::Poll, time::Duration};

use jackdaw_common::Etag;
use tokio::{task::JoinHandle, time::timeout};

use super::harness::*;
use crate::{
    ApplyError, OpenError, Store, StoreError, TransactError, Written,
    engine::{Engine as _, EngineError, Memory, WriteBatch},
    keys::{self, TABLES},
    tables::{changes::ChangeRow, header::Header},
};

fn open(engine: &Faulty) -> Store {
    Store::open(engine.clone(), TestClock::at(0), identity(1)).unwrap()
}

/// Whether the error is the planted fault, and not just that the database is closed.
fn planted(error: &StoreError) -> bool {
    matches!(error, StoreError::Engine(error) if matches!(**error, EngineError::Io { .. }))
}

/// Fails where a test would otherwise wait for ever.
async fn soon<T>(what: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(20), what).await.expect("it never came")
}

#[tokio::test]
async fn a_full_disk_refuses_and_then_goes_on() {
    let engine = Faulty::new();
    let store = open(&engine);
    put(&store, "there", "0").await;
    let epoch = session(&store, 2).await.epoch;
    let before = (store.snapshot().header().clone(), changes(&store, 0));
    let batch = batch(2, epoch, 0, vec![arriving(3, "x", &vector(&[(2, 3)]), Some("1"))]);

    engine.fail(Fault::NoSpace);
    let refused = one(&store, putting("there", "1")).await;
    assert!(matches!(&refused, Err(TransactError::Store(e)) if e.is_no_space()), "{refused:?}");
    engine.fail(Fault::NoSpace);
    let refused = store.apply(batch.clone()).await;
    assert!(matches!(&refused, Err(ApplyError::Store(e)) if e.is_no_space()), "{refused:?}");
    assert!(store.failed().borrow().is_none());
    assert_eq!((store.snapshot().header().clone(), changes(&store, 0)), before);
    assert_eq!(store.snapshot().cursor(source(2)).unwrap().unwrap().etag(), Etag::ZERO);
    assert_eq!(reads(&store, "there"), ["0"]);

    // Space again: the same handle goes on, and no etag was lost.
    assert_eq!(put(&store, "there", "1").await.etag, etag(2));
    let applied = store.apply(batch).await.unwrap();
    assert_eq!((applied.applied, applied.cursor), (1, etag(3)));
    assert_eq!(store.last_etag(), etag(3));
    audit(&store.snapshot());
    let after = (store.snapshot().header().clone(), changes(&store, 0));
    drop(store);
    let store = open(&engine);
    assert_eq!((store.snapshot().header().clone(), changes(&store, 0)), after);
}

/// Asks for a put, so far that it stands in the queue.
async fn ask(store: &Store, id: &str) -> JoinHandle<Result<Written, TransactError>> {
    let (store, command) = (store.clone(), putting(id, "1"));
    let asked = tokio::spawn(async move { one(&store, command).await });
    tokio::task::yield_now().await;
    asked
}

#[tokio::test]
async fn a_full_disk_refuses_the_whole_group() {
    let engine = Faulty::new();
    let store = open(&engine);
    put(&store, "there", "0").await;
    engine.hold();
    let first = ask(&store, "first").await;
    engine.until_waiting();
    let wrong = expecting(&vector(&[(1, 9)]), putting("there", "1"));
    let mismatch = {
        let store = store.clone();
        let asked = tokio::spawn(async move { one(&store, wrong).await });
        tokio::task::yield_now().await;
        asked
    };
    let second = ask(&store, "second").await;
    let third = ask(&store, "third").await;
    engine.fail(Fault::NoSpace);
    engine.fail(Fault::NoSpace);
    engine.release();
    for refused in [first, second, third] {
        let refused = refused.await.unwrap();
        assert!(matches!(&refused, Err(TransactError::Store(e)) if e.is_no_space()), "{refused:?}");
    }
    // Its own mistake is what it is told.
    let mismatch = mismatch.await.unwrap();
    assert!(matches!(mismatch, Err(TransactError::Mismatch { .. })), "{mismatch:?}");
    assert_eq!((store.last_etag(), counts(&store)), (etag(1), (1, 0, 0)));
    assert_eq!(put(&store, "second", "2").await.etag, etag(2));
    audit(&store.snapshot());
}

/// A refusal over what its own group has written is not told when that is not committed: the vector
/// it names was never durable, and is given to something else later.
#[tokio::test]
async fn a_refusal_over_what_was_not_committed_is_not_told() {
    let engine = Faulty::new();
    let store = open(&engine);
    let there = put(&store, "x", "0").await;
    engine.hold();
    let first = ask(&store, "first").await;
    engine.until_waiting();
    let ask_for = |command| {
        let store = store.clone();
        tokio::spawn(async move { one(&store, command).await })
    };
    let second = ask_for(putting("x", "1"));
    tokio::task::yield_now().await;
    let over_it = ask_for(expecting(&there.vector, putting("x", "2")));
    tokio::task::yield_now().await;
    engine.fail(Fault::NoSpace);
    engine.fail(Fault::NoSpace);
    engine.release();
    for refused in [first, second, over_it] {
        let refused = refused.await.unwrap();
        assert!(matches!(&refused, Err(TransactError::Store(e)) if e.is_no_space()), "{refused:?}");
    }
    one(&store, expecting(&there.vector, putting("x", "3"))).await.unwrap();
}

#[tokio::test]
async fn a_failed_write_is_final() {
    for fault in [Fault::Lost, Fault::Kept] {
        let engine = Faulty::new();
        let store = open(&engine);
        put(&store, "there", "0").await;
        let before = (store.snapshot().header().clone(), changes(&store, 0));
        let (mut failed, mut news) = (store.failed(), store.subscribe());
        assert!(failed.borrow().is_none());

        engine.fail(fault);
        let told = one(&store, putting("lost", "1")).await;
        assert!(matches!(&told, Err(TransactError::Store(e)) if planted(e)), "{told:?}");
        soon(failed.wait_for(Option::is_some)).await.unwrap();
        assert!(failed.borrow().as_ref().is_some_and(planted));
        // Whoever waits for news learns that none will come.
        while soon(news.changed()).await.is_ok() {}

        let tried = engine.tried();
        let told = one(&store, putting("late", "1")).await;
        assert!(matches!(&told, Err(TransactError::Store(e)) if planted(e)), "{told:?}");
        let told = store.apply(batch(2, 1, 0, Vec::new())).await;
        assert!(matches!(&told, Err(ApplyError::Store(e)) if planted(e)), "{told:?}");
        assert!(store.begin(calling(2)).await.is_err());
        assert!(store.record(Vec::new()).await.is_err());
        assert_eq!(engine.tried(), tried, "nothing reaches the engine any more");

        // Reads go on, with what was published.
        assert_eq!((store.snapshot().header().clone(), changes(&store, 0)), before);
        assert_eq!(reads(&store, "there"), ["0"]);
        drop(store);

        // Opened again it has all of the write or nothing of it.
        let store = Store::open(engine.disk(), TestClock::at(0), identity(1)).unwrap();
        let kept = fault == Fault::Kept;
        assert_eq!(reads(&store, "lost").len(), usize::from(kept));
        assert_eq!(put(&store, "next", "1").await.etag, etag(2 + u64::from(kept)));
        audit(&store.snapshot());
    }
}

/// Those in the group, those behind it and those that come too late: nobody is told less than the
/// cause.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everyone_who_waits_is_told_the_cause() {
    for _ in 0..20 {
        let engine = Faulty::new();
        let store = open(&engine);
        engine.hold();
        engine.fail(Fault::Lost);
        let asked: Vec<_> = (0..400)
            .map(|number| {
                let (store, command) = (store.clone(), putting(&format!("d/{number}"), "1"));
                tokio::spawn(async move { one(&store, command).await })
            })
            .collect();
        tokio::task::block_in_place(|| engine.until_waiting());
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        engine.release();
        for asked in asked {
            let told = asked.await.unwrap();
            assert!(matches!(&told, Err(TransactError::Store(e)) if planted(e)), "{told:?}");
        }
    }
}

/// A defect of the writer is as final as a failed sync, and told to whoever watches the database,
/// to those in its group and to those behind it.
#[tokio::test]
async fn a_panic_is_final() {
    let engine = Faulty::new();
    let store = open(&engine);
    put(&store, "there", "0").await;
    let (mut failed, mut news) = (store.failed(), store.subscribe());
    engine.hold();
    engine.fail(Fault::Panic);
    let mut asked = Vec::new();
    for number in 0..400 {
        asked.push(ask(&store, &format!("d/{number}")).await);
    }
    engine.until_waiting();
    engine.release();
    for asked in asked {
        let told = soon(asked).await.unwrap();
        assert!(matches!(told, Err(TransactError::Store(StoreError::Panicked))), "{told:?}");
    }
    let why = soon(failed.wait_for(Option::is_some)).await.unwrap().clone();
    assert!(matches!(why, Some(StoreError::Panicked)), "{why:?}");
    while soon(news.changed()).await.is_ok() {}
    let late = one(&store, putting("late", "1")).await;
    assert!(matches!(late, Err(TransactError::Store(StoreError::Panicked))), "{late:?}");
    assert_eq!(reads(&store, "there"), ["0"]);
}

/// The last clone waits for the writer without holding up what else its runtime does.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn closing_does_not_hold_up_the_runtime() {
    let engine = Faulty::new();
    let store = open(&engine);
    engine.hold();
    let asked = ask(&store, "d").await;
    tokio::task::block_in_place(|| engine.until_waiting());
    asked.abort();
    let _ = asked.await;
    let (closing, closed) = tokio::sync::oneshot::channel();
    let close = tokio::spawn(async move {
        let _ = closing.send(());
        drop(store);
    });
    soon(closed).await.unwrap();
    // Only the worker that waits for the writer could do this, if it did not step aside.
    soon(tokio::spawn(async move { engine.release() })).await.unwrap();
    soon(close).await.unwrap();
}

/// Who asked may go: what was asked is written all the same, also when the database is closed
/// right after.
#[test]
fn a_write_outlives_who_asked_for_it() {
    on_both(async |place| {
        let store = place.open(1);
        for number in 0..10 {
            // Polled once, so that it stands in the queue, and then dropped.
            let document = format!("d/{number}");
            let mut asked = Box::pin(put(&store, &document, "1"));
            poll_fn(|context| Poll::Ready(asked.as_mut().poll(context).is_ready())).await;
        }
        drop(store);
        let store = place.open(1);
        assert_eq!((counts(&store), store.last_etag()), ((10, 0, 0), etag(10)));
    });
}

#[test]
fn a_database_that_cannot_be_created_or_read_does_not_open() {
    let engine = Faulty::new();
    engine.fail(Fault::NoSpace);
    let refused = Store::open(engine.clone(), TestClock::at(0), identity(1));
    assert!(matches!(&refused, Err(OpenError::Store(error)) if error.is_no_space()));
    drop(open(&engine));

    let mut damage = WriteBatch::new();
    damage.put(keys::HEADER, keys::HEADER_KEY, "no header");
    engine.disk().commit(damage).unwrap();
    let refused = Store::open(engine, TestClock::at(0), identity(1));
    let Err(OpenError::Store(StoreError::Row { table: "header", .. })) = refused else {
        panic!("a damaged header was read");
    };
}

/// Changes rows of a memory engine behind the back of the database in it.
fn meddle(memory: &Memory, change: impl FnOnce(&mut WriteBatch)) {
    let mut batch = WriteBatch::new();
    change(&mut batch);
    memory.commit(batch).unwrap();
}

#[tokio::test]
async fn a_damaged_row_fails_what_touches_it_and_nothing_else() {
    let memory = Memory::new(&TABLES);
    let open = || Store::open(memory.clone(), TestClock::at(0), identity(1)).unwrap();
    let store = open();
    put(&store, "a", "1").await;
    put(&store, "b", "1").await;
    put(&store, "c", "1").await;
    drop(store);
    meddle(&memory, |batch| {
        batch.put(keys::DOCUMENTS, "a", "nonsense");
        batch.put(keys::CHANGES, keys::change(etag(2)), "nonsense");
    });

    let store = open();
    let damaged = |outcome: Result<(), StoreError>, at: &str, with: &[u8]| match outcome {
        Err(StoreError::Row { table, key, .. }) => assert_eq!((table, &*key), (at, with)),
        other => panic!("{other:?}"),
    };
    let snapshot = store.snapshot();
    damaged(snapshot.document(&id("a")).map(drop), "documents", b"a");
    damaged(snapshot.document(&id("b")).map(drop), "changes", &etag(2).to_be_bytes());
    let rows: Vec<_> = snapshot.changes_after(Etag::ZERO).collect();
    assert_eq!(rows.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
    assert!(snapshot.documents("", None).any(|row| row.is_err()));

    let told = store.transact(vec![putting("d", "1"), putting("a", "2")]).await;
    assert!(matches!(told, Err(TransactError::Store(StoreError::Row { .. }))), "{told:?}");
    assert!(matches!(lookup(&store, "d"), crate::Lookup::Missing));
    put(&store, "c", "2").await;
    assert_eq!(reads(&store, "c"), ["2"]);
    assert!(store.failed().borrow().is_none());
    // A damaged body is no reason to refuse its replacement.
    put(&store, "b", "2").await;
    assert_eq!(reads(&store, "b"), ["2"]);
}

#[tokio::test]
async fn a_row_that_is_missing_is_named() {
    let memory = Memory::new(&TABLES);
    let open = || Store::open(memory.clone(), TestClock::at(0), identity(1)).unwrap();
    let store = open();
    put(&store, "a", "1").await;
    drop(store);
    meddle(&memory, |batch| batch.delete(keys::CHANGES, keys::change(etag(1))));
    let store = open();
    match store.snapshot().document(&id("a")) {
        Err(StoreError::Row { table: "changes", what, .. }) => assert!(what.contains("missing")),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_last_etag_is_the_last() {
    let memory = Memory::new(&TABLES);
    let open = || Store::open(memory.clone(), TestClock::at(0), identity(1)).unwrap();
    drop(open());
    let mut header: Header = open().snapshot().header().clone();
    header.last_etag = etag(Etag::MAX.get() - 1);
    meddle(&memory, |batch| batch.put(keys::HEADER, keys::HEADER_KEY, header.encode()));

    let store = open();
    let exhausted = |told: Result<Vec<Written>, TransactError>| {
        let told = told.map(|_| ());
        assert!(matches!(told, Err(TransactError::Store(StoreError::EtagsExhausted))), "{told:?}");
    };
    exhausted(store.transact(vec![putting("a", "1"), putting("b", "1")]).await);
    assert_eq!((counts(&store), store.vector().is_empty()), ((0, 0, 0), true));
    let last: ChangeRow = {
        put(&store, "a", "1").await;
        found(&store, "a")
    };
    assert_eq!(last.etag, Etag::MAX);
    exhausted(store.transact(vec![deleting("a")]).await);
    exhausted(store.transact(vec![putting("new/", "1")]).await);
    assert_eq!((reads(&store, "a"), store.last_etag()), (vec!["1".into()], Etag::MAX));
    audit(&store.snapshot());
}
