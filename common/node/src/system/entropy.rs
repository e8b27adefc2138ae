//! Randomness: the one place that draws it from the system, for ids and for jitter.
//!
//! The domain and the store never draw any; what they need is handed in.

use jackdaw_common::{DatabaseId, IncarnationId, RunId};
use jackdaw_store::Identity;
use thiserror::Error;
use uuid::Builder;

/// The system gives no randomness.
#[derive(Clone, Debug, Error)]
#[error("draw random bytes: {0}")]
pub struct EntropyError(#[from] getrandom::Error);

/// The ids to open a database with: for a new one a random UUID and a random incarnation, for any a
/// random run.
///
/// # Errors
///
/// The system gives no randomness; a database must not be created then.
pub fn identity() -> Result<Identity, EntropyError> {
    let database = Builder::from_random_bytes(bytes()?).into_uuid();
    Ok(Identity {
        database: DatabaseId::from_bytes(database.into_bytes()),
        incarnation: IncarnationId::from_bytes(bytes()?),
        run: RunId::from_bytes(bytes()?),
    })
}

/// A random number, for jitter; zero where the system gives no randomness.
#[must_use]
pub fn random_u64() -> u64 {
    getrandom::u64().unwrap_or_default()
}

fn bytes() -> Result<[u8; 16], EntropyError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}
