//! The sessions that are under way: at most one a pair of source and destination.
//!
//! Two tasks of one source to one destination would take over from each other for ever (pitfall
//! 13): the second is refused while the first is alive. Nothing rests on it: what an old session
//! may still write is decided by its epoch, in the store.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jackdaw_common::{DatabaseId, frame::Offer};

use super::{error::IncomingError, presence::Presence, room::Room};

/// Destination and source.
type Pair = (DatabaseId, DatabaseId);

/// A session that is under way.
#[derive(Clone, Debug)]
struct Live {
    task: u64,
    task_name: String,
    epoch: u64,
    presence: Presence,
}

/// The sessions that are under way. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct LiveSessions {
    all: Arc<Mutex<HashMap<Pair, Live>>>,
    room: Room,
}

impl LiveSessions {
    /// Memory for the batches of all of them.
    pub(super) fn room(&self) -> Room {
        self.room.clone()
    }

    /// No session of another task of the same source is alive; waits for one to say that it is.
    ///
    /// # Errors
    ///
    /// [`IncomingError::AlreadyReplicated`].
    pub(super) async fn none_of_another_task(
        &self,
        destination: DatabaseId,
        offer: &Offer,
    ) -> Result<(), IncomingError> {
        let other = self.all().get(&(destination, offer.source)).cloned();
        let Some(other) = other.filter(|live| live.task != offer.task) else { return Ok(()) };
        if !other.presence.is_alive().await {
            return Ok(());
        }
        Err(IncomingError::AlreadyReplicated { task: other.task, name: other.task_name })
    }

    /// A session is under way now; the one before it ends. It is forgotten when what is answered is
    /// dropped.
    pub(crate) fn enter(
        &self,
        destination: DatabaseId,
        offer: &Offer,
        epoch: u64,
        presence: Presence,
    ) -> Entered {
        let pair = (destination, offer.source);
        let live = Live {
            task: offer.task,
            task_name: offer.task_name.clone(),
            epoch,
            presence: presence.clone(),
        };
        let mut all = self.all();
        match all.get(&pair) {
            // It came later, and was faster to get here.
            Some(newer) if newer.epoch > epoch => presence.supersede(),
            _ => {
                if let Some(older) = all.insert(pair, live) {
                    older.presence.supersede();
                }
            }
        }
        drop(all);
        Entered { sessions: self.clone(), pair, epoch }
    }

    fn all(&self) -> MutexGuard<'_, HashMap<Pair, Live>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A session that is under way until this is dropped.
#[derive(Debug)]
pub(crate) struct Entered {
    sessions: LiveSessions,
    pair: Pair,
    epoch: u64,
}

impl Drop for Entered {
    fn drop(&mut self) {
        let mut all = self.sessions.all();
        if all.get(&self.pair).is_some_and(|live| live.epoch == self.epoch) {
            all.remove(&self.pair);
        }
    }
}

#[cfg(test)]
mod tests;
