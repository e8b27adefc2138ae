//! The contents of attachments: staged before a transaction refers to them, kept as long as
//! something does, read through snapshots.
//!
//! ```text
//!   client, stream ──pieces──► Staging ──finish: durable──► Staged ──intent──► writer
//!                                                                               │ a row names it
//!   reader ◄──ranges── Content ◄── Snapshot ◄── published ◄─────────────────────┘
//!                          └── the row is gone, and every snapshot that saw it ──► removed
//! ```
//!
//! A content that is staged and never referred to goes when its [`Staged`] does; one that came
//! over a stream becomes a part again, so that the next session need not bring it anew. A crash
//! leaves files that no row names: opening the database removes them.

mod epoch;
mod staging;

use std::{
    collections::{HashMap, HashSet},
    fmt, io,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use jackdaw_common::{BlobHash, RunId, limits::BATCH_INLINE_BYTES_MAX};
use xxhash_rust::xxh3::Xxh3;

pub(crate) use epoch::Epoch;
pub use staging::{Staged, Staging};

use crate::{
    engine::{self, BlobId, Blobs, Direction, EngineError, ScanRange},
    error::StoreError,
    keys,
    read::Snapshot,
    tables::{
        blobs::{BlobRow, Place},
        codec::RowError,
    },
    write::corrupt,
};

/// What begins the name of a part that nobody goes on with.
const UPLOAD: &str = "upload-";

/// What is known of an open database's contents beside its rows.
pub(crate) struct Contents {
    blobs: Arc<dyn Blobs>,
    run: RunId,
    named: AtomicU64,
    fates: Mutex<Fates>,
    /// Why nothing may be committed any more.
    broken: OnceLock<String>,
}

/// What becomes of contents that no row names.
#[derive(Default)]
struct Fates {
    /// Staged, and not referred to by anything durable yet.
    loose: HashSet<BlobId>,
    /// Staged, by somebody who may still bring it along.
    held: HashSet<BlobId>,
    /// Referred to by nothing that is durable, but by snapshots of this epoch or older ones.
    doomed: HashMap<BlobId, u64>,
}

impl Contents {
    /// Those of an engine, for a database that is opened in `run`.
    pub(crate) fn new(blobs: Arc<dyn Blobs>, run: RunId) -> Arc<Self> {
        let (named, fates, broken) = Default::default();
        Arc::new(Self { blobs, run, named, fates, broken })
    }

    /// A content could not be made durable. A file system tells of a failed sync once, and somebody
    /// else's may have been about the same folder: nothing is believed any more (invariant I14).
    fn fail(&self, error: &EngineError) {
        let reason = format!("a content could not be made durable: {error:?}");
        if self.broken.set(reason).is_ok() {
            tracing::error!(?error, "the database is closed for writing");
        }
    }

    /// Whether what was kept may be believed to be durable.
    pub(crate) fn check(&self) -> Result<(), EngineError> {
        match self.broken.get() {
            Some(reason) => Err(EngineError::Poisoned { reason: reason.clone() }),
            None => Ok(()),
        }
    }

    /// Removes what a crash has left: contents that no row of `rows` names, and parts that nobody
    /// goes on with.
    pub(crate) fn sweep(&self, rows: &dyn engine::Snapshot) -> Result<(), StoreError> {
        for (part, _) in self.blobs.parts()? {
            if part.starts_with(UPLOAD) {
                self.blobs.remove_part(&part)?;
            }
        }
        let kept = self.blobs.list()?;
        let mut named = HashSet::new();
        for row in rows.scan(keys::BLOBS, ScanRange::all(), Direction::Forward) {
            let (key, row) = row?;
            let row = BlobRow::decode(row).map_err(|error| corrupt(keys::BLOBS, &key, error))?;
            if let Place::Kept(blob) = row.place {
                named.insert(blob);
            }
        }
        for blob in &kept {
            if !named.remove(blob) {
                tracing::info!(%blob, "removing a content that nothing refers to");
                self.blobs.remove(*blob)?;
            }
        }
        for blob in named {
            tracing::error!(%blob, "a content is missing: somebody else has removed its file");
        }
        Ok(())
    }

    /// Bytes of a part.
    pub(crate) fn staged_bytes(&self, name: &str) -> Result<u64, StoreError> {
        Ok(self.blobs.part_bytes(name)?)
    }

    /// Removes parts that were not written to for so long; answers how many.
    pub(crate) fn forget_staged(&self, older_than: Duration) -> Result<u64, StoreError> {
        let mut forgotten = 0;
        for (part, age) in self.blobs.parts()? {
            if age >= older_than && !part.starts_with(UPLOAD) {
                self.blobs.remove_part(&part)?;
                forgotten += 1;
            }
        }
        Ok(forgotten)
    }

    /// A name that no content ever had.
    fn name(&self) -> BlobId {
        let number = self.named.fetch_add(1, Ordering::Relaxed);
        let mut hasher = Xxh3::new();
        hasher.update(self.run.as_bytes());
        hasher.update(&number.to_be_bytes());
        BlobId::from_bytes(hasher.digest128().to_be_bytes())
    }

    /// A content is being kept, for somebody who brings it along.
    fn hold(&self, blob: BlobId) {
        let mut fates = self.fates();
        fates.loose.insert(blob);
        fates.held.insert(blob);
    }

    /// Nobody brings it along any more; answers whether nothing refers to it either.
    fn let_go(&self, blob: BlobId) -> bool {
        let mut fates = self.fates();
        fates.held.remove(&blob);
        fates.loose.remove(&blob)
    }

    /// Rows that name these are about to be committed.
    pub(crate) fn adopt(&self, blobs: &[BlobId]) -> Adopted {
        let mut fates = self.fates();
        let mut adopted = Adopted::default();
        for blob in blobs {
            if fates.loose.remove(blob) {
                adopted.loose.push(*blob);
            }
            if let Some(epoch) = fates.doomed.remove(blob) {
                adopted.doomed.push((*blob, epoch));
            }
        }
        adopted
    }

    /// The rows were refused: nothing has changed.
    pub(crate) fn put_back(&self, adopted: Adopted) {
        let mut fates = self.fates();
        fates.loose.extend(adopted.loose);
        fates.doomed.extend(adopted.doomed);
    }

    /// Removes what is still doomed of `epoch`.
    fn reap(&self, blobs: &[BlobId], epoch: u64) {
        for blob in blobs {
            let mut fates = self.fates();
            if fates.doomed.get(blob) == Some(&epoch) {
                fates.doomed.remove(blob);
                // Another batch may bring it again: it goes with the last who has it.
                if fates.held.contains(blob) {
                    fates.loose.insert(*blob);
                    continue;
                }
                drop(fates);
                self.remove(*blob);
            }
        }
    }

    /// Where it fails, the next opening removes it.
    fn remove(&self, blob: BlobId) {
        if let Err(error) = self.blobs.remove(blob) {
            tracing::warn!(%blob, ?error, "a content could not be removed");
        }
    }

    fn fates(&self) -> MutexGuard<'_, Fates> {
        self.fates.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What became referred to by a commit that may still be refused.
#[derive(Debug, Default)]
pub(crate) struct Adopted {
    loose: Vec<BlobId>,
    doomed: Vec<(BlobId, u64)>,
}

/// The contents that a batch refers to, and that whoever applies it sees to.
#[derive(Clone, Default)]
pub struct Brought {
    staged: HashMap<BlobHash, Arc<Staged>>,
    seen: HashMap<BlobHash, Content>,
    /// Of those that are seen, bytes that were read.
    read: usize,
}

impl Brought {
    /// One that was staged.
    pub fn add(&mut self, staged: Arc<Staged>) {
        self.staged.insert(staged.hash(), staged);
    }

    /// One that is there, and must not go meanwhile. Who needs its bytes learns whether they can be
    /// read; mostly nobody does.
    pub fn pin(&mut self, content: Content) {
        let fits = self.read < BATCH_INLINE_BYTES_MAX;
        let read = fits.then(|| content.clone().read_out().ok()).flatten();
        let content = read.unwrap_or(content);
        if let Lies::Read(bytes) = &content.lies {
            self.read += bytes.len();
        }
        self.seen.insert(content.hash, content);
    }

    /// Bytes of those that are in memory.
    pub(crate) fn inline_bytes(&self) -> usize {
        self.staged.values().map(|staged| staged.inline_bytes()).sum::<usize>() + self.read
    }

    /// One that was staged, by hash.
    pub fn staged(&self, hash: &BlobHash) -> Option<&Arc<Staged>> {
        self.staged.get(hash)
    }

    /// One that was there.
    pub(crate) fn seen(&self, hash: &BlobHash) -> Option<&Content> {
        self.seen.get(hash)
    }
}

impl fmt::Debug for Brought {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Brought({} staged, {} seen)", self.staged.len(), self.seen.len())
    }
}

/// A content as a snapshot has it; it stays as long as this does.
#[derive(Clone)]
pub struct Content {
    hash: BlobHash,
    row: BlobRow,
    lies: Lies,
}

/// Where a content is read. A snapshot is held for as short as can be: what is written meanwhile
/// stays in memory.
#[derive(Clone)]
enum Lies {
    /// In a file, which stays while the epoch does.
    Beside(BlobId, Arc<Epoch>),
    /// In a row.
    Inline(Snapshot),
    /// In a row that was read.
    Read(Bytes),
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Content({}, {} bytes)", self.hash, self.row.size)
    }
}

impl Content {
    /// Bytes of it.
    pub fn size(&self) -> u64 {
        self.row.size
    }

    /// Its hash.
    pub fn hash(&self) -> BlobHash {
        self.hash
    }

    /// Attachments that refer to it, of whatever version.
    pub fn references(&self) -> u64 {
        self.row.references
    }

    /// Where it lies.
    pub(crate) fn place(&self) -> Place {
        self.row.place
    }

    /// Up to `bytes` of its bytes from `offset` on: fewer only at its end. Blocking.
    ///
    /// # Errors
    ///
    /// It cannot be read.
    pub fn read(&self, offset: u64, bytes: usize) -> Result<Bytes, StoreError> {
        let Lies::Beside(blob, epoch) = &self.lies else {
            let all = self.inline()?;
            let begin = usize::try_from(offset).map_or(all.len(), |begin| begin.min(all.len()));
            let end = begin.saturating_add(bytes).min(all.len());
            return Ok(all.slice(begin..end));
        };
        let wanted = usize::try_from(self.row.size.saturating_sub(offset));
        let wanted = wanted.map_or(bytes, |left| left.min(bytes));
        let read = epoch.contents().blobs.read(*blob, offset, bytes);
        let read = read.map_err(|error| self.unreadable(error))?;
        if read.len() != wanted {
            let what = format!("{} bytes at {offset} instead of {wanted}", read.len());
            return Err(self.damaged(what));
        }
        Ok(read)
    }

    /// The same without a snapshot: what lies in a row is read.
    pub(crate) fn read_out(self) -> Result<Self, StoreError> {
        let lies = match &self.lies {
            Lies::Inline(_) => Lies::Read(self.inline()?),
            Lies::Beside(..) | Lies::Read(_) => return Ok(self),
        };
        Ok(Self { lies, ..self })
    }

    /// The whole of one that lies in a row; nothing of another.
    pub(crate) fn inline(&self) -> Result<Bytes, StoreError> {
        let snapshot = match &self.lies {
            Lies::Inline(snapshot) => snapshot,
            Lies::Read(bytes) => return Ok(bytes.clone()),
            Lies::Beside(..) => return Ok(Bytes::new()),
        };
        let key = keys::blob(&self.hash);
        let row = match snapshot.engine().get(keys::CONTENTS, &key) {
            Ok(Some(row)) => row,
            Ok(None) => return Err(self.damaged("its row is missing".to_owned())),
            Err(EngineError::Corrupt { what, .. }) => return Err(self.damaged(what)),
            Err(other) => return Err(other.into()),
        };
        crate::tables::blobs::decode_content(row).map_err(|RowError(what)| self.damaged(what))
    }

    fn damaged(&self, what: String) -> StoreError {
        StoreError::Content { hash: self.hash, what }
    }

    fn unreadable(&self, error: EngineError) -> StoreError {
        match error {
            EngineError::Io { source, .. } if is_damage(source.kind()) => {
                self.damaged(source.to_string())
            }
            other => other.into(),
        }
    }
}

/// Whether an error says that a content is not what was kept.
fn is_damage(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof)
}

impl Snapshot {
    /// The content of that hash, if an attachment has it.
    ///
    /// # Errors
    ///
    /// A row that does not read back, or the engine's.
    pub fn content(&self, hash: &BlobHash) -> Result<Option<Content>, StoreError> {
        let key = keys::blob(hash);
        let Some(row) = self.engine().get(keys::BLOBS, &key)? else { return Ok(None) };
        let row = BlobRow::decode(row).map_err(|error| corrupt(keys::BLOBS, &key, error))?;
        let lies = match row.place {
            Place::Kept(blob) => Lies::Beside(blob, Arc::clone(self.epoch())),
            Place::Inline => Lies::Inline(self.clone()),
        };
        Ok(Some(Content { hash: *hash, row, lies }))
    }
}

#[cfg(test)]
mod tests;
