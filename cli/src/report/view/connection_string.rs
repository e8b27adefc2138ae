//! A connection string as it is shown.

use jackdaw_proto::control::ConnectionString;
use serde::Serialize;

use super::{last_part, time};
use crate::report::output::Shown;

/// One connection string.
#[derive(Debug, Serialize)]
pub(crate) struct ConnectionStringView {
    name: String,
    database: String,
    topology_discovery_urls: Vec<String>,
    create_time: String,
    etag: String,
}

impl From<ConnectionString> for ConnectionStringView {
    fn from(string: ConnectionString) -> Self {
        Self {
            create_time: time(string.create_time.as_ref()),
            etag: string.etag,
            name: string.name,
            database: string.database,
            topology_discovery_urls: string.topology_discovery_urls,
        }
    }
}

impl Shown for ConnectionStringView {
    const COLUMNS: &'static [&'static str] = &["NAME", "DESTINATION DATABASE", "URLS", "CREATED"];

    fn row(&self) -> Vec<String> {
        vec![
            last_part(&self.name).to_owned(),
            self.database.clone(),
            self.topology_discovery_urls.join(" "),
            self.create_time.clone(),
        ]
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        vec![
            ("name", last_part(&self.name).to_owned()),
            ("destination database", self.database.clone()),
            ("topology discovery URLs", self.topology_discovery_urls.join("\n")),
            ("created", self.create_time.clone()),
            ("etag", self.etag.clone()),
        ]
    }
}
