//! Revisions of documents, as an intent reads and writes them.
//!
//! A version that is kept stays where it is, in `changes`; a row of `revisions` leads to it from
//! the beginning. It is the only one that does once another version has taken its place, and every
//! task has passed that.

use std::sync::Arc;

use bytes::Bytes;
use jackdaw_common::{
    ChangeVector, Collection, Counter, DocumentId, Entry, Etag, Timestamp, Version,
    item::{
        Extent, Kept, KeptCounter, KeptParts, RevisionsRule, revision::left, series::SeriesSummary,
    },
    limits::{REVISION_PARTS_ROWS_MAX, REVISIONS_AT_ONCE_MAX},
};

use super::{Present, Work, corrupt, parts};
use crate::{
    engine::{Direction, ScanRange},
    error::StoreError,
    keys,
    tables::revisions::{Has, Ledger, Revision},
};

/// What revisions of one time a document has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Like {
    /// None with the same content.
    None,
    /// One with the same content.
    There,
    /// None with the same content, and so many others that there may be no more.
    TooMany,
}

impl Work<'_> {
    /// How revisions of a collection are kept, if any are.
    pub(crate) fn rule(&self, collection: &Collection) -> Option<&RevisionsRule> {
        self.header.origin.revisions.rule(collection)
    }

    /// Whether revisions of a document of a collection go when it is deleted.
    pub(crate) fn purges(&self, collection: &Collection) -> bool {
        self.rule(collection).is_some_and(|rule| rule.purge_on_delete)
    }

    /// That a version of a document is kept under `by`, with what the document has now.
    pub(crate) fn kept(&self, id: &DocumentId, by: Entry) -> Result<Arc<Kept>, StoreError> {
        let by = ChangeVector::from_entries([by]);
        let mut parts = KeptParts::default();
        if self.header.parts > 0 {
            let mut rows = REVISION_PARTS_ROWS_MAX;
            self.keep_counters(id, &mut parts, &mut rows)?;
            self.keep_series(id, &mut parts, &mut rows)?;
        }
        Ok(Arc::new(Kept { by, parts }))
    }

    /// Now, or, where a clock went back, a time behind the revisions there are of a document: they
    /// are kept and listed by time.
    pub(crate) fn behind_revisions(
        &self,
        id: &DocumentId,
        now: Timestamp,
    ) -> Result<Timestamp, StoreError> {
        let last = self.ledger(id.key().as_bytes())?.last_modified;
        Ok(now.max(last.plus_micros(1)))
    }

    fn keep_counters(
        &self,
        id: &DocumentId,
        parts: &mut KeptParts,
        rows: &mut usize,
    ) -> Result<(), StoreError> {
        let range = ScanRange::prefix(&keys::parts(id.key().as_bytes()));
        for entry in self.overlay.scan(keys::COUNTERS, range, Direction::Forward) {
            let (key, row) = entry?;
            if *rows == 0 || parts.is_full() {
                parts.more = true;
                return Ok(());
            }
            *rows -= 1;
            let counter = parts::decode::<Counter>(keys::COUNTERS, &key, row)?.part;
            if !counter.partials.is_empty() {
                let value = counter.partials.value().ok();
                parts.counters.push(KeptCounter { name: counter.name, value });
            }
        }
        Ok(())
    }

    fn keep_series(
        &self,
        id: &DocumentId,
        parts: &mut KeptParts,
        rows: &mut usize,
    ) -> Result<(), StoreError> {
        let range = ScanRange::prefix(&keys::parts(id.key().as_bytes()));
        for entry in self.overlay.scan(keys::SEGMENTS, range, Direction::Forward) {
            let (key, row) = entry?;
            if *rows == 0 || parts.is_full() {
                parts.more = true;
                // It may be one of which there is more.
                parts.series.pop();
                return Ok(());
            }
            *rows -= 1;
            let extent = parts::decode::<Extent>(keys::SEGMENTS, &key, row)?.part;
            let Some(bounds) = extent.bounds else { continue };
            match parts.series.last_mut().filter(|last| last.name == extent.name) {
                Some(last) => {
                    last.entries += extent.live;
                    last.bounds = last.bounds.to(&bounds);
                }
                None => {
                    let (name, entries) = (extent.name, extent.live);
                    parts.series.push(SeriesSummary { name, entries, bounds });
                }
            }
        }
        Ok(())
    }

    /// Keeps the live versions of a document which their writers did not, before others take their
    /// place: what was written before anybody wanted revisions, or where nobody does. Each in a
    /// transaction of its own: as revisions they need nothing else, and the one that takes their
    /// place must not become larger than a destination takes.
    ///
    /// To be called between two transactions. Answers whether there was one.
    pub(crate) fn keep_versions(
        &mut self,
        present: &Present,
        gone: impl Fn(usize) -> bool,
    ) -> Result<bool, StoreError> {
        let mut any = false;
        if !self.keeps() {
            return Ok(any);
        }
        for (at, head) in present.heads.iter().enumerate() {
            let own = self.own(head.etag).is_some();
            if own || head.seen.tombstone || !gone(at) || self.rule(&head.collection).is_none() {
                continue;
            }
            if self.revision(&super::revision_key(head))?.is_some() {
                // It is kept, by its writer or by another database.
                continue;
            }
            let row = self.change(head.etag)?;
            let by = self.mint()?;
            let kept = Some(self.kept(&head.id, by)?);
            self.keep(Version { kept, ..row.version }, row.minted)?;
            self.border();
            any = true;
        }
        Ok(any)
    }

    /// Whether revisions of any collection are kept.
    pub(crate) fn keeps(&self) -> bool {
        !self.header.origin.revisions.is_empty()
    }

    /// Gives a version a row as a revision, and as nothing else.
    pub(crate) fn keep(
        &mut self,
        version: Version,
        minted: Option<Entry>,
    ) -> Result<(), StoreError> {
        self.references.gain(&version.attachments);
        self.remember(self.next_etag()?, &version, true)?;
        self.row(version, minted, Etag::ZERO, false)
    }

    /// What revisions a document has of the time of `version`.
    pub(crate) fn revision_like(&self, version: &Version) -> Result<Like, StoreError> {
        let mut all = 0;
        let prefix = keys::revisions_at(&version.id, version.last_modified);
        for entry in
            self.overlay.scan(keys::REVISIONS, ScanRange::prefix(&prefix), Direction::Forward)
        {
            let (key, row) = entry?;
            let revision = decode_revision(&key, row)?;
            let same = revision.tombstone == version.content.is_tombstone()
                && revision.size == version.content.bytes() as u64;
            if same && self.change(revision.etag)?.version.content_hash() == version.content_hash()
            {
                return Ok(Like::There);
            }
            all += 1;
        }
        Ok(if all < REVISIONS_AT_ONCE_MAX { Like::None } else { Like::TooMany })
    }

    /// Takes a version in that has come as a revision, or too late to be anything else; answers
    /// whether there was something to write.
    pub(crate) fn keep_arriving(
        &mut self,
        version: Version,
        minted: Option<Entry>,
    ) -> Result<bool, StoreError> {
        let Some(kept) = &version.kept else { return Ok(false) };
        let key = keys::revision(&version.id, version.last_modified, &version.vector);
        let before = self.revision(&key)?;
        // What has been seen and is not there was removed, as far as that is remembered, and else.
        let mut gone = self.header.vector.clone();
        if let Some(trim) = self.trim(version.id.key().as_bytes())? {
            gone.merge_from(&trim.removed);
        }
        let retired = &self.header.origin.retired;
        let mut by = left(&kept.by, &gone).without(retired);
        if let Some(before) = &before {
            by = left(&by, &before.by).merge(&before.by);
        }
        if before.as_ref().map_or_else(|| by.is_empty(), |before| before.by == by) {
            return Ok(false);
        }
        let parts = match &before {
            Some(before) => self.either(kept.parts.clone(), before)?,
            None => kept.parts.clone(),
        };
        let kept = Some(Arc::new(Kept { by, parts }));
        self.keep(Version { kept, ..version }, minted)?;
        Ok(true)
    }

    /// Of what two databases say that a document had the same one stays everywhere.
    fn either(&self, parts: KeptParts, before: &Revision) -> Result<KeptParts, StoreError> {
        let there = self.change(before.etag)?.version.kept;
        let there = there.map(|kept| kept.parts.clone()).unwrap_or_default();
        let text = |parts: &KeptParts| format!("{parts:?}");
        Ok(if text(&there) < text(&parts) { there } else { parts })
    }

    /// Has a row of `revisions` lead to a version that is kept, which gets its row at `etag`.
    pub(super) fn remember(
        &mut self,
        etag: Etag,
        version: &Version,
        past: bool,
    ) -> Result<(), StoreError> {
        let Some(kept) = &version.kept else { return Ok(()) };
        let document = version.id.key().as_bytes();
        if self.trim(document)?.is_some_and(|trim| trim.removed.covers(&kept.by)) {
            return Ok(());
        }
        let key = keys::revision(&version.id, version.last_modified, &version.vector);
        let revision = Revision {
            etag,
            id: version.id.clone(),
            has: Has::of(version),
            by: kept.by.clone(),
            vector: version.vector.clone(),
            last_modified: version.last_modified,
            collection: version.collection.clone(),
            size: version.content.bytes() as u64,
            tombstone: version.content.is_tombstone(),
            past,
        };
        let mut ledger = self.ledger(document)?;
        match self.revision(&key)? {
            // It has come over another way, or others keep it too.
            Some(before) => {
                ledger.add_to(&revision.by);
                self.release(&before)?;
            }
            None => {
                ledger.add(&revision);
                self.header.revisions += 1;
            }
        }
        self.set_ledger(document, &ledger);
        self.overlay.put(keys::REVISIONS, key, revision.encode());
        Ok(())
    }

    pub(super) fn revision(&self, key: &[u8]) -> Result<Option<Revision>, StoreError> {
        let row = self.overlay.row(keys::REVISIONS, key)?;
        row.map(|row| decode_revision(key, row)).transpose()
    }

    pub(super) fn ledger(&self, document: &[u8]) -> Result<Ledger, StoreError> {
        let key = keys::ledger(document);
        let Some(row) = self.overlay.row(keys::REVISIONS, &key)? else {
            return Ok(Ledger::default());
        };
        Ledger::decode(row).map_err(|error| corrupt(keys::REVISIONS, &key, error))
    }

    pub(super) fn set_ledger(&mut self, document: &[u8], ledger: &Ledger) {
        let key = keys::ledger(document);
        if ledger.count == 0 {
            self.overlay.delete(keys::REVISIONS, key);
        } else {
            self.overlay.put(keys::REVISIONS, key, ledger.encode());
        }
    }

    /// A version at `etag` is nobody's but its revision's from now on, if it has one.
    pub(super) fn leave_to_revision(&mut self, key: Bytes, etag: Etag) -> Result<bool, StoreError> {
        let Some(revision) = self.revision(&key)?.filter(|it| it.etag == etag) else {
            return Ok(false);
        };
        let row = Revision { past: true, ..revision }.encode();
        self.overlay.put(keys::REVISIONS, key, row);
        Ok(true)
    }

    /// The same of the version in a row.
    pub(super) fn leave_row_to_revision(&mut self, etag: Etag) -> Result<bool, StoreError> {
        let version = self.change(etag)?.version;
        let key = keys::revision(&version.id, version.last_modified, &version.vector);
        self.leave_to_revision(key, etag)
    }

    /// The version that this very transaction wrote at `etag` is no revision: nobody has seen it.
    pub(super) fn take_revision_back(&mut self, etag: Etag) -> Result<(), StoreError> {
        let version = self.change(etag)?.version;
        let key = keys::revision(&version.id, version.last_modified, &version.vector);
        if self.revision(&key)?.is_some_and(|it| it.etag == etag) {
            let document = version.id.key().as_bytes();
            let mut ledger = self.ledger(document)?;
            self.remove_revision(key, &mut ledger);
            self.set_ledger(document, &ledger);
        }
        Ok(())
    }

    pub(super) fn remove_revision(&mut self, key: Bytes, ledger: &mut Ledger) {
        self.overlay.delete(keys::REVISIONS, key);
        ledger.count = ledger.count.saturating_sub(1);
        self.header.revisions = self.header.revisions.saturating_sub(1);
    }

    /// Removes the row that a revision led to, unless something else leads to it.
    pub(super) fn release(&mut self, revision: &Revision) -> Result<(), StoreError> {
        if !revision.past {
            return Ok(());
        }
        if revision.has.attachments {
            let row = self.change(revision.etag)?;
            let contents = row.version.attachments.as_slice().iter().map(|one| one.hash);
            self.references.lose(contents);
        }
        if !self.take_own(revision.etag) {
            self.overlay.delete(keys::CHANGES, keys::change(revision.etag));
        }
        Ok(())
    }

    /// The newest revision of a document.
    pub(crate) fn newest_revision(&self, document: &[u8]) -> Result<Option<Revision>, StoreError> {
        let range = ScanRange::prefix(&keys::ledger(document));
        let mut newest = self.overlay.scan(keys::REVISIONS, range, Direction::Backward);
        let Some((key, row)) = newest.next().transpose()? else { return Ok(None) };
        decode_revision(&key, row).map(Some)
    }

    /// The revisions of a document, the oldest first.
    pub(super) fn revisions_of(
        &self,
        document: &[u8],
    ) -> impl Iterator<Item = Result<(Bytes, Revision), StoreError>> + '_ {
        // Behind how many there are.
        let mut range = ScanRange::prefix(&keys::ledger(document));
        range.start = ScanRange::after(keys::ledger(document)).start;
        self.overlay.scan(keys::REVISIONS, range, Direction::Forward).map(|entry| {
            let (key, row) = entry?;
            let revision = decode_revision(&key, row)?;
            Ok((key, revision))
        })
    }
}

fn decode_revision(key: &[u8], row: Bytes) -> Result<Revision, StoreError> {
    Revision::decode(row).map_err(|error| corrupt(keys::REVISIONS, key, error))
}
