//! A part of the source becomes a batch: whole transactions, encoded, in frames.
//!
//! Blocking: it reads the store and runs on a blocking thread. Reads one published snapshot.

use bytes::{Bytes, BytesMut};
use jackdaw_common::{
    ChangeVector, Etag,
    batch::{BatchLimits, Filling},
    limits::FRAME_BYTES_MAX,
};
use jackdaw_proto::convert::replication::OutgoingItem;
use jackdaw_store::{Snapshot, StoreError};
use thiserror::Error;
use xxhash_rust::xxh3::Xxh3;

/// A batch ready to go, or the news that there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Packed {
    /// The etag it continues from.
    pub(crate) after: Etag,
    /// Etag up to which the source was scanned.
    pub(crate) last: Etag,
    /// Items in it.
    pub(crate) items: u64,
    /// Encoded bytes of its items.
    pub(crate) bytes: u64,
    /// xxh3-64 over its frames.
    pub(crate) checksum: u64,
    /// Its items, frame by frame.
    pub(crate) frames: Vec<Bytes>,
    /// The source's vector, when the scan came to the snapshot's end.
    pub(crate) frontier: Option<ChangeVector>,
}

/// Why no batch could be packed.
#[derive(Clone, Debug, Error)]
pub(crate) enum PackError {
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

/// Packs what comes after `after`.
pub(crate) fn pack(
    snapshot: &Snapshot,
    after: Etag,
    limits: BatchLimits,
    item_bytes_max: u64,
) -> Result<Packed, PackError> {
    let mut filling = Filling::new(limits);
    let mut frames = Frames::default();
    let mut last = after;
    let mut full = false;
    for row in snapshot.changes_after(after) {
        let item = row?.into_item();
        if !filling.takes(item.transaction) {
            full = true;
            break;
        }
        let outgoing = OutgoingItem::new(&item);
        let bytes = outgoing.bytes();
        if bytes as u64 > item_bytes_max {
            return Err(PackError::ItemTooLarge {
                id: item.version.id.as_str().to_owned(),
                etag: item.etag,
                bytes,
                max: item_bytes_max,
            });
        }
        filling.add(item.transaction, bytes);
        frames.add(&outgoing);
        last = item.etag;
    }
    let header = snapshot.header();
    let frontier = (!full).then(|| header.vector.clone());
    if !full {
        last = header.last_etag.max(after);
    }
    let (frames, checksum) = frames.close();
    Ok(Packed {
        after,
        last,
        items: filling.items() as u64,
        bytes: filling.bytes() as u64,
        checksum,
        frames,
        frontier,
    })
}

/// Items cut into frames.
#[derive(Default)]
struct Frames {
    closed: Vec<Bytes>,
    open: BytesMut,
}

impl Frames {
    /// Appends an item; one that is larger than a frame stands alone.
    fn add(&mut self, item: &OutgoingItem) {
        if self.open.is_empty() {
            self.open.reserve(FRAME_BYTES_MAX.max(item.bytes()));
        } else if self.open.len() + item.bytes() > FRAME_BYTES_MAX {
            self.cut();
            self.open.reserve(FRAME_BYTES_MAX.max(item.bytes()));
        }
        item.append_to(&mut self.open);
    }

    fn cut(&mut self) {
        if !self.open.is_empty() {
            self.closed.push(self.open.split().freeze());
        }
    }

    fn close(mut self) -> (Vec<Bytes>, u64) {
        self.cut();
        let mut checksum = Xxh3::new();
        for frame in &self.closed {
            checksum.update(frame);
        }
        (self.closed, checksum.digest())
    }
}
