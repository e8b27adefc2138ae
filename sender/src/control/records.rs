//! Definitions as records of their source database, and what must hold between them.
//!
//! Every write states what it has read, so that of two at the same time one is told: a task is
//! only stored while its connection string is there, and a connection string is only removed while
//! no task was added. Reading blocks.

use bytes::Bytes;
use jackdaw_store::{Record, RecordKind, Snapshot, StoreError};
use serde::{Serialize, de::DeserializeOwned};

use crate::definition::{ConnectionString, TaskDefinition};

/// A definition, and the bytes it was read from.
#[derive(Clone, Debug)]
pub(super) struct Stored<T> {
    pub(super) value: T,
    bytes: Bytes,
}

impl Stored<ConnectionString> {
    /// Changes nothing, and fails when it was changed or deleted meanwhile.
    fn unchanged(&self) -> Record {
        Record {
            kind: RecordKind::ConnectionString,
            key: Bytes::copy_from_slice(self.value.name.as_bytes()),
            expected: Some(self.bytes.clone()),
            value: Some(self.bytes.clone()),
        }
    }
}

/// The task of this id.
pub(super) fn task(
    snapshot: &Snapshot,
    id: u64,
) -> Result<Option<Stored<TaskDefinition>>, StoreError> {
    read(snapshot, RecordKind::ExternalReplication, &task_key(id))
}

/// All tasks, by id.
pub(super) fn tasks(snapshot: &Snapshot) -> Result<Vec<Stored<TaskDefinition>>, StoreError> {
    read_all(snapshot, RecordKind::ExternalReplication)
}

/// The connection string of this name.
pub(super) fn connection_string(
    snapshot: &Snapshot,
    name: &str,
) -> Result<Option<Stored<ConnectionString>>, StoreError> {
    read(snapshot, RecordKind::ConnectionString, name.as_bytes())
}

/// All connection strings, by name.
pub(super) fn connection_strings(
    snapshot: &Snapshot,
) -> Result<Vec<Stored<ConnectionString>>, StoreError> {
    read_all(snapshot, RecordKind::ConnectionString)
}

/// The id that was given out last, as it was read.
#[derive(Clone, Debug)]
pub(super) struct LastTask {
    id: u64,
    bytes: Option<Bytes>,
}

impl LastTask {
    pub(super) fn read(snapshot: &Snapshot) -> Result<Self, StoreError> {
        let bytes = snapshot.record(RecordKind::Identity, LAST_TASK)?;
        let id = match &bytes {
            None => 0,
            Some(bytes) => {
                let id = bytes.as_ref().try_into().map(u64::from_be_bytes);
                id.map_err(|_| damaged(LAST_TASK, "it is no number".into()))?
            }
        };
        Ok(Self { id, bytes })
    }

    /// The id of the next task.
    pub(super) fn next(&self) -> u64 {
        self.id + 1
    }

    /// Gives the next id out.
    fn raised(&self) -> Record {
        self.written(Some(Bytes::copy_from_slice(&self.next().to_be_bytes())))
    }

    /// Changes nothing, and fails when an id was given out meanwhile.
    fn unchanged(&self) -> Record {
        self.written(self.bytes.clone())
    }

    fn written(&self, value: Option<Bytes>) -> Record {
        Record {
            kind: RecordKind::Identity,
            key: Bytes::from_static(LAST_TASK),
            expected: self.bytes.clone(),
            value,
        }
    }
}

/// Stores a new task, under the next id, for a connection string that must stay.
pub(super) fn create_task(
    task: &TaskDefinition,
    last: &LastTask,
    destination: &Stored<ConnectionString>,
) -> Result<Vec<Record>, StoreError> {
    Ok(vec![
        last.raised(),
        destination.unchanged(),
        record(RecordKind::ExternalReplication, task_key(task.id), None, Some(task))?,
    ])
}

/// Stores a connection string in the place of what it was.
pub(super) fn change_connection_string(
    before: &Stored<ConnectionString>,
    after: &ConnectionString,
) -> Result<Vec<Record>, StoreError> {
    let key = Bytes::copy_from_slice(after.name.as_bytes());
    Ok(vec![record(RecordKind::ConnectionString, key, Some(before), Some(after))?])
}

/// Stores a task in the place of what it was, for a connection string that must stay, while no
/// task was added since `last` was read: its name may be another one.
pub(super) fn update_task(
    before: &Stored<TaskDefinition>,
    after: &TaskDefinition,
    last: &LastTask,
    destination: &Stored<ConnectionString>,
) -> Result<Vec<Record>, StoreError> {
    let mut records = change_task(before, after)?;
    records.extend([last.unchanged(), destination.unchanged()]);
    Ok(records)
}

/// Stores a task in the place of what it was.
pub(super) fn change_task(
    before: &Stored<TaskDefinition>,
    after: &TaskDefinition,
) -> Result<Vec<Record>, StoreError> {
    let (kind, key) = (RecordKind::ExternalReplication, task_key(after.id));
    Ok(vec![record(kind, key, Some(before), Some(after))?])
}

/// Removes a task.
pub(super) fn delete_task(before: &Stored<TaskDefinition>) -> Result<Vec<Record>, StoreError> {
    let (kind, key) = (RecordKind::ExternalReplication, task_key(before.value.id));
    Ok(vec![record(kind, key, Some(before), None)?])
}

/// Stores a new connection string.
pub(super) fn create_connection_string(
    string: &ConnectionString,
) -> Result<Vec<Record>, StoreError> {
    let (kind, key) =
        (RecordKind::ConnectionString, Bytes::copy_from_slice(string.name.as_bytes()));
    Ok(vec![record(kind, key, None, Some(string))?])
}

/// Removes a connection string, provided no task was added since `last` was read.
pub(super) fn delete_connection_string(
    before: &Stored<ConnectionString>,
    last: &LastTask,
) -> Result<Vec<Record>, StoreError> {
    let key = Bytes::copy_from_slice(before.value.name.as_bytes());
    let gone = record(RecordKind::ConnectionString, key, Some(before), None)?;
    Ok(vec![last.unchanged(), gone])
}

fn record<T: Serialize>(
    kind: RecordKind,
    key: Bytes,
    before: Option<&Stored<T>>,
    after: Option<&T>,
) -> Result<Record, StoreError> {
    let value = after
        .map(|after| serde_json::to_vec(after).map(Bytes::from))
        .transpose()
        .map_err(|error| damaged(&key, error.to_string()))?;
    let expected = before.map(|before| before.bytes.clone());
    Ok(Record { kind, key, expected, value })
}

fn read<T: DeserializeOwned>(
    snapshot: &Snapshot,
    kind: RecordKind,
    key: &[u8],
) -> Result<Option<Stored<T>>, StoreError> {
    snapshot.record(kind, key)?.map(|bytes| parse(key, bytes)).transpose()
}

fn read_all<T: DeserializeOwned>(
    snapshot: &Snapshot,
    kind: RecordKind,
) -> Result<Vec<Stored<T>>, StoreError> {
    snapshot.records(kind)?.into_iter().map(|(key, bytes)| parse(&key, bytes)).collect()
}

fn parse<T: DeserializeOwned>(key: &[u8], bytes: Bytes) -> Result<Stored<T>, StoreError> {
    let value = serde_json::from_slice(&bytes).map_err(|error| damaged(key, error.to_string()))?;
    Ok(Stored { value, bytes })
}

fn damaged(key: &[u8], what: String) -> StoreError {
    StoreError::Row { table: "records", key: key.to_vec(), what }
}

/// Ids in the order of their numbers.
fn task_key(id: u64) -> Bytes {
    Bytes::copy_from_slice(&id.to_be_bytes())
}

/// Key of the id that was given out last. Other identities are kept under ids of documents, which
/// have no control characters.
const LAST_TASK: &[u8] = b"\0externalReplications";
