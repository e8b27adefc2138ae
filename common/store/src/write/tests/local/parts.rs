//! Counters and time series that clients write, and that arrive.

use jackdaw_common::{
    ChangeVector, CounterName, Etag, Partials, Timestamp,
    item::series::{NewEntry, SeriesName, SeriesTime, Span},
};

use super::super::harness::*;
use crate::{Command, Forget, Lookup, Store, TransactError, Written};

pub(crate) fn counter_name(text: &str) -> CounterName {
    text.parse().unwrap()
}

pub(crate) fn series_name(text: &str) -> SeriesName {
    text.parse().unwrap()
}

pub(crate) fn time(millis: i64) -> SeriesTime {
    SeriesTime::new(millis).unwrap()
}

pub(crate) fn span(first: i64, last: i64) -> Span {
    Span::new(time(first), time(last)).unwrap()
}

pub(crate) fn adding(document: &str, name: &str, delta: i64) -> Command {
    Command::Increment { id: id(document), name: counter_name(name), delta }
}

pub(crate) fn uncounting(document: &str, name: &str) -> Command {
    Command::DeleteCounter { id: id(document), name: counter_name(name) }
}

pub(crate) fn appending(document: &str, name: &str, entries: &[(i64, &[f64])]) -> Command {
    let entries =
        entries.iter().map(|(at, values)| NewEntry::new(time(*at), values.to_vec(), None).unwrap());
    Command::Append { id: id(document), name: series_name(name), entries: entries.collect() }
}

pub(crate) fn clearing(document: &str, name: &str, span: Span) -> Command {
    Command::DeleteSpan { id: id(document), name: series_name(name), span }
}

/// The value of a counter, if there is one.
pub(crate) fn counted(store: &Store, document: &str, name: &str) -> Option<i64> {
    let head = store.snapshot().counter(&id(document), &counter_name(name)).unwrap()?;
    let partials: Partials = head.part.partials;
    (!partials.is_empty()).then(|| partials.value().unwrap())
}

/// What a series shows.
pub(crate) fn shown(store: &Store, document: &str, name: &str) -> Vec<(i64, Vec<f64>)> {
    let snapshot = store.snapshot();
    let entries = snapshot.entries(&id(document), &series_name(name), Span::ALL);
    entries.map(|entry| entry.unwrap()).map(|it| (it.time.millis(), it.values)).collect()
}

/// Names, counts, first and last times of the series of a document.
fn listed(store: &Store, document: &str) -> Vec<(String, u64, i64, i64)> {
    let snapshot = store.snapshot();
    let series = snapshot.series(&id(document), "").map(Result::unwrap);
    let listed = series.map(|it| {
        let (first, last) = (it.bounds.first().millis(), it.bounds.last().millis());
        (it.name.as_str().to_owned(), it.entries, first, last)
    });
    listed.collect()
}

pub(crate) async fn wrote(store: &Store, command: Command) -> Written {
    let written = one(store, command).await.unwrap();
    audit(&store.snapshot());
    written
}

#[tokio::test]
async fn a_counter_adds_up_and_is_deleted() {
    let store = in_memory(1);
    put(&store, "d", "1").await;
    assert_eq!(wrote(&store, adding("D", "Likes", 10)).await.value, Some(10));
    assert_eq!(wrote(&store, adding("d", "likes", -3)).await.value, Some(7));
    assert_eq!(counted(&store, "d", "LIKES"), Some(7));
    let head = store.snapshot().counter(&id("d"), &counter_name("likes")).unwrap().unwrap();
    assert_eq!(head.part.name.as_str(), "Likes", "the casing of the first write");
    assert_eq!(store.snapshot().header().counters, 1);
    assert!(!wrote(&store, uncounting("d", "likes")).await.etag.is_zero());
    assert_eq!((counted(&store, "d", "likes"), store.snapshot().header().counters), (None, 0));
    assert!(wrote(&store, uncounting("d", "likes")).await.etag.is_zero(), "there is none");
    assert_eq!(wrote(&store, adding("d", "LIKES", 5)).await.value, Some(5), "it begins with 0");
    let head = store.snapshot().counter(&id("d"), &counter_name("likes")).unwrap().unwrap();
    assert_eq!(head.part.name.as_str(), "LIKES");
}

#[tokio::test]
async fn only_a_live_document_has_anything() {
    let store = in_memory(1);
    let refused = |outcome: Result<Written, TransactError>| match outcome {
        Err(TransactError::NoDocument { command: 0, id }) => assert_eq!(id.as_str(), "d"),
        other => panic!("{other:?}"),
    };
    refused(one(&store, adding("d", "likes", 1)).await);
    refused(one(&store, appending("d", "heat", &[(1, &[1.0])])).await);
    put(&store, "d", "1").await;
    delete(&store, "d").await;
    refused(one(&store, adding("d", "likes", 1)).await);
    refused(one(&store, appending("d", "heat", &[(1, &[1.0])])).await);
    assert!(one(&store, uncounting("d", "likes")).await.unwrap().etag.is_zero());
    assert!(one(&store, clearing("d", "heat", Span::ALL)).await.unwrap().etag.is_zero());
}

/// The document stays as it is, whatever it comes to have: else two databases that count at once
/// would put it in conflict with itself.
#[tokio::test]
async fn what_a_document_has_leaves_it_alone() {
    let (here, there) = (in_memory(1), in_memory(2));
    put(&here, "d", "1").await;
    copy(&here, &there).await;
    let before = found(&here, "d").version;
    wrote(&here, adding("d", "likes", 1)).await;
    wrote(&here, appending("d", "heat", &[(1, &[1.0])])).await;
    wrote(&here, clearing("d", "heat", Span::ALL)).await;
    wrote(&there, adding("d", "stars", 1)).await;
    copy(&here, &there).await;
    copy(&there, &here).await;
    for store in [&here, &there] {
        audit(&store.snapshot());
        assert_eq!(found(store, "d").version, before);
        assert_eq!(
            (counted(store, "d", "likes"), counted(store, "d", "stars")),
            (Some(1), Some(1))
        );
    }
}

/// Whoever names it first: both sides show the same casing, and keep it until nothing is left.
#[tokio::test]
async fn both_sides_show_one_casing() {
    let (here, there) = (in_memory(1), in_memory(2));
    put(&here, "d", "1").await;
    copy(&here, &there).await;
    wrote(&here, appending("d", "price", &[(1, &[1.0])])).await;
    wrote(&there, appending("d", "PRICE", &[(2, &[1.0])])).await;
    wrote(&here, adding("d", "likes", 1)).await;
    wrote(&there, adding("d", "LIKES", 1)).await;
    for _ in 0..2 {
        copy(&here, &there).await;
        copy(&there, &here).await;
    }
    for store in [&here, &there] {
        audit(&store.snapshot());
        assert_eq!(listed(store, "d"), [("PRICE".to_owned(), 2, 1, 2)]);
        let head = store.snapshot().counter(&id("d"), &counter_name("likes")).unwrap().unwrap();
        assert_eq!((head.part.name.as_str(), counted(store, "d", "likes")), ("LIKES", Some(2)));
    }
    // In many segments too, and where the first of them holds nothing any more.
    wrote(&here, much(0, 700)).await;
    wrote(&here, clearing("d", "heat", span(0, 400_000))).await;
    wrote(&here, appending("d", "HEAT", &[(5, &[1.0])])).await;
    assert_eq!(listed(&here, "d")[0].0, "heat");
}

#[tokio::test]
async fn beyond_64_bits_nothing_is_added() {
    let store = in_memory(1);
    put(&store, "d", "1").await;
    wrote(&store, adding("d", "n", i64::MAX)).await;
    let last = store.last_etag();
    match one(&store, adding("d", "n", 1)).await {
        Err(TransactError::CounterOverflow { name, .. }) => assert_eq!(name.as_str(), "n"),
        other => panic!("{other:?}"),
    }
    assert_eq!((store.last_etag(), counted(&store, "d", "n")), (last, Some(i64::MAX)));
    wrote(&store, adding("d", "n", -1)).await;
    assert_eq!(counted(&store, "d", "n"), Some(i64::MAX - 1));
}

#[tokio::test]
async fn a_series_takes_entries_in_any_order() {
    let store = in_memory(1);
    put(&store, "d", "1").await;
    wrote(&store, appending("d", "Heat", &[(30, &[3.0]), (10, &[1.0]), (20, &[2.0, 2.5])])).await;
    wrote(&store, appending("d", "heat", &[(20, &[0.5]), (15, &[1.5])])).await;
    let expected: [(i64, Vec<f64>); 4] =
        [(10, vec![1.0]), (15, vec![1.5]), (20, vec![0.5]), (30, vec![3.0])];
    assert_eq!(shown(&store, "d", "HEAT"), expected, "an overwrite wins though it is smaller");
    assert_eq!(listed(&store, "d"), [("Heat".to_owned(), 4, 10, 30)]);
    wrote(&store, clearing("d", "heat", span(12, 20))).await;
    assert_eq!(listed(&store, "d"), [("Heat".to_owned(), 2, 10, 30)]);
    assert!(wrote(&store, clearing("d", "heat", span(12, 20))).await.etag.is_zero());
    wrote(&store, clearing("d", "heat", Span::ALL)).await;
    assert!(listed(&store, "d").is_empty() && shown(&store, "d", "heat").is_empty());
    wrote(&store, appending("d", "hEAT", &[(10, &[9.0])])).await;
    assert_eq!(listed(&store, "d"), [("hEAT".to_owned(), 1, 10, 10)], "TS-03");
}

#[tokio::test]
async fn an_incremental_series_adds_up() {
    let store = in_memory(1);
    put(&store, "d", "1").await;
    wrote(&store, appending("d", "INC:hits", &[(1, &[1.0]), (1, &[2.0, 5.0]), (2, &[1.0])])).await;
    wrote(&store, appending("d", "inc:HITS", &[(1, &[10.0])])).await;
    assert_eq!(shown(&store, "d", "inc:hits"), [(1, vec![13.0, 5.0]), (2, vec![1.0])]);
}

/// So much that it takes many segments.
pub(crate) fn much(from: i64, count: i64) -> Command {
    let value = |at: i64| [(at as f64).sqrt(), (at as f64).sin(), at as f64 / 7.0];
    let entries: Vec<_> = (from..from + count).map(|at| (at, value(at))).collect();
    let entries: Vec<_> = entries.iter().map(|(at, values)| (*at * 1000, &values[..])).collect();
    appending("d", "heat", &entries)
}

fn segments(store: &Store) -> usize {
    store.snapshot().segments(&id("d"), &series_name("heat")).map(Result::unwrap).count()
}

#[tokio::test]
async fn a_long_series_is_cut_into_segments() {
    let store = in_memory(1);
    put(&store, "d", "1").await;
    for from in [1_000, 0, 2_000, 500] {
        wrote(&store, much(from, 500)).await;
    }
    wrote(&store, much(1_500, 500)).await;
    let all = shown(&store, "d", "heat");
    assert_eq!(all.len(), 2_500);
    assert!(all.iter().enumerate().all(|(at, entry)| entry.0 == at as i64 * 1000));
    let before = segments(&store);
    assert!(before > 10, "{before} segments");
    // A part, within and over the borders of segments; then all: one row says so.
    wrote(&store, clearing("d", "heat", span(300_000, 1_800_500))).await;
    assert_eq!(shown(&store, "d", "heat").len(), 2_500 - 1_501);
    assert!(segments(&store) < before);
    let ranged: Vec<_> = {
        let snapshot = store.snapshot();
        let entries = snapshot.entries(&id("d"), &series_name("heat"), span(298_500, 1_803_000));
        entries.map(|entry| entry.unwrap().time.millis()).collect()
    };
    assert_eq!(ranged, [299_000, 1_801_000, 1_802_000, 1_803_000]);
    wrote(&store, clearing("d", "heat", Span::ALL)).await;
    assert_eq!((segments(&store), shown(&store, "d", "heat").len()), (1, 0), "TS-10");
    assert_eq!(store.snapshot().header().series_entries, 0);
}

/// Appending one by one leaves full segments behind.
#[tokio::test]
async fn appending_in_order_fills_segments() {
    let store = in_memory(1);
    put(&store, "d", "1").await;
    for at in 0..2_000 {
        one(&store, appending("d", "heat", &[(at * 60_000, &[20.0 + (at % 10) as f64])]))
            .await
            .unwrap();
    }
    audit(&store.snapshot());
    let heads: Vec<_> =
        store.snapshot().segments(&id("d"), &series_name("heat")).map(Result::unwrap).collect();
    let full = heads.iter().rev().skip(1).all(|head| head.bytes > 1_800);
    assert!(full && heads.len() > 1, "{heads:?}");
}

/// Deleting a document takes what it had with it, here and where it is copied to.
#[tokio::test]
async fn what_a_document_had_goes_with_it() {
    let (here, there) = (in_memory(1), in_memory(2));
    put(&here, "d", "1").await;
    put(&here, "dd", "1").await;
    for document in ["d", "dd"] {
        wrote(&here, adding(document, "likes", 1)).await;
        wrote(&here, appending(document, "heat", &[(1, &[1.0])])).await;
    }
    copy(&here, &there).await;
    assert_eq!(counted(&there, "d", "likes"), Some(1));
    delete(&here, "d").await;
    copy(&here, &there).await;
    for store in [&here, &there] {
        audit(&store.snapshot());
        assert_eq!(counted(store, "d", "likes"), None);
        assert!(shown(store, "d", "heat").is_empty());
        assert_eq!((counted(store, "dd", "likes"), shown(store, "dd", "heat").len()), (Some(1), 1));
    }
    // A new life: nothing of the old one comes back, also where the deletion was never heard of.
    put(&here, "d", "2").await;
    wrote(&here, adding("d", "likes", 5)).await;
    delete(&here, "d").await;
    put(&here, "d", "3").await;
    wrote(&here, appending("d", "cold", &[(1, &[1.0])])).await;
    copy(&here, &there).await;
    for store in [&here, &there] {
        audit(&store.snapshot());
        assert_eq!(counted(store, "d", "likes"), None);
        assert_eq!((shown(store, "d", "heat").len(), shown(store, "d", "cold").len()), (0, 1));
    }
}

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
