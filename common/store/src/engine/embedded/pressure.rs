//! Keeps the rows in memory bounded, and a commit from waiting for a thread that is dead.
//!
//! fjall writes a table's memory out in the background; a commit that finds four such tables
//! queued waits inside fjall, for ever if the thread has failed. So the writer waits here first,
//! at a lower mark, where it notices. Called by the writer alone, under its lock.

use std::thread;
use std::time::Duration;

use fjall::{AbstractTree, Database, PersistMode};

use super::EmbeddedOptions;
use super::view::Keyspaces;

/// A background thread failed and with it everything that writes.
#[derive(Debug, thiserror::Error)]
#[error("writing tables out in the background failed")]
pub(super) struct Dead;

/// The bounds.
pub(super) struct Pressure {
    memtable_bytes_max: u64,
    write_buffer_bytes_max: u64,
}

impl Pressure {
    pub(super) fn new(options: &EmbeddedOptions) -> Self {
        Self {
            memtable_bytes_max: options.memtable_bytes_max,
            write_buffer_bytes_max: options.write_buffer_bytes_max,
        }
    }

    /// Waits until every table has room, so that fjall itself will not wait.
    pub(super) fn wait(&self, database: &Database, keyspaces: &Keyspaces) -> Result<(), Dead> {
        for poll in 0_u64.. {
            // With nothing buffered this writes nothing; it only asks whether fjall is poisoned.
            database.persist(PersistMode::Buffer).map_err(|_| Dead)?;
            let queued = keyspaces.iter().any(|one| one.tree.sealed_memtable_count() >= SEALED_MAX);
            let ragged = keyspaces.iter().any(|one| one.tree.l0_run_count() >= RUNS_MAX);
            // What is written out begins the merging: waiting for it alone could be for ever.
            if !queued && (!ragged || poll >= RUNS_POLLS) {
                break;
            }
            thread::sleep(POLL);
        }
        Ok(())
    }

    /// Has tables written out that have grown over a bound.
    pub(super) fn relieve(&self, keyspaces: &Keyspaces) {
        let mut sizes: Vec<_> =
            keyspaces.iter().map(|table| (table.tree.active_memtable().size(), table)).collect();
        sizes.sort_by_key(|(bytes, _)| std::cmp::Reverse(*bytes));
        let mut total: u64 = sizes.iter().map(|(bytes, _)| bytes).sum();
        for (bytes, keyspace) in sizes {
            if bytes <= self.memtable_bytes_max && total <= self.write_buffer_bytes_max {
                return;
            }
            total -= bytes;
            if let Err(error) = keyspace.rotate_memtable() {
                // What it failed at is cleaning up behind older work, which is tried again.
                tracing::warn!(?error, "writing a table out was not begun cleanly");
            }
        }
    }
}

/// Tables in memory that wait to be written out, of one keyspace: one in work, one behind it.
/// fjall stops at four, and between this check and its own at most one is added.
const SEALED_MAX: usize = 2;

/// Files not yet merged, of one keyspace: reads look into each. fjall slows down at 20.
const RUNS_MAX: usize = 16;

/// How many times a commit looks whether such files were merged before it goes on regardless.
const RUNS_POLLS: u64 = 250;

/// How often a waiting writer looks again.
const POLL: Duration = Duration::from_millis(1);
