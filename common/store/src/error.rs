//! What can go wrong with a database as a whole, whatever was asked of it.

use std::sync::Arc;

use jackdaw_common::BlobHash;
use thiserror::Error;

use crate::engine::EngineError;

/// The database cannot do what was asked. Cheap to clone: a failed commit fails all of its group.
#[derive(Clone, Debug, Error)]
pub enum StoreError {
    /// The engine refused or failed.
    #[error(transparent)]
    Engine(Arc<EngineError>),

    /// A row does not read back as what its table holds.
    #[error("corrupt row in table {table} at key {key:02x?}: {what}")]
    Row {
        /// Name of the table.
        table: &'static str,
        /// Its key.
        key: Vec<u8>,
        /// What is wrong with it.
        what: String,
    },

    /// The content of an attachment cannot be read, or is not there.
    #[error("content {hash}: {what}")]
    Content {
        /// Its hash.
        hash: BlobHash,
        /// What is wrong with it.
        what: String,
    },

    /// All 2^63 - 1 etags were given out.
    #[error("the database has no etag left")]
    EtagsExhausted,

    /// Its writer panicked: a defect, of which the log has the place.
    #[error("the writer of the database panicked")]
    Panicked,

    /// The database was closed.
    #[error("the database is closed")]
    Closed,
}

impl StoreError {
    /// Whether the disk is full: the same call may succeed later.
    pub fn is_no_space(&self) -> bool {
        matches!(self, Self::Engine(error) if matches!(**error, EngineError::NoSpace { .. }))
    }

    /// Whether nothing can be written any more, for good (invariant I14).
    pub fn is_final(&self) -> bool {
        match self {
            Self::Engine(error) => {
                !matches!(**error, EngineError::NoSpace { .. } | EngineError::Length { .. })
            }
            Self::Panicked | Self::Closed => true,
            Self::Row { .. } | Self::Content { .. } | Self::EtagsExhausted => false,
        }
    }
}

impl From<EngineError> for StoreError {
    fn from(error: EngineError) -> Self {
        Self::Engine(Arc::new(error))
    }
}
