//! I7: what arrives twice changes nothing: no version is given a second etag.

use std::collections::BTreeMap;

use jackdaw_common::{ChangeVector, Etag};

use super::{Check, Invariant, holds};
use crate::oracle::{
    commit::Commit,
    parts::Part,
    revisions::Revised,
    truth::{Change, Key, Truth},
};

/// What a version is known by: what it is of, and its vector. Pieces of a series that was cut have
/// one vector, and spans of their own. What is kept of a document besides has the vector of what it
/// was, and is told by who keeps it; what is removed, by all that is.
type Known = (Key, Option<Part>, Vec<u8>, Option<Vec<u8>>);

/// The etag that each version was given.
pub(super) struct Again(Vec<BTreeMap<Known, Etag>>);

fn known(change: &Change) -> Known {
    let besides = match &change.revised {
        Some(Revised::Removed(removed)) => Some(removed.to_bytes()),
        Some(Revised::Past) => change.by.as_ref().map(ChangeVector::to_bytes),
        None => None,
    };
    (change.key.clone(), change.part.clone(), change.vector.to_bytes(), besides)
}

impl Again {
    pub(super) fn new(nodes: usize) -> Self {
        Self(vec![BTreeMap::new(); nodes])
    }
}

impl Invariant for Again {
    fn name(&self) -> &'static str {
        "I7"
    }

    fn committed(&mut self, truth: &Truth, commit: &Commit) -> Check {
        for etag in &commit.changes {
            let change = &truth.nodes[commit.node].journal[etag];
            let before = self.0[commit.node].insert(known(change), *etag);
            holds(before.is_none(), || {
                format!("node {} gave {change:?} etags {before:?} and {etag}", commit.node)
            })?;
        }
        Ok(())
    }

    fn rebuilt(&mut self, truth: &Truth, node: usize) {
        let journal = truth.nodes[node].journal.iter();
        self.0[node] = journal.map(|(etag, it)| (known(it), *etag)).collect();
    }
}
