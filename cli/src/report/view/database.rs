//! A database as it is shown.

use jackdaw_proto::control::Database;
use serde::Serialize;

use super::{last_part, time};
use crate::report::output::{Shown, grouped};

/// One database.
#[derive(Debug, Serialize)]
pub(crate) struct DatabaseView {
    name: String,
    id: String,
    incarnation: String,
    create_time: String,
    last_etag: u64,
    change_vector: String,
    documents: u64,
    tombstones: u64,
    conflicts: u64,
    history_bytes: u64,
}

impl From<Database> for DatabaseView {
    fn from(database: Database) -> Self {
        Self {
            create_time: time(database.create_time.as_ref()),
            name: database.name,
            id: database.id,
            incarnation: database.incarnation,
            last_etag: database.last_etag,
            change_vector: database.change_vector,
            documents: database.documents,
            tombstones: database.tombstones,
            conflicts: database.conflicts,
            history_bytes: database.history_bytes,
        }
    }
}

impl Shown for DatabaseView {
    const COLUMNS: &'static [&'static str] =
        &["NAME", "DOCUMENTS", "TOMBSTONES", "CONFLICTS", "LAST ETAG", "CREATED"];

    fn row(&self) -> Vec<String> {
        vec![
            last_part(&self.name).to_owned(),
            grouped(self.documents),
            grouped(self.tombstones),
            grouped(self.conflicts),
            self.last_etag.to_string(),
            self.create_time.clone(),
        ]
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        vec![
            ("name", last_part(&self.name).to_owned()),
            ("id", self.id.clone()),
            ("incarnation", self.incarnation.clone()),
            ("created", self.create_time.clone()),
            ("documents", grouped(self.documents)),
            ("tombstones", grouped(self.tombstones)),
            ("conflicts", grouped(self.conflicts)),
            ("history bytes", grouped(self.history_bytes)),
            ("last etag", self.last_etag.to_string()),
            ("change vector", self.change_vector.clone()),
        ]
    }
}
