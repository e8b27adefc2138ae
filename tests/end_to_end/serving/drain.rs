//! A service ends within ten seconds of a SIGTERM, whatever its peers do, and at once at a second.

use std::{thread, time::Duration};

use anyhow::{Context as _, Result};
use jackdaw_proto::{
    control::WatchExternalReplicationRequest,
    documents::{StreamDocumentsRequest, WatchChangesRequest},
    wire::{Reason, RemoteError},
};
use jackdaw_tests::{client::Client, wait::until};
use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    net::TcpStream,
    sync::mpsc,
    time::{Instant, sleep, timeout},
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};
use tonic_health::pb::{
    HealthCheckRequest, HealthCheckResponse, health_check_response::ServingStatus,
    health_client::HealthClient,
};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, ServerReflectionResponse,
    server_reflection_client::ServerReflectionClient, server_reflection_request::MessageRequest,
};

use crate::setup::{Pair, SOON, documents};

/// What whoever runs containers gives a service by default, before it is killed.
const GIVEN: Duration = Duration::from_secs(10);

/// Long enough for a stream that nobody reads to fill its window, which is not seen from outside.
const FILLED: Duration = Duration::from_secs(2);

/// What a call has still to say, up to its end.
async fn rest<T>(mut stream: Streaming<T>) -> Result<(Vec<T>, Status)> {
    let mut said = Vec::new();
    loop {
        match timeout(GIVEN, stream.message()).await.context("a call goes on")? {
            Ok(one) => said.push(one.context("a call ended as if it had said everything")?),
            Err(status) => return Ok((said, status)),
        }
    }
}

fn is_draining(status: &Status) {
    let error = RemoteError::from_status(status);
    assert!(error.is(Reason::Draining), "{status:?}");
    assert!(error.retry_delay.is_some(), "{status:?}");
}

async fn health(client: &Client) -> Result<Streaming<HealthCheckResponse>> {
    let mut health = HealthClient::new(client.channel.clone());
    Ok(health.watch(HealthCheckRequest::default()).await?.into_inner())
}

/// A reflection call that was answered once, and the end that keeps it open.
async fn reflection(
    client: &Client,
) -> Result<(Streaming<ServerReflectionResponse>, mpsc::Sender<ServerReflectionRequest>)> {
    let (asks, asked) = mpsc::channel(1);
    let message_request = Some(MessageRequest::ListServices(String::new()));
    asks.send(ServerReflectionRequest { host: String::new(), message_request }).await?;
    let mut client = ServerReflectionClient::new(client.channel.clone());
    let asked = ReceiverStream::new(asked);
    let mut answers = client.server_reflection_info(asked).await?.into_inner();
    answers.message().await?.context("no answer")?;
    Ok((answers, asks))
}

fn terminate(pid: u32) -> Result<()> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).context("no pid")?;
    Ok(kill_process(pid, Signal::TERM)?)
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_peers_do_a_service_ends_within_ten_seconds() -> Result<()> {
    let pair = Pair::new().await?;
    pair.source.write("shop", documents("things", 40_000, &"x".repeat(1_000)), 1_000).await?;
    let task = pair.replicate().await?;
    let administrator = pair.site.administrator()?;
    let client = Client::connect(&pair.sender.url(), &administrator).await?;

    let mut health = health(&client).await?;
    health.message().await?.context("no health")?;
    let (reflection, _open) = reflection(&client).await?;
    let changes = WatchChangesRequest { database: "shop".into(), after_etag: None };
    let mut changes = client.documents().watch_changes(changes).await?.into_inner();
    changes.message().await?.context("no change")?;
    let watch = WatchExternalReplicationRequest { name: task };
    let mut states = client.tasks().watch_external_replication(watch).await?.into_inner();
    states.message().await?.context("no state")?;
    // Nothing is read of it, and its window is full.
    let other = Client::connect(&pair.sender.url(), &administrator).await?;
    let all = StreamDocumentsRequest { database: "shop".into(), ..Default::default() };
    let _unread = other.documents().stream_documents(all).await?;
    sleep(FILLED).await;
    let _half_open = TcpStream::connect(pair.sender.address()).await?;

    let began = Instant::now();
    let mut sender = pair.sender;
    let ended = thread::spawn(move || sender.terminate());
    let (said, status) = rest(health).await?;
    let last = said.last().context("the health was not told")?;
    assert_eq!(last.status(), ServingStatus::NotServing);
    is_draining(&status);
    is_draining(&rest(reflection).await?.1);
    is_draining(&rest(changes).await?.1);
    is_draining(&rest(states).await?.1);
    let told = began.elapsed();
    let ended = tokio::task::spawn_blocking(move || ended.join());
    let ended = ended.await?.map_err(|_| anyhow::anyhow!("the wait panicked"))?;
    let took = began.elapsed();
    println!("told after {told:?}, ended after {took:?}");
    assert_eq!(ended?, Some(0));
    assert!(took < GIVEN, "{took:?}");
    assert!(took > Duration::from_secs(7), "{took:?}: nobody was waited for");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_only_watch_do_not_hold_the_end_up() -> Result<()> {
    let mut pair = Pair::new().await?;
    let health = health(&pair.source).await?;
    let (reflection, _open) = reflection(&pair.source).await?;
    let began = Instant::now();
    let ended = tokio::task::spawn_blocking(move || pair.sender.terminate());
    is_draining(&rest(health).await?.1);
    is_draining(&rest(reflection).await?.1);
    assert_eq!(ended.await??, Some(0));
    let took = began.elapsed();
    println!("ended after {took:?}");
    assert!(took < Duration::from_secs(5), "{took:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_a_service_that_drains() -> Result<()> {
    let mut pair = Pair::new().await?;
    pair.source.write("shop", documents("things", 40_000, &"x".repeat(1_000)), 1_000).await?;
    let all = StreamDocumentsRequest { database: "shop".into(), ..Default::default() };
    let _unread = pair.source.documents().stream_documents(all).await?;
    sleep(FILLED).await;
    let began = Instant::now();
    terminate(pair.sender.pid())?;
    until("the drain", SOON, async || {
        Ok(pair.sender.log()?.contains("a second signal ends at once").then_some(()))
    })
    .await?;
    terminate(pair.sender.pid())?;
    assert_eq!(pair.sender.ended()?, Some(143));
    let took = began.elapsed();
    assert!(took < Duration::from_secs(4), "{took:?}: it ended by itself");
    Ok(())
}
