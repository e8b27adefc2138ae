//! Work that takes long without waiting, away from the tasks that must answer.
//!
//! On a runtime with one thread it is done where it is: a simulation on such a runtime owns time
//! and order, and threads of others would take both away.

use tokio::runtime::{Handle, RuntimeFlavor};

/// The work panicked, or the runtime ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abandoned;

/// Does `work` on a blocking thread and answers what it answers. Dropping the future does not stop
/// work that has begun.
///
/// # Errors
///
/// [`Abandoned`].
pub async fn offload<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Abandoned> {
    if Handle::current().runtime_flavor() == RuntimeFlavor::CurrentThread {
        tokio::task::yield_now().await;
        return Ok(work());
    }
    tokio::task::spawn_blocking(work).await.map_err(|_| Abandoned)
}
