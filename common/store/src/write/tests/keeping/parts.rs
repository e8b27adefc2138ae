//! Counters and segments that hold nothing are forgotten, and what they had removed does not come
//! back.

use jackdaw_common::{Timestamp, item::series::Span};

use super::super::{harness::*, local::parts::*};
use crate::{Forget, Store};

async fn forget(store: &Store) -> u64 {
    let (mut after, mut parts) = (None, 0);
    loop {
        let before = Timestamp::from_micros(i64::MAX);
        let done = store.forget(Forget { before, after }).await.unwrap();
        parts += done.parts;
        after = done.next;
        if after.is_none() {
            audit(&store.snapshot());
            return parts;
        }
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

fn rows(store: &Store) -> (u64, usize) {
    (store.snapshot().header().parts, changes(store, 0).len())
}

#[test]
fn what_holds_nothing_goes() {
    on_both(async |place| {
        let store = place.open(1);
        put(&store, "d", "1").await;
        wrote(&store, adding("d", "likes", 5)).await;
        wrote(&store, adding("d", "stars", 5)).await;
        wrote(&store, appending("d", "heat", &[(1, &[1.0]), (2, &[2.0])])).await;
        wrote(&store, uncounting("d", "likes")).await;
        wrote(&store, clearing("d", "heat", Span::ALL)).await;
        assert_eq!(rows(&store), (3, 4));
        assert_eq!(forget(&store).await, 2);
        assert_eq!(rows(&store), (1, 2));
        assert_eq!(forget(&store).await, 0);
        // It begins anew.
        assert_eq!(wrote(&store, adding("d", "likes", 2)).await.value, Some(2));
        wrote(&store, appending("d", "heat", &[(1, &[3.0])])).await;
        assert_eq!(shown(&store, "d", "heat"), [(1, vec![3.0])]);
        drop(store);
        let store = place.open(1);
        assert_eq!(forget(&store).await, 0);
        assert_eq!(counted(&store, "d", "likes"), Some(2));
    });
}

/// Whoever has not heard of a deletion hears of it (invariant I16).
#[tokio::test]
async fn what_a_task_has_not_passed_stays() {
    let store = in_memory(1);
    put(&store, "d", "1").await;
    task(&store, 1, true).await;
    wrote(&store, adding("d", "likes", 5)).await;
    wrote(&store, uncounting("d", "likes")).await;
    assert_eq!(forget(&store).await, 0);
    store.stand(at(1, store.last_etag())).await.unwrap();
    assert_eq!(forget(&store).await, 1);
    // Something that is younger than it may be stays too.
    wrote(&store, adding("d", "likes", 5)).await;
    wrote(&store, uncounting("d", "likes")).await;
    store.stand(at(1, store.last_etag())).await.unwrap();
    let young = Forget { before: Timestamp::from_micros(0), after: None };
    let mut step = store.forget(young.clone()).await.unwrap();
    while let Some(after) = step.next {
        assert_eq!(step.parts, 0);
        step = store.forget(Forget { after: Some(after), ..young.clone() }).await.unwrap();
    }
    assert_eq!(step.parts, 0);
    assert_eq!(forget(&store).await, 1);
}

/// Whoever has not heard that a series is gone hears of it too (invariant I16).
#[tokio::test]
async fn a_series_that_is_gone_stays_so_for_a_task() {
    let store = in_memory(1);
    put(&store, "d", "1").await;
    task(&store, 1, true).await;
    wrote(&store, appending("d", "heat", &[(1, &[1.0])])).await;
    wrote(&store, clearing("d", "heat", Span::ALL)).await;
    assert_eq!(forget(&store).await, 0);
    store.stand(at(1, store.last_etag())).await.unwrap();
    assert_eq!(forget(&store).await, 1);
}

/// What arrives is remembered until its source says that all has come.
#[tokio::test]
async fn what_may_come_again_stays() {
    let (here, there) = (in_memory(1), in_memory(2));
    put(&here, "d", "1").await;
    wrote(&here, adding("d", "likes", 5)).await;
    wrote(&here, uncounting("d", "likes")).await;
    let mut link = Link::open(&here, &there).await;
    let mut part = link.next(usize::MAX);
    part.frontier = None;
    link.apply(part).await;
    assert_eq!(forget(&there).await, 0);
    link.run(usize::MAX).await;
    assert_eq!(forget(&there).await, 1);
    let last = there.last_etag();
    link.repeat().await;
    assert_eq!((rows(&there).0, there.last_etag()), (0, last));
}

/// A third database adds to a counter whose deletion it has not heard of, and which is forgotten
/// where it arrives: what was deleted stays so, what is new counts.
#[tokio::test]
async fn a_counter_that_was_deleted_does_not_come_back() {
    let [here, there, third] = [1, 2, 3].map(in_memory);
    put(&here, "d", "1").await;
    wrote(&here, adding("d", "likes", 5)).await;
    copy(&here, &there).await;
    copy(&here, &third).await;
    wrote(&here, uncounting("d", "likes")).await;
    copy(&here, &there).await;
    for store in [&here, &there] {
        assert_eq!(forget(store).await, 1);
    }
    wrote(&third, adding("d", "likes", 100)).await;
    copy(&third, &there).await;
    assert_eq!(counted(&there, "d", "likes"), Some(100));
    wrote(&here, adding("d", "likes", 1)).await;
    around(&[&here, &there, &third]).await;
    let all = [&here, &there, &third].map(|store| counted(store, "d", "likes"));
    assert_eq!(all, [Some(101); 3]);
}

/// The same of a time series.
#[tokio::test]
async fn entries_that_were_deleted_do_not_come_back() {
    let [here, there, third] = [1, 2, 3].map(in_memory);
    put(&here, "d", "1").await;
    for name in ["heat", "INC:hits"] {
        wrote(&here, appending("d", name, &[(1, &[1.0]), (2, &[2.0])])).await;
    }
    copy(&here, &there).await;
    copy(&here, &third).await;
    for name in ["heat", "INC:hits"] {
        wrote(&here, clearing("d", name, Span::ALL)).await;
    }
    copy(&here, &there).await;
    for store in [&here, &there] {
        assert_eq!(forget(store).await, 2);
    }
    for name in ["heat", "INC:hits"] {
        wrote(&third, appending("d", name, &[(2, &[20.0]), (3, &[30.0])])).await;
    }
    copy(&third, &there).await;
    assert_eq!(shown(&there, "d", "heat"), [(2, vec![20.0]), (3, vec![30.0])]);
    around(&[&here, &there, &third]).await;
    for store in [&here, &there, &third] {
        for name in ["heat", "INC:hits"] {
            assert_eq!(shown(store, "d", name), [(2, vec![20.0]), (3, vec![30.0])], "{name}");
        }
    }
}
