//! One database copied into another, without a network: what a sender and a receiver do between
//! two stores.

use jackdaw_common::{
    ChangeVector, Etag, Item,
    batch::{BatchLimits, Filling},
};

use super::offer;
use crate::{Applied, Brought, Incoming, IncomingItem, Session, Snapshot, Store};

/// The next batch after an etag: its items, the etag it ends at, and at the end of the snapshot
/// the frontier.
fn take(
    snapshot: &Snapshot,
    after: Etag,
    items_max: usize,
) -> (Vec<IncomingItem>, Etag, Option<ChangeVector>) {
    let mut filling =
        Filling::new(BatchLimits { items: items_max, bytes: usize::MAX, ..BatchLimits::default() });
    let mut items = Vec::new();
    let mut last = after;
    for row in snapshot.changes_after(after) {
        let row = row.unwrap();
        let past = snapshot.is_past(&row).unwrap();
        let item = Item { past, ..row.into_item() };
        if !filling.takes(item.transaction) {
            return (items, last, None);
        }
        filling.add(item.transaction, item.version.content.bytes());
        last = item.etag;
        items.push(IncomingItem::from(item));
    }
    let header = snapshot.header();
    (items, header.last_etag.max(after), Some(header.vector.clone()))
}

/// A task that copies one store into another.
pub(crate) struct Link {
    source: Store,
    destination: Store,
    session: Session,
    cursor: Etag,
}

impl Link {
    /// Opens a session.
    pub(crate) async fn open(source: &Store, destination: &Store) -> Self {
        let session = destination.begin(offer(source)).await.unwrap();
        Self::of(source, destination, session)
    }

    /// The task in a session that has begun.
    pub(crate) fn of(source: &Store, destination: &Store, session: Session) -> Self {
        let cursor = session.cursor;
        Self { source: source.clone(), destination: destination.clone(), session, cursor }
    }

    /// The epoch of its session.
    pub(crate) fn epoch(&self) -> u64 {
        self.session.epoch
    }

    /// The next batch, not applied yet.
    pub(crate) fn next(&self, items_max: usize) -> Incoming {
        let (items, last, frontier) = take(&self.source.snapshot(), self.cursor, items_max);
        Incoming {
            brought: Brought::default(),
            source: self.source.database_id(),
            epoch: self.session.epoch,
            after: self.cursor,
            last,
            run: self.source.snapshot().header().lineage().run_of(last),
            frontier,
            items,
        }
    }

    /// Applies a batch.
    pub(crate) async fn apply(&mut self, batch: Incoming) -> Applied {
        let applied = self.destination.apply(batch).await.unwrap();
        self.cursor = applied.cursor;
        applied
    }

    /// Sends everything there is, in batches; answers how many items went.
    pub(crate) async fn run(&mut self, items_max: usize) -> usize {
        let mut sent = 0;
        loop {
            let batch = self.next(items_max);
            let (items, whole) = (batch.items.len(), batch.frontier.is_some());
            self.apply(batch).await;
            sent += items;
            if whole {
                return sent;
            }
        }
    }
}

impl Link {
    /// Sends everything from the beginning once more; answers how many items were not known.
    pub(crate) async fn repeat(&mut self) -> u64 {
        let (items, last, frontier) = take(&self.source.snapshot(), Etag::ZERO, usize::MAX);
        let batch = self.next(usize::MAX);
        let sent = items.len() as u64;
        let batch = Incoming { after: Etag::ZERO, last, frontier, items, ..batch };
        sent - self.apply(batch).await.already_present
    }
}

/// Copies everything there is once, in one session.
pub(crate) async fn copy(source: &Store, destination: &Store) -> usize {
    Link::open(source, destination).await.run(usize::MAX).await
}
