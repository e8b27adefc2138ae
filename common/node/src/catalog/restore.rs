//! A database made from a backup: rows first, what makes them a database last.
//!
//! Until it is whole it is a database that is being created: nobody finds it, and whatever ends the
//! restore, a crash too, has its folder removed.

use std::sync::Arc;

use jackdaw_common::{DatabaseId, DatabaseName};
use jackdaw_store::{
    BackupError, BackupReader, Received, Record, RecordError, RecordKind, Store, StoreError,
    engine::Embedded,
};
use serde_json::Value;
use thiserror::Error;

use super::{
    Catalog, Database, OpenError, blocking,
    record::{DatabaseRecord, State, read_all},
};
use crate::entropy::{self, EntropyError};

/// Why a database was not restored. Reads after "failed to".
#[derive(Debug, Error)]
pub enum RestoreError {
    /// There is one of this name.
    #[error("restore database {name}: it exists")]
    Exists {
        /// The name.
        name: DatabaseName,
    },
    /// The database of the backup is here, under some name: two of them would be one to the world.
    #[error("restore database {id}: it is here, as {name}")]
    Present {
        /// Its stable id.
        id: DatabaseId,
        /// The name it has.
        name: DatabaseName,
    },
    /// The service drains.
    #[error("restore a database: the service is shutting down")]
    Draining,
    /// What came is no whole backup.
    #[error("read the backup: {0}")]
    Backup(#[from] BackupError),
    /// The folder cannot be made or opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// No randomness for its new ids.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// It cannot be read or written.
    #[error("write it: {0}")]
    Store(#[from] StoreError),
    /// A record cannot be written.
    #[error("write it: {0}")]
    Record(#[from] RecordError),
}

/// A restore under way. Dropped before it is finished, it leaves nothing behind.
pub struct Restoration {
    catalog: Catalog,
    record: DatabaseRecord,
    engine: Option<Arc<Embedded>>,
    finished: bool,
}

impl Catalog {
    /// Begins to restore the database `id` under `name`.
    ///
    /// # Errors
    ///
    /// [`RestoreError`]; nothing was made.
    pub async fn restore(
        &self,
        name: DatabaseName,
        id: DatabaseId,
    ) -> Result<Restoration, RestoreError> {
        let _one_at_a_time = self.0.changing.lock().await;
        if self.is_draining() {
            return Err(RestoreError::Draining);
        }
        if self.find(&name).is_some() {
            return Err(RestoreError::Exists { name });
        }
        let records = read_all(&self.0.system.snapshot())?;
        if let Some(record) = records.into_iter().find(|record| record.id == id) {
            return Err(RestoreError::Present { id, name: record.name });
        }
        let record = DatabaseRecord { id, name, state: State::Creating, asked: None };
        let begun = DatabaseRecord::change(None, Some(&record))?;
        self.0.system.record(vec![begun]).await?;
        // From here on what there is goes with it.
        let mut restoration =
            Restoration { catalog: self.clone(), record, engine: None, finished: false };
        let folders = self.0.folders.clone();
        let engine = blocking(move || folders.engine_of_new(id)).await??;
        restoration.engine = Some(Arc::new(engine));
        Ok(restoration)
    }
}

impl Restoration {
    /// Writes what has come.
    ///
    /// # Errors
    ///
    /// They cannot be written.
    pub async fn write(&self, received: Received) -> Result<(), RestoreError> {
        let Some(engine) = self.engine.clone() else { return Ok(()) };
        Ok(blocking(move || received.write(&*engine)).await??)
    }

    /// All rows have come: makes them a database, in a new incarnation, its tasks disabled.
    ///
    /// # Errors
    ///
    /// [`RestoreError`]; nothing is left of it.
    pub async fn finish(mut self, reader: BackupReader) -> Result<Arc<Database>, RestoreError> {
        let inner = &self.catalog.0;
        let identity = entropy::identity()?;
        let Some(engine) = self.engine.take() else {
            return Err(BackupError::NotABackup.into());
        };
        blocking(move || reader.finish(&*engine, identity.incarnation)).await??;
        let (folders, clock) = (inner.folders.clone(), Arc::clone(&inner.clock));
        let identity = jackdaw_store::Identity { database: self.record.id, ..identity };
        let store = blocking(move || folders.open(identity, clock)).await??;
        disable_tasks(&store).await?;
        let _one_at_a_time = inner.changing.lock().await;
        let name = self.record.name.clone();
        if self.catalog.find(&name).is_some() {
            return Err(RestoreError::Exists { name });
        }
        let ready = self.record.clone().into_state(State::Ready);
        let change = DatabaseRecord::change(Some(&self.record), Some(&ready))?;
        inner.system.record(vec![change]).await?;
        self.finished = true;
        let database = self.catalog.admit(Database::new(name, store, None));
        tracing::info!(
            database = %database.name(),
            id = %database.id(),
            incarnation = %database.store().incarnation(),
            "database restored"
        );
        Ok(database)
    }
}

impl Drop for Restoration {
    fn drop(&mut self) {
        if self.finished {
            return;
        }
        drop(self.engine.take());
        let (catalog, record) = (self.catalog.clone(), self.record.clone());
        // Outside a runtime the next start removes what is left.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { catalog.undo(&record).await });
        }
    }
}

/// What is restored does not send by itself: it may be a copy, made to look at, of a database that
/// goes on elsewhere, and would take its place at every destination.
async fn disable_tasks(store: &Store) -> Result<(), RestoreError> {
    let tasks = store.snapshot().records(RecordKind::ExternalReplication)?;
    let mut changes = Vec::new();
    for (key, before) in tasks {
        let damaged = |error: serde_json::Error| StoreError::Row {
            table: "records",
            key: key.to_vec(),
            what: error.to_string(),
        };
        let mut task: Value = serde_json::from_slice(&before).map_err(damaged)?;
        if let Some(enabled) = task.get_mut("enabled") {
            *enabled = Value::Bool(false);
        }
        let value = serde_json::to_vec(&task).map_err(damaged)?;
        changes.push(Record {
            kind: RecordKind::ExternalReplication,
            key: key.clone(),
            expected: Some(before),
            value: Some(value.into()),
        });
    }
    if !changes.is_empty() {
        store.record(changes).await?;
    }
    Ok(())
}
