//! Data folders that are copied and put back, and databases that are made anew.

use std::{fs, time::Duration};

use anyhow::Result;
use jackdaw_proto::control::{DeleteDatabaseRequest, external_replication::PhaseKind};
use jackdaw_tests::{client::Client, service::Service, wait::until};
use tokio::time::sleep;

use crate::setup::{Pair, SOON, bring_back, copy_folder, documents, done, path};

/// Waits until both databases hold the same; answers how many documents.
async fn equal(pair: &Pair) -> Result<usize> {
    until("equal", SOON, async || {
        let source = pair.source.content("shop").await?;
        Ok((source == pair.destination.content("copy").await?).then_some(source.len()))
    })
    .await
}

/// Items that a task has sent since its service was started.
async fn sent(pair: &Pair, task: &str) -> Result<u64> {
    Ok(pair.source.task(task).await?.progress.unwrap_or_default().items_sent)
}

/// What the receiver has acknowledged and then lost is sent again, and nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_restored_from_an_older_copy_is_sent_what_it_lost() -> Result<()> {
    let mut pair = Pair::new().await?;
    let task = pair.replicate().await?;
    pair.source.write("shop", documents("things", 300, "old"), 10).await?;
    pair.caught_up(&task).await?;
    assert_eq!(pair.receiver.terminate()?, Some(0));
    let (data, older) = (pair.site.data("receiver"), pair.site.path().join("older"));
    copy_folder(&data, &older)?;
    pair.receiver.restart()?;
    pair.reconnect().await?;

    pair.source.write("shop", documents("things", 100, "new"), 10).await?;
    for n in 100..150 {
        pair.source.delete("shop", &format!("things/{n}")).await?;
    }
    pair.source.write("shop", documents("more", 100, "new"), 10).await?;
    pair.caught_up(&task).await?;
    let before = sent(&pair, &task).await?;

    assert_eq!(pair.receiver.terminate()?, Some(0));
    bring_back(&older, &data)?;
    pair.receiver.restart()?;
    pair.reconnect().await?;
    assert_eq!(equal(&pair).await?, 350);
    assert_eq!(sent(&pair, &task).await?, before + 250);

    pair.source.put("shop", "things/0", "{}").await?;
    pair.caught_up(&task).await?;
    assert_eq!(pair.assert_equal().await?, 350);
    Ok(())
}

/// A destination that is deleted in the middle of a copy and created again is another database: it
/// is filled from the beginning, and has nothing of the one before.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_deleted_in_the_middle_of_a_copy_is_filled_when_it_is_there_again() -> Result<()>
{
    let pair = Pair::new().await?;
    pair.destination.put("copy", "own/1", "{}").await?;
    pair.source.write("shop", documents("things", 60_000, &"x".repeat(300)), 1_000).await?;
    let task = pair.replicate().await?;
    until("some progress", SOON, async || {
        Ok((pair.destination.database("copy").await?.documents > 1).then_some(()))
    })
    .await?;
    let first = pair.destination.database("copy").await?.id;
    let delete = DeleteDatabaseRequest { name: "databases/copy".into() };
    pair.destination.databases().delete_database(delete).await?;
    let waiting = pair.phase(&task, PhaseKind::Backoff).await?;
    assert_eq!(waiting.error.unwrap_or_default().reason, "DATABASE_NOT_FOUND");
    pair.source.delete("shop", "things/0").await?;

    let second = pair.destination.create_database("copy").await?;
    assert_ne!(second.id, first);
    assert_eq!(equal(&pair).await?, 59_999);
    pair.caught_up(&task).await?;
    let (source, copy) =
        (pair.source.database("shop").await?, pair.destination.database("copy").await?);
    assert_eq!(copy.change_vector, source.change_vector, "nothing is missing, and it knows");
    Ok(())
}

/// A folder that was copied does not open. Where somebody says that it was moved, and it is not
/// true, it is served twice, side by side. One of the two is written to: its documents arrive,
/// whatever the other one does.
#[tokio::test(flavor = "multi_thread")]
async fn a_folder_served_twice_disturbs_no_copy() -> Result<()> {
    let mut pair = Pair::new().await?;
    let task = pair.replicate().await?;
    pair.source.write("shop", documents("things", 100, "x"), 10).await?;
    pair.caught_up(&task).await?;
    assert_eq!(pair.sender.terminate()?, Some(0));
    copy_folder(&pair.site.data("sender"), &pair.site.data("twin"))?;
    for ending in ["pem", "key"] {
        let certificate = |name: &str| pair.site.certificates().join(format!("{name}.{ending}"));
        fs::copy(certificate("sender"), certificate("twin"))?;
    }
    pair.sender.restart()?;
    pair.reconnect().await?;
    let Err(refused) = Service::start_both(&pair.site, "twin") else {
        anyhow::bail!("a copy was opened as if it were the original");
    };
    assert!(format!("{refused:#}").contains("DATABASE_MOVED_OR_COPIED"), "{refused:#}");
    done(&["database", "adopt", "--moved", "--data", path(&pair.site.data("twin"))])?;
    let mut twin = Service::start_both(&pair.site, "twin")?;
    let second = Client::connect(&twin.url(), &pair.site.administrator()?).await?;
    for round in 0..20 {
        pair.source.write("shop", documents(&format!("round/{round}"), 50, "x"), 7).await?;
        sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(equal(&pair).await?, 1_100);
    assert_eq!(second.database("shop").await?.documents, 100, "the other one got nothing");
    assert_eq!(twin.terminate()?, Some(0));
    pair.source.put("shop", "last", "{}").await?;
    pair.caught_up(&task).await?;
    assert_eq!(pair.assert_equal().await?, 1_101);
    Ok(())
}

/// One folder is for one process.
#[tokio::test(flavor = "multi_thread")]
async fn a_folder_in_use_is_not_opened_again() -> Result<()> {
    let pair = Pair::new().await?;
    let Err(refused) = Service::start(&pair.site, "sender") else {
        anyhow::bail!("two processes serve one folder");
    };
    let refused = format!("{refused:#}");
    assert!(refused.contains("is in use by another process"), "{refused}");
    pair.source.put("shop", "a", "{}").await?;
    Ok(())
}
