//! A client's transaction: all of it or nothing, one mark, one stamp.

use std::sync::atomic::{AtomicBool, Ordering};

use jackdaw_common::{ChangeVector, Etag, Timestamp, limits::TRANSACTION_COMMANDS_MAX};

use super::super::harness::*;
use crate::{Lookup, TransactError};

#[test]
fn a_transaction_is_whole_in_changes() {
    on_both(async |place| {
        let store = place.open(1);
        put(&store, "before", "0").await;
        let commands = vec![putting("a", "1"), deleting("before"), putting("b", "2")];
        let written = store.transact(commands).await.unwrap();
        let etags: Vec<_> = written.iter().map(|one| one.etag.get()).collect();
        assert_eq!(etags, [2, 3, 4]);
        let rows = changes(&store, 1);
        assert_eq!(rows.len(), 3);
        assert!(rows.iter().all(|row| row.transaction == mark(2, 3)));
        assert_eq!(store.vector(), vector(&[(1, 4)]));
        audit(&store.snapshot());
    });
}

#[test]
fn a_transaction_that_fails_leaves_nothing() {
    on_both(async |place| {
        let store = place.open(1);
        put(&store, "there", "0").await;
        let before = (store.snapshot().header().clone(), changes(&store, 0));
        let failing = expecting(&ChangeVector::empty(), putting("there", "3"));
        let commands = vec![putting("a", "1"), deleting("there"), putting("there", "2"), failing];
        match store.transact(commands).await {
            Err(TransactError::Mismatch { command, id, actual, .. }) => {
                assert_eq!((command, id.as_str()), (3, "there"));
                // What the transaction itself wrote before is what the command met.
                assert_eq!(actual, vector(&[(1, 4)]));
            }
            other => panic!("{other:?}"),
        }
        assert_eq!((store.snapshot().header().clone(), changes(&store, 0)), before);
        assert_eq!(lookup(&store, "a"), Lookup::Missing);
        assert_eq!(reads(&store, "there"), ["0"]);
        assert_eq!(put(&store, "next", "1").await.etag, etag(2));
        audit(&store.snapshot());
    });
}

#[test]
fn one_document_twice_in_a_transaction_is_what_it_was_last() {
    on_both(async |place| {
        let store = place.open(1);
        let cases: [(&[&str], bool, &[&str]); 8] = [
            (&["1", "2"], false, &["2"]),
            (&["1", "†"], false, &["†"]),
            (&["1", "†", "3"], false, &["3"]),
            (&["†"], false, &[]),
            (&["1", "2", "3"], true, &["3"]),
            (&["†", "2"], true, &["2"]),
            (&["†", "2", "†"], true, &["†"]),
            (&["1", "†", "†"], true, &["†"]),
        ];
        for (at, (steps, exists, expected)) in cases.into_iter().enumerate() {
            let id = format!("case/{at}");
            if exists {
                put(&store, &id, "before").await;
            }
            let command =
                |step: &&str| if *step == "†" { deleting(&id) } else { putting(&id, step) };
            let first = store.last_etag().get() + 1;
            let written = store.transact(steps.iter().map(command).collect()).await.unwrap();
            assert_eq!(reads(&store, &id), expected, "{id}");
            // Every step that wrote took an etag, and the mark says so.
            let etags = written.iter().filter(|one| !one.etag.is_zero()).count();
            let rows = changes(&store, first - 1);
            assert_eq!(rows.len(), expected.len(), "{id}");
            for row in rows {
                assert_eq!(row.transaction, mark(first, u32::try_from(etags).unwrap()), "{id}");
                assert_eq!(row.etag, store.last_etag());
            }
            audit(&store.snapshot());
        }
    });
}

#[test]
fn a_later_command_meets_what_an_earlier_one_wrote() {
    on_both(async |place| {
        let store = place.open(1);
        let none = ChangeVector::empty();
        // The vector that the first command will give the document.
        let coming = vector(&[(1, 1)]);
        let commands = vec![
            expecting(&none, putting("a", "1")),
            expecting(&coming, deleting("a")),
            expecting(&none, putting("A", "2")),
        ];
        let written = store.transact(commands).await.unwrap();
        assert_eq!(written[2].vector, vector(&[(1, 3)]));
        assert_eq!(found(&store, "a").version.id.as_str(), "A");
    });
}

#[test]
fn a_transaction_of_nothing_writes_nothing() {
    on_both(async |place| {
        let store = place.open(1);
        assert_eq!(store.transact(Vec::new()).await.unwrap(), []);
        let deletes = vec![deleting("a"), deleting("b")];
        assert_eq!(store.transact(deletes).await.unwrap().len(), 2);
        assert_eq!((store.last_etag(), counts(&store)), (Etag::ZERO, (0, 0, 0)));
        // What comes next is not part of it.
        put(&store, "a", "1").await;
        assert_eq!(found(&store, "a").transaction, mark(1, 1));
    });
}

#[test]
fn the_largest_transaction_is_one() {
    on_both(async |place| {
        let store = place.open(1);
        let most = TRANSACTION_COMMANDS_MAX as u64;
        put(&store, "d/0", "before").await;
        let commands = (0..most).map(|number| putting(&format!("d/{number}"), "x")).collect();
        let written = store.transact(commands).await.unwrap();
        assert!(written.iter().map(|one| one.etag.get()).eq(2..=most + 1));
        let rows = changes(&store, 0);
        assert_eq!(rows.len() as u64, most);
        let whole = mark(2, u32::try_from(most).unwrap());
        assert!(rows.iter().all(|row| row.transaction == whole));
        assert_eq!(counts(&store), (most, 0, 0));
        audit(&store.snapshot());

        let commands = (0..most).map(|number| deleting(&format!("d/{number}"))).collect();
        store.transact(commands).await.unwrap();
        assert_eq!((counts(&store), store.last_etag()), ((0, most, 0), etag(2 * most + 1)));
        audit(&store.snapshot());
    });
}

/// Stamps ascend whatever the clock does; a transaction has one.
#[test]
fn stamps_ascend_while_the_clock_jumps() {
    on_both(async |place| {
        let clock = TestClock::at(1_000);
        let store = place.open_at(1, clock.clone());
        let mut last = Timestamp::from_micros(1_000);
        for (now, expected) in
            [(1_000, 1_001), (1_000, 1_002), (500, 1_003), (9_000, 9_000), (8_999, 9_001)]
        {
            clock.set(now);
            store.transact(vec![putting("a", "1"), putting("b", "2")]).await.unwrap();
            let (a, b) = (found(&store, "a"), found(&store, "b"));
            assert_eq!((a.stamp, a.stamp), (b.stamp, Timestamp::from_micros(expected)));
            assert!(a.stamp > last);
            assert_eq!(a.version.last_modified, Timestamp::from_micros(now));
            assert_eq!(store.snapshot().header().last_stamp, a.stamp);
            last = a.stamp;
        }
        drop(store);
        let store = place.open_at(1, TestClock::at(0));
        put(&store, "c", "1").await;
        assert_eq!(found(&store, "c").stamp, last.plus_micros(1));
        receive(&store, 2, vec![arriving(1, "d", &vector(&[(2, 1)]), Some("1"))]).await;
        assert_eq!(found(&store, "d").stamp, last.plus_micros(2));
    });
}

/// Whoever reads while it is written sees a transaction whole or not at all, and never an etag
/// that the snapshot does not hold.
#[test]
fn readers_see_whole_transactions() {
    on_both(async |place| {
        let store = place.open(1);
        let done = AtomicBool::new(false);
        let read = |store: &crate::Store| {
            let snapshot = store.snapshot();
            let body = |id_text| match snapshot.document(&id(id_text)).unwrap() {
                Lookup::Found(row) => Some((row.transaction, says(&row))),
                _ => None,
            };
            assert_eq!(body("a"), body("b"));
            let rows: Vec<_> = snapshot.changes_after(Etag::ZERO).map(Result::unwrap).collect();
            assert!(rows.last().is_none_or(|row| row.etag == snapshot.header().last_etag));
            let published = store.subscribe().borrow().clone();
            assert!(store.snapshot().published().commit >= published.commit);
        };
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                while !done.load(Ordering::SeqCst) {
                    read(&store);
                }
            });
            let writer = scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                runtime.block_on(async {
                    for round in 0..100 {
                        let body = round.to_string();
                        let both = vec![putting("a", &body), putting("b", &body)];
                        store.transact(both).await.unwrap();
                    }
                });
            });
            let outcome = writer.join();
            done.store(true, Ordering::SeqCst);
            outcome.unwrap();
            reader.join().unwrap();
        });
    });
}
