//! Streams at the pace of their clients, as long as these have one.
//!
//! A stream holds a snapshot, and a snapshot holds what the database could else let go of. So a
//! client that takes nothing is waited for, but not for ever.

use std::time::Duration;

use jackdaw_proto::wire::{Reason, WireError};
use tokio::{sync::mpsc, time::timeout};

/// How long a stream waits for its client to take a part. A part is about a MiB: a client that
/// reads at all has taken it by then; one that does not hangs, or has forgotten its call, while
/// its connection still answers pings.
pub const CLIENT_STALL_MAX: Duration = Duration::from_secs(60);

/// Room for one more part; none once the client is gone.
///
/// # Errors
///
/// `CLIENT_STALLED` when there is none for `longest`.
pub async fn room<T>(
    sender: &mpsc::Sender<T>,
    longest: Duration,
) -> Result<Option<mpsc::Permit<'_, T>>, WireError> {
    timeout(longest, sender.reserve()).await.map(Result::ok).map_err(|_| stalled(longest))
}

fn stalled(longest: Duration) -> WireError {
    let seconds = longest.as_secs_f64();
    tracing::info!("a stream ends: its client has taken nothing for {seconds} s");
    WireError::new(Reason::ClientStalled, format!("the client has taken nothing for {seconds} s"))
        .with("seconds", seconds)
}
