//! What a database says of a document besides what was written: made when it is read, from what
//! there is then, and so true of every copy.

use jackdaw_common::{Attachment, CounterName, DocumentId, Entry, item::series::SeriesName};
use jackdaw_proto::{convert::documents::revisions as convert, documents::Flag};
use jackdaw_store::{
    Snapshot, StoreError,
    tables::{
        changes::ChangeRow,
        revisions::{Has, Revision},
    },
};
use serde::Serialize;

/// Counters, and time series, that metadata name of a document: more are listed elsewhere.
const NAMED_MAX: usize = 1_000;

/// What is to be said of a document.
pub(in crate::documents) struct Derived {
    attachments: Vec<Attachment>,
    counters: Vec<CounterName>,
    series: Vec<SeriesName>,
    /// The same in short.
    pub(in crate::documents) flags: Vec<Flag>,
}

impl Derived {
    /// Of a live document; with so many names at most.
    pub(in crate::documents) fn read(
        snapshot: &Snapshot,
        row: &ChangeRow,
        whole: bool,
    ) -> Result<Self, StoreError> {
        let id = &row.version.id;
        let (mut counters, mut series) = (Vec::new(), Vec::new());
        let (mut has_counters, mut has_series) = (false, false);
        if snapshot.header().parts > 0 && whole {
            counters = counter_names(snapshot, id)?;
            series = snapshot.series_names(id, NAMED_MAX)?;
            (has_counters, has_series) = (!counters.is_empty(), !series.is_empty());
        } else if snapshot.header().parts > 0 {
            has_counters = snapshot.has_counters(id)?;
            has_series = snapshot.has_series(id)?;
        }
        let attachments = &row.version.attachments;
        let mut flags = convert::flags(!attachments.is_empty(), has_counters, has_series);
        if snapshot.count_revisions(id)? > 0 {
            flags.push(Flag::HasRevisions);
        }
        if !is_own(snapshot, row.minted) {
            flags.push(Flag::FromReplication);
        }
        Ok(Self { attachments: attachments.as_slice().to_vec(), counters, series, flags })
    }

    /// The members that "@metadata" gets, each as it stands in a JSON object.
    pub(in crate::documents) fn members(&self) -> Result<Vec<String>, serde_json::Error> {
        let mut members = Vec::new();
        if !self.attachments.is_empty() {
            let attachments: Vec<_> = self.attachments.iter().map(Attached::from).collect();
            members.push(format!("\"@attachments\":{}", serde_json::to_string(&attachments)?));
        }
        let names: Vec<_> = self.counters.iter().map(CounterName::as_str).collect();
        if !names.is_empty() {
            members.push(format!("\"@counters\":{}", serde_json::to_string(&names)?));
        }
        let names: Vec<_> = self.series.iter().map(SeriesName::as_str).collect();
        if !names.is_empty() {
            members.push(format!("\"@timeseries\":{}", serde_json::to_string(&names)?));
        }
        let flags: Vec<_> = self.flags.iter().map(|flag| text(*flag)).collect();
        if !flags.is_empty() {
            members.push(format!("\"@flags\":\"{}\"", flags.join(", ")));
        }
        Ok(members)
    }
}

fn counter_names(snapshot: &Snapshot, id: &DocumentId) -> Result<Vec<CounterName>, StoreError> {
    let mut names = Vec::new();
    for head in snapshot.counters(id, "") {
        let counter = head?.part;
        if !counter.partials.is_empty() {
            names.push(counter.name);
        }
        if names.len() == NAMED_MAX {
            break;
        }
    }
    Ok(names)
}

/// An attachment as RavenDB's metadata have it.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Attached<'a> {
    name: &'a str,
    hash: String,
    content_type: &'a str,
    size: u64,
}

impl<'a> From<&'a Attachment> for Attached<'a> {
    fn from(attachment: &'a Attachment) -> Self {
        Self {
            name: attachment.name.as_str(),
            hash: attachment.hash.to_string(),
            content_type: attachment.content_type.as_str(),
            size: attachment.size,
        }
    }
}

/// What is to be said of a revision.
pub(super) fn of_revision(snapshot: &Snapshot, revision: &Revision) -> Vec<Flag> {
    let Has { attachments, counters, series } = revision.has;
    let mut flags = vec![if revision.tombstone { Flag::DeleteRevision } else { Flag::Revision }];
    flags.extend(convert::flags(attachments, counters, series));
    if !revision.by.entries().iter().any(|entry| is_own(snapshot, Some(*entry))) {
        flags.push(Flag::FromReplication);
    }
    flags
}

/// Whether an entry is one that this database has minted, in any of its lives.
fn is_own(snapshot: &Snapshot, entry: Option<Entry>) -> bool {
    let lives = snapshot.header().lineage().lives();
    entry.is_some_and(|entry| lives.iter().any(|life| life.incarnation == entry.incarnation))
}

/// A flag as RavenDB writes it.
fn text(flag: Flag) -> &'static str {
    match flag {
        Flag::Unspecified => "None",
        Flag::HasAttachments => "HasAttachments",
        Flag::HasCounters => "HasCounters",
        Flag::HasTimeSeries => "HasTimeSeries",
        Flag::HasRevisions => "HasRevisions",
        Flag::Revision => "Revision",
        Flag::DeleteRevision => "DeleteRevision",
        Flag::FromReplication => "FromReplication",
    }
}
