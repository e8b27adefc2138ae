//! Streams whose clients are slow, or take nothing.

use std::{sync::Arc, time::Duration};

use jackdaw_proto::wire::Reason;
use tokio::time::{sleep, timeout};
use tokio_stream::StreamExt as _;
use tonic::Status;

use super::*;
use crate::{
    catalog::Database,
    control::fixture::refused,
    documents::{
        PARTS_QUEUED_MAX,
        stream::{Streamed, stream},
        watch::watch,
    },
};

/// How long these streams wait for their clients.
const STALL_MAX: Duration = Duration::from_secs(1);

/// A database with more parts of a stream than are read ahead.
async fn with_parts() -> (Site, Arc<Database>) {
    let (site, database) = Site::with_orders().await;
    let json = format!(r#"{{"a":"{}"}}"#, "x".repeat(1_100_000));
    for number in 0..6 {
        fill(&site, &[&format!("users/{number}")], &json).await;
    }
    (site, database)
}

fn everything() -> Streamed {
    Streamed::read(&stream_request("")).unwrap()
}

/// What is still to be had of a stream.
async fn rest<T>(
    parts: impl tokio_stream::Stream<Item = Result<T, Status>>,
) -> Vec<Result<T, Status>> {
    timeout(Duration::from_secs(20), parts.collect()).await.unwrap()
}

#[tokio::test]
async fn a_stream_whose_client_takes_nothing_ends_and_says_so() {
    let (_site, database) = with_parts().await;
    let parts = stream(database, everything(), STALL_MAX);
    sleep(STALL_MAX * 3).await;
    let mut rest = rest(parts).await;
    let error = refused(rest.pop().unwrap().map(drop), Reason::ClientStalled);
    assert_eq!(error.metadata["seconds"], "1");
    assert_eq!(rest.len(), PARTS_QUEUED_MAX);
    assert!(rest.iter().all(Result::is_ok));
}

#[tokio::test]
async fn a_slow_client_that_goes_on_gets_everything() {
    let (_site, database) = with_parts().await;
    let mut parts = stream(database, everything(), STALL_MAX);
    let mut taken = 0;
    while let Some(part) = parts.next().await {
        taken += part.unwrap().documents.len();
        sleep(STALL_MAX / 3).await;
    }
    assert_eq!(taken, 6);
}

#[tokio::test]
async fn a_watch_whose_client_takes_nothing_ends_and_one_that_waits_does_not() {
    let (site, database) = Site::with_orders().await;
    let mut waiting = watch(database.clone(), None, STALL_MAX).unwrap();
    waiting.next().await.unwrap().unwrap();
    sleep(STALL_MAX * 3).await;
    let ids: Vec<_> = (0..10_000).map(|number| format!("users/{number}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    fill(&site, &ids, "{}").await;
    waiting.next().await.unwrap().unwrap();

    let stalled = watch(database, Some(0), STALL_MAX).unwrap();
    sleep(STALL_MAX * 3).await;
    let mut rest = rest(stalled).await;
    refused(rest.pop().unwrap().map(drop), Reason::ClientStalled);
    assert_eq!(rest.len(), PARTS_QUEUED_MAX);
    assert!(rest.iter().all(Result::is_ok));
}
