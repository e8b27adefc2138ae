//! A document's life in one database: put, read, overwrite, delete, create again.

use bytes::Bytes;
use jackdaw_common::{ChangeVector, Content, Etag, Timestamp, limits::DOCUMENT_ID_BYTES_MAX};

use super::super::harness::*;
use crate::{Lookup, TransactError, Written};

#[test]
fn a_new_document_reads_back() {
    on_both(async |place| {
        let store = place.open_at(1, TestClock::at(5_000));
        let written = put(&store, "Users/1", "{}").await;
        assert_eq!(written.vector, vector(&[(1, 1)]));
        assert_eq!((written.id.as_str(), written.etag), ("Users/1", etag(1)));

        let row = found(&store, "Users/1");
        assert_eq!(row.version.content, Content::Document(Bytes::from_static(b"{}")));
        assert_eq!(row.version.id.as_str(), "Users/1");
        assert_eq!(row.version.collection.as_str(), "Users");
        assert_eq!(row.version.vector, written.vector);
        assert_eq!(row.version.last_modified, Timestamp::from_micros(5_000));
        assert_eq!(row.minted, Some(entry(1, 1)));
        assert_eq!((row.etag, row.previous), (etag(1), Etag::ZERO));
        assert_eq!((row.transaction, row.conflicted), (mark(1, 1), false));
        assert_eq!(store.last_etag(), etag(1));
        assert_eq!(store.vector(), vector(&[(1, 1)]));
        assert_eq!(counts(&store), (1, 0, 0));
        audit(&store.snapshot());
    });
}

#[test]
fn what_was_never_written_is_missing() {
    on_both(async |place| {
        let store = place.open(1);
        assert_eq!(lookup(&store, "users/1"), Lookup::Missing);
        assert_eq!((store.last_etag(), counts(&store)), (Etag::ZERO, (0, 0, 0)));
        assert!(store.vector().is_empty());
        audit(&store.snapshot());
    });
}

#[test]
fn an_overwrite_leaves_one_row() {
    on_both(async |place| {
        let store = place.open(1);
        put(&store, "users/1", "a").await;
        put(&store, "users/2", "b").await;
        let written = put(&store, "users/1", "c").await;
        assert_eq!((written.etag, written.vector), (etag(3), vector(&[(1, 3)])));
        assert_eq!(reads(&store, "users/1"), ["c"]);
        let all = changes(&store, 0);
        let etags: Vec<_> = all.iter().map(|row| (row.etag.get(), row.previous.get())).collect();
        assert_eq!(etags, [(2, 0), (3, 1)]);
        assert_eq!(counts(&store), (2, 0, 0));
        audit(&store.snapshot());
    });
}

/// The same body again is a write like any other.
#[test]
fn an_equal_body_is_written_too() {
    on_both(async |place| {
        let store = place.open(1);
        put(&store, "users/1", "a").await;
        let again = put(&store, "users/1", "a").await;
        assert_eq!((again.etag, again.vector), (etag(2), vector(&[(1, 2)])));
    });
}

#[test]
fn a_delete_leaves_a_tombstone() {
    on_both(async |place| {
        let store = place.open(1);
        put(&store, "users/1", "a").await;
        let written = delete(&store, "users/1").await;
        assert_eq!((written.etag, &written.vector), (etag(2), &vector(&[(1, 2)])));
        let row = found(&store, "users/1");
        assert_eq!(row.version.content, Content::Tombstone);
        assert_eq!(row.version.collection.as_str(), "Users");
        assert_eq!((row.minted, row.previous), (Some(entry(1, 2)), etag(1)));
        assert_eq!(row.version.vector, written.vector);
        assert_eq!(counts(&store), (0, 1, 0));
        assert_eq!(changes(&store, 0), [row]);
        audit(&store.snapshot());
    });
}

#[test]
fn a_delete_of_nothing_writes_nothing() {
    on_both(async |place| {
        let store = place.open(1);
        put(&store, "users/1", "a").await;
        delete(&store, "users/1").await;
        for id_text in ["users/1", "users/2"] {
            let written = delete(&store, id_text).await;
            let nothing = Written {
                id: id(id_text),
                vector: ChangeVector::empty(),
                etag: Etag::ZERO,
                value: None,
            };
            assert_eq!(written, nothing);
        }
        assert_eq!((store.last_etag(), counts(&store)), (etag(2), (0, 1, 0)));
        assert_eq!(store.vector(), vector(&[(1, 2)]));
        assert_eq!(lookup(&store, "users/2"), Lookup::Missing);
    });
}

#[test]
fn a_put_takes_the_tombstone_away() {
    on_both(async |place| {
        let store = place.open(1);
        put(&store, "users/1", "a").await;
        delete(&store, "users/1").await;
        let written = put(&store, "users/1", "b").await;
        assert_eq!(written.vector, vector(&[(1, 3)]));
        assert_eq!(reads(&store, "users/1"), ["b"]);
        assert_eq!(found(&store, "users/1").previous, etag(2));
        assert_eq!(changes(&store, 0).len(), 1);
        assert_eq!(counts(&store), (1, 0, 0));
        audit(&store.snapshot());
    });
}

/// Ids are one whatever their casing; the casing of the first write stays for as long as the
/// document lives, and goes with it.
#[test]
fn the_casing_of_the_first_write_stays() {
    on_both(async |place| {
        let store = place.open(1);
        for [first, second, third] in
            [["Users/Ä", "users/ä", "USERS/Ä"], ["fooBAR", "FOObar", "foobar"]]
        {
            assert_eq!(put(&store, first, "a").await.id.as_str(), first);
            assert_eq!(put(&store, second, "b").await.id.as_str(), first);
            for asked in [first, second, third] {
                assert_eq!(found(&store, asked).version.id.as_str(), first);
                assert_eq!(reads(&store, asked), ["b"]);
            }
            assert_eq!(delete(&store, second).await.id.as_str(), first);
            assert_eq!(found(&store, first).version.id.as_str(), first);
            assert_eq!(put(&store, third, "c").await.id.as_str(), third);
            assert_eq!(found(&store, first).version.id.as_str(), third);
        }
        assert_eq!(counts(&store), (2, 0, 0));
        audit(&store.snapshot());
    });
}

#[test]
fn ids_and_bodies_of_any_size_read_back() {
    on_both(async |place| {
        let store = place.open(1);
        // The lower case of this letter is longer than the letter: so is the key of the id.
        let longest = "Ⱥ".repeat(DOCUMENT_ID_BYTES_MAX / "Ⱥ".len());
        let large = "x".repeat(3 << 20);
        put(&store, &longest, &large).await;
        put(&store, "empty", "").await;
        assert_eq!(reads(&store, &longest), [large]);
        assert_eq!(store.snapshot().documents("ⱥ", None).count(), 1);
        assert_eq!(reads(&store, "empty"), [""]);
        assert_eq!(found(&store, "empty").version.content, Content::Document(Bytes::new()));
        audit(&store.snapshot());
    });
}

#[test]
fn an_expected_vector_that_matches_lets_the_write_through() {
    on_both(async |place| {
        let store = place.open(1);
        let none = ChangeVector::empty();
        let new = one(&store, expecting(&none, putting("a", "1"))).await.unwrap();
        let newer = one(&store, expecting(&new.vector, putting("a", "2"))).await.unwrap();
        let gone = one(&store, expecting(&newer.vector, deleting("a"))).await.unwrap();
        // A deleted document does not exist.
        one(&store, expecting(&none, deleting("a"))).await.unwrap();
        let back = one(&store, expecting(&none, putting("A", "3"))).await.unwrap();
        assert_eq!((gone.etag, back.etag), (etag(3), etag(4)));
        assert_eq!(reads(&store, "a"), ["3"]);
        audit(&store.snapshot());
    });
}

#[test]
fn an_expected_vector_that_does_not_match_writes_nothing() {
    on_both(async |place| {
        let store = place.open(1);
        let none = ChangeVector::empty();
        let old = put(&store, "live", "1").await.vector;
        let live = put(&store, "live", "2").await.vector;
        put(&store, "gone", "1").await;
        let gone = delete(&store, "gone").await.vector;
        let before = store.snapshot().header().clone();
        let cases = [
            (putting("live", "3"), &none, &live),
            (deleting("live"), &none, &live),
            (putting("live", "3"), &old, &live),
            (deleting("live"), &old, &live),
            (putting("gone", "3"), &gone, &none),
            (deleting("gone"), &gone, &none),
            (putting("never", "3"), &old, &none),
            (deleting("never"), &old, &none),
        ];
        for (command, wanted, there) in cases {
            let case = format!("{command:?}");
            match one(&store, expecting(wanted, command)).await {
                Err(TransactError::Mismatch { command: 0, expected, actual, .. }) => {
                    assert_eq!((&expected, &actual), (wanted, there), "{case}");
                }
                other => panic!("{case}: {other:?}"),
            }
        }
        assert_eq!(*store.snapshot().header(), before);
        assert_eq!(
            (reads(&store, "live"), reads(&store, "gone")),
            (vec!["2".into()], vec!["†".into()])
        );
        audit(&store.snapshot());
    });
}

/// A local write has seen all that the database has seen, whoever wrote that.
#[test]
fn a_local_write_covers_the_database_vector() {
    on_both(async |place| {
        let store = place.open(1);
        let epoch = session(&store, 2).await.epoch;
        store.apply(progress(2, epoch, 9, &vector(&[(2, 9), (3, 4)]))).await.unwrap();
        let written = put(&store, "a", "1").await;
        assert_eq!(written.vector, vector(&[(1, 1), (2, 9), (3, 4)]));
        assert_eq!(store.vector(), written.vector);
        assert_eq!(delete(&store, "a").await.vector, vector(&[(1, 2), (2, 9), (3, 4)]));
    });
}

/// What the document alone has seen stays in the document: the database claims no more than a
/// frontier gave it, and what it minted itself.
#[test]
fn a_local_write_raises_the_database_vector_by_its_own_entry_only() {
    on_both(async |place| {
        let store = place.open(1);
        let theirs = vector(&[(2, 9), (3, 4)]);
        receive(&store, 2, vec![arriving(9, "a", &theirs, Some("theirs"))]).await;
        let written = put(&store, "a", "1").await;
        assert_eq!(written.vector, vector(&[(1, 2), (2, 9), (3, 4)]));
        assert_eq!(store.vector(), vector(&[(1, 2)]));
        assert_eq!(reads(&store, "a"), ["1"]);
        audit(&store.snapshot());
    });
}

#[test]
fn everything_is_there_after_opening_again() {
    on_both(async |place| {
        let store = place.open(1);
        put(&store, "live", "1").await;
        put(&store, "gone", "1").await;
        delete(&store, "gone").await;
        let before = (store.snapshot().header().clone(), changes(&store, 0));
        drop(store);
        // The identity it was created with stays, whatever is offered later.
        let store = place.open(9);
        assert_eq!((store.snapshot().header().clone(), changes(&store, 0)), before);
        assert_eq!(store.database_id(), identity(1).database);
        assert_eq!(store.incarnation(), identity(1).incarnation);
        assert_eq!((store.last_etag(), store.vector()), (etag(3), vector(&[(1, 3)])));
        assert_eq!(
            (reads(&store, "live"), reads(&store, "gone")),
            (vec!["1".into()], vec!["†".into()])
        );
        assert_eq!(put(&store, "next", "1").await.etag, etag(4));
        audit(&store.snapshot());
    });
}

/// Also when the newest row is gone: the number of a deleted row is never given out again.
#[test]
fn etags_are_not_given_out_twice() {
    on_both(async |place| {
        let mut last = Etag::ZERO;
        for round in 0..4 {
            let store = place.open(1);
            assert_eq!(store.last_etag(), last);
            for _ in 0..3 {
                let written = put(&store, "only", "1").await;
                assert!(written.etag > last, "round {round}");
                last = written.etag;
            }
            // In one transaction: a row that is gone before anyone saw it takes an etag too.
            let both = vec![putting("passing", "1"), deleting("passing"), putting("only", "2")];
            let written = store.transact(both).await.unwrap();
            assert!(written.iter().map(|one| one.etag).is_sorted());
            assert!(written[0].etag > last);
            last = written[2].etag;
            let newest = changes(&store, 0).last().map(|row| row.etag);
            assert_eq!((newest, store.last_etag()), (Some(last), last));
        }
    });
}
