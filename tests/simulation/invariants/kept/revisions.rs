//! What is kept of a document is there until it is removed, never comes back, and never becomes the
//! document.

use std::collections::BTreeMap;

use jackdaw_common::{
    DocumentId,
    item::{RevisionsRule, revision::left},
};
use jackdaw_store::Snapshot;

use super::super::{Check, Invariant, holds};
use crate::{
    disk::Seen,
    oracle::{
        commit::Commit,
        now,
        revisions::Revised,
        truth::{Held, Truth},
    },
};

pub(in crate::invariants) struct Kept;

impl Invariant for Kept {
    fn name(&self) -> &'static str {
        "revisions"
    }

    fn committed(&mut self, truth: &Truth, commit: &Commit) -> Check {
        let node = commit.node;
        let revisions = &truth.nodes[node].revisions;
        for document in &commit.revised {
            let removed = revisions.removed(document);
            let stays = revisions.of(document).find(|kept| left(&kept.by, &removed) != kept.by);
            holds(stays.is_none(), || {
                format!("node {node} has {document} {stays:?}, removed is {removed:?}")
            })?;
        }
        let lost = commit
            .gone
            .iter()
            .find(|(document, kept)| !left(&kept.by, &revisions.removed(document)).is_empty());
        holds(lost.is_none(), || format!("node {node} has lost {lost:?}"))?;
        holds(commit.returned.is_empty(), || {
            format!("node {node}: {:?} are what was long before", commit.returned)
        })?;
        overwritten(truth, commit)
    }
}

/// Where all is kept, what a document was a moment ago is kept.
fn overwritten(truth: &Truth, commit: &Commit) -> Check {
    let node = commit.node;
    for (key, before) in &commit.before {
        let heads = now(truth, commit, key).map_or(&[][..], |heads| &heads[..]);
        let gone = before.iter().flatten().filter(|held| {
            held.hash.is_some() && heads.iter().all(|head| head.vector != held.vector)
        });
        for held in gone.filter(|held| all_is_kept(truth, commit, held, heads)) {
            let removed = commit.changes.iter().any(|etag| {
                let change = &truth.nodes[node].journal[etag];
                change.key == *key && matches!(change.revised, Some(Revised::Removed(_)))
            });
            let kept = truth.nodes[node].revisions.find(key, &held.vector);
            let same = kept.is_some_and(|kept| held.hash == Some(kept.hash));
            holds(same || removed, || format!("node {node} overwrote {key} {held:?}"))?;
        }
    }
    Ok(())
}

/// Whether a rule keeps whatever takes the place of a version, before a commit and after it.
fn all_is_kept(truth: &Truth, commit: &Commit, held: &Held, heads: &[Held]) -> bool {
    let keeps = |rule: &RevisionsRule| {
        // It may have been made again in the very same commit.
        let known = held.deletion();
        let deleted = heads.iter().any(|head| !known.covers(head.deletion()));
        let bounded = rule.minimum_to_keep.is_some() || rule.minimum_age_micros.is_some();
        !(bounded || deleted && rule.purge_on_delete)
    };
    let after = truth.nodes[commit.node].visible.as_ref();
    [commit.standing.as_ref(), after].into_iter().all(|standing| {
        let rule = standing.and_then(|it| it.header.origin.revisions.rule(&held.collection));
        rule.is_some_and(keeps)
    })
}

/// What a node counts and lists of revisions otherwise than it has it.
pub(crate) fn relisted(truth: &Truth, node: usize, visible: &Seen) -> Option<String> {
    let snapshot = Snapshot::inspect(visible).expect("the oracle reads")?;
    let revisions = &truth.nodes[node].revisions;
    let (counts, has) = (snapshot.header().revisions, revisions.all().count() as u64);
    if counts != has {
        return Some(format!("node {node} counts {counts} revisions, it has {has}"));
    }
    revisions.documents().find_map(|document| {
        let id: DocumentId = document.parse().unwrap();
        let counts = snapshot.count_revisions(&id).expect("the oracle reads");
        let listed = snapshot.revisions(&id, None).map(|it| it.expect("the oracle reads").1);
        let listed: BTreeMap<_, _> = listed.map(|it| (it.vector.to_bytes(), it.by)).collect();
        let has = revisions.of(document).map(|it| (it.vector.to_bytes(), it.by.clone()));
        let has: BTreeMap<_, _> = has.collect();
        (counts != has.len() as u64 || listed != has).then(|| {
            format!("node {node} counts {counts} of {document}, lists {listed:?}, has {has:?}")
        })
    })
}
