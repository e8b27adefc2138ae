//! I6: a database's vector claims nothing that the database does not hold.

use std::ops::Bound;

use super::{Check, Invariant, holds};
use crate::oracle::{commit::Commit, truth::Truth};

pub(super) struct Vector;

impl Invariant for Vector {
    fn name(&self) -> &'static str {
        "I6"
    }

    fn committed(&mut self, truth: &Truth, commit: &Commit) -> Check {
        let Some(now) = &truth.nodes[commit.node].visible else { return Ok(()) };
        for entry in now.header.vector.entries() {
            let before =
                commit.standing.as_ref().map(|s| s.header.vector.etag_of(entry.incarnation));
            let before = before.unwrap_or_default();
            let Some(minted) = truth.minted.get(&entry.incarnation) else { continue };
            if entry.etag <= before {
                continue;
            }
            let range = (Bound::Excluded(before), Bound::Included(entry.etag));
            for (etag, change) in minted.range(range) {
                holds(truth.has(commit.node, change), || {
                    format!(
                        "node {} claims {entry:?} and lacks {etag}: {change:?}, it has {:?}",
                        commit.node,
                        truth.nodes[commit.node].heads.get(&change.key)
                    )
                })?;
            }
        }
        Ok(())
    }
}
