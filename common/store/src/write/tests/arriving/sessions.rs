//! How a source's session begins, and that an older one writes no more.

use bytes::Bytes;
use jackdaw_common::{
    ChangeVector, DatabaseId, Etag, IncarnationId, Lineage, Timestamp, lineage::Fork,
};

use super::super::harness::*;
use crate::{ApplyError, Begin, BeginError, Session, Store, tables::cursors::Owner};

/// The lineage of a database that none of the tests' is.
fn other() -> Lineage {
    Lineage::new(IncarnationId::from_bytes([7; 16]))
}

/// Brings the cursor of source 2 to an etag, in a session of its own.
async fn received(store: &Store, last: u64) {
    let epoch = session(store, 2).await.epoch;
    let progress = progress(2, epoch, last, &vector(&[(2, last)]));
    assert_eq!(store.apply(progress).await.unwrap().cursor, etag(last));
}

#[test]
fn a_first_session_begins_at_the_beginning() {
    on_both(async |place| {
        let store = place.open_at(1, TestClock::at(123));
        put(&store, "a", "1").await;
        let begun = session(&store, 2).await;
        let expected = Session {
            epoch: 1,
            cursor: Etag::ZERO,
            went_back_from: None,
            reconcile_after: None,
            vector: vector(&[(1, 1)]),
        };
        assert_eq!(begun, expected);
        let cursor = store.snapshot().cursor(source(2)).unwrap().unwrap();
        let known = (cursor.incarnation(), cursor.etag());
        assert_eq!(known, (Some(identity(2).incarnation), Etag::ZERO));
        assert_eq!((cursor.epoch, cursor.owners), (1, vec![Owner { task: 1, generation: 1 }]));
        assert_eq!(cursor.seen, Timestamp::from_micros(123));
        assert_eq!(store.snapshot().cursor(source(3)).unwrap(), None);
        // A session is no change.
        assert_eq!(store.last_etag(), etag(1));
    });
}

#[test]
fn a_session_goes_on_where_the_last_one_was() {
    on_both(async |place| {
        let store = place.open(1);
        received(&store, 5).await;
        assert_eq!(session(&store, 2).await.cursor, etag(5));
        drop(store);
        let store = place.open(1);
        let begun = session(&store, 2).await;
        let expected = Session {
            epoch: 3,
            cursor: etag(5),
            went_back_from: None,
            reconcile_after: None,
            vector: vector(&[(2, 5)]),
        };
        assert_eq!(begun, expected);
        // Another source has a place of its own.
        let other = session(&store, 3).await;
        assert_eq!((other.epoch, other.cursor), (1, Etag::ZERO));
    });
}

#[tokio::test]
async fn a_database_is_no_source_of_itself() {
    let store = in_memory(1);
    let refused = store.begin(calling(1)).await;
    assert!(matches!(refused, Err(BeginError::SelfReplication(id)) if id == source(1)));
    // Nor under another incarnation.
    let begin = Begin { lineage: other(), ..calling(1) };
    assert!(matches!(store.begin(begin).await, Err(BeginError::SelfReplication(_))));
    assert_eq!(store.snapshot().cursor(source(1)).unwrap(), None);
}

#[tokio::test]
async fn a_source_that_went_back_is_refused() {
    let store = in_memory(1);
    received(&store, 5).await;
    let at = |last| Begin { last_etag: etag(last), ..calling(2) };
    match store.begin(at(4)).await {
        Err(BeginError::SourceForked(fork)) => {
            assert_eq!(fork, Fork::Behind { last: etag(4), received: etag(5) });
        }
        other => panic!("{other:?}"),
    }
    store.begin(at(5)).await.unwrap();
}

#[tokio::test]
async fn a_lower_generation_of_a_task_is_refused() {
    let store = in_memory(1);
    let with = |task, generation| Begin { task, generation, ..calling(2) };
    store.begin(with(1, 7)).await.unwrap();
    match store.begin(with(1, 6)).await {
        Err(BeginError::Fenced { offered, highest }) => assert_eq!((offered, highest), (6, 7)),
        other => panic!("{other:?}"),
    }
    store.begin(with(1, 7)).await.unwrap();
    store.begin(with(1, 8)).await.unwrap();
    // Another task counts its own.
    store.begin(with(2, 1)).await.unwrap();
}

#[tokio::test]
async fn a_source_that_forgot_what_was_not_received_is_reconciled_with() {
    let store = in_memory(1);
    let floor = |floor| Begin { tombstone_floor: etag(floor), ..calling(2) };
    // Nothing was received from it, so nothing is here that it deleted since; also when a session
    // has begun before, and brought nothing.
    for epoch in 1..3 {
        let begun = store.begin(floor(100)).await.unwrap();
        assert_eq!((begun.epoch, begun.cursor), (epoch, Etag::ZERO));
        assert_eq!(begun.reconcile_after, None);
    }
    received(&store, 5).await;
    for (forgotten, reconcile) in [(6, true), (100, true), (5, false)] {
        let begun = store.begin(floor(forgotten)).await.unwrap();
        assert_eq!((begun.cursor, begun.reconcile_after.is_some()), (etag(5), reconcile));
    }
}

/// Whatever else is wrong, the first rule that does not hold is the one that is named.
#[tokio::test]
async fn the_rules_are_tried_in_their_order() {
    let store = in_memory(1);
    store.begin(Begin { generation: 7, ..calling(2) }).await.unwrap();
    store.apply(progress(2, 1, 5, &vector(&[(2, 5)]))).await.unwrap();
    let all_wrong = Begin {
        source: source(1),
        lineage: calling(2).lineage,
        last_etag: etag(1),
        tombstone_floor: etag(9),
        vector: ChangeVector::empty(),
        task: 1,
        generation: 1,
    };
    let refused = |outcome: Result<Session, BeginError>| match outcome.unwrap_err() {
        BeginError::SelfReplication(_) => "self",
        BeginError::IncarnationRetired { .. } => "retired",
        BeginError::SourceForked { .. } => "forked",
        BeginError::Fenced { .. } => "fenced",
        other => panic!("{other}"),
    };
    assert_eq!(refused(store.begin(all_wrong.clone()).await), "self");
    let wrong = Begin { source: source(2), ..all_wrong };
    assert_eq!(refused(store.begin(wrong.clone()).await), "forked");
    let wrong = Begin { last_etag: etag(9), ..wrong };
    assert_eq!(refused(store.begin(wrong.clone()).await), "fenced");
    // None of them began a session: the one there is goes on.
    store.apply(progress(2, 1, 6, &vector(&[(2, 6)]))).await.unwrap();
    let right = Begin { generation: 7, ..wrong };
    let begun = store.begin(right).await.unwrap();
    assert_eq!((begun.epoch, begun.reconcile_after), (2, Some(Bytes::new())));
}

#[test]
fn an_older_session_writes_no_more() {
    on_both(async |place| {
        let store = place.open(1);
        let old = session(&store, 2).await;
        let item = |number| vec![arriving(number, "x", &vector(&[(2, number)]), Some("1"))];
        store.apply(batch(2, old.epoch, 0, item(3))).await.unwrap();
        let new = session(&store, 2).await;
        assert_eq!((old.epoch, new.epoch, new.cursor), (1, 2, etag(3)));
        let before = (store.snapshot().header().clone(), changes(&store, 0));
        for number in [3, 4, 9] {
            let refused = store.apply(batch(2, old.epoch, 3, item(number))).await;
            assert!(matches!(refused, Err(ApplyError::Fenced { epoch: 1, current: 2 })));
        }
        let refused = store.apply(progress(2, old.epoch, 9, &vector(&[(2, 9)]))).await;
        assert!(matches!(refused, Err(ApplyError::Fenced { .. })));
        assert_eq!((store.snapshot().header().clone(), changes(&store, 0)), before);
        assert_eq!(store.snapshot().cursor(source(2)).unwrap().unwrap().etag(), etag(3));
        store.apply(batch(2, new.epoch, 3, item(4))).await.unwrap();
    });
}

#[tokio::test]
async fn who_never_began_writes_nothing() {
    let store = in_memory(1);
    session(&store, 2).await;
    let items = || vec![arriving(3, "x", &vector(&[(3, 3)]), Some("1"))];
    for epoch in [0, 1] {
        let refused = store.apply(batch(3, epoch, 0, items())).await;
        assert!(matches!(refused, Err(ApplyError::Fenced { current: 0, .. })), "{refused:?}");
    }
    // Nor does a session that is yet to come.
    let refused = store.apply(batch(2, 2, 0, items())).await;
    assert!(matches!(refused, Err(ApplyError::Fenced { epoch: 2, current: 1 })), "{refused:?}");
    let unknown = DatabaseId::from_bytes([0; 16]);
    assert_eq!(store.snapshot().cursor(unknown).unwrap(), None);
    assert_eq!(counts(&store), (0, 0, 0));
}
