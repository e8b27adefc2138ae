//! Whose task it is: the generation of its ownership, minted in its record.
//!
//! A destination refuses an owner with a lower generation than it has accepted. The store of a
//! source belongs to one process, which holds the task for as long as it has the database open:
//! it mints a generation when it takes the task over, and a higher one when a destination has
//! accepted more than the record knows of, as after a restored folder (pitfall 13).

use jackdaw_store::{Record, RecordError, RecordKind, Store, StoreError};

use crate::definition::TaskDefinition;

/// This process's ownership of a task.
pub(crate) struct Ownership {
    store: Store,
    task: u64,
    minted: Option<u64>,
    /// The highest that a destination has accepted from whomever, as far as it was told.
    above: u64,
}

impl Ownership {
    /// Of a task that is not taken over yet.
    pub(crate) fn new(store: Store, task: u64) -> Self {
        Self { store, task, minted: None, above: 0 }
    }

    /// The generation, minted where there is none; `None` when the task is gone.
    ///
    /// # Errors
    ///
    /// The database cannot be read or written.
    pub(crate) async fn generation(&mut self) -> Result<Option<u64>, StoreError> {
        if self.minted.is_none() {
            self.minted = self.mint().await?;
        }
        Ok(self.minted)
    }

    /// A destination has accepted `highest`: a higher one is minted the next time.
    pub(crate) fn fenced_by(&mut self, highest: u64) {
        self.minted = None;
        self.above = self.above.max(highest);
    }

    /// Where the disk is full nothing is minted, and the task goes on as it was: a destination
    /// takes the same owner again.
    async fn mint(&self) -> Result<Option<u64>, StoreError> {
        let key = self.task.to_be_bytes();
        loop {
            let snapshot = self.store.snapshot();
            let before = snapshot.record(RecordKind::ExternalReplication, &key)?;
            let Some(before) = before else { return Ok(None) };
            let damaged = |error: serde_json::Error| StoreError::Row {
                table: "records",
                key: key.to_vec(),
                what: error.to_string(),
            };
            let mut definition: TaskDefinition =
                serde_json::from_slice(&before).map_err(damaged)?;
            let known = definition.generation;
            let generation = known.max(self.above).saturating_add(1);
            definition.generation = generation;
            let after = serde_json::to_vec(&definition).map_err(damaged)?;
            let record = Record {
                kind: RecordKind::ExternalReplication,
                key: key.to_vec().into(),
                expected: Some(before),
                value: Some(after.into()),
            };
            match self.store.record(vec![record]).await {
                Ok(()) => return Ok(Some(generation)),
                // Somebody edited the task meanwhile.
                Err(RecordError::Changed { .. }) => {}
                Err(RecordError::Store(error)) if error.is_no_space() && known > self.above => {
                    tracing::warn!(%error, "going on in the ownership that is written down");
                    return Ok(Some(known));
                }
                Err(RecordError::Store(error)) => return Err(error),
            }
        }
    }
}
