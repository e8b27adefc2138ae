//! What is declared of the databases of a service that does not run: adoptions and restores.
//!
//! Blocking. The folders' locks keep it from a running service.

use std::{path::Path, sync::Arc};

use jackdaw_common::{DatabaseId, DatabaseName, Etag, clock::Clock};
use jackdaw_store::{
    StoreError,
    declare::{self, DeclareError, Declared},
    engine::EngineError,
};
use thiserror::Error;

use super::{OpenError, folders::Folders, nearest, record::read_all};
use crate::entropy::{self, EntropyError};

/// Why nothing was declared. Reads after "failed to".
#[derive(Debug, Error)]
pub enum OfflineError {
    /// The service runs.
    #[error("use {what}: the service runs; stop it first")]
    Running {
        /// What it has open.
        what: String,
    },
    /// There is no such database.
    #[error("find database {name}{}", hint(.nearest.as_deref()))]
    NotFound {
        /// The name.
        name: DatabaseName,
        /// The one most like it.
        nearest: Option<String>,
    },
    /// The declaration does not fit the database.
    #[error("declare that of database {name}: {source}")]
    Declare {
        /// The name.
        name: DatabaseName,
        /// Why not.
        source: DeclareError,
    },
    /// The folders cannot be used.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The list of databases cannot be read.
    #[error("read the list of databases: {0}")]
    List(#[from] StoreError),
    /// No randomness for a new incarnation.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
}

fn hint(nearest: Option<&str>) -> String {
    nearest.map(|nearest| format!("; did you mean {nearest}?")).unwrap_or_default()
}

/// Declares that the folder of a database, or of all, was moved. Answers which.
///
/// # Errors
///
/// [`OfflineError`]; those before the one that failed are adopted.
pub fn adopt(
    data: &Path,
    name: Option<&DatabaseName>,
    clock: Arc<dyn Clock>,
) -> Result<Vec<DatabaseName>, OfflineError> {
    let (folders, databases) = databases(data, name, clock)?;
    for (id, name) in &databases {
        let engine = folders.engine_of(*id).map_err(running)?;
        let failed = |source| OfflineError::Declare { name: name.clone(), source };
        declare::adopt(&engine).map_err(failed)?;
    }
    Ok(databases.into_iter().map(|(_, name)| name).collect())
}

/// Declares that a database went back to an etag, or is a copy.
///
/// # Errors
///
/// [`OfflineError`]; repeat it if it was interrupted.
pub fn restored(
    data: &Path,
    name: &DatabaseName,
    forked_at: Option<Etag>,
    clock: Arc<dyn Clock>,
) -> Result<Declared, OfflineError> {
    let (folders, databases) = databases(data, Some(name), clock)?;
    let incarnation = entropy::identity()?.incarnation;
    let found = databases.into_iter().next();
    let (id, name) =
        found.ok_or_else(|| OfflineError::NotFound { name: name.clone(), nearest: None })?;
    let engine = folders.engine_of(id).map_err(running)?;
    declare::restored(&engine, incarnation, forked_at)
        .map_err(|source| OfflineError::Declare { name, source })
}

type Named = (DatabaseId, DatabaseName);

/// The database of this name, or all there are.
fn databases(
    data: &Path,
    name: Option<&DatabaseName>,
    clock: Arc<dyn Clock>,
) -> Result<(Folders, Vec<Named>), OfflineError> {
    let folders = Folders::existing(data)?;
    let system = folders.open_system(clock, entropy::identity()?).map_err(running)?;
    let records = read_all(&system.snapshot())?;
    let mut all = records.into_iter().map(|record| (record.id, record.name));
    let Some(name) = name else {
        let all = all.collect();
        return Ok((folders, all));
    };
    let all: Vec<_> = all.by_ref().collect();
    match all.iter().find(|(_, other)| other == name) {
        Some(found) => Ok((folders, vec![found.clone()])),
        None => {
            let names = all.iter().map(|(_, name)| name.as_str());
            let nearest = nearest(name.as_str(), names).map(str::to_owned);
            Err(OfflineError::NotFound { name: name.clone(), nearest })
        }
    }
}

/// A folder that is locked is a running service's.
fn running(error: OpenError) -> OfflineError {
    if let OpenError::Store { path, source: jackdaw_store::OpenError::Store(store) } = &error
        && let StoreError::Engine(engine) = store
        && matches!(**engine, EngineError::Locked { .. })
    {
        return OfflineError::Running { what: path.display().to_string() };
    }
    error.into()
}
