//! What `node` promises, tried out.

use std::{convert::Infallible, future::Ready, net::Ipv4Addr, task::Poll};

use futures_util::future::BoxFuture;
use http::{Request, Response, uri::PathAndQuery};
use jackdaw_proto::wire::RemoteError;
use tokio::time::{Instant, sleep};
use tonic::{Streaming, server::NamedService, transport::Channel};
use tonic_health::pb::{
    HealthCheckRequest, HealthCheckResponse, health_check_response::ServingStatus,
    health_client::HealthClient,
};
use tonic_prost::ProstCodec;
use tonic_reflection::pb::{v1, v1alpha};
use tower::Service;

use super::*;
use crate::{
    channel::connect,
    config::Sources,
    tls::fixture::{Authority, Leaf},
};

/// Mounts a service, and has nothing to do.
struct Mounts;

impl Role for Mounts {
    fn name(&self) -> &'static str {
        "receiver"
    }

    fn mount(self: Box<Self>, _: &Context, routes: &mut RoutesBuilder) -> BoxFuture<'static, ()> {
        routes.add_service(Refuses);
        Box::pin(std::future::ready(()))
    }
}

/// A service under the name of one that a role has.
#[derive(Clone)]
struct Refuses;

impl NamedService for Refuses {
    const NAME: &'static str = "jackdaw.replication.v1.Replication";
}

impl Service<Request<Body>> for Refuses {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        std::future::ready(Ok(Status::unimplemented("").into_http()))
    }
}

/// A node on a port of its own, with a role that mounts one service, and a channel to it.
async fn served() -> (Authority, Running, Channel) {
    let authority = Authority::new();
    let tls = authority.issue(&Leaf::new("node"));
    let client = authority.client("client");
    let file = authority.folder.path().join("jackdaw.toml");
    let text = format!(
        "listen = \"127.0.0.1:0\"\ndata = {:?}\n\
         [tls]\ncertificate = {:?}\nkey = {:?}\nauthorities = [{:?}]\n\
         [[access]]\nname = \"client\"\nthumbprint = \"{}\"\nclearance = \"user\"\n",
        authority.folder.path().join("data"),
        tls.certificate,
        tls.key,
        authority.file(),
        client.own_thumbprint(),
    );
    std::fs::write(&file, text).unwrap();
    let config = Config::load(&Sources { file: Some(file), ..Sources::default() }).unwrap();
    let node = Node::start(config, vec![Box::new(Mounts)]).await.unwrap();
    let url = format!("https://localhost:{}", node.address().port()).parse().unwrap();
    let channel = connect(&url, &client).await.unwrap();
    (authority, node, channel)
}

/// Every name that health knows at a node with that role.
const NAMES: [&str; 7] = [
    "",
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
    "jackdaw.control.v1.Databases",
    "jackdaw.documents.v1.Documents",
    "jackdaw.replication.v1.Replication",
];

fn of(service: &str) -> HealthCheckRequest {
    HealthCheckRequest { service: service.to_owned() }
}

async fn next(watch: &mut Streaming<HealthCheckResponse>) -> ServingStatus {
    watch.message().await.unwrap().unwrap().status()
}

#[tokio::test]
async fn every_mounted_service_is_healthy_until_the_drain() {
    let (_authority, node, channel) = served().await;
    let mut health = HealthClient::new(channel);
    let mut watches = Vec::new();
    for name in NAMES {
        let status = health.check(of(name)).await.unwrap().into_inner().status();
        assert_eq!(status, ServingStatus::Serving, "{name}");
        let mut watch = health.watch(of(name)).await.unwrap().into_inner();
        assert_eq!(next(&mut watch).await, ServingStatus::Serving, "{name}");
        watches.push((name, watch));
    }
    // Of a role that is not here.
    let elsewhere = health.check(of("jackdaw.control.v1.ConnectionStrings")).await.unwrap_err();
    assert!(RemoteError::from_status(&elsewhere).is(Reason::ServiceNotFound), "{elsewhere:?}");

    let stopping = tokio::spawn(node.stop());
    for (name, mut watch) in watches {
        assert_eq!(next(&mut watch).await, ServingStatus::NotServing, "{name}");
        let end = watch.message().await.unwrap_err();
        assert_eq!(RemoteError::from_status(&end).known(), Some(Reason::Draining), "{name}");
    }
    stopping.await.unwrap();
}

/// The error of a call that sends `message` as if it were what the method takes.
async fn sent<M>(channel: &Channel, method: &'static str, message: M) -> RemoteError
where
    M: prost::Message + Send + Sync + 'static,
{
    let mut client = tonic::client::Grpc::new(channel.clone());
    client.ready().await.unwrap();
    let (path, codec) = (PathAndQuery::from_static(method), ProstCodec::<M, ()>::default());
    let request = tonic::Request::new(tokio_stream::once(message));
    let answers =
        async { client.streaming(request, path, codec).await?.into_inner().message().await };
    RemoteError::from_status(&answers.await.unwrap_err())
}

#[tokio::test]
async fn what_is_no_request_is_refused_with_a_reason() {
    let (_authority, node, channel) = served().await;
    let methods = [
        "/jackdaw.control.v1.Databases/GetDatabase",
        "/jackdaw.documents.v1.Documents/GetDocument",
        "/jackdaw.documents.v1.Documents/BulkWrite",
    ];
    for method in methods {
        // A number, where each of them has a text or a message.
        let error = sent(&channel, method, 7_u64).await;
        assert!(error.is(Reason::RequestMalformed), "{method}: {error:?}");
    }
    let error = sent(&channel, methods[0], "x".repeat(5 << 20)).await;
    assert!(error.is(Reason::MessageTooLarge), "{error:?}");
    let error = sent(&channel, "/jackdaw.documents.v1.Documents/Chek", ()).await;
    assert!(error.is(Reason::MethodUnknown), "{error:?}");
    node.stop().await;
}

#[tokio::test]
async fn reflection_speaks_both_versions() {
    let (_authority, node, channel) = served().await;
    let host = String::new();

    let list = v1::server_reflection_request::MessageRequest::ListServices(String::new());
    let ask = v1::ServerReflectionRequest { host: host.clone(), message_request: Some(list) };
    let mut client = v1::server_reflection_client::ServerReflectionClient::new(channel.clone());
    let asked = tokio_stream::once(ask);
    let mut answers = client.server_reflection_info(asked).await.unwrap().into_inner();
    let answer = answers.message().await.unwrap().unwrap().message_response;
    let Some(v1::server_reflection_response::MessageResponse::ListServicesResponse(list)) = answer
    else {
        panic!("{answer:?}")
    };
    assert!(list.service.iter().any(|it| it.name == "jackdaw.documents.v1.Documents"), "{list:?}");

    let list = v1alpha::server_reflection_request::MessageRequest::ListServices(String::new());
    let ask = v1alpha::ServerReflectionRequest { host, message_request: Some(list) };
    let mut client = v1alpha::server_reflection_client::ServerReflectionClient::new(channel);
    let asked = tokio_stream::once(ask);
    let mut answers = client.server_reflection_info(asked).await.unwrap().into_inner();
    let answer = answers.message().await.unwrap().unwrap().message_response;
    let Some(v1alpha::server_reflection_response::MessageResponse::ListServicesResponse(list)) =
        answer
    else {
        panic!("{answer:?}")
    };
    assert!(list.service.iter().any(|it| it.name == "jackdaw.documents.v1.Documents"), "{list:?}");
    node.stop().await;
}

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
