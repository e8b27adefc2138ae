//! Counters and time series that two databases write side by side, as applications do.

use jackdaw_common::item::series::Span;

use super::super::{harness::*, local::parts::*};
use crate::{Lookup, Store};

/// The series and counters of a document that there are.
fn has(store: &Store, document: &str) -> (Vec<String>, Vec<String>) {
    let (snapshot, id) = (store.snapshot(), id(document));
    let series = snapshot.series_names(&id, usize::MAX).unwrap();
    let counters = snapshot.counters(&id, "").map(|head| head.unwrap().part);
    let live = counters.filter(|counter| !counter.partials.is_empty());
    let names = live.map(|counter| counter.name.as_str().to_owned());
    (series.iter().map(|name| name.as_str().to_owned()).collect(), names.collect())
}

/// CNT-06: a counter of a document in conflict is deleted, another is added to.
#[tokio::test]
async fn a_counter_of_a_document_in_conflict_is_deleted() {
    let (here, there) = (in_memory(1), in_memory(2));
    put(&here, "d", "1").await;
    put(&there, "d", "2").await;
    wrote(&here, adding("d", "Likes", 10)).await;
    wrote(&there, adding("d", "Likes", 10)).await;
    copy(&here, &there).await;
    assert!(matches!(lookup(&there, "d"), Lookup::Conflict(_)));
    wrote(&there, uncounting("d", "likes")).await;
    wrote(&there, adding("d", "Dislikes", 10)).await;
    assert_eq!((counted(&there, "d", "Likes"), counted(&there, "d", "Dislikes")), (None, Some(10)));
    put(&there, "d", "3").await;
    assert_eq!(has(&there, "d"), (Vec::new(), vec!["Dislikes".to_owned()]));
    copy(&there, &here).await;
    assert_eq!(has(&here, "d"), has(&there, "d"));
    audit(&here.snapshot());
}

/// TS-11: one series goes and another comes in one transaction.
#[tokio::test]
async fn a_series_takes_the_place_of_another() {
    let (here, there) = (in_memory(1), in_memory(2));
    put(&here, "d", "1").await;
    wrote(&here, appending("d", "Heartrate", &[(1, &[59.0])])).await;
    copy(&here, &there).await;
    let both =
        vec![clearing("d", "heartrate", Span::ALL), appending("d", "Heartrate2", &[(2, &[60.0])])];
    here.transact(both).await.unwrap();
    copy(&here, &there).await;
    for store in [&here, &there] {
        assert_eq!(has(store, "d"), (vec!["Heartrate2".to_owned()], Vec::new()));
        assert_eq!(shown(store, "d", "heartrate2"), [(2, vec![60.0])]);
        audit(&store.snapshot());
    }
}

/// TS-07: both write 10,000 entries, some at the same times.
#[tokio::test]
async fn both_sides_append_much() {
    let (here, there) = (in_memory(1), in_memory(2));
    put(&here, "d", "1").await;
    copy(&here, &there).await;
    for part in 0..100 {
        for (store, shift) in [(&here, 0), (&there, 50)] {
            let times: Vec<_> = (0..100).map(|at| (part * 150 + at + shift) * 1_000).collect();
            let values: Vec<_> = times.iter().map(|time| [*time as f64 / 3.0]).collect();
            let entries = times.iter().zip(&values).map(|(time, values)| (*time, &values[..]));
            let entries: Vec<_> = entries.collect();
            wrote(store, appending("d", "heat", &entries)).await;
        }
    }
    for _ in 0..2 {
        copy(&here, &there).await;
        copy(&there, &here).await;
    }
    let all = shown(&here, "d", "heat");
    assert_eq!((all.len(), shown(&there, "d", "heat")), (15_000, all.clone()));
    assert!(all.iter().zip(0..).all(|(entry, at)| entry.0 == at * 1_000));
    for store in [&here, &there] {
        audit(&store.snapshot());
    }
    let last = (here.last_etag(), there.last_etag());
    copy(&here, &there).await;
    copy(&there, &here).await;
    assert_eq!((here.last_etag(), there.last_etag()), last, "silent");
}

/// TS-19: a series on one side, a counter on the other, of a document that both have written.
#[tokio::test]
async fn a_series_and_a_counter_meet() {
    let (here, there) = (in_memory(1), in_memory(2));
    put(&here, "d", "1").await;
    put(&there, "d", "1").await;
    wrote(&here, appending("d", "heartbeat", &[(1, &[1.0])])).await;
    wrote(&there, adding("d", "likes", 10)).await;
    copy(&here, &there).await;
    put(&there, "d", "1").await;
    assert_eq!(has(&there, "d"), (vec!["heartbeat".to_owned()], vec!["likes".to_owned()]));
    assert!(there.snapshot().has_counters(&id("d")).unwrap());
    assert!(there.snapshot().has_series(&id("d")).unwrap());
    audit(&there.snapshot());
}
