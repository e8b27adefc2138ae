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
    attachments: u64,
    attachment_bytes: u64,
    counters: u64,
    time_series_entries: u64,
    revisions: u64,
    revision_tombstones: u64,
    history_bytes: u64,
    tombstone_floor: u64,
    incarnations: Vec<IncarnationView>,
    retired_incarnations: Vec<String>,
}

/// One of its incarnations.
#[derive(Debug, Serialize)]
struct IncarnationView {
    id: String,
    after_etag: u64,
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
            attachments: database.attachments,
            attachment_bytes: database.attachment_bytes,
            counters: database.counters,
            time_series_entries: database.time_series_entries,
            revisions: database.revisions,
            revision_tombstones: database.revision_tombstones,
            history_bytes: database.history_bytes,
            tombstone_floor: database.tombstone_floor,
            incarnations: database
                .incarnations
                .into_iter()
                .map(|it| IncarnationView { id: it.id, after_etag: it.after_etag })
                .collect(),
            retired_incarnations: database.retired_incarnations,
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
        let mut fields = vec![
            ("name", last_part(&self.name).to_owned()),
            ("id", self.id.clone()),
            ("incarnation", self.incarnation.clone()),
            ("created", self.create_time.clone()),
            ("documents", grouped(self.documents)),
            ("tombstones", grouped(self.tombstones)),
            ("conflicts", grouped(self.conflicts)),
            ("attachments", grouped(self.attachments)),
            ("attachment bytes", grouped(self.attachment_bytes)),
            ("counters", grouped(self.counters)),
            ("time series entries", grouped(self.time_series_entries)),
            ("revisions", grouped(self.revisions)),
            ("revision tombstones", grouped(self.revision_tombstones)),
            ("history bytes", grouped(self.history_bytes)),
            ("last etag", self.last_etag.to_string()),
            ("tombstone floor", self.tombstone_floor.to_string()),
            ("change vector", self.change_vector.clone()),
        ];
        // One that was never restored nor copied has no history to tell.
        if self.incarnations.len() > 1 {
            let life = |it: &IncarnationView| format!("{} behind etag {}", it.id, it.after_etag);
            let lives: Vec<_> = self.incarnations.iter().map(life).collect();
            fields.push(("incarnations", lives.join(", ")));
        }
        if !self.retired_incarnations.is_empty() {
            fields.push(("retired", self.retired_incarnations.join(", ")));
        }
        fields
    }
}
