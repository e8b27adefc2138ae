//! Counters and time series that clients write.

use jackdaw_common::{
    CounterName, Partials,
    item::series::{NewEntry, SeriesName, SeriesTime, Span},
};

use super::super::harness::*;
use crate::{Command, Store, TransactError, Written};

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

/// Bug 49: a series without entries was listed.
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

/// Whether a document has a counter or a series, and how they are called, is told as it is,
/// whatever lies before (bug 49).
///
/// Found by, planted: the first 1,000 counters are looked at; series are counted to the end.
#[tokio::test]
async fn what_a_document_has_is_told_whatever_lies_before() {
    let store = in_memory(1);
    put(&store, "d", "1").await;
    let has = || {
        let (snapshot, id) = (store.snapshot(), id("d"));
        let names = snapshot.series_names(&id, 3).unwrap();
        let names: Vec<_> = names.iter().map(|name| name.as_str().to_owned()).collect();
        (snapshot.has_counters(&id).unwrap(), snapshot.has_series(&id).unwrap(), names)
    };
    assert_eq!(has(), (false, false, Vec::new()));
    let names: Vec<_> = (0..1_200).map(|number| format!("c{number:04}")).collect();
    for some in names.chunks(300) {
        store.transact(some.iter().map(|it| adding("d", it, 1)).collect()).await.unwrap();
    }
    wrote(&store, adding("d", "z", 1)).await;
    for some in names.chunks(300) {
        store.transact(some.iter().map(|it| uncounting("d", it)).collect()).await.unwrap();
    }
    assert!(has().0);
    wrote(&store, uncounting("d", "z")).await;
    assert!(!has().0);

    wrote(&store, appending("d", "Gone", &[(1, &[1.0])])).await;
    wrote(&store, clearing("d", "gone", Span::ALL)).await;
    assert_eq!(has().2, [""; 0]);
    for from in [0, 500, 1_000] {
        wrote(&store, much(from, 500)).await;
    }
    wrote(&store, appending("d", "Heat2", &[(1, &[1.0])])).await;
    wrote(&store, appending("d", "zone", &[(1, &[1.0])])).await;
    wrote(&store, appending("d", "zones", &[(1, &[1.0])])).await;
    assert!(segments(&store) > 5, "so many that the rest is skipped");
    assert_eq!(has(), (false, true, ["heat", "Heat2", "zone"].map(String::from).to_vec()));
    wrote(&store, clearing("d", "heat", Span::ALL)).await;
    assert_eq!(has().2, ["Heat2", "zone", "zones"]);
}
