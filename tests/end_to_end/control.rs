//! Definitions that change while a task runs, and calls that are repeated, over the binaries.

use anyhow::Result;
use jackdaw_proto::{
    control::{
        ConnectionString, CreateDatabaseRequest, CreateExternalReplicationRequest,
        ExternalReplication, UpdateConnectionStringRequest, UpdateExternalReplicationRequest,
        external_replication::ConnectionState,
    },
    wire::{Reason, RemoteError},
};
use jackdaw_tests::{client::Client, service::Service, site::Site, wait::until};

use crate::setup::{Pair, SOON, documents};

async fn arrives(there: &Client, database: &str, count: u64) -> Result<()> {
    until("everything arrived", SOON, async || {
        Ok((there.database(database).await?.documents == count).then_some(()))
    })
    .await
}

/// A task follows its connection string to another URL, another database and back, and goes on
/// where each of them was.
#[tokio::test(flavor = "multi_thread")]
async fn a_running_task_follows_its_connection_string() -> Result<()> {
    let site = Site::new()?;
    let sender = Service::start(&site, "sender")?;
    let receiver = Service::start(&site, "receiver")?;
    let administrator = site.administrator()?;
    let here = Client::connect(&sender.url(), &administrator).await?;
    let there = Client::connect(&receiver.url(), &administrator).await?;
    here.create_database("shop").await?;
    there.create_database("shop").await?;
    there.create_database("other").await?;
    let nobody = "https://127.0.0.1:1".to_owned();
    let task = here.replicate("shop", "shop", &[nobody]).await?;
    here.write("shop", documents("a", 50, "x"), 7).await?;
    until("the task waits", SOON, async || {
        let error = here.task(&task.name).await?.error;
        Ok(error.filter(|error| error.reason == Reason::ConnectionRefused.as_str()))
    })
    .await?;

    let string = format!("databases/shop/connectionStrings/{}", task.connection_string);
    let change = |database: &str, urls: Vec<String>, etag: &str| UpdateConnectionStringRequest {
        connection_string: Some(ConnectionString {
            name: string.clone(),
            database: database.into(),
            topology_discovery_urls: urls,
            etag: etag.into(),
            ..ConnectionString::default()
        }),
        ..UpdateConnectionStringRequest::default()
    };
    let mut strings = here.connection_strings();
    let moved = change("", vec![receiver.url()], "");
    let moved = strings.update_connection_string(moved).await?.into_inner();
    arrives(&there, "shop", 50).await?;
    until("connected", SOON, async || {
        let task = here.task(&task.name).await?;
        let there = task.actual_destination_url == receiver.url();
        Ok((there && task.connection_state() == ConnectionState::Active).then_some(()))
    })
    .await?;

    let other = strings.update_connection_string(change("other", Vec::new(), &moved.etag)).await?;
    arrives(&there, "other", 50).await?;
    here.write("shop", documents("b", 50, "y"), 7).await?;
    arrives(&there, "other", 100).await?;
    assert_eq!(there.database("shop").await?.documents, 50);
    let late = strings.update_connection_string(change("shop", Vec::new(), &moved.etag)).await;
    let late = RemoteError::from_status(&late.unwrap_err());
    assert!(late.is(Reason::EtagMismatch), "{late}");
    let etag = other.into_inner().etag;
    strings.update_connection_string(change("shop", Vec::new(), &etag)).await?;
    arrives(&there, "shop", 100).await?;
    assert_eq!(here.content("shop").await?, there.content("shop").await?);
    Ok(())
}

/// What one destination has acknowledged says nothing of another that nobody has ever reached, also
/// after a restart.
///
/// Found by: the position is the task's, whatever its connection string leads to.
#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_is_led_elsewhere_has_sent_nothing_there() -> Result<()> {
    let mut pair = Pair::new().await?;
    pair.source.write("shop", documents("a", 100, "x"), 7).await?;
    let task = pair.source.replicate("shop", "copy", &[pair.receiver.url()]).await?;
    let shown = async |here: &Client| -> Result<(u64, u64)> {
        let progress = here.task(&task.name).await?.progress.unwrap_or_default();
        Ok((progress.last_acknowledged_etag, progress.lag_items))
    };
    pair.caught_up(&task.name).await?;
    assert_eq!(shown(&pair.source).await?, (100, 0));
    let elsewhere = UpdateConnectionStringRequest {
        connection_string: Some(ConnectionString {
            name: format!("databases/shop/connectionStrings/{}", task.connection_string),
            database: "elsewhere".into(),
            topology_discovery_urls: vec!["https://127.0.0.1:1".into()],
            ..ConnectionString::default()
        }),
        ..UpdateConnectionStringRequest::default()
    };
    pair.source.connection_strings().update_connection_string(elsewhere).await?;
    assert_eq!(shown(&pair.source).await?, (0, 100));
    pair.sender.kill()?;
    pair.sender.restart()?;
    assert_eq!(shown(&pair.source_again().await?).await?, (0, 100));
    Ok(())
}

/// What a call with a request id has created is there once, also when the service was killed
/// between the two; a new name does not disturb a task.
#[tokio::test(flavor = "multi_thread")]
async fn repeated_creations_create_once() -> Result<()> {
    let site = Site::new()?;
    let mut sender = Service::start(&site, "sender")?;
    let receiver = Service::start(&site, "receiver")?;
    let administrator = site.administrator()?;
    let here = Client::connect(&sender.url(), &administrator).await?;
    let there = Client::connect(&receiver.url(), &administrator).await?;
    there.create_database("shop").await?;
    let id = "0d6ac6ab-0f4c-4cf9-9a4e-0123456789ab";
    let database = CreateDatabaseRequest {
        database_id: "shop".into(),
        request_id: id.into(),
        ..CreateDatabaseRequest::default()
    };
    let created = here.databases().create_database(database.clone()).await?.into_inner();
    let first = here.replicate("shop", "shop", &[receiver.url()]).await?;
    let task = CreateExternalReplicationRequest {
        parent: "databases/shop".into(),
        external_replication: Some(ExternalReplication {
            connection_string: first.connection_string.clone(),
            ..ExternalReplication::default()
        }),
        request_id: id.into(),
        ..CreateExternalReplicationRequest::default()
    };
    here.delete_task(&first.name).await?;
    let second = here.tasks().create_external_replication(task.clone()).await?.into_inner();
    sender.kill()?;
    sender.restart()?;
    let here = Client::connect(&sender.url(), &administrator).await?;
    let again = here.databases().create_database(database).await?.into_inner();
    assert_eq!(again.id, created.id);
    let again = here.tasks().create_external_replication(task.clone()).await?.into_inner();
    assert_eq!(again.name, second.name);
    let mut other = task;
    other.external_replication.as_mut().unwrap().display_name = "another".into();
    let refused = here.tasks().create_external_replication(other).await.unwrap_err();
    let refused = RemoteError::from_status(&refused);
    assert!(refused.is(Reason::RequestIdReused), "{refused}");

    here.write("shop", documents("a", 20, "x"), 7).await?;
    arrives(&there, "shop", 20).await?;
    let sent = here.task(&second.name).await?.progress.unwrap_or_default().items_sent;
    let renamed = UpdateExternalReplicationRequest {
        external_replication: Some(ExternalReplication {
            name: second.name.clone(),
            display_name: "renamed".into(),
            ..ExternalReplication::default()
        }),
        ..UpdateExternalReplicationRequest::default()
    };
    let renamed = here.tasks().update_external_replication(renamed).await?.into_inner();
    assert_eq!(renamed.display_name, "renamed");
    assert_eq!(renamed.connection_state(), ConnectionState::Active);
    here.put("shop", "one", r#"{"more":1}"#).await?;
    arrives(&there, "shop", 21).await?;
    let after = here.task(&second.name).await?.progress.unwrap_or_default().items_sent;
    assert_eq!(after, sent + 1);
    Ok(())
}
