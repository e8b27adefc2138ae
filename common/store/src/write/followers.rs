//! How far the destination of a task is, written down: what it has passed may go.
//!
//! The destination owns the position; this is what it has acknowledged, as far as the source has
//! written it down, and never more than that.

use jackdaw_common::Etag;
use thiserror::Error;

use super::work::Work;
use crate::error::StoreError;

/// What stands for a task after its position was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stands {
    /// Deletions at or below are forgotten. Those above stay until the task has passed them.
    pub tombstone_floor: Etag,
}

/// Why a position was not written.
#[derive(Clone, Debug, Error)]
pub enum FollowError {
    /// The database cannot write.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Notes where the destination of `task` stands; a task that does not follow is left out.
pub(crate) fn stand(work: &mut Work<'_>, task: u64, acknowledged: Etag) -> Stands {
    work.header.followers.advance(task, acknowledged);
    Stands { tombstone_floor: work.header.tombstone_floor }
}
