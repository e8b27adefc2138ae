//! Revisions, and of which collections they are kept.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use bytes::Bytes;
use jackdaw_common::{
    ChangeVector, Collection, CounterName, DocumentId, KeptCounter, KeptParts,
    RevisionsConfiguration, RevisionsRule, Timestamp, Version,
    item::{
        revision::{PARTS_BYTES_MAX, RuleError},
        series::SeriesSummary,
    },
    limits::{ATTACHMENTS_MAX, REVISIONS_RULES_MAX},
};

use super::{body, series};
use crate::{
    convert::{
        attachments::{Attaching, attachments, of_revision},
        change_vector,
        time::{duration, from_duration, from_timestamp, timestamp},
    },
    documents as wire,
    wire::Violations,
};

/// The field of a put, in a command.
pub const PUT: &str = "put_revision";

/// A version that is put among the revisions of a document, its fields checked but for the body.
#[derive(Clone, Debug, PartialEq)]
pub struct PutRevision {
    /// The document.
    pub document: DocumentId,
    /// When a client wrote it.
    pub last_modified: Timestamp,
    /// What it is.
    pub version: PutVersion,
    /// What was attached to it.
    pub attachments: Vec<Attaching>,
    /// What the document had beside its body.
    pub parts: KeptParts,
}

/// What a version is that is put among the revisions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PutVersion {
    /// The JSON of a live one, as the client gave it.
    Live(Bytes),
    /// A deletion, and its collection.
    Deletion(Collection),
}

impl PutRevision {
    /// Bytes that the command carries.
    pub fn bytes(&self) -> usize {
        let body = match &self.version {
            PutVersion::Live(body) => body.len(),
            PutVersion::Deletion(_) => 0,
        };
        let contents = self.attachments.iter().map(Attaching::bytes);
        body + self.parts.bytes() + contents.sum::<usize>()
    }
}

/// Reads a version that stands at `path`; `None` after adding what is wrong.
pub fn put(path: &str, put: wire::PutRevision, violations: &mut Violations) -> Option<PutRevision> {
    let at = |field: &str| format!("{path}.{field}");
    let document = violations.check(at("document_id"), DocumentId::new(&put.document_id));
    let last_modified = match &put.last_modified {
        Some(time) if YEARS.contains(&time.seconds) => {
            violations.check(at("last_modified"), from_timestamp(time))
        }
        Some(_) => {
            violations.add(at("last_modified"), "is not within the years 1 to 9999");
            None
        }
        None => {
            violations.add(at("last_modified"), "is missing");
            None
        }
    };
    let version = if put.deleted {
        deletion(path, &put, violations)
    } else if put.collection.is_empty() {
        Some(PutVersion::Live(put.body))
    } else {
        violations.add(at("collection"), "is given, and it is no deletion: its body says it");
        None
    };
    let attachments = attachments_put(&at("attachments"), put.attachments, violations);
    let parts = KeptParts {
        counters: counters_put(&at("counters"), put.counters, violations)?,
        series: series_put(&at("time_series"), put.time_series, violations)?,
        more: put.more_parts,
    };
    if parts.bytes() > PARTS_BYTES_MAX {
        let text = format!("take more than {PARTS_BYTES_MAX} bytes with its time series");
        violations.add(at("counters"), text);
        return None;
    }
    Some(PutRevision {
        document: document?,
        last_modified: last_modified?,
        version: version?,
        attachments: attachments?,
        parts,
    })
}

fn deletion(
    path: &str,
    put: &wire::PutRevision,
    violations: &mut Violations,
) -> Option<PutVersion> {
    if !put.body.is_empty() {
        violations.add(format!("{path}.body"), "is not empty, and it is a deletion");
        return None;
    }
    if !put.attachments.is_empty() {
        violations.add(format!("{path}.attachments"), "are given, and it is a deletion");
        return None;
    }
    let collection = Collection::new(&put.collection);
    violations.check(format!("{path}.collection"), collection).map(PutVersion::Deletion)
}

fn attachments_put(
    path: &str,
    list: Vec<wire::RevisionAttachment>,
    violations: &mut Violations,
) -> Option<Vec<Attaching>> {
    let (count, mut names) = (list.len(), BTreeSet::new());
    if count > ATTACHMENTS_MAX {
        violations.add(path, format!("are {count}, more than {ATTACHMENTS_MAX}"));
        return None;
    }
    let mut attachments = Vec::new();
    for (index, attachment) in list.into_iter().enumerate() {
        let path = format!("{path}[{index}]");
        let Some(attachment) = of_revision(&path, attachment, violations) else { continue };
        if names.insert(attachment.name.key().to_owned()) {
            attachments.push(attachment);
        } else {
            violations.add(format!("{path}.name"), TWICE);
        }
    }
    (attachments.len() == count).then_some(attachments)
}

fn counters_put(
    path: &str,
    list: Vec<wire::RevisionCounter>,
    violations: &mut Violations,
) -> Option<Vec<KeptCounter>> {
    let (count, mut counters) = (list.len(), BTreeMap::new());
    for (index, wire::RevisionCounter { name, value }) in list.into_iter().enumerate() {
        let path = format!("{path}[{index}].name");
        let Some(name) = violations.check(&path, CounterName::new(&name)) else { continue };
        let key = name.key().to_owned();
        if counters.insert(key, KeptCounter { name, value }).is_some() {
            violations.add(path, TWICE);
        }
    }
    (counters.len() == count).then(|| counters.into_values().collect())
}

fn series_put(
    path: &str,
    list: Vec<wire::RevisionTimeSeries>,
    violations: &mut Violations,
) -> Option<Vec<SeriesSummary>> {
    let (count, mut all) = (list.len(), BTreeMap::new());
    for (index, series) in list.into_iter().enumerate() {
        let path = format!("{path}[{index}]");
        let Some(series) = series::summary_put(&path, &series, violations) else { continue };
        if all.insert(series.name.key().to_owned(), series).is_some() {
            violations.add(format!("{path}.name"), TWICE);
        }
    }
    (all.len() == count).then(|| all.into_values().collect())
}

/// Seconds of the years 1 to 9999, those that RFC 3339 can write.
const YEARS: Range<i64> = -62_135_596_800..253_402_300_800;

/// What is wrong with a name that was given before.
const TWICE: &str = "was given before";

/// A revision as a list has it.
#[derive(Clone, Debug)]
pub struct Listed<'r> {
    /// The document, in its casing.
    pub id: &'r DocumentId,
    /// What it has seen.
    pub vector: &'r ChangeVector,
    /// When a client last changed it.
    pub last_modified: Timestamp,
    /// Its collection.
    pub collection: &'r Collection,
    /// Bytes of its body.
    pub size: u64,
    /// What is to be said of it.
    pub flags: Vec<wire::Flag>,
}

/// A revision as a list has it, as it goes out.
#[must_use]
pub fn listed(revision: Listed<'_>) -> wire::Revision {
    wire::Revision {
        document_id: revision.id.as_str().to_owned(),
        change_vector: change_vector::text(revision.vector),
        last_modified: Some(timestamp(revision.last_modified)),
        collection: revision.collection.as_str().to_owned(),
        body_bytes: revision.size,
        flags: revision.flags.into_iter().map(Into::into).collect(),
        ..wire::Revision::default()
    }
}

/// A revision whole, as it goes out.
#[must_use]
pub fn revision(version: Version, flags: Vec<wire::Flag>) -> wire::Revision {
    let listed = listed(Listed {
        id: &version.id,
        vector: &version.vector,
        last_modified: version.last_modified,
        collection: &version.collection,
        size: version.content.bytes() as u64,
        flags,
    });
    let none = KeptParts::default();
    let parts = version.kept.as_ref().map_or(&none, |kept| &kept.parts);
    wire::Revision {
        attachments: attachments(&version.attachments),
        counters: parts.counters.iter().map(counter).collect(),
        time_series: parts
            .series
            .iter()
            .map(|it| series::summary(&it.name, it.entries, it.bounds, None))
            .collect(),
        more_parts: parts.more,
        body: body(version.content),
        ..listed
    }
}

fn counter(counter: &KeptCounter) -> wire::Counter {
    let name = counter.name.as_str().to_owned();
    wire::Counter { name, value: counter.value, partials: Vec::new() }
}

/// What is to be said of a version by itself.
#[must_use]
pub fn flags(attachments: bool, counters: bool, time_series: bool) -> Vec<wire::Flag> {
    let of = |has: bool, flag: wire::Flag| has.then_some(flag);
    let attached = of(attachments, wire::Flag::HasAttachments);
    let counters = of(counters, wire::Flag::HasCounters);
    let series = of(time_series, wire::Flag::HasTimeSeries);
    attached.into_iter().chain(counters).chain(series).collect()
}

/// A configuration as it goes out, but for its etag.
#[must_use]
pub fn configuration(configuration: &RevisionsConfiguration) -> wire::RevisionsConfiguration {
    let rules = configuration.collections().map(|(collection, it)| wire::CollectionRevisionsRule {
        collection: collection.as_str().to_owned(),
        rule: Some(rule(it)),
    });
    wire::RevisionsConfiguration {
        default_rule: configuration.default_rule().map(rule),
        collection_rules: rules.collect(),
        etag: String::new(),
    }
}

fn rule(rule: &RevisionsRule) -> wire::RevisionsRule {
    wire::RevisionsRule {
        disabled: rule.disabled,
        minimum_to_keep: rule.minimum_to_keep,
        minimum_age_to_keep: rule.minimum_age_micros.map(duration),
        purge_on_delete: rule.purge_on_delete,
    }
}

/// Reads a configuration that stands at `path`; `None` after adding what is wrong.
pub fn read_configuration(
    path: &str,
    message: wire::RevisionsConfiguration,
    violations: &mut Violations,
) -> Option<RevisionsConfiguration> {
    let default = match message.default_rule {
        Some(rule) => read_rule(&format!("{path}.default_rule"), &rule, violations).map(Some),
        None => Some(None),
    };
    let count = message.collection_rules.len();
    if count > REVISIONS_RULES_MAX {
        violations.add(format!("{path}.collection_rules"), RuleError::TooMany { rules: count });
        return None;
    }
    let mut rules = Vec::new();
    for (at, collection_rule) in message.collection_rules.into_iter().enumerate() {
        let path = format!("{path}.collection_rules[{at}]");
        let wire::CollectionRevisionsRule { collection, rule } = collection_rule;
        let collection =
            violations.check(format!("{path}.collection"), Collection::new(&collection));
        let rule = read_rule(&format!("{path}.rule"), &rule.unwrap_or_default(), violations);
        rules.extend(collection.zip(rule));
    }
    let configuration = RevisionsConfiguration::new(default?, rules);
    match configuration {
        Err(error) if violations.is_empty() => {
            violations.add(format!("{path}.collection_rules"), error);
            None
        }
        other => other.ok(),
    }
}

fn read_rule(
    path: &str,
    rule: &wire::RevisionsRule,
    violations: &mut Violations,
) -> Option<RevisionsRule> {
    let age = rule.minimum_age_to_keep.as_ref().map(from_duration).transpose();
    let age = violations.check(format!("{path}.minimum_age_to_keep"), age);
    let keep = match rule.minimum_to_keep {
        Some(0) => Err(RuleError::KeepsNone),
        keep => Ok(keep),
    };
    let keep = violations.check(format!("{path}.minimum_to_keep"), keep);
    Some(RevisionsRule {
        disabled: rule.disabled,
        minimum_to_keep: keep?,
        minimum_age_micros: age?,
        purge_on_delete: rule.purge_on_delete,
    })
}
