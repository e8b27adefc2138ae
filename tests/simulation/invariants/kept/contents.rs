//! Contents are there, whole, as long as anything refers to them and no longer, and are counted as
//! often as it does: at every commit, whichever row it is that refers. What is attached is what
//! clients have attached.

use jackdaw_store::{
    engine::{Direction, Engine as _, ScanRange},
    keys::CONTENTS,
};

use super::super::{Check, Invariant, holds, writer};
use crate::{
    disk::Seen,
    oracle::{commit::Commit, model::Attached, now, truth::Truth},
};

pub(in crate::invariants) struct Counts;

impl Invariant for Counts {
    fn name(&self) -> &'static str {
        "contents"
    }

    fn committed(&mut self, truth: &Truth, commit: &Commit) -> Check {
        counted(truth, commit.node)?;
        attached(truth, commit)
    }
}

/// What a node writes alone has attached what its clients have left attached to it.
fn attached(truth: &Truth, commit: &Commit) -> Check {
    let node = commit.node;
    for key in commit.before.keys().filter(|key| writer(key) == Some(node)) {
        let heads = now(truth, commit, key).into_iter().flatten();
        let shown = heads.flat_map(|head| head.attachments.as_slice()).map(Attached::from);
        let shown: Vec<_> = shown.collect();
        let expected = truth.model.attached(node, key);
        holds(shown == expected, || {
            format!("node {node} shows {shown:?} attached to its own {key}, not {expected:?}")
        })?;
    }
    Ok(())
}

fn counted(truth: &Truth, node: usize) -> Check {
    let contents = &truth.nodes[node].contents;
    for (hash, (count, size)) in &contents.attached {
        let listed = contents.listed.get(hash);
        let same = listed.is_some_and(|it| it.references == *count && it.size == *size);
        holds(same, || {
            format!("node {node}: {count} refer to {hash} of {size} bytes, there is {listed:?}")
        })?;
    }
    for (hash, listed) in &contents.listed {
        holds(contents.attached.contains_key(hash), || {
            format!("node {node} has {hash} {listed:?}, which nothing refers to")
        })?;
        holds(listed.wrong.is_none(), || format!("node {node} shows {hash} {listed:?}"))?;
    }
    Ok(())
}

/// What is wrong with what a node has beside its rows in peace: nothing is left over there.
pub(crate) fn left_over(truth: &Truth, node: usize, visible: &Seen) -> Option<String> {
    let rows = visible.snapshot().expect("the oracle reads");
    let inline = rows.scan(CONTENTS, ScanRange::all(), Direction::Forward).count();
    let contents = &truth.nodes[node].contents;
    let header = &truth.nodes[node].visible.as_ref()?.header;
    let bytes: u64 = contents.listed.values().map(|listed| listed.size).sum();
    let said = (header.blobs, header.blob_bytes);
    if said != (contents.listed.len() as u64, bytes) {
        return Some(format!("node {node} counts {said:?}, it has {:?}", contents.listed));
    }
    let (kept, named) = (visible.contents(), contents.listed.len() - inline);
    (kept != named as u64).then(|| format!("node {node} keeps {kept} contents, {named} are named"))
}
