//! What a destination keeps by rules of its own, of what arrives.

use super::super::{harness::*, local::revisions::*};
use crate::Store;

/// A destination keeps by its own rule what nobody else does, and gives it on.
#[tokio::test]
async fn a_destination_keeps_what_its_source_does_not() {
    let clock = TestClock::at(1_000_000);
    let [here, there, back] = [1, 2, 3].map(|n| Place::memory().open_at(n, clock.clone()));
    configure(&there, Some(all())).await;
    for (at, body) in ["1", "2", "3"].into_iter().enumerate() {
        clock.set(2_000_000 + at as i64);
        put(&here, "d", body).await;
        copy(&here, &there).await;
    }
    delete(&here, "d").await;
    copy(&here, &there).await;
    assert_eq!(revised(&there, "d"), ["3", "2", "1"]);
    assert_eq!(revised(&here, "d"), [""; 0]);
    copy(&there, &back).await;
    copy(&there, &here).await;
    assert_eq!(revised(&back, "d"), ["3", "2", "1"]);
    assert_eq!(revised(&here, "d"), ["3", "2", "1"]);
    // And then all are silent.
    for (from, to) in [(&here, &there), (&back, &there), (&there, &here), (&here, &back)] {
        let last = to.last_etag();
        copy(from, to).await;
        assert_eq!(to.last_etag(), last);
    }
}

/// Two databases that each keep the same version by themselves have one revision, and it goes when
/// it is gone for both.
#[tokio::test]
async fn what_two_keep_goes_when_both_remove_it() {
    let [here, one, other] = [1, 2, 3].map(in_memory);
    configure(&one, Some(all())).await;
    configure(&other, Some(all())).await;
    put(&here, "d", "1").await;
    copy(&here, &one).await;
    copy(&here, &other).await;
    put(&here, "d", "2").await;
    copy(&here, &one).await;
    copy(&here, &other).await;
    copy(&one, &other).await;
    copy(&other, &one).await;
    copy(&one, &other).await;
    assert_eq!([revised(&one, "d"), revised(&other, "d")], [["1"], ["1"]]);
    configure(&other, None).await;
    assert_eq!(enforce(&other).await.removed, 1);
    copy(&other, &one).await;
    assert_eq!([revised(&one, "d"), revised(&other, "d")], [[""; 0], [""; 0]]);
    copy(&one, &other).await;
    assert_eq!(revised(&other, "d"), [""; 0]);
}

/// Versions in conflict are kept once the conflict ends, and an open one is not touched (REV-18).
#[tokio::test]
async fn versions_of_a_conflict_are_kept() {
    let (here, there) = (in_memory(1), in_memory(2));
    configure(&here, Some(all())).await;
    put(&here, "d", "1").await;
    put(&there, "d", "2").await;
    copy(&there, &here).await;
    assert_eq!(counts(&here), (0, 0, 1));
    configure(&here, None).await;
    assert_eq!(enforce(&here).await.removed, 0);
    configure(&here, Some(all())).await;
    put(&here, "d", "3").await;
    let mut all = revised(&here, "d");
    assert_eq!(all.remove(0), "3");
    all.sort();
    assert_eq!(all, ["1", "2"]);
}

/// What its writer kept when it changed it is not kept once more where that arrives.
#[tokio::test]
async fn what_is_kept_already_is_not_kept_again() {
    let (here, there) = (in_memory(1), in_memory(2));
    put(&here, "d", "1").await;
    copy(&here, &there).await;
    for store in [&here, &there] {
        configure(store, Some(all())).await;
    }
    put(&here, "d", "2").await;
    let last = there.last_etag().get();
    copy(&here, &there).await;
    assert_eq!(revised(&there, "d").len(), 2);
    assert_eq!(there.last_etag().get(), last + 2);
    assert_eq!(there.vector(), here.vector(), "nothing was minted");
}

/// One that was kept late is older than others that were kept before it: those go first, and
/// nothing goes that is not meant.
#[tokio::test]
async fn what_was_kept_late_goes_late() {
    let (early, late) = (TestClock::at(1_000), TestClock::at(5_000));
    let here = Place::memory().open_at(1, late.clone());
    let there = Place::memory().open_at(2, early);
    configure(&here, Some(all())).await;
    put(&here, "d", "mine").await;
    put(&there, "d", "theirs").await;
    copy(&there, &here).await;
    configure(&here, Some(newest(2))).await;
    late.set(10_000);
    put(&here, "d", "both").await;
    assert_eq!(revised(&here, "d"), ["both", "theirs"]);
    late.set(20_000);
    put(&here, "d", "new").await;
    assert_eq!(revised(&here, "d"), ["new", "both"]);
}

/// Of the versions of a conflict only those are kept that something takes the place of.
#[tokio::test]
async fn what_stays_in_a_conflict_is_no_revision() {
    let [here, one, other] = [1, 2, 3].map(in_memory);
    put(&one, "d", "1").await;
    put(&other, "d", "2").await;
    copy(&one, &here).await;
    copy(&other, &here).await;
    configure(&here, Some(all())).await;
    put(&one, "d", "3").await;
    copy(&one, &here).await;
    assert_eq!(counts(&here), (0, 0, 1));
    assert_eq!(revised(&here, "d"), ["1"]);
}

/// What is kept of what a transaction takes the place of stands in transactions of its own: what a
/// destination takes as one does not become larger on the way.
#[tokio::test]
async fn what_is_kept_makes_no_transaction_larger() {
    let (here, there) = (in_memory(1), in_memory(2));
    configure(&there, Some(all())).await;
    here.transact(vec![putting("a", "1"), putting("b", "1")]).await.unwrap();
    copy(&here, &there).await;
    here.transact(vec![putting("a", "2"), putting("b", "2")]).await.unwrap();
    copy(&here, &there).await;
    let marks = |store: &Store, after| {
        let rows = changes(store, after).into_iter();
        rows.map(|row| (row.etag.get(), row.transaction)).collect::<Vec<_>>()
    };
    let kept = [(3, mark(3, 1)), (4, mark(4, 1)), (5, mark(5, 2)), (6, mark(5, 2))];
    assert_eq!(marks(&there, 2), kept);
    // So it is where a client writes.
    put(&there, "c", "1").await;
    configure(&there, None).await;
    put(&there, "c", "2").await;
    put(&there, "d", "2").await;
    configure(&there, Some(all())).await;
    let last = there.last_etag().get();
    there.transact(vec![putting("c", "3"), putting("d", "3")]).await.unwrap();
    let kept = [
        (last + 1, mark(last + 1, 1)),
        (last + 2, mark(last + 2, 1)),
        (last + 3, mark(last + 3, 2)),
        (last + 4, mark(last + 3, 2)),
    ];
    assert_eq!(marks(&there, last), kept);
}

/// A destination's rule bounds what it keeps by itself, and leaves alone what its source keeps.
#[tokio::test]
async fn a_destination_keeps_so_much_by_itself_at_most() {
    let clock = TestClock::at(1_000_000);
    let [here, there] = [1, 2].map(|n| Place::memory().open_at(n, clock.clone()));
    configure(&here, Some(all())).await;
    put(&here, "d", "1").await;
    clock.set(2_000_000);
    put(&here, "d", "2").await;
    configure(&here, None).await;
    configure(&there, Some(newest(2))).await;
    for number in 3..9 {
        clock.set(number * 1_000_000);
        put(&here, "d", &number.to_string()).await;
        copy(&here, &there).await;
    }
    assert_eq!(revised(&there, "d"), ["7", "6", "2", "1"]);
    copy(&there, &here).await;
    assert_eq!(revised(&here, "d"), ["7", "6", "2", "1"]);
    // Its rule purges what it has kept, when the document is deleted.
    configure(&there, Some(purging())).await;
    delete(&here, "d").await;
    copy(&here, &there).await;
    assert_eq!(revised(&there, "d"), ["2", "1"]);
    assert_eq!(enforce(&there).await.removed, 2, "what others keep goes only when it is asked for");
}

/// Where the source's clock went back a destination's rule is kept all the same.
#[tokio::test]
async fn a_clock_that_goes_back_stops_no_rule() {
    let clock = TestClock::at(9_000_000);
    let here = Place::memory().open_at(1, clock.clone());
    let there = in_memory(2);
    configure(&there, Some(newest(2))).await;
    for number in 0..8 {
        put(&here, "d", &number.to_string()).await;
        copy(&here, &there).await;
        clock.set(1_000_000 + number);
    }
    assert_eq!(revised(&there, "d"), ["6", "5"]);
    configure(&there, None).await;
    assert_eq!(enforce(&there).await.removed, 2);
}

/// A version whose revision was removed while it was live is kept again by whoever wants it.
#[tokio::test]
async fn a_live_version_is_kept_again() {
    let (here, there) = (in_memory(1), in_memory(2));
    configure(&here, Some(all())).await;
    configure(&there, Some(all())).await;
    put(&here, "d", "1").await;
    copy(&here, &there).await;
    configure(&here, None).await;
    assert_eq!(enforce(&here).await.removed, 1);
    copy(&here, &there).await;
    assert_eq!(revised(&there, "d"), [""; 0]);
    put(&here, "d", "2").await;
    copy(&here, &there).await;
    assert_eq!(revised(&there, "d"), ["1"]);
    // And so where it was written.
    put(&here, "e", "1").await;
    configure(&here, Some(all())).await;
    put(&here, "e", "2").await;
    configure(&here, None).await;
    enforce(&here).await;
    configure(&here, Some(all())).await;
    put(&here, "e", "3").await;
    assert_eq!(revised(&here, "e").len(), 2);
}

/// A deletion that ends a conflict with others of its kind takes the place of live versions too.
#[tokio::test]
async fn what_deletions_together_take_the_place_of_is_kept() {
    let here = in_memory(9);
    configure(&here, Some(all())).await;
    let live = arriving(1, "d", &vector(&[(1, 1)]), Some("1"));
    receive(&here, 1, vec![live]).await;
    receive(&here, 2, vec![arriving(1, "d", &vector(&[(2, 1)]), None)]).await;
    assert_eq!(counts(&here), (0, 0, 1));
    receive(&here, 3, vec![arriving(1, "d", &vector(&[(1, 1), (3, 1)]), None)]).await;
    assert_eq!(counts(&here), (0, 1, 0));
    assert_eq!(revised(&here, "d"), ["1"]);
}
