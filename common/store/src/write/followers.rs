//! How far the destination of a task is, written down: what it has passed may go.
//!
//! The destination owns the position; this is what it has acknowledged, as far as the source has
//! written it down, and never more than that.

use jackdaw_common::Etag;
use thiserror::Error;

use super::work::Work;
use crate::{error::StoreError, tables::followers::Follower};

/// What stands for a task after its position was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stands {
    /// Deletions at or below are forgotten. Those above stay until the task has passed them.
    pub tombstone_floor: Etag,
}

/// Why a position was not written.
#[derive(Clone, Debug, Error)]
pub enum FollowError {
    /// The destination claims more than there is.
    #[error("etag {acknowledged} is said to be acknowledged, the last one is {last}")]
    Ahead {
        /// What it claims.
        acknowledged: Etag,
        /// What there is.
        last: Etag,
    },
    /// The database cannot write.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Notes where the destination of a task stands; a task that does not follow is left out.
///
/// What a destination is said to have passed is forgotten: it is never more than there is.
pub(crate) fn stand(work: &mut Work<'_>, follower: Follower) -> Result<Stands, FollowError> {
    let (last, acknowledged) = (work.header.last_etag, follower.acknowledged);
    if acknowledged > last {
        return Err(FollowError::Ahead { acknowledged, last });
    }
    work.header.followers.advance(follower);
    Ok(Stands { tombstone_floor: work.header.tombstone_floor })
}
