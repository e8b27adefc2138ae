//! Processes that die: nothing acknowledged is lost, nothing is applied twice.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use jackdaw_proto::control::{
    ExternalReplication, WatchExternalReplicationRequest,
    external_replication::{ConnectionState, PhaseKind},
};
use jackdaw_tests::{client::Client, wait::until};
use tokio::time::sleep;

use crate::setup::{Pair, SOON, bring_back, copy_folder, documents, is_active};

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_the_first_sync_it_goes_on() -> Result<()> {
    let mut pair = Pair::new().await?;
    pair.source.write("shop", documents("things", 120_000, &"x".repeat(300)), 1000).await?;
    let task = pair.replicate().await?;
    for round in 0..6 {
        let before = pair.destination.database("copy").await?.last_etag;
        until("some progress", SOON, async || {
            let now = pair.destination.database("copy").await?.last_etag;
            Ok((now > before || now >= 120_000).then_some(()))
        })
        .await?;
        pair.kill_in_turn(round).await?;
    }
    pair.caught_up(&task).await?;
    assert_eq!(pair.assert_equal().await?, 120_000);
    let copy = pair.destination.database("copy").await?;
    assert_eq!(copy.last_etag, 120_000, "what was applied before a kill was not applied again");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_away_is_waited_for() -> Result<()> {
    away(Duration::from_secs(3)).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a minute and more"]
async fn a_receiver_that_is_away_for_a_minute_is_waited_for() -> Result<()> {
    away(Duration::from_secs(60)).await
}

/// The receiver is stopped for so long, while 10,000 documents are written. The task says what it
/// waits for and how far the copy is behind; then all of it arrives, and nobody did anything.
async fn away(time: Duration) -> Result<()> {
    let mut pair = Pair::new().await?;
    let task = pair.replicate().await?;
    pair.source.put("shop", "a", "{}").await?;
    pair.caught_up(&task).await?;
    assert_eq!(pair.receiver.terminate()?, Some(0));
    pair.phase(&task, PhaseKind::Backoff).await?;

    let watch = WatchExternalReplicationRequest { name: task.clone() };
    let mut watch = pair.source.tasks().watch_external_replication(watch).await?.into_inner();
    let source = pair.source.clone();
    let writer = tokio::spawn(async move {
        for (n, part) in documents("things", 10_000, "away").chunks(100).enumerate() {
            source.transact("shop", part).await.with_context(|| format!("part {n}"))?;
            sleep(time / 100).await;
        }
        anyhow::Ok(())
    });
    let mut told = Vec::new();
    while !writer.is_finished() {
        told.push(watch.message().await?.context("the watch ended")?);
    }
    writer.await??;
    assert_waits(&told)?;
    let last = pair.source.task(&task).await?.progress.unwrap_or_default();
    assert_eq!((last.lag_items, last.last_acknowledged_etag), (10_000, 1));

    pair.receiver.restart()?;
    pair.destination = Client::connect(&pair.receiver.url(), &pair.site.administrator()?).await?;
    // The wait before the next try has grown.
    until("everything arrived", SOON + 2 * time, async || {
        let progress = pair.source.task(&task).await?.progress.unwrap_or_default();
        Ok((progress.last_acknowledged_etag == 10_001).then_some(()))
    })
    .await?;
    assert_eq!(pair.assert_equal().await?, 10_001);
    let live = pair.phase(&task, PhaseKind::Live).await?;
    assert!(is_active(&live) && live.error.is_none());
    // Counted since the sender was started: it is the same process, and sent everything once.
    assert_eq!(live.progress.unwrap_or_default().items_sent, 10_001);
    Ok(())
}

/// What a task says while its destination is away.
fn assert_waits(told: &[ExternalReplication]) -> Result<()> {
    let (Some(first), Some(last)) = (told.first(), told.last()) else {
        bail!("it said nothing");
    };
    let progress = |task: &ExternalReplication| task.progress.clone().unwrap_or_default();
    let kind = |task: &ExternalReplication| task.phase.clone().unwrap_or_default().kind();
    let lag = |task: &ExternalReplication| {
        let lag = progress(task).lag.unwrap_or_default();
        (lag.seconds, lag.nanos)
    };
    assert!(progress(first).heard_time.is_some(), "the numbers have an age");
    assert!(told.iter().any(|task| kind(task) == PhaseKind::Backoff));
    for task in told {
        assert_eq!(task.connection_state(), ConnectionState::Reconnect, "{task:?}");
        assert_eq!(task.actual_destination_url, "");
        assert_eq!(progress(task).heard_time, progress(first).heard_time);
        let phase = task.phase.clone().context("no phase")?;
        let error = task.error.clone().context("no error")?;
        if phase.kind() == PhaseKind::Connecting {
            continue;
        }
        assert_eq!(phase.kind(), PhaseKind::Backoff);
        assert_eq!(phase.reason, error.reason);
        assert_eq!(phase.until, error.next_try_time, "the next try");
        let (time, until) = (error.time.context("when?")?, phase.until.context("no next try")?);
        assert!((until.seconds, until.nanos) >= (time.seconds, time.nanos));
    }
    assert_eq!(last.error.clone().unwrap_or_default().reason, "CONNECTION_REFUSED");
    assert!(lag(last) > lag(first), "{first:?}, then {last:?}");
    let items: Vec<_> = told.iter().map(|task| progress(task).lag_items).collect();
    assert!(items.is_sorted() && items.first() < items.last(), "{items:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn services_end_in_time_when_asked() -> Result<()> {
    let mut pair = Pair::new().await?;
    let task = pair.replicate().await?;
    pair.source.put("shop", "a", "{}").await?;
    pair.caught_up(&task).await?;
    for service in [&mut pair.sender, &mut pair.receiver] {
        let before = tokio::time::Instant::now();
        assert_eq!(service.terminate()?, Some(0));
        assert!(before.elapsed() < Duration::from_secs(10));
    }
    pair.receiver.restart()?;
    pair.sender.restart()?;
    pair.reconnect().await?;
    pair.source.put("shop", "b", "{}").await?;
    pair.caught_up(&task).await?;
    assert_eq!(pair.assert_equal().await?, 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_went_back_is_refused() -> Result<()> {
    let mut pair = Pair::new().await?;
    let task = pair.replicate().await?;
    pair.source.write("shop", documents("things", 100, "old"), 100).await?;
    pair.caught_up(&task).await?;
    assert_eq!(pair.sender.terminate()?, Some(0));
    let (data, older) = (pair.site.data("sender"), pair.site.path().join("older"));
    copy_folder(&data, &older)?;
    pair.sender.restart()?;
    pair.reconnect().await?;
    pair.source.write("shop", documents("things", 50, "new"), 50).await?;
    pair.caught_up(&task).await?;
    // Somebody copies an older folder back.
    assert_eq!(pair.sender.terminate()?, Some(0));
    bring_back(&older, &data)?;
    pair.sender.restart()?;
    pair.reconnect().await?;
    let blocked = pair.phase(&task, PhaseKind::Blocked).await?;
    assert_eq!(blocked.error.unwrap_or_default().reason, "SOURCE_FORKED");
    let kept = pair.destination.document("copy", "things/0").await?;
    assert!(String::from_utf8(kept.body.to_vec())?.contains("new"), "nothing was undone");
    Ok(())
}
