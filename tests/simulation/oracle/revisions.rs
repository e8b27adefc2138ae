//! Revisions that a node has, as its disk says, and what it was ever told to be removed.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use jackdaw_common::{
    ChangeVector, Content, ContentHash, DocumentId, Entry, Etag, IncarnationId, Timestamp,
    item::revision::left,
};
use jackdaw_store::{
    Snapshot,
    engine::Operation,
    keys::{REVISIONS, TRIMS},
    tables::changes::ChangeRow,
};
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use super::truth::{Edge, Key, Truth};

/// Bytes of a place before its end.
const TIME_BYTES: usize = 8;

/// What a row is that is of revisions and nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Revised {
    /// A version that another has taken the place of.
    Past,
    /// Revisions are gone: all that were kept up to these entries.
    Removed(ChangeVector),
}

impl Revised {
    /// What a row is: a version that was written here was the document, whatever it is by now.
    pub(super) fn of(row: &ChangeRow, snapshot: &Snapshot) -> Option<Self> {
        if let Content::RevisionTombstone(removed) = &row.version.content {
            return Some(Self::Removed(removed.clone()));
        }
        let own = snapshot.header().incarnation;
        let written = row.minted == Some(Entry { incarnation: own, etag: row.etag });
        let past = !written && snapshot.is_past(row).expect("the oracle reads");
        past.then_some(Self::Past)
    }
}

/// The entries under which the version in a row is kept.
pub(super) fn kept_by(row: &ChangeRow) -> Option<ChangeVector> {
    row.version.kept.as_ref().map(|kept| kept.by.clone())
}

/// The entry that was minted for a row in the database of `own`.
pub(super) fn minted(row: &ChangeRow, own: IncarnationId) -> Option<Entry> {
    let kept = row.version.kept.as_ref().map(|kept| kept.by.etag_of(own));
    let entry = Entry { incarnation: own, etag: row.etag };
    if kept == Some(row.etag) { Some(entry) } else { row.minted }
}

/// One revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    etag: Etag,
    pub(crate) vector: ChangeVector,
    /// Who keeps it.
    pub(crate) by: ChangeVector,
    /// What it says; the same of a deletion.
    pub(crate) hash: ContentHash,
    pub(crate) last_modified: Timestamp,
    /// What the document had beside it, in few digits.
    pub(crate) parts: u64,
}

/// What an operation has done.
pub(super) struct Read {
    pub(super) document: Key,
    /// The row that said what is removed, where that is forgotten.
    pub(super) trim: Option<Etag>,
    /// A revision that is gone.
    pub(super) gone: Option<Kept>,
}

/// All of a database.
#[derive(Clone, Debug, Default)]
pub(crate) struct Revisions {
    /// By document, and by the ends of their places there, which tell their vectors.
    kept: BTreeMap<Key, BTreeMap<Bytes, Kept>>,
    /// What was ever known to be removed.
    removed: BTreeMap<Key, ChangeVector>,
    /// The rows that say so, as long as they are needed.
    trims: BTreeMap<Key, Etag>,
}

impl Revisions {
    /// Whether the database has a version as a revision, for all of `by` that it does not know to
    /// have removed it.
    pub(crate) fn holds(&self, document: &str, vector: &ChangeVector, by: &ChangeVector) -> bool {
        let by = left(by, &self.removed(document));
        by.is_empty() || self.find(document, vector).is_some_and(|it| it.by.covers(&by))
    }

    /// The revision of a document that has this vector.
    pub(crate) fn find(&self, document: &str, vector: &ChangeVector) -> Option<&Kept> {
        let end = Bytes::copy_from_slice(&xxh3_128(&vector.to_bytes()).to_be_bytes());
        self.kept.get(document)?.get(&end).filter(|it| it.vector == *vector)
    }

    /// The entries of a version that whoever stands at an etag need not have: those that are
    /// removed, and those under which it is kept by a later row, in the place of an earlier one.
    pub(crate) fn behind(&self, document: &str, vector: &ChangeVector, at: Etag) -> ChangeVector {
        let mut behind = self.removed(document);
        if let Some(later) = self.find(document, vector).filter(|it| it.etag > at) {
            behind.merge_from(&later.by);
        }
        behind
    }

    /// The revisions of a document.
    pub(crate) fn of(&self, document: &str) -> impl Iterator<Item = &Kept> {
        self.kept.get(document).into_iter().flat_map(BTreeMap::values)
    }

    /// The documents that have some.
    pub(crate) fn documents(&self) -> impl Iterator<Item = &Key> {
        self.kept.keys()
    }

    /// All of them, with their documents.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&Key, &Kept)> {
        self.kept.iter().flat_map(|(document, kept)| kept.values().map(move |it| (document, it)))
    }

    /// What was ever known to be removed of a document's.
    pub(crate) fn removed(&self, document: &str) -> ChangeVector {
        self.removed.get(document).cloned().unwrap_or_default()
    }

    /// A row says that some are removed.
    pub(super) fn remove(&mut self, document: &str, removed: &ChangeVector, etag: Etag) {
        let known = self.removed.entry(document.to_owned()).or_default();
        known.merge_from(removed);
        let last = self.trims.entry(document.to_owned()).or_default();
        *last = etag.max(*last);
    }

    /// Takes in what a commit has written of revisions; `None`: it is of something else.
    pub(super) fn read(&mut self, operation: &Operation, snapshot: &Snapshot) -> Option<Read> {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        if operation.table == TRIMS {
            let document = text(&operation.key);
            let trim = operation.value.is_none().then(|| self.trims.remove(&document)).flatten();
            return Some(Read { document, trim, gone: None });
        }
        if operation.table != REVISIONS {
            return None;
        }
        let at = operation.key.iter().position(|byte| *byte == 0).unwrap();
        let (document, place) = (text(&operation.key[..at]), operation.key.slice(at + 1..));
        let gone = if place.is_empty() { None } else { self.look(&document, &place, snapshot) };
        Some(Read { document, trim: None, gone })
    }

    /// Reads again what stands at a place; answers what stood there, where nothing does now.
    fn look(&mut self, document: &str, place: &Bytes, snapshot: &Snapshot) -> Option<Kept> {
        let id: DocumentId = document.parse().unwrap();
        let behind: Bytes = [&place[..], &[0]].concat().into();
        let first = snapshot.revisions(&id, Some(&behind)).next();
        let first = first.map(|it| it.expect("the oracle reads")).filter(|it| it.0 == *place);
        let all = self.kept.entry(document.to_owned()).or_default();
        let end = place.slice(TIME_BYTES..);
        let Some((_, revision)) = first else {
            let gone = all.remove(&end);
            if all.is_empty() {
                self.kept.remove(document);
            }
            return gone;
        };
        let row = snapshot.revised(&revision).expect("the oracle reads");
        let parts = row.version.kept.as_ref().map(|kept| format!("{:?}", kept.parts));
        let kept = Kept {
            etag: revision.etag,
            vector: revision.vector,
            by: revision.by,
            hash: row.version.content_hash(),
            last_modified: revision.last_modified,
            parts: xxh3_64(parts.unwrap_or_default().as_bytes()),
        };
        let before = all.insert(end, kept);
        let same = |it: Kept| it.last_modified == revision.last_modified;
        assert!(before.is_none_or(same), "{document} has a vector at two times");
        None
    }

    /// Reads all of these documents again.
    pub(super) fn reread<'k>(
        &mut self,
        documents: impl Iterator<Item = &'k Key>,
        snapshot: &Snapshot,
    ) {
        for document in documents {
            let id: DocumentId = document.parse().unwrap();
            let places: BTreeSet<_> =
                snapshot.revisions(&id, None).map(|it| it.expect("the oracle reads").0).collect();
            for place in places {
                self.look(document, &place, snapshot);
            }
        }
    }
}

/// What two databases have of revisions otherwise, in peace: what the source keeps the destination
/// keeps too, and nothing is anywhere that somebody before it knows to be removed. Where disks were
/// set back, what anybody ever removed may be gone; and be there again, as documents may.
pub(crate) fn differently(truth: &Truth, edge: Edge, equal: bool) -> Option<String> {
    let (from, to) = (&truth.nodes[edge.from].revisions, &truth.nodes[edge.to].revisions);
    for (document, kept) in from.all() {
        let other = to.find(document, &kept.vector);
        let by = if equal { kept.by.clone() } else { left(&kept.by, &truth.removed(document)) };
        if !to.holds(document, &kept.vector, &by) {
            let removed = to.removed(document);
            return Some(format!("{document}: {kept:?} at the source, {other:?}, {removed:?}"));
        }
        let says = |it: &Kept| (it.hash, it.last_modified);
        let differs = other.is_some_and(|other| {
            // Where nothing comes back, the source does not know what others say it had.
            says(other) != says(kept) || truth.is_mutual() && equal && other.parts != kept.parts
        });
        if differs {
            return Some(format!("{document}: {kept:?} at the source, {other:?}"));
        }
    }
    let back = to.all().find(|(document, kept)| left(&kept.by, &from.removed(document)) != kept.by);
    back.filter(|_| equal)
        .map(|(document, kept)| format!("{document}: the source knows {kept:?} to be removed"))
}
