//! Revisions that clients put, of what another database has kept.

use jackdaw_common::{
    BlobHash, Collection, Content, KeptCounter, KeptParts, Timestamp,
    limits::{REVISION_AHEAD_MICROS_MAX, REVISIONS_AT_ONCE_MAX},
};

use super::super::harness::*;
use super::revisions::*;
use crate::{Command, NewAttachment, NewContent, NewRevision, Store, TransactError};

fn revision(document: &str, body: &str, at: i64) -> NewRevision {
    NewRevision {
        id: id(document),
        collection: Collection::default(),
        content: Content::Document(body.to_owned().into()),
        last_modified: Timestamp::from_micros(at),
        attachments: Vec::new(),
        parts: KeptParts::default(),
    }
}

fn deletion(document: &str, at: i64) -> NewRevision {
    NewRevision { content: Content::Tombstone, ..revision(document, "", at) }
}

fn with(revision: NewRevision, name: &str, content: NewContent) -> NewRevision {
    let (name, content_type) = (name.parse().unwrap(), "".parse().unwrap());
    let attachments = vec![NewAttachment { name, content_type, content }];
    NewRevision { attachments, ..revision }
}

fn putting_revision(revision: NewRevision) -> Command {
    Command::PutRevision(Box::new(revision))
}

async fn revise(store: &Store, revision: NewRevision) -> Result<bool, TransactError> {
    let written = one(store, putting_revision(revision)).await?;
    assert_eq!(written.etag.is_zero(), written.vector.is_empty());
    Ok(!written.etag.is_zero())
}

#[test]
fn they_are_listed_by_time_and_the_document_stays() {
    on_both(async |place| {
        let store = place.open(1);
        let before = put(&store, "d", "now").await;
        for (body, at) in [("2", 2), ("1", 1), ("3", 3), ("before 1970", -5)] {
            assert!(revise(&store, revision("D", body, at)).await.unwrap());
        }
        assert!(revise(&store, deletion("d", 4)).await.unwrap());
        assert!(revise(&store, revision("never", "1", 1)).await.unwrap());
        assert_eq!(revised(&store, "d"), ["†", "3", "2", "1", "before 1970"]);
        assert_eq!((reads(&store, "d"), reads(&store, "never")), (vec!["now".into()], vec![]));
        assert_eq!(found(&store, "d").version.vector, before.vector);
        assert_eq!(counts(&store), (1, 0, 0));
        drop(store);
        let store = place.open(1);
        assert_eq!(revised(&store, "d").len(), 5);
        assert_eq!(revised(&store, "never"), ["1"]);
    });
}

/// An import that is carried out twice, or goes on where it broke off, makes nothing twice.
#[tokio::test]
async fn one_that_is_there_is_not_put_again() {
    let store = in_memory(1);
    assert!(revise(&store, revision("d", "1", 1)).await.unwrap());
    assert!(revise(&store, deletion("d", 1)).await.unwrap());
    let last = store.last_etag();
    assert!(!revise(&store, revision("d", "1", 1)).await.unwrap());
    assert!(!revise(&store, deletion("d", 1)).await.unwrap());
    assert_eq!(store.last_etag(), last);
    assert!(revise(&store, revision("d", "2", 1)).await.unwrap());
    assert!(revise(&store, revision("d", "1", 2)).await.unwrap());
    assert!(revise(&store, revision("e", "1", 1)).await.unwrap());
    let other = NewRevision { collection: "c".parse().unwrap(), ..revision("d", "1", 1) };
    assert!(revise(&store, other).await.unwrap());
    assert_eq!(revised(&store, "d").len(), 5);
    // Nor one that the database has kept itself.
    configure(&store, Some(all())).await;
    put(&store, "d", "3").await;
    put(&store, "d", "4").await;
    let kept = store.snapshot().revisions(&id("d"), None).nth(1).unwrap().unwrap().1;
    let again = revision("d", "3", kept.last_modified.micros());
    let again = NewRevision { collection: kept.collection.clone(), ..again };
    assert!(!revise(&store, again).await.unwrap());
}

#[tokio::test]
async fn one_of_the_future_is_refused() {
    let clock = TestClock::at(1_000);
    let store = Place::memory().open_at(1, clock.clone());
    let last = 1_000 + REVISION_AHEAD_MICROS_MAX;
    let refused =
        store.transact(vec![putting("e", "1"), putting_revision(revision("d", "1", last + 1))]);
    let refused = refused.await.unwrap_err();
    assert!(matches!(&refused, TransactError::RevisionAhead { command: 1, .. }), "{refused}");
    assert_eq!((reads(&store, "e"), revised(&store, "d")), (vec![], vec![]));
    assert!(revise(&store, revision("d", "1", last)).await.unwrap());
    // What is written then is listed behind it all the same.
    configure(&store, Some(all())).await;
    put(&store, "d", "2").await;
    assert_eq!(revised(&store, "d"), ["2", "1"]);
}

/// A content comes with it, or is one that the database has; it stays for as long as it does.
#[tokio::test]
async fn contents_are_held() {
    let store = in_memory(1);
    let (large, small) = (vec![7; 200_000], b"small".to_vec());
    put(&store, "d", "1").await;
    attach(&store, "d", "a", &large).await;
    let held = |content: &[u8]| NewContent::Held(BlobHash::of(content));
    assert!(revise(&store, with(revision("e", "1", 1), "x", held(&large))).await.unwrap());
    let unknown = revise(&store, with(revision("e", "2", 2), "x", held(&small))).await;
    let unknown = unknown.unwrap_err();
    assert!(matches!(&unknown, TransactError::NoContent { command: 0, .. }), "{unknown}");
    let brought = with(revision("e", "2", 2), "x", staged(&store, &small).into());
    assert!(revise(&store, brought).await.unwrap());
    delete(&store, "d").await;
    audit(&store.snapshot());
    assert_eq!(store.snapshot().header().blobs, 2);
    let row = store.snapshot().revisions(&id("e"), None).last().unwrap().unwrap().1;
    let version = store.snapshot().revised(&row).unwrap().version;
    assert_eq!(version.attachments.as_slice()[0].size, 200_000);
    // An earlier command of the transaction brings it, or takes away the last that had it.
    let third = vec![9; 50_000];
    let commands = vec![
        putting("f", "1"),
        attaching(&store, "f", "a", &third),
        putting_revision(with(revision("f", "0", 3), "y", held(&third))),
        deleting("f"),
    ];
    store.transact(commands).await.unwrap();
    audit(&store.snapshot());
    assert_eq!(store.snapshot().header().blobs, 3);
    configure(&store, None).await;
    assert_eq!(enforce(&store).await.removed, 3);
    assert_eq!(store.snapshot().header().blobs, 0);
}

/// They travel as any revision does, with whatever the destination has configured, and never become
/// the document.
#[tokio::test]
async fn they_travel() {
    for (batch, rule) in [(1, None), (usize::MAX, Some(newest(1))), (1, Some(purging()))] {
        let (here, there, beyond) = (in_memory(1), in_memory(2), in_memory(3));
        configure(&there, rule).await;
        let counter = KeptCounter { name: "likes".parse().unwrap(), value: Some(4) };
        let parts = KeptParts { counters: vec![counter], ..KeptParts::default() };
        let first = NewRevision { parts, ..revision("d", "0", 1) };
        let commands = vec![putting_revision(first), putting("d", "1"), putting("e", "1")];
        here.transact(commands).await.unwrap();
        revise(&here, revision("e", "0", 1)).await.unwrap();
        revise(&here, deletion("never", 1)).await.unwrap();
        Link::open(&here, &there).await.run(batch).await;
        Link::open(&there, &beyond).await.run(batch).await;
        for copy in [&there, &beyond] {
            assert_eq!(revised(copy, "d"), ["0"]);
            assert_eq!(revised(copy, "e"), ["0"]);
            assert_eq!(revised(copy, "never"), ["†"]);
            assert_eq!(reads(copy, "d"), ["1"]);
            assert_eq!(reads(copy, "never"), [""; 0]);
            assert_eq!(copy.vector(), here.vector(), "nothing was minted");
            let row = copy.snapshot().revisions(&id("d"), None).next().unwrap().unwrap().1;
            let version = copy.snapshot().revised(&row).unwrap().version;
            assert_eq!(version.kept.unwrap().parts.counters[0].value, Some(4));
        }
        assert_eq!(Link::open(&here, &there).await.repeat().await, 0);
        // Removed where they were put, they go everywhere.
        enforce(&here).await;
        copy(&here, &there).await;
        copy(&there, &beyond).await;
        assert_eq!(revised(&beyond, "d"), [""; 0]);
    }
}

/// What a transaction purges it has not put.
#[tokio::test]
async fn what_is_purged_in_the_same_transaction_is_gone() {
    let store = in_memory(1);
    configure(&store, Some(purging())).await;
    put(&store, "d", "1").await;
    let held = with(revision("d", "0", 1), "a", staged(&store, &[3; 30_000]).into());
    let commands = vec![putting_revision(held), putting("d", "2"), deleting("d")];
    store.transact(commands).await.unwrap();
    assert_eq!(revised(&store, "d"), [""; 0]);
    assert_eq!(store.snapshot().header().blobs, 0);
    let there = in_memory(2);
    copy(&store, &there).await;
    assert_eq!(revised(&there, "d"), [""; 0]);
    assert_eq!(reads(&there, "d"), ["†"]);
}

/// A rule goes by the order in which they came to be kept, and copies go by what it removes.
#[tokio::test]
async fn what_a_rule_leaves_is_left_in_copies() {
    let (here, there) = (in_memory(1), in_memory(2));
    configure(&here, Some(newest(3))).await;
    for at in 1..4 {
        revise(&here, revision("d", &at.to_string(), at)).await.unwrap();
    }
    put(&here, "d", "4").await;
    copy(&here, &there).await;
    assert_eq!(revised(&there, "d"), ["4", "3", "2"]);
    revise(&here, revision("d", "old", 0)).await.unwrap();
    put(&here, "d", "5").await;
    copy(&here, &there).await;
    assert_eq!(revised(&there, "d"), ["5", "4", "old"]);
    assert_eq!(revised(&here, "d"), revised(&there, "d"));
    put(&here, "d", "6").await;
    copy(&here, &there).await;
    assert_eq!(revised(&there, "d"), ["6", "5", "old"]);
    put(&here, "d", "7").await;
    copy(&here, &there).await;
    assert_eq!(revised(&there, "d"), ["7", "6", "5"]);
}

/// Each is compared with all of its time.
#[tokio::test]
async fn there_are_so_many_of_one_time_at_most() {
    let store = in_memory(1);
    let all = |from: usize, to: usize| {
        let one = |n: usize| putting_revision(revision("d", &n.to_string(), 1));
        (from..to).map(one).collect::<Vec<_>>()
    };
    store.transact(all(0, REVISIONS_AT_ONCE_MAX)).await.unwrap();
    let refused = store.transact(all(REVISIONS_AT_ONCE_MAX, REVISIONS_AT_ONCE_MAX + 1)).await;
    let refused = refused.unwrap_err();
    assert!(matches!(&refused, TransactError::RevisionsAtOnce { command: 0, .. }), "{refused}");
    assert!(!revise(&store, revision("d", "7", 1)).await.unwrap());
    assert!(revise(&store, revision("d", "7", 2)).await.unwrap());
}

/// The rule of the database bounds them as it bounds its own.
#[tokio::test]
async fn a_rule_bounds_them() {
    let store = in_memory(1);
    configure(&store, Some(newest(2))).await;
    for at in 1..6 {
        revise(&store, revision("d", &at.to_string(), at)).await.unwrap();
    }
    assert_eq!(revised(&store, "d"), ["5", "4", "3", "2", "1"]);
    put(&store, "d", "6").await;
    assert_eq!(revised(&store, "d"), ["6", "5"]);
}
