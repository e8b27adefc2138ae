//! I7: what arrives twice changes nothing: no version is given a second etag.

use std::collections::BTreeMap;

use jackdaw_common::Etag;

use super::{Check, Invariant, holds};
use crate::oracle::{
    parts::Part,
    truth::{Change, Commit, Key, Truth},
};

/// What a version is known by: what it is of, and its vector. Pieces of a series that was cut have
/// one vector, and spans of their own.
type Known = (Key, Option<Part>, Vec<u8>);

/// The etag that each version was given.
pub(super) struct Again(Vec<BTreeMap<Known, Etag>>);

fn known(change: &Change) -> Known {
    (change.key.clone(), change.part.clone(), change.vector.to_bytes())
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
