//! What all nodes hold, as their disks say: every change there was, and each document now.

use std::collections::{BTreeMap, BTreeSet};

use jackdaw_common::{
    Attachments, BlobHash, ChangeVector, Collection, ContentHash, DatabaseId, DocumentId, Entry,
    Etag, IncarnationId, TransactionMark, Version,
    frame::{ToReceiver, ToSender},
    item::{revision::left, series::Span},
};
use jackdaw_store::{
    Lookup, Snapshot,
    engine::{Direction, Engine as _, Operation, ScanRange},
    keys::{BLOBS, CHANGES, CONFLICTS, DOCUMENTS, REVISIONS, TOMBSTONES},
    tables::{changes::ChangeRow, cursors::Cursor, header::Header},
};

use super::{
    Frame,
    commit::Commit,
    contents::Contents,
    model::{Mark, Model, Replayed, Transaction},
    parts::{Part, Parts, Place, Says, says},
    restores::Restores,
    revisions::{Revised, Revisions, kept_by, minted},
};
use crate::disk::Seen;

/// A document's id, lower-cased.
pub(crate) type Key = String;

/// One row that was written to a database's changes.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) key: Key,
    /// What it is of, beside the document.
    pub(crate) part: Option<Part>,
    /// The times that it says something of.
    pub(crate) says: Says,
    pub(crate) vector: ChangeVector,
    /// The deletion that it came after.
    pub(crate) since: ChangeVector,
    /// The mark that it says.
    pub(crate) mark: Option<Mark>,
    pub(crate) minted: Option<Entry>,
    pub(crate) transaction: TransactionMark,
    /// `None` for a deletion.
    pub(crate) hash: Option<ContentHash>,
    /// What it is, if it is not a version of the document, or of something that has.
    pub(crate) revised: Option<Revised>,
    /// The entries under which the version is kept.
    pub(crate) by: Option<ChangeVector>,
}

/// One version that a database holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) etag: Etag,
    pub(crate) vector: ChangeVector,
    /// The deletion that it came after.
    pub(crate) since: ChangeVector,
    /// `None` for a deletion.
    pub(crate) hash: Option<ContentHash>,
    pub(crate) collection: Collection,
    pub(crate) attachments: Attachments,
}

impl Held {
    /// Whether it is that deletion, or one that has seen it.
    fn is_after(&self, deletion: &Self) -> bool {
        self.hash.is_none() && self.vector.covers(&deletion.vector)
    }

    /// The deletion that it is, or came after.
    pub(crate) fn deletion(&self) -> &ChangeVector {
        if self.hash.is_none() { &self.vector } else { &self.since }
    }
}

/// The versions of one document that a database holds: several in a conflict.
pub(crate) type Heads = Vec<Held>;

/// How far a database is.
#[derive(Clone, Debug)]
pub(crate) struct Standing {
    pub(crate) header: Header,
    pub(crate) cursors: BTreeMap<DatabaseId, Cursor>,
}

/// What one database holds.
#[derive(Clone, Debug, Default)]
pub(crate) struct NodeTruth {
    pub(crate) heads: BTreeMap<Key, Heads>,
    pub(crate) parts: Parts,
    pub(crate) contents: Contents,
    pub(crate) revisions: Revisions,
    /// What each document ever was, unless it has been something since that has seen that.
    ever: BTreeMap<Key, Vec<ChangeVector>>,
    /// The deletions of each document that the database has ever seen, unless another has.
    deletions: BTreeMap<Key, Vec<ChangeVector>>,
    pub(crate) journal: BTreeMap<Etag, Change>,
    /// As a process sees it; `None` before its first commit.
    pub(crate) visible: Option<Standing>,
    /// As a power cut leaves it.
    pub(crate) durable: Option<Standing>,
}

impl NodeTruth {
    /// Whether the database holds `vector` of a document, or something that dominates it.
    fn holds(&self, key: &str, vector: &ChangeVector) -> bool {
        let Some(heads) = self.heads.get(key) else { return false };
        merged(heads).covers(vector)
    }

    /// A document that was `before` becomes `heads`: answers the one of them that it was once, and
    /// was something later since.
    fn becomes(&mut self, key: &str, before: &[Held], heads: &[Held]) -> Option<Held> {
        let new = heads.iter().filter(|held| before.iter().all(|old| old.etag != held.etag));
        let ever = self.ever.entry(key.to_owned()).or_default();
        let mut returned = None;
        for held in new {
            if ever.iter().any(|known| known.covers(&held.vector)) {
                returned = Some(held.clone());
            }
            ever.retain(|known| !held.vector.covers(known));
            ever.push(held.vector.clone());
        }
        returned
    }

    pub(crate) fn cursor(&self, source: DatabaseId) -> Etag {
        let standing = self.visible.as_ref();
        standing.and_then(|s| s.cursors.get(&source)).map_or(Etag::ZERO, |cursor| cursor.etag())
    }
}

/// What all of them hold.
#[derive(Clone, Debug, Default)]
pub(crate) struct Truth {
    pub(crate) nodes: Vec<NodeTruth>,
    /// What each incarnation has given out.
    pub(crate) minted: BTreeMap<IncarnationId, BTreeMap<Etag, Change>>,
    /// What was forgotten of deletions, anywhere.
    pub(crate) forgotten: BTreeMap<Key, ChangeVector>,
    /// What was forgotten of counters and segments that held nothing, by document and name.
    pub(crate) forgotten_parts: BTreeMap<(Key, String), ChangeVector>,
    /// What was removed of revisions, anywhere.
    pub(super) removed: BTreeMap<Key, ChangeVector>,
    /// The tasks there are: source, destination, id.
    pub(crate) tasks: Vec<Edge>,
    pub(crate) databases: Vec<DatabaseId>,
    pub(crate) restores: Restores,
    pub(crate) model: Model,
    /// What was done besides, by kind: that something was says that it was tried.
    pub(crate) counts: BTreeMap<&'static str, u64>,
    /// Whether disks are set back in this run: who has heard of what is no matter of rows then.
    pub(crate) is_restoring: bool,
}

/// A task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Edge {
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) task: u64,
}

pub(crate) fn merged(heads: &[Held]) -> ChangeVector {
    heads.iter().fold(ChangeVector::empty(), |merged, held| merged.merge(&held.vector))
}

fn held(row: ChangeRow) -> Held {
    let etag = row.etag;
    let hash = hash(&row.version);
    let Version { vector, since, collection, attachments, .. } = row.version;
    Held { etag, vector, since, hash, collection, attachments }
}

fn noted(row: &ChangeRow, snapshot: &Snapshot) -> Change {
    let revised = Revised::of(row, snapshot);
    Change {
        key: row.version.id.key().to_owned(),
        part: Part::of(&row.version),
        says: says(&row.version),
        vector: row.version.vector.clone(),
        since: row.version.since.clone(),
        mark: Mark::of(&row.version).filter(|_| revised.is_none()),
        minted: row.minted,
        transaction: row.transaction,
        hash: hash(&row.version),
        revised,
        by: kept_by(row),
    }
}

fn hash(version: &Version) -> Option<ContentHash> {
    (!version.content.is_tombstone()).then(|| version.content_hash())
}

impl Truth {
    /// Whether a node holds `vector` of a document, or something that dominates it; a deletion that
    /// was forgotten needs no holding.
    pub(crate) fn covers(&self, node: usize, key: &str, vector: &ChangeVector) -> bool {
        let node = &self.nodes[node];
        node.holds(key, vector)
            || (!node.heads.contains_key(key)
                && self.forgotten.get(key).is_some_and(|known| known.covers(vector)))
    }

    /// The same of what a row says, whatever it is of. What a document has needs no holding where
    /// it went with the document.
    pub(crate) fn has(&self, node: usize, change: &Change) -> bool {
        self.has_but(node, change, &ChangeVector::empty())
    }

    /// The same, but for revisions that are `gone` where the row was.
    pub(crate) fn has_but(&self, node: usize, change: &Change, gone: &ChangeVector) -> bool {
        let revisions = &self.nodes[node].revisions;
        if let Some(Revised::Removed(removed)) = &change.revised {
            return revisions.removed(&change.key).covers(removed);
        }
        let keeps = |by| revisions.holds(&change.key, &change.vector, &left(by, gone));
        if !change.by.as_ref().is_none_or(keeps) {
            return false;
        }
        if change.revised.is_some() {
            return true;
        }
        match &change.part {
            None => self.covers(node, &change.key, &change.vector),
            Some(part) => self.has_part(node, &change.key, part, &change.vector, &change.says),
        }
    }

    /// The same of a counter or a segment.
    pub(crate) fn has_part(
        &self,
        node: usize,
        key: &str,
        part: &Part,
        vector: &ChangeVector,
        says: &[Span],
    ) -> bool {
        let forgotten = || self.forgotten.get(key).is_some_and(|known| known.covers(vector));
        self.nodes[node].parts.holds(key, part, vector, says)
            || self.buries(node, key, vector)
            || forgotten()
            || self.is_forgotten_part(node, key, part, vector)
    }

    /// Whether a node has seen a deletion of a document which something that the document had has
    /// not heard of: that went with it.
    pub(crate) fn buries(&self, node: usize, key: &str, part: &ChangeVector) -> bool {
        let mut seen = self.nodes[node].deletions.get(key).into_iter().flatten();
        seen.any(|deletion| !part.covers(deletion) || part == deletion)
    }

    /// Takes in what a commit has written.
    pub(crate) fn commit(
        &mut self,
        node: usize,
        operations: &[Operation],
        visible: &Seen,
    ) -> Option<Commit> {
        let snapshot = Snapshot::inspect(visible).expect("the oracle reads")?;
        let mut commit = Commit { node, ..Commit::default() };
        for operation in operations {
            commit.places.extend(Place::of(operation));
            let key = || String::from_utf8(operation.key.to_vec()).unwrap();
            match operation.table {
                table if table == CHANGES => {
                    let etag = Etag::from_be_bytes(operation.key[..].try_into().unwrap()).unwrap();
                    match operation.value.is_some() {
                        true => self.change(node, etag, &snapshot, &mut commit),
                        false => self.nodes[node].contents.let_go(etag),
                    }
                }
                table if [DOCUMENTS, TOMBSTONES, CONFLICTS].contains(&table) => {
                    let key = key();
                    let before = self.nodes[node].heads.get(&key).cloned();
                    commit.before.entry(key).or_insert(before);
                }
                _ => {}
            }
        }
        for key in commit.before.keys() {
            commit.returned.extend(self.heads(node, key, &snapshot));
        }
        self.revised(&mut commit, operations, &snapshot);
        for place in &commit.places {
            let change = self.nodes[node].parts.read(place, &snapshot);
            *commit.shown.entry(place.document().clone()).or_default() ^= change;
        }
        for (part, vector) in self.nodes[node].parts.take_gone() {
            let known = self.forgotten_parts.entry(part).or_insert(ChangeVector::empty());
            known.merge_from(&vector);
        }
        commit.replayed = self.replay(node, &commit.changes, snapshot.header().incarnation);
        let standing = self.standing(&snapshot);
        commit.standing = self.nodes[node].visible.replace(standing);
        Some(commit)
    }

    /// What a commit has written of revisions and of contents.
    fn revised(&mut self, commit: &mut Commit, operations: &[Operation], snapshot: &Snapshot) {
        let node = &mut self.nodes[commit.node];
        for operation in operations {
            let Some(read) = node.revisions.read(operation, snapshot) else { continue };
            let kind = match (operation.table == REVISIONS, operation.value.is_some()) {
                (true, true) => "kept",
                (true, false) => "kept, and removed",
                (false, _) => "removals",
            };
            *self.counts.entry(kind).or_default() += 1;
            commit.trims.extend(read.trim.map(|etag| (read.document.clone(), etag)));
            commit.gone.extend(read.gone.map(|kept| (read.document.clone(), kept)));
            commit.revised.insert(read.document);
        }
        node.contents.read(operations, snapshot);
    }

    /// A frame was seen that is about contents.
    pub(super) fn carried(&mut self, frame: &Frame<'_>) {
        let (kind, count) = match frame {
            Frame::Leaves(ToReceiver::BlobChunk(_)) => ("pieces of contents", 1),
            Frame::Leaves(ToReceiver::BlobOffer(offer)) => ("contents offered", offer.blobs.len()),
            Frame::Answers(ToSender::BlobNeed(need)) => {
                let gone_on = need.needs.iter().filter(|need| need.offset > 0).count();
                *self.counts.entry("contents gone on with").or_default() += gone_on as u64;
                ("contents needed", need.needs.len())
            }
            _ => return,
        };
        *self.counts.entry(kind).or_default() += count as u64;
    }

    /// What was ever known anywhere to be removed of a document's revisions.
    pub(crate) fn removed(&self, document: &str) -> ChangeVector {
        self.removed.get(document).cloned().unwrap_or_default()
    }

    /// Whether what a database has comes to every other one.
    pub(crate) fn is_mutual(&self) -> bool {
        (0..self.nodes.len()).all(|node| self.tasks.iter().any(|task| task.to == node))
    }

    /// What clients' transactions among these changes have come to, in their order.
    fn replay(
        &mut self,
        node: usize,
        changes: &[Etag],
        own: IncarnationId,
    ) -> BTreeMap<Etag, Result<Replayed, String>> {
        let journal = &self.nodes[node].journal;
        let mut transactions: BTreeMap<Etag, Vec<&Change>> = BTreeMap::new();
        for change in changes.iter().map(|etag| &journal[etag]) {
            let written = change.minted.is_some_and(|minted| minted.incarnation == own);
            if written && change.revised.is_none() {
                transactions.entry(change.transaction.first).or_default().push(change);
            }
        }
        let replay = |(first, rows)| (first, self.model.replay(&Transaction { node, first, rows }));
        transactions.into_iter().map(replay).collect()
    }

    /// Reads all that a database holds again.
    pub(super) fn reread(&mut self, node: usize, visible: &Seen, snapshot: &Snapshot) {
        self.nodes[node] = NodeTruth::default();
        for key in snapshot.ids_after(&[]) {
            let key = String::from_utf8(key.expect("the oracle reads").to_vec()).unwrap();
            self.heads(node, &key, snapshot);
        }
        let (mut parts, mut documents) = (BTreeSet::new(), BTreeSet::new());
        for row in snapshot.changes_after(Etag::ZERO) {
            let row = row.expect("the oracle reads");
            let change = noted(&row, snapshot);
            let name = change.part.as_ref().map(|part| (change.key.clone(), part.clone()));
            parts.extend(name);
            documents.insert(change.key.clone());
            let it = &mut self.nodes[node];
            if let Some(Revised::Removed(removed)) = &change.revised {
                it.revisions.remove(&change.key, removed, row.etag);
            }
            it.contents.refer(row.etag, &row.version.attachments);
            it.journal.insert(row.etag, change);
        }
        let it = &mut self.nodes[node];
        it.revisions.reread(documents.iter(), snapshot);
        let rows = visible.snapshot().expect("the oracle reads");
        let blobs = rows.scan(BLOBS, ScanRange::all(), Direction::Forward);
        let hashes = blobs.map(|row| BlobHash::from_bytes(row.unwrap().0[..].try_into().unwrap()));
        it.contents.reread(hashes, snapshot);
        it.parts.reread(&parts, snapshot);
        self.model.reread(node, snapshot);
        self.nodes[node].visible = Some(self.standing(snapshot));
        self.synced(node);
    }

    /// What was visible is durable now.
    pub(crate) fn synced(&mut self, node: usize) {
        let node = &mut self.nodes[node];
        node.durable.clone_from(&node.visible);
    }

    fn change(&mut self, node: usize, etag: Etag, snapshot: &Snapshot, commit: &mut Commit) {
        let before = Etag::new(etag.get() - 1).unwrap();
        let row = snapshot.changes_after(before).next().unwrap().expect("the oracle reads");
        let it = &mut self.nodes[node];
        it.contents.refer(etag, &row.version.attachments);
        if it.journal.contains_key(&etag) {
            return;
        }
        let change = noted(&row, snapshot);
        if let Some(Revised::Removed(removed)) = &change.revised {
            it.revisions.remove(&change.key, removed, etag);
            self.removed.entry(change.key.clone()).or_default().merge_from(removed);
        }
        let attached = row.version.attachments.as_slice().iter();
        let (own, new) =
            (snapshot.header().incarnation, minted(&row, snapshot.header().incarnation));
        let (written, others): (Vec<_>, Vec<_>) = attached.partition(|it| Some(it.origin) == new);
        let arrived = new.is_none_or(|new| new.incarnation != own);
        *self.counts.entry("attached").or_default() += written.len() as u64;
        if arrived {
            *self.counts.entry("attachments that arrived").or_default() += others.len() as u64;
        }
        // A version of this database that others have kept comes back as a row of theirs.
        let gives_out = |minted: &Entry| minted.incarnation == own && minted.etag == etag;
        if let Some(minted) = new.filter(gives_out) {
            self.minted.entry(own).or_default().insert(minted.etag, change.clone());
        }
        it.journal.insert(etag, change);
        commit.changes.push(etag);
    }

    /// Reads a document again; answers the version that it was before what it was last.
    fn heads(&mut self, node: usize, key: &str, snapshot: &Snapshot) -> Option<(Key, Held)> {
        let id: DocumentId = key.parse().unwrap();
        let heads = match snapshot.document(&id).expect("the oracle reads") {
            Lookup::Missing => Vec::new(),
            Lookup::Found(row) => vec![held(*row)],
            Lookup::Conflict(rows) => rows.into_iter().map(held).collect(),
        };
        for deletion in heads.iter().map(Held::deletion).filter(|it| !it.is_empty()) {
            let seen = self.nodes[node].deletions.entry(key.to_owned()).or_default();
            if !seen.iter().any(|known| known.covers(deletion)) {
                seen.retain(|known| !deletion.covers(known));
                seen.push(deletion.clone());
            }
        }
        let remembered = |deletion: &Held| {
            heads.iter().any(|held| held.since.covers(&deletion.vector) || held.is_after(deletion))
        };
        // One commit may forget a deletion and have the document written again.
        let before = self.nodes[node].heads.remove(key).unwrap_or_default();
        let deletions = before.iter().filter(|held| held.hash.is_none() && !remembered(held));
        let all = heads.is_empty();
        let gone = before.iter().filter(|_| all).chain(deletions);
        for held in gone {
            let forgotten = self.forgotten.entry(key.to_owned()).or_insert(ChangeVector::empty());
            forgotten.merge_from(&held.vector);
        }
        let returned = self.nodes[node].becomes(key, &before, &heads);
        if !all {
            self.nodes[node].heads.insert(key.to_owned(), heads);
        }
        returned.map(|held| (key.to_owned(), held))
    }

    fn standing(&self, snapshot: &Snapshot) -> Standing {
        let cursors = self.databases.iter().filter_map(|source| {
            Some((*source, snapshot.cursor(*source).expect("the oracle reads")?))
        });
        Standing { header: snapshot.header().clone(), cursors: cursors.collect() }
    }
}

/// Whether a commit wrote a cursor.
pub(crate) fn cursors_of(standing: Option<&Standing>) -> BTreeMap<DatabaseId, Etag> {
    standing.map_or_else(BTreeMap::new, |standing| {
        standing.cursors.iter().map(|(source, cursor)| (*source, cursor.etag())).collect()
    })
}
