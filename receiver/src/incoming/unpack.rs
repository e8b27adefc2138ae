//! A batch's frames become items: checked, decoded, hashed, ready for the writer.
//!
//! Pure, and heavy: it runs on a blocking thread, away from the connection and from the writer.

use bytes::Bytes;
use jackdaw_common::{Etag, Item, frame::BatchEnd, limits::BATCH_ITEMS_MAX};
use jackdaw_proto::convert::replication::{FrameError, decode_items};
use jackdaw_store::IncomingItem;
use thiserror::Error;
use xxhash_rust::xxh3::Xxh3;

#[cfg(test)]
mod tests;

/// A batch as it came.
#[derive(Clone, Debug)]
pub(crate) struct Gathered {
    /// The etag it continues from.
    pub(crate) after: Etag,
    /// Its items, frame by frame.
    pub(crate) frames: Vec<Bytes>,
    /// What its end said.
    pub(crate) end: BatchEnd,
}

/// Why a batch is not what its end says.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum UnpackError {
    /// Something was altered or lost on the way.
    #[error("batch {number} has checksum {actual:016x}, its end says {expected:016x}")]
    Checksum {
        /// Its number.
        number: u64,
        /// What its end says.
        expected: u64,
        /// What its frames have.
        actual: u64,
    },
    /// It has another number of items than its end says.
    #[error("batch {number} has {actual} items, its end says {expected}")]
    Count {
        /// Its number.
        number: u64,
        /// What its end says.
        expected: u64,
        /// What came.
        actual: usize,
    },
    /// Its items do not ascend, or lie outside of what it claims to cover.
    #[error("batch {number}: etag {etag} does not lie between {after} and {last}")]
    Order {
        /// Its number.
        number: u64,
        /// The item's etag.
        etag: Etag,
        /// The etag before it.
        after: Etag,
        /// The last etag of the batch.
        last: Etag,
    },
    /// An item does not decode.
    #[error("batch {number}: {error}")]
    Frame {
        /// Its number.
        number: u64,
        /// What is wrong.
        error: FrameError,
    },
}

/// Checks a batch and decodes its items.
pub(crate) fn unpack(batch: &Gathered) -> Result<Vec<IncomingItem>, UnpackError> {
    let BatchEnd { number, last, items: expected, checksum, .. } = batch.end;
    let mut hasher = Xxh3::new();
    for frame in &batch.frames {
        hasher.update(frame);
    }
    let actual = hasher.digest();
    if actual != checksum {
        return Err(UnpackError::Checksum { number, expected: checksum, actual });
    }
    let mut items: Vec<Item> = Vec::new();
    for frame in &batch.frames {
        decode_items(frame.clone(), &mut items, BATCH_ITEMS_MAX)
            .map_err(|error| UnpackError::Frame { number, error })?;
    }
    if items.len() as u64 != expected {
        return Err(UnpackError::Count { number, expected, actual: items.len() });
    }
    let mut after = batch.after;
    for item in &items {
        let etag = item.etag;
        if etag <= after || etag > last {
            return Err(UnpackError::Order { number, etag, after, last });
        }
        after = etag;
    }
    Ok(items.into_iter().map(IncomingItem::from).collect())
}
