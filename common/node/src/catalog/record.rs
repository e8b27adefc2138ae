//! What the service's own store says of each database, and under which key.
//!
//! The record is there before the folder and after it, so that a start can tell an unfinished
//! folder from one that was brought there by hand, which it leaves alone.

use bytes::Bytes;
use jackdaw_common::{DatabaseId, DatabaseName};
use jackdaw_store::{Record, RecordKind, Snapshot, StoreError};
use serde::{Deserialize, Serialize};

use super::asked::Asked;

/// How far the life of a database is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    /// Its folder may be unfinished: nobody was told that it exists.
    Creating,
    /// It exists.
    Ready,
    /// It was deleted; its folder may still be there.
    Deleting,
}

/// The record of a database, kept under its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DatabaseRecord {
    pub(super) id: DatabaseId,
    pub(super) name: DatabaseName,
    pub(super) state: State,
    /// The call that created it, where that had a request id.
    pub(super) asked: Option<Asked>,
}

/// The value of the record, JSON.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Value {
    name: String,
    state: State,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    asked: Option<Asked>,
}

impl DatabaseRecord {
    /// The same database in another state.
    pub(super) fn into_state(self, state: State) -> Self {
        Self { state, ..self }
    }

    /// Writes `after` where `before` stands.
    pub(super) fn change(
        before: Option<&Self>,
        after: Option<&Self>,
    ) -> Result<Record, StoreError> {
        let value = |record: Option<&Self>| record.map(Self::value).transpose();
        let id = before.or(after).map(|record| record.id);
        Ok(Record {
            kind: RecordKind::Database,
            key: id.map(|id| Bytes::copy_from_slice(id.as_bytes())).unwrap_or_default(),
            expected: value(before)?,
            value: value(after)?,
        })
    }

    fn value(&self) -> Result<Bytes, StoreError> {
        let asked = self.asked.clone();
        let value = Value { name: self.name.to_string(), state: self.state, asked };
        let value = serde_json::to_vec(&value);
        value.map(Bytes::from).map_err(|error| damaged(self.id.as_bytes(), &error))
    }

    fn read(key: &[u8], value: &[u8]) -> Result<Self, StoreError> {
        let id: [u8; 16] = key.try_into().map_err(|_| damaged(key, &"the key is not an id"))?;
        let Value { name, state, asked } =
            serde_json::from_slice(value).map_err(|error| damaged(key, &error))?;
        let name = name
            .parse()
            .map_err(|error: jackdaw_common::id::DatabaseNameError| damaged(key, &error))?;
        Ok(Self { id: DatabaseId::from_bytes(id), name, state, asked })
    }
}

/// The records of all databases.
pub(super) fn read_all(snapshot: &Snapshot) -> Result<Vec<DatabaseRecord>, StoreError> {
    let records = snapshot.records(RecordKind::Database)?;
    records.iter().map(|(key, value)| DatabaseRecord::read(key, value)).collect()
}

fn damaged(key: &[u8], what: &dyn std::fmt::Display) -> StoreError {
    StoreError::Row {
        table: "records",
        key: key.to_vec(),
        what: format!("it is no record of a database: {what}"),
    }
}
