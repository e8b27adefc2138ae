//! Resource names of this package, and the pages of its lists.

use jackdaw_common::DatabaseName;
use jackdaw_node::control::{names, paging::Scope};
use jackdaw_proto::wire::WireError;

/// Characters of a connection string's or a task's name.
pub(super) const NAME_CHARS_MAX: usize = 128;

const CONNECTION_STRINGS: &str = "connectionStrings";
const TASKS: &str = "externalReplications";

/// Parses "databases/{database}/connectionStrings/{connection_string}".
pub(super) fn connection_string(name: &str) -> Result<(DatabaseName, String), WireError> {
    let (database, id) = names::child("name", name, CONNECTION_STRINGS)?;
    check_id(&id).map_err(|error| WireError::field("name", error))?;
    Ok((database, id))
}

/// Parses "databases/{database}/externalReplications/{task_id}".
pub(super) fn task(name: &str) -> Result<(DatabaseName, u64), WireError> {
    let (database, id) = names::child("name", name, TASKS)?;
    let number = id.parse().ok().filter(|number| *number > 0 && format!("{number}") == id);
    let wrong = || WireError::field("name", format!("{id:?} is no task id: a whole number from 1"));
    Ok((database, number.ok_or_else(wrong)?))
}

/// Checks the last part of a connection string's name.
pub(super) fn check_id(id: &str) -> Result<(), String> {
    let count = id.chars().count();
    if count == 0 || count > NAME_CHARS_MAX {
        Err(format!("has {count} characters, not 1 to {NAME_CHARS_MAX}"))
    } else if let Some(wrong) = id.chars().find(|char| *char == '/' || char.is_control()) {
        Err(format!("has the character {wrong:?}"))
    } else {
        Ok(())
    }
}

/// "databases/{database}/connectionStrings/{id}"
pub(super) fn of_connection_string(database: &DatabaseName, id: &str) -> String {
    names::of_child(database, CONNECTION_STRINGS, id)
}

/// "databases/{database}/externalReplications/{id}"
pub(super) fn of_task(database: &DatabaseName, id: u64) -> String {
    names::of_child(database, TASKS, &id.to_string())
}

/// Cuts the page that is asked for out of `items`, which ascend by `key_of`; answers it with the
/// token of the next one.
pub(super) fn page<T>(
    items: Vec<T>,
    scope: Scope<'_>,
    size: i32,
    token: &str,
    key_of: impl Fn(&T) -> String,
) -> Result<(Vec<T>, String), WireError> {
    let page = scope.page(size, token)?;
    let behind = |item: &T| page.after.as_ref().is_none_or(|after| key_of(item) > *after);
    let mut items: Vec<_> = items.into_iter().filter(behind).take(page.entries + 1).collect();
    let more = items.len() > page.entries;
    items.truncate(page.entries);
    let last = items.last().filter(|_| more);
    let next = last.map(|item| scope.token(&key_of(item))).unwrap_or_default();
    Ok((items, next))
}
