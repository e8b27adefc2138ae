//! Of which collections revisions are kept, how many, and for how long.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::{Collection, Timestamp, limits::REVISIONS_RULES_MAX};

/// Of which collections a database keeps revisions. Empty: of none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RevisionsConfiguration {
    default: Option<RevisionsRule>,
    collections: BTreeMap<Collection, RevisionsRule>,
}

/// How revisions of a collection are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RevisionsRule {
    /// None are.
    pub disabled: bool,
    /// The newest of each document that are kept in any case; `None`: no number bounds them.
    pub minimum_to_keep: Option<u64>,
    /// The age up to which they are kept in any case, microseconds; `None`: no age bounds them.
    /// Where neither bounds them, all are kept.
    pub minimum_age_micros: Option<u64>,
    /// All of a document go when it is deleted, and its deletion is not kept either.
    pub purge_on_delete: bool,
}

/// Why a configuration cannot be.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RuleError {
    /// The rule is for no collection in particular.
    #[error("a rule for a collection names none")]
    NoCollection,
    /// Two rules are for one collection.
    #[error("collection {collection} has two rules")]
    Twice {
        /// The collection.
        collection: Collection,
    },
    /// Nothing would be kept.
    #[error("at least 1 revision must be kept; disable the rule to keep none")]
    KeepsNone,
    /// There are more than [`REVISIONS_RULES_MAX`].
    #[error("there are {rules} rules, more than {REVISIONS_RULES_MAX}")]
    TooMany {
        /// How many.
        rules: usize,
    },
}

impl RevisionsConfiguration {
    /// One rule for all collections that have none of their own, and theirs.
    ///
    /// # Errors
    ///
    /// A collection that is empty or comes twice, a rule that would keep nothing, too many.
    pub fn new(
        default: Option<RevisionsRule>,
        rules: Vec<(Collection, RevisionsRule)>,
    ) -> Result<Self, RuleError> {
        if rules.len() > REVISIONS_RULES_MAX {
            return Err(RuleError::TooMany { rules: rules.len() });
        }
        default.iter().try_for_each(RevisionsRule::check)?;
        let mut collections = BTreeMap::new();
        for (collection, rule) in rules {
            rule.check()?;
            if collection.is_empty() {
                return Err(RuleError::NoCollection);
            }
            if collections.contains_key(&collection) {
                return Err(RuleError::Twice { collection });
            }
            collections.insert(collection, rule);
        }
        Ok(Self { default, collections })
    }

    /// The rule of collections that have none of their own.
    pub fn default_rule(&self) -> Option<&RevisionsRule> {
        self.default.as_ref()
    }

    /// The rules of collections.
    pub fn collections(&self) -> impl Iterator<Item = (&Collection, &RevisionsRule)> {
        self.collections.iter()
    }

    /// Whether nothing is configured.
    pub fn is_empty(&self) -> bool {
        self.default.is_none() && self.collections.is_empty()
    }

    /// How revisions of a collection are kept, if any are.
    pub fn rule(&self, collection: &Collection) -> Option<&RevisionsRule> {
        let rule = self.collections.get(collection).or(self.default.as_ref());
        rule.filter(|rule| !rule.disabled)
    }
}

impl RevisionsRule {
    /// One that keeps nothing, for what has no rule any more. None that may be configured.
    pub fn none() -> Self {
        Self { minimum_to_keep: Some(0), ..Self::default() }
    }

    fn check(&self) -> Result<(), RuleError> {
        if self.minimum_to_keep == Some(0) { Err(RuleError::KeepsNone) } else { Ok(()) }
    }

    /// How many of `count` revisions of a document may go, of the oldest.
    pub fn excess(&self, count: u64) -> u64 {
        match (self.minimum_to_keep, self.minimum_age_micros) {
            (Some(keep), _) => count.saturating_sub(keep),
            (None, Some(_)) => count,
            (None, None) => 0,
        }
    }

    /// Whether one that was last modified then is old enough to go.
    pub fn is_old(&self, last_modified: Timestamp, now: Timestamp) -> bool {
        self.minimum_age_micros.is_none_or(|age| now.micros_since(last_modified) > age)
    }
}
