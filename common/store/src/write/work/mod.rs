//! One intent under way: the rows it writes, and the header as it will leave it.
//!
//! Rows are kept open until their transaction ends, since each says how many there are.

mod parts;
mod revisions;
mod trims;

use std::{collections::HashSet, sync::Arc};

use bytes::Bytes;
use jackdaw_common::{
    Attachments, ChangeVector, Content, ContentHash, DocumentId, Entry, Etag, RunId, Timestamp,
    TransactionMark, Version,
};

use super::references::References;
use crate::{
    engine::Table,
    error::StoreError,
    keys,
    overlay::Overlay,
    tables::{
        changes::ChangeRow, codec::RowError, header::Header, heads::Head, history::Superseded,
    },
};
pub(crate) use parts::{Minting, Piece};
pub(crate) use revisions::Like;

/// What a row takes beside its body, about.
const SUPERSEDED_BYTES: u64 = 256;

/// What the database has of one document.
#[derive(Clone, Debug, Default)]
pub(crate) struct Present {
    /// Its versions: none, one, or those of a conflict.
    pub(crate) heads: Vec<Head>,
    /// The table they stand in.
    table: Option<Table>,
}

impl Present {
    /// The version that reads as the document, if there is one and it is live.
    pub(crate) fn live(&self) -> Option<&Head> {
        match self.heads.as_slice() {
            [one] if !one.seen.tombstone => Some(one),
            _ => None,
        }
    }

    /// Whether it is deleted, and nothing else is there.
    pub(crate) fn is_tombstone(&self) -> bool {
        matches!(self.heads.as_slice(), [one] if one.seen.tombstone)
    }

    /// Whether a version of it is live.
    pub(crate) fn is_alive(&self) -> bool {
        self.heads.iter().any(|head| !head.seen.tombstone)
    }

    /// Whether several versions stand side by side.
    pub(crate) fn is_conflict(&self) -> bool {
        self.heads.len() > 1
    }
}

/// One intent under way.
pub(crate) struct Work<'w> {
    pub(super) overlay: &'w mut Overlay,
    pub(crate) header: Header,
    run: RunId,
    stamp: Option<Timestamp>,
    first: Etag,
    rows: Vec<Option<ChangeRow>>,
    /// Bytes that the rows take encoded on the stream, at most.
    encoded: usize,
    pub(super) references: References,
    /// Whether the rows are another database's: of its transactions each version counts.
    arriving: bool,
}

impl<'w> Work<'w> {
    /// What is written belongs to `run`.
    pub(crate) fn new(overlay: &'w mut Overlay, header: Header, run: RunId) -> Self {
        let references = References::default();
        let (first, rows) = (Etag::ZERO, Vec::new());
        let (stamp, encoded, arriving) = (None, 0, false);
        Self { overlay, header, run, stamp, first, rows, encoded, references, arriving }
    }

    /// What is written now is another database's.
    pub(crate) fn arrives(&mut self) {
        self.arriving = true;
    }

    /// Fixes the commit stamp: never at or before an earlier one (storage, "Commit stamps").
    pub(crate) fn begin(&mut self, now: Timestamp) {
        let stamp = now.max(self.header.last_stamp.plus_micros(1));
        self.stamp = Some(stamp);
    }

    /// Ends the last transaction and answers the header to go on with.
    pub(crate) fn finish(mut self) -> Result<Header, StoreError> {
        self.border();
        self.references.settle(self.overlay, &mut self.header)?;
        Ok(self.header)
    }

    /// Ends a transaction: its rows are complete.
    pub(crate) fn border(&mut self) {
        let Ok(rows) = u32::try_from(self.rows.len()) else {
            unreachable!("a transaction has at most TRANSACTION_COMMANDS_MAX rows");
        };
        let transaction = TransactionMark { first: self.first, rows };
        self.encoded = 0;
        for mut row in self.rows.drain(..).flatten() {
            row.transaction = transaction;
            self.overlay.put(keys::CHANGES, keys::change(row.etag), row.encode());
        }
    }

    /// Rows of this transaction, those that it has taken back too.
    pub(crate) fn rows(&self) -> usize {
        self.rows.len()
    }

    /// Bytes that the rows of this transaction take encoded on the stream, at most.
    pub(crate) fn encoded_bytes(&self) -> usize {
        self.encoded
    }

    /// Contents that the rows of this transaction refer to.
    pub(crate) fn contents(&self) -> usize {
        let rows = self.rows.iter().flatten();
        let attached = rows.flat_map(|row| row.version.attachments.as_slice());
        attached.map(|attachment| attachment.hash).collect::<HashSet<_>>().len()
    }

    /// What the database has of `id`.
    pub(crate) fn present(&self, id: &DocumentId) -> Result<Present, StoreError> {
        self.present_at(id.key().as_bytes())
    }

    /// What the database has under the lower-cased id `key`.
    pub(crate) fn present_at(&self, key: &[u8]) -> Result<Present, StoreError> {
        if let Some(row) = self.overlay.row(keys::DOCUMENTS, key)? {
            return one(keys::DOCUMENTS, key, row);
        }
        if self.header.tombstones > 0
            && let Some(row) = self.overlay.row(keys::TOMBSTONES, key)?
        {
            return one(keys::TOMBSTONES, key, row);
        }
        if self.header.conflicts > 0
            && let Some(row) = self.overlay.row(keys::CONFLICTS, key)?
        {
            let heads = Head::decode_all(row).map_err(|e| corrupt(keys::CONFLICTS, key, e))?;
            return Ok(Present { heads, table: Some(keys::CONFLICTS) });
        }
        Ok(Present::default())
    }

    /// The etag the next row gets.
    pub(crate) fn next_etag(&self) -> Result<Etag, StoreError> {
        self.header.last_etag.next().map_err(|_| StoreError::EtagsExhausted)
    }

    /// The entry a local write mints now. The row that carries it must be the next one written.
    pub(crate) fn mint(&mut self) -> Result<Entry, StoreError> {
        let entry = self.next_entry()?;
        self.header.vector.raise(entry);
        Ok(entry)
    }

    /// The entry that a local write is going to mint.
    pub(crate) fn next_entry(&self) -> Result<Entry, StoreError> {
        Ok(Entry { incarnation: self.header.incarnation, etag: self.next_etag()? })
    }

    /// Writes `version` in place of everything there is of its document.
    pub(crate) fn replace(
        &mut self,
        present: &Present,
        version: Version,
        hash: ContentHash,
        minted: Option<Entry>,
    ) -> Result<Head, StoreError> {
        let previous = present.heads.first().map_or(Etag::ZERO, |head| head.etag);
        let mut gone = superseded(present.heads.iter(), &version);
        gone.extend(self.bury(present, &version)?);
        self.supersede(gone)?;
        self.remove_heads(present);
        let head = self.document(version, hash, minted, previous, false)?;
        let table = if head.seen.tombstone { keys::TOMBSTONES } else { keys::DOCUMENTS };
        self.count(table, true);
        if table == keys::DOCUMENTS {
            self.header.attachments += head.attachments.len() as u64;
        }
        self.overlay.put(table, keys::document(&head.id), head.encode());
        Ok(head)
    }

    /// Writes `version` beside the versions there are, less those that go.
    pub(crate) fn add(
        &mut self,
        present: &Present,
        goes: &[usize],
        version: Version,
        hash: ContentHash,
        minted: Option<Entry>,
    ) -> Result<(), StoreError> {
        let previous = goes
            .first()
            .and_then(|index| present.heads.get(*index))
            .map_or(Etag::ZERO, |head| head.etag);
        let gone = goes.iter().filter_map(|index| present.heads.get(*index));
        let mut gone = superseded(gone, &version);
        gone.extend(self.bury(present, &version)?);
        self.supersede(gone)?;
        let kept = present.heads.iter().enumerate();
        let kept = kept.filter(|(index, _)| !goes.contains(index));
        let mut heads: Vec<_> = kept.map(|(_, head)| head.clone()).collect();
        self.remove_heads(present);
        let head = self.document(version, hash, minted, previous, true)?;
        let key = keys::document(&head.id);
        heads.push(head);
        heads.sort_by(|one, other| one.vector().cmp(other.vector()));
        self.count(keys::CONFLICTS, true);
        self.overlay.put(keys::CONFLICTS, key, Head::encode_all(&heads));
        Ok(())
    }

    /// Puts one deletion in the place of all there are and `incoming`, under the merge of their
    /// vectors, nothing minted. Which one is a function of what they say, so that every database
    /// that merges the same deletions, in any order, has the same row.
    pub(crate) fn merge(
        &mut self,
        present: &Present,
        incoming: Version,
        merged: ChangeVector,
    ) -> Result<(), StoreError> {
        let tombstones = present.heads.iter().filter(|head| head.seen.tombstone);
        // Each of them is a revision of its own, where it is one.
        let mut kept = Version { vector: merged, kept: None, ..incoming };
        for head in tombstones {
            let (here, there) = (&head.collection, &kept.collection);
            let one = (head.last_modified, here.as_str(), head.id.as_str());
            if one > (kept.last_modified, there.as_str(), kept.id.as_str()) {
                kept.last_modified = head.last_modified;
                kept.collection = head.collection.clone();
                kept.id = head.id.clone();
            }
        }
        let hash = kept.content_hash();
        self.replace(present, kept, hash, None).map(drop)
    }

    /// Forgets a deletion, the only thing there is of its document but for what is kept of it.
    pub(crate) fn forget(&mut self, document: Bytes, head: &Head) -> Result<(), StoreError> {
        let etag = head.etag;
        self.overlay.delete(keys::TOMBSTONES, document);
        if !(head.kept && self.leave_to_revision(revision_key(head), etag)?) {
            self.overlay.delete(keys::CHANGES, keys::change(etag));
        }
        self.count(keys::TOMBSTONES, false);
        let floor = &mut self.header.tombstone_floor;
        *floor = etag.max(*floor);
        Ok(())
    }

    fn remove_heads(&mut self, present: &Present) {
        if let (Some(table), Some(head)) = (present.table, present.heads.first()) {
            self.count(table, false);
            if table == keys::DOCUMENTS {
                let gone = head.attachments.len() as u64;
                self.header.attachments = self.header.attachments.saturating_sub(gone);
            }
            self.overlay.delete(table, keys::document(&head.id));
        }
    }

    /// These rows give way to the row that is written next. They stay as history while a task
    /// follows the database, so that transactions are sent whole (invariant I8).
    fn supersede(&mut self, gone: Vec<Superseded>) -> Result<(), StoreError> {
        let mut history = Vec::new();
        for row in gone {
            let own = self.own(row.etag).is_some();
            let stays = !own || row.unremembered;
            if own && row.kept && !self.arriving {
                self.take_revision_back(row.etag)?;
            }
            if stays && !self.header.followers.is_empty() {
                history.push(row);
            } else if row.kept && self.leave_row_to_revision(row.etag)? {
                // It stays where it is, as what it is from now on.
            } else {
                // Of its own transaction nobody has seen it, and nobody will.
                if !self.take_own(row.etag) {
                    self.overlay.delete(keys::CHANGES, keys::change(row.etag));
                }
                self.references.lose(row.contents.into_iter());
            }
        }
        if !history.is_empty() {
            self.header.history_rows += history.len() as u64;
            self.header.history_bytes += history.iter().map(|row| row.bytes).sum::<u64>();
            let key = keys::history(self.next_etag()?);
            self.overlay.put(keys::HISTORY, key, Superseded::encode_all(&history));
        }
        Ok(())
    }

    /// The body of a live version.
    pub(crate) fn body(&self, head: &Head) -> Result<Bytes, StoreError> {
        match self.content(head.etag)? {
            Content::Document(body) => Ok(body),
            Content::Tombstone
            | Content::Counter(_)
            | Content::Segment(_)
            | Content::RevisionTombstone(_) => {
                let key = keys::change(head.etag);
                Err(corrupt(keys::CHANGES, &key, RowError("is no document".to_owned())))
            }
        }
    }

    /// What the row at `etag` says, which another row leads to.
    fn content(&self, etag: Etag) -> Result<Content, StoreError> {
        Ok(self.change(etag)?.version.content)
    }

    /// The row at `etag`, which another row leads to.
    fn change(&self, etag: Etag) -> Result<ChangeRow, StoreError> {
        if let Some(row) = self.own(etag).and_then(|at| self.rows.get(at)?.as_ref()) {
            return Ok(row.clone());
        }
        let key = keys::change(etag);
        let missing = || corrupt(keys::CHANGES, &key, RowError("missing".to_owned()));
        let row = self.overlay.row(keys::CHANGES, &key)?.ok_or_else(missing)?;
        ChangeRow::decode(etag, row).map_err(|error| corrupt(keys::CHANGES, &key, error))
    }

    /// Takes back a row that this very transaction wrote; false for any other row.
    fn take_own(&mut self, etag: Etag) -> bool {
        match self.own(etag).and_then(|at| self.rows.get_mut(at)) {
            Some(row) => {
                let bytes = row.take().map_or(0, |row| row.encoded_bytes_max());
                self.encoded = self.encoded.saturating_sub(bytes);
                true
            }
            None => false,
        }
    }

    /// Where a row of this very transaction would stand.
    fn own(&self, etag: Etag) -> Option<usize> {
        let own = etag.get().checked_sub(self.first.get()).filter(|_| !self.rows.is_empty())?;
        usize::try_from(own).ok()
    }

    /// Gives a version of a document the next etag and a row.
    fn document(
        &mut self,
        version: Version,
        hash: ContentHash,
        minted: Option<Entry>,
        previous: Etag,
        conflicted: bool,
    ) -> Result<Head, StoreError> {
        let head = Head::of(self.next_etag()?, &version, hash);
        self.references.gain(&version.attachments);
        self.remember(head.etag, &version, false)?;
        self.row(version, minted, previous, conflicted)?;
        Ok(head)
    }

    /// Gives `version` the next etag and a row.
    fn row(
        &mut self,
        version: Version,
        minted: Option<Entry>,
        previous: Etag,
        conflicted: bool,
    ) -> Result<(), StoreError> {
        let etag = self.next_etag()?;
        if self.header.lineage().newest_run() != self.run {
            Arc::make_mut(&mut self.header.origin).lineage.begin_run(self.run, etag);
        }
        self.header.last_etag = etag;
        if self.rows.is_empty() {
            self.first = etag;
        }
        let stamp = self.stamp.unwrap_or(self.header.last_stamp);
        self.header.last_stamp = stamp;
        let row = ChangeRow {
            etag,
            transaction: TransactionMark { first: self.first, rows: 0 },
            stamp,
            previous,
            minted,
            conflicted,
            version,
        };
        self.encoded += row.encoded_bytes_max();
        self.rows.push(Some(row));
        Ok(())
    }

    fn count(&mut self, table: Table, more: bool) {
        let header = &mut self.header;
        let count = match table {
            keys::DOCUMENTS => &mut header.documents,
            keys::TOMBSTONES => &mut header.tombstones,
            _ => &mut header.conflicts,
        };
        *count = if more { *count + 1 } else { count.saturating_sub(1) };
    }

    /// A row of one of the small tables.
    pub(crate) fn small(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        Ok(self.overlay.row(table, key)?)
    }

    /// Writes or removes a row of one of the small tables.
    pub(crate) fn set_small(&mut self, table: Table, key: Bytes, value: Option<Bytes>) {
        match value {
            Some(value) => self.overlay.put(table, key, value),
            None => self.overlay.delete(table, key),
        }
    }
}

/// The rows of `heads`, which give way to a version.
fn superseded<'h>(heads: impl Iterator<Item = &'h Head>, by: &Version) -> Vec<Superseded> {
    let row = |head: &Head| {
        let list = head.attachments.encoded_bytes_max() as u64;
        Superseded {
            etag: head.etag,
            bytes: head.size + list + SUPERSEDED_BYTES + detached_bytes(head, &by.attachments),
            contents: head.attachments.as_slice().iter().map(|one| one.hash).collect(),
            kept: head.kept,
            unremembered: head.seen.tombstone && !by.remembers(head.vector()),
        }
    };
    heads.map(row).collect()
}

/// Where the revision of a version that is kept stands.
fn revision_key(head: &Head) -> Bytes {
    keys::revision(&head.id, head.last_modified, head.vector())
}

/// Bytes of the contents that `head` has and a version with these attachments has not.
fn detached_bytes(head: &Head, by: &Attachments) -> u64 {
    let stays = |hash| by.as_slice().iter().any(|other| other.hash == hash);
    let gone = head.attachments.as_slice().iter().filter(|one| !stays(one.hash));
    gone.map(|one| one.size).sum()
}

fn one(table: Table, key: &[u8], row: Bytes) -> Result<Present, StoreError> {
    let head = Head::decode(row).map_err(|error| corrupt(table, key, error))?;
    Ok(Present { heads: vec![head], table: Some(table) })
}

/// A row that does not read back, by name.
pub(crate) fn corrupt(table: Table, key: &[u8], error: RowError) -> StoreError {
    StoreError::Row { table: table.name, key: key.to_vec(), what: error.0 }
}
