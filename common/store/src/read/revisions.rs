//! Revisions of a snapshot.

use bytes::Bytes;
use jackdaw_common::{ChangeVector, DocumentId, RevisionsConfiguration};

use super::Snapshot;
use crate::{
    engine::{Direction, ScanRange},
    error::StoreError,
    keys,
    tables::{
        changes::ChangeRow,
        heads::Head,
        revisions::{Ledger, Revision},
    },
    write::corrupt,
};

impl Snapshot {
    /// Of which collections revisions are kept.
    pub fn revisions_configuration(&self) -> &RevisionsConfiguration {
        &self.header().origin.revisions
    }

    /// How many revisions a document has.
    ///
    /// # Errors
    ///
    /// A row that does not read back, or the engine's.
    pub fn count_revisions(&self, id: &DocumentId) -> Result<u64, StoreError> {
        if self.header().revisions == 0 {
            return Ok(0);
        }
        let key = keys::ledger(id.key().as_bytes());
        let Some(row) = self.engine.get(keys::REVISIONS, &key)? else { return Ok(0) };
        let ledger = Ledger::decode(row).map_err(|it| corrupt(keys::REVISIONS, &key, it))?;
        Ok(ledger.count)
    }

    /// The revisions of a document, the newest first, each with the place behind which a list of
    /// them goes on; behind `after`, where given.
    pub fn revisions(
        &self,
        id: &DocumentId,
        after: Option<&Bytes>,
    ) -> impl Iterator<Item = Result<(Bytes, Revision), StoreError>> + Send + '_ {
        let ledger = keys::ledger(id.key().as_bytes());
        let mut range = ScanRange::prefix(&ledger);
        range.start = ScanRange::after(ledger.clone()).start;
        if let Some(after) = after {
            let place = [&ledger[..], after].concat();
            range.end = std::ops::Bound::Excluded(place.into());
        }
        let prefix = ledger.len();
        self.engine.scan(keys::REVISIONS, range, Direction::Backward).map(move |entry| {
            let (key, row) = entry?;
            let revision =
                Revision::decode(row).map_err(|it| corrupt(keys::REVISIONS, &key, it))?;
            Ok((key.slice(prefix..), revision))
        })
    }

    /// The revisions of all documents whose keys begin with `prefix`, by document, the oldest
    /// first, each with its key; behind the key `after`, where given.
    pub fn all_revisions(
        &self,
        prefix: &str,
        after: Option<&Bytes>,
    ) -> impl Iterator<Item = Result<(Bytes, Revision), StoreError>> + Send + '_ {
        let mut range = ScanRange::prefix(prefix.as_bytes());
        if let Some(after) = after {
            range.start = ScanRange::after(after.clone()).start;
        }
        let rows = self.engine.scan(keys::REVISIONS, range, Direction::Forward);
        let rows = rows.filter(|row| !row.as_ref().is_ok_and(|(key, _)| keys::is_ledger(key)));
        rows.map(|entry| {
            let (key, row) = entry?;
            let revision =
                Revision::decode(row).map_err(|it| corrupt(keys::REVISIONS, &key, it))?;
            Ok((key, revision))
        })
    }

    /// A key behind those of all revisions of the document with this lower-cased id, and before
    /// those of the next document, for [`Self::all_revisions`].
    pub fn revisions_end(document: &str) -> Bytes {
        keys::revisions_end(document.as_bytes())
    }

    /// The vector of the live version of a document that is not in conflict.
    ///
    /// # Errors
    ///
    /// A row that does not read back, or the engine's.
    pub fn live_vector(&self, id: &DocumentId) -> Result<Option<ChangeVector>, StoreError> {
        let key = keys::document(id);
        let Some(row) = self.engine.get(keys::DOCUMENTS, &key)? else { return Ok(None) };
        let head = Head::decode(row).map_err(|it| corrupt(keys::DOCUMENTS, &key, it))?;
        Ok(Some(head.vector().clone()))
    }

    /// The revision of a document that has this vector, and the version that it is. Looks at the
    /// keys of all that the document has, but at no others' rows.
    ///
    /// # Errors
    ///
    /// A row that does not read back, or the engine's.
    pub fn revision(
        &self,
        id: &DocumentId,
        vector: &ChangeVector,
    ) -> Result<Option<(Revision, ChangeRow)>, StoreError> {
        let digest = keys::revision_digest(vector);
        let range = ScanRange::prefix(&keys::ledger(id.key().as_bytes()));
        for entry in self.engine.scan(keys::REVISIONS, range, Direction::Backward) {
            let (key, row) = entry?;
            if !key.ends_with(&digest) {
                continue;
            }
            let revision =
                Revision::decode(row).map_err(|it| corrupt(keys::REVISIONS, &key, it))?;
            if revision.vector == *vector {
                let row = self.revised(&revision)?;
                return Ok(Some((revision, row)));
            }
        }
        Ok(None)
    }

    /// The version that a revision is.
    ///
    /// # Errors
    ///
    /// A row that does not read back, or the engine's.
    pub fn revised(&self, revision: &Revision) -> Result<ChangeRow, StoreError> {
        self.change(revision.etag)
    }

    /// Whether a row of `changes` is a revision and nothing else: another version has taken its
    /// place, and every task has passed that.
    ///
    /// # Errors
    ///
    /// A row that does not read back, or the engine's.
    pub fn is_past(&self, row: &ChangeRow) -> Result<bool, StoreError> {
        let version = &row.version;
        if version.kept.is_none() {
            return Ok(false);
        }
        let key = keys::revision(&version.id, version.last_modified, &version.vector);
        let Some(value) = self.engine.get(keys::REVISIONS, &key)? else { return Ok(false) };
        let revision = Revision::decode(value).map_err(|it| corrupt(keys::REVISIONS, &key, it))?;
        Ok(revision.past && revision.etag == row.etag)
    }
}
