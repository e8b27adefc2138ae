//! A history that breaks a plausible design, with that design planted: it must be found.

use super::*;

/// A writes X@2, Y@5, X@9 and others; the first batch ends behind Y, and A is gone for good. E, an
/// old replica that holds X{A:2}, is connected to save what it can. Answers what the destination
/// claims to have of A after that first batch, and what it shows of X in the end.
async fn rescued() -> (u64, Option<String>) {
    let (a, destination, e) = (store(1), store(2), store(3));
    write(&a, vec![put("d1", "1")]).await;
    write(&a, vec![put("x", "old")]).await;
    let session = begin(&e, 1).await;
    assert_eq!(send(&a, &e, &session, usize::MAX, Etag::ZERO).await, etag(2));
    for id in ["d3", "d4", "y", "d6", "d7", "d8"] {
        write(&a, vec![put(id, "1")]).await;
    }
    write(&a, vec![put("x", "new")]).await;
    assert_eq!(a.last_etag(), etag(9));

    let session = begin(&destination, 1).await;
    assert_eq!(send(&a, &destination, &session, 4, Etag::ZERO).await, etag(5));
    let there = shown(&destination);
    assert!(there.contains_key("y") && !there.contains_key("x"), "{there:?}");
    let claimed = destination.vector().etag_of(a.incarnation()).get();
    drop(a);

    let session = begin(&destination, 3).await;
    assert_eq!(send(&e, &destination, &session, usize::MAX, Etag::ZERO).await, etag(2));
    (claimed, shown(&destination).remove("x"))
}

/// What was overwritten in the part of a scan that is still to come is nowhere at the destination:
/// it must not claim that part's beginning.
#[tokio::test]
async fn pitfall_5_frontier_in_the_middle_of_a_scan() {
    assert_eq!(rescued().await, (0, Some("old".to_owned())));
    EARLY_FRONTIER.set(true);
    let planted = rescued().await;
    EARLY_FRONTIER.set(false);
    assert_eq!(planted, (5, None), "the planted bug must be found");
}
