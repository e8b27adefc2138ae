//! What restores make of the truth: a node's disk says other things than before, what others hold
//! is owed nevertheless, and a source that went back is not to be gone on with.

use std::collections::{BTreeMap, BTreeSet};

use jackdaw_common::{
    ChangeVector, Etag,
    item::{revision::left, series::Span},
};
use jackdaw_store::Snapshot;

use super::{
    parts::{Part, Says},
    truth::{Change, Edge, Key, Truth, merged},
};
use crate::disk::Seen;

/// What is remembered besides the disks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Restores {
    /// Versions that a node held when a disk was set back, or answered since, of each document:
    /// nobody downstream of it may lack them.
    owed: BTreeMap<(usize, Key), ChangeVector>,
    /// The same of counters and of spans of series.
    owed_parts: BTreeMap<(usize, Key), Vec<Owed>>,
    /// Revisions that a node had when a disk was set back, and who kept them: they are lost to
    /// nobody downstream either, unless somebody removed them.
    owed_revisions: BTreeMap<(usize, Key), Vec<(ChangeVector, ChangeVector)>>,
    /// Nodes that went back to an etag, and of which nobody has said so yet.
    pub(crate) forks: BTreeMap<usize, Fork>,
    /// What each node was told last that a source has, in full reconciles.
    pub(crate) named: BTreeMap<usize, (ChangeVector, BTreeSet<Key>)>,
}

/// A version of a counter or of a span of a series.
#[derive(Clone, Debug)]
struct Owed {
    part: Part,
    vector: ChangeVector,
    says: Says,
}

/// A source went back.
#[derive(Clone, Debug)]
pub(crate) struct Fork {
    /// Where to.
    pub(crate) common: Etag,
    /// The nodes that had more of it.
    pub(crate) ahead: BTreeSet<usize>,
}

impl Restores {
    /// A node has answered that it holds this.
    pub(crate) fn owes(&mut self, node: usize, key: &str, vector: &ChangeVector) {
        let owed = self.owed.entry((node, key.to_owned())).or_insert(ChangeVector::empty());
        owed.merge_from(vector);
    }

    /// A node has answered that it holds this counter or this span of a series.
    pub(crate) fn owes_change(&mut self, node: usize, change: &Change) {
        if let Some(part) = &change.part {
            self.owes_part(node, &change.key, part, &change.vector, &change.says);
        }
    }

    fn owes_part(
        &mut self,
        node: usize,
        key: &str,
        part: &Part,
        vector: &ChangeVector,
        says: &[Span],
    ) {
        let owed = self.owed_parts.entry((node, key.to_owned())).or_default();
        owed.retain(|older| !(part.includes(&older.part) && vector.covers(&older.vector)));
        let (part, vector, says) = (part.clone(), vector.clone(), says.to_vec());
        owed.push(Owed { part, vector, says });
    }
}

impl Truth {
    /// The disk of a node was set back, or a person has declared something of it.
    pub(crate) fn rebuild(&mut self, node: usize, visible: &Seen) {
        let snapshot = Snapshot::inspect(visible).expect("the oracle reads").expect("a database");
        self.reread(node, visible, &snapshot);
        self.restores.owed.retain(|(holder, _), _| *holder != node);
        self.restores.owed_parts.retain(|(holder, _), _| *holder != node);
        let nodes = self.nodes.iter().enumerate();
        let held = nodes.flat_map(|(node, it)| it.heads.iter().map(move |held| (node, held)));
        for (node, (key, heads)) in held {
            self.restores.owes(node, key, &merged(heads));
        }
        for (node, it) in self.nodes.iter().enumerate() {
            for (key, part, vector, says) in it.parts.all() {
                self.restores.owes_part(node, key, &part, vector, says);
            }
        }
        self.owe_revisions(node);
    }

    fn owe_revisions(&mut self, node: usize) {
        self.restores.owed_revisions.retain(|(holder, _), _| *holder != node);
        for (node, it) in self.nodes.iter().enumerate() {
            for (key, kept) in it.revisions.all() {
                let owed = self.restores.owed_revisions.entry((node, key.clone())).or_default();
                owed.retain(|(vector, _)| *vector != kept.vector);
                owed.push((kept.vector.clone(), kept.by.clone()));
            }
        }
    }

    /// Whether what a node lacks of a version is nothing but deletions that were forgotten: a later
    /// version that has not seen them takes their place without a conflict.
    pub(crate) fn is_forgotten(&self, node: usize, key: &str, vector: &ChangeVector) -> bool {
        let Some(forgotten) = self.forgotten.get(key) else { return false };
        let heads = self.nodes[node].heads.get(key);
        forgotten.merge(&heads.map_or(ChangeVector::empty(), |heads| merged(heads))).covers(vector)
    }

    /// A source went back to `common`, and nobody has said so.
    pub(crate) fn fork(&mut self, node: usize, common: Etag) {
        let source = self.databases[node];
        // To whom the incarnation that it has now is new, it is a declared restore.
        let now = self.nodes[node].visible.as_ref().map(|it| it.header.lineage().current());
        let ahead = self.nodes.iter().enumerate().filter(|(_, it)| {
            let cursor = it.visible.as_ref().and_then(|it| it.cursors.get(&source));
            cursor.is_some_and(|it| it.etag() > common && it.incarnation() == now)
        });
        let ahead = ahead.map(|(node, _)| node).collect();
        self.restores.forks.insert(node, Fork { common, ahead });
    }

    /// What is owed to somebody and not there: a version that a node has answered for or held.
    pub(crate) fn owed(&self, edges: &[Edge]) -> Option<String> {
        let documents = self.owed_documents(edges);
        documents.or_else(|| self.owed_parts(edges)).or_else(|| self.owed_revisions(edges))
    }

    fn owed_revisions(&self, edges: &[Edge]) -> Option<String> {
        let owed = self.restores.owed_revisions.iter();
        let mut owed = owed.flat_map(|(of, all)| all.iter().map(move |one| (of, one)));
        owed.find_map(|((holder, key), (vector, by))| {
            let by = left(by, &self.removed(key));
            let mut nodes = downstream(*holder, edges, |_| true).into_iter();
            let lacks = nodes.find(|node| !self.nodes[*node].revisions.holds(key, vector, &by))?;
            let there = self.nodes[lacks].revisions.find(key, vector);
            Some(format!("node {holder} kept {key} {vector:?}, node {lacks} has {there:?}"))
        })
    }

    fn owed_parts(&self, edges: &[Edge]) -> Option<String> {
        let owed = self.restores.owed_parts.iter();
        let mut owed = owed.flat_map(|(of, parts)| parts.iter().map(move |part| (of, part)));
        owed.find_map(|((holder, key), Owed { part, vector, says })| {
            // A deletion that a node remembers from before a restore beats what has not heard of
            // it, and nobody behind that node hears of it.
            let passes = |node: usize| !self.buries(node, key, vector);
            let mut nodes = downstream(*holder, edges, passes).into_iter();
            let lacks = nodes.find(|node| !self.has_part(*node, key, part, vector, says))?;
            let (held, heads) =
                (self.nodes[lacks].parts.describe(key), self.nodes[lacks].heads.get(key));
            let what = format!("node {lacks} has {held} of {heads:?}");
            Some(format!("node {holder} had {key} {part:?} {vector:?}, {what}"))
        })
    }

    /// Whether what a node lacks of a counter or a segment is nothing but what held nothing any
    /// more and was forgotten.
    pub(super) fn is_forgotten_part(
        &self,
        node: usize,
        key: &str,
        part: &Part,
        vector: &ChangeVector,
    ) -> bool {
        let name = (key.to_owned(), part.name().to_owned());
        let Some(forgotten) = self.forgotten_parts.get(&name) else { return false };
        self.nodes[node].parts.holds_but(key, part, vector, forgotten)
    }

    fn owed_documents(&self, edges: &[Edge]) -> Option<String> {
        self.restores.owed.iter().find_map(|((holder, key), vector)| {
            let lacks = downstream(*holder, edges, |_| true).into_iter().find(|node| {
                !self.covers(*node, key, vector) && !self.is_forgotten(*node, key, vector)
            })?;
            let held = self.nodes[lacks].heads.get(key);
            Some(format!("node {holder} had {key} {vector:?}, node {lacks} has {held:?}"))
        })
    }
}

/// The node, and all that what it has comes to, as far as those between pass it on.
fn downstream(node: usize, edges: &[Edge], passes: impl Fn(usize) -> bool) -> BTreeSet<usize> {
    let mut reached = BTreeSet::from([node]);
    while let Some(edge) = edges.iter().find(|edge| {
        reached.contains(&edge.from) && !reached.contains(&edge.to) && passes(edge.from)
    }) {
        reached.insert(edge.to);
    }
    reached
}
