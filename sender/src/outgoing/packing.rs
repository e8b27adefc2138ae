//! What a session has packed elsewhere: the next batch, or range of a full reconcile.

use futures_util::future::BoxFuture;
use jackdaw_node::offload::Abandoned;

use super::{error::SessionError, pack::Packed, reconcile::Range};

/// What is packed, and waits for its place in the window.
pub(super) enum Ready {
    /// A batch.
    Batch(Packed),
    /// A range of a full reconcile.
    Range(Range),
}

/// One that is being packed.
pub(super) type Packing = BoxFuture<'static, Result<Ready, SessionError>>;

/// What was packed elsewhere.
pub(super) fn ready<T, E: Into<SessionError>>(
    packed: Result<Result<T, E>, Abandoned>,
    kind: impl FnOnce(T) -> Ready,
) -> Result<Ready, SessionError> {
    match packed {
        Ok(packed) => packed.map(kind).map_err(Into::into),
        Err(Abandoned) => Err(SessionError::SourceClosed),
    }
}

/// The batch being packed; waits for ever when there is none.
pub(super) async fn finished(packing: &mut Option<Packing>) -> Result<Ready, SessionError> {
    match packing {
        Some(packing) => packing.await,
        None => std::future::pending().await,
    }
}
