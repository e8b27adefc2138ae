//! Revisions in a batch: none is left out because another has taken its place, and none is sent
//! that the destination has.

use jackdaw_common::{RevisionsConfiguration, RevisionsRule};
use jackdaw_store::Configure;

use super::*;

async fn keep_all(store: &Store) {
    let rule = Some(RevisionsRule::default());
    let configuration = RevisionsConfiguration::new(rule, Vec::new()).unwrap();
    store.configure_revisions(Configure { expected: None, configuration }).await.unwrap();
}

/// Etag, first etag and rows of the transaction, and whether it is sent as a revision only.
fn sent(packed: &Packed) -> Vec<(u64, u64, u32, bool)> {
    let sent = |item: Item| {
        let TransactionMark { first, rows } = item.transaction;
        (item.etag.get(), first.get(), rows, item.past)
    };
    items(packed).into_iter().map(sent).collect()
}

#[tokio::test]
async fn a_revision_whose_successor_is_in_the_batch_goes_along() {
    let store = store(1);
    keep_all(&store).await;
    follow(&store).await;
    write(&store, vec![put("x", "1"), put("y", "1")]).await;
    write(&store, vec![put("x", "2")]).await;
    write(&store, vec![put("z", "1")]).await;
    write(&store, vec![delete("x")]).await;
    let packed = all(&store, &nothing());
    // Nobody who copies the destination sees y without x, and x is nothing but deleted.
    let expected =
        [(1, 1, 5, true), (2, 1, 5, false), (3, 1, 5, true), (4, 1, 5, false), (5, 1, 5, false)];
    assert_eq!(sent(&packed), expected);
    assert_eq!((packed.items, packed.left_out), (5, 0));
    assert_eq!(packed.bytes, packed.frames.iter().map(|frame| frame.len() as u64).sum::<u64>());
    // In batches of their own they are what they were.
    let limits = BatchLimits { items: 1, bytes: usize::MAX, ..BatchLimits::default() };
    let first = pack(&store.snapshot(), Etag::ZERO, limits, &nothing()).unwrap();
    assert_eq!(sent(&first), [(1, 1, 2, false), (2, 1, 2, false)]);
    // Once every task has passed what took their place they are revisions and nothing else.
    let acknowledged = store.last_etag();
    store.stand(Follower { task: 1, destination: 1, acknowledged }).await.unwrap();
    write(&store, vec![put("w", "1")]).await;
    let first = pack(&store.snapshot(), Etag::ZERO, limits, &nothing()).unwrap();
    assert_eq!(sent(&first), [(1, 1, 2, true), (2, 1, 2, false)]);
}

#[tokio::test]
async fn a_revision_that_the_destination_has_is_left_out() {
    let store = store(1);
    write(&store, vec![put("x", "1"), put("mine", "1")]).await;
    keep_all(&store).await;
    // The version before is kept by an entry of its own, under the vector that it had.
    write(&store, vec![put("x", "2")]).await;
    let of = |known| sent(&all(&store, &destination(known)));
    assert_eq!(of(vector(&[(1, 2)])), [(3, 3, 1, true), (4, 4, 1, false)]);
    assert_eq!(of(vector(&[(1, 3)])), [(4, 4, 1, false)]);
    assert_eq!(of(vector(&[(1, 4)])), []);
}
