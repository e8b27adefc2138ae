//! Keeps the rows in memory bounded, and a commit from waiting for a thread that is dead.
//!
//! fjall writes a table's memory out in the background; a commit that finds four such tables
//! queued waits inside fjall, for ever if the thread has failed. So the writer waits here first,
//! at a lower mark, where it notices. Called by the writer alone, under its lock.
//!
//! A table that is written out stays in memory for as long as a snapshot may read it there, and
//! fjall looks whether that is so when it begins to write one out, which is before it is done. So
//! something small is written out again to make it look.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use fjall::{AbstractTree, Database, Keyspace, PersistMode};

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
    /// Bytes that were held though written out when fjall was last made to look, or fewer since.
    held: AtomicU64,
    /// Commits since.
    commits: AtomicU64,
    /// How often it was made to look.
    #[cfg(test)]
    pub(super) looks: AtomicU64,
}

impl Pressure {
    pub(super) fn new(options: &EmbeddedOptions) -> Self {
        Self {
            memtable_bytes_max: options.memtable_bytes_max,
            write_buffer_bytes_max: options.write_buffer_bytes_max,
            held: AtomicU64::new(0),
            commits: AtomicU64::new(0),
            #[cfg(test)]
            looks: AtomicU64::new(0),
        }
    }

    /// Waits until every table has room, so that fjall itself will not wait.
    pub(super) fn wait(&self, database: &Database, keyspaces: &Keyspaces) -> Result<(), Dead> {
        for poll in 0_u64.. {
            // With nothing buffered this writes nothing; it only asks whether fjall is poisoned.
            database.persist(PersistMode::Buffer).map_err(|_| Dead)?;
            let sealed = || keyspaces.iter().map(|one| one.tree.sealed_memtable_count());
            let most = sealed().max().unwrap_or_default();
            let much = database.write_buffer_size()
                > self.write_buffer_bytes_max.saturating_mul(BUFFERS_MAX);
            let queued = most >= SEALED_MAX || (most > 0 && much);
            let ragged = keyspaces.iter().any(|one| one.tree.l0_run_count() >= RUNS_MAX);
            // What is written out begins the merging: waiting for it alone could be for ever.
            if !queued && (!ragged || poll >= RUNS_POLLS) {
                break;
            }
            thread::sleep(POLL);
        }
        Ok(())
    }

    /// Has tables written out that have grown over a bound, and what was written out let go.
    pub(super) fn relieve(&self, database: &Database, keyspaces: &Keyspaces) {
        self.write_out(keyspaces);
        self.let_go(database, keyspaces);
    }

    fn write_out(&self, keyspaces: &Keyspaces) {
        let mut sizes: Vec<_> =
            keyspaces.iter().map(|table| (table.tree.active_memtable().size(), table)).collect();
        sizes.sort_by_key(|(bytes, _)| std::cmp::Reverse(*bytes));
        let mut total: u64 = sizes.iter().map(|(bytes, _)| bytes).sum();
        for (bytes, keyspace) in sizes {
            if bytes <= self.memtable_bytes_max && total <= self.write_buffer_bytes_max {
                return;
            }
            total -= bytes;
            rotate(keyspace);
        }
    }

    fn let_go(&self, database: &Database, keyspaces: &Keyspaces) {
        let all: u64 = keyspaces.iter().map(|one| one.tree.version_memtable_size_sum()).sum();
        let held = all.saturating_sub(database.write_buffer_size());
        let commits = self.commits.fetch_add(1, Ordering::Relaxed);
        let last = self.held.fetch_min(held, Ordering::Relaxed).min(held);
        // What a snapshot holds grows with each look, and with all that is written meanwhile.
        let much = held - last >= HELD_MIN.max(last / 2);
        if held < HELD_MIN || !(much || commits >= LOOKS_AGAIN) {
            return;
        }
        let with_rows = keyspaces.iter().filter(|one| one.tree.active_memtable().size() > 0);
        if let Some(least) = with_rows.min_by_key(|one| one.tree.active_memtable().size()) {
            rotate(least);
        }
        #[cfg(test)]
        self.looks.fetch_add(1, Ordering::Relaxed);
        self.held.store(held, Ordering::Relaxed);
        self.commits.store(0, Ordering::Relaxed);
    }
}

fn rotate(keyspace: &Keyspace) {
    if let Err(error) = keyspace.rotate_memtable() {
        // What it failed at is cleaning up behind older work, which is tried again.
        tracing::warn!(?error, "writing a table out was not begun cleanly");
    }
}

/// Tables in memory that wait to be written out, of one keyspace: one in work, one behind it.
/// fjall stops at four, and between this check and its own at most one is added.
const SEALED_MAX: usize = 2;

/// How many times the bound of the tables in memory those that are being written out may come to
/// with the others: beyond it a commit waits for them.
const BUFFERS_MAX: u64 = 2;

/// Bytes that are held though they were written out, from which on fjall is made to look.
const HELD_MIN: u64 = 1 << 20;

/// After how many commits it is made to look again where a snapshot held them the last time.
const LOOKS_AGAIN: u64 = 256;

/// Files not yet merged, of one keyspace: reads look into each. fjall slows down at 20.
const RUNS_MAX: usize = 16;

/// How many times a commit looks whether such files were merged before it goes on regardless.
const RUNS_POLLS: u64 = 250;

/// How often a waiting writer looks again.
const POLL: Duration = Duration::from_millis(1);
