//! The door of a database: who may enter, and what is told to who may not.
//!
//! Every call on a database passes here, so that no service tells whether a database exists to
//! somebody who may not know.

use std::sync::Arc;

use jackdaw_common::DatabaseName;
use jackdaw_proto::wire::{Reason, WireError};
use tonic::Extensions;

use crate::{
    access::{Denied, Identity, Level},
    catalog::{Catalog, Database, Ending},
};

/// The database of this name, for a caller who may do with it what `level` says.
///
/// # Errors
///
/// `DATABASE_ACCESS_DENIED` for who may not, whether it exists or not; `DATABASE_NOT_FOUND` for who
/// may know.
pub fn enter(
    catalog: &Catalog,
    extensions: &Extensions,
    name: &DatabaseName,
    level: Level,
) -> Result<Arc<Database>, WireError> {
    let identity = Identity::of(extensions)?;
    let database = catalog.find(name);
    identity.require_database(name, database.as_ref().map(|database| database.id()), level)?;
    database.ok_or_else(|| not_found(name, catalog.nearest(name).as_ref()))
}

/// Reads the name of a database that stands in a field, and enters it.
///
/// # Errors
///
/// As [`enter`], and `FIELD_INVALID` for what is no name.
pub fn enter_field(
    catalog: &Catalog,
    extensions: &Extensions,
    field: &str,
    name: &str,
    level: Level,
) -> Result<Arc<Database>, WireError> {
    let name = DatabaseName::new(name).map_err(|error| WireError::field(field, error))?;
    enter(catalog, extensions, &name, level)
}

/// Passes operators and cluster administrators.
///
/// # Errors
///
/// `CLEARANCE_INSUFFICIENT` for others.
pub fn operator(extensions: &Extensions) -> Result<(), WireError> {
    Ok(Identity::of(extensions)?.require_operator()?)
}

/// There is no such database, said to somebody who may know.
#[must_use]
pub fn not_found(name: &DatabaseName, nearest: Option<&DatabaseName>) -> WireError {
    let hint = nearest.map(|nearest| format!("; did you mean {nearest}?")).unwrap_or_default();
    let error =
        WireError::new(Reason::DatabaseNotFound, format!("there is no database {name}{hint}"));
    let error = error.with("database", name).about(DATABASE, format!("databases/{name}"));
    match nearest {
        Some(nearest) => error.with("nearest", nearest),
        None => error,
    }
}

/// Why a call that followed a database ended.
#[must_use]
pub fn ended(database: &DatabaseName, ending: Ending) -> WireError {
    match ending {
        Ending::Deleted => {
            WireError::new(Reason::DatabaseNotFound, format!("database {database} was deleted"))
                .with("database", database)
                .about(DATABASE, format!("databases/{database}"))
        }
        Ending::Draining => draining(),
    }
}

/// The service begins nothing any more.
#[must_use]
pub fn draining() -> WireError {
    WireError::new(Reason::Draining, "the service is shutting down")
}

impl From<Denied> for WireError {
    fn from(denied: Denied) -> Self {
        let reason = Reason::parse(denied.reason()).unwrap_or(Reason::DatabaseAccessDenied);
        let error = Self::new(reason, denied.to_string());
        denied.metadata().into_iter().fold(error, |error, (key, value)| error.with(key, value))
    }
}

/// Type of a database as a resource.
const DATABASE: &str = "jackdaw/Database";
