//! Versions that have not seen each other stand side by side until one comes that has seen all.

use jackdaw_common::{ChangeVector, Collection, Etag, Item};

use super::super::harness::*;
use crate::{Lookup, Store, TransactError, tables::changes::ChangeRow};

fn versions(store: &Store, document: &str) -> Vec<ChangeRow> {
    match lookup(store, document) {
        Lookup::Conflict(rows) => rows,
        other => panic!("{document} is {other:?}"),
    }
}

/// The canonical order of vectors: that of their bytes.
fn in_order(rows: &[ChangeRow]) -> bool {
    rows.is_sorted_by(|one, other| one.version.vector < other.version.vector)
}

fn from(n: u8, number: u64, body: &str) -> Item {
    arriving(number, "x", &vector(&[(n, number)]), Some(body))
}

#[test]
fn concurrent_versions_are_kept_both() {
    on_both(async |place| {
        let store = place.open(1);
        let mine = put(&store, "X", "mine").await.vector;
        let applied = receive(&store, 2, vec![from(2, 5, "theirs")]).await;
        assert_eq!((applied.conflicted, applied.applied), (1, 0));

        let rows = versions(&store, "x");
        assert!(in_order(&rows));
        assert_eq!(reads(&store, "x"), ["mine", "theirs"]);
        assert_eq!(counts(&store), (0, 0, 1));
        // Both travel on; only the one that came into the conflict says so.
        let rows: Vec<_> = changes(&store, 0);
        assert_eq!(rows.iter().map(|row| row.etag.get()).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(rows.iter().map(|row| row.conflicted).collect::<Vec<_>>(), [false, true]);
        assert_eq!(rows[0].version.vector, mine);
        assert_eq!(rows[1].version.vector, vector(&[(2, 5)]));
        // Each keeps the casing it was written with.
        assert_eq!([rows[0].version.id.as_str(), rows[1].version.id.as_str()], ["X", "x"]);
        audit(&store.snapshot());
        drop(store);
        let store = place.open(1);
        assert_eq!(versions(&store, "x").len(), 2);
        audit(&store.snapshot());
    });
}

#[test]
fn the_order_of_arrival_does_not_show() {
    on_both(async |place| {
        let (one, other) = (place.open(1), in_memory(1));
        let all = [from(4, 3, "c"), from(2, 9, "a"), from(3, 5, "b")];
        receive(&one, 9, all.to_vec()).await;
        receive(&other, 9, all.iter().rev().cloned().collect()).await;
        let said = |store| versions(store, "x").iter().map(says).collect::<Vec<_>>();
        assert_eq!(
            (said(&one), said(&other)),
            (said(&other), vec!["a".into(), "b".into(), "c".into()])
        );
        assert_eq!((counts(&one), counts(&other)), ((0, 0, 1), (0, 0, 1)));
        audit(&one.snapshot());
    });
}

#[test]
fn three_sources_make_three_versions() {
    on_both(async |place| {
        let hub = place.open(9);
        let mut bodies = Vec::new();
        for n in 1..=3 {
            let source = in_memory(n);
            let body = format!("test{n}");
            put(&source, "foo/bar", &body).await;
            copy(&source, &hub).await;
            bodies.push(body);
            assert_eq!(reads(&hub, "foo/bar"), bodies);
            audit(&hub.snapshot());
        }
        assert_eq!((counts(&hub), changes(&hub, 0).len()), ((0, 0, 1), 3));
    });
}

#[test]
fn a_newer_version_takes_the_place_of_the_one_it_has_seen() {
    on_both(async |place| {
        let store = place.open(1);
        put(&store, "x", "mine").await;
        receive(&store, 2, vec![from(2, 5, "theirs")]).await;
        let applied = receive(&store, 2, vec![from(2, 6, "newer")]).await;
        assert_eq!((applied.conflicted, applied.already_present), (1, 0));
        assert_eq!(reads(&store, "x"), ["mine", "newer"]);
        let rows: Vec<_> = changes(&store, 0);
        let places: Vec<_> = rows.iter().map(|row| (row.etag.get(), row.previous.get())).collect();
        assert_eq!(places, [(1, 0), (3, 2)]);
        assert_eq!(counts(&store), (0, 0, 1));
        // The older one again is known.
        let applied = receive(&store, 2, vec![from(2, 5, "theirs"), from(2, 6, "newer")]).await;
        assert_eq!((applied.already_present, applied.collided), (2, 0));
        // The same vector with other content: counted among several too.
        let applied = receive(&store, 2, vec![from(2, 6, "forged")]).await;
        assert_eq!((applied.already_present, applied.collided), (1, 1));
        assert_eq!(store.last_etag(), etag(3));
        audit(&store.snapshot());
    });
}

#[test]
fn a_version_that_has_seen_some_takes_their_place() {
    on_both(async |place| {
        let store = place.open(1);
        receive(&store, 9, vec![from(2, 5, "2"), from(3, 5, "3"), from(4, 5, "4")]).await;
        let some = vector(&[(2, 5), (3, 6)]);
        let applied = receive(&store, 9, vec![arriving(6, "x", &some, Some("some"))]).await;
        assert_eq!((applied.conflicted, applied.applied), (1, 0));
        assert_eq!(reads(&store, "x"), ["4", "some"]);
        assert!(in_order(&versions(&store, "x")));
        audit(&store.snapshot());
    });
}

#[test]
fn a_version_that_has_seen_all_ends_the_conflict() {
    on_both(async |place| {
        for body in [Some("all"), None] {
            let store = in_memory(1);
            receive(&store, 9, vec![from(2, 5, "2"), from(3, 5, "3")]).await;
            let all = vector(&[(2, 5), (3, 5), (4, 1)]);
            let applied = receive(&store, 9, vec![arriving(6, "x", &all, body)]).await;
            assert_eq!((applied.applied, applied.conflicted), (1, 0));
            assert_eq!(reads(&store, "x"), [body.unwrap_or("†")]);
            let row = found(&store, "x");
            assert_eq!((&row.version.vector, row.conflicted), (&all, false));
            assert_eq!(changes(&store, 0), [row]);
            let live = u64::from(body.is_some());
            assert_eq!(counts(&store), (live, 1 - live, 0));
            audit(&store.snapshot());
        }
        drop(place);
    });
}

#[test]
fn a_local_write_ends_the_conflict() {
    on_both(async |place| {
        let store = place.open(1);
        let epoch = session(&store, 7).await.epoch;
        store.apply(progress(7, epoch, 3, &vector(&[(7, 3)]))).await.unwrap();
        for (document, body) in [("put", Some("resolved")), ("delete", None)] {
            let of = |n, number| {
                let mut item = arriving(number, document, &vector(&[(n, number)]), Some("-"));
                item.version.collection = format!("C{n}").parse().unwrap();
                item
            };
            receive(&store, 9, vec![of(3, 5), of(2, 6)]).await;
            let number = store.last_etag().get() + 1;
            let written = match body {
                Some(body) => put(&store, document, body).await,
                None => delete(&store, document).await,
            };
            let all = vector(&[(1, number), (2, 6), (3, 5), (7, 3)]);
            assert_eq!((&written.vector, written.etag), (&all, etag(number)));
            let row = found(&store, document);
            assert_eq!((&row.version.vector, row.minted), (&all, Some(entry(1, number))));
            // A deletion belongs where the newest version did.
            let collection = body.map_or("C2", |_| "Users");
            assert_eq!(row.version.collection.as_str(), collection);
            assert_eq!(changes(&store, number - 1), [row]);
            // None of the versions comes back.
            let applied = receive(&store, 9, vec![of(2, 6), of(3, 5)]).await;
            assert_eq!(applied.already_present, 2);
            audit(&store.snapshot());
        }
        assert_eq!((counts(&store), changes(&store, 0).len()), ((1, 1, 0), 2));
        // What a resolution has seen stays with the document.
        assert_eq!(store.vector(), vector(&[(1, 6), (7, 3)]));
    });
}

#[test]
fn an_expectation_of_a_conflict_is_the_merge_of_its_versions() {
    on_both(async |place| {
        let store = place.open(1);
        put(&store, "x", "mine").await;
        receive(&store, 2, vec![from(2, 5, "theirs")]).await;
        let merge = vector(&[(1, 1), (2, 5)]);
        for wrong in [ChangeVector::empty(), vector(&[(1, 1)]), vector(&[(2, 5)])] {
            for command in [putting("x", "2"), deleting("x")] {
                match one(&store, expecting(&wrong, command)).await {
                    Err(TransactError::Mismatch { actual, .. }) => assert_eq!(actual, merge),
                    other => panic!("{wrong}: {other:?}"),
                }
            }
        }
        assert_eq!(counts(&store), (0, 0, 1));
        one(&store, expecting(&merge, putting("x", "2"))).await.unwrap();
        assert_eq!(reads(&store, "x"), ["2"]);
    });
}

/// Deleted here, changed there: the deletion is a version like any other.
#[test]
fn a_deletion_and_a_change_are_in_conflict() {
    on_both(async |place| {
        let (source, store) = (in_memory(2), place.open(1));
        put(&source, "users/1", "1").await;
        copy(&source, &store).await;
        delete(&store, "users/1").await;
        put(&source, "users/1", "2").await;
        put(&source, "marker", "1").await;
        copy(&source, &store).await;
        assert_eq!(reads(&store, "users/1"), ["2", "†"]);
        assert_eq!((reads(&store, "marker"), counts(&store)), (vec!["1".into()], (1, 0, 1)));
        // It travels back as what it is.
        copy(&store, &source).await;
        assert_eq!(reads(&source, "users/1"), ["2", "†"]);
        assert_eq!((versions(&source, "users/1").len(), counts(&source)), (2, (1, 0, 1)));
        // Deleting it again, here, settles it everywhere.
        delete(&store, "users/1").await;
        copy(&store, &source).await;
        for store in [&store, &source] {
            assert_eq!((reads(store, "users/1"), counts(store)), (vec!["†".into()], (1, 1, 0)));
            audit(&store.snapshot());
        }
    });
}

#[test]
fn two_deletions_are_no_conflict() {
    on_both(async |place| {
        let (one, other) = (place.open(1), in_memory(2));
        for store in [&one, &other] {
            put(store, "x", "1").await;
            delete(store, "x").await;
        }
        // Each takes the other's once, and then both are still.
        let merged = vector(&[(1, 2), (2, 2)]);
        let mut there = Link::open(&one, &other).await;
        let mut back = Link::open(&other, &one).await;
        let applied = there.apply(there.next(100)).await;
        assert_eq!((applied.merged, applied.applied, applied.conflicted), (1, 0, 0));
        back.run(100).await;
        there.run(100).await;
        let still = (one.last_etag(), other.last_etag());
        assert_eq!(there.run(100).await + back.run(100).await, 0);
        assert_eq!((one.last_etag(), other.last_etag()), still);
        for store in [&one, &other] {
            let row = found(store, "x");
            assert_eq!((&row.version.vector, says(&row)), (&merged, "†".to_owned()));
            assert_eq!((row.minted, counts(store)), (None, (0, 1, 0)));
            assert_eq!(changes(store, 0), [row]);
            audit(&store.snapshot());
        }
    });
}

#[test]
fn a_conflict_travels_and_its_end_travels_back() {
    on_both(async |place| {
        let (a, b, c) = (place.open(1), in_memory(2), in_memory(3));
        put(&a, "x", "Karmel").await;
        put(&b, "x", "Oren").await;
        copy(&a, &b).await;
        copy(&a, &c).await;
        assert_eq!(reads(&c, "x"), ["Karmel"]);
        copy(&b, &a).await;
        copy(&a, &c).await;
        for store in [&a, &b, &c] {
            assert_eq!(reads(store, "x"), ["Karmel", "Oren"]);
            assert_eq!(counts(store), (0, 0, 1));
        }
        put(&b, "x", "Resolved").await;
        copy(&b, &a).await;
        copy(&a, &c).await;
        for store in [&a, &b, &c] {
            assert_eq!((reads(store, "x"), counts(store)), (vec!["Resolved".into()], (1, 0, 0)));
            assert_eq!(changes(store, 0).len(), 1);
            audit(&store.snapshot());
        }
    });
}

#[test]
fn documents_without_a_collection_and_others_beside_them() {
    on_both(async |place| {
        let store = place.open(1);
        let bare = |n, number| {
            let mut item = from(n, number, "1");
            item.version.collection = Collection::default();
            item
        };
        receive(&store, 9, vec![bare(2, 5), bare(3, 6)]).await;
        assert!(versions(&store, "x").iter().all(|row| row.version.collection.is_empty()));
        put(&store, "y", "1").await;
        let row = found(&store, "y");
        assert_eq!((row.conflicted, row.previous), (false, Etag::ZERO));
        assert_eq!(counts(&store), (1, 0, 1));
        // A deletion that arrives for another document leaves the conflict alone.
        receive(&store, 9, vec![arriving(7, "z", &vector(&[(2, 7)]), None)]).await;
        assert_eq!(counts(&store), (1, 1, 1));
        audit(&store.snapshot());
    });
}

/// One batch that opens a conflict, moves it and ends it, in one transaction and in three.
#[test]
fn a_conflict_within_a_batch_leaves_no_rows() {
    on_both(async |place| {
        for whole in [true, false] {
            let store = if whole { place.open(1) } else { in_memory(1) };
            let all = vector(&[(2, 6), (3, 7)]);
            let mut items = vec![
                from(2, 5, "2"),
                from(3, 6, "3"),
                arriving(7, "x", &vector(&[(2, 6)]), Some("2b")),
                arriving(8, "x", &all, Some("all")),
            ];
            if whole {
                items.iter_mut().for_each(|item| item.transaction = mark(5, 4));
            }
            let applied = receive(&store, 9, items).await;
            assert_eq!((applied.applied, applied.conflicted), (2, 2));
            let row = found(&store, "x");
            let expected = if whole { mark(1, 4) } else { mark(4, 1) };
            assert_eq!((row.transaction, row.etag), (expected, etag(4)));
            assert_eq!((changes(&store, 0), counts(&store)), (vec![row], (1, 0, 0)));
            audit(&store.snapshot());
        }
    });
}
