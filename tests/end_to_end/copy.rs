//! The main job: what is written at the source is at the destination, soon and unchanged.

use std::time::Duration;

use anyhow::Result;
use jackdaw_proto::control::{
    DisableExternalReplicationRequest, EnableExternalReplicationRequest,
    external_replication::{ConnectionState, PhaseKind},
};
use jackdaw_tests::wait::until;

use crate::setup::{Pair, SOON, documents, is_active};

#[tokio::test(flavor = "multi_thread")]
async fn first_sync_then_live() -> Result<()> {
    let pair = Pair::new().await?;
    pair.source.write("shop", documents("things", 40_000, "first"), 500).await?;
    let task = pair.replicate().await?;
    pair.caught_up(&task).await?;
    assert_eq!(pair.assert_equal().await?, 40_000);
    assert!(is_active(&pair.phase(&task, PhaseKind::Live).await?));

    pair.source.write("shop", documents("things", 100, "changed"), 7).await?;
    for n in 100..150 {
        pair.source.delete("shop", &format!("THINGS/{n}")).await?;
    }
    pair.source
        .put("shop", "odd/ÄÖ ü|/../%2e", r#"{"big":1e400,"neg":-0.0,"i":12345678901234567890}"#)
        .await?;
    pair.caught_up(&task).await?;
    assert_eq!(pair.assert_equal().await?, 40_000 - 50 + 1);

    let source = pair.source.database("shop").await?;
    let copy = pair.destination.database("copy").await?;
    assert_eq!((copy.documents, copy.tombstones, copy.conflicts), (39_951, 50, 0));
    assert_eq!(copy.change_vector, source.change_vector, "nothing is missing, and it knows");
    let progress = pair.source.task(&task).await?.progress.unwrap_or_default();
    assert_eq!(progress.lag_items, 0);
    assert_eq!(progress.items_sent, copy.last_etag, "each item was sent and applied once");
    assert_eq!(progress.items_applied, copy.last_etag);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_arrives_at_once() -> Result<()> {
    let pair = Pair::new().await?;
    let task = pair.replicate().await?;
    pair.phase(&task, PhaseKind::Live).await?;
    for n in 0..20 {
        let id = format!("pings/{n}");
        pair.source.put("shop", &id, "{}").await?;
        // No timer of 8 s or 15 s stands between a commit and its copy.
        until(&id, Duration::from_secs(3), async || {
            Ok(pair.destination.document("copy", &id).await.ok())
        })
        .await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_task_stands_still_and_goes_on_where_it_was() -> Result<()> {
    let pair = Pair::new().await?;
    let task = pair.replicate().await?;
    pair.source.put("shop", "a", "{}").await?;
    pair.caught_up(&task).await?;
    let disable = DisableExternalReplicationRequest { name: task.clone() };
    pair.source.tasks().disable_external_replication(disable).await?;
    until("not active", SOON, async || {
        let state = pair.source.task(&task).await?.connection_state();
        Ok((state == ConnectionState::NotActive).then_some(()))
    })
    .await?;
    pair.source.put("shop", "b", "{}").await?;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(pair.destination.document("copy", "b").await.is_err());
    let enable = EnableExternalReplicationRequest { name: task.clone() };
    pair.source.tasks().enable_external_replication(enable).await?;
    pair.caught_up(&task).await?;
    assert_eq!(pair.assert_equal().await?, 2);
    assert_eq!(pair.destination.database("copy").await?.last_etag, 2, "nothing was sent again");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_missing_is_waited_for() -> Result<()> {
    let pair = Pair::new().await?;
    pair.source.put("shop", "a", "{}").await?;
    let url = [pair.receiver.url()];
    let task = pair.source.replicate("shop", "copi", &url).await?.name;
    let waiting = pair.phase(&task, PhaseKind::Backoff).await?;
    assert_eq!(waiting.connection_state(), ConnectionState::Reconnect);
    let error = waiting.error.unwrap_or_default();
    assert_eq!(error.reason, "DATABASE_NOT_FOUND");
    assert!(error.next_try_time.is_some());
    assert_eq!(waiting.progress.unwrap_or_default().lag_items, 1);
    pair.destination.create_database("copi").await?;
    pair.caught_up(&task).await?;
    let live = pair.phase(&task, PhaseKind::Live).await?;
    assert!(is_active(&live) && live.error.is_none());
    assert!(pair.destination.document("copi", "a").await.is_ok());
    Ok(())
}
