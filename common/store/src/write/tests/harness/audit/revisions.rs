//! Revisions, and what is removed of them.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use jackdaw_common::{Content, Etag};

use crate::{
    Snapshot,
    engine::{Direction, ScanRange},
    keys,
    tables::{
        heads::Head,
        revisions::{Ledger, Revision, Trim},
    },
};

/// Each leads to a row that says the same, is counted, and was not removed. Answers the etags of
/// those to which nothing else leads.
pub(super) fn audit(
    snapshot: &Snapshot,
    history: &BTreeSet<Etag>,
    heads: &BTreeMap<Etag, &Head>,
) -> Vec<Etag> {
    let engine = snapshot.engine();
    let (mut past, mut counts, mut ledgers) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
    let mut all = 0;
    for entry in engine.scan(keys::REVISIONS, ScanRange::all(), Direction::Forward) {
        let (key, value) = entry.unwrap();
        let document = keys::document_of(&key);
        if key == keys::ledger(&document) {
            ledgers.insert(document, Ledger::decode(value).unwrap());
            continue;
        }
        let revision = Revision::decode(value).unwrap();
        let row = snapshot.revised(&revision).unwrap();
        let version = &row.version;
        assert_eq!(key, keys::revision(&version.id, version.last_modified, &version.vector));
        assert_eq!(version.vector, revision.vector);
        assert_eq!(version.kept.as_ref().map(|kept| &kept.by), Some(&revision.by));
        assert_eq!(version.content.is_tombstone(), revision.tombstone);
        assert_eq!(version.content.bytes() as u64, revision.size);
        let elsewhere = history.contains(&row.etag) || heads.contains_key(&row.etag);
        assert_eq!(revision.past, !elsewhere, "{revision:?} of {document:?}");
        if let Some(trim) = trim(snapshot, &document) {
            assert!(!trim.removed.covers(&revision.by), "{revision:?} was removed: {trim:?}");
        }
        if revision.past {
            past.push(row.etag);
        }
        *counts.entry(document).or_insert(0_u64) += 1;
        all += 1;
    }
    let counted = ledgers.iter().map(|(document, ledger)| (document.clone(), ledger.count));
    assert_eq!(counts, counted.collect(), "revisions of documents");
    assert_eq!(snapshot.header().revisions, all, "count of revisions");
    past
}

fn trim(snapshot: &Snapshot, document: &Bytes) -> Option<Trim> {
    let row = snapshot.engine().get(keys::TRIMS, document).unwrap();
    row.map(|row| Trim::decode(row).unwrap())
}

/// What is removed leads to a row that says so. Answers their etags.
pub(super) fn trims(snapshot: &Snapshot) -> Vec<Etag> {
    let engine = snapshot.engine();
    let scan = engine.scan(keys::TRIMS, ScanRange::all(), Direction::Forward);
    let etags: Vec<_> = scan
        .map(|entry| {
            let (key, value) = entry.unwrap();
            let trim = Trim::decode(value).unwrap();
            let row = snapshot.change(trim.etag).unwrap();
            assert_eq!(key, keys::document(&row.version.id));
            assert_eq!(row.version.vector, trim.vector);
            assert_eq!(row.version.content, Content::RevisionTombstone(trim.removed));
            trim.etag
        })
        .collect();
    assert_eq!(snapshot.header().trims, etags.len() as u64, "count of trims");
    etags
}
