//! Counters and time series in the middle of a transfer: what has come is not all there is.

use jackdaw_common::{Timestamp, item::series::NewEntry};

use super::super::harness::*;
use super::parts::*;
use crate::{Command, Forget, Store};

/// Sends transactions one by one until something is so; never all there is.
async fn until(link: &mut Link, mut is_so: impl FnMut() -> bool) {
    while !is_so() {
        let next = link.next(1);
        assert!(next.frontier.is_none(), "it is never so");
        link.apply(next).await;
    }
}

async fn around(stores: &[&Store]) {
    for _ in 0..2 * stores.len() {
        for one in stores {
            for other in stores.iter().filter(|other| !std::ptr::eq(**other, *one)) {
                copy(one, other).await;
            }
        }
    }
    stores.iter().for_each(|store| audit(&store.snapshot()));
}

fn everything() -> Forget {
    Forget { before: Timestamp::from_micros(i64::MAX), after: None }
}

/// A document that has come has seen what was written to its series before; that need not have
/// come. Whoever appends then must not claim to have seen it (invariant I6).
#[tokio::test]
async fn an_append_claims_nothing_that_has_not_come() {
    let (here, there) = (in_memory(1), in_memory(2));
    put(&here, "d", "1").await;
    wrote(&here, appending("d", "heat", &[(1, &[1.0])])).await;
    put(&here, "d", "2").await;
    wrote(&here, appending("d", "heat", &[(2, &[2.0])])).await;
    put(&here, "e", "1").await;
    let mut link = Link::open(&here, &there).await;
    until(&mut link, || reads(&there, "d") == ["2"]).await;
    wrote(&there, appending("d", "heat", &[(3, &[3.0])])).await;
    link.run(usize::MAX).await;
    around(&[&here, &there]).await;
    for store in [&here, &there] {
        assert_eq!(shown(store, "d", "heat").len(), 3);
    }
}

/// The same of a counter, to which a third database has added.
#[tokio::test]
async fn an_increment_claims_nothing_that_has_not_come() {
    let [here, there, third] = [1, 2, 3].map(in_memory);
    put(&here, "d", "1").await;
    copy(&here, &third).await;
    wrote(&third, adding("d", "likes", 10)).await;
    copy(&third, &here).await;
    put(&here, "d", "2").await;
    wrote(&here, adding("d", "likes", 1)).await;
    put(&here, "e", "1").await;
    let mut link = Link::open(&here, &there).await;
    until(&mut link, || reads(&there, "d") == ["2"]).await;
    assert_eq!(counted(&there, "d", "likes"), None);
    wrote(&there, adding("d", "likes", 100)).await;
    link.run(usize::MAX).await;
    around(&[&here, &there, &third]).await;
    let all = [&here, &there, &third].map(|store| counted(store, "d", "likes"));
    assert_eq!(all, [Some(111); 3]);
}

/// A counter may come before the document that was made again: whoever adds to it then adds to that
/// life of it, though the document it shows is of the one before.
#[tokio::test]
async fn an_increment_is_of_the_life_of_its_counter() {
    let [here, there, third, fourth] = [1, 2, 3, 4].map(in_memory);
    put(&here, "d", "1").await;
    copy(&here, &there).await;
    copy(&here, &third).await;
    wrote(&third, adding("d", "likes", 1_000)).await;
    delete(&here, "d").await;
    put(&here, "d", "2").await;
    wrote(&here, adding("d", "likes", 1)).await;
    put(&here, "d", "3").await;
    put(&here, "e", "1").await;
    let mut link = Link::open(&here, &there).await;
    until(&mut link, || counted(&there, "d", "likes").is_some()).await;
    assert_eq!(reads(&there, "d"), ["1"], "the document has not come");
    wrote(&there, adding("d", "likes", 10)).await;
    copy(&there, &third).await;
    copy(&here, &fourth).await;
    copy(&third, &fourth).await;
    around(&[&here, &there, &third, &fourth]).await;
    let all = [&here, &there, &third, &fourth].map(|store| counted(store, "d", "likes"));
    assert_eq!(all, [Some(11); 4]);
}

/// A segment that spans all time and says little writes only those anew of which it says something.
#[tokio::test]
async fn little_that_comes_writes_little() {
    let (here, there) = (in_memory(1), in_memory(2));
    put(&here, "d", "1").await;
    copy(&here, &there).await;
    for block in 0..8 {
        let wide = |at: i64| (0..32).map(|n| ((at * 32 + n) as f64).sqrt()).collect();
        let times = (0..100).map(|n| block * 100 + n);
        let entries = times.map(|at| NewEntry::new(time(at * 1_000), wide(at), None).unwrap());
        let (id, name) = (id("d"), series_name("heat"));
        one(&there, Command::Append { id, name, entries: entries.collect() }).await.unwrap();
    }
    let segments = there.snapshot().header().parts;
    assert!(segments > 50, "{segments}");
    for value in [1.0, 2.0] {
        wrote(&here, appending("d", "heat", &[(1, &[value])])).await;
        let before = there.last_etag();
        copy(&here, &there).await;
        let rows = there.last_etag().get() - before.get();
        assert!((1..4).contains(&rows), "{rows} rows");
        assert_eq!(shown(&there, "d", "heat")[1], (1, vec![value]));
    }
    // It comes again, and nothing is written at all.
    let last = there.last_etag();
    let mut link = Link::open(&here, &there).await;
    link.repeat().await;
    assert_eq!(there.last_etag(), last);
    audit(&there.snapshot());
}

/// A full reconcile removes a counter whose document has never come, and will not.
#[tokio::test]
async fn a_part_without_a_document_is_reconciled_too() {
    let (here, there) = (in_memory(1), in_memory(2));
    put(&here, "d", "1").await;
    wrote(&here, adding("d", "likes", 7)).await;
    wrote(&here, appending("d", "heat", &[(1, &[1.0])])).await;
    put(&here, "d", "2").await;
    put(&here, "e", "2").await;
    let mut link = Link::open(&here, &there).await;
    until(&mut link, || !shown(&there, "d", "heat").is_empty()).await;
    assert!(reads(&there, "d").is_empty());
    delete(&here, "d").await;
    assert_eq!(here.forget(everything()).await.unwrap().tombstones, 1);
    bring(&here, &there).await.unwrap();
    audit(&there.snapshot());
    assert_eq!(there.snapshot().header().counters, 0);
    put(&there, "d", "3").await;
    assert_eq!((counted(&there, "d", "likes"), shown(&there, "d", "heat").len()), (None, 0));
}

/// What went with a deletion that is forgotten does not fill the gaps of a series that is on its
/// way.
#[tokio::test]
async fn a_gap_is_not_filled_with_what_has_gone() {
    let [here, there, third] = [1, 2, 3].map(in_memory);
    put(&here, "d", "1").await;
    wrote(&here, appending("d", "heat", &[(5, &[1.0]), (650_500, &[2.0])])).await;
    copy(&here, &third).await;
    delete(&here, "d").await;
    copy(&here, &there).await;
    there.forget(everything()).await.unwrap();
    here.forget(everything()).await.unwrap();
    put(&here, "d", "1").await;
    wrote(&here, much(0, 700)).await;
    wrote(&here, appending("d", "heat", &[(700, &[1.0])])).await;
    let mut link = Link::open(&here, &there).await;
    until(&mut link, || !shown(&there, "d", "heat").is_empty()).await;
    copy(&third, &there).await;
    audit(&there.snapshot());
    let times: Vec<_> = shown(&there, "d", "heat").iter().map(|entry| entry.0).collect();
    assert!(!times.contains(&5) && !times.contains(&650_500), "resurrected");
}
