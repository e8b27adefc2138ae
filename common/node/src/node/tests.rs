//! What `node` promises, tried out.

use std::net::Ipv4Addr;

use tokio::time::{Instant, sleep};

use super::*;

/// A node whose listener and whose background work take this long from when they are asked to end.
fn running(drain: Duration, listener: Duration, background: Duration) -> Running {
    let (trigger, shutdown) = Trigger::new();
    let asked = shutdown.clone();
    let server = tokio::spawn(async move {
        asked.clone().requested().await;
        sleep(listener).await;
        Drained { finished: 0, cut: 0 }
    });
    let background = tokio::spawn(async move {
        shutdown.clone().requested().await;
        sleep(background).await;
    });
    Running {
        address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        trigger,
        server,
        background: vec![background],
        failures: tokio::spawn(std::future::pending()),
        failed: watch::channel(None).1,
        drain,
    }
}

#[tokio::test]
async fn connections_and_background_work_have_one_deadline() {
    let drain = Duration::from_secs(1);
    let began = Instant::now();
    running(drain, drain, Duration::from_secs(3600)).stop().await;
    let took = began.elapsed();
    assert!(took >= drain && took < drain + drain / 2, "{took:?}");
}

#[tokio::test]
async fn nobody_waits_for_a_deadline_that_nothing_needs() {
    let began = Instant::now();
    let soon = Duration::from_millis(50);
    running(Duration::from_secs(60), soon, soon).stop().await;
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn the_own_store_is_followed_as_the_databases_are() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(folder.path(), Arc::new(SystemClock)).await.unwrap();
    let orders = catalog.create("Orders".parse().unwrap()).await.unwrap();
    let followed = stores(&catalog);
    let names: Vec<_> = followed.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["the service's own store", "database Orders"]);
    assert!(followed[0].1.same_channel(&catalog.system().failed()));
    assert!(followed[1].1.same_channel(&orders.store().failed()));
}
