//! I15: whoever sends, however many at once: a destination's position goes forward only, and each
//! session is told from all before it by what is durable.

use std::collections::BTreeMap;

use jackdaw_common::DatabaseId;

use super::{Check, Invariant, holds};
use crate::oracle::{commit::Commit, truth::Truth};

/// The newest session of each destination and source.
#[derive(Default)]
pub(super) struct Sessions(BTreeMap<(usize, DatabaseId), u64>);

impl Invariant for Sessions {
    fn name(&self) -> &'static str {
        "I15"
    }

    fn committed(&mut self, truth: &Truth, commit: &Commit) -> Check {
        let (Some(before), Some(now)) = (&commit.standing, &truth.nodes[commit.node].visible)
        else {
            return Ok(());
        };
        for (source, was) in &before.cursors {
            let is = now.cursors.get(source);
            let forward = is.is_some_and(|is| is.etag() >= was.etag() && is.epoch >= was.epoch);
            holds(forward, || format!("node {}: {was:?} became {is:?}", commit.node))?;
        }
        Ok(())
    }

    fn began(&mut self, truth: &Truth, node: usize, source: DatabaseId, epoch: u64) -> Check {
        let newest = self.0.entry((node, source)).or_default();
        let before = std::mem::replace(newest, epoch.max(*newest));
        holds(epoch > before, || {
            format!("node {node} let session {epoch} of {source} begin after {before}")
        })?;
        let durable = truth.nodes[node].durable.as_ref();
        let written = durable.and_then(|d| d.cursors.get(&source)).map_or(0, |c| c.epoch);
        holds(written >= epoch, || {
            format!("node {node} let session {epoch} begin, durable is {written}")
        })
    }
}
