//! When a content that nothing refers to any more can go: once no snapshot is left that saw it.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::Contents;
use crate::engine::BlobId;

/// A stretch of commits of which none made a content needless. Snapshots hold theirs, and each
/// holds the one that follows it: an epoch ends when no snapshot of it, nor any older one, is left.
pub(crate) struct Epoch {
    contents: Arc<Contents>,
    number: u64,
    /// What the commit that ended it made needless.
    doomed: Mutex<Vec<BlobId>>,
    next: OnceLock<Arc<Self>>,
}

impl Epoch {
    /// The first one.
    pub(crate) fn first(contents: Arc<Contents>) -> Arc<Self> {
        Self::numbered(contents, 0)
    }

    fn numbered(contents: Arc<Contents>, number: u64) -> Arc<Self> {
        Arc::new(Self { contents, number, doomed: Mutex::default(), next: OnceLock::new() })
    }

    /// The contents of its database.
    pub(crate) fn contents(&self) -> &Arc<Contents> {
        &self.contents
    }

    /// A commit has made `doomed` needless. Answers the epoch that begins with it.
    pub(crate) fn end(&self, doomed: Vec<BlobId>) -> Arc<Self> {
        let mut fates = self.contents.fates();
        fates.doomed.extend(doomed.iter().map(|blob| (*blob, self.number)));
        drop(fates);
        *self.doomed.lock().unwrap_or_else(PoisonError::into_inner) = doomed;
        let next = Self::numbered(Arc::clone(&self.contents), self.number + 1);
        Arc::clone(self.next.get_or_init(|| next))
    }

    fn reap(&mut self) {
        let doomed = self.doomed.get_mut().unwrap_or_else(PoisonError::into_inner);
        self.contents.reap(doomed, self.number);
        doomed.clear();
    }
}

impl Drop for Epoch {
    /// Removes files: whoever drops the last snapshot waits for that.
    fn drop(&mut self) {
        self.reap();
        // Not one within the other: there may be as many as there were commits.
        let mut next = self.next.take();
        while let Some(mut epoch) = next.and_then(Arc::into_inner) {
            epoch.reap();
            next = epoch.next.take();
        }
    }
}
