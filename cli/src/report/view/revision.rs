//! Revisions, and how they are kept, as they are shown.

use std::time::Duration;

use bytes::Bytes;
use jackdaw_proto::documents::{EnforceRevisionsResponse, Flag, Revision, RevisionsRule};
use serde::Serialize;
use serde_json::value::RawValue;

use super::{AttachmentView, CounterView, TimeSeriesView, bare, time};
use crate::report::exit::Failure;
use crate::report::output::{Shown, grouped};

/// One revision.
#[derive(Debug, Serialize)]
pub(crate) struct RevisionView {
    document_id: String,
    change_vector: String,
    last_modified: String,
    collection: String,
    bytes: u64,
    flags: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attachments: Vec<AttachmentView>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    counters: Vec<CounterView>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    time_series: Vec<TimeSeriesView>,
    /// Whether the document had more counters and time series: only the first are kept.
    more_parts: bool,
    /// The body as it was written, but for blanks around it; none in a list, and of a deletion.
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Box<RawValue>>,
    /// The body as it was written.
    #[serde(skip)]
    raw_body: Bytes,
}

impl RevisionView {
    /// A revision in full. Fails when its body is not JSON.
    pub(crate) fn new(revision: Revision) -> Result<Self, Failure> {
        let broken = |error: &dyn std::fmt::Display| {
            let id = &revision.document_id;
            Failure::local(format!("the body of a revision of {id:?} is not JSON: {error}"))
        };
        let text = String::from_utf8(revision.body.to_vec()).map_err(|error| broken(&error))?;
        let body = match text.as_str() {
            "" => None,
            _ => Some(RawValue::from_string(text).map_err(|error| broken(&error))?),
        };
        Ok(Self { body, raw_body: revision.body.clone(), ..Self::listed(revision) })
    }

    /// A revision without its body.
    pub(crate) fn listed(revision: Revision) -> Self {
        let flag = |flag: &i32| {
            let name = Flag::try_from(*flag).ok().map(|flag| flag.as_str_name());
            bare(name, "FLAG_", *flag)
        };
        Self {
            flags: revision.flags.iter().map(flag).collect(),
            last_modified: time(revision.last_modified.as_ref()),
            document_id: revision.document_id,
            change_vector: revision.change_vector,
            collection: revision.collection,
            bytes: revision.body_bytes,
            attachments: revision.attachments.into_iter().map(AttachmentView::from).collect(),
            counters: revision.counters.into_iter().map(CounterView::from).collect(),
            time_series: revision.time_series.into_iter().map(TimeSeriesView::from).collect(),
            more_parts: revision.more_parts,
            body: None,
            raw_body: Bytes::new(),
        }
    }

    /// The body as it was written; empty in a list, and of a deletion.
    pub(crate) fn body(&self) -> &[u8] {
        &self.raw_body
    }

    /// Everything but the body, in a line.
    pub(crate) fn headline(&self) -> String {
        let Self { document_id, change_vector, last_modified, bytes, .. } = self;
        let (bytes, flags) = (grouped(*bytes), self.flags.join(", "));
        format!("{document_id} · {flags} · {bytes} bytes · {change_vector} · {last_modified}")
    }
}

impl Shown for RevisionView {
    const COLUMNS: &'static [&'static str] = &["LAST MODIFIED", "BYTES", "FLAGS", "CHANGE VECTOR"];

    fn row(&self) -> Vec<String> {
        let Self { last_modified, bytes, flags, change_vector, .. } = self;
        vec![last_modified.clone(), grouped(*bytes), flags.join(", "), change_vector.clone()]
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        Self::COLUMNS.iter().copied().zip(self.row()).collect()
    }
}

/// How revisions of a collection are kept.
#[derive(Debug, Serialize)]
pub(crate) struct RuleView {
    /// Empty for all that have no rule of their own.
    collection: String,
    disabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    minimum_to_keep: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    minimum_age_to_keep_seconds: Option<f64>,
    purge_on_delete: bool,
}

impl RuleView {
    pub(crate) fn new(collection: String, rule: &RevisionsRule) -> Self {
        let age = rule.minimum_age_to_keep.and_then(|age| Duration::try_from(age).ok());
        Self {
            collection,
            disabled: rule.disabled,
            minimum_to_keep: rule.minimum_to_keep,
            minimum_age_to_keep_seconds: age.map(|age| age.as_secs_f64()),
            purge_on_delete: rule.purge_on_delete,
        }
    }
}

impl Shown for RuleView {
    const COLUMNS: &'static [&'static str] =
        &["COLLECTION", "KEEPS AT LEAST", "KEEPS SECONDS", "ON DELETE"];

    fn row(&self) -> Vec<String> {
        let others = if self.collection.is_empty() { "(all others)" } else { &self.collection };
        let count = self.minimum_to_keep.map(grouped);
        let age = self.minimum_age_to_keep_seconds.map(|age| age.to_string());
        let count = match (self.disabled, count, &age) {
            (true, ..) => "none".to_owned(),
            (false, Some(count), _) => count,
            (false, None, None) => "all".to_owned(),
            (false, None, Some(_)) => String::new(),
        };
        let deleted = if self.purge_on_delete { "purged" } else { "kept" };
        vec![others.to_owned(), count, age.unwrap_or_default(), deleted.to_owned()]
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        Self::COLUMNS.iter().copied().zip(self.row()).collect()
    }
}

/// How far an enforcement has come.
#[derive(Debug, Default, Serialize)]
pub(crate) struct EnforcedView {
    documents: u64,
    removed: u64,
}

impl From<EnforceRevisionsResponse> for EnforcedView {
    fn from(response: EnforceRevisionsResponse) -> Self {
        Self { documents: response.documents, removed: response.removed }
    }
}

impl Shown for EnforcedView {
    const COLUMNS: &'static [&'static str] = &["DOCUMENTS", "REVISIONS REMOVED"];

    fn row(&self) -> Vec<String> {
        vec![grouped(self.documents), grouped(self.removed)]
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        vec![("documents", grouped(self.documents)), ("revisions removed", grouped(self.removed))]
    }
}
