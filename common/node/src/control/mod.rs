//! The control API that every service has, and what its other services share: who may enter a
//! database, resource names, pages, and the errors of a store as they go out.
//!
//! Thin: it reads a request, asks the catalog, and writes the answer. The services that only a
//! role has live with the role, and use the same parts.

pub mod backup;
mod databases;
pub mod door;
pub mod editing;
pub mod failure;
pub mod feeding;
#[cfg(test)]
pub(crate) mod fixture;
pub mod names;
pub mod pace;
pub mod paging;
#[cfg(test)]
mod tests;

pub use databases::DatabasesService;

use jackdaw_proto::wire::WireError;
use tokio::task::spawn_blocking;

/// Runs what blocks, as reading a store does, on a thread for it.
///
/// # Errors
///
/// Those of `work`; `INTERNAL` when it panics.
pub async fn blocking<T, F>(work: F) -> Result<T, WireError>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, WireError> + Send + 'static,
{
    spawn_blocking(work).await.unwrap_or_else(|error| Err(failure::internal(&error)))
}
