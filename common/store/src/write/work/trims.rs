//! Which revisions of a document go, as an intent decides and writes it.

use std::{collections::BTreeSet, sync::Arc};

use bytes::Bytes;
use jackdaw_common::{
    Attachments, ChangeVector, Collection, Content, DocumentId, Entry, Etag, Timestamp, Version,
    item::{
        Kept, RevisionsRule,
        revision::{left, removal},
    },
    limits::REVISIONS_TRIMMED_MAX,
};

use super::{SUPERSEDED_BYTES, Work, corrupt};
use crate::{
    error::StoreError,
    keys,
    tables::{
        history::Superseded,
        revisions::{Revision, Trim},
    },
};

impl Work<'_> {
    pub(super) fn trim(&self, document: &[u8]) -> Result<Option<Trim>, StoreError> {
        if self.header.trims == 0 {
            return Ok(None);
        }
        let row = self.overlay.row(keys::TRIMS, document)?;
        let decode = |row| Trim::decode(row).map_err(|it| corrupt(keys::TRIMS, document, it));
        row.map(decode).transpose()
    }

    /// Removes the revisions of a document that its rule no longer keeps, the oldest first and so
    /// many at most as one step may; answers how many those were.
    pub(crate) fn trim_by(
        &mut self,
        id: &DocumentId,
        rule: &RevisionsRule,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let ledger = self.ledger(id.key().as_bytes())?;
        if rule.excess(ledger.count) == 0 {
            return Ok(0);
        }
        if !ledger.ordered {
            return self.trim_among(id, rule, now, |_| true);
        }
        let most = rule.excess(ledger.count).min(REVISIONS_TRIMMED_MAX as u64);
        let mut victims = Vec::new();
        for entry in self.revisions_of(id.key().as_bytes()) {
            let (_, revision) = entry?;
            if victims.len() as u64 == most || !rule.is_old(revision.last_modified, now) {
                break;
            }
            victims.push(revision.by);
        }
        self.remove_revisions(id, removal(victims.iter(), std::iter::empty()), now)
    }

    /// The same of those alone that this database keeps by itself, in any of its lives.
    pub(crate) fn trim_own(
        &mut self,
        id: &DocumentId,
        rule: &RevisionsRule,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let lives: BTreeSet<_> =
            self.header.lineage().lives().iter().map(|life| life.incarnation).collect();
        let is_own =
            |by: &ChangeVector| by.entries().iter().all(|entry| lives.contains(&entry.incarnation));
        self.trim_among(id, rule, now, is_own)
    }

    /// The same where they have not come in their order. Of those that one database keeps, which
    /// are told apart by its entries, none goes before another that was kept before it.
    fn trim_among(
        &mut self,
        id: &DocumentId,
        rule: &RevisionsRule,
        now: Timestamp,
        may_go: impl Fn(&ChangeVector) -> bool,
    ) -> Result<u64, StoreError> {
        let (mut among, mut stays) = (Vec::new(), Vec::new());
        for entry in self.revisions_of(id.key().as_bytes()) {
            let (_, Revision { by, last_modified, .. }) = entry?;
            if among.is_empty() && stays.is_empty() && !rule.is_old(last_modified, now) {
                // The oldest of all.
                return Ok(0);
            }
            match by.entries().first() {
                Some(first) if may_go(&by) => among.push((*first, last_modified, by)),
                _ => stays.push(by),
            }
        }
        among.sort_unstable_by_key(|(first, ..)| (first.incarnation, first.etag));
        for at in 1..among.len() {
            if among[at - 1].0.incarnation == among[at].0.incarnation {
                among[at].1 = among[at].1.max(among[at - 1].1);
            }
        }
        among.sort_by_key(|(_, time, _)| *time);
        let excess = usize::try_from(rule.excess(among.len() as u64)).unwrap_or(usize::MAX);
        let old = among.iter().take(excess).take_while(|it| rule.is_old(it.1, now)).count();
        let staying = among.iter().skip(old).map(|it| &it.2).chain(&stays);
        let victims = among.iter().take(old.min(REVISIONS_TRIMMED_MAX)).map(|it| &it.2);
        let removed = removal(victims, staying);
        self.remove_revisions(id, removed, now)
    }

    /// Removes all revisions of a document.
    pub(crate) fn purge(&mut self, id: &DocumentId, now: Timestamp) -> Result<u64, StoreError> {
        let mut all = Vec::new();
        for entry in self.revisions_of(id.key().as_bytes()) {
            all.push(entry?.1.by);
        }
        self.remove_revisions(id, removal(all.iter(), std::iter::empty()), now)
    }

    /// A client's removal.
    fn remove_revisions(
        &mut self,
        id: &DocumentId,
        removed: ChangeVector,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        if removed.is_empty() {
            return Ok(0);
        }
        let (mut vector, mut all) = (self.header.vector.clone(), removed);
        if let Some(before) = self.trim(id.key().as_bytes())? {
            vector.merge_from(&before.vector);
            all.merge_from(&before.removed);
        }
        let by = self.mint()?;
        vector.raise(by);
        let version = Version {
            id: id.clone(),
            collection: Collection::default(),
            vector,
            last_modified: now,
            content: Content::RevisionTombstone(all.clone()),
            attachments: Attachments::default(),
            since: ChangeVector::empty(),
            kept: None,
        };
        self.write_trim(version, all, Some(by))
    }

    /// What is removed of a document's revisions, in the place of what was.
    pub(crate) fn write_trim(
        &mut self,
        version: Version,
        removed: ChangeVector,
        minted: Option<Entry>,
    ) -> Result<u64, StoreError> {
        let id = version.id.clone();
        let document = id.key().as_bytes();
        let before = self.trim(document)?;
        let mut ledger = self.ledger(document)?;
        let (mut gone, mut fewer) = (Vec::new(), Vec::new());
        for entry in self.revisions_of(document) {
            let (key, revision) = entry?;
            let by = left(&revision.by, &removed);
            if by.is_empty() {
                gone.push((key, revision));
            } else if by != revision.by {
                fewer.push((key, Revision { by, ..revision }));
            } else if ledger.ends_with_the_first_to_stay() {
                break;
            }
        }
        for (key, revision) in fewer {
            self.keep_for_fewer(key, &revision)?;
        }
        let count = gone.len() as u64;
        for (key, revision) in gone {
            self.release(&revision)?;
            self.remove_revision(key, &mut ledger);
        }
        self.set_ledger(document, &ledger);
        let superseded = before.as_ref().map(|before| Superseded {
            etag: before.etag,
            bytes: SUPERSEDED_BYTES,
            contents: Vec::new(),
            kept: false,
            unremembered: false,
        });
        self.header.trims += u64::from(superseded.is_none());
        let previous = before.map_or(Etag::ZERO, |before| before.etag);
        self.supersede(superseded.into_iter().collect())?;
        let trim = Trim { etag: self.next_etag()?, vector: version.vector.clone(), removed };
        self.overlay.put(keys::TRIMS, Bytes::copy_from_slice(document), trim.encode());
        self.row(version, minted, previous, false)?;
        Ok(count)
    }

    /// Some of those that keep a revision have removed it. Its row says so too, and stays where it
    /// is: what removed it travels by itself.
    fn keep_for_fewer(&mut self, key: Bytes, revision: &Revision) -> Result<(), StoreError> {
        let mut row = self.change(revision.etag)?;
        if let Some(kept) = &row.version.kept {
            let (by, parts) = (revision.by.clone(), kept.parts.clone());
            row.version.kept = Some(Arc::new(Kept { by, parts }));
        }
        self.overlay.put(keys::REVISIONS, key, revision.encode());
        match self.own(row.etag).and_then(|at| self.rows.get_mut(at)) {
            Some(own) => *own = Some(row),
            None => self.overlay.put(keys::CHANGES, keys::change(row.etag), row.encode()),
        }
        Ok(())
    }

    /// What is known to be removed of a document's revisions, and what that has seen.
    pub(crate) fn removed(&self, id: &DocumentId) -> Result<Option<Trim>, StoreError> {
        self.trim(id.key().as_bytes())
    }

    /// Forgets what was removed of a document's revisions.
    pub(crate) fn forget_trim(&mut self, document: Bytes, etag: Etag) {
        self.overlay.delete(keys::TRIMS, document);
        self.overlay.delete(keys::CHANGES, keys::change(etag));
        self.header.trims = self.header.trims.saturating_sub(1);
    }
}
