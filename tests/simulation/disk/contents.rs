//! Contents beside the rows of a simulated disk: what was kept is durable, nothing else is.
//!
//! A power cut takes from a part what was appended, or leaves zeros in its place, as file systems
//! do that write sizes before bytes; it may bring back what was removed, or made a part again. A
//! process that was ended changes nothing any more.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use jackdaw_store::engine::{BlobId, Blobs, EngineError, Part};
use jackdaw_tests::random::Random;
use tokio::time::Instant;

use crate::planted::Planted;

/// The contents of a disk. Cheap to clone.
#[derive(Clone)]
pub(super) struct Contents(Arc<Mutex<Inner>>);

struct Inner {
    kept: BTreeMap<BlobId, Bytes>,
    parts: BTreeMap<String, Written>,
    /// Removed since the last power cut, though a disk may not know of it yet.
    removed: BTreeMap<BlobId, Bytes>,
    /// By a planted bug: kept, and not durable.
    unsynced: Vec<BlobId>,
    /// Handles of earlier processes change nothing.
    opening: u64,
    full: bool,
    planted: Option<Planted>,
    random: Random,
}

/// What a disk has of a part.
struct Written {
    bytes: BytesMut,
    open: bool,
    at: Instant,
}

/// What a copy of the disk has of contents.
pub(crate) type Copied = BTreeMap<BlobId, Bytes>;

impl Contents {
    pub(super) fn new(planted: Option<Planted>, random: Random) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            kept: BTreeMap::new(),
            parts: BTreeMap::new(),
            removed: BTreeMap::new(),
            unsynced: Vec::new(),
            opening: 0,
            full: false,
            planted,
            random,
        })))
    }

    /// Those of a new process.
    pub(super) fn open(&self) -> Arc<dyn Blobs> {
        let mut inner = self.inner();
        inner.opening += 1;
        for part in inner.parts.values_mut() {
            part.open = false;
        }
        Arc::new(Handle { contents: self.clone(), opening: inner.opening })
    }

    /// Those that are there, for whoever looks and changes nothing.
    pub(super) fn seen(&self) -> Arc<dyn Blobs> {
        Arc::new(Handle { contents: self.clone(), opening: 0 })
    }

    /// The process has ended: nothing it still lets go of is a change of the disk.
    pub(super) fn close(&self) {
        self.inner().opening += 1;
    }

    pub(super) fn set_full(&self, full: bool) {
        self.inner().full = full;
    }

    /// How many are kept.
    pub(super) fn count(&self) -> u64 {
        self.inner().kept.len() as u64
    }

    /// What a copy has that is taken now.
    pub(super) fn copy(&self) -> Copied {
        self.inner().kept.clone()
    }

    /// The disk is what it was when the copy was taken.
    pub(super) fn set_back(&self, copied: &Copied) {
        let mut inner = self.inner();
        inner.kept.clone_from(copied);
        inner.parts.clear();
        inner.removed.clear();
        inner.unsynced.clear();
    }

    /// The power fails.
    pub(super) fn cut_power(&self) {
        let inner = &mut *self.inner();
        for blob in std::mem::take(&mut inner.unsynced) {
            inner.kept.remove(&blob);
        }
        for (blob, content) in std::mem::take(&mut inner.removed) {
            if inner.random.chance(300) {
                inner.kept.insert(blob, content);
            }
        }
        for part in inner.parts.values_mut() {
            let synced = inner.random.index(part.bytes.len() + 1);
            if inner.random.chance(300) {
                part.bytes[synced..].fill(0);
            } else {
                part.bytes.truncate(synced);
            }
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a process has of them.
#[derive(Clone)]
struct Handle {
    contents: Contents,
    opening: u64,
}

impl Handle {
    /// The disk, unless the process has ended.
    fn alive(&self) -> Option<MutexGuard<'_, Inner>> {
        Some(self.contents.inner()).filter(|inner| inner.opening == self.opening)
    }

    fn change<T>(&self, change: impl FnOnce(&mut Inner) -> T) -> Result<T, EngineError> {
        let gone = || EngineError::Poisoned { reason: "the process has ended".into() };
        Ok(change(&mut *self.alive().ok_or_else(gone)?))
    }
}

/// `bytes` of a content from `offset` on.
fn range(content: &[u8], offset: u64, bytes: usize) -> Bytes {
    let begin = usize::try_from(offset).unwrap().min(content.len());
    Bytes::copy_from_slice(&content[begin..begin.saturating_add(bytes).min(content.len())])
}

impl Blobs for Handle {
    fn part(&self, name: &str) -> Result<Option<Box<dyn Part>>, EngineError> {
        self.change(|inner| {
            let part = inner.parts.entry(name.to_owned()).or_insert_with(|| Written {
                bytes: BytesMut::new(),
                open: false,
                at: Instant::now(),
            });
            let free = !std::mem::replace(&mut part.open, true);
            free.then(|| -> Box<dyn Part> {
                Box::new(Open { handle: self.clone(), name: name.to_owned() })
            })
        })
    }

    fn part_bytes(&self, name: &str) -> Result<u64, EngineError> {
        let inner = self.contents.inner();
        let part = inner.parts.get(name).filter(|part| !part.open);
        Ok(part.map_or(0, |part| part.bytes.len() as u64))
    }

    fn parts(&self) -> Result<Vec<(String, Duration)>, EngineError> {
        let inner = self.contents.inner();
        let closed = inner.parts.iter().filter(|(_, part)| !part.open);
        Ok(closed.map(|(name, part)| (name.clone(), part.at.elapsed())).collect())
    }

    fn remove_part(&self, name: &str) -> Result<(), EngineError> {
        self.change(|inner| {
            if inner.parts.get(name).is_some_and(|part| !part.open) {
                inner.parts.remove(name);
            }
        })
    }

    fn read(&self, blob: BlobId, offset: u64, bytes: usize) -> Result<Bytes, EngineError> {
        let missing =
            || EngineError::Io { doing: "reading", source: io::ErrorKind::NotFound.into() };
        let inner = self.contents.inner();
        let content = inner.kept.get(&blob).ok_or_else(missing)?;
        Ok(range(content, offset, bytes))
    }

    fn reopen(&self, blob: BlobId, name: &str) -> Result<(), EngineError> {
        self.change(|inner| {
            let Some(content) = inner.kept.remove(&blob) else { return };
            inner.removed.insert(blob, content.clone());
            if inner.parts.get(name).is_none_or(|part| !part.open) {
                let (bytes, at) = (content.as_ref().into(), Instant::now());
                inner.parts.insert(name.to_owned(), Written { bytes, open: false, at });
            }
        })
    }

    fn remove(&self, blob: BlobId) -> Result<(), EngineError> {
        self.change(|inner| {
            if let Some(content) = inner.kept.remove(&blob) {
                inner.removed.insert(blob, content);
            }
        })
    }

    fn list(&self) -> Result<Vec<BlobId>, EngineError> {
        Ok(self.contents.inner().kept.keys().copied().collect())
    }
}

/// A part that is open.
struct Open {
    handle: Handle,
    name: String,
}

impl Open {
    fn change<T>(&self, change: impl FnOnce(&mut Written) -> T) -> Result<T, EngineError> {
        self.handle.change(|inner| {
            let part = inner.parts.get_mut(&self.name).expect("an open part stays");
            part.at = Instant::now();
            change(part)
        })
    }
}

impl Part for Open {
    fn bytes(&self) -> u64 {
        let inner = self.handle.contents.inner();
        inner.parts.get(&self.name).map_or(0, |part| part.bytes.len() as u64)
    }

    fn read(&mut self, offset: u64, bytes: usize) -> Result<Bytes, EngineError> {
        self.change(|part| range(&part.bytes, offset, bytes))
    }

    fn append(&mut self, piece: &[u8]) -> Result<(), EngineError> {
        if self.handle.change(|inner| inner.full)? {
            let (path, needed) = ("simulated".into(), piece.len() as u64);
            return Err(EngineError::NoSpace { path, available: 0, needed });
        }
        self.change(|part| part.bytes.extend_from_slice(piece))
    }

    fn clear(&mut self) -> Result<(), EngineError> {
        self.change(|part| part.bytes.clear())
    }

    fn keep(self: Box<Self>, blob: BlobId) -> Result<(), EngineError> {
        self.handle.change(|inner| {
            let part = inner.parts.remove(&self.name).expect("an open part stays");
            let mut content = part.bytes.freeze();
            if inner.planted == Some(Planted::CutContent) {
                content.truncate(content.len() - 1);
            }
            if inner.planted == Some(Planted::UnsyncedContent) {
                inner.unsynced.push(blob);
            }
            inner.kept.insert(blob, content);
        })
    }
}

impl Drop for Open {
    /// It stays as it is, to be gone on with.
    fn drop(&mut self) {
        if let Some(mut inner) = self.handle.alive()
            && let Some(part) = inner.parts.get_mut(&self.name)
        {
            part.open = false;
        }
    }
}
