//! What a source keeps for its tasks, and who is told when it no longer can.

use std::time::Duration;

use anyhow::Result;
use jackdaw_proto::control::external_replication::PhaseKind;
use jackdaw_tests::{client::Client, site::Site, wait::until};
use tokio::time::sleep;

use crate::setup::{Pair, SOON, bring_back, copy_folder, documents, is_active};

/// A pair that forgets deletions as soon as it may.
async fn forgetful() -> Result<Pair> {
    Pair::at(Site::new()?.setting("tombstone_age_seconds = 0")).await
}

/// Waits until a database remembers no deletion.
async fn forgotten(client: &Client, database: &str) -> Result<()> {
    until("deletions forgotten", SOON, async || {
        Ok((client.database(database).await?.tombstones == 0).then_some(()))
    })
    .await
}

/// A purge while the receiver is away: what it still needs stays.
#[tokio::test(flavor = "multi_thread")]
async fn deletions_wait_for_a_receiver_that_is_away() -> Result<()> {
    let mut pair = forgetful().await?;
    pair.source.write("shop", documents("things", 100, "x"), 10).await?;
    let task = pair.replicate().await?;
    pair.caught_up(&task).await?;
    pair.receiver.kill()?;
    for n in 0..30 {
        pair.source.delete("shop", &format!("things/{n}")).await?;
    }
    // A restart forgets nothing of what the receiver needs either.
    assert_eq!(pair.sender.terminate()?, Some(0));
    pair.sender.restart()?;
    sleep(Duration::from_millis(2_500)).await;
    pair.receiver.restart()?;
    pair.reconnect().await?;
    pair.caught_up(&task).await?;
    assert_eq!(pair.assert_equal().await?, 70);
    // Now nobody needs them.
    forgotten(&pair.source, "shop").await?;
    forgotten(&pair.destination, "copy").await?;
    // A disabled task needs them like any other.
    let request = jackdaw_proto::control::DisableExternalReplicationRequest { name: task.clone() };
    pair.source.tasks().disable_external_replication(request).await?;
    pair.source.delete("shop", "things/50").await?;
    sleep(Duration::from_millis(2_500)).await;
    assert_eq!(pair.source.database("shop").await?.tombstones, 1);
    let request = jackdaw_proto::control::EnableExternalReplicationRequest { name: task.clone() };
    pair.source.tasks().enable_external_replication(request).await?;
    pair.caught_up(&task).await?;
    assert_eq!(pair.assert_equal().await?, 69);
    Ok(())
}

/// A receiver that was restored to before the deletions which the source has forgotten: its copy
/// would keep what was deleted. It is reconciled with in full; what is its own stays (pitfall 9).
#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_went_back_too_far_is_reconciled_with() -> Result<()> {
    let mut pair = forgetful().await?;
    pair.source.write("shop", documents("things", 20, "x"), 10).await?;
    let task = pair.replicate().await?;
    pair.caught_up(&task).await?;
    assert_eq!(pair.receiver.terminate()?, Some(0));
    let (data, older) = (pair.site.data("receiver"), pair.site.path().join("older"));
    copy_folder(&data, &older)?;
    pair.receiver.restart()?;
    pair.reconnect().await?;
    pair.source.delete("shop", "things/3").await?;
    pair.source.put("shop", "things/new", "{}").await?;
    pair.caught_up(&task).await?;
    forgotten(&pair.source, "shop").await?;
    assert_eq!(pair.receiver.terminate()?, Some(0));
    bring_back(&older, &data)?;
    pair.sender.kill()?;
    pair.receiver.restart()?;
    pair.destination = pair.destination_again().await?;
    pair.destination.put("copy", "mine", "{}").await?;
    pair.sender.restart()?;
    pair.reconnect().await?;
    // What was acknowledged before it went back is written down at the source.
    let reconciled = async || {
        let progress = pair.source.task(&task).await?.progress.unwrap_or_default();
        anyhow::Ok((progress.reconciled_removed, progress.reconciled_kept))
    };
    until("reconciled", SOON, async || Ok((reconciled().await? == (1, 1)).then_some(()))).await?;
    until("the rest", SOON, async || {
        let copy = pair.destination.database("copy").await?;
        Ok((copy.documents == 21).then_some(()))
    })
    .await?;
    pair.destination.delete("copy", "mine").await?;
    assert_eq!(pair.assert_equal().await?, 20);
    // Once is enough.
    pair.sender.kill()?;
    pair.sender.restart()?;
    pair.reconnect().await?;
    pair.source.put("shop", "things/newer", "{}").await?;
    pair.caught_up(&task).await?;
    until("arrived", SOON, async || {
        Ok((pair.destination.database("copy").await?.documents == 21).then_some(()))
    })
    .await?;
    let progress = pair.source.task(&task).await?.progress.unwrap_or_default();
    assert_eq!(progress.reconciled_removed + progress.reconciled_kept, 0);
    Ok(())
}

/// A destination that was deleted and created again is a new copy: it needs no deletions.
#[tokio::test(flavor = "multi_thread")]
async fn a_destination_that_was_created_anew_is_filled_anew() -> Result<()> {
    let pair = forgetful().await?;
    pair.source.write("shop", documents("things", 200, "x"), 10).await?;
    let task = pair.replicate().await?;
    pair.caught_up(&task).await?;
    pair.source.delete("shop", "things/3").await?;
    pair.caught_up(&task).await?;
    forgotten(&pair.source, "shop").await?;
    let request = jackdaw_proto::control::DeleteDatabaseRequest { name: "databases/copy".into() };
    pair.destination.databases().delete_database(request).await?;
    pair.destination.create_database("copy").await?;
    until("copied anew", SOON, async || {
        Ok((pair.destination.database("copy").await?.documents == 199).then_some(()))
    })
    .await?;
    pair.source.put("shop", "things/new", "{}").await?;
    pair.caught_up(&task).await?;
    assert_eq!(pair.assert_equal().await?, 200);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_task_to_the_same_database_is_refused() -> Result<()> {
    let pair = Pair::new().await?;
    let first = pair.replicate().await?;
    pair.source.put("shop", "a", "{}").await?;
    pair.caught_up(&first).await?;
    let urls = [pair.receiver.url()];
    let second = pair.source.replicate_as("again", "shop", "copy", &urls).await?.name;
    let blocked = pair.phase(&second, PhaseKind::Blocked).await?;
    let error = blocked.error.unwrap_or_default();
    assert_eq!(error.reason, "ALREADY_REPLICATED");
    assert!(error.message.contains("task 1"), "{}", error.message);
    assert!(is_active(&pair.source.task(&first).await?), "the first goes on");
    pair.source.put("shop", "b", "{}").await?;
    pair.caught_up(&first).await?;
    assert_eq!(pair.assert_equal().await?, 2);
    Ok(())
}

/// What is overwritten while the receiver is away is kept until it was sent, and then it goes.
#[tokio::test(flavor = "multi_thread")]
async fn history_is_kept_while_it_is_needed() -> Result<()> {
    let mut pair = Pair::new().await?;
    let task = pair.replicate().await?;
    pair.source.put("shop", "a", "{}").await?;
    pair.caught_up(&task).await?;
    pair.receiver.kill()?;
    for n in 0..50 {
        pair.source.put("shop", "a", &format!(r#"{{"n":{n}}}"#)).await?;
    }
    assert!(pair.source.database("shop").await?.history_bytes > 40 * 256);
    pair.receiver.restart()?;
    pair.reconnect().await?;
    pair.caught_up(&task).await?;
    until("history collected", SOON, async || {
        Ok((pair.source.database("shop").await?.history_bytes == 0).then_some(()))
    })
    .await?;
    assert_eq!(pair.assert_equal().await?, 1);
    // The destination was told of the last version only: the others went in the same batch.
    assert_eq!(pair.destination.database("copy").await?.last_etag, 2);
    let progress = pair.source.task(&task).await?.progress.unwrap_or_default();
    assert_eq!(progress.items_left_out, 49);
    Ok(())
}
