//! Stores that went back, were copied, moved or restored: found out where nobody says so, and gone
//! on with where somebody does. Pitfalls 1 to 3, with the binaries.

use anyhow::{Context as _, Result};
use jackdaw_proto::control::{
    DeleteDatabaseRequest, EnableExternalReplicationRequest, external_replication::PhaseKind,
};
use jackdaw_tests::wait::until;

use crate::setup::{Pair, SOON, bring_back, copy_folder, documents, done, jackdaw, path};

/// A pair whose source went back behind 50 changes that the destination has, and which wrote other
/// 200 since, while the receiver was away: pitfall 3.
async fn went_back_and_wrote_past(pair: &mut Pair) -> Result<String> {
    let task = pair.replicate().await?;
    pair.source.write("shop", documents("things", 100, "old"), 100).await?;
    pair.caught_up(&task).await?;
    assert_eq!(pair.sender.terminate()?, Some(0));
    let (data, older) = (pair.site.data("sender"), pair.site.path().join("older"));
    copy_folder(&data, &older)?;
    pair.sender.restart()?;
    pair.reconnect().await?;
    pair.source.write("shop", documents("things", 50, "lost"), 50).await?;
    pair.caught_up(&task).await?;
    assert_eq!(pair.sender.terminate()?, Some(0));
    // As a snapshot of the disk is brought back: the very same files, as they were.
    bring_back(&older, &data)?;
    pair.receiver.kill()?;
    pair.sender.restart()?;
    pair.source = pair.source_again().await?;
    pair.source.write("shop", documents("others", 200, "new"), 50).await?;
    pair.receiver.restart()?;
    pair.reconnect().await?;
    Ok(task)
}

#[tokio::test(flavor = "multi_thread")]
async fn pitfall_3_a_source_that_went_back_and_wrote_past_is_found_out_and_declared() -> Result<()>
{
    let mut pair = Pair::new().await?;
    let task = went_back_and_wrote_past(&mut pair).await?;
    let blocked = pair.phase(&task, PhaseKind::Blocked).await?;
    let error = blocked.error.unwrap_or_default();
    assert_eq!(error.reason, "SOURCE_FORKED");
    let kept = pair.destination.document("copy", "things/0").await?;
    assert!(String::from_utf8(kept.body.to_vec())?.contains("lost"), "nothing was undone");

    // Not while the service runs.
    let data = pair.site.data("sender");
    let declare = ["database", "restore", "shop", "--forked-at", "100", "--data", path(&data)];
    let refused = jackdaw(&declare)?;
    assert_eq!(refused.status.code(), Some(5));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("stop it first"));
    assert_eq!(pair.sender.terminate()?, Some(0));
    let told = done(&declare)?;
    assert!(told.contains("200 versions"), "{told}");
    pair.sender.restart()?;
    pair.reconnect().await?;
    pair.caught_up(&task).await?;

    let restored = pair.source.task(&task).await?;
    assert_eq!(restored.warning.unwrap_or_default().reason, "SOURCE_RESTORED");
    let copy = pair.destination.database("copy").await?;
    assert_eq!(
        (copy.documents, copy.conflicts),
        (300, 0),
        "all that was written after it is there"
    );
    let kept = pair.destination.document("copy", "things/0").await?;
    assert!(String::from_utf8(kept.body.to_vec())?.contains("lost"), "what only it has stays");
    // Whoever goes on writing at the source conflicts with that; nothing is lost.
    pair.source.put("shop", "things/0", r#"{"text":"newer"}"#).await?;
    pair.source.put("shop", "things/99", r#"{"text":"newer"}"#).await?;
    pair.caught_up(&task).await?;
    assert_eq!(pair.destination.database("copy").await?.conflicts, 1);
    let newer = pair.destination.document("copy", "things/99").await?;
    assert!(String::from_utf8(newer.body.to_vec())?.contains("newer"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copied_folder_does_not_open_until_somebody_says_what_it_is() -> Result<()> {
    let mut pair = Pair::new().await?;
    let task = pair.replicate().await?;
    pair.source.write("shop", documents("things", 100, "x"), 100).await?;
    pair.caught_up(&task).await?;
    assert_eq!(pair.sender.terminate()?, Some(0));
    let (data, moved) = (pair.site.data("sender"), pair.site.path().join("moved"));
    copy_folder(&data, &moved)?;
    std::fs::remove_dir_all(&data)?;
    std::fs::rename(&moved, &data)?;
    let refused = pair.sender.restart().err().context("it started")?;
    let refused = format!("{refused:#}");
    for part in ["DATABASE_MOVED_OR_COPIED", "database adopt --moved shop", "database restore shop"]
    {
        assert!(refused.contains(part), "{refused}");
    }
    done(&["database", "adopt", "--moved", "--data", path(&data)])?;
    pair.sender.restart()?;
    pair.reconnect().await?;
    pair.source.put("shop", "a", "{}").await?;
    pair.caught_up(&task).await?;
    assert_eq!(pair.assert_equal().await?, 101);
    assert_eq!(pair.source.task(&task).await?.warning, None, "it is the same");
    Ok(())
}

/// A copy of a folder takes the place of the original, which is lost: declared restored, it opens,
/// goes on where the original was, and writes as another incarnation.
#[tokio::test(flavor = "multi_thread")]
async fn a_copied_folder_that_is_declared_restored_goes_on() -> Result<()> {
    let mut pair = Pair::new().await?;
    let task = pair.replicate().await?;
    pair.source.write("shop", documents("things", 100, "x"), 100).await?;
    pair.caught_up(&task).await?;
    let original = pair.source.database("shop").await?.incarnation;
    assert_eq!(pair.sender.terminate()?, Some(0));
    let (data, copied) = (pair.site.data("sender"), pair.site.path().join("copied"));
    copy_folder(&data, &copied)?;
    std::fs::remove_dir_all(&data)?;
    std::fs::rename(&copied, &data)?;
    let refused = pair.sender.restart().err().context("it started")?;
    assert!(format!("{refused:#}").contains("DATABASE_MOVED_OR_COPIED"), "{refused:#}");

    let configuration = pair.site.configuration("sender")?;
    let told = done(&["database", "restore", "shop", "--config", path(&configuration)])?;
    assert!(told.contains("behind etag 100"), "{told}");
    pair.sender.restart()?;
    pair.reconnect().await?;
    let shop = pair.source.database("shop").await?;
    assert_eq!((shop.incarnations.len(), shop.last_etag), (2, 100));
    assert_ne!(shop.incarnation, original);
    pair.source.put("shop", "things/0", "{}").await?;
    pair.source.delete("shop", "things/1").await?;
    pair.source.write("shop", documents("more", 20, "x"), 7).await?;
    pair.caught_up(&task).await?;
    assert_eq!(pair.assert_equal().await?, 119);
    let written = pair.destination.document("copy", "things/0").await?.change_vector;
    assert!(written.contains(&shop.incarnation), "{written}");
    assert_eq!(pair.destination.database("copy").await?.conflicts, 0);
    // Nothing but what was written since was sent; of the original nothing lies above that, and the
    // warning says so by its two etags.
    let task = pair.source.task(&task).await?;
    assert_eq!(task.progress.unwrap_or_default().items_sent, 22);
    let warning = task.warning.unwrap_or_default();
    assert_eq!(warning.reason, "SOURCE_RESTORED");
    assert_eq!(warning.message.matches("etag 100").count(), 2, "{}", warning.message);
    Ok(())
}

/// Pitfall 17 of copies: the original is off, a copy writes; one of them must say what it is.
#[tokio::test(flavor = "multi_thread")]
async fn pitfall_3_a_copy_started_while_the_original_is_off_makes_the_original_stop() -> Result<()>
{
    let mut pair = Pair::new().await?;
    let task = pair.replicate().await?;
    pair.source.write("shop", documents("things", 100, "x"), 100).await?;
    pair.caught_up(&task).await?;
    assert_eq!(pair.sender.terminate()?, Some(0));
    let (data, original) = (pair.site.data("sender"), pair.site.path().join("original"));
    copy_folder(&data, &original)?;
    // "Moved", somebody says, and it is not true.
    pair.sender.restart()?;
    pair.reconnect().await?;
    pair.source.write("shop", documents("copys", 10, "x"), 10).await?;
    pair.caught_up(&task).await?;
    assert_eq!(pair.sender.terminate()?, Some(0));
    bring_back(&original, &data)?;
    pair.receiver.kill()?;
    pair.sender.restart()?;
    pair.source = pair.source_again().await?;
    pair.source.write("shop", documents("originals", 30, "x"), 10).await?;
    pair.receiver.restart()?;
    pair.reconnect().await?;
    let blocked = pair.phase(&task, PhaseKind::Blocked).await?;
    assert_eq!(blocked.error.unwrap_or_default().reason, "SOURCE_FORKED");
    assert_eq!(pair.destination.database("copy").await?.documents, 110, "nothing of it was taken");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn pitfalls_1_and_2_a_database_restored_from_a_backup_goes_on() -> Result<()> {
    let pair = Pair::new().await?;
    let task = pair.replicate().await?;
    pair.source.write("shop", documents("things", 100, "old"), 100).await?;
    pair.caught_up(&task).await?;
    let (url, certificates) = (pair.sender.url(), pair.site.certificates());
    let connection = ["--url", &url, "--folder", path(&certificates)];
    let file = pair.site.path().join("shop.backup");
    let backup = ["database", "backup", "shop", path(&file)];
    let told = done(&[&backup[..], &connection[..]].concat())?;
    assert!(told.contains("is backed up"), "{told}");
    pair.source.write("shop", documents("things", 60, "lost"), 60).await?;
    pair.caught_up(&task).await?;

    // While it is there, under whatever name, it is not restored beside itself.
    let restore = ["database", "restore", "again", "--from", path(&file)];
    let refused = jackdaw(&[&restore[..], &connection[..]].concat())?;
    assert_eq!(refused.status.code(), Some(4));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("DATABASE_ALREADY_EXISTS"));

    let request = DeleteDatabaseRequest { name: "databases/shop".into() };
    pair.source.databases().delete_database(request).await?;
    let restore = ["database", "restore", "shop", "--from", path(&file)];
    done(&[&restore[..], &connection[..]].concat())?;
    let shop = pair.source.database("shop").await?;
    assert_eq!((shop.documents, shop.last_etag, shop.incarnations.len()), (100, 100, 2));
    // Pitfall 1: under the same etag as what was lost, and not taken for it.
    pair.source.put("shop", "things/0", r#"{"text":"after"}"#).await?;
    pair.source.put("shop", "things/90", r#"{"text":"after"}"#).await?;
    let disabled = pair.source.task(&task).await?;
    assert!(disabled.actual_destination_url.is_empty(), "it does not send by itself");
    let request = EnableExternalReplicationRequest { name: task.clone() };
    pair.source.tasks().enable_external_replication(request).await?;
    pair.caught_up(&task).await?;
    let warning = pair.source.task(&task).await?.warning.unwrap_or_default();
    assert_eq!(warning.reason, "SOURCE_RESTORED");
    assert!(warning.message.contains("160"), "{}", warning.message);
    let copy = pair.destination.database("copy").await?;
    assert_eq!((copy.documents, copy.conflicts), (99, 1));
    let after = pair.destination.document("copy", "things/90").await?;
    assert!(String::from_utf8(after.body.to_vec())?.contains("after"));
    Ok(())
}

/// A destination that is restored from a backup is sent what was written since, deletions too, and
/// nothing else: it says itself how far it is. Its sender notices that it was away, and no more.
#[tokio::test(flavor = "multi_thread")]
async fn a_destination_restored_from_a_backup_is_sent_what_it_lost() -> Result<()> {
    let pair = Pair::new().await?;
    let task = pair.replicate().await?;
    pair.source.write("shop", documents("things", 300, "old"), 10).await?;
    pair.caught_up(&task).await?;
    let (url, certificates) = (pair.receiver.url(), pair.site.certificates());
    let connection = ["--url", &url, "--folder", path(&certificates)];
    let file = pair.site.path().join("copy.backup");
    done(&[&["database", "backup", "copy", path(&file)][..], &connection[..]].concat())?;

    pair.source.write("shop", documents("things", 100, "new"), 10).await?;
    for n in 100..150 {
        pair.source.delete("shop", &format!("things/{n}")).await?;
    }
    pair.source.write("shop", documents("more", 100, "new"), 10).await?;
    pair.caught_up(&task).await?;
    let sent = async || {
        let task = pair.source.task(&task).await?;
        anyhow::Ok(task.progress.unwrap_or_default().items_sent)
    };
    let before = sent().await?;

    let request = DeleteDatabaseRequest { name: "databases/copy".into() };
    pair.destination.databases().delete_database(request).await?;
    let waiting = pair.phase(&task, PhaseKind::Backoff).await?;
    assert_eq!(waiting.error.unwrap_or_default().reason, "DATABASE_NOT_FOUND");
    done(&[&["database", "restore", "copy", "--from", path(&file)][..], &connection[..]].concat())?;
    pair.phase(&task, PhaseKind::Live).await?;
    pair.source.put("shop", "last", "{}").await?;
    pair.caught_up(&task).await?;
    assert_eq!(pair.assert_equal().await?, 351);
    assert_eq!(sent().await?, before + 251, "what was written since the backup, and nothing else");
    assert_eq!(pair.source.task(&task).await?.warning, None, "the source has not gone back");
    let copy = pair.destination.database("copy").await?;
    assert_eq!((copy.incarnations.len(), copy.conflicts), (2, 0));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_backup_is_refused_and_leaves_nothing() -> Result<()> {
    let pair = Pair::new().await?;
    pair.source.write("shop", documents("things", 2_000, &"x".repeat(300)), 100).await?;
    let (url, certificates) = (pair.sender.url(), pair.site.certificates());
    let connection = ["--url", &url, "--folder", path(&certificates)];
    let file = pair.site.path().join("shop.backup");
    done(&[&["database", "backup", "shop", path(&file)][..], &connection[..]].concat())?;
    let request = DeleteDatabaseRequest { name: "databases/shop".into() };
    pair.source.databases().delete_database(request).await?;
    let whole = std::fs::read(&file)?;
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    for bad in [&whole[..whole.len() - 1], &whole[..whole.len() / 2], &flipped, b"no backup", b""] {
        std::fs::write(&file, bad)?;
        let restore = ["database", "restore", "shop", "--from", path(&file)];
        let refused = jackdaw(&[&restore[..], &connection[..]].concat())?;
        let text = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(4), "{text}");
        assert!(text.contains("BACKUP_INVALID") || text.contains("FIELD_INVALID"), "{text}");
        until("nothing is left", SOON, async || {
            let left = std::fs::read_dir(pair.site.data("sender").join("databases"))?.count();
            Ok((left == 0).then_some(()))
        })
        .await?;
    }
    std::fs::write(&file, &whole)?;
    done(&[&["database", "restore", "shop", "--from", path(&file)][..], &connection[..]].concat())?;
    assert_eq!(pair.source.database("shop").await?.documents, 2_000);
    Ok(())
}
