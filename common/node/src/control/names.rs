//! Resource names: `databases/{database}`, and what lies in a database. Whatever is read here is
//! what the audit log says that a call is about.

use jackdaw_common::DatabaseName;
use jackdaw_proto::wire::WireError;

use crate::access::audit;

/// The name of a database as a resource.
#[must_use]
pub fn of_database(database: &DatabaseName) -> String {
    format!("databases/{database}")
}

/// The name of something in a database as a resource.
#[must_use]
pub fn of_child(database: &DatabaseName, collection: &str, child: &str) -> String {
    format!("databases/{database}/{collection}/{child}")
}

/// Reads `databases/{database}`.
///
/// # Errors
///
/// `FIELD_INVALID` at `field`.
pub fn database(field: &str, name: &str) -> Result<DatabaseName, WireError> {
    audit::about(name);
    let parsed = name.strip_prefix("databases/").filter(|rest| !rest.contains('/'));
    let database = parsed.ok_or_else(|| wrong(field, name, "databases/{database}"))?;
    database_name(field, database)
}

/// Reads `databases/{database}/{collection}/{child}`; the child is not looked into.
///
/// # Errors
///
/// `FIELD_INVALID` at `field`.
pub fn child(
    field: &str,
    name: &str,
    collection: &str,
) -> Result<(DatabaseName, String), WireError> {
    audit::about(name);
    let mut parts = name.split('/');
    match (parts.next(), parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some("databases"), Some(database), Some(found), Some(child), None)
            if found == collection && !child.is_empty() =>
        {
            Ok((database_name(field, database)?, child.to_owned()))
        }
        _ => Err(wrong(field, name, &format!("databases/{{database}}/{collection}/{{id}}"))),
    }
}

fn database_name(field: &str, text: &str) -> Result<DatabaseName, WireError> {
    DatabaseName::new(text).map_err(|error| WireError::field(field, error))
}

fn wrong(field: &str, name: &str, form: &str) -> WireError {
    if name.is_empty() {
        return WireError::field(field, format!("is missing: write {form}"));
    }
    WireError::field(field, format!("is not of the form {form}"))
}
