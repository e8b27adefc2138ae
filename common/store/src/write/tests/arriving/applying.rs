//! A batch of a source: rows, cursor and frontier, all or none, and nothing twice.

use jackdaw_common::{Collection, Content, Etag, Item, Timestamp, Version};

use super::super::harness::*;
use crate::{Applied, ApplyError, Incoming, Lookup, Store};

async fn header_and_rows(
    store: &Store,
) -> (crate::tables::header::Header, Vec<crate::tables::changes::ChangeRow>) {
    (store.snapshot().header().clone(), changes(store, 0))
}

#[test]
fn a_version_is_kept_as_it_came() {
    on_both(async |place| {
        let store = place.open_at(1, TestClock::at(9_000));
        put(&store, "own", "1").await;
        let seen = vector(&[(2, 40), (3, 7), (4, 1)]);
        let item = Item {
            transaction: mark(40, 2),
            minted: Some(entry(3, 7)),
            version: Version {
                id: id("Users/Ä"),
                collection: "PEOPLE".parse().unwrap(),
                last_modified: Timestamp::from_micros(-5),
                ..arriving(41, "-", &seen, Some("theirs")).version
            },
            ..arriving(41, "-", &seen, None)
        };
        let applied = receive(&store, 2, vec![item.clone()]).await;
        let row = found(&store, "users/ä");
        assert_eq!(row.version, item.version);
        assert_eq!(row.version.id.as_str(), "Users/Ä");
        assert_eq!(row.version.collection.as_str(), "PEOPLE");
        assert_eq!((row.minted, row.conflicted), (item.minted, false));
        // What is this database's own: etag, transaction, stamp.
        assert_eq!((row.etag, row.previous), (etag(2), Etag::ZERO));
        assert_eq!((row.transaction, row.stamp), (mark(2, 1), Timestamp::from_micros(9_002)));
        let expected = Applied {
            cursor: etag(41),
            vector: vector(&[(1, 1)]),
            applied: 1,
            ..Applied::default()
        };
        assert_eq!(applied, expected);
        assert_eq!(store.vector(), vector(&[(1, 1)]), "items raise no vector");
        assert_eq!(counts(&store), (2, 0, 0));
        audit(&store.snapshot());
    });
}

/// One of each outcome.
fn mixed() -> Vec<Item> {
    vec![
        arriving(1, "new", &vector(&[(2, 1)]), Some("1")),
        arriving(2, "never", &vector(&[(2, 2)]), None),
        arriving(3, "gone", &vector(&[(2, 3)]), None),
        arriving(4, "own", &vector(&[(2, 4)]), Some("theirs")),
        arriving(5, "new", &vector(&[(2, 5)]), Some("2")),
        arriving(6, "new", &vector(&[(2, 1)]), Some("1")),
    ]
}

/// Bug 15: what was covered was written again each time.
#[test]
fn a_batch_twice_changes_nothing() {
    on_both(async |place| {
        let store = place.open(1);
        put(&store, "own", "mine").await;
        put(&store, "gone", "mine").await;
        delete(&store, "gone").await;
        let epoch = session(&store, 2).await.epoch;
        let frontier = Some(vector(&[(1, 2), (2, 6)]));
        let batch = Incoming { frontier, ..batch(2, epoch, 0, mixed()) };

        let first = store.apply(batch.clone()).await.unwrap();
        let outcomes = |applied: &Applied| {
            (applied.applied, applied.already_present, applied.merged, applied.conflicted)
        };
        assert_eq!(outcomes(&first), (3, 1, 1, 1));
        assert_eq!(first.cursor, etag(6));
        audit(&store.snapshot());
        let before = header_and_rows(&store).await;

        for after in [0, 3] {
            let again = Incoming { after: etag(after), ..batch.clone() };
            let again = store.apply(again).await.unwrap();
            assert_eq!(outcomes(&again), (0, 6, 0, 0));
            assert_eq!((again.cursor, &again.vector), (first.cursor, &first.vector));
            assert_eq!(again.collided, 0);
            assert_eq!(header_and_rows(&store).await, before);
        }
        drop(store);
        let store = place.open(1);
        let epoch = session(&store, 2).await.epoch;
        store.apply(Incoming { epoch, ..batch }).await.unwrap();
        assert_eq!(header_and_rows(&store).await, before);
    });
}

#[test]
fn a_gap_is_refused() {
    on_both(async |place| {
        let store = place.open(1);
        let epoch = session(&store, 2).await.epoch;
        let item = |number| vec![arriving(number, "x", &vector(&[(2, number)]), Some("1"))];
        store.apply(batch(2, epoch, 0, item(5))).await.unwrap();
        let before = header_and_rows(&store).await;
        match store.apply(batch(2, epoch, 6, item(9))).await {
            Err(ApplyError::Gap { after, cursor }) => {
                assert_eq!((after, cursor), (etag(6), etag(5)));
            }
            other => panic!("{other:?}"),
        }
        let skipping = Incoming { after: etag(6), ..progress(2, epoch, 9, &vector(&[(2, 9)])) };
        assert!(matches!(store.apply(skipping).await, Err(ApplyError::Gap { .. })));
        assert_eq!(header_and_rows(&store).await, before);
        // It goes on where it was.
        assert_eq!(store.apply(batch(2, epoch, 5, item(7))).await.unwrap().cursor, etag(7));
    });
}

#[test]
fn the_cursor_never_goes_back() {
    on_both(async |place| {
        let store = place.open(1);
        let epoch = session(&store, 2).await.epoch;
        let item = |number| vec![arriving(number, "x", &vector(&[(2, number)]), Some("1"))];
        store.apply(batch(2, epoch, 0, item(5))).await.unwrap();
        assert_eq!(store.apply(batch(2, epoch, 0, item(4))).await.unwrap().cursor, etag(5));
        assert_eq!(session(&store, 2).await.cursor, etag(5));
    });
}

#[test]
fn only_a_frontier_raises_the_vector() {
    on_both(async |place| {
        let store = place.open(1);
        let epoch = session(&store, 2).await.epoch;
        let item = |number| vec![arriving(number, "x", &vector(&[(2, number)]), Some("1"))];
        let applied = store.apply(batch(2, epoch, 0, item(5))).await.unwrap();
        assert!(applied.vector.is_empty() && store.vector().is_empty());
        let whole = vector(&[(2, 6), (3, 2)]);
        let end = Incoming { frontier: Some(whole.clone()), ..batch(2, epoch, 5, item(6)) };
        let applied = store.apply(end).await.unwrap();
        assert_eq!((&applied.vector, store.vector()), (&whole, whole.clone()));
        // A frontier that is behind takes nothing back.
        let behind = progress(2, epoch, 6, &vector(&[(2, 2), (4, 1)]));
        let applied = store.apply(behind).await.unwrap();
        assert_eq!(applied.vector, vector(&[(2, 6), (3, 2), (4, 1)]));
    });
}

#[test]
fn progress_moves_the_cursor_and_is_no_change() {
    on_both(async |place| {
        let store = place.open(1);
        put(&store, "a", "1").await;
        let rows = changes(&store, 0);
        let epoch = session(&store, 2).await.epoch;
        let applied = store.apply(progress(2, epoch, 9, &vector(&[(2, 9)]))).await.unwrap();
        let expected =
            Applied { cursor: etag(9), vector: vector(&[(1, 1), (2, 9)]), ..Applied::default() };
        assert_eq!(applied, expected);
        assert_eq!((store.last_etag(), changes(&store, 0)), (etag(1), rows));
        drop(store);
        let store = place.open(1);
        assert_eq!(store.vector(), vector(&[(1, 1), (2, 9)]));
        assert_eq!(session(&store, 2).await.cursor, etag(9));
    });
}

/// A frontier can know only what this database has given out: nothing of it may count that the
/// batch itself is about to be given.
#[test]
fn a_forged_frontier_takes_its_batch_with_it() {
    on_both(async |place| {
        let store = place.open(1);
        put(&store, "own", "mine").await;
        put(&store, "own", "mine").await;
        let epoch = session(&store, 2).await.epoch;
        let before = header_and_rows(&store).await;
        let claiming = |own| Incoming {
            frontier: Some(vector(&[(1, own), (2, 6)])),
            ..batch(2, epoch, 0, mixed())
        };
        for own in [3, 4, 1_000] {
            match store.apply(claiming(own)).await {
                Err(ApplyError::FrontierForged { claimed, last }) => {
                    assert_eq!((claimed, last), (etag(own), etag(2)));
                }
                other => panic!("{own}: {other:?}"),
            }
        }
        assert_eq!(header_and_rows(&store).await, before);
        assert_eq!(lookup(&store, "new"), Lookup::Missing);
        assert_eq!(session(&store, 2).await.cursor, Etag::ZERO);
        let epoch = session(&store, 2).await.epoch;
        store.apply(Incoming { epoch, ..claiming(2) }).await.unwrap();
        audit(&store.snapshot());
    });
}

#[test]
fn transactions_of_the_source_stay_transactions() {
    on_both(async |place| {
        let store = place.open(1);
        put(&store, "known", "1").await;
        let of = |first, rows, mut item: Item| {
            item.transaction = mark(first, rows);
            item
        };
        let x = |number, name: &str, body| arriving(number, name, &vector(&[(2, number)]), body);
        let items = vec![
            of(10, 3, x(10, "a", Some("1"))),
            of(10, 3, x(11, "b", Some("1"))),
            of(10, 3, x(12, "c", None)),
            x(13, "d", Some("1")),
            of(20, 2, x(20, "a", Some("2"))),
            of(20, 2, x(21, "a", Some("3"))),
            // Known already: takes no etag.
            of(30, 2, arriving(30, "known", &vector(&[(1, 1)]), Some("1"))),
            of(30, 2, x(31, "e", Some("1"))),
        ];
        receive(&store, 2, items).await;
        let marks: Vec<_> = changes(&store, 1)
            .iter()
            .map(|row| (row.version.id.as_str().to_owned(), row.etag.get(), row.transaction))
            .collect();
        let row = |id: &str, number: u64, first, rows| (id.to_owned(), number, mark(first, rows));
        // "a" of the first transaction was replaced; what is left says how many there were.
        let expected = [
            row("b", 3, 2, 3),
            row("c", 4, 2, 3),
            row("d", 5, 5, 1),
            row("a", 7, 6, 2),
            row("e", 8, 8, 1),
        ];
        assert_eq!(marks, expected);
        audit(&store.snapshot());

        // A third database gets them as transactions again, whatever the size of a batch.
        let third = in_memory(3);
        Link::open(&store, &third).await.run(1).await;
        let marks: Vec<_> = changes(&third, 0).iter().map(|row| row.transaction).collect();
        assert_eq!(marks, [mark(1, 1), mark(2, 2), mark(2, 2), mark(4, 1), mark(5, 1), mark(6, 1)]);
        audit(&third.snapshot());
    });
}

#[test]
fn a_deletion_of_what_was_never_here_is_kept() {
    on_both(async |place| {
        let store = place.open(1);
        let seen = vector(&[(2, 3)]);
        receive(&store, 2, vec![arriving(3, "x", &seen, None)]).await;
        let row = found(&store, "x");
        assert_eq!((&row.version.content, &row.version.vector), (&Content::Tombstone, &seen));
        assert_eq!((counts(&store), changes(&store, 0)), ((0, 1, 0), vec![row]));
        // The late version that it deleted does not come back.
        receive(&store, 2, vec![arriving(4, "x", &vector(&[(2, 2)]), Some("late"))]).await;
        assert_eq!(reads(&store, "x"), ["†"]);
        audit(&store.snapshot());
    });
}

#[test]
fn a_put_that_arrives_takes_the_tombstone_away() {
    on_both(async |place| {
        let store = place.open(1);
        let items = vec![
            arriving(1, "x", &vector(&[(2, 1)]), Some("1")),
            arriving(2, "x", &vector(&[(2, 2)]), None),
        ];
        receive(&store, 2, items).await;
        assert_eq!((counts(&store), reads(&store, "x")), ((0, 1, 0), vec!["†".into()]));
        receive(&store, 2, vec![arriving(3, "x", &vector(&[(2, 3)]), Some("3"))]).await;
        assert_eq!((counts(&store), reads(&store, "x")), ((1, 0, 0), vec!["3".into()]));
        assert_eq!(changes(&store, 0).len(), 1);
        audit(&store.snapshot());
    });
}

#[test]
fn what_is_covered_is_ignored() {
    on_both(async |place| {
        let store = place.open(1);
        let there = vector(&[(2, 5), (3, 5)]);
        receive(&store, 2, vec![arriving(1, "x", &there, Some("there"))]).await;
        let rows = changes(&store, 0);
        for old in [vector(&[(2, 5)]), vector(&[(2, 4), (3, 5)]), there] {
            let applied = receive(&store, 2, vec![arriving(1, "x", &old, Some("there"))]).await;
            assert_eq!((applied.already_present, applied.applied, applied.collided), (1, 0, 0));
        }
        assert_eq!((store.last_etag(), changes(&store, 0)), (etag(1), rows));
        audit(&store.snapshot());
    });
}

/// One vector, two contents: it must not be, so it is counted, and neither is overwritten.
#[test]
fn a_collision_is_counted_and_changes_nothing() {
    on_both(async |place| {
        let store = place.open(1);
        let there = vector(&[(2, 5)]);
        receive(&store, 2, vec![arriving(5, "x", &there, Some("there"))]).await;
        let rows = changes(&store, 0);
        let other_collection = {
            let mut item = arriving(8, "x", &there, Some("there"));
            item.version.collection = Collection::new("Other").unwrap();
            item
        };
        let items = vec![
            arriving(6, "x", &there, Some("other")),
            arriving(7, "x", &there, None),
            other_collection,
            arriving(9, "x", &there, Some("there")),
        ];
        let applied = receive(&store, 2, items).await;
        assert_eq!((applied.already_present, applied.collided), (4, 3));
        assert_eq!((reads(&store, "x"), changes(&store, 0)), (vec!["there".into()], rows));
    });
}

/// The database has had it: it was deleted here, and the deletion forgotten since.
#[test]
fn a_forgotten_deletion_does_not_come_back_to_life() {
    on_both(async |place| {
        let store = place.open(1);
        let epoch = session(&store, 2).await.epoch;
        store.apply(progress(2, epoch, 9, &vector(&[(2, 9), (3, 4)]))).await.unwrap();
        let items = vec![
            arriving(10, "a", &vector(&[(2, 9)]), Some("late")),
            arriving(11, "b", &vector(&[(2, 3), (3, 4)]), Some("late")),
            arriving(12, "c", &vector(&[(3, 4)]), None),
        ];
        let applied = store.apply(batch(2, epoch, 9, items)).await.unwrap();
        assert_eq!((applied.already_present, applied.collided), (3, 0));
        for id in ["a", "b", "c"] {
            assert_eq!(lookup(&store, id), Lookup::Missing);
        }
        assert_eq!((store.last_etag(), counts(&store)), (Etag::ZERO, (0, 0, 0)));
        // What the database has not seen is new, also in part.
        let items = vec![
            arriving(13, "a", &vector(&[(2, 10)]), Some("new")),
            arriving(14, "b", &vector(&[(2, 3), (3, 5)]), Some("new")),
        ];
        assert_eq!(store.apply(batch(2, epoch, 12, items)).await.unwrap().applied, 2);
        audit(&store.snapshot());
    });
}

#[test]
fn sources_have_places_of_their_own() {
    on_both(async |place| {
        let store = place.open(1);
        let (two, three) = (session(&store, 2).await.epoch, session(&store, 3).await.epoch);
        let item =
            |n, number, name: &str| vec![arriving(number, name, &vector(&[(n, number)]), None)];
        store.apply(batch(2, two, 0, item(2, 50, "a"))).await.unwrap();
        let refused = store.apply(batch(3, three, 50, item(3, 60, "b"))).await;
        assert!(matches!(refused, Err(ApplyError::Gap { .. })), "{refused:?}");
        store.apply(batch(3, three, 0, item(3, 7, "b"))).await.unwrap();
        let at = |n| store.snapshot().cursor(source(n)).unwrap().unwrap().etag();
        assert_eq!((at(2), at(3)), (etag(50), etag(7)));
    });
}

/// What comes back to where it was written is nothing new there.
#[test]
fn an_echo_writes_nothing() {
    on_both(async |place| {
        let (one, other) = (place.open(1), in_memory(2));
        put(&one, "a", "1").await;
        put(&one, "b", "1").await;
        delete(&one, "b").await;
        copy(&one, &other).await;
        let before = header_and_rows(&one).await;
        let mut back = Link::open(&other, &one).await;
        let batch = Incoming { frontier: None, ..back.next(100) };
        assert_eq!(batch.items.len(), 2);
        let applied = back.apply(batch).await;
        assert_eq!((applied.already_present, applied.collided), (2, 0));
        assert_eq!(header_and_rows(&one).await, before);
    });
}

/// A deletion whose successor does not remember it is sent on, also where both have come in one
/// transaction: what the document had before it has gone with it, here, and is to go there.
#[tokio::test]
async fn a_deletion_that_is_not_remembered_is_sent_on() {
    let here = in_memory(9);
    task(&here, 1, true).await;
    let live = arriving(1, "d", &vector(&[(1, 1)]), Some("1"));
    receive(&here, 1, vec![live]).await;
    let together = |number, vector: &_, body| {
        let item = arriving(number, "d", vector, body);
        Item { transaction: mark(2, 2), ..item }
    };
    let (second, third) = (vector(&[(1, 2)]), vector(&[(1, 3)]));
    let items = vec![together(2, &second, None), together(3, &third, Some("3"))];
    receive(&here, 1, items).await;
    audit(&here.snapshot());
    let said: Vec<_> = changes(&here, 0).iter().map(says).collect();
    assert_eq!(said, ["1", "†", "3"]);
    // Another that is overwritten in its own transaction nobody sees.
    let together = |number, vector: &_, body| {
        let item = arriving(number, "d", vector, body);
        Item { transaction: mark(4, 2), ..item }
    };
    let (fourth, fifth) = (vector(&[(1, 4)]), vector(&[(1, 5)]));
    let items = vec![together(4, &fourth, Some("4")), together(5, &fifth, Some("5"))];
    receive(&here, 1, items).await;
    let said: Vec<_> = changes(&here, 0).iter().map(says).collect();
    assert_eq!(said, ["1", "†", "3", "5"]);
    audit(&here.snapshot());
}
