//! Refuses a commit before the disk is full.
//!
//! fjall does not survive a full disk: a record that fits only in part, or a background thread
//! that cannot write, ends all writing until the folder is opened again. So a commit is accepted
//! only if everything that may follow from it fits. Measuring costs about a microsecond.

use std::io;
use std::path::{Path, PathBuf};

use fjall::Database;

use super::super::EngineError;
use super::folder::io_while;
use super::layout::FILE_BYTES;

/// The disk under a folder.
pub(super) struct Space {
    path: PathBuf,
    reserve_bytes: u64,
    /// How many bytes are free for this process; another one in tests.
    pub(super) measure: fn(&Path) -> io::Result<u64>,
}

impl Space {
    pub(super) fn new(path: &Path, reserve_bytes: u64) -> Self {
        Self { path: path.to_path_buf(), reserve_bytes, measure: available }
    }

    /// Whether a batch of `bytes` may be written.
    pub(super) fn check(&self, bytes: usize, database: &Database) -> Result<(), EngineError> {
        let available = (self.measure)(&self.path);
        let available = available.map_err(io_while("measuring the free space"))?;
        // The batch in the journal and in a table, and as much again for what lies around it.
        let batch = u64::try_from(bytes).unwrap_or(u64::MAX).saturating_mul(4);
        let buffered = database.write_buffer_size();
        let own = self.reserve_bytes.saturating_add(batch).saturating_add(buffered);
        if available >= own.saturating_add(COMPACTION_BYTES_MAX) {
            return Ok(());
        }
        // Close to the bound it is worth asking how much there is to compact at all.
        let stored = database.disk_space().unwrap_or(u64::MAX);
        let needed = own.saturating_add(stored.min(COMPACTION_BYTES_MAX));
        if available >= needed {
            return Ok(());
        }
        Err(EngineError::NoSpace { path: self.path.clone(), available, needed })
    }
}

/// Bytes that contents leave free beyond the reserve: commits come first.
pub(super) const COMMIT_BYTES: u64 = COMPACTION_BYTES_MAX + (128 << 20);

/// Bytes that are free for this process on the disk under `path`.
pub(super) fn available(path: &Path) -> io::Result<u64> {
    let disk = rustix::fs::statvfs(path)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// What the compactions running at a time write before they give their inputs back: a file and
/// the ten or so below it, for two of them.
const COMPACTION_BYTES_MAX: u64 = 24 * FILE_BYTES;
