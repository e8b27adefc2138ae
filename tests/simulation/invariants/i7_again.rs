//! I7: what arrives twice changes nothing: no version is given a second etag.

use std::collections::BTreeMap;

use jackdaw_common::Etag;

use super::{Check, Invariant, holds};
use crate::oracle::truth::{Commit, Key, Truth};

/// The etag that each version was given, by document and vector.
pub(super) struct Again(Vec<BTreeMap<(Key, Vec<u8>), Etag>>);

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
            let version = (change.key.clone(), change.vector.to_bytes());
            let before = self.0[commit.node].insert(version, *etag);
            holds(before.is_none(), || {
                format!("node {} gave {change:?} etags {before:?} and {etag}", commit.node)
            })?;
        }
        Ok(())
    }

    fn rebuilt(&mut self, truth: &Truth, node: usize) {
        let journal = truth.nodes[node].journal.iter();
        let versions = journal.map(|(etag, it)| ((it.key.clone(), it.vector.to_bytes()), *etag));
        self.0[node] = versions.collect();
    }
}
