//! Revisions that arrive: stored once, whatever is configured here, and never the document.

use std::sync::Arc;

use jackdaw_common::{Content, Kept, Timestamp, item::RevisionsRule};

use super::super::{
    harness::*,
    local::{parts::*, revisions::*},
};
use crate::{Forget, Store};

async fn forget(store: &Store) -> u64 {
    let (mut after, mut all) = (None, 0);
    loop {
        let before = Timestamp::from_micros(i64::MAX);
        let done = store.forget(Forget { before, after }).await.unwrap();
        all += done.tombstones + done.trims;
        after = done.next;
        if after.is_none() {
            audit(&store.snapshot());
            return all;
        }
    }
}

/// Whatever the destination has configured, it has the source's revisions and no others
/// (scenarios REV-01, REV-10).
#[tokio::test]
async fn a_copy_has_the_same_revisions() {
    let off = RevisionsRule { disabled: true, ..all() };
    for rule in [None, Some(all()), Some(newest(1)), Some(off), Some(purging())] {
        let (here, there) = (in_memory(1), in_memory(2));
        configure(&here, Some(all())).await;
        configure(&there, rule.clone()).await;
        for batch in [1, usize::MAX] {
            put(&here, "d", "1").await;
            put(&here, "d", "2").await;
            delete(&here, "d").await;
            put(&here, "d", "3").await;
            Link::open(&here, &there).await.run(batch).await;
            let same = revised(&here, "d");
            assert_eq!(revised(&there, "d"), same, "{rule:?}");
            assert_eq!(reads(&there, "d"), ["3"]);
        }
        assert_eq!(there.vector(), here.vector(), "nothing was minted");
        // It all comes again, and nothing is written.
        let last = there.last_etag();
        assert_eq!(Link::open(&here, &there).await.repeat().await, 0);
        assert_eq!(there.last_etag(), last);
    }
}

/// In a first copy of what was written long ago the old versions are revisions and nothing else:
/// the document is never what it was, and one that was deleted and forgotten does not come back.
#[tokio::test]
async fn an_old_version_never_reads_as_the_document() {
    let (here, there) = (in_memory(1), in_memory(2));
    configure(&here, Some(newest(2))).await;
    for body in ["1", "2", "3"] {
        put(&here, "d", body).await;
        put(&here, "gone", body).await;
    }
    delete(&here, "gone").await;
    assert!(forget(&here).await >= 1);
    let mut link = Link::open(&here, &there).await;
    loop {
        let next = link.next(1);
        let whole = next.frontier.is_some();
        link.apply(next).await;
        let now = reads(&there, "d");
        assert!(now.is_empty() || now == ["3"], "{now:?}");
        assert_ne!(reads(&there, "gone"), ["3"]);
        audit(&there.snapshot());
        if whole {
            break;
        }
    }
    assert_eq!(revised(&there, "d"), ["3", "2"]);
    assert_eq!(revised(&there, "gone"), ["†", "3"]);
    assert_eq!(reads(&there, "gone"), [""; 0]);
}

/// The same over two ways is one (scenario REV-08).
#[tokio::test]
async fn a_revision_over_two_ways_is_one() {
    let [one, other, third] = [1, 2, 3].map(in_memory);
    configure(&one, Some(all())).await;
    put(&one, "d", "1").await;
    put(&one, "d", "2").await;
    copy(&one, &other).await;
    // Of the other way nothing tells yet that it has come to the end.
    let mut link = Link::open(&one, &third).await;
    let mut part = link.next(usize::MAX);
    part.frontier = None;
    link.apply(part).await;
    let last = third.last_etag();
    copy(&other, &third).await;
    assert_eq!(revised(&third, "d"), ["2", "1"]);
    assert_eq!(third.last_etag(), last);
    for (from, to) in [(&third, &one), (&third, &other), (&other, &one)] {
        let last = to.last_etag();
        copy(from, to).await;
        assert_eq!(to.last_etag(), last, "it goes round");
    }
}

/// What a rule removes is removed in every copy, whatever is configured there (scenario REV-16).
///
/// Bug 53: what says that revisions are removed did not travel.
#[tokio::test]
async fn what_is_removed_is_removed_everywhere() {
    let [here, there, end] = [1, 2, 3].map(in_memory);
    configure(&here, Some(purging())).await;
    for document in ["a", "b"] {
        put(&here, document, "1").await;
        put(&here, document, "2").await;
    }
    copy(&here, &there).await;
    copy(&there, &end).await;
    delete(&here, "a").await;
    copy(&here, &there).await;
    copy(&there, &end).await;
    for store in [&here, &there, &end] {
        assert_eq!(revised(store, "a"), [""; 0]);
        assert_eq!(revised(store, "b"), ["2", "1"]);
        let header = store.snapshot().header().clone();
        assert_eq!((header.tombstones, header.trims), (1, 1));
        assert_eq!(forget(store).await, 2);
        assert_eq!(changes(store, 0).len(), 2);
    }
}

/// One that comes late, after it was removed, does not come back: neither while that is remembered
/// nor after (bug 51).
#[tokio::test]
async fn a_late_revision_does_not_come_back() {
    for forgotten in [false, true] {
        let [here, there, third] = [1, 2, 3].map(in_memory);
        configure(&here, Some(all())).await;
        put(&here, "d", "1").await;
        put(&here, "d", "2").await;
        copy(&here, &third).await;
        configure(&here, Some(newest(1))).await;
        put(&here, "d", "3").await;
        copy(&here, &there).await;
        if forgotten {
            assert_eq!(forget(&there).await, 1);
        }
        let last = there.last_etag();
        copy(&third, &there).await;
        assert_eq!(revised(&there, "d"), ["3"]);
        assert_eq!(there.last_etag(), last);
        // What says that it is gone comes again, and is known.
        assert_eq!(Link::open(&here, &there).await.repeat().await, 0);
        assert_eq!(there.last_etag(), last);
        // And where it is, it goes.
        copy(&here, &third).await;
        assert_eq!(revised(&third, "d"), ["3"]);
    }
}

/// Two deletions become one, and each stays a revision.
#[tokio::test]
async fn deletions_that_merge_are_two_revisions() {
    let (here, there) = (in_memory(1), in_memory(2));
    for store in [&here, &there] {
        configure(store, Some(all())).await;
    }
    put(&here, "d", "1").await;
    copy(&here, &there).await;
    delete(&here, "d").await;
    delete(&there, "d").await;
    copy(&here, &there).await;
    copy(&there, &here).await;
    copy(&here, &there).await;
    for store in [&here, &there] {
        assert_eq!(revised(store, "d"), ["†", "†", "1"]);
        assert_eq!(counts(store), (0, 1, 0));
    }
}

/// Their attachments come with them and go with them.
#[tokio::test]
async fn contents_of_revisions_are_counted_in_a_copy() {
    let (here, there) = (in_memory(1), in_memory(2));
    configure(&here, Some(newest(2))).await;
    put(&here, "d", "1").await;
    let [row] = &changes(&here, 0)[..] else { panic!() };
    assert!(row.version.kept.is_some());
    copy(&here, &there).await;
    wrote(&here, adding("d", "likes", 3)).await;
    put(&here, "d", "2").await;
    copy(&here, &there).await;
    let of = |store: &Store| {
        let snapshot = store.snapshot();
        let all: Vec<_> = snapshot.revisions(&id("d"), None).map(Result::unwrap).collect();
        all.iter().map(|it| snapshot.revised(&it.1).unwrap().version.kept).collect::<Vec<_>>()
    };
    assert_eq!(of(&here), of(&there), "with what they had");
}

/// What is removed is remembered as long as what it was of may come again.
#[tokio::test]
async fn what_may_come_again_is_remembered_to_be_removed() {
    let (here, there) = (in_memory(1), in_memory(2));
    configure(&here, Some(all())).await;
    put(&here, "d", "1").await;
    put(&here, "d", "2").await;
    let mut link = Link::open(&here, &there).await;
    let mut part = link.next(usize::MAX);
    part.frontier = None;
    link.apply(part).await;
    assert_eq!(revised(&there, "d"), ["2", "1"]);
    // It is removed before anything says that all of the source has come.
    configure(&there, Some(newest(1))).await;
    assert_eq!(enforce(&there).await.removed, 1);
    assert_eq!(forget(&there).await, 0);
    let mut again = Link::open(&here, &there).await;
    let mut part = again.next(usize::MAX);
    part.frontier = None;
    again.apply(part).await;
    assert_eq!(revised(&there, "d"), ["2"]);
    again.run(usize::MAX).await;
    assert_eq!(forget(&there).await, 1);
    again.repeat().await;
    assert_eq!(revised(&there, "d"), ["2"]);
}

/// Removals are joined, whatever each of them has seen of the others.
///
/// Bug 50: what was removed was written anew each time it came, without end.
#[tokio::test]
async fn removals_are_joined() {
    let here = in_memory(9);
    let gone = |number, seen: &[(u8, u64)], removed: &[(u8, u64)]| {
        let mut item = arriving(number, "d", &vector(seen), None);
        item.version.content = Content::RevisionTombstone(vector(removed));
        item
    };
    let removed = |store: &Store| {
        let rows = changes(store, 0);
        let row = rows.iter().find(|row| row.version.content.is_part()).unwrap();
        let Content::RevisionTombstone(removed) = &row.version.content else { panic!() };
        (row.version.vector.clone(), removed.clone())
    };
    receive(&here, 1, vec![gone(1, &[(1, 5)], &[(1, 3)])]).await;
    // One that has seen it, and has forgotten it.
    let applied = receive(&here, 2, vec![gone(1, &[(1, 5), (2, 7)], &[(2, 7)])]).await;
    assert_eq!((applied.merged, applied.collided), (1, 0));
    let both = (vector(&[(1, 5), (2, 7)]), vector(&[(1, 3), (2, 7)]));
    assert_eq!(removed(&here), both);
    for again in [gone(2, &[(1, 5), (2, 7)], &[(2, 7)]), gone(3, &[(1, 5)], &[(1, 3)])] {
        let applied = receive(&here, 3, vec![again]).await;
        assert_eq!((applied.already_present, applied.collided), (1, 0));
    }
    assert_eq!(removed(&here), both);
    audit(&here.snapshot());
}

/// A revision that some of those who keep it have removed goes when the others do, though the first
/// removal is forgotten.
#[tokio::test]
async fn who_has_removed_a_revision_keeps_it_no_longer() {
    let here = in_memory(9);
    let kept = |number, by: &[(u8, u64)]| {
        let mut item = arriving(number, "d", &vector(&[(1, 1)]), Some("1"));
        let parts = Default::default();
        item.version.kept = Some(Arc::new(Kept { by: vector(by), parts }));
        item.past = true;
        item
    };
    let gone = |number, removed: &[(u8, u64)]| {
        let mut item = arriving(number, "d", &vector(removed), None);
        item.version.content = Content::RevisionTombstone(vector(removed));
        item
    };
    receive(&here, 2, vec![kept(1, &[(2, 2), (3, 3)])]).await;
    receive(&here, 2, vec![gone(2, &[(2, 4)])]).await;
    assert_eq!(revised(&here, "d"), ["1"]);
    let snapshot = here.snapshot();
    let (_, revision) = snapshot.revisions(&id("d"), None).next().unwrap().unwrap();
    assert_eq!(revision.by, vector(&[(3, 3)]));
    receive(&here, 3, vec![gone(1, &[(3, 4)])]).await;
    assert_eq!(revised(&here, "d"), [""; 0]);
}
