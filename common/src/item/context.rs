//! What a state that is merged has seen: all a merge knows beside the state itself.

use crate::{ChangeVector, Entry};

/// What a state of a counter, or of a part of a time series, has seen.
#[derive(Clone, Copy, Debug)]
pub struct Context<'c> {
    /// Everything that was done to it.
    pub vector: &'c ChangeVector,
    /// The deletion of its document that it came after; empty for none. What has not seen that
    /// deletion is of an earlier life of the document, and went with it.
    pub since: &'c ChangeVector,
}

impl Context<'_> {
    /// Whether what was written under `origin` has been seen.
    pub fn has_seen(&self, origin: Entry) -> bool {
        self.vector.etag_of(origin.incarnation) >= origin.etag
    }

    /// Whether it is not of a life of the document before the one that `other` is of.
    pub fn outlives(&self, other: &Self) -> bool {
        self.came_after(other.since)
    }

    /// Whether it came after a deletion of the document: it has seen that, and more.
    pub fn came_after(&self, deletion: &ChangeVector) -> bool {
        self.vector.covers(deletion) && self.vector != deletion
    }
}
