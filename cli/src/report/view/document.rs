//! Documents, what was written of them, and changes, as they are shown.

use bytes::Bytes;
use jackdaw_proto::documents::{Change, ChangeKind, Document, Written};
use serde::Serialize;
use serde_json::value::RawValue;

use super::{bare, time};
use crate::report::exit::Failure;
use crate::report::output::{Shown, grouped};

/// One document.
#[derive(Debug, Serialize)]
pub(crate) struct DocumentView {
    id: String,
    collection: String,
    change_vector: String,
    etag: u64,
    last_modified: String,
    bytes: u64,
    /// The body as it was written, but for blanks around it; none in a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Box<RawValue>>,
    /// The body as it was written.
    #[serde(skip)]
    raw_body: Bytes,
}

impl DocumentView {
    /// A document in full. Fails when its body is not JSON.
    pub(crate) fn new(document: Document) -> Result<Self, Failure> {
        let broken = |error: &dyn std::fmt::Display| {
            Failure::local(format!("the body of {:?} is not JSON: {error}", document.id))
        };
        let text = String::from_utf8(document.body.to_vec()).map_err(|error| broken(&error))?;
        let body = RawValue::from_string(text).map_err(|error| broken(&error))?;
        Ok(Self { body: Some(body), raw_body: document.body.clone(), ..Self::listed(document) })
    }

    /// A document without its body.
    pub(crate) fn listed(document: Document) -> Self {
        Self {
            last_modified: time(document.last_modified.as_ref()),
            bytes: document.body.len() as u64,
            id: document.id,
            collection: document.collection,
            change_vector: document.change_vector,
            etag: document.etag,
            body: None,
            raw_body: Bytes::new(),
        }
    }

    /// The body as it was written; empty in a list.
    pub(crate) fn body(&self) -> &[u8] {
        &self.raw_body
    }

    /// Everything but the body, in a line.
    pub(crate) fn headline(&self) -> String {
        let Self { id, collection, change_vector, etag, last_modified, bytes, .. } = self;
        let collection = if collection.is_empty() { "no collection" } else { collection };
        let bytes = grouped(*bytes);
        format!(
            "{id} · {collection} · {bytes} bytes · etag {etag} · {change_vector} · {last_modified}"
        )
    }
}

impl Shown for DocumentView {
    const COLUMNS: &'static [&'static str] =
        &["ID", "COLLECTION", "BYTES", "ETAG", "LAST MODIFIED", "CHANGE VECTOR"];

    fn row(&self) -> Vec<String> {
        vec![
            self.id.clone(),
            self.collection.clone(),
            grouped(self.bytes),
            self.etag.to_string(),
            self.last_modified.clone(),
            self.change_vector.clone(),
        ]
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        Self::COLUMNS.iter().copied().zip(self.row()).collect()
    }
}

/// The outcome of a write.
#[derive(Debug, Serialize)]
pub(crate) struct WrittenView {
    id: String,
    change_vector: String,
    etag: u64,
    /// What a counter has come to by an increment.
    #[serde(skip_serializing_if = "Option::is_none")]
    counter_value: Option<i64>,
}

impl WrittenView {
    /// Whether nothing was written: there was nothing to delete.
    pub(crate) fn is_nothing(&self) -> bool {
        self.etag == 0
    }
}

impl From<Written> for WrittenView {
    fn from(written: Written) -> Self {
        let Written { id, change_vector, etag, counter_value } = written;
        Self { id, change_vector, etag, counter_value }
    }
}

impl Shown for WrittenView {
    const COLUMNS: &'static [&'static str] = &["ID", "ETAG", "CHANGE VECTOR"];

    fn row(&self) -> Vec<String> {
        vec![self.id.clone(), self.etag.to_string(), self.change_vector.clone()]
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        let mut fields = vec![
            ("id", self.id.clone()),
            ("etag", self.etag.to_string()),
            ("change vector", self.change_vector.clone()),
        ];
        if let Some(value) = self.counter_value {
            fields.insert(0, ("value", value.to_string()));
        }
        fields
    }
}

/// One committed change.
#[derive(Debug, Serialize)]
pub(crate) struct ChangeView {
    etag: u64,
    kind: String,
    id: String,
    /// Of a counter or a time series.
    #[serde(skip_serializing_if = "String::is_empty")]
    name: String,
    collection: String,
    change_vector: String,
}

impl From<Change> for ChangeView {
    fn from(change: Change) -> Self {
        let kind = ChangeKind::try_from(change.kind).ok();
        let kind = kind.map(|kind| kind.as_str_name());
        Self {
            kind: bare(kind, "CHANGE_KIND_", change.kind),
            etag: change.etag,
            id: change.id,
            name: change.name,
            collection: change.collection,
            change_vector: change.change_vector,
        }
    }
}

impl Shown for ChangeView {
    const COLUMNS: &'static [&'static str] =
        &["ETAG", "KIND", "ID", "COLLECTION OR NAME", "CHANGE VECTOR"];

    fn row(&self) -> Vec<String> {
        vec![
            format!("{:>8}", self.etag),
            format!("{:<11}", self.kind),
            self.id.clone(),
            if self.name.is_empty() { &self.collection } else { &self.name }.clone(),
            self.change_vector.clone(),
        ]
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        Self::COLUMNS.iter().copied().zip(self.row()).collect()
    }
}
