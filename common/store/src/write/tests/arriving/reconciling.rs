//! Full reconcile: what the source held once and holds no longer goes, and nothing else does
//! (pitfalls 9 and 10).

use bytes::Bytes;
use jackdaw_common::{ChangeVector, Timestamp, limits::RECONCILE_ROWS_MAX};
use proptest::prelude::*;

use super::super::harness::*;
use crate::{
    ApplyError, Begin, Forget, Incoming, Lookup, Present, Reconciled, Session, Store,
    engine::Memory, keys::TABLES,
};

/// Forgets every deletion of a database.
async fn forget(store: &Store) {
    let all = Forget { before: Timestamp::from_micros(i64::MAX), after: None };
    store.forget(all).await.unwrap();
}

/// What source 2, which has forgotten deletions up to etag 50, says when it calls.
fn forgetful() -> Begin {
    Begin { tombstone_floor: etag(50), vector: vector(&[(2, 60)]), ..calling(2) }
}

/// Source 2 says in a session that these are all the documents it has.
fn has(session: &Session, ids: &[&str]) -> Present {
    Present {
        source: source(2),
        epoch: session.epoch,
        vector: vector(&[(2, 60)]),
        after: session.reconcile_after.clone().unwrap_or_default(),
        through: None,
        keys: ids.iter().map(|id| Bytes::copy_from_slice(id.as_bytes())).collect(),
    }
}

fn done(removed: u64, kept: u64, vector: ChangeVector) -> Reconciled {
    Reconciled { removed, kept, next: None, vector }
}

/// Applies items of source 2, and begins the session in which it is to be reconciled with.
async fn holding(store: &Store, items: Vec<(&str, ChangeVector)>) -> Session {
    let items = (1..).zip(items).map(|(number, (id, vector))| {
        let body = format!("{id} {number}");
        arriving(number, id, &vector, Some(&body))
    });
    receive(store, 2, items.collect()).await;
    let session = store.begin(forgetful()).await.unwrap();
    assert_eq!(session.reconcile_after, Some(Bytes::new()));
    session
}

#[test]
fn what_the_source_has_deleted_and_forgotten_goes() {
    on_both(async |place| {
        let (source, destination) = (in_memory(1), place.open(2));
        for id in ["a", "B", "c"] {
            put(&source, id, "1").await;
        }
        copy(&source, &destination).await;
        let before = found(&destination, "b");
        delete(&source, "b").await;
        put(&source, "d", "1").await;
        forget(&source).await;
        let session = destination.begin(offer(&source)).await.unwrap();
        assert_eq!((session.cursor, &session.reconcile_after), (etag(3), &Some(Bytes::new())));
        let reconciled = reconcile(&source, &destination, &session, 100).await;
        // What is not here yet is no matter of a reconcile, and the database vector stays.
        assert_eq!(reconciled, done(1, 0, vector(&[(1, 3)])));
        let row = found(&destination, "b");
        assert_eq!((says(&row).as_str(), row.minted, row.etag), ("†", None, etag(4)));
        assert_eq!(row.version.vector, vector(&[(1, 5)]));
        let kept = |row: &crate::tables::changes::ChangeRow| {
            let version = row.version.clone();
            (version.id.to_string(), version.collection, version.last_modified)
        };
        assert_eq!(kept(&row), kept(&before));
        assert_eq!((counts(&destination), row.previous), ((2, 1, 0), before.etag));
        audit(&destination.snapshot());
        drop(destination);
        let destination = place.open(2);
        let (session, sent) = bring(&source, &destination).await.unwrap();
        assert_eq!((session.reconcile_after, session.cursor, sent), (None, etag(3), 1));
        assert_eq!(reads(&destination, "d"), ["1"]);
        assert_eq!(destination.vector(), source.vector());
    });
}

/// Found by: a document goes because it is not named, whatever the source has seen of it.
#[tokio::test]
async fn pitfall_9_documents_of_the_destinations_own_stay() {
    let store = in_memory(1);
    put(&store, "own", "1").await;
    // Of the source; written on here; of the source and a third; of a third; newer than it says.
    let session = holding(
        &store,
        vec![
            ("gone", vector(&[(2, 5)])),
            ("on", vector(&[(2, 6)])),
            ("part", vector(&[(2, 7), (3, 1)])),
            ("third", vector(&[(3, 2)])),
            ("newer", vector(&[(2, 61)])),
            ("named", vector(&[(2, 8)])),
        ],
    )
    .await;
    put(&store, "on", "2").await;
    let before = changes(&store, 0);
    let reconciled = store.reconcile(has(&session, &["named", "other"])).await.unwrap();
    assert_eq!(reconciled, done(1, 5, store.vector()));
    let after = changes(&store, 0);
    let new = after.iter().filter(|row| !before.contains(row)).collect::<Vec<_>>();
    assert_eq!((new.len(), new[0].version.id.as_str()), (1, "gone"));
    for id in ["own", "on", "part", "third", "newer", "named"] {
        assert_ne!(reads(&store, id), ["†"], "{id}");
    }
    audit(&store.snapshot());
}

#[tokio::test]
async fn a_conflict_goes_when_the_source_has_seen_all_of_it() {
    let store = in_memory(1);
    let both = |id, one: u64, other: u64| [(id, vector(&[(2, one)])), (id, vector(&[(3, other)]))];
    let [gone, gone_too] = both("gone", 5, 6);
    let [part, part_too] = both("part", 7, 99);
    let [named, named_too] = both("named", 8, 9);
    let items = vec![gone, gone_too, part, part_too, named, named_too];
    let session = holding(&store, items).await;
    assert_eq!(counts(&store), (0, 0, 3));
    let seen = vector(&[(2, 60), (3, 50)]);
    let present = Present { vector: seen.clone(), ..has(&session, &["named"]) };
    assert_eq!(store.reconcile(present).await.unwrap(), done(1, 1, store.vector()));
    assert_eq!(counts(&store), (0, 1, 2));
    assert_eq!(found(&store, "gone").version.vector, seen);
    assert_eq!((reads(&store, "part").len(), reads(&store, "named").len()), (2, 2));
    audit(&store.snapshot());
}

/// Found by: a removal takes the row away and leaves no deletion.
#[tokio::test]
async fn pitfall_10_resurrection() {
    let store = in_memory(1);
    let session = holding(&store, vec![("a", vector(&[(2, 5)])), ("b", vector(&[(2, 6)]))]).await;
    let old = || vec![arriving(61, "a", &vector(&[(2, 5)]), Some("a 1"))];
    store.reconcile(has(&session, &["b"])).await.unwrap();
    // A late batch, a repair, a source that is asked to begin again.
    for _ in 0..2 {
        let applied = store.apply(batch(2, session.epoch, 2, old())).await.unwrap();
        assert_eq!((applied.applied, applied.already_present), (0, 1));
        assert_eq!(reads(&store, "a"), ["†"]);
    }
    // What the source has not seen of it is another matter.
    let newer = arriving(62, "a", &vector(&[(2, 62)]), Some("newer"));
    store.apply(batch(2, session.epoch, 61, vec![newer])).await.unwrap();
    assert_eq!(reads(&store, "a"), ["newer"]);
}

#[tokio::test]
async fn pitfall_10_also_when_the_deletion_is_forgotten_here_too() {
    let store = in_memory(1);
    let session = holding(&store, vec![("a", vector(&[(2, 5)])), ("b", vector(&[(2, 6)]))]).await;
    store.reconcile(has(&session, &["b"])).await.unwrap();
    // Not before what the deletion claims to have seen was seen.
    forget(&store).await;
    assert_eq!(reads(&store, "a"), ["†"]);
    store.apply(progress(2, session.epoch, 60, &vector(&[(2, 60)]))).await.unwrap();
    forget(&store).await;
    assert_eq!(lookup(&store, "a"), Lookup::Missing);
    let old = vec![arriving(61, "a", &vector(&[(2, 5)]), Some("a 1"))];
    store.apply(batch(2, session.epoch, 60, old)).await.unwrap();
    assert_eq!(lookup(&store, "a"), Lookup::Missing);
    audit(&store.snapshot());
}

#[tokio::test]
async fn what_is_removed_is_removed_along_the_chain() {
    let (first, second, third) = (in_memory(1), in_memory(2), in_memory(3));
    for id in ["a", "b"] {
        put(&first, id, "1").await;
    }
    bring(&first, &second).await.unwrap();
    bring(&second, &third).await.unwrap();
    delete(&first, "a").await;
    forget(&first).await;
    bring(&first, &second).await.unwrap();
    let (session, sent) = bring(&second, &third).await.unwrap();
    assert_eq!((session.reconcile_after, sent), (None, 1));
    assert_eq!(reads(&third, "a"), ["†"]);
    assert_eq!(found(&third, "a").version.vector, found(&second, "a").version.vector);
    assert_eq!((third.vector(), reads(&third, "b")), (first.vector(), vec!["1".to_owned()]));
    // And it does not come back by another way.
    assert_eq!(copy(&first, &third).await, 1);
    assert_eq!(reads(&third, "a"), ["†"]);
}

#[test]
fn it_goes_on_in_steps_and_behind_a_restart_where_it_was() {
    on_both(async |place| {
        let store = place.open(1);
        let count = RECONCILE_ROWS_MAX + 3;
        let ids: Vec<_> = (0..count).map(|number| format!("d/{number:06}")).collect();
        let mut items: Vec<_> = (1..)
            .zip(&ids)
            .map(|(number, id)| arriving(number, id, &vector(&[(2, number)]), Some("1")))
            .collect();
        // One of them in conflict: it lies in another table, and counts in its place.
        items.push(arriving(9_000, &ids[1], &vector(&[(2, 1), (3, 1)]), Some("2")));
        receive(&store, 2, items).await;
        let last = count as u64;
        let floor = Begin { tombstone_floor: etag(10_000), ..calling(2) };
        let session = store.begin(floor.clone()).await.unwrap();
        let seen = vector(&[(2, 10_000), (3, 10)]);
        let named = [ids[0].as_str(), &ids[count - 2]];
        let present = Present { vector: seen, ..has(&session, &named) };
        let step = store.reconcile(present.clone()).await.unwrap();
        let place_of = Bytes::from(ids[RECONCILE_ROWS_MAX - 1].clone());
        assert_eq!(step.next, Some(place_of.clone()));
        assert_eq!((step.removed, step.kept), (RECONCILE_ROWS_MAX as u64 - 1, 0));
        drop(store);
        let store = place.open(1);
        let session = store.begin(floor.clone()).await.unwrap();
        assert_eq!(session.reconcile_after, Some(place_of.clone()));
        // The step that is done already is refused, and so is one that would leave something out.
        for after in [Bytes::new(), Bytes::from(ids[count - 1].clone())] {
            let wrong = Present { epoch: session.epoch, after, ..present.clone() };
            let refused = store.reconcile(wrong).await;
            assert!(matches!(refused, Err(ApplyError::NotReconciling)), "{refused:?}");
        }
        let rest = Present { epoch: session.epoch, after: place_of, ..present };
        let step = store.reconcile(rest.clone()).await.unwrap();
        assert_eq!((step.removed, step.next), (2, None));
        assert_eq!(counts(&store), (2, last - 2, 0));
        // It is through: nothing more is taken, nor asked for.
        let refused = store.reconcile(rest).await;
        assert!(matches!(refused, Err(ApplyError::NotReconciling)), "{refused:?}");
        assert_eq!(store.begin(floor).await.unwrap().reconcile_after, None);
        audit(&store.snapshot());
    });
}

#[tokio::test]
async fn ranges_follow_each_other() {
    let store = in_memory(1);
    let ids = ["a", "b", "c", "d", "e"];
    let items = (1..).zip(ids).map(|(number, id)| (id, vector(&[(2, number)]))).collect();
    let session = holding(&store, items).await;
    let range = |after: &'static str, through: Option<&'static str>, ids: &[&str]| Present {
        after: after.into(),
        through: through.map(Bytes::from),
        ..has(&session, ids)
    };
    // Ids beyond the range say nothing, and what lies beyond it stays.
    let step = store.reconcile(range("", Some("b"), &["a", "d"])).await.unwrap();
    assert_eq!((step.removed, step.kept, step.next), (1, 0, None));
    let wrong = [
        range("", Some("d"), &[]),
        range("c", Some("d"), &[]),
        // It ends before it begins, or where it does: that is no way to the end.
        range("b", Some("a"), &[]),
        range("b", Some("b"), &[]),
        // Ids that are out of order would be missed.
        range("b", Some("d"), &["d", "c"]),
        range("b", Some("d"), &["c", "c"]),
    ];
    let before = changes(&store, 0);
    for wrong in wrong {
        let refused = store.reconcile(wrong.clone()).await;
        assert!(matches!(refused, Err(ApplyError::NotReconciling)), "{wrong:?} {refused:?}");
    }
    assert_eq!(changes(&store, 0), before);
    let step = store.reconcile(range("b", Some("cc"), &[])).await.unwrap();
    assert_eq!((step.removed, step.next), (1, None));
    assert_eq!(store.begin(forgetful()).await.unwrap().reconcile_after, Some("cc".into()));
    let live: Vec<_> = ids.into_iter().filter(|id| reads(&store, id) != ["†"]).collect();
    assert_eq!(live, ["a", "d", "e"]);
}

#[tokio::test]
async fn only_the_session_that_may_write_may_and_only_when_it_is_asked() {
    let store = in_memory(1);
    receive(&store, 2, vec![arriving(1, "a", &vector(&[(2, 1)]), Some("1"))]).await;
    let early = session(&store, 2).await;
    assert_eq!(early.reconcile_after, None);
    let refused = store.reconcile(has(&early, &[])).await;
    assert!(matches!(refused, Err(ApplyError::NotReconciling)), "{refused:?}");
    let old = store.begin(forgetful()).await.unwrap();
    let new = store.begin(forgetful()).await.unwrap();
    for wrong in [&early, &old] {
        let refused = store.reconcile(has(wrong, &[])).await;
        assert!(matches!(refused, Err(ApplyError::Fenced { .. })), "{refused:?}");
    }
    let another = session(&store, 3).await;
    let refused = store.reconcile(Present { source: source(3), ..has(&another, &[]) }).await;
    assert!(matches!(refused, Err(ApplyError::NotReconciling)), "{refused:?}");
    // Nobody can have seen changes of this database that it has not made.
    let forged = Present { vector: vector(&[(1, 99), (2, 60)]), ..has(&new, &[]) };
    let refused = store.reconcile(forged).await;
    assert!(matches!(refused, Err(ApplyError::FrontierForged { .. })), "{refused:?}");
    assert_eq!(reads(&store, "a"), ["1"]);
    assert_eq!(store.reconcile(has(&new, &[])).await.unwrap().removed, 1);
}

#[tokio::test]
async fn it_is_asked_for_when_a_deletion_may_have_been_missed() {
    let store = in_memory(1);
    receive(&store, 2, vec![arriving(10, "a", &vector(&[(2, 10)]), Some("1"))]).await;
    let at = |floor| Begin { tombstone_floor: etag(floor), ..forgetful() };
    for (floor, due) in [(0, false), (9, false), (10, false), (11, true), (50, true)] {
        let session = store.begin(at(floor)).await.unwrap();
        assert_eq!(session.reconcile_after.is_some(), due, "{floor}");
    }
    // It is through for one floor; for a higher one it is due again.
    let session = store.begin(at(20)).await.unwrap();
    store.reconcile(has(&session, &["a"])).await.unwrap();
    for (floor, due) in [(20, false), (15, false), (21, true)] {
        let session = store.begin(at(floor)).await.unwrap();
        assert_eq!(session.reconcile_after.is_some(), due, "{floor}");
    }
    // One that was under way for a lower floor begins at the beginning for a higher one.
    let session = store.begin(at(30)).await.unwrap();
    let part = Present { through: Some("a".into()), ..has(&session, &["a"]) };
    store.reconcile(part).await.unwrap();
    assert_eq!(store.begin(at(30)).await.unwrap().reconcile_after, Some("a".into()));
    assert_eq!(store.begin(at(31)).await.unwrap().reconcile_after, Some(Bytes::new()));
}

/// A batch that comes before its end does not make it superfluous.
#[tokio::test]
async fn it_stays_due_though_the_cursor_passes_the_floor() {
    let store = in_memory(1);
    let session = holding(&store, vec![("a", vector(&[(2, 1)])), ("b", vector(&[(2, 2)]))]).await;
    let part = Present { through: Some("a".into()), ..has(&session, &["a"]) };
    store.reconcile(part).await.unwrap();
    store.apply(progress(2, session.epoch, 55, &vector(&[(2, 55)]))).await.unwrap();
    let session = store.begin(forgetful()).await.unwrap();
    assert_eq!((session.cursor, &session.reconcile_after), (etag(55), &Some("a".into())));
    assert_eq!(store.reconcile(has(&session, &[])).await.unwrap().removed, 1);
    assert_eq!(store.begin(forgetful()).await.unwrap().reconcile_after, None);
}

#[tokio::test]
async fn a_new_copy_is_not_asked_for_it() {
    let due = async |store: &Store| {
        let session = store.begin(forgetful()).await.unwrap();
        session.reconcile_after.is_some()
    };
    let store = in_memory(1);
    put(&store, "own", "1").await;
    receive(
        &store,
        3,
        vec![
            arriving(1, "third", &vector(&[(3, 1)]), Some("1")),
            arriving(2, "part", &vector(&[(2, 1), (3, 1)]), Some("1")),
            arriving(3, "newer", &vector(&[(2, 61)]), Some("1")),
            arriving(4, "deleted", &vector(&[(2, 5)]), None),
        ],
    )
    .await;
    assert!(!due(&store).await);
    // One document that the source has seen, by whatever way, alone or in conflict.
    let known = || arriving(5, "known", &vector(&[(2, 5)]), Some("1"));
    let store = in_memory(1);
    receive(&store, 3, vec![known()]).await;
    assert!(due(&store).await);
    let store = in_memory(1);
    receive(&store, 3, vec![known(), arriving(6, "known", &vector(&[(3, 1)]), Some("2"))]).await;
    assert!(due(&store).await);
    // In the very group in which the session begins.
    let engine = Faulty::new();
    let store = Store::open(engine.clone(), TestClock::at(0), identity(1)).unwrap();
    let epoch = session(&store, 3).await.epoch;
    engine.hold();
    let (first, second) = (store.clone(), store.clone());
    let held = tokio::spawn(async move { put(&first, "own", "1").await });
    tokio::task::yield_now().await;
    engine.until_waiting();
    let batch: Incoming = batch(3, epoch, 0, vec![known()]);
    let applied = tokio::spawn(async move { second.apply(batch).await });
    tokio::task::yield_now().await;
    let third = store.clone();
    let began = tokio::spawn(async move { third.begin(forgetful()).await });
    tokio::task::yield_now().await;
    engine.release();
    held.await.unwrap();
    applied.await.unwrap().unwrap();
    assert!(began.await.unwrap().unwrap().reconcile_after.is_some());
}

const IDS: [&str; 5] = ["a", "b", "c", "d", "e"];

#[derive(Clone, Debug)]
enum Step {
    Put(usize),
    Delete(usize),
    Own(usize),
    Forget,
    Copy(usize),
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..IDS.len()).prop_map(Step::Put),
        4 => (0..IDS.len()).prop_map(Step::Delete),
        1 => (0..IDS.len()).prop_map(Step::Own),
        2 => Just(Step::Forget),
        2 => (1usize..4).prop_map(Step::Copy),
        1 => Just(Step::Reopen),
    ]
}

/// All that is held of a document.
fn rows(store: &Store, id: &str) -> Vec<(ChangeVector, String)> {
    let rows = match lookup(store, id) {
        Lookup::Missing => Vec::new(),
        Lookup::Found(row) => vec![*row],
        Lookup::Conflict(rows) => rows,
    };
    rows.into_iter().map(|row| (row.version.vector.clone(), says(&row))).collect()
}

/// In all that the source has seen, the destination is what the source is.
fn equal(source: &Store, destination: &Store) {
    let seen = source.vector();
    for id in IDS {
        let (there, here) = (rows(source, id), rows(destination, id));
        // What it has not seen of a document keeps all of the document.
        let own = here.iter().any(|(vector, _)| !seen.covers(vector));
        for (vector, body) in &here {
            let is_there = there.iter().any(|(other, said)| (other, said) == (vector, body));
            let deleted = body == "†" && there.is_empty();
            assert!(is_there || own || deleted, "{id} is {body} {vector}");
        }
        for (vector, body) in &there {
            let is_here = here.iter().any(|(other, said)| {
                (other, said) == (vector, body) || (other != vector && other.covers(vector))
            });
            assert!(is_here, "{id} is not {body} {vector}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn afterwards_the_destination_is_what_the_source_is(
        steps in prop::collection::vec(step(), 1..40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (source, memory) = (in_memory(1), Memory::new(&TABLES));
            let mut destination = opened(&memory, 2, 1);
            for (number, step) in (0..).zip(steps) {
                match step {
                    Step::Put(id) => drop(put(&source, IDS[id], &number.to_string()).await),
                    Step::Delete(id) => drop(delete(&source, IDS[id]).await),
                    Step::Own(id) => drop(put(&destination, IDS[id], &number.to_string()).await),
                    Step::Forget => forget(&source).await,
                    Step::Reopen => destination = opened(&memory, 2, number),
                    Step::Copy(ids_max) => {
                        let session = destination.begin(offer(&source)).await.unwrap();
                        reconcile(&source, &destination, &session, ids_max).await;
                        Link::of(&source, &destination, session).run(1).await;
                        equal(&source, &destination);
                    }
                }
                audit(&destination.snapshot());
            }
            bring(&source, &destination).await.unwrap();
            equal(&source, &destination);
            let last = destination.last_etag();
            prop_assert_eq!(bring(&source, &destination).await.unwrap().1, 0);
            prop_assert_eq!(destination.last_etag(), last);
            Ok(())
        })?;
    }
}
