//! What is derived of a document when it is read is true on both ends: there while there is
//! something to say, and gone with it (bugs 49 and 52).

use anyhow::{Context as _, Result};
use jackdaw_proto::documents::{GetDocumentRequest, RevisionsRule};
use jackdaw_tests::client::Client;
use serde_json::{Value, json};

use crate::setup::Pair;

/// What both ends say of a document beside what was written: its flags apart, which differ by
/// whether it came from elsewhere.
async fn derived(pair: &Pair) -> Result<(Value, Vec<String>)> {
    let (mut source, here) = of(&pair.source, "shop").await?;
    let (mut copy, there) = of(&pair.destination, "copy").await?;
    assert!(!here.contains(&"FromReplication".to_owned()), "{here:?}");
    let own = there.iter().filter(|flag| *flag != "FromReplication").cloned().collect::<Vec<_>>();
    assert_eq!((own.len() + 1, &own), (there.len(), &here));
    for metadata in [&mut source, &mut copy] {
        metadata.as_object_mut().context("no metadata")?.remove("@flags");
    }
    assert_eq!(source, copy);
    Ok((source, here))
}

async fn of(client: &Client, database: &str) -> Result<(Value, Vec<String>)> {
    let request = GetDocumentRequest {
        database: database.to_owned(),
        id: "users/1".to_owned(),
        derive_metadata: true,
    };
    let document = client.documents().get_document(request).await?.into_inner();
    let body: Value = serde_json::from_slice(&document.body)?;
    let metadata = body.get("@metadata").context("no metadata")?.clone();
    let flags = metadata.get("@flags").and_then(Value::as_str).unwrap_or_default();
    let flags = flags.split(", ").filter(|flag| !flag.is_empty()).map(str::to_owned).collect();
    Ok((metadata, flags))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_derived_is_true_on_both_ends() -> Result<()> {
    let pair = Pair::new().await?;
    let (source, id) = (&pair.source, "users/1");
    source.configure_revisions("shop", Some(RevisionsRule::default())).await?;
    let task = pair.replicate().await?;
    source.put("shop", id, r#"{"@metadata":{"@collection":"Users"}}"#).await?;
    source.attach("shop", id, "a", "text/plain", &[1, 2, 3]).await?;
    source.increment("shop", id, "likes", 3).await?;
    source.append("shop", id, "heat", &[(1, vec![1.0], None)]).await?;
    pair.caught_up(&task).await?;
    let (metadata, flags) = derived(&pair).await?;
    let all = ["HasAttachments", "HasCounters", "HasTimeSeries", "HasRevisions"];
    assert_eq!(flags, all);
    let attached = json!([{
        "Name": "a",
        "Hash": "EcDnm3HDl2zNDALRMQ4lFsCO3J2Lb1fM1oDWOk2Octo=",
        "ContentType": "text/plain",
        "Size": 3,
    }]);
    let expected = json!({
        "@collection": "Users",
        "@attachments": attached,
        "@counters": ["likes"],
        "@timeseries": ["heat"],
    });
    assert_eq!(metadata, expected);

    // The last of each goes, and is said to be there no more.
    source.delete_span("shop", id, "heat", (None, None)).await?;
    source.delete_counter("shop", id, "likes").await?;
    pair.caught_up(&task).await?;
    assert_eq!(derived(&pair).await?.1, ["HasAttachments", "HasRevisions"]);
    source.detach("shop", id, "a").await?;
    source.configure_revisions("shop", None).await?;
    source.enforce_revisions("shop").await?;
    pair.caught_up(&task).await?;
    let (metadata, flags) = derived(&pair).await?;
    assert_eq!((metadata, flags), (json!({ "@collection": "Users" }), Vec::new()));
    Ok(())
}
