//! What an engine can answer instead of doing what it was asked.
//!
//! Every engine speaks of its failures in these words only, so that the writer can tell a full
//! disk (wait, then try again) from a failed sync (never write again) without knowing the engine.

use std::io;
use std::path::PathBuf;

use bytes::Bytes;

/// Why an engine refused or failed. The message reads after "failed to …".
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Another process, or this one, has the folder open. Nothing was changed.
    #[error("database folder {path} is in use by another process")]
    Locked {
        /// The folder.
        path: PathBuf,
    },

    /// The disk is too full to write safely. **Nothing of the batch was written**; reads go on, and
    /// a later commit succeeds as soon as there is space again, without a restart.
    #[error("no space under {path}: {available} bytes free, {needed} needed")]
    NoSpace {
        /// The folder that the disk was measured for.
        path: PathBuf,
        /// Bytes free for this process.
        available: u64,
        /// Bytes that must be free for this batch to be accepted.
        needed: u64,
    },

    /// An earlier write failed half way, so this handle never writes again; reads go on. Whether
    /// the failed batch is there is known after closing and opening again, and only then.
    #[error("database is closed for writing since an earlier write failed: {reason}")]
    Poisoned {
        /// What failed at the time.
        reason: String,
    },

    /// What is on disk is not what was written.
    #[error("corrupt data in table {table} at key {key:?}: {what}")]
    Corrupt {
        /// Name of the table.
        table: &'static str,
        /// The key asked for, or the last one read before the fault in a scan.
        key: Bytes,
        /// What is wrong.
        what: String,
    },

    /// The folder is not one this engine can open: another format version, a broken journal.
    #[error("database folder {path} cannot be opened: {what}")]
    Unusable {
        /// The folder.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },

    /// A table that was not named when the engine was opened. A fault in the program.
    #[error("unknown table {table}")]
    UnknownTable {
        /// Name of the table.
        table: &'static str,
    },

    /// A key or value outside the engine's limits. Nothing of the batch was written.
    #[error("{part} of {length} bytes in table {table}, allowed are {min} to {max}")]
    Length {
        /// Name of the table.
        table: &'static str,
        /// `key` or `value`.
        part: &'static str,
        /// Its length in bytes.
        length: usize,
        /// The least allowed.
        min: usize,
        /// The most allowed.
        max: usize,
    },

    /// A sync failed. A file system tells of that once, and somebody else's sync of the same may
    /// have been about what it lost: nothing of what was to be durable may be believed.
    #[error("syncing failed while {doing}")]
    Unsynced {
        /// What was being done: a gerund.
        doing: &'static str,
        /// The system's answer.
        #[source]
        source: io::Error,
    },

    /// The operating system refused an operation. For a commit: the outcome is unknown until the
    /// database is opened again, and the handle is poisoned from now on.
    #[error("input or output failed while {doing}")]
    Io {
        /// What was being done: a gerund.
        doing: &'static str,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
}
