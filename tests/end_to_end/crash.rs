//! Processes that die: nothing acknowledged is lost, nothing is applied twice.

use std::time::Duration;

use anyhow::Result;
use jackdaw_proto::control::external_replication::{ConnectionState, PhaseKind};
use jackdaw_tests::wait::until;

use crate::setup::{Pair, SOON, bring_back, copy_folder, documents};

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
        if round % 2 == 0 {
            pair.receiver.kill()?;
            pair.receiver.restart()?;
        } else {
            pair.sender.kill()?;
            pair.sender.restart()?;
        }
        pair.reconnect().await?;
    }
    pair.caught_up(&task).await?;
    assert_eq!(pair.assert_equal().await?, 120_000);
    let copy = pair.destination.database("copy").await?;
    assert_eq!(copy.last_etag, 120_000, "what was applied before a kill was not applied again");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_away_is_waited_for() -> Result<()> {
    let mut pair = Pair::new().await?;
    let task = pair.replicate().await?;
    pair.source.put("shop", "a", "{}").await?;
    pair.caught_up(&task).await?;
    pair.receiver.kill()?;
    pair.source.write("shop", documents("things", 1_000, "away"), 100).await?;
    let away = pair.phase(&task, PhaseKind::Backoff).await?;
    assert_eq!(away.connection_state(), ConnectionState::Reconnect);
    assert_eq!(away.actual_destination_url, "");
    let first = away.progress.unwrap_or_default();
    assert_eq!(first.lag_items, 1_000);
    assert!(first.heard_time.is_some(), "the numbers have an age");
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    let later = pair.source.task(&task).await?;
    let error = later.error.clone().unwrap_or_default();
    assert_eq!(error.reason, "CONNECTION_REFUSED");
    let lag = |progress: jackdaw_proto::control::external_replication::Progress| {
        let lag = progress.lag.unwrap_or_default();
        lag.seconds * 1_000_000_000 + i64::from(lag.nanos)
    };
    assert!(lag(later.progress.unwrap_or_default()) >= lag(first) + 1_000_000_000, "it grows");
    pair.receiver.restart()?;
    pair.reconnect().await?;
    pair.caught_up(&task).await?;
    assert_eq!(pair.assert_equal().await?, 1_001);
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
