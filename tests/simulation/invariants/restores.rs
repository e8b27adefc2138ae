//! What holds of restores at every moment: an undeclared fork is refused, and a full reconcile
//! removes nothing that is the destination's own or that the source has said it has.

use std::collections::BTreeSet;

use jackdaw_common::{DatabaseId, frame::ToReceiver};

use super::{Check, Invariant, holds, i8_whole::writer};
use crate::oracle::{Connection, Frame, commit::Commit, truth::Truth};

/// Who has more of a source than it went back to lets no session begin until that is declared.
pub(super) struct Forks;

impl Invariant for Forks {
    fn name(&self) -> &'static str {
        "fork"
    }

    fn began(&mut self, truth: &Truth, node: usize, source: DatabaseId, epoch: u64) -> Check {
        let from = truth.databases.iter().position(|database| *database == source);
        let fork = from.and_then(|from| truth.restores.forks.get(&from));
        let Some(fork) = fork.filter(|fork| fork.ahead.contains(&node)) else { return Ok(()) };
        holds(false, || {
            let stands = truth.nodes[node].cursor(source);
            format!(
                "node {node} stands at {stands} of {source}, which went back to {}, and let \
                 session {epoch} begin",
                fork.common
            )
        })
    }
}

/// What a full reconcile removes.
pub(super) struct Removals;

impl Invariant for Removals {
    fn name(&self) -> &'static str {
        "reconcile"
    }

    fn committed(&mut self, truth: &Truth, commit: &Commit) -> Check {
        let cursors = commit.standing.iter().flat_map(|standing| standing.cursors.values());
        let reconciles = cursors.into_iter().any(|cursor| cursor.reconciling.is_some());
        for etag in &commit.changes {
            let change = &truth.nodes[commit.node].journal[etag];
            if change.hash.is_some() || change.minted.is_some() {
                continue;
            }
            holds(writer(&change.key) != Some(commit.node), || {
                format!("node {} removed {change:?}, which is its own", commit.node)
            })?;
            let Some((vector, named)) = truth.restores.named.get(&commit.node) else { continue };
            // Deletions that are merged were none of a document that was there.
            let before = commit.before.get(&change.key).and_then(Option::as_ref);
            let lived = before.is_some_and(|heads| heads.iter().any(|held| held.hash.is_some()));
            if !(reconciles && lived) {
                continue;
            }
            holds(!(named.contains(&change.key) && change.vector.covers(vector)), || {
                format!("node {} removed {change:?}, which its source has", commit.node)
            })?;
        }
        Ok(())
    }
}

/// The documents that a frame says a source has, of a source that has all from its own clients.
pub(crate) fn named(truth: &mut Truth, on: Connection, frame: &Frame<'_>) {
    let Frame::Leaves(ToReceiver::Present(present)) = frame else { return };
    if truth.tasks.iter().any(|task| task.to == on.from) {
        return;
    }
    let keys = present.keys.iter().map(|key| String::from_utf8(key.to_vec()).unwrap());
    let keys: BTreeSet<_> = keys.collect();
    truth.restores.named.insert(on.to, (present.vector.clone(), keys));
}
