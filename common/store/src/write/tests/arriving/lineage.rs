//! Runs and incarnations: when they begin, and how a source that went back is found out
//! (pitfalls 1 to 3, between two databases).

use jackdaw_common::{
    ChangeVector, Entry, Etag, IncarnationId, RunId, Timestamp,
    limits::{CHANGE_VECTOR_ENTRIES_MAX, RUN_MILLIS_MAX},
    lineage::{Fork, Life, Run},
};

use super::super::harness::*;
use crate::{
    ApplyError, Begin, BeginError, Forget, Incoming, Record, RecordKind, Session, Store, declare,
    engine::Memory, keys::TABLES,
};

/// The runs of a database: the byte of the id, and the first etag.
fn runs(store: &Store) -> Vec<(u8, u64)> {
    let snapshot = store.snapshot();
    let runs = snapshot.header().lineage().runs().iter();
    runs.map(|run| (run.id.as_bytes()[0], run.first.get())).collect()
}

/// A commit that writes no change.
async fn record(store: &Store, key: u8) {
    let record = Record {
        kind: RecordKind::ConnectionString,
        key: vec![key].into(),
        expected: None,
        value: Some("there".into()),
    };
    store.record(vec![record]).await.unwrap();
}

#[test]
fn a_run_begins_with_the_first_change_of_an_opening() {
    on_both(async |place| {
        let open = |run| place.open_with(running(1, run), TestClock::at(0));
        let store = open(1);
        assert_eq!(runs(&store), []);
        // Neither a record nor a session nor what a source has seen is a change.
        record(&store, 1).await;
        let epoch = session(&store, 2).await.epoch;
        store.apply(progress(2, epoch, 7, &vector(&[(2, 7)]))).await.unwrap();
        assert_eq!(runs(&store), []);
        put(&store, "a", "1").await;
        put(&store, "b", "1").await;
        assert_eq!(runs(&store), [(1, 1)]);
        drop(store);
        let store = open(2);
        record(&store, 2).await;
        assert_eq!(runs(&store), [(1, 1)]);
        // What another database wrote is a change here.
        let epoch = session(&store, 2).await.epoch;
        let item = arriving(8, "c", &vector(&[(2, 8)]), Some("1"));
        store.apply(batch(2, epoch, 7, vec![item])).await.unwrap();
        assert_eq!(runs(&store), [(1, 1), (2, 3)]);
        drop(store);
        // The same run goes on.
        let store = open(2);
        put(&store, "d", "1").await;
        assert_eq!(runs(&store), [(1, 1), (2, 3)]);
        drop(store);
        assert_eq!(runs(&open(3)), [(1, 1), (2, 3)]);
    });
}

#[tokio::test]
async fn what_is_refused_begins_no_run() {
    let engine = Faulty::new();
    let store = Store::open(engine.clone(), TestClock::at(0), running(1, 1)).unwrap();
    let wrong = vector(&[(1, 77)]);
    let refused = vec![putting("a", "1"), expecting(&wrong, putting("b", "1"))];
    store.transact(refused).await.unwrap_err();
    assert_eq!(runs(&store), []);
    engine.fail(Fault::NoSpace);
    one(&store, putting("a", "1")).await.unwrap_err();
    assert_eq!(runs(&store), []);
    let last = Store::open(engine.disk(), TestClock::at(0), running(1, 9)).unwrap();
    assert_eq!(runs(&last), []);
    drop(last);
    // Beside one that succeeds, in one group.
    engine.hold();
    let transact = |commands| {
        let store = store.clone();
        tokio::spawn(async move { store.transact(commands).await })
    };
    let first = transact(vec![deleting("nothing")]);
    let refused = transact(vec![putting("a", "1"), expecting(&wrong, putting("b", "1"))]);
    let kept = transact(vec![putting("c", "1"), putting("c", "2")]);
    tokio::task::yield_now().await;
    engine.release();
    first.await.unwrap().unwrap();
    refused.await.unwrap().unwrap_err();
    kept.await.unwrap().unwrap();
    assert_eq!(runs(&store), [(1, 1)]);
    // The run is on the disk with the change.
    let again = Store::open(engine.disk(), TestClock::at(0), running(1, 9)).unwrap();
    assert_eq!(runs(&again), [(1, 1)]);
    audit(&again.snapshot());
}

#[tokio::test]
async fn another_run_begins_now_and_then() {
    let clock = TestClock::at(5);
    let memory = Memory::new(&TABLES);
    let place = Place::Memory(memory.clone());
    let store = place.open_with(running(1, 1), clock.clone());
    let length = i64::try_from(RUN_MILLIS_MAX * 1_000).unwrap();
    put(&store, "a", "1").await;
    clock.set(5 + length - 1);
    put(&store, "a", "2").await;
    assert_eq!(runs(&store), [(1, 1)]);
    clock.set(5 + length);
    record(&store, 1).await;
    assert_eq!(runs(&store), [(1, 1)]);
    put(&store, "a", "3").await;
    clock.set(5 + 2 * length);
    // A clock that is set back begins none.
    put(&store, "a", "4").await;
    clock.set(0);
    put(&store, "a", "5").await;
    let snapshot = store.snapshot();
    let all = snapshot.header().lineage().runs();
    let firsts: Vec<_> = all.iter().map(|run| run.first.get()).collect();
    assert_eq!(firsts, [1, 3, 4]);
    let mut ids: Vec<_> = all.iter().map(|run| run.id).collect();
    ids.push(RunId::NONE);
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 4);
    // A destination goes on across them.
    let destination = in_memory(2);
    copy(&store, &destination).await;
    clock.set(5 + 3 * length);
    put(&store, "a", "6").await;
    assert_eq!(bring(&store, &destination).await.unwrap().1, 1);
}

/// A source at etag 10, and its disk as it was at etag 8: "a" is of 3, "x" was written once more at
/// 9, "lost" at 10. The destination has all of it.
async fn went_back() -> (Memory, Memory, Store) {
    let memory = Memory::new(&TABLES);
    let source = opened(&memory, 1, 1);
    for number in 0..7 {
        put(&source, ["a", "b", "c"][number % 3], &number.to_string()).await;
    }
    put(&source, "x", "common").await;
    let before = copied(&memory);
    put(&source, "x", "lost").await;
    put(&source, "lost", "lost").await;
    let destination = in_memory(2);
    copy(&source, &destination).await;
    assert_eq!(destination.vector(), vector(&[(1, 10)]));
    (memory, before, destination)
}

fn another() -> IncarnationId {
    IncarnationId::from_bytes([0xee; 16])
}

fn of_another(number: u64) -> Entry {
    Entry { incarnation: another(), etag: etag(number) }
}

/// Found by: `declare::restored` does not change the incarnation that the header carries.
#[tokio::test]
async fn pitfall_1_restore_then_write() {
    let (_, before, destination) = went_back().await;
    declare::restored(&before, another(), None).unwrap();
    let source = opened(&before, 1, 2);
    // One below what the destination has seen of the old incarnation, and one on an older version.
    let written = put(&source, "a", "new").await;
    assert_eq!((written.etag, source.incarnation()), (etag(9), another()));
    assert_eq!(
        written.vector,
        vector(&[(1, 8)]).merge(&ChangeVector::from_entries([of_another(9)]))
    );
    put(&source, "x", "new").await;
    let (session, sent) = bring(&source, &destination).await.unwrap();
    assert_eq!((session.went_back_from, session.cursor, sent), (Some(etag(10)), etag(8), 2));
    assert_eq!(reads(&destination, "a"), ["new"]);
    assert_eq!(reads(&destination, "x"), ["lost", "new"]);
    assert_eq!(reads(&destination, "lost"), ["lost"]);
    audit(&destination.snapshot());
}

/// Found by: a declared restore is judged by whether the cursor lies beyond the incarnation's end.
#[tokio::test]
async fn pitfall_2_proper_restore_refused() {
    let (_, before, destination) = went_back().await;
    declare::restored(&before, another(), None).unwrap();
    let source = opened(&before, 1, 2);
    let life = |incarnation, after| Life { incarnation, after: etag(after) };
    let lives = [life(identity(1).incarnation, 0), life(another(), 8)];
    assert_eq!(source.snapshot().header().lineage().lives(), lives);
    let cursor = destination.snapshot().cursor(source.database_id()).unwrap().unwrap();
    assert_eq!(cursor.etag(), etag(10));
    let began = destination.begin(offer(&source)).await.unwrap();
    let place = (began.cursor, began.went_back_from, began.reconcile_after);
    assert_eq!(place, (etag(8), Some(etag(10)), None));
    // It is written down: the next session is an ordinary one, and the place is not left again.
    let began = destination.begin(offer(&source)).await.unwrap();
    assert_eq!((began.cursor, began.went_back_from), (etag(8), None));
    for (number, last) in [(1, 9), (2, 10), (3, 11)] {
        put(&source, "b", &format!("new {number}")).await;
        let (began, sent) = bring(&source, &destination).await.unwrap();
        assert_eq!((began.cursor, began.went_back_from, sent), (etag(last - 1), None, 1));
    }
    assert_eq!(reads(&destination, "b"), ["new 3"]);
}

fn forked(outcome: Result<Session, BeginError>) -> Fork {
    match outcome {
        Err(BeginError::SourceForked(fork)) => fork,
        other => panic!("{other:?}"),
    }
}

/// Found by: only the last etag is compared with the cursor, runs are not.
#[tokio::test]
async fn pitfall_3_went_back_and_wrote_past() {
    let (_, before, destination) = went_back().await;
    let source = opened(&before, 1, 2);
    let held = (destination.snapshot().header().clone(), changes(&destination, 0));
    let cursor = destination.snapshot().cursor(source.database_id()).unwrap();
    let behind = Fork::Behind { last: etag(8), received: etag(10) };
    assert_eq!(forked(destination.begin(offer(&source)).await), behind);
    for number in 9..14 {
        put(&source, "x", &format!("other {number}")).await;
        let fork = forked(destination.begin(offer(&source)).await);
        let other = Fork::OtherRun { received: etag(10), common: Some(etag(8)) };
        let behind = Fork::Behind { last: etag(number), received: etag(10) };
        assert_eq!(fork, if number < 10 { behind } else { other });
    }
    put(&source, "y", "other").await;
    // Nothing was written at the destination: neither rows nor the cursor nor an epoch.
    assert_eq!((destination.snapshot().header().clone(), changes(&destination, 0)), held);
    assert_eq!(destination.snapshot().cursor(source.database_id()).unwrap(), cursor);
    drop(source);
    // The remedy that is named.
    let declared = declare::restored(&before, another(), Some(etag(8))).unwrap();
    assert_eq!((declared.common, declared.last, declared.reissued), (etag(8), etag(14), 2));
    let source = opened(&before, 1, 3);
    let (began, sent) = bring(&source, &destination).await.unwrap();
    assert_eq!((began.went_back_from, began.cursor, sent), (Some(etag(10)), etag(8), 2));
    assert_eq!(reads(&destination, "x"), ["lost", "other 13"]);
    assert_eq!(reads(&destination, "y"), ["other"]);
    assert_eq!(reads(&destination, "lost"), ["lost"]);
}

/// Found by: the newest run that was accepted is not asked for.
#[tokio::test]
async fn pitfall_3_a_copy_started_while_the_original_is_off() {
    let (original, _, destination) = went_back().await;
    let copy_of_it = copied(&original);
    let source = opened(&copy_of_it, 1, 2);
    put(&source, "y", "copy").await;
    // Accepted, and nothing sent yet: the destination has nothing that the original has not.
    let began = destination.begin(offer(&source)).await.unwrap();
    assert_eq!(began.cursor, etag(10));
    let source = opened(&original, 1, 3);
    let fork = forked(destination.begin(offer(&source)).await);
    assert_eq!(fork, Fork::OtherRun { received: etag(10), common: None });
    put(&source, "y", "original").await;
    let fork = forked(destination.begin(offer(&source)).await);
    assert_eq!(fork, Fork::OtherRun { received: etag(10), common: Some(etag(10)) });
    drop(source);
    // One of them is declared to be the copy, and both sides' versions are there.
    declare::restored(&original, another(), Some(etag(10))).unwrap();
    let copied = opened(&copy_of_it, 1, 4);
    assert_eq!(bring(&copied, &destination).await.unwrap().1, 1);
    let source = opened(&original, 1, 5);
    assert_eq!(bring(&source, &destination).await.unwrap().0.cursor, etag(10));
    assert_eq!(reads(&destination, "y"), ["copy", "original"]);
    // The copy's place is taken.
    let old = Fork::OldIncarnation { offered: identity(1).incarnation, known: another() };
    assert_eq!(forked(destination.begin(offer(&copied)).await), old);
}

#[tokio::test]
async fn a_restore_declared_at_a_later_point_than_it_went_back_to_is_refused() {
    let (_, before, destination) = went_back().await;
    let source = opened(&before, 1, 2);
    put(&source, "y", "other").await;
    drop(source);
    // It went back to 8, not to 9: what is at 9 would never be sent.
    declare::restored(&before, another(), Some(etag(9))).unwrap();
    let source = opened(&before, 1, 3);
    let fork = forked(destination.begin(offer(&source)).await);
    assert_eq!(fork, Fork::OtherRun { received: etag(9), common: Some(etag(8)) });
}

#[test]
fn who_the_source_was_survives_a_restart() {
    on_both(async |place| {
        let destination = place.open(2);
        let memory = Memory::new(&TABLES);
        let source = opened(&memory, 1, 1);
        put(&source, "a", "1").await;
        copy(&source, &destination).await;
        drop(destination);
        let destination = place.open(2);
        let cursor = destination.snapshot().cursor(source.database_id()).unwrap().unwrap();
        let position = cursor.position;
        let run = Run { id: RunId::from_bytes([1; 16]), first: etag(1) };
        assert_eq!((position.run, position.newest_run), (run.id, run.id));
        assert_eq!(
            position.lives,
            [Life { incarnation: identity(1).incarnation, after: Etag::ZERO }]
        );
        drop(source);
        declare::restored(&memory, another(), None).unwrap();
        let source = opened(&memory, 1, 2);
        assert_eq!(source.snapshot().header().lineage().runs(), [run]);
        let began = destination.begin(offer(&source)).await.unwrap();
        assert_eq!((began.cursor, began.went_back_from), (etag(1), Some(etag(1))));
    });
}

/// What the source superseded before a batch ended was left out of it, and is what a copy made
/// earlier holds: a destination that was in the middle of a scan begins again behind the last whole
/// point.
///
/// Found by: `Cursor::go_back` stops at what is common.
#[tokio::test]
async fn a_restore_in_the_middle_of_a_scan_leaves_nothing_out() {
    let (memory, destination) = (Memory::new(&TABLES), in_memory(2));
    let source = opened(&memory, 1, 1);
    put(&source, "c", "1").await;
    let before = copied(&memory);
    put(&source, "b", "2").await;
    delete(&source, "c").await;
    let mut link = Link::open(&source, &destination).await;
    let first = link.next(1);
    assert_eq!((first.last, first.items.len(), first.frontier.is_none()), (etag(2), 1, true));
    link.apply(first).await;
    drop(source);
    declare::restored(&before, another(), None).unwrap();
    let source = opened(&before, 1, 2);
    let (session, sent) = bring(&source, &destination).await.unwrap();
    assert_eq!((session.went_back_from, session.cursor, sent), (Some(etag(2)), etag(0), 1));
    assert_eq!(reads(&destination, "c"), ["1"]);
}

/// A node in the middle of a chain went back behind a document that its source has deleted and
/// forgotten meanwhile: it never hears of the deletion, and the node behind it must all the same.
///
/// Found by: `Cursor::go_back` forgets what was received.
#[tokio::test]
async fn what_was_forgotten_before_a_middle_node_went_back_goes_behind_it_too() {
    let (head, end, memory) = (in_memory(1), in_memory(3), Memory::new(&TABLES));
    let middle = opened(&memory, 2, 1);
    put(&head, "y", "1").await;
    bring(&head, &middle).await.unwrap();
    let before = copied(&memory);
    put(&head, "x", "1").await;
    bring(&head, &middle).await.unwrap();
    bring(&middle, &end).await.unwrap();
    drop(middle);
    delete(&head, "x").await;
    let all = Timestamp::from_micros(i64::MAX);
    assert_eq!(head.forget(Forget { before: all, after: None }).await.unwrap().tombstones, 1);

    declare::restored(&before, another(), None).unwrap();
    let middle = opened(&before, 2, 2);
    let (began, _) = bring(&middle, &end).await.unwrap();
    assert_eq!((began.went_back_from.is_some(), began.reconcile_after), (true, None));
    assert_eq!(reads(&end, "x"), ["1"], "the middle has not seen it again yet");
    let began = end.begin(offer(&middle)).await.unwrap();
    assert_eq!(began.reconcile_after, None);

    bring(&head, &middle).await.unwrap();
    let told = Incoming {
        after: began.cursor,
        ..progress(2, began.epoch, began.cursor.get(), &middle.vector())
    };
    assert!(end.apply(told).await.unwrap().reconcile_due);
    let (began, _) = bring(&middle, &end).await.unwrap();
    assert!(began.reconcile_after.is_some());
    assert_eq!((reads(&end, "x"), reads(&end, "y")), (vec!["†".into()], vec!["1".into()]));
    // Once is enough.
    put(&head, "z", "1").await;
    bring(&head, &middle).await.unwrap();
    assert_eq!(bring(&middle, &end).await.unwrap().0.reconcile_after, None);
    audit(&end.snapshot());
}

/// `count` incarnations that no test database has.
fn strangers(count: usize) -> ChangeVector {
    ChangeVector::from_entries((1..=count as u64).map(|number| {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&number.to_be_bytes());
        Entry { incarnation: IncarnationId::from_bytes(id), etag: etag(number) }
    }))
}

#[tokio::test]
async fn a_session_that_would_make_vectors_too_long_is_refused_and_a_write_is_not() {
    const MAX: usize = CHANGE_VECTOR_ENTRIES_MAX;
    let store = in_memory(1);
    let with = |vector: ChangeVector| Begin { vector, ..calling(2) };
    // What this database writes next needs an entry too, though it has written nothing.
    match store.begin(with(strangers(MAX))).await {
        Err(BeginError::VectorTooLong(too_many)) => assert_eq!(too_many.entries, MAX + 1),
        other => panic!("{other:?}"),
    }
    assert_eq!(store.snapshot().cursor(source(2)).unwrap(), None);
    let epoch = store.begin(with(strangers(MAX - 1))).await.unwrap().epoch;
    // Nor may the vector get there later, by a frontier.
    let refused = store.apply(progress(2, epoch, 1, &strangers(MAX))).await;
    assert!(matches!(refused, Err(ApplyError::VectorTooLong(_))), "{refused:?}");
    assert_eq!(store.vector(), ChangeVector::empty());
    store.apply(progress(2, epoch, 1, &strangers(MAX - 1))).await.unwrap();
    // An item may have seen more: it is a version like any other.
    let item = arriving(2, "long", &strangers(MAX + 3), Some("1"));
    store.apply(batch(2, epoch, 1, vec![item])).await.unwrap();
    // It is not remembered of the source, whose row is written with each of its batches.
    let cursor = store.snapshot().cursor(source(2)).unwrap().unwrap();
    assert_eq!(cursor.received, strangers(MAX - 1));
    assert_eq!(put(&store, "a", "1").await.vector.len(), MAX);
    assert_eq!(put(&store, "long", "2").await.vector.len(), MAX + 4);
    assert_eq!(store.vector().len(), MAX);
    store.begin(with(strangers(MAX - 1))).await.unwrap();
    let refused = store.begin(with(strangers(MAX))).await;
    assert!(matches!(refused, Err(BeginError::VectorTooLong(_))), "{refused:?}");
}
