//! Data folders that are copied and put back, and databases that are made anew.

use std::{fs, path::PathBuf, time::Duration};

use anyhow::{Result, bail};
use jackdaw_proto::control::{DeleteDatabaseRequest, external_replication::PhaseKind};
use jackdaw_tests::{client::Client, service::Service, wait::until};
use tokio::time::sleep;

use crate::setup::{Pair, SOON, bring_back, copy_folder, documents, done, is_active, path};

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

/// A copy of the sender's folder that is served beside it: somebody has said of it that it was
/// moved, and it was not.
struct Twin {
    service: Service,
    client: Client,
    /// Its folder.
    data: PathBuf,
}

/// Starts it; before anybody says anything, the copy does not open.
async fn twin(pair: &mut Pair) -> Result<Twin> {
    assert_eq!(pair.sender.terminate()?, Some(0));
    let data = pair.site.data("twin");
    copy_folder(&pair.site.data("sender"), &data)?;
    for ending in ["pem", "key"] {
        let certificate = |name: &str| pair.site.certificates().join(format!("{name}.{ending}"));
        fs::copy(certificate("sender"), certificate("twin"))?;
    }
    pair.sender.restart()?;
    pair.reconnect().await?;
    let Err(refused) = Service::start_both(&pair.site, "twin") else {
        bail!("a copy was opened as if it were the original");
    };
    assert!(format!("{refused:#}").contains("DATABASE_MOVED_OR_COPIED"), "{refused:#}");
    done(&["database", "adopt", "--moved", "--data", path(&data)])?;
    let service = Service::start_both(&pair.site, "twin")?;
    let client = Client::connect(&service.url(), &pair.site.administrator()?).await?;
    Ok(Twin { service, client, data })
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
    let mut twin = twin(&mut pair).await?;
    for round in 0..20 {
        pair.source.write("shop", documents(&format!("round/{round}"), 50, "x"), 7).await?;
        sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(equal(&pair).await?, 1_100);
    let idle = twin.client.database("shop").await?.documents;
    assert_eq!(idle, 100, "the other one got nothing");
    assert_eq!(twin.service.terminate()?, Some(0));
    pair.source.put("shop", "last", "{}").await?;
    pair.caught_up(&task).await?;
    assert_eq!(pair.assert_equal().await?, 1_101);
    Ok(())
}

/// Two hosts serve what was one folder, both with the task, and both write, at the same time and
/// under the same etags: 50 documents each, and one under an id that both have. The answer: which
/// pair the destination has taken, as a pair whose sender is that one; the one that was refused;
/// and the task.
async fn served_twice_and_written_twice() -> Result<(Pair, Twin, String)> {
    let mut pair = Pair::new().await?;
    let task = pair.replicate().await?;
    pair.source.write("shop", documents("things", 100, "x"), 10).await?;
    pair.caught_up(&task).await?;
    let mut other = twin(&mut pair).await?;
    let (first, second) =
        tokio::join!(written(&pair.source, "originals"), written(&other.client, "twins"),);
    first.and(second)?;

    let refused = until("one of them is refused", SOON, async || {
        for (original, client) in [(true, &pair.source), (false, &other.client)] {
            let error = client.task(&task).await?.error.unwrap_or_default();
            if error.reason == "SOURCE_FORKED" {
                return Ok(Some(original));
            }
        }
        Ok(None)
    })
    .await?;
    if refused {
        std::mem::swap(&mut pair.sender, &mut other.service);
        std::mem::swap(&mut pair.source, &mut other.client);
        other.data = pair.site.data("sender");
    }
    let accepted = until("the other one is copied", SOON, async || {
        let task = pair.source.task(&task).await?;
        Ok(is_active(&task).then_some(task))
    })
    .await?;
    assert_eq!(accepted.error, None);
    pair.caught_up(&task).await?;
    assert_eq!(pair.assert_equal().await?, 151, "it has the one, and nothing of the other");
    assert_eq!(other.client.database("shop").await?.documents, 151, "which has lost nothing");
    let blocked = other.client.task(&task).await?;
    assert_eq!(blocked.phase.unwrap_or_default().kind(), PhaseKind::Blocked);
    Ok((pair, other, task))
}

/// What one of two writes.
async fn written(source: &Client, name: &str) -> Result<()> {
    source.write("shop", documents(name, 50, name), 5).await?;
    source.put("shop", "both", &format!(r#"{{"by":"{name}"}}"#)).await?;
    Ok(())
}

/// A folder that is served twice, with both written to: the destination takes one of them whole
/// and nothing of the other. That one is then declared to be what it is, as its error says; it is
/// taken, what both wrote is there, and of what both wrote under one id there are both versions.
/// The one that was taken before is refused now: there is one source.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_that_serve_one_folder_the_refused_one_is_declared() -> Result<()> {
    let (pair, mut other, task) = served_twice_and_written_twice().await?;
    assert_eq!(other.service.terminate()?, Some(0));
    // The folder was copied at etag 100.
    let declare = ["database", "restore", "shop", "--forked-at", "100"];
    let told = done(&[&declare[..], &["--data", path(&other.data)]].concat())?;
    assert!(told.contains("51 versions"), "{told}");
    other.service.restart()?;
    other.client = Client::connect(&other.service.url(), &pair.site.administrator()?).await?;
    let last = other.client.database("shop").await?.last_etag;
    let restored = until("it is taken", SOON, async || {
        let task = other.client.task(&task).await?;
        let acknowledged = task.progress.clone().unwrap_or_default().last_acknowledged_etag;
        Ok((is_active(&task) && acknowledged >= last).then_some(task))
    })
    .await?;
    assert_eq!(restored.warning.unwrap_or_default().reason, "SOURCE_RESTORED");
    let copy = pair.destination.database("copy").await?;
    assert_eq!((copy.documents, copy.conflicts), (200, 1), "what both wrote is there");
    for (source, name) in [(&pair.source, "it"), (&other.client, "the other one")] {
        let source = source.content("shop").await?;
        assert_eq!(source.len(), 151, "{name} holds what it held");
        for (id, (_, body, _)) in source.iter().filter(|(id, _)| *id != "both") {
            let there = pair.destination.document("copy", id).await?;
            assert_eq!(&there.body, body, "{id} of {name}");
        }
    }

    pair.source.put("shop", "late", "{}").await?;
    let refused = pair.phase(&task, PhaseKind::Blocked).await?;
    assert_eq!(refused.error.unwrap_or_default().reason, "SOURCE_FORKED");
    let late = pair.destination.document("copy", "late").await;
    assert_eq!(late.unwrap_err().code(), tonic::Code::NotFound);
    Ok(())
}

/// The other way out: the one that was taken is the right one. What only the other has is taken out
/// of it and written to that one, and the other is deleted; the copy has everything, and nobody is
/// in conflict.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_that_serve_one_folder_the_refused_one_is_emptied() -> Result<()> {
    let (pair, mut other, task) = served_twice_and_written_twice().await?;
    let holds = pair.source.content("shop").await?;
    let missing = other.client.content("shop").await?.into_iter();
    let missing = missing.filter(|(id, _)| !holds.contains_key(id));
    let missing: Vec<_> = missing
        .map(|(id, (_, body, _))| anyhow::Ok((id, String::from_utf8(body.to_vec())?)))
        .collect::<Result<_>>()?;
    assert_eq!(missing.len(), 50);
    pair.source.write("shop", missing, 10).await?;
    assert_eq!(other.service.terminate()?, Some(0));
    fs::remove_dir_all(&other.data)?;
    pair.caught_up(&task).await?;
    assert_eq!(pair.assert_equal().await?, 201);
    assert_eq!(pair.destination.database("copy").await?.conflicts, 0);
    Ok(())
}

/// One folder is for one process.
#[tokio::test(flavor = "multi_thread")]
async fn a_folder_in_use_is_not_opened_again() -> Result<()> {
    let pair = Pair::new().await?;
    let Err(refused) = Service::start(&pair.site, "sender") else {
        bail!("two processes serve one folder");
    };
    let refused = format!("{refused:#}");
    assert!(refused.contains("is in use by another process"), "{refused}");
    pair.source.put("shop", "a", "{}").await?;
    Ok(())
}
