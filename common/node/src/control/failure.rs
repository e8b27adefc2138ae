//! Errors of a store as they go out. The text for the client names no file of the service; the log
//! has the whole of it.

use std::time::Duration;

use jackdaw_proto::wire::{Reason, WireError};
use jackdaw_store::{RecordError, StoreError, engine::EngineError};

/// An error of a store, logged where a person must look.
#[must_use]
pub fn store(error: &StoreError) -> WireError {
    if error.is_no_space() {
        tracing::warn!(%error, "a write was refused");
    } else {
        tracing::error!(%error, "a database failed");
    }
    told(error)
}

/// What others are told of an error of a store.
#[must_use]
pub fn told(error: &StoreError) -> WireError {
    if error.is_no_space() {
        let text = "the disk of the database is full; reading goes on";
        return WireError::new(Reason::DiskFull, text).retry_after(DISK_FULL_RETRY);
    }
    match error {
        StoreError::Row { table, .. } => corrupt(table),
        StoreError::Content { hash, .. } => {
            let text = "the content of an attachment cannot be read";
            WireError::new(Reason::ContentCorrupt, text).with("hash", hash)
        }
        StoreError::Engine(engine) => match &**engine {
            EngineError::Corrupt { table, .. } => corrupt(table),
            _ => failed(),
        },
        StoreError::EtagsExhausted | StoreError::Panicked | StoreError::Closed => failed(),
    }
}

/// An error of writing records, where somebody else's write was no reason.
#[must_use]
pub fn record(error: &RecordError) -> WireError {
    match error {
        RecordError::Changed { .. } => WireError::new(
            Reason::ConcurrentChange,
            "somebody else changed the same thing at the same time",
        ),
        RecordError::Store(error) => store(error),
    }
}

/// Something that is no fault of the caller, and of no kind that it could react to.
#[must_use]
pub fn internal(error: &dyn std::fmt::Display) -> WireError {
    tracing::error!(%error, "a call failed");
    WireError::new(Reason::Internal, "the service failed; its log says how")
}

fn corrupt(table: &str) -> WireError {
    WireError::new(Reason::RowCorrupt, format!("a row of table {table} cannot be read"))
        .with("table", table)
}

fn failed() -> WireError {
    WireError::new(Reason::StoreFailed, "the database cannot be read or written")
}

/// When a write that found the disk full may be tried again.
const DISK_FULL_RETRY: Duration = Duration::from_secs(5);
