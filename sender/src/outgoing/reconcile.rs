//! What the source says it holds, range by range, where the destination has missed deletions that
//! are forgotten here.
//!
//! Each range is of the snapshot that is published when its turn comes, and says so by its vector.
//! What is deleted after that travels as a tombstone: from the handshake on none is forgotten that
//! the destination has not passed.

use bytes::Bytes;
use jackdaw_common::{
    ChangeVector,
    limits::{FRAME_BYTES_MAX, PRESENT_KEYS_MAX},
};
use jackdaw_store::{Snapshot, StoreError};

/// Bytes that an id takes in a frame beside its own.
const KEY_BYTES: usize = 4;

/// A range, ready to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    /// It begins behind this id, lower case.
    pub(crate) after: Bytes,
    /// It ends with this one; `None`: with the last one there is.
    pub(crate) through: Option<Bytes>,
    /// The ids in it.
    pub(crate) keys: Vec<Bytes>,
    /// About how many bytes it takes.
    pub(crate) bytes: u64,
    /// Everything the source held.
    pub(crate) vector: ChangeVector,
}

/// The range behind `after`. Blocking.
///
/// # Errors
///
/// The source cannot be read.
pub(crate) fn range(snapshot: &Snapshot, after: Bytes) -> Result<Range, StoreError> {
    let (mut keys, mut bytes, mut through) = (Vec::new(), 0, None);
    for key in snapshot.ids_after(&after) {
        let key = key?;
        if keys.len() >= PRESENT_KEYS_MAX || bytes + key.len() + KEY_BYTES > FRAME_BYTES_MAX / 2 {
            through = keys.last().cloned();
            break;
        }
        bytes += key.len() + KEY_BYTES;
        keys.push(key);
    }
    let vector = snapshot.header().vector.clone();
    Ok(Range { after, through, keys, bytes: bytes as u64, vector })
}

/// How far a full reconcile is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Behind which id the next range begins; `None`: all are on their way.
    next: Option<Bytes>,
    /// Behind which id the next one begins that is not acknowledged.
    acknowledged: Bytes,
}

impl Progress {
    /// At its beginning, or where it was broken off.
    pub(crate) fn new(after: Bytes) -> Self {
        Self { next: Some(after.clone()), acknowledged: after }
    }

    /// Behind which id the next range is to begin; `None` when all are on their way.
    pub(crate) fn next(&self) -> Option<Bytes> {
        self.next.clone()
    }

    /// A range was packed.
    pub(crate) fn packed(&mut self, range: &Range) {
        self.next.clone_from(&range.through);
    }

    /// A range that ends there was acknowledged; true when it was the last one.
    pub(crate) fn acknowledge(&mut self, through: Option<Bytes>) -> bool {
        match through {
            Some(through) => self.acknowledged = through,
            None => return true,
        }
        false
    }

    /// What is not acknowledged is to be said again.
    pub(crate) fn go_back(&mut self) {
        self.next = Some(self.acknowledged.clone());
    }
}
