//! What an operator has defined: tasks and connection strings, as records of their database.
//!
//! Stored as JSON. The services of `control` write them, the supervisor follows them.

use jackdaw_node::{catalog::Asked, control::editing::etag};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

/// An external replication task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskDefinition {
    /// Unique in its database, counted from 1, never used again.
    pub id: u64,
    /// Name for people, unique in its database.
    pub display_name: String,
    /// Name of a connection string of its database.
    pub connection_string: String,
    /// Whether it shall run.
    pub enabled: bool,
    /// When it was created, microseconds since 1970.
    pub created: i64,
    /// Generation of its ownership; raised when this process takes it over.
    pub generation: u64,
    /// The call that created it, where that had a request id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Asked>,
}

impl TaskDefinition {
    /// Changes whenever what people write does.
    pub(crate) fn etag(&self) -> String {
        let state = if self.enabled { "enabled" } else { "disabled" };
        etag([&*self.display_name, &self.connection_string, state])
    }
}

/// A destination database and how to reach it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConnectionString {
    /// Unique in its database.
    pub name: String,
    /// Name of the destination database.
    pub database: String,
    /// URLs of receivers, canonical, without duplicates.
    pub topology_discovery_urls: Vec<String>,
    /// When it was created, microseconds since 1970.
    pub created: i64,
    /// The call that created it, where that had a request id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Asked>,
}

impl ConnectionString {
    /// What tells the destination that it leads to from others, as far as that can be known before
    /// it is reached: changes whenever what people write does. Never zero.
    pub(crate) fn destination(&self) -> u64 {
        xxh3_64(self.etag().as_bytes()).max(1)
    }

    /// Changes whenever what people write does.
    pub(crate) fn etag(&self) -> String {
        let urls = self.topology_discovery_urls.iter().map(String::as_str);
        etag(urls.chain([&*self.database]))
    }
}
