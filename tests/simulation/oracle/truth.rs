//! What all nodes hold, as their disks say: every change there was, and each document now.

use std::collections::BTreeMap;

use jackdaw_common::{
    ChangeVector, ContentHash, DatabaseId, DocumentId, Entry, Etag, IncarnationId, TransactionMark,
    Version,
};
use jackdaw_store::{
    Lookup, Snapshot,
    engine::{Memory, Operation},
    keys::{CHANGES, CONFLICTS, DOCUMENTS, TOMBSTONES},
    tables::{changes::ChangeRow, cursors::Cursor, header::Header},
};

use super::restores::Restores;

/// A document's id, lower-cased.
pub(crate) type Key = String;

/// One row that was written to a database's changes.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) key: Key,
    pub(crate) vector: ChangeVector,
    pub(crate) minted: Option<Entry>,
    pub(crate) transaction: TransactionMark,
    /// `None` for a deletion.
    pub(crate) hash: Option<ContentHash>,
}

/// One version that a database holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) etag: Etag,
    pub(crate) vector: ChangeVector,
    /// `None` for a deletion.
    pub(crate) hash: Option<ContentHash>,
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
    pub(crate) minted: BTreeMap<IncarnationId, BTreeMap<Etag, (Key, ChangeVector)>>,
    /// What was forgotten of deletions, anywhere.
    pub(crate) forgotten: BTreeMap<Key, ChangeVector>,
    /// The tasks there are: source, destination, id.
    pub(crate) tasks: Vec<Edge>,
    pub(crate) databases: Vec<DatabaseId>,
    pub(crate) restores: Restores,
}

/// A task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Edge {
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) task: u64,
}

/// What one commit has changed.
#[derive(Clone, Debug)]
pub(crate) struct Commit {
    pub(crate) node: usize,
    /// Changes that were not there before.
    pub(crate) changes: Vec<Etag>,
    /// Documents whose heads were written, and what they were before.
    pub(crate) before: BTreeMap<Key, Option<Heads>>,
    /// How far the database was.
    pub(crate) standing: Option<Standing>,
}

pub(crate) fn merged(heads: &[Held]) -> ChangeVector {
    heads.iter().fold(ChangeVector::empty(), |merged, held| merged.merge(&held.vector))
}

fn held(row: ChangeRow) -> Held {
    let etag = row.etag;
    let (vector, hash) = (row.version.vector.clone(), hash(&row.version));
    Held { etag, vector, hash }
}

fn noted(row: ChangeRow) -> Change {
    Change {
        key: row.version.id.key().to_owned(),
        vector: row.version.vector.clone(),
        minted: row.minted,
        transaction: row.transaction,
        hash: hash(&row.version),
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

    /// Takes in what a commit has written.
    pub(crate) fn commit(
        &mut self,
        node: usize,
        operations: &[Operation],
        visible: &Memory,
    ) -> Option<Commit> {
        let snapshot = Snapshot::inspect(visible).expect("the oracle reads")?;
        let mut commit =
            Commit { node, changes: Vec::new(), before: BTreeMap::new(), standing: None };
        for operation in operations {
            let key = || String::from_utf8(operation.key.to_vec()).unwrap();
            match operation.table {
                table if table == CHANGES && operation.value.is_some() => {
                    let etag = Etag::from_be_bytes(operation.key[..].try_into().unwrap()).unwrap();
                    self.change(node, etag, &snapshot, &mut commit);
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
            self.heads(node, key, &snapshot);
        }
        let standing = self.standing(&snapshot);
        commit.standing = self.nodes[node].visible.replace(standing);
        Some(commit)
    }

    /// Reads all that a database holds again.
    pub(super) fn reread(&mut self, node: usize, snapshot: &Snapshot) {
        self.nodes[node] = NodeTruth::default();
        for key in snapshot.ids_after(&[]) {
            let key = String::from_utf8(key.expect("the oracle reads").to_vec()).unwrap();
            self.heads(node, &key, snapshot);
        }
        for row in snapshot.changes_after(Etag::ZERO) {
            let row = row.expect("the oracle reads");
            self.nodes[node].journal.insert(row.etag, noted(row));
        }
        self.nodes[node].visible = Some(self.standing(snapshot));
        self.synced(node);
    }

    /// What was visible is durable now.
    pub(crate) fn synced(&mut self, node: usize) {
        let node = &mut self.nodes[node];
        node.durable.clone_from(&node.visible);
    }

    fn change(&mut self, node: usize, etag: Etag, snapshot: &Snapshot, commit: &mut Commit) {
        if self.nodes[node].journal.contains_key(&etag) {
            return;
        }
        let before = Etag::new(etag.get() - 1).unwrap();
        let row = snapshot.changes_after(before).next().unwrap().expect("the oracle reads");
        let change = noted(row);
        let own = snapshot.header().incarnation;
        if let Some(minted) = change.minted.filter(|minted| minted.incarnation == own) {
            let minted_here = self.minted.entry(own).or_default();
            minted_here.insert(minted.etag, (change.key.clone(), change.vector.clone()));
        }
        self.nodes[node].journal.insert(etag, change);
        commit.changes.push(etag);
    }

    fn heads(&mut self, node: usize, key: &str, snapshot: &Snapshot) {
        let id: DocumentId = key.parse().unwrap();
        let heads = match snapshot.document(&id).expect("the oracle reads") {
            Lookup::Missing => Vec::new(),
            Lookup::Found(row) => vec![held(*row)],
            Lookup::Conflict(rows) => rows.into_iter().map(held).collect(),
        };
        let truth = &mut self.nodes[node];
        if !heads.is_empty() {
            truth.heads.insert(key.to_owned(), heads);
        } else if let Some(gone) = truth.heads.remove(key) {
            let forgotten = self.forgotten.entry(key.to_owned()).or_insert(ChangeVector::empty());
            forgotten.merge_from(&merged(&gone));
        }
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
