//! The engine over files of one folder: fjall, a log-structured merge tree.
//!
//! Owns the folder and everything in it, and the promises that fjall alone does not keep: views
//! that never show half a batch, a bound on memory, a disk that is refused before it is full, a
//! journal that opens after any crash, and poisoning that is final. Never knows what rows mean.
//! Called through [`Engine`]; the parts are `folder` (before fjall opens it), `journal` (torn and
//! corrupt tails), `layout` (how a table lies on disk), `space`, `pressure` (memory), `view`, and
//! `blobs` (contents, as files beside what is fjall's).
//!
//! What was found in fjall 3.1.13, and what follows from it here:
//!
//! - A batch is one journal record with a checksum, written and synced under the journal's lock
//!   before a row of it reaches memory: atomic over keyspaces, durable at return.
//! - A flush or compaction that ends while a batch is being applied raises the visible sequence
//!   number beyond that batch, so a snapshot taken then would see half of it. Views are therefore
//!   taken here only between commits, and handed out from [`ArcSwap`].
//! - A write or sync that fails poisons fjall; the rest of the buffered record may still reach the
//!   file when the journal is dropped. The outcome is unknown until reopened, so it is final.
//! - A background thread that fails (a full disk among others) poisons fjall and ends; a commit
//!   that then waits for a flush would wait for ever. `pressure` waits instead, before the commit.
//! - Its limit for the write buffer is not implemented; `pressure` keeps one.

mod blobs;
mod folder;
mod journal;
mod layout;
mod pressure;
mod space;
#[cfg(test)]
mod tests;
mod view;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use fjall::{Database, OwnedWriteBatch, PersistMode};

use super::{Blobs, Engine, EngineError, Operation, Snapshot, Table, WriteBatch};
use blobs::FileBlobs;
#[cfg(test)]
pub(crate) use blobs::SYNC_FAILS;
use pressure::Pressure;
use space::Space;
use view::{Keyspaces, View};

/// Sizes of an embedded engine. Any of them may differ from one opening to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmbeddedOptions {
    /// Cache for blocks read from disk, in bytes.
    pub cache_bytes: u64,
    /// Rows of one table kept in memory before they are written out sorted, in bytes. A batch may
    /// exceed it, and while it is written out two more of the same size gather.
    pub memtable_bytes_max: u64,
    /// The same over all tables, in bytes.
    pub write_buffer_bytes_max: u64,
    /// Bytes of sealed journals from which on the tables that hold them back are written out;
    /// the journal in use comes on top. At least 64 MiB, less is taken as that.
    pub journal_bytes_max: u64,
    /// Threads that write out and compact. At least one, zero is taken as that. With two, writing
    /// out never waits for a compaction, at the price of a tenth more CPU: one of them spins.
    pub worker_threads: usize,
    /// Free space in bytes that a commit leaves on the disk, beyond its own needs: what other
    /// writers on that disk may take at a stroke without harm. See [`EngineError::NoSpace`].
    pub reserve_bytes: u64,
    /// Whether a copy of the folder is as good as the folder: it has no place then.
    pub portable: bool,
}

impl Default for EmbeddedOptions {
    fn default() -> Self {
        Self {
            cache_bytes: 32 << 20,
            memtable_bytes_max: 16 << 20,
            write_buffer_bytes_max: 32 << 20,
            journal_bytes_max: 64 << 20,
            worker_threads: 1,
            reserve_bytes: 64 << 20,
            portable: false,
        }
    }
}

/// The embedded engine. One handle a folder, machine-wide.
///
/// Dropping it ends the background threads and syncs the journal. The folder's lock goes with the
/// last [`Snapshot`] taken from it: drop those first to open the folder again or to remove it.
pub struct Embedded {
    path: PathBuf,
    portable: bool,
    published: ArcSwap<View>,
    keyspaces: Arc<Keyspaces>,
    pressure: Pressure,
    space: Space,
    blobs: FileBlobs,
    /// Held for the length of a commit. What it guards is why nothing is written any more.
    poison: Mutex<Option<String>>,
    /// Last, so that it is dropped when nothing above holds it any more.
    database: Database,
}

impl Embedded {
    /// Opens the folder `path` with these tables, or creates it with its missing parents; a table
    /// the folder does not have yet is created. Blocks for as long as the journal takes to replay.
    ///
    /// The folder belongs to the engine: nothing else may be put into it. What a crash left of an
    /// unfinished creation or an unfinished commit is cleared away.
    ///
    /// # Errors
    ///
    /// [`EngineError::Locked`] if it is open anywhere, also in this process,
    /// [`EngineError::Unusable`], [`EngineError::Corrupt`] (table `journal`), [`EngineError::Io`].
    pub fn open(
        path: &Path,
        tables: &[Table],
        options: EmbeddedOptions,
    ) -> Result<Self, EngineError> {
        folder::prepare(path)?;
        let database = folder::open(path, &options)?;
        let keyspaces = Arc::new(layout::keyspaces(&database, tables, path)?);
        folder::sync(path)?;
        let view = View::new(&database, &keyspaces);
        Ok(Self {
            path: path.to_path_buf(),
            portable: options.portable,
            published: ArcSwap::from_pointee(view),
            pressure: Pressure::new(&options),
            space: Space::new(path, options.reserve_bytes),
            blobs: FileBlobs::new(path, options.reserve_bytes.saturating_add(space::COMMIT_BYTES)),
            poison: Mutex::new(None),
            keyspaces,
            database,
        })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes of all files of the engine, about.
    ///
    /// # Errors
    ///
    /// [`EngineError::Io`].
    pub fn disk_bytes(&self) -> Result<u64, EngineError> {
        self.database.disk_space().map_err(|error| view::failure(error, "measuring the folder"))
    }

    fn fjall_batch(&self, mut operations: Vec<Operation>) -> Result<OwnedWriteBatch, EngineError> {
        // Neighbours go into memory faster one after the other. Stable: the last on a key counts.
        operations.sort_by(|a, b| (a.table.id, &a.key).cmp(&(b.table.id, &b.key)));
        let batch = OwnedWriteBatch::with_capacity(self.database.clone(), operations.len());
        let mut batch = batch.durability(Some(PersistMode::SyncData));
        for operation in operations {
            let keyspace = self.keyspaces.of(operation.table)?;
            match operation.value {
                Some(value) => batch.insert(keyspace, operation.key, value),
                None => batch.remove(keyspace, operation.key),
            }
        }
        Ok(batch)
    }
}

impl Engine for Embedded {
    fn snapshot(&self) -> Result<Arc<dyn Snapshot>, EngineError> {
        Ok(self.published.load_full())
    }

    fn commit(&self, batch: WriteBatch) -> Result<(), EngineError> {
        if batch.is_empty() {
            return Ok(());
        }
        batch.operations().iter().try_for_each(Operation::check)?;
        let bytes = batch.bytes();
        let batch = self.fjall_batch(batch.into_operations())?;

        let Ok(mut poison) = self.poison.lock() else {
            return Err(EngineError::Poisoned { reason: "a commit panicked".to_owned() });
        };
        if let Some(reason) = &*poison {
            return Err(EngineError::Poisoned { reason: reason.clone() });
        }
        match self.space.check(bytes, &self.database) {
            Ok(()) => {}
            Err(error @ EngineError::NoSpace { .. }) => return Err(error),
            // A disk that cannot be asked is not one to go on writing to.
            Err(error) => return Err(poisoned(&mut poison, format!("{error:?}"))),
        }
        if let Err(dead) = self.pressure.wait(&self.database, &self.keyspaces) {
            return Err(poisoned(&mut poison, dead.to_string()));
        }
        match batch.commit() {
            Ok(()) => {}
            // Said before anything was written: a background thread failed in the meantime.
            Err(fjall::Error::Poisoned) => {
                return Err(poisoned(&mut poison, pressure::Dead.to_string()));
            }
            Err(error) => {
                let error = view::failure(error, "committing a batch");
                tracing::error!(path = %self.path.display(), ?error, "commit failed");
                *poison = Some(format!("{error:?}"));
                return Err(error);
            }
        }
        // Still under the lock: nothing is half applied now, see the head of this module.
        self.published.store(Arc::new(View::new(&self.database, &self.keyspaces)));
        self.pressure.relieve(&self.database, &self.keyspaces);
        Ok(())
    }

    fn blobs(&self) -> Arc<dyn Blobs> {
        Arc::new(self.blobs.clone())
    }

    fn place(&self) -> Result<Option<String>, EngineError> {
        if self.portable { Ok(None) } else { folder::place(&self.path).map(Some) }
    }
}

/// Sets the poison and answers with it; nothing of the batch at hand was written.
fn poisoned(poison: &mut Option<String>, reason: String) -> EngineError {
    tracing::error!(reason, "the database is closed for writing");
    *poison = Some(reason.clone());
    EngineError::Poisoned { reason }
}
