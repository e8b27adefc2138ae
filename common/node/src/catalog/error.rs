//! What can go wrong with the list of databases, one enum an operation.

use std::{io, path::PathBuf};

use jackdaw_common::{DatabaseId, DatabaseName};
use jackdaw_store::{RecordError, StoreError};
use thiserror::Error;

use crate::entropy::EntropyError;

/// Why the databases of a service cannot be opened, or one of them. Reads after "failed to".
#[derive(Debug, Error)]
pub enum OpenError {
    /// A folder cannot be made, read or removed.
    #[error("use folder {}: {source}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// What is in a folder does not open.
    #[error("open the database in {}: {source}", path.display())]
    Store {
        /// The folder.
        path: PathBuf,
        /// Why not.
        source: jackdaw_store::OpenError,
    },
    /// A database is known whose folder is gone or empty. It is not created anew: that would hand
    /// out change-vector entries that others have seen.
    #[error("find the database that belongs in {}: restore its folder from a copy", path.display())]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// A database is not where it was made. Only a person knows whether it was moved or copied.
    #[error(
        "open database {name} in {}: DATABASE_MOVED_OR_COPIED: {why}\n\
         if it was moved, and nobody uses it where it was: jackdaw database adopt --moved {name}\n\
         if it is a copy, or was brought back from one: jackdaw database restore {name}\n\
         both with --config or --data as the service has it",
        path.display()
    )]
    MovedOrCopied {
        /// Its name.
        name: DatabaseName,
        /// Where it is.
        path: PathBuf,
        /// What tells so.
        why: String,
    },
    /// A folder holds another database than the one whose name it has.
    #[error("recognise the database in {}: it is {found}, not {expected}", path.display())]
    Mistaken {
        /// The folder.
        path: PathBuf,
        /// Which should be there.
        expected: DatabaseId,
        /// Which is.
        found: DatabaseId,
    },
    /// The service's own store does not read.
    #[error("read the list of databases: {0}")]
    List(#[from] StoreError),
    /// The service's own store cannot be written.
    #[error("write the list of databases: {0}")]
    Record(#[from] RecordError),
    /// No randomness for new ids.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The thread that did it was ended.
    #[error("finish: it was interrupted")]
    Interrupted,
}

impl OpenError {
    /// The same of the database of a name.
    pub(super) fn of_database(self, name: &DatabaseName) -> Self {
        match self {
            Self::Store {
                path,
                source: source @ jackdaw_store::OpenError::MovedOrCopied { .. },
            } => Self::MovedOrCopied { name: name.clone(), path, why: source.to_string() },
            other => other,
        }
    }
}

/// Why a database was not created. Reads after "failed to".
#[derive(Debug, Error)]
pub enum CreateError {
    /// There is one of this name.
    #[error("create database {name}: it exists")]
    Exists {
        /// The name.
        name: DatabaseName,
    },
    /// The service drains.
    #[error("create a database: the service is shutting down")]
    Draining,
    /// No randomness for its ids.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// It cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The service's own store cannot be read or written.
    #[error("write the list of databases: {0}")]
    Store(#[from] StoreError),
    /// The service's own store cannot be written.
    #[error("write the list of databases: {0}")]
    Record(#[from] RecordError),
    /// The task that did it was ended.
    #[error("finish: it was interrupted")]
    Interrupted,
}

/// Why a database was not deleted. Reads after "failed to".
#[derive(Debug, Error)]
pub enum DeleteError {
    /// There is none of this name.
    #[error("delete database {name}: there is none")]
    NotFound {
        /// The name.
        name: DatabaseName,
    },
    /// Its folder cannot be removed.
    #[error("remove its folder: {0}")]
    Folder(#[from] io::Error),
    /// The service's own store cannot be read or written.
    #[error("write the list of databases: {0}")]
    Store(#[from] StoreError),
    /// The service's own store cannot be written.
    #[error("write the list of databases: {0}")]
    Record(#[from] RecordError),
    /// The task that did it was ended.
    #[error("finish: it was interrupted")]
    Interrupted,
}
