//! Counters and time series that arrive, beside what clients have written here.

use jackdaw_common::{ChangeVector, Etag, Timestamp};

use super::super::{harness::*, local::parts::*};
use crate::{Forget, Lookup};

/// Bug 46: what was written meanwhile elsewhere goes with the document.
#[tokio::test]
async fn a_deletion_of_the_document_beats_what_was_written_meanwhile() {
    let (here, there) = (in_memory(1), in_memory(2));
    put(&here, "d", "1").await;
    wrote(&here, adding("d", "likes", 1)).await;
    wrote(&here, appending("d", "heat", &[(1, &[1.0])])).await;
    copy(&here, &there).await;
    wrote(&there, adding("d", "likes", 10)).await;
    wrote(&there, appending("d", "heat", &[(2, &[2.0])])).await;
    delete(&here, "d").await;
    put(&here, "d", "2").await;
    wrote(&here, adding("d", "likes", 100)).await;
    for _ in 0..2 {
        copy(&here, &there).await;
        copy(&there, &here).await;
    }
    for store in [&here, &there] {
        audit(&store.snapshot());
        assert_eq!(counted(store, "d", "likes"), Some(100));
        assert!(shown(store, "d", "heat").is_empty());
        assert_eq!(reads(store, "d"), ["2"]);
    }
}

/// CNT-07: deletions travel; CNT-09 and A15: both sides count, and a deletion does not take what it
/// has not seen.
///
/// Bug 40: an update of a counter did not raise the database vector as it should.
#[tokio::test]
async fn both_sides_count() {
    let (here, there) = (in_memory(1), in_memory(2));
    put(&here, "d", "1").await;
    wrote(&here, adding("d", "likes", 10)).await;
    wrote(&here, adding("d", "gone", 1)).await;
    copy(&here, &there).await;
    wrote(&here, uncounting("d", "gone")).await;
    wrote(&here, adding("d", "likes", 1)).await;
    wrote(&there, adding("d", "likes", 100)).await;
    let both = async || {
        for _ in 0..3 {
            copy(&here, &there).await;
            copy(&there, &here).await;
        }
        [&here, &there].map(|store| {
            audit(&store.snapshot());
            (counted(store, "d", "likes"), counted(store, "d", "gone"))
        })
    };
    assert_eq!(both().await, [(Some(111), None); 2]);
    wrote(&here, uncounting("d", "likes")).await;
    wrote(&there, adding("d", "likes", 1_000)).await;
    // What the deletion has seen is gone but for what came on top of it.
    assert_eq!(both().await, [(Some(1_100), None); 2]);
    let last = [here.last_etag(), there.last_etag()];
    both().await;
    assert_eq!([here.last_etag(), there.last_etag()], last, "and then it is still");
}

/// The sum is beyond 64 bits: it reads as that, travels on, and finds back.
#[tokio::test]
async fn a_sum_beyond_64_bits_goes_on() {
    let (here, there) = (in_memory(1), in_memory(2));
    put(&here, "d", "1").await;
    copy(&here, &there).await;
    wrote(&here, adding("d", "n", i64::MAX)).await;
    wrote(&there, adding("d", "n", 5)).await;
    copy(&here, &there).await;
    copy(&there, &here).await;
    for store in [&here, &there] {
        let head = store.snapshot().counter(&id("d"), &counter_name("n")).unwrap().unwrap();
        assert!(head.part.partials.value().is_err());
    }
    assert!(one(&here, adding("d", "n", 1)).await.is_err());
    assert_eq!(wrote(&here, adding("d", "n", -3)).await.value, None);
    assert_eq!(wrote(&here, adding("d", "n", -2)).await.value, Some(i64::MAX));
}

/// CNT-04: what a document in conflict has is written and read as ever.
#[tokio::test]
async fn a_document_in_conflict_is_counted_on() {
    let (here, there) = (in_memory(1), in_memory(2));
    put(&here, "d", "1").await;
    put(&there, "d", "2").await;
    wrote(&here, adding("d", "likes", 1)).await;
    wrote(&there, adding("d", "likes", 10)).await;
    copy(&here, &there).await;
    assert!(matches!(lookup(&there, "d"), Lookup::Conflict(_)));
    assert_eq!(wrote(&there, adding("d", "likes", 10)).await.value, Some(21));
    wrote(&there, appending("d", "heat", &[(1, &[1.0])])).await;
    put(&there, "d", "3").await;
    audit(&there.snapshot());
    assert_eq!((counted(&there, "d", "likes"), shown(&there, "d", "heat").len()), (Some(21), 1));
}

/// TS-17, TS-16, TS-13, RV-16.
#[tokio::test]
async fn series_merge_entry_by_entry() {
    let (here, there) = (in_memory(1), in_memory(2));
    put(&here, "d", "1").await;
    copy(&here, &there).await;
    wrote(&here, appending("d", "heat", &[(1, &[59.0]), (2, &[59.0]), (4, &[1.0]), (6, &[1.0])]))
        .await;
    wrote(&there, appending("d", "heat", &[(1, &[70.0]), (3, &[70.0]), (4, &[2.0, 0.0])])).await;
    wrote(&there, appending("d", "heat", &[(6, &[7.0])])).await;
    wrote(&there, clearing("d", "heat", span(6, 6))).await;
    for _ in 0..2 {
        copy(&here, &there).await;
        copy(&there, &here).await;
    }
    let expected: [(i64, Vec<f64>); 4] =
        [(1, vec![70.0]), (2, vec![59.0]), (3, vec![70.0]), (4, vec![2.0, 0.0])];
    for store in [&here, &there] {
        audit(&store.snapshot());
        assert_eq!(shown(store, "d", "heat"), expected);
    }
    wrote(&here, appending("d", "heat", &[(1, &[5.0])])).await;
    copy(&here, &there).await;
    assert_eq!(shown(&there, "d", "heat")[0], (1, vec![5.0]), "smaller, but later");
}

/// A batch twice changes nothing, also where it was merged.
#[tokio::test]
async fn parts_that_come_again_change_nothing() {
    let (here, there) = (in_memory(1), in_memory(2));
    put(&here, "d", "1").await;
    copy(&here, &there).await;
    wrote(&here, much(0, 700)).await;
    wrote(&there, much(350, 700)).await;
    wrote(&here, clearing("d", "heat", span(10_000, 400_000))).await;
    wrote(&here, adding("d", "likes", 1)).await;
    wrote(&there, adding("d", "likes", 1)).await;
    let mut link = Link::open(&here, &there).await;
    let batch = link.next(usize::MAX);
    let items = batch.items.len() as u64;
    let first = link.apply(batch.clone()).await;
    assert!(first.merged > 0);
    let last = there.last_etag();
    let again = link.apply(batch).await;
    assert_eq!((again.already_present, again.collided), (items, 0));
    assert_eq!(there.last_etag(), last);
    audit(&there.snapshot());
}

/// A deletion of the document that is forgotten still keeps away what it took with it.
#[tokio::test]
async fn what_went_with_a_forgotten_deletion_does_not_come_back() {
    let (here, there, third) = (in_memory(1), in_memory(2), in_memory(3));
    put(&here, "d", "1").await;
    wrote(&here, adding("d", "likes", 1)).await;
    wrote(&here, appending("d", "heat", &[(1, &[1.0])])).await;
    copy(&here, &third).await;
    copy(&here, &there).await;
    delete(&here, "d").await;
    copy(&here, &there).await;
    let everything = Forget { before: Timestamp::from_micros(i64::MAX), after: None };
    assert_eq!(there.forget(everything).await.unwrap().tombstones, 1);
    put(&there, "d", "2").await;
    wrote(&there, adding("d", "other", 1)).await;
    copy(&third, &there).await;
    audit(&there.snapshot());
    assert_eq!(counted(&there, "d", "likes"), None);
    assert!(shown(&there, "d", "heat").is_empty());
    assert_eq!(counted(&there, "d", "other"), Some(1));
}

/// What is written to a document that was made again has seen the deletion before it, though the
/// database has not been told of everything yet.
#[tokio::test]
async fn what_is_written_to_a_document_is_of_its_life() {
    let (here, there, third) = (in_memory(1), in_memory(2), in_memory(3));
    put(&here, "d", "1").await;
    delete(&here, "d").await;
    put(&here, "d", "2").await;
    wrote(&here, appending("d", "heat", &[(2, &[2.0])])).await;
    wrote(&here, adding("d", "likes", 10)).await;
    put(&here, "e", "1").await;
    let mut link = Link::open(&here, &there).await;
    while counted(&there, "d", "likes").is_none() {
        let next = link.next(1);
        assert!(next.frontier.is_none());
        link.apply(next).await;
    }
    wrote(&there, adding("d", "likes", 1)).await;
    wrote(&there, appending("d", "heat", &[(1, &[1.0])])).await;
    copy(&here, &third).await;
    copy(&there, &third).await;
    audit(&third.snapshot());
    assert_eq!((counted(&third, "d", "likes"), shown(&third, "d", "heat").len()), (Some(11), 2));
}

/// A part of a series has come, and not yet what lies before it; then something comes that spans
/// both.
#[tokio::test]
async fn what_spans_a_gap_fills_it() {
    let [here, there, third] = [1, 2, 3].map(in_memory);
    put(&here, "d", "1").await;
    wrote(&here, appending("d", "heat", &[(500, &[1.0])])).await;
    copy(&here, &third).await;
    wrote(&third, appending("d", "heat", &[(5, &[5.0]), (650_500, &[6.0])])).await;
    wrote(&here, much(0, 700)).await;
    // The first segment is written anew, behind the others.
    wrote(&here, appending("d", "heat", &[(700, &[1.0])])).await;
    let mut link = Link::open(&here, &there).await;
    while shown(&there, "d", "heat").is_empty() {
        let batch = link.next(1);
        link.apply(batch).await;
    }
    assert!(shown(&there, "d", "heat")[0].0 > 700, "the first segment has not come");
    copy(&third, &there).await;
    audit(&there.snapshot());
    let times: Vec<_> = shown(&there, "d", "heat").iter().map(|entry| entry.0).collect();
    assert!([5, 500, 650_500].iter().all(|time| times.contains(time)), "{times:?}");
    link.run(usize::MAX).await;
    for _ in 0..2 {
        copy(&there, &here).await;
        copy(&here, &there).await;
    }
    audit(&there.snapshot());
    assert_eq!(shown(&there, "d", "heat"), shown(&here, "d", "heat"));
    assert_eq!(shown(&there, "d", "heat").len(), 700 + 4);
}

/// The same where what is there has seen all of what comes: it has not seen it of the gap, and the
/// source it is waiting for may never come again (invariant I6).
#[tokio::test]
async fn what_is_known_beside_a_gap_fills_it_too() {
    let [here, there, third] = [1, 2, 3].map(in_memory);
    put(&here, "d", "1").await;
    wrote(&here, appending("d", "heat", &[(500, &[1.0])])).await;
    copy(&here, &third).await;
    wrote(&here, much(0, 700)).await;
    wrote(&here, appending("d", "heat", &[(700, &[1.0])])).await;
    let mut link = Link::open(&here, &there).await;
    while shown(&there, "d", "heat").is_empty() {
        let batch = link.next(1);
        link.apply(batch).await;
    }
    copy(&third, &there).await;
    audit(&there.snapshot());
    assert_eq!(shown(&there, "d", "heat")[0], (500, vec![1.0]));
}

/// A deleted span takes along what is written in it meanwhile, also where nothing is in a part of
/// it.
#[tokio::test]
async fn a_deleted_span_reaches_where_nothing_is() {
    let [here, there] = [1, 2].map(in_memory);
    put(&here, "d", "1").await;
    wrote(&here, much(0, 700)).await;
    wrote(&here, clearing("d", "heat", span(200_000, 500_000))).await;
    copy(&here, &there).await;
    wrote(
        &there,
        appending("d", "heat", &[(150_500, &[1.0]), (300_500, &[2.0]), (450_500, &[3.0])]),
    )
    .await;
    wrote(&here, clearing("d", "heat", span(150_000, 350_000))).await;
    for _ in 0..2 {
        copy(&here, &there).await;
        copy(&there, &here).await;
    }
    for store in [&here, &there] {
        audit(&store.snapshot());
        let times: Vec<_> = shown(store, "d", "heat").iter().map(|entry| entry.0).collect();
        let between: Vec<_> =
            times.into_iter().filter(|time| (140_001..510_000).contains(time)).collect();
        let expected = (141..150).map(|at| at * 1000).chain([450_500]);
        assert_eq!(between, expected.chain((501..510).map(|at| at * 1000)).collect::<Vec<_>>());
    }
}

/// A source that is copied, and not written to elsewhere, is copied segment by segment.
///
/// Bug 45: after parts of a series were deleted the wrong neighbour was read.
#[tokio::test]
async fn a_copy_has_the_segments_of_its_source() {
    let (here, there) = (in_memory(1), in_memory(2));
    put(&here, "d", "1").await;
    let steps = [much(0, 300), much(1_000, 2_000), much(200, 50), much(900, 800)];
    for step in steps.into_iter().chain([clearing("d", "heat", span(5_000, 2_100_000))]) {
        wrote(&here, step).await;
        copy(&here, &there).await;
        audit(&there.snapshot());
        let [one, other] = [&here, &there].map(|store| {
            let snapshot = store.snapshot();
            let heads = snapshot.segments(&id("d"), &series_name("heat")).map(Result::unwrap);
            heads.map(|head| (head.vector, head.part)).collect::<Vec<_>>()
        });
        assert_eq!(one, other);
    }
    assert_eq!(there.snapshot().header().vector.etag_of(identity(1).incarnation), here.last_etag());
    assert_ne!(there.vector(), ChangeVector::empty());
    assert!(there.last_etag() > Etag::ZERO);
}
