//! Backups as they go out, and as they come in to be restored.
//!
//! ```text
//!   feeder task ── blocking: next pieces ──► bounded queue ──► the call's response stream
//!   the call's request stream ──► reader ──► rows ── blocking: commit ──► a database to be
//! ```

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use jackdaw_common::{DatabaseName, limits::RESTORE_COMMIT_BYTES};
use jackdaw_proto::{
    control::{BackupDatabaseResponse, RestoreDatabaseRequest},
    wire::{Reason, WireError},
};
use jackdaw_store::{BackupError, BackupReader, StoreError};
use tonic::Status;

use super::{
    blocking,
    databases::already_exists,
    door, failure,
    feeding::{self, Feeder, Parts},
    names, pace,
};
use crate::access::audit;
use crate::catalog::{Catalog, Database, Restoration, RestoreError};

/// Pieces of a backup on their way to a client.
pub type Pieces = Parts<BackupDatabaseResponse>;

/// Pieces that are read ahead of a client.
pub(super) const PIECES_QUEUED_MAX: usize = 4;

/// The backup of a database, of the snapshot that is published now, for a client that takes a
/// piece within `stall_max`.
pub(super) fn backup(database: Arc<Database>, stall_max: Duration) -> Pieces {
    let pieces: Box<dyn Iterator<Item = Result<Bytes, StoreError>> + Send> =
        Box::new(database.store().snapshot().backup());
    feeding::parts(database, PIECES_QUEUED_MAX, |sender| feed(sender, pieces, stall_max))
}

async fn feed(
    sender: Feeder<BackupDatabaseResponse>,
    mut pieces: Box<dyn Iterator<Item = Result<Bytes, StoreError>> + Send>,
    stall_max: Duration,
) -> Result<(), WireError> {
    loop {
        let Some(room) = pace::room(&sender, stall_max).await? else { return Ok(()) };
        let (piece, rest) = blocking(move || Ok((pieces.next(), pieces))).await?;
        pieces = rest;
        match piece {
            None => return Ok(()),
            Some(Ok(data)) => room.send(Ok(BackupDatabaseResponse { data })),
            Some(Err(error)) => return Err(failure::store(&error)),
        }
    }
}

/// Restores what comes.
///
/// # Errors
///
/// What is wrong with it; nothing stays of it.
pub(super) async fn restore(
    catalog: &Catalog,
    mut pieces: impl Stream<Item = Result<RestoreDatabaseRequest, Status>> + Unpin,
) -> Result<Arc<Database>, Status> {
    let mut reader = BackupReader::default();
    let mut restoration: Option<Restoration> = None;
    let mut name: Option<DatabaseName> = None;
    let draining = catalog.draining();
    tokio::pin!(draining);
    loop {
        let piece = tokio::select! {
            biased;
            () = &mut draining => return Err(door::draining().into()),
            piece = pieces.next() => piece,
        };
        let Some(piece) = piece else { break };
        let RestoreDatabaseRequest { database_id, data } = piece?;
        let name = match &name {
            Some(name) => name,
            None => {
                audit::about(format_args!("databases/{database_id}"));
                name.insert(
                    DatabaseName::new(&database_id)
                        .map_err(|error| WireError::field("database_id", error))?,
                )
            }
        };
        reader.take(&data).map_err(invalid)?;
        if restoration.is_none()
            && let Some(header) = reader.header().map_err(invalid)?
        {
            let begun = catalog.restore(name.clone(), header.database).await;
            restoration = Some(begun.map_err(refused)?);
        }
        if let Some(restoration) = &restoration
            && reader.bytes() >= RESTORE_COMMIT_BYTES
        {
            restoration.write(reader.received()).await.map_err(refused)?;
        }
    }
    let Some(restoration) = restoration else {
        return Err(invalid(BackupError::CutOff { frame: 0 }).into());
    };
    restoration.write(reader.received()).await.map_err(refused)?;
    Ok(restoration.finish(reader).await.map_err(refused)?)
}

fn refused(error: RestoreError) -> WireError {
    match error {
        RestoreError::Exists { name } => already_exists(&name),
        RestoreError::Draining => door::draining(),
        RestoreError::Present { id, name } => {
            let text = format!("the database of the backup is here, as {name}");
            WireError::new(Reason::DatabaseAlreadyExists, text)
                .with("database", &name)
                .with("database_id", id)
                .about("jackdaw/Database", names::of_database(&name))
        }
        RestoreError::Backup(error) => invalid(error),
        RestoreError::Store(error) => failure::store(&error),
        RestoreError::Record(error) => failure::record(&error),
        error => failure::internal(&error),
    }
}

fn invalid(error: BackupError) -> WireError {
    let wire = WireError::new(Reason::BackupInvalid, error.to_string());
    match error {
        BackupError::NotABackup => wire,
        BackupError::Damaged { frame, .. } | BackupError::CutOff { frame } => {
            wire.with("frame", frame)
        }
        BackupError::Store(error) => failure::store(&error),
    }
}
