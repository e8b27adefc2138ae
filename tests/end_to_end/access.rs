//! Who may not, does not: and is told why.

use anyhow::Result;
use jackdaw_common::clock::Clock as _;
use jackdaw_node::{
    clock::SystemClock,
    tls::{ClientTls, Credentials, TlsFiles, init},
};
use jackdaw_proto::{control::external_replication::PhaseKind, wire::RemoteError};
use jackdaw_tests::client::Client;

use crate::setup::Pair;

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

#[tokio::test(flavor = "multi_thread")]
async fn a_database_does_not_replicate_to_itself() -> Result<()> {
    let pair = Pair::new().await?;
    // A task whose URL leads back to a service that is no receiver is no success either.
    let url = [pair.sender.url()];
    let task = pair.source.replicate("shop", "shop", &url).await?.name;
    let phase = pair.phase(&task, PhaseKind::Backoff).await?;
    assert_eq!(phase.error.unwrap_or_default().reason, "METHOD_UNKNOWN");
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
