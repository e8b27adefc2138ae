//! When documents became readable at the destination.
//!
//! A change is told of by `WatchChanges` once it is durable and every read sees it; what is taken
//! here is when the client has that message, so a document was readable shortly before.

use anyhow::{Context as _, Result};
use jackdaw_proto::documents::{Change, WatchChangesRequest, WatchChangesResponse};
use tokio::time::{Instant, timeout_at};
use tonic::Streaming;

use crate::{
    documents::number,
    pair::{LONGEST, Pair},
};

/// Reads what changes at the destination.
pub(crate) struct Watch {
    changes: Streaming<WatchChangesResponse>,
}

impl Watch {
    /// From now on: what is written after it will be reported.
    pub(crate) async fn start(pair: &Pair) -> Result<Self> {
        let request = WatchChangesRequest { database: "copy".into(), after_etag: None };
        let mut changes = pair.destination.documents().watch_changes(request).await?.into_inner();
        changes.message().await?.context("nothing to watch")?;
        Ok(Self { changes })
    }

    /// The next changes, and when they were here.
    pub(crate) async fn next(&mut self) -> Result<(Vec<Change>, Instant)> {
        let message = timeout_at(Instant::now() + LONGEST, self.changes.message()).await??;
        let now = Instant::now();
        Ok((message.context("the watch ended")?.changes, now))
    }

    /// When each of the first `count` documents was here; waits for all of them.
    pub(crate) async fn all(mut self, count: usize) -> Result<Vec<Instant>> {
        let mut seen: Vec<Option<Instant>> = vec![None; count];
        let mut missing = count;
        while missing > 0 {
            let (changes, now) = self.next().await?;
            for change in changes {
                let at = number(&change.id).and_then(|n| seen.get_mut(n));
                missing -= usize::from(at.is_some_and(|at| at.replace(now).is_none()));
            }
        }
        Ok(seen.into_iter().flatten().collect())
    }
}
