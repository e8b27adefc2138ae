//! A part of the source becomes a batch: whole transactions, encoded, in frames.
//!
//! Blocking: it reads the store and runs on a blocking thread. Reads one published snapshot. What
//! the destination has is left out, and so is a version whose successor is in the same batch.

mod frames;
mod selection;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use jackdaw_common::{
    ChangeVector, Etag, IncarnationId, Item, RunId,
    batch::{BatchLimits, Filling},
    limits::PACK_ROWS_MAX,
};
use jackdaw_proto::convert::replication::OutgoingItem;
use jackdaw_store::{Snapshot, StoreError};
use thiserror::Error;

use frames::Frames;
use selection::Selection;

/// A batch ready to go, or the news that there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Packed {
    /// The etag it continues from.
    pub(crate) after: Etag,
    /// Etag up to which the source was scanned.
    pub(crate) last: Etag,
    /// The run in which that etag was issued.
    pub(crate) run: RunId,
    /// Items in it.
    pub(crate) items: u64,
    /// Encoded bytes of its items.
    pub(crate) bytes: u64,
    /// Rows left out: the destination has them, or their successors are in the batch.
    pub(crate) left_out: u64,
    /// The highest etag that the destination has given out, as what was left out says, and has not
    /// told of itself.
    pub(crate) echoed: Etag,
    /// xxh3-64 over its frames.
    pub(crate) checksum: u64,
    /// Its items, frame by frame.
    pub(crate) frames: Vec<Bytes>,
    /// The source's vector, when the scan came to the snapshot's end.
    pub(crate) frontier: Option<ChangeVector>,
}

/// Why no batch could be packed.
#[derive(Clone, Debug, Error)]
pub enum PackError {
    /// The destination takes no item that large.
    #[error("document {id} at etag {etag} takes {bytes} bytes, the destination takes {max}")]
    ItemTooLarge {
        /// Its id.
        id: String,
        /// Its etag.
        etag: Etag,
        /// Encoded bytes.
        bytes: usize,
        /// What the destination takes.
        max: u64,
    },
    /// The source cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What is known of the destination, as it has said in this session.
#[derive(Clone, Debug)]
pub(crate) struct Destination {
    /// The id of the entries it mints.
    pub(crate) incarnation: IncarnationId,
    /// Everything it durably holds.
    pub(crate) known: ChangeVector,
    /// Largest encoded item it takes, bytes.
    pub(crate) item_bytes_max: u64,
}

impl Destination {
    /// Whether a version need not be sent: the destination holds it, or something that has seen it.
    ///
    /// A version that was minted is held where its vector is covered: a database vector claims only
    /// what is there (invariant I6). One that is a merge may be covered entry by entry and be
    /// nowhere; it is sent. What the destination has written itself need not be heard of first; the
    /// session sees to it that it is heard of after.
    fn has(&self, item: &Item) -> bool {
        item.minted.is_some() && self.known.covers(&item.version.vector)
            || self.echo(item).is_some()
    }

    /// The etag of a version that the destination itself has written.
    fn echo(&self, item: &Item) -> Option<Etag> {
        let minted = item.minted.filter(|minted| minted.incarnation == self.incarnation);
        minted.map(|minted| minted.etag)
    }
}

/// Packs what comes after `after`.
pub(crate) fn pack(
    snapshot: &Snapshot,
    after: Etag,
    limits: BatchLimits,
    destination: &Destination,
) -> Result<Packed, PackError> {
    let mut filling = Filling::new(limits);
    let mut selection = Selection::default();
    let (mut last, mut rows, mut left_out) = (after, 0, 0);
    let mut echoed = Etag::ZERO;
    let mut full = false;
    for row in snapshot.changes_after(after) {
        let row = row?;
        let previous = row.previous;
        let item = row.into_item();
        let border = selection.begins_another(item.transaction);
        if !filling.takes(item.transaction) || (border && rows >= PACK_ROWS_MAX) {
            full = true;
            break;
        }
        rows += 1;
        last = item.etag;
        selection.enter(item.transaction);
        if let Some(bytes) = selection.supersede(previous) {
            left_out += 1;
            filling.remove(bytes);
        }
        if destination.has(&item) {
            left_out += 1;
            echoed = echoed.max(destination.echo(&item).unwrap_or_default());
            continue;
        }
        let outgoing = OutgoingItem::new(&item);
        fits(&item, &outgoing, destination)?;
        filling.add(item.transaction, outgoing.bytes());
        selection.add(item.etag, outgoing);
    }
    let header = snapshot.header();
    let frontier = (!full).then(|| header.vector.clone());
    if !full {
        last = header.last_etag.max(after);
    }
    let mut frames = Frames::default();
    let (mut items, mut bytes) = (0, 0);
    for item in selection.into_items() {
        frames.add(&item);
        items += 1;
        bytes += item.bytes() as u64;
    }
    let (frames, checksum) = frames.close();
    let run = header.lineage().run_of(last);
    Ok(Packed { after, last, run, items, bytes, left_out, echoed, checksum, frames, frontier })
}

fn fits(item: &Item, outgoing: &OutgoingItem, destination: &Destination) -> Result<(), PackError> {
    let (bytes, max) = (outgoing.bytes(), destination.item_bytes_max);
    if bytes as u64 <= max {
        return Ok(());
    }
    let id = item.version.id.as_str().to_owned();
    Err(PackError::ItemTooLarge { id, etag: item.etag, bytes, max })
}
