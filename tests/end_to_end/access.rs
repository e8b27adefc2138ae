//! Who may not, does not: and is told why.

use anyhow::Result;
use jackdaw_common::clock::Clock as _;
use jackdaw_node::{
    clock::SystemClock,
    tls::{ClientTls, Credentials, TlsFiles, init},
};
use jackdaw_proto::{control::external_replication::PhaseKind, wire::RemoteError};
use jackdaw_tests::{client::Client, service::Service, site::Site, wait::until};

use crate::setup::{Pair, SOON};

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_not_listed_is_refused_by_its_thumbprint() -> Result<()> {
    let pair = Pair::new().await?;
    // The receiver's own certificate is of the same authority, and in nobody's list.
    let folder = pair.site.certificates();
    let files = TlsFiles {
        certificate: folder.join("receiver.pem"),
        key: folder.join("receiver.key"),
        authorities: vec![folder.join("ca.pem")],
    };
    let credentials = Credentials::load(&files, SystemClock.now())?;
    let tls = ClientTls::new(&credentials, &[])?;
    let client = Client::connect(&pair.sender.url(), &tls).await?;
    let status = client.document("shop", "a").await.unwrap_err();
    let error = RemoteError::from_status(&status);
    assert_eq!(error.reason.as_deref(), Some("CERTIFICATE_NOT_TRUSTED"));
    let thumbprint = tls.own_thumbprint().to_string();
    assert_eq!(error.metadata.get("thumbprint"), Some(&thumbprint));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_is_not_even_heard() -> Result<()> {
    let pair = Pair::new().await?;
    let folder = pair.site.path().join("stranger");
    init(&folder, &["other"], &[], SystemClock.now())?;
    let files = TlsFiles {
        certificate: folder.join("admin.pem"),
        key: folder.join("admin.key"),
        authorities: vec![pair.site.certificates().join("ca.pem")],
    };
    let credentials = Credentials::load(&files, SystemClock.now())?;
    let tls = ClientTls::new(&credentials, &[])?;
    assert!(Client::connect(&pair.sender.url(), &tls).await.is_err());
    Ok(())
}

/// A process with both roles is asked to send a database to that very database: it is refused when
/// the two meet, and the database is as it was.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_does_not_replicate_to_itself() -> Result<()> {
    // Its certificate may write into any database, so that nothing else refuses it.
    let site = Site::new()?;
    let both = Service::start_both(&site, "sender")?;
    let client = Client::connect(&both.url(), &site.administrator()?).await?;
    for name in ["shop", "other"] {
        client.create_database(name).await?;
    }
    client.put("shop", "a", "{}").await?;
    let own = client.replicate("shop", "shop", &[both.url()]).await?.name;
    let task = until("a refusal", SOON, async || {
        let task = client.task(&own).await?;
        let phase = task.phase.as_ref().map(|phase| phase.kind());
        Ok((phase == Some(PhaseKind::Blocked)).then_some(task))
    })
    .await?;
    let phase = task.phase.unwrap_or_default();
    assert_eq!(phase.reason, "SELF_REPLICATION", "{phase:?}");
    assert_eq!(client.database("shop").await?.last_etag, 1);
    // Another database of the same process is none of that.
    let other = client.replicate_as("beside", "shop", "other", &[both.url()]).await?.name;
    until("the other database has it", SOON, async || {
        let progress = client.task(&other).await?.progress.unwrap_or_default();
        Ok((progress.last_acknowledged_etag == 1).then_some(()))
    })
    .await?;
    assert_eq!(client.content("other").await?, client.content("shop").await?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_the_wrong_role_is_told_so() -> Result<()> {
    let pair = Pair::new().await?;
    let status = pair.destination.task("databases/copy/externalReplications/1").await.unwrap_err();
    let status = status.downcast_ref::<tonic::Status>().expect("the service's own error");
    let error = RemoteError::from_status(status);
    assert_eq!(error.reason.as_deref(), Some("METHOD_UNKNOWN"), "{status}");
    assert_eq!(error.metadata.get("roles").map(String::as_str), Some("receiver"));
    assert!(status.message().contains("ExternalReplications/GetExternalReplication"), "{status}");
    Ok(())
}
