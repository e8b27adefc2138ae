//! What somebody declares of a closed database: that its folder was moved, or that it was restored
//! or copied.
//!
//! Nothing here is done by itself: only a person knows whether a folder is the original or a copy.
//! Called on an engine that no [`Store`](crate::Store) has open.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::Bytes;
use jackdaw_common::{
    ChangeVector, Content, Entry, Etag, IncarnationId, Kept, Segment, Version,
    item::series::Points, limits::REISSUE_ROWS_MAX, lineage::Life,
};
use thiserror::Error;

use crate::{
    engine::{Direction, Engine, ScanRange, Snapshot, Table, WriteBatch},
    error::StoreError,
    keys::{self, RecordKind},
    read::header,
    tables::{
        changes::ChangeRow,
        codec::RowError,
        header::Header,
        heads::Head,
        local::{decode_number, encode_number},
        parts::{Part, PartHead},
        revisions::{Ledger, Revision, Trim},
    },
    write::corrupt,
};

/// Why a declaration was not carried out.
#[derive(Debug, Error)]
pub enum DeclareError {
    /// There is no database in the engine.
    #[error("there is no database")]
    Missing,
    /// A declaration is under way that must be carried out first.
    #[error("a restore was interrupted; repeat it first")]
    Unfinished,
    /// A restore that went back to another etag was interrupted, and must be carried out first.
    #[error("a restore that was forked at etag {begun} was interrupted; repeat that one first")]
    Begun {
        /// Where that one forked.
        begun: Etag,
    },
    /// The etag lies beyond what the database has.
    #[error("it cannot have gone back to etag {etag}: its last is {last}")]
    Beyond {
        /// What was said.
        etag: Etag,
        /// Its last etag.
        last: Etag,
    },
    /// It cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What was declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Declared {
    /// What the database writes from now on, it writes as this.
    pub incarnation: IncarnationId,
    /// Everything up to here it has in common with what it was restored or copied from.
    pub common: Etag,
    /// Its last etag.
    pub last: Etag,
    /// Versions behind that, which it wrote before anybody said so, and which are the new
    /// incarnation's now.
    pub reissued: u64,
}

/// Declares that the folder was moved: nobody uses it where it was, nor any copy of it.
///
/// # Errors
///
/// [`DeclareError`]; nothing was changed.
pub fn adopt(engine: &dyn Engine) -> Result<(), DeclareError> {
    let mut header = open(engine)?;
    if !header.origin.reissuing.is_empty() {
        return Err(DeclareError::Unfinished);
    }
    Arc::make_mut(&mut header.origin).place = engine.place().map_err(StoreError::from)?;
    write(engine, &header, WriteBatch::new())
}

/// Declares that the database went back to `forked_at`, or is a copy made there; `None`: where it
/// ends. Everything behind becomes what `incarnation` wrote, so that it is not taken for what the
/// original wrote under the same etags. One that was interrupted goes on when it is repeated.
///
/// # Errors
///
/// [`DeclareError`].
pub fn restored(
    engine: &dyn Engine,
    incarnation: IncarnationId,
    forked_at: Option<Etag>,
) -> Result<Declared, DeclareError> {
    let mut header = open(engine)?;
    if header.origin.reissuing.is_empty() {
        begin(engine, &mut header, incarnation, forked_at)?;
    }
    let life = header.lineage().lives().last().copied();
    let Life { incarnation, after: common } =
        life.unwrap_or(Life { incarnation, after: header.last_etag });
    if forked_at.is_some_and(|etag| etag != common && !header.origin.reissuing.is_empty()) {
        return Err(DeclareError::Begun { begun: common });
    }
    let mut reissued = 0;
    if !header.origin.reissuing.is_empty() {
        let reissue = Reissue { from: header.origin.reissuing.clone(), to: incarnation };
        reissued = reissue.all_behind(engine, common)?;
        Arc::make_mut(&mut header.origin).reissuing.clear();
        write(engine, &header, WriteBatch::new())?;
    }
    Ok(Declared { incarnation, common, last: header.last_etag, reissued })
}

/// Writes down what is going to be done, before any of it is.
fn begin(
    engine: &dyn Engine,
    header: &mut Header,
    incarnation: IncarnationId,
    forked_at: Option<Etag>,
) -> Result<(), DeclareError> {
    let last = header.last_etag;
    let common = forked_at.unwrap_or(last);
    if common > last {
        return Err(DeclareError::Beyond { etag: common, last });
    }
    let origin = Arc::make_mut(&mut header.origin);
    if common < last {
        // Of an incarnation that began behind the fork nothing is common.
        let lives = origin.lineage.lives();
        let ends = lives.iter().skip(1).map(|next| next.after).chain([last]);
        let replaced = lives.iter().zip(ends).filter(|(_, end)| *end > common);
        origin.reissuing = replaced
            .map(|(life, _)| {
                let after = if life.after < common { common } else { Etag::ZERO };
                Life { incarnation: life.incarnation, after }
            })
            .collect();
    }
    origin.lineage.begin_life(incarnation, common);
    origin.place = engine.place().map_err(StoreError::from)?;
    let reissue = Reissue { from: origin.reissuing.clone(), to: incarnation };
    header.vector = reissue.vector(&header.vector);
    header.followers.go_back(common);
    header.incarnation = incarnation;
    let mut batch = WriteBatch::new();
    leave_indexes_behind(engine, &mut batch)?;
    write(engine, header, batch)
}

/// Indexes of compare-exchange items go on far behind those that may have been given since: who
/// holds one from before must not be taken for somebody who has read what is there now.
fn leave_indexes_behind(engine: &dyn Engine, batch: &mut WriteBatch) -> Result<(), StoreError> {
    let (table, key) = (keys::RECORDS, keys::record(RecordKind::CompareExchangeIndex, &[]));
    let Some(row) = engine.snapshot()?.get(table, &key)? else { return Ok(()) };
    let last = decode_number(row).map_err(|error| corrupt(table, &key, error))?;
    batch.put(table, key, encode_number(last.saturating_add(INDEXES_LEFT_BEHIND)));
    Ok(())
}

/// More than are given while a backup is of any use, and few of all there are.
const INDEXES_LEFT_BEHIND: u64 = 1 << 40;

fn open(engine: &dyn Engine) -> Result<Header, DeclareError> {
    let snapshot = engine.snapshot().map_err(StoreError::from)?;
    header(&*snapshot)?.ok_or(DeclareError::Missing)
}

fn write(engine: &dyn Engine, header: &Header, mut batch: WriteBatch) -> Result<(), DeclareError> {
    batch.put(keys::HEADER, keys::HEADER_KEY, header.encode());
    batch.put(keys::HEADER, keys::ORIGIN_KEY, header.origin.encode());
    Ok(engine.commit(batch).map_err(StoreError::from)?)
}

/// What some incarnations issued, each behind an etag, becomes another's.
struct Reissue {
    from: Vec<Life>,
    to: IncarnationId,
}

impl Reissue {
    fn vector(&self, vector: &ChangeVector) -> ChangeVector {
        self.from.iter().fold(vector.clone(), |vector, life| {
            vector.reissued(life.incarnation, life.after, self.to)
        })
    }

    fn is_replaced(&self, entry: &Entry) -> bool {
        self.from.iter().any(|it| it.incarnation == entry.incarnation && entry.etag > it.after)
    }

    /// The same of entries which are just those, and claim nothing before them.
    fn entries(&self, by: &ChangeVector) -> ChangeVector {
        let entries = by.entries().iter().map(|entry| self.entry(*entry));
        ChangeVector::from_entries(entries)
    }

    fn entry(&self, entry: Entry) -> Entry {
        let replaced = self.is_replaced(&entry);
        if replaced { Entry { incarnation: self.to, ..entry } } else { entry }
    }

    /// Reissues every row behind `common`, step by step; each step may be done again.
    fn all_behind(&self, engine: &dyn Engine, common: Etag) -> Result<u64, StoreError> {
        let (mut after, mut reissued) = (common, 0);
        loop {
            let snapshot = engine.snapshot()?;
            let mut batch = WriteBatch::new();
            let mut looked = 0;
            let range = ScanRange::after(keys::change(after));
            let rows = snapshot.scan(keys::CHANGES, range, Direction::Forward);
            for row in rows.take(REISSUE_ROWS_MAX) {
                let (key, value) = row?;
                looked += 1;
                after = keys::etag(keys::CHANGES, &key)?;
                let row = ChangeRow::decode(after, value);
                let row = row.map_err(|error| corrupt(keys::CHANGES, &key, error))?;
                reissued += u64::from(self.row(&*snapshot, row, &mut batch)?);
            }
            if !batch.is_empty() {
                engine.commit(batch)?;
            }
            if looked < REISSUE_ROWS_MAX {
                return Ok(reissued);
            }
        }
    }

    /// Reissues one row, if it was written here: what others have minted stays theirs.
    fn row(
        &self,
        snapshot: &dyn Snapshot,
        mut row: ChangeRow,
        batch: &mut WriteBatch,
    ) -> Result<bool, StoreError> {
        let vector = self.vector(&row.version.vector);
        let own = row.minted.as_ref().is_none_or(|minted| self.is_replaced(minted));
        let written = own && vector != row.version.vector;
        let before = row.version.clone();
        let kept = before.kept.as_ref().filter(|kept| self.entries(&kept.by) != kept.by);
        if let Some(kept) = kept {
            let (by, parts) = (self.entries(&kept.by), kept.parts.clone());
            row.version.kept = Some(Arc::new(Kept { by, parts }));
        }
        if !written {
            if kept.is_some() {
                batch.put(keys::CHANGES, keys::change(row.etag), row.encode());
                self.revision(snapshot, batch, &before, &row)?;
            }
            return Ok(kept.is_some());
        }
        row.minted = row.minted.map(|minted| Entry { incarnation: self.to, ..minted });
        row.version.vector = vector;
        let origin = |origin: &Entry| self.entry(*origin);
        row.version.attachments = row.version.attachments.with_origins(origin);
        row.version.since = self.vector(&row.version.since);
        match &mut row.version.content {
            Content::Document(_) | Content::Tombstone => {}
            Content::RevisionTombstone(removed) => *removed = self.vector(removed),
            Content::Counter(counter) => counter.partials = counter.partials.with_origins(origin),
            Content::Segment(segment) => {
                let points = Points::decode(&segment.points).map_err(|error| {
                    corrupt(keys::CHANGES, &keys::change(row.etag), RowError(error.to_string()))
                })?;
                segment.points = points.with_origins(origin).encode();
            }
        }
        batch.put(keys::CHANGES, keys::change(row.etag), row.encode());
        match &row.version.content {
            Content::Document(_) | Content::Tombstone => {}
            Content::RevisionTombstone(removed) => {
                trim(snapshot, batch, &row, removed)?;
                return Ok(true);
            }
            Content::Counter(counter) => {
                let key = keys::counter(&row.version.id, &counter.name);
                part(snapshot, batch, keys::COUNTERS, key, &row, counter)?;
                return Ok(true);
            }
            Content::Segment(Segment { extent, .. }) => {
                let key = keys::segment(&row.version.id, &extent.name, extent.span.first());
                part(snapshot, batch, keys::SEGMENTS, key, &row, extent)?;
                return Ok(true);
            }
        }
        self.revision(snapshot, batch, &before, &row)?;
        let key = keys::document(&row.version.id);
        for table in [keys::DOCUMENTS, keys::TOMBSTONES, keys::CONFLICTS] {
            self.head(snapshot, batch, table, &key, &row)?;
        }
        Ok(true)
    }

    /// The revision that leads to `row`, which was `before`, if one does.
    fn revision(
        &self,
        snapshot: &dyn Snapshot,
        batch: &mut WriteBatch,
        before: &Version,
        row: &ChangeRow,
    ) -> Result<(), StoreError> {
        let (Some(kept), table) = (&row.version.kept, keys::REVISIONS) else { return Ok(()) };
        let key_of = |it: &Version| keys::revision(&it.id, it.last_modified, &it.vector);
        let key = key_of(before);
        let Some(value) = snapshot.get(table, &key)? else { return Ok(()) };
        let revision = Revision::decode(value).map_err(|error| corrupt(table, &key, error))?;
        if revision.etag != row.etag {
            return Ok(());
        }
        let (by, vector) = (kept.by.clone(), row.version.vector.clone());
        batch.delete(table, key);
        batch.put(table, key_of(&row.version), Revision { by, vector, ..revision }.encode());
        let key = keys::ledger(before.id.key().as_bytes());
        let Some(value) = snapshot.get(table, &key)? else { return Ok(()) };
        let ledger = Ledger::decode(value).map_err(|error| corrupt(table, &key, error))?;
        let ledger = Ledger { newest: self.vector(&ledger.newest), ..ledger };
        batch.put(table, key, ledger.encode());
        Ok(())
    }

    /// The head that leads to `row`, if it stands in `table`.
    fn head(
        &self,
        snapshot: &dyn Snapshot,
        batch: &mut WriteBatch,
        table: Table,
        key: &Bytes,
        row: &ChangeRow,
    ) -> Result<(), StoreError> {
        let is_conflict = table == keys::CONFLICTS;
        // Of a conflict this very step may have rewritten another version.
        let mut written = batch.operations().iter().rev().take_while(|_| is_conflict);
        let written = written.find(|it| it.table == table && it.key == *key);
        let value = match written {
            Some(operation) => operation.value.clone(),
            None => snapshot.get(table, key)?,
        };
        let Some(value) = value else { return Ok(()) };
        let heads = if is_conflict {
            Head::decode_all(value)
        } else {
            Head::decode(value).map(|head| vec![head])
        };
        let mut heads = heads.map_err(|error| corrupt(table, key, error))?;
        let Some(head) = heads.iter_mut().find(|head| head.etag == row.etag) else {
            return Ok(());
        };
        head.seen.vector = row.version.vector.clone();
        head.attachments = row.version.attachments.clone();
        head.since = row.version.since.clone();
        heads.sort_by(|one, other| one.vector().cmp(other.vector()));
        let value = match heads.as_slice() {
            [one] if !is_conflict => one.encode(),
            many => Head::encode_all(many),
        };
        batch.put(table, key.clone(), value);
        Ok(())
    }
}

/// The row that leads to what `row` says is removed, if it does.
fn trim(
    snapshot: &dyn Snapshot,
    batch: &mut WriteBatch,
    row: &ChangeRow,
    removed: &ChangeVector,
) -> Result<(), StoreError> {
    let key = keys::document(&row.version.id);
    let Some(value) = snapshot.get(keys::TRIMS, &key)? else { return Ok(()) };
    let trim = Trim::decode(value).map_err(|error| corrupt(keys::TRIMS, &key, error))?;
    if trim.etag == row.etag {
        let (vector, removed) = (row.version.vector.clone(), removed.clone());
        batch.put(keys::TRIMS, key, Trim { vector, removed, ..trim }.encode());
    }
    Ok(())
}

/// The row that leads to the counter or segment of `row`, if one does.
fn part<P: Part + Clone>(
    snapshot: &dyn Snapshot,
    batch: &mut WriteBatch,
    table: Table,
    key: Bytes,
    row: &ChangeRow,
    part: &P,
) -> Result<(), StoreError> {
    let Some(value) = snapshot.get(table, &key)? else { return Ok(()) };
    let head = P::decode(value).map_err(|error| corrupt(table, &key, error))?;
    if head.etag == row.etag {
        let (vector, since) = (row.version.vector.clone(), row.version.since.clone());
        let bytes = row.version.content.bytes() as u64;
        let head = PartHead { vector, since, bytes, part: part.clone(), ..head };
        batch.put(table, key, P::encode(&head));
    }
    Ok(())
}
