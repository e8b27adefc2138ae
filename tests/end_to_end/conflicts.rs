//! Concurrent versions are kept, both; nothing that was written at the destination is lost.

use anyhow::Result;
use jackdaw_proto::{documents::DocumentConflict, wire::RemoteError};

use crate::setup::Pair;

/// A document that was written on both sides before they met.
async fn conflicted() -> Result<(Pair, String)> {
    let pair = Pair::new().await?;
    pair.source.put("shop", "users/1", r#"{"Name":"source"}"#).await?;
    pair.destination.put("copy", "users/1", r#"{"Name":"destination"}"#).await?;
    let task = pair.replicate().await?;
    pair.caught_up(&task).await?;
    Ok((pair, task))
}

async fn versions(pair: &Pair) -> Result<Vec<String>> {
    let Err(status) = pair.destination.document("copy", "USERS/1").await else {
        anyhow::bail!("it reads as if there was no conflict");
    };
    assert_eq!(status.code(), tonic::Code::Aborted);
    let error = RemoteError::from_status(&status);
    assert_eq!(error.reason.as_deref(), Some("DOCUMENT_CONFLICT"));
    let detail: DocumentConflict = error
        .detail("jackdaw.documents.v1.DocumentConflict")
        .ok_or_else(|| anyhow::anyhow!("no versions"))?;
    let mut bodies = Vec::new();
    for version in detail.versions {
        bodies.push(String::from_utf8(version.body.to_vec())?);
    }
    bodies.sort();
    Ok(bodies)
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_versions_are_both_kept() -> Result<()> {
    let (pair, task) = conflicted().await?;
    let both = [r#"{"Name":"destination"}"#, r#"{"Name":"source"}"#];
    assert_eq!(versions(&pair).await?, both);
    assert_eq!(pair.destination.database("copy").await?.conflicts, 1);
    // A newer version of the source takes the place of its older one (CONM-16).
    pair.source.put("shop", "users/1", r#"{"Name":"source again"}"#).await?;
    pair.caught_up(&task).await?;
    assert_eq!(versions(&pair).await?, [both[0], r#"{"Name":"source again"}"#]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_put_ends_a_conflict() -> Result<()> {
    let (pair, _) = conflicted().await?;
    pair.destination.put("copy", "users/1", r#"{"Name":"resolved"}"#).await?;
    let document = pair.destination.document("copy", "users/1").await?;
    assert_eq!(document.body, r#"{"Name":"resolved"}"#);
    assert_eq!(pair.destination.database("copy").await?.conflicts, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delete_ends_a_conflict() -> Result<()> {
    let (pair, _) = conflicted().await?;
    pair.destination.delete("copy", "users/1").await?;
    let status = pair.destination.document("copy", "users/1").await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::NotFound);
    let copy = pair.destination.database("copy").await?;
    assert_eq!((copy.conflicts, copy.tombstones), (0, 1));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_destinations_own_documents_stay() -> Result<()> {
    let pair = Pair::new().await?;
    pair.destination.put("copy", "own/1", "{}").await?;
    pair.source.put("shop", "theirs/1", "{}").await?;
    let task = pair.replicate().await?;
    pair.caught_up(&task).await?;
    assert!(pair.destination.document("copy", "own/1").await.is_ok());
    assert!(pair.destination.document("copy", "theirs/1").await.is_ok());
    let status = pair.source.document("shop", "own/1").await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::NotFound, "one way only");
    Ok(())
}
