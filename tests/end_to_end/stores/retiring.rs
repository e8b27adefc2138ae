//! Incarnations that are gone for good, and are declared dead.

use anyhow::{Context as _, Result};
use jackdaw_proto::{
    control::{DeleteDatabaseRequest, EnableExternalReplicationRequest, RetireIncarnationsRequest},
    wire::{Reason, RemoteError},
};
use jackdaw_tests::{service::Service, site::Site, wait::until};
use serde_json::Value;

use crate::setup::{Pair, SOON, documents, done, jackdaw, path};

/// A pair whose source was restored from a backup and has gone on; the task, and the incarnation
/// that the source had before.
async fn restored() -> Result<(Pair, String, String)> {
    let pair = Pair::new().await?;
    let task = pair.replicate().await?;
    pair.source.write("shop", documents("things", 100, "x"), 10).await?;
    pair.caught_up(&task).await?;
    let former = pair.source.database("shop").await?.incarnation;
    let (url, certificates) = (pair.sender.url(), pair.site.certificates());
    let connection = ["--url", &url, "--folder", path(&certificates)];
    let file = pair.site.path().join("shop.backup");
    done(&[&["database", "backup", "shop", path(&file)][..], &connection[..]].concat())?;
    let request = DeleteDatabaseRequest { name: "databases/shop".into() };
    pair.source.databases().delete_database(request).await?;
    done(&[&["database", "restore", "shop", "--from", path(&file)][..], &connection[..]].concat())?;
    let request = EnableExternalReplicationRequest { name: task.clone() };
    pair.source.tasks().enable_external_replication(request).await?;
    pair.source.write("shop", documents("more", 20, "x"), 10).await?;
    pair.caught_up(&task).await?;
    Ok((pair, task, former))
}

/// An incarnation that nobody writes under any more is retired at both ends, by the command and by
/// the call: it leaves their vectors and does not come back with what is sent, what carries it
/// stays as it is, and replication goes on, also when both were restarted.
#[tokio::test(flavor = "multi_thread")]
async fn a_former_incarnation_is_retired_and_replication_goes_on() -> Result<()> {
    let (mut pair, task, former) = restored().await?;
    for (client, name) in [(&pair.source, "shop"), (&pair.destination, "copy")] {
        let vector = client.database(name).await?.change_vector;
        assert!(vector.contains(&former), "{name}: {vector}");
    }
    let (url, certificates) = (pair.sender.url(), pair.site.certificates());
    let connection = ["--url", &url, "--folder", path(&certificates), "--output", "json"];
    let retire =
        jackdaw(&[&["database", "retire", "shop", &former][..], &connection[..]].concat())?;
    assert!(retire.status.success(), "{}", String::from_utf8_lossy(&retire.stderr));
    let shown: Value = serde_json::from_slice(&retire.stdout)?;
    assert_eq!(shown["retired_incarnations"], Value::from(vec![former.clone()]));
    let vector = shown["change_vector"].as_str().context("no vector")?;
    assert!(!vector.contains(&former), "{vector}");
    let request = RetireIncarnationsRequest {
        name: "databases/copy".into(),
        incarnations: vec![former.clone()],
    };
    let copy = pair.destination.databases().retire_incarnations(request.clone()).await?;
    let copy = copy.into_inner();
    assert_eq!(copy.retired_incarnations, std::slice::from_ref(&former));
    assert!(!copy.change_vector.contains(&former), "{}", copy.change_vector);
    let again = pair.destination.databases().retire_incarnations(request).await?;
    assert_eq!(again.into_inner(), copy, "once is as good as twice");

    for round in 0..2 {
        pair.source.put("shop", "things/0", &format!(r#"{{"round":{round}}}"#)).await?;
        pair.source.delete("shop", &format!("things/{}", 1 + round)).await?;
        pair.source.write("shop", documents(&format!("round/{round}"), 20, "x"), 7).await?;
        pair.caught_up(&task).await?;
        assert_eq!(pair.assert_equal().await?, 120 + (round + 1) * 19);
        for (client, name) in [(&pair.source, "shop"), (&pair.destination, "copy")] {
            let database = client.database(name).await?;
            assert!(!database.change_vector.contains(&former), "{name}, round {round}");
            assert_eq!(database.conflicts, 0);
        }
        let old = pair.destination.document("copy", "things/90").await?.change_vector;
        assert!(old.contains(&former), "what is stored stays as it is: {old}");
        assert_eq!(pair.sender.terminate()?, Some(0));
        assert_eq!(pair.receiver.terminate()?, Some(0));
        pair.receiver.restart()?;
        pair.sender.restart()?;
        pair.reconnect().await?;
    }
    Ok(())
}

/// A database that is gone for good is retired where it was heard of through another one, which
/// lives: that one is refused to be retired, and is copied as before.
#[tokio::test(flavor = "multi_thread")]
async fn a_source_of_a_source_is_retired_when_it_is_gone() -> Result<()> {
    let site = Site::new()?;
    let receiver = Service::start(&site, "receiver")?;
    // It receives from itself: "gone" is copied to "shop", and that to "copy".
    let sender = Service::start_both(&site, "sender")?;
    let pair = Pair::of(site, sender, receiver).await?;
    let task = pair.replicate().await?;
    let gone = pair.source.create_database("gone").await?.incarnation;
    let first = pair.source.replicate("gone", "shop", &[pair.sender.url()]).await?.name;
    pair.source.write("gone", documents("gone", 30, "x"), 10).await?;
    pair.source.write("shop", documents("things", 100, "x"), 10).await?;
    until("everything is copied", SOON, async || {
        let copy = pair.destination.database("copy").await?;
        Ok((copy.documents == 130 && copy.change_vector.contains(&gone)).then_some(()))
    })
    .await?;
    let living = pair.source.database("shop").await?.incarnation;
    pair.source.delete_task(&first).await?;
    let request = DeleteDatabaseRequest { name: "databases/gone".into() };
    pair.source.databases().delete_database(request).await?;

    let retire = |incarnations: &[&String]| RetireIncarnationsRequest {
        name: "databases/copy".into(),
        incarnations: incarnations.iter().map(|id| id.to_string()).collect(),
    };
    let both = pair.destination.databases().retire_incarnations(retire(&[&gone, &living])).await;
    let refused = RemoteError::from_status(&both.unwrap_err());
    assert!(refused.is(Reason::IncarnationInUse), "{refused}");
    let copy = pair.destination.database("copy").await?;
    assert!(copy.change_vector.contains(&gone), "all or none");
    let copy = pair.destination.databases().retire_incarnations(retire(&[&gone])).await?;
    let vector = copy.into_inner().change_vector;
    assert!(!vector.contains(&gone) && vector.contains(&living), "{vector}");

    pair.source.put("shop", "gone/0", "{}").await?;
    pair.source.delete("shop", "gone/1").await?;
    pair.source.write("shop", documents("more", 20, "x"), 7).await?;
    pair.caught_up(&task).await?;
    assert_eq!(pair.assert_equal().await?, 149);
    let copy = pair.destination.database("copy").await?;
    assert!(!copy.change_vector.contains(&gone), "it does not come back with what is sent");
    assert_eq!(copy.conflicts, 0);
    Ok(())
}
