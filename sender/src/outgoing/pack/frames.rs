//! Items cut into frames.

use bytes::{Bytes, BytesMut};
use jackdaw_common::limits::FRAME_BYTES_MAX;
use jackdaw_proto::convert::replication::OutgoingItem;
use xxhash_rust::xxh3::Xxh3;

/// Items cut into frames.
#[derive(Default)]
pub(super) struct Frames {
    closed: Vec<Bytes>,
    open: BytesMut,
}

impl Frames {
    /// Appends an item; one that is larger than a frame stands alone.
    pub(super) fn add(&mut self, item: &OutgoingItem) {
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

    /// The frames, and the checksum over them.
    pub(super) fn close(mut self) -> (Vec<Bytes>, u64) {
        self.cut();
        let mut checksum = Xxh3::new();
        for frame in &self.closed {
            checksum.update(frame);
        }
        (self.closed, checksum.digest())
    }
}
