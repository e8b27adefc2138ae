//! The collector: what was overwritten goes once every task has passed what took its place.
//!
//! It goes along with whatever is committed, in bounded steps; the driver gives it commits of its
//! own while there is more to do. Beyond `HISTORY_BYTES_MAX` the oldest history goes though a task
//! still needs it: its transactions then arrive without it, and the header says up to where
//! (storage, "History").

use bytes::Bytes;
use jackdaw_common::{
    Etag, Version,
    limits::{COLLECT_ROWS_MAX, HISTORY_BYTES_MAX},
};

use super::{references::References, work::corrupt};
use crate::{
    engine::{Direction, EngineError, ScanRange},
    error::StoreError,
    keys,
    overlay::Overlay,
    tables::{changes::ChangeRow, header::Header, history::Superseded, revisions::Revision},
};

/// Where the collector stands. Only in memory: after a restart it looks from the beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Collector {
    /// Nothing is left at or below.
    clean: Etag,
    /// History that does not read back: it stays, and nothing is collected any more.
    stuck: bool,
    bytes_max: u64,
}

impl Default for Collector {
    fn default() -> Self {
        Self { clean: Etag::ZERO, stuck: false, bytes_max: HISTORY_BYTES_MAX }
    }
}

impl Collector {
    /// One that keeps at most so many bytes.
    #[cfg(test)]
    pub(crate) fn keeping(bytes_max: u64) -> Self {
        Self { bytes_max, ..Self::default() }
    }

    /// Whether there is something to collect.
    pub(crate) fn wants(&self, header: &Header) -> bool {
        let passed = header.followers.passed() > self.clean;
        !self.stuck && header.history_rows > 0 && (passed || header.history_bytes > self.bytes_max)
    }

    /// Collects a step of what was published, up to etag `published`, into `overlay`; answers where
    /// the collector stands once that is committed.
    pub(crate) fn step(&self, published: Etag, overlay: &mut Overlay, header: &mut Header) -> Self {
        if !self.wants(header) {
            return *self;
        }
        let mut after = header.clone();
        match self.collect(published, overlay, &mut after) {
            Ok(clean) => {
                overlay.keep();
                *header = after;
                Self { clean, ..*self }
            }
            Err(error) => {
                tracing::error!(%error, "history is not collected any more");
                overlay.take_back();
                Self { stuck: true, ..*self }
            }
        }
    }

    fn collect(
        &self,
        published: Etag,
        overlay: &mut Overlay,
        header: &mut Header,
    ) -> Result<Etag, StoreError> {
        let passed = header.followers.passed();
        let base = overlay.base().clone();
        let range = ScanRange::after(keys::history(self.clean));
        let (mut clean, mut rows) = (self.clean, 0);
        let mut references = References::default();
        let mut all = true;
        for entry in base.scan(keys::HISTORY, range, Direction::Forward) {
            let (successor, superseded) = read(entry)?;
            let needed = successor > passed;
            if needed && header.history_bytes <= self.bytes_max {
                // There is nothing more to do before somebody has passed it.
                break;
            }
            if rows >= COLLECT_ROWS_MAX {
                all = false;
                break;
            }
            if needed {
                header.folded_until = successor;
            }
            for row in &superseded {
                if !(row.kept && leave_to_revision(overlay, row.etag)?) {
                    overlay.delete(keys::CHANGES, keys::change(row.etag));
                    references.lose(row.contents.iter().copied());
                }
                header.history_bytes = header.history_bytes.saturating_sub(row.bytes);
            }
            rows += superseded.len();
            header.history_rows = header.history_rows.saturating_sub(superseded.len() as u64);
            overlay.delete(keys::HISTORY, keys::history(successor));
            clean = successor;
        }
        references.settle(overlay, header)?;
        // Where all that was published and is passed is collected: what this group adds has greater
        // etags.
        Ok(if all { clean.max(passed.min(published)) } else { clean })
    }
}

/// A version that is kept is nobody's but its revision's from now on, if it still has one.
fn leave_to_revision(overlay: &mut Overlay, etag: Etag) -> Result<bool, StoreError> {
    let change = keys::change(etag);
    let Some(row) = overlay.row(keys::CHANGES, &change)? else { return Ok(false) };
    let row = ChangeRow::decode(etag, row).map_err(|it| corrupt(keys::CHANGES, &change, it))?;
    let Version { id, last_modified, vector, .. } = &row.version;
    let key = keys::revision(id, *last_modified, vector);
    let Some(row) = overlay.row(keys::REVISIONS, &key)? else { return Ok(false) };
    let revision = Revision::decode(row).map_err(|it| corrupt(keys::REVISIONS, &key, it))?;
    if revision.etag != etag {
        return Ok(false);
    }
    overlay.put(keys::REVISIONS, key, Revision { past: true, ..revision }.encode());
    Ok(true)
}

fn read(entry: Result<(Bytes, Bytes), EngineError>) -> Result<(Etag, Vec<Superseded>), StoreError> {
    let (key, row) = entry?;
    let successor = keys::etag(keys::HISTORY, &key)?;
    let superseded =
        Superseded::decode_all(row).map_err(|error| corrupt(keys::HISTORY, &key, error))?;
    Ok((successor, superseded))
}
