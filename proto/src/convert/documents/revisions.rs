//! Revisions, and of which collections they are kept.

use jackdaw_common::{
    ChangeVector, Collection, DocumentId, KeptCounter, KeptParts, RevisionsConfiguration,
    RevisionsRule, Timestamp, Version, item::revision::RuleError, limits::REVISIONS_RULES_MAX,
};

use super::{body, series};
use crate::{
    convert::{
        attachments::attachments,
        change_vector,
        time::{duration, from_duration, timestamp},
    },
    documents as wire,
    wire::Violations,
};

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
