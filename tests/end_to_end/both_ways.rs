//! Two services that are sender and receiver to each other.

use std::time::Duration;

use anyhow::Result;
use jackdaw_tests::{client::Client, service::Service, site::Site, wait::until};
use tokio::time::sleep;

use crate::setup::{SOON, documents};

/// Items that a task has sent, and the newest etag of its database.
async fn traffic(client: &Client, task: &str) -> Result<(u64, u64, u64)> {
    let progress = client.task(task).await?.progress.unwrap_or_default();
    let last = client.database("shop").await?.last_etag;
    Ok((progress.items_sent, progress.bytes_sent, last))
}

#[tokio::test(flavor = "multi_thread")]
async fn two_ways_end_equal_and_silent() -> Result<()> {
    let site = Site::new()?.two_way();
    let one = Service::start_both(&site, "sender")?;
    let other = Service::start_both(&site, "receiver")?;
    let administrator = site.administrator()?;
    let here = Client::connect(&one.url(), &administrator).await?;
    let there = Client::connect(&other.url(), &administrator).await?;
    here.create_database("shop").await?;
    there.create_database("shop").await?;
    let to_there = here.replicate("shop", "shop", &[other.url()]).await?.name;
    let to_here = there.replicate("shop", "shop", &[one.url()]).await?.name;
    for round in 0..5 {
        here.write("shop", documents(&format!("here/{round}"), 300, "x"), 7).await?;
        there.write("shop", documents(&format!("there/{round}"), 300, "y"), 7).await?;
        here.delete("shop", &format!("here/{round}/1")).await?;
    }
    until("equal", SOON, async || {
        Ok((here.content("shop").await? == there.content("shop").await?).then_some(()))
    })
    .await?;
    assert_eq!(here.database("shop").await?.documents, 2_995);
    sleep(Duration::from_secs(1)).await;
    let before = (traffic(&here, &to_there).await?, traffic(&there, &to_here).await?);
    sleep(Duration::from_secs(5)).await;
    let after = (traffic(&here, &to_there).await?, traffic(&there, &to_here).await?);
    assert_eq!(before, after, "items travel although nobody writes");
    // Nothing came back to where it was written.
    assert_eq!((after.0.0, after.1.0), (1_505, 1_500));
    Ok(())
}
