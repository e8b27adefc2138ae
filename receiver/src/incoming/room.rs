//! Memory for the batches of all sessions of one receiver: bounded, however many there are.
//!
//! A session asks for each frame as it comes, and reads no further until there is room; its sender
//! then waits in the connection's flow control. Where all room is taken by batches that are not
//! whole, one session at a time goes on beyond it, up to the largest batch there may be: a whole
//! batch is applied and gives its room back, so there is always one that gets on.

use std::sync::Arc;

use jackdaw_common::limits::RECEIVED_BYTES_MAX;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What one permit stands for: a semaphore counts less than bytes need.
const UNIT_BYTES: usize = 1024;

/// The room of one receiver; clones are handles on the same.
#[derive(Clone, Debug)]
pub(crate) struct Room {
    units: Arc<Semaphore>,
    beyond: Arc<Semaphore>,
}

/// A part of the room; given back when it is dropped.
#[derive(Debug, Default)]
pub(crate) struct Place {
    units: Option<OwnedSemaphorePermit>,
    beyond: Option<OwnedSemaphorePermit>,
}

impl Default for Room {
    fn default() -> Self {
        Self::new(RECEIVED_BYTES_MAX)
    }
}

impl Room {
    /// Room for so many bytes.
    pub(crate) fn new(bytes: usize) -> Self {
        let units = Arc::new(Semaphore::new(bytes.div_ceil(UNIT_BYTES)));
        Self { units, beyond: Arc::new(Semaphore::new(1)) }
    }

    /// Room for so many bytes, if there is some and nobody waits for it.
    pub(crate) fn try_take(&self, bytes: usize) -> Option<Place> {
        let units = Arc::clone(&self.units).try_acquire_many_owned(units(bytes)).ok()?;
        Some(Place { units: Some(units), beyond: None })
    }

    /// Room for so many bytes, or the right to go on without. Cancel safe.
    pub(crate) async fn take(self, bytes: usize) -> Place {
        // Neither semaphore is ever closed.
        tokio::select! {
            biased;
            units = self.units.acquire_many_owned(units(bytes)) => {
                Place { units: units.ok(), beyond: None }
            }
            beyond = self.beyond.acquire_owned() => Place { units: None, beyond: beyond.ok() },
        }
    }
}

impl Place {
    /// Whether its batch goes on without asking for more.
    pub(crate) fn is_beyond(&self) -> bool {
        self.beyond.is_some()
    }

    /// Takes another one of the same room in.
    pub(super) fn add(&mut self, other: Self) {
        match (&mut self.units, other.units) {
            (Some(units), Some(more)) => units.merge(more),
            (units @ None, more) => *units = more,
            (Some(_), None) => {}
        }
        self.beyond = self.beyond.take().or(other.beyond);
    }
}

/// How many permits so many bytes take.
fn units(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX)
}
