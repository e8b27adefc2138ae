//! What a node does for its databases by itself: deletions that nobody needs are forgotten, and so
//! is what has come of contents whose sessions do not go on.
//!
//! The store decides which those are; this asks it to look, in bounded steps, every so often.

use std::{sync::Arc, time::Duration};

use jackdaw_common::{DatabaseName, clock::Clock, limits::STAGED_SECONDS_MAX};
use jackdaw_store::{Forget, Store};
use tokio::time::sleep;

use crate::{
    catalog::Catalog,
    offload::{Abandoned, offload},
    shutdown::Shutdown,
};

/// The longest time between two looks at a database.
const EVERY_MAX: Duration = Duration::from_secs(300);
/// How long what has come of a content is kept.
const STAGED_MAX: Duration = Duration::from_secs(STAGED_SECONDS_MAX);
/// The shortest.
const EVERY_MIN: Duration = Duration::from_secs(1);

/// Runs until the node drains.
pub(super) async fn run(
    catalog: Catalog,
    clock: Arc<dyn Clock>,
    tombstone_age: Duration,
    mut drain: Shutdown,
) {
    let every = (tombstone_age / 10).clamp(EVERY_MIN, EVERY_MAX);
    let work = async {
        loop {
            sleep(every).await;
            for database in catalog.list() {
                let (name, store) = (database.name().clone(), database.store().clone());
                drop(database);
                forget_staged(&name, store.clone()).await;
                match forget(&store, &*clock, tombstone_age).await {
                    Ok(0) => {}
                    Ok(tombstones) => {
                        tracing::info!(database = %name, tombstones, "deletions forgotten");
                    }
                    Err(error) => {
                        tracing::warn!(database = %name, %error, "cannot forget deletions");
                    }
                }
            }
        }
    };
    tokio::select! {
        biased;
        () = drain.requested() => {}
        () = work => {}
    }
}

/// Removes what has come of contents, once nobody has gone on with it for long.
async fn forget_staged(name: &DatabaseName, store: Store) {
    let forgotten = offload(move || store.forget_staged(STAGED_MAX)).await;
    match forgotten {
        Ok(Ok(0)) | Err(Abandoned) => {}
        Ok(Ok(contents)) => {
            tracing::info!(database = %name, contents, "unfinished contents removed");
        }
        Ok(Err(error)) => {
            tracing::warn!(database = %name, %error, "cannot remove unfinished contents");
        }
    }
}

/// Forgets what is old enough; answers how many deletions that were.
async fn forget(
    store: &Store,
    clock: &dyn Clock,
    age: Duration,
) -> Result<u64, jackdaw_store::ForgetError> {
    let age = i64::try_from(age.as_micros()).unwrap_or(i64::MAX);
    let before = clock.now().plus_micros(-age);
    let (mut forgotten, mut after) = (0, None);
    loop {
        let done = store.forget(Forget { before, after }).await?;
        forgotten += done.tombstones;
        after = done.next;
        if after.is_none() {
            return Ok(forgotten);
        }
    }
}
