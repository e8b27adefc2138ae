//! What stays in its database, whatever is copied around it.

use anyhow::Result;
use jackdaw_proto::documents::{CompareExchangeItem, Identity};
use jackdaw_tests::client::Client;

use crate::setup::Pair;

/// What a database keeps for itself.
async fn kept(
    client: &Client,
    database: &str,
) -> Result<(Vec<CompareExchangeItem>, Vec<Identity>)> {
    Ok((client.items(database).await?, client.identities(database).await?))
}

/// Items and identities that were put before a document are not there where the document is; what
/// the copy has of its own is as it was, and goes on, also after both were killed.
#[tokio::test(flavor = "multi_thread")]
async fn compare_exchange_and_identities_do_not_travel() -> Result<()> {
    let mut pair = Pair::new().await?;
    let task = pair.replicate().await?;
    pair.destination.set_identity("copy", "users", 7).await?;
    pair.destination.exchange("copy", "mine", "true", 0).await?;
    let before = kept(&pair.destination, "copy").await?;

    pair.source.exchange("shop", "emails/a", "{\"by\":\"users/1\"}", 0).await?;
    assert_eq!(pair.source.exchange("shop", "mine", "false", 0).await?, 2);
    pair.source.set_identity("shop", "users", 100).await?;
    assert_eq!(pair.source.next_identity("shop", "orders").await?, 1);
    let generated = pair.source.put("shop", "users|", "{}").await?.id;
    assert!(generated.starts_with("users/101-"), "{generated}");
    pair.caught_up(&task).await?;
    assert_eq!(pair.assert_equal().await?, 1);
    assert_eq!(kept(&pair.destination, "copy").await?, before);

    let source = kept(&pair.source, "shop").await?;
    assert_eq!((source.0.len(), source.1.len()), (2, 2));
    for round in 0..2 {
        pair.kill_in_turn(round).await?;
    }
    pair.source.put("shop", "later", "{}").await?;
    pair.caught_up(&task).await?;
    assert_eq!(pair.assert_equal().await?, 2);
    assert_eq!(kept(&pair.source, "shop").await?, source);
    assert_eq!(kept(&pair.destination, "copy").await?, before);
    assert_eq!(pair.destination.next_identity("copy", "users").await?, 8);
    Ok(())
}
