//! Every row of a database against every other: nothing missing, nothing left over, counts exact.

mod revisions;

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use jackdaw_common::{
    BlobHash, BlobHasher, Content, Counter, Etag, Order, Segment, TransactionMark,
    item::{Extent, series::Points},
};

use crate::{
    Snapshot,
    engine::{Direction, ScanRange, Table},
    keys,
    tables::{
        blobs::{BlobRow, Place},
        changes::ChangeRow,
        heads::Head,
        history::Superseded,
        parts::{Part as _, SegmentHead, decode_dead},
    },
};

/// Panics with what does not fit together.
pub(crate) fn audit(snapshot: &Snapshot) {
    let documents = heads(snapshot, keys::DOCUMENTS);
    let tombstones = heads(snapshot, keys::TOMBSTONES);
    let conflicts = heads(snapshot, keys::CONFLICTS);
    assert!(documents.iter().all(|(_, heads)| !heads[0].seen.tombstone), "a deleted document");
    assert!(tombstones.iter().all(|(_, heads)| heads[0].seen.tombstone), "a live tombstone");
    conflicts.iter().for_each(|(_, heads)| conflict(heads));

    let header = snapshot.header();
    assert_eq!(header.documents, documents.len() as u64, "count of documents");
    assert_eq!(header.tombstones, tombstones.len() as u64, "count of tombstones");
    assert_eq!(header.conflicts, conflicts.len() as u64, "count of conflicts");
    let attachments = documents.iter().map(|(_, heads)| heads[0].attachments.len() as u64);
    assert_eq!(header.attachments, attachments.sum::<u64>(), "count of attachments");

    let mut places = BTreeSet::new();
    let mut etags = BTreeMap::new();
    for (key, heads) in documents.iter().chain(&tombstones).chain(&conflicts) {
        assert!(places.insert(key), "{key:?} stands in two tables");
        for head in heads {
            assert_eq!(key, head.id.key().as_bytes(), "a head under another key");
            assert!(etags.insert(head.etag, head).is_none(), "etag {} twice", head.etag);
        }
    }
    let mut rows: Vec<_> = snapshot.changes_after(Etag::ZERO).map(Result::unwrap).collect();
    transactions(&rows);
    contents(snapshot, &rows);
    let superseded = history(snapshot, &rows);
    rows.retain(|row| !superseded.contains(&row.etag));
    let parts = parts(snapshot, &rows);
    let of_rows: Vec<_> = rows.iter().map(|row| row.etag).collect();
    let past = revisions::audit(snapshot, &superseded, &etags);
    let trims = revisions::trims(snapshot);
    let of_heads = etags.keys().copied().chain(parts).chain(past).chain(trims);
    let of_heads: BTreeSet<_> = of_heads.collect();
    let of_heads: Vec<_> = of_heads.into_iter().collect();
    assert_eq!(of_rows, of_heads, "rows of changes, and what leads to them");
    for row in &rows {
        if let Some(head) = etags.get(&row.etag) {
            same(row, head);
        }
        assert!(row.etag <= header.last_etag, "etag {} was not given out", row.etag);
        let own = row.version.vector.etag_of(header.incarnation);
        assert!(own <= header.last_etag, "an own entry of {own} was not given out");
    }
    let newest = rows.iter().map(|row| row.stamp).max();
    assert!(newest.is_none_or(|stamp| stamp <= header.last_stamp), "a stamp after the last");
    assert!(header.vector.etag_of(header.incarnation) <= header.last_etag);
}

/// Every counter and segment leads to a row that says the same, and segments of one series lie
/// apart. Answers their etags.
fn parts(snapshot: &Snapshot, rows: &[ChangeRow]) -> Vec<Etag> {
    let engine = snapshot.engine();
    let rows: BTreeMap<_, _> = rows.iter().map(|row| (row.etag, row)).collect();
    let (mut etags, mut dead, mut counters, mut entries) = (Vec::new(), Vec::new(), 0, 0);
    for entry in engine.scan(keys::COUNTERS, ScanRange::all(), Direction::Forward) {
        let (key, value) = entry.unwrap();
        let head = Counter::decode(value).unwrap();
        let version = &rows[&head.etag].version;
        assert_eq!(key, keys::counter(&version.id, &head.part.name));
        assert_eq!(version.content, Content::Counter(head.part.clone()));
        for partial in head.part.partials.as_slice() {
            assert!(head.context().has_seen(partial.origin), "{head:?} has not seen {partial:?}");
        }
        assert_eq!((&version.vector, &version.since), (&head.vector, &head.since));
        counters += head.part.live();
        if head.part.live() == 0 {
            dead.push((head.etag, keys::COUNTERS.id, key));
        }
        etags.push(head.etag);
    }
    let mut before: Option<(Bytes, SegmentHead)> = None;
    for entry in engine.scan(keys::SEGMENTS, ScanRange::all(), Direction::Forward) {
        let (key, value) = entry.unwrap();
        let head = Extent::decode(value).unwrap();
        let version = &rows[&head.etag].version;
        let Content::Segment(segment) = &version.content else { panic!("{version:?}") };
        let extent = &segment.extent;
        assert_eq!(key, keys::segment(&version.id, &extent.name, extent.span.first()));
        assert_eq!((&version.vector, &version.since), (&head.vector, &head.since));
        assert_eq!(*extent, head.part);
        let points = Points::decode(&segment.points).unwrap();
        points.check(extent.span, &version.vector).unwrap();
        assert_eq!(*segment, Segment::of(extent.name.clone(), extent.span, &points));
        let series = keys::series(&version.id, &extent.name);
        if let Some((_, before)) = before.filter(|(other, _)| *other == series) {
            assert!(before.part.span.last() < extent.span.first(), "{before:?} meets {head:?}");
        }
        entries += head.part.live;
        if head.part.live == 0 {
            dead.push((head.etag, keys::SEGMENTS.id, key));
        }
        etags.push(head.etag);
        before = Some((series, head));
    }
    let dead: BTreeSet<_> = dead.into_iter().collect();
    let scan = engine.scan(keys::DEAD, ScanRange::all(), Direction::Forward);
    let listed = scan.map(|entry| {
        let (key, row) = entry.unwrap();
        let (table, part) = decode_dead(row).unwrap();
        (keys::etag(keys::DEAD, &key).unwrap(), table.id, part)
    });
    assert_eq!(listed.collect::<BTreeSet<_>>(), dead, "what holds nothing");
    let header = snapshot.header();
    assert_eq!((header.counters, header.series_entries), (counters, entries));
    assert_eq!(header.parts, etags.len() as u64, "count of parts");
    etags
}

/// Contents are there exactly where they are attached, counted as often, and say what their hash
/// does.
fn contents(snapshot: &Snapshot, rows: &[ChangeRow]) {
    let mut attached: BTreeMap<BlobHash, u64> = BTreeMap::new();
    for attachment in rows.iter().flat_map(|row| row.version.attachments.as_slice()) {
        *attached.entry(attachment.hash).or_default() += 1;
    }
    let engine = snapshot.engine();
    let (mut counted, mut inline, mut bytes) = (BTreeMap::new(), BTreeSet::new(), 0);
    for entry in engine.scan(keys::BLOBS, ScanRange::all(), Direction::Forward) {
        let (key, value) = entry.unwrap();
        let row = BlobRow::decode(value).unwrap();
        let hash = keys::blob_hash(&key).unwrap();
        counted.insert(hash, row.references);
        bytes += row.size;
        if row.place == Place::Inline {
            inline.insert(key);
        }
        let content = snapshot.content(&hash).unwrap().unwrap();
        let mut hasher = BlobHasher::default();
        let mut offset = 0;
        while offset < row.size {
            let piece = content.read(offset, 1 << 20).unwrap();
            hasher.update(&piece);
            offset += piece.len() as u64;
        }
        assert_eq!(hasher.finish(), hash, "a content that is another");
    }
    assert_eq!(counted, attached, "references of contents");
    let scan = engine.scan(keys::CONTENTS, ScanRange::all(), Direction::Forward);
    let kept: BTreeSet<_> = scan.map(|row| row.unwrap().0).collect();
    assert_eq!(kept, inline, "contents in rows");
    let header = snapshot.header();
    assert_eq!((header.blobs, header.blob_bytes), (counted.len() as u64, bytes));
}

/// The superseded rows that are kept: each is there, once, under a later row of its document that
/// is there too.
fn history(snapshot: &Snapshot, rows: &[ChangeRow]) -> BTreeSet<Etag> {
    let header = snapshot.header();
    let engine = snapshot.engine();
    let ids: BTreeMap<_, _> = rows.iter().map(|row| (row.etag, row.version.id.key())).collect();
    let (mut superseded, mut bytes) = (BTreeSet::new(), 0);
    for entry in engine.scan(keys::HISTORY, ScanRange::all(), Direction::Forward) {
        let (key, value) = entry.unwrap();
        let successor = keys::etag(keys::HISTORY, &key).unwrap();
        for row in Superseded::decode_all(value).unwrap() {
            assert!(row.etag < successor, "{} superseded by {successor}", row.etag);
            let id = ids.get(&row.etag).unwrap_or_else(|| panic!("{} is gone", row.etag));
            if let Some(of_successor) = ids.get(&successor) {
                assert_eq!(of_successor, id, "{successor} is of another document");
            }
            assert!(superseded.insert(row.etag), "{} superseded twice", row.etag);
            let of_row = rows.iter().find(|of| of.etag == row.etag).unwrap();
            let of_row = of_row.version.attachments.as_slice().iter().map(|one| one.hash);
            assert_eq!(row.contents, of_row.collect::<Vec<_>>(), "contents of {}", row.etag);
            bytes += row.bytes;
        }
    }
    assert_eq!(header.history_rows, superseded.len() as u64, "count of history");
    assert_eq!(header.history_bytes, bytes, "bytes of history");
    superseded
}

type Standing = (Bytes, Vec<Head>);

fn heads(snapshot: &Snapshot, table: Table) -> Vec<Standing> {
    let engine = snapshot.engine();
    let scan = engine.scan(table, ScanRange::all(), Direction::Forward);
    scan.map(|row| {
        let (key, value) = row.unwrap();
        let heads = if table == keys::CONFLICTS {
            Head::decode_all(value).unwrap()
        } else {
            vec![Head::decode(value).unwrap()]
        };
        (key, heads)
    })
    .collect()
}

/// Versions of a conflict: several, in canonical order, none of which has seen another.
fn conflict(heads: &[Head]) {
    assert!(heads.len() > 1, "a conflict of {}", heads.len());
    for (at, one) in heads.iter().enumerate() {
        for other in &heads[at + 1..] {
            assert!(one.vector() < other.vector(), "not in canonical order");
            assert_eq!(one.vector().compare(other.vector()), Order::Conflict);
        }
    }
}

fn same(row: &ChangeRow, head: &Head) {
    let version = &row.version;
    let of_row = Head::of(row.etag, version, version.content_hash());
    assert_eq!(of_row, *head, "a head says something else than its row");
    // Ids and collections are equal whatever their casing.
    assert_eq!(version.id.as_str(), head.id.as_str());
    assert_eq!(version.collection.as_str(), head.collection.as_str());
    assert!(!version.vector.is_empty(), "a row without a vector");
    assert!(row.minted.is_none_or(|minted| version.vector.entries().contains(&minted)));
    assert!(row.previous < row.etag, "a row that replaced a later one");
}

/// Rows of a transaction lie within its mark, and no two transactions overlap.
fn transactions(rows: &[ChangeRow]) {
    let mut last: Option<(TransactionMark, &ChangeRow)> = None;
    for row in rows {
        let mark = row.transaction;
        let end = mark.first.get() + u64::from(mark.rows);
        assert!(mark.first <= row.etag && row.etag.get() < end, "{} in {mark:?}", row.etag);
        if let Some((before, earlier)) = last {
            let after = before.first.get() + u64::from(before.rows);
            assert!(mark == before || mark.first.get() >= after, "{before:?} and {mark:?}");
            assert!(earlier.stamp <= row.stamp, "a stamp before the one of an earlier etag");
            assert!(mark != before || earlier.stamp == row.stamp, "two stamps in {mark:?}");
        }
        last = Some((mark, row));
    }
}
