//! What somebody wants a task to be, or to become, and the records that make it so.

use jackdaw_common::{DatabaseName, id::lower};
use jackdaw_node::{
    catalog::Asked,
    control::{
        editing::{self, Mask},
        failure,
    },
};
use jackdaw_proto::{
    control as wire,
    wire::{Reason, Violations, WireError},
};
use jackdaw_store::{Record, Snapshot};
use prost_types::FieldMask;

use super::{
    connection_strings,
    records::{self, LastTask, Stored},
    tasks::not_found,
    view,
};
use crate::definition::{ConnectionString, TaskDefinition};

/// What somebody wants a new task to be.
#[derive(Clone, Debug)]
pub(super) struct Wish {
    connection_string: String,
    /// Empty: made of the connection string's name.
    display_name: String,
    asked: Option<Asked>,
    now: i64,
}

impl Wish {
    /// Reads a request; names every field that is wrong.
    pub(super) fn read(
        request: wire::CreateExternalReplicationRequest,
        now: i64,
    ) -> Result<Self, WireError> {
        let what = wire::CreateExternalReplicationRequest {
            request_id: String::new(),
            validate_only: false,
            ..request.clone()
        };
        let asked = editing::asked(&request.request_id, &what)?;
        let Some(task) = request.external_replication else {
            return Err(WireError::field("external_replication", "is missing"));
        };
        let mut violations = Violations::new();
        check_connection_string(&task.connection_string, &mut violations);
        check_display_name(&task.display_name, &mut violations);
        violations.finish()?;
        let wire::ExternalReplication { connection_string, display_name, .. } = task;
        Ok(Self { connection_string, display_name, asked, now })
    }

    /// The task that it becomes, and what stores it: nothing where this very call has stored it
    /// before.
    pub(super) fn creation(
        self,
        snapshot: &Snapshot,
        database: &DatabaseName,
    ) -> Result<(TaskDefinition, Vec<Record>), WireError> {
        let store = |error| failure::store(&error);
        let last = LastTask::read(snapshot).map_err(store)?;
        let tasks = records::tasks(snapshot).map_err(store)?;
        for task in &tasks {
            if editing::repeats(self.asked.as_ref(), task.value.asked.as_ref())? {
                return Ok((task.value.clone(), Vec::new()));
            }
        }
        let destination = destination(snapshot, database, &self.connection_string)?;
        let task = TaskDefinition {
            id: last.next(),
            display_name: display_name(&self.display_name, &self.connection_string, &tasks)?,
            connection_string: self.connection_string,
            enabled: true,
            created: self.now,
            generation: 0,
            asked: self.asked,
        };
        let records = records::create_task(&task, &last, &destination).map_err(store)?;
        Ok((task, records))
    }
}

/// What somebody wants a task to become.
#[derive(Clone, Debug)]
pub(super) struct Change {
    etag: String,
    connection_string: Option<String>,
    /// Empty: made of the connection string's name.
    display_name: Option<String>,
}

impl Change {
    /// Reads a request; names every field that is wrong.
    pub(super) fn read(
        given: wire::ExternalReplication,
        mask: Option<FieldMask>,
    ) -> Result<Self, WireError> {
        let mask = Mask::read(mask, &["display_name", "connection_string"], &OTHERS)?;
        let mut violations = Violations::new();
        let name = mask.takes("display_name", !given.display_name.is_empty());
        let string = mask.takes("connection_string", !given.connection_string.is_empty());
        if name {
            check_display_name(&given.display_name, &mut violations);
        }
        if string {
            check_connection_string(&given.connection_string, &mut violations);
        }
        violations.finish()?;
        Ok(Self {
            etag: given.etag,
            connection_string: string.then_some(given.connection_string),
            display_name: name.then_some(given.display_name),
        })
    }

    /// What it makes of task `id`, and what stores that.
    pub(super) fn apply(
        self,
        snapshot: &Snapshot,
        database: &DatabaseName,
        id: u64,
    ) -> Result<(TaskDefinition, Vec<Record>), WireError> {
        let store = |error| failure::store(&error);
        let last = LastTask::read(snapshot).map_err(store)?;
        let mut others = records::tasks(snapshot).map_err(store)?;
        let place = others.iter().position(|task| task.value.id == id);
        let before = others.swap_remove(place.ok_or_else(|| not_found(database, id))?);
        check_etag(&self.etag, database, &before.value)?;
        let mut after = before.value.clone();
        if let Some(string) = self.connection_string {
            after.connection_string = string;
        }
        let destination = destination(snapshot, database, &after.connection_string)?;
        if let Some(name) = self.display_name {
            after.display_name = display_name(&name, &after.connection_string, &others)?;
        }
        let records = records::update_task(&before, &after, &last, &destination).map_err(store)?;
        Ok((after, records))
    }
}

/// The task has the etag that somebody expects.
pub(super) fn check_etag(
    expected: &str,
    database: &DatabaseName,
    stored: &TaskDefinition,
) -> Result<(), WireError> {
    let name = view::task_name(database, stored.id);
    editing::check_etag(expected, &stored.etag(), view::KIND, &name)
}

/// The connection string of a task.
fn destination(
    snapshot: &Snapshot,
    database: &DatabaseName,
    name: &str,
) -> Result<Stored<ConnectionString>, WireError> {
    let found = records::connection_string(snapshot, name);
    match found.map_err(|error| failure::store(&error))? {
        Some(found) => Ok(found),
        None => {
            let error = connection_strings::missing(snapshot, database, name)?;
            Err(error.violating(CONNECTION_STRING, "names no connection string"))
        }
    }
}

fn check_connection_string(name: &str, violations: &mut Violations) {
    if name.is_empty() {
        violations.add(CONNECTION_STRING, "is missing");
    }
}

fn check_display_name(name: &str, violations: &mut Violations) {
    let characters = name.chars().count();
    if characters > DISPLAY_NAME_CHARS_MAX {
        let text = format!("has {characters} characters, more than {DISPLAY_NAME_CHARS_MAX}");
        violations.add(DISPLAY_NAME, text);
    }
    if name.chars().any(char::is_control) {
        violations.add(DISPLAY_NAME, "has a control character");
    }
}

/// The name that was given, if none of `tasks` has it; or one that none of them has.
fn display_name(
    given: &str,
    connection_string: &str,
    tasks: &[Stored<TaskDefinition>],
) -> Result<String, WireError> {
    let holder = |name: &str| {
        let key = lower(name);
        tasks.iter().find(|task| lower(&task.value.display_name) == key)
    };
    if !given.is_empty() {
        return match holder(given) {
            None => Ok(given.to_owned()),
            Some(task) => Err(taken(given, &task.value)),
        };
    }
    let plain = format!("External Replication to {connection_string}");
    if holder(&plain).is_none() {
        return Ok(plain);
    }
    // One of them is free: there are fewer tasks than numbers.
    let free = (2..tasks.len() + 3)
        .map(|number| format!("{plain} #{number}"))
        .find(|name| holder(name).is_none());
    Ok(free.unwrap_or(plain))
}

fn taken(name: &str, holder: &TaskDefinition) -> WireError {
    let text = format!("task {} has the display name {name:?}", holder.id);
    WireError::new(Reason::DisplayNameTaken, text)
        .with("display_name", name)
        .with("task_id", holder.id)
        .violating(DISPLAY_NAME, "another task has it")
}

const CONNECTION_STRING: &str = "external_replication.connection_string";
const DISPLAY_NAME: &str = "external_replication.display_name";

/// Fields of a task that its update passes over.
const OTHERS: [&str; 12] = [
    "name",
    "state",
    "connection_state",
    "phase",
    "destination_database",
    "actual_destination_url",
    "topology_discovery_urls",
    "progress",
    "error",
    "warning",
    "create_time",
    "etag",
];

/// Characters of a task's display name.
const DISPLAY_NAME_CHARS_MAX: usize = 256;
