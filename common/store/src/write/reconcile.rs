//! A step of a full reconcile: what the source held once and holds no longer goes here too.
//!
//! The source says which documents it has within a range of ids. One that is not among them goes
//! if the source has seen all there is of it: it was there, and was deleted, and the deletion has
//! been forgotten. What the source has not seen, even in part, stays (pitfall 9).

use std::ops::Bound;

use bytes::Bytes;
use jackdaw_common::{
    Attachments, ChangeVector, Collection, Content, DatabaseId, Timestamp, Version,
    limits::RECONCILE_ROWS_MAX,
};

use super::{
    incoming::{ApplyError, check_claims, fenced},
    work::Work,
};
use crate::{
    engine::{Direction, ScanRange, Table},
    error::StoreError,
    keys,
    tables::cursors::Reconciling,
};

/// What a source holds within a range of document ids, all of them in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Present {
    /// The source.
    pub source: DatabaseId,
    /// The session.
    pub epoch: u64,
    /// Everything the source held when it looked.
    pub vector: ChangeVector,
    /// The range begins behind this id.
    pub after: Bytes,
    /// It ends with this id; `None`: with the last one there is.
    pub through: Option<Bytes>,
    /// The ids in it that the source has, deletions it remembers included; ascending.
    pub keys: Vec<Bytes>,
}

/// What a step has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reconciled {
    /// Documents that were removed.
    pub removed: u64,
    /// Documents that the source does not have, and that stay.
    pub kept: u64,
    /// The range is not through yet: the step is to be repeated behind this id.
    pub next: Option<Bytes>,
    /// The durable database vector.
    pub vector: ChangeVector,
}

/// Looks at the next documents of a range, and removes those that the source has deleted.
pub(crate) fn step(
    work: &mut Work<'_>,
    present: Present,
    now: Timestamp,
) -> Result<Reconciled, ApplyError> {
    let mut cursor = fenced(work, present.source, present.epoch)?;
    if !is_range(&present) {
        return Err(ApplyError::NotReconciling);
    }
    let under_way = cursor.reconciling.take();
    let Some(Reconciling { floor, after }) = under_way.filter(|it| it.after == present.after)
    else {
        return Err(ApplyError::NotReconciling);
    };
    check_claims(work, std::iter::once(&present.vector))?;
    work.begin(now);
    let mut reconciled = Reconciled::default();
    let (keys, next) = documents(work, after, present.through.as_ref())?;
    for key in keys {
        if present.keys.binary_search(&key).is_err() {
            one(work, &key, &present.vector, now, &mut reconciled)?;
        }
    }
    reconciled.next = next;
    match reconciled.next.clone().or(present.through) {
        Some(after) => cursor.reconciling = Some(Reconciling { floor, after }),
        None => cursor.reconciled = cursor.reconciled.max(floor),
    }
    cursor.seen = now;
    work.set_small(keys::CURSORS, keys::cursor(present.source), Some(cursor.encode()));
    reconciled.vector = work.header.vector.clone();
    Ok(reconciled)
}

/// Whether it leads further, and its ids are in order: one that is searched for in vain is removed.
fn is_range(present: &Present) -> bool {
    let further = present.through.as_ref().is_none_or(|through| *through > present.after);
    further && present.keys.is_sorted_by(|one, other| one < other)
}

/// The next documents here behind `after`, ascending, and behind which one there are more before
/// `through`.
fn documents(
    work: &Work<'_>,
    after: Bytes,
    through: Option<&Bytes>,
) -> Result<(Vec<Bytes>, Option<Bytes>), StoreError> {
    let mut range = ScanRange::all();
    if !after.is_empty() {
        range = ScanRange::after(after);
    }
    if let Some(through) = through {
        range = range.to(through.clone());
    }
    let mut keys: Vec<Bytes> = Vec::new();
    for table in TABLES {
        // What this group has written is looked at too; what it has removed is seen to be gone.
        let written = work.overlay.written(table).map(|(key, _)| Ok(key));
        let written = written.filter(|key| key.as_ref().is_ok_and(|key| range.contains(key)));
        let base = work.overlay.base().scan(table, range.clone(), Direction::Forward);
        let base = base.take(RECONCILE_ROWS_MAX + 1).map(|row| row.map(|(key, _)| key));
        for key in base.chain(written) {
            keys.push(key?);
        }
    }
    for table in [keys::COUNTERS, keys::SEGMENTS] {
        keys.extend(documents_of_parts(work, table, &range)?);
    }
    keys.sort_unstable();
    keys.dedup();
    let more = keys.len() > RECONCILE_ROWS_MAX;
    keys.truncate(RECONCILE_ROWS_MAX);
    let next = keys.last().filter(|_| more).cloned();
    Ok((keys, next))
}

/// The first documents within a range that have something in one of the tables of parts.
fn documents_of_parts(
    work: &Work<'_>,
    table: Table,
    range: &ScanRange,
) -> Result<Vec<Bytes>, StoreError> {
    let mut documents = Vec::new();
    let mut parts = match &range.start {
        Bound::Excluded(after) => ScanRange::from(keys::behind_parts(after)),
        Bound::Included(_) | Bound::Unbounded => ScanRange::all(),
    };
    while work.header.parts > 0 && documents.len() <= RECONCILE_ROWS_MAX {
        let next = work.overlay.scan(table, parts, Direction::Forward).next().transpose()?;
        let document = next.map(|(key, _)| keys::document_of(&key));
        let Some(document) = document.filter(|document| range.contains(document)) else { break };
        parts = ScanRange::from(keys::behind_parts(&document));
        documents.push(document);
    }
    Ok(documents)
}

/// Removes a document that the source does not have, if the source has seen all there is of it.
fn one(
    work: &mut Work<'_>,
    key: &Bytes,
    source: &ChangeVector,
    now: Timestamp,
    reconciled: &mut Reconciled,
) -> Result<(), StoreError> {
    let present = work.present_at(key)?;
    let parts = work.parts_covered(key, source)?;
    if parts.is_none() && (present.heads.is_empty() || present.is_tombstone()) {
        return Ok(());
    }
    let newest = present.heads.iter().max_by_key(|head| head.last_modified);
    // Of a document that has never come there may be a part.
    let (id, collection, last_modified) = match newest {
        Some(head) => (head.id.clone(), head.collection.clone(), head.last_modified),
        None => (keys::id(key)?, Collection::default(), now),
    };
    let mut vector = source.clone();
    for head in &present.heads {
        if !source.covers(head.vector()) {
            reconciled.kept += 1;
            return Ok(());
        }
        vector.merge_from(head.vector());
    }
    if parts == Some(false) {
        reconciled.kept += 1;
        return Ok(());
    }
    let tombstone = Version {
        id,
        collection,
        vector,
        last_modified,
        content: Content::Tombstone,
        attachments: Attachments::default(),
        since: ChangeVector::empty(),
        kept: None,
    };
    let hash = tombstone.content_hash();
    work.keep_versions(&present, |_| true)?;
    work.replace(&present, tombstone, hash, None)?;
    reconciled.removed += 1;
    Ok(())
}

/// Where documents stand that are not deleted.
const TABLES: [Table; 2] = [keys::DOCUMENTS, keys::CONFLICTS];
