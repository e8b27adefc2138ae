//! The Documents service: reading and writing a database, the same at both ends of a replication.
//!
//! Thin: it checks what comes in, asks the store, and writes the answer. Order, change vectors and
//! conflicts are the store's. Nothing here blocks the runtime: what reads an engine, and what
//! checks large bodies, runs on threads for it. Every queue and page has its bound below.

mod attachments;
mod body;
mod bulk;
mod counters;
mod local;
mod read;
mod revisions;
mod series;
mod service;
mod stream;
#[cfg(test)]
mod tests;
mod watch;
mod write;

pub use service::DocumentsService;

use jackdaw_common::limits::TRANSACTION_BYTES_MAX;

/// Bytes of one request: a transaction's bodies, and its ids and expectations around them.
const REQUEST_BYTES_MAX: usize = TRANSACTION_BYTES_MAX + 16 * 1024 * 1024;

/// Bytes of bodies that are checked on the runtime's own threads: below a tenth of a millisecond.
const CHECKED_INLINE_BYTES_MAX: usize = 64 * 1024;

/// Entries of time series that are checked there: likewise.
const CHECKED_INLINE_ENTRIES_MAX: usize = 1_024;

/// Transactions of a bulk write that are under way at once: they join one commit.
const BULK_TRANSACTIONS_MAX: usize = 4;

/// Bytes of documents on a page: below the 4 MiB that gRPC clients take by default.
const PAGE_BYTES_MAX: usize = 3 * 1024 * 1024;

/// Documents looked at for one page, conflicts among them: a page is not worth more.
const PAGE_SCAN_MAX: usize = 10_000;

/// Bytes after which a part of a stream is sent.
const PART_BYTES: usize = 1024 * 1024;

/// Rows that are read for a part of a stream in one step, between two looks at whether it is wanted
/// still: some milliseconds.
const STEP_ROWS_MAX: usize = 8_192;

/// Entries of the time series of a page, after which it ends: they stand in as many rows as are
/// looked at for other pages, or in fewer.
const PAGE_SERIES_ENTRIES_MAX: u64 = 1_000_000;

/// Changes in one part of a watch.
const PART_CHANGES_MAX: usize = 4_096;

/// Parts of a stream that wait for the client: one on its way while the next is read.
const PARTS_QUEUED_MAX: usize = 2;
