//! What `listener` promises, tried out.

mod peers;

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::join_all;
use rustls::version::{TLS12, TLS13};
use rustls::{AlertDescription, ClientConfig, HandshakeKind, RootCertStore};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_prost::ProstCodec;
use tonic_types::StatusExt as _;

use super::fixture::Running;
use super::*;
use crate::channel::connect;
use crate::tls::fixture::{Authority, Leaf, resolver};
use crate::tls::{ClientTls, Credentials};

const DRAIN: Duration = Duration::from_secs(5);

fn health(channel: Channel) -> HealthClient<Channel> {
    HealthClient::new(channel)
}

async fn check(channel: Channel) -> Result<i32, Status> {
    let answer = health(channel).check(HealthCheckRequest::default()).await?;
    Ok(answer.into_inner().status)
}

/// A client configuration as anybody might have it, to be bent.
fn anybody(authority: &Authority, own: Option<&Credentials>) -> ClientConfig {
    bent(authority, own, &[&TLS13])
}

fn bent(
    authority: &Authority,
    own: Option<&Credentials>,
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    let pem = std::fs::read(authority.file()).unwrap();
    let der = rustls::pki_types::pem::PemObject::from_pem_slice(&pem).unwrap();
    roots.add(der).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match own {
        Some(own) => config.with_client_cert_resolver(resolver(own)),
        None => config.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    config
}

/// What becomes of a connection: the alert that ends it, none when it ends without one, or the
/// bytes that the server sends first.
async fn outcome(
    running: &Running,
    config: ClientConfig,
) -> Result<Vec<u8>, Option<AlertDescription>> {
    let tcp = TcpStream::connect(running.address).await.unwrap();
    let name = "localhost".try_into().unwrap();
    let alert = |error: io::Error| match error.get_ref().and_then(|it| it.downcast_ref()) {
        Some(rustls::Error::AlertReceived(alert)) => Some(*alert),
        Some(other) => panic!("{other:?}"),
        None if matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset) => {
            None
        }
        None => panic!("{error:?}"),
    };
    let mut tls = TlsConnector::from(Arc::new(config)).connect(name, tcp).await.map_err(alert)?;
    let mut bytes = vec![0; 64];
    match timeout(Duration::from_secs(10), tls.read(&mut bytes)).await.unwrap() {
        Ok(0) => Err(None),
        Ok(count) => Ok(bytes[..count].to_vec()),
        Err(error) => Err(alert(error)),
    }
}

#[tokio::test]
async fn a_listed_certificate_gets_an_answer() {
    let authority = Authority::new();
    let client = authority.client("sender");
    let running =
        Running::start(authority.server("receiver"), &[client.own_thumbprint()], DRAIN).await;
    let channel = connect(&running.url(), &client).await.unwrap();
    assert_eq!(check(channel).await.unwrap(), 1);
}

#[tokio::test]
async fn an_unlisted_certificate_is_refused_with_a_reason() {
    let authority = Authority::new();
    let client = authority.client("stranger");
    let running = Running::start(authority.server("receiver"), &[], DRAIN).await;
    let channel = connect(&running.url(), &client).await.unwrap();
    let status = check(channel).await.unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied);
    let info = status.get_details_error_info().unwrap();
    assert_eq!(
        (info.reason.as_str(), info.domain.as_str()),
        ("CERTIFICATE_NOT_TRUSTED", "jackdaw")
    );
    assert_eq!(info.metadata["thumbprint"], client.own_thumbprint().to_string());
}

#[tokio::test]
async fn who_is_no_trusted_client_gets_an_alert() {
    let (authority, other) = (Authority::new(), Authority::new());
    let running = Running::start(authority.server("receiver"), &[], DRAIN).await;
    let good = authority.credentials(&Leaf::new("good"));
    let bytes = outcome(&running, anybody(&authority, Some(&good))).await.unwrap();
    assert_eq!(bytes[3], 4, "the first frame is SETTINGS: {bytes:?}");

    let foreign = other.credentials(&Leaf::new("foreign"));
    let expired = authority.credentials(&Leaf { expired: true, ..Leaf::new("expired") });
    let purposes = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    let server = authority.credentials(&Leaf { purposes, ..Leaf::new("server") });
    for (own, expected) in [
        (None, AlertDescription::CertificateRequired),
        (Some(&foreign), AlertDescription::UnknownCA),
        (Some(&expired), AlertDescription::CertificateExpired),
        (Some(&server), AlertDescription::UnsupportedCertificate),
    ] {
        let got = outcome(&running, anybody(&authority, own)).await;
        assert_eq!(got, Err(Some(expected)));
    }
}

#[tokio::test]
async fn older_tls_and_other_protocols_are_refused() {
    let authority = Authority::new();
    let running = Running::start(authority.server("receiver"), &[], DRAIN).await;
    let own = authority.credentials(&Leaf::new("client"));

    let old = bent(&authority, Some(&own), &[&TLS12]);
    assert_eq!(outcome(&running, old).await, Err(Some(AlertDescription::ProtocolVersion)));

    let mut http1 = anybody(&authority, Some(&own));
    http1.alpn_protocols = vec![b"http/1.1".to_vec()];
    let refused = Some(AlertDescription::NoApplicationProtocol);
    assert_eq!(outcome(&running, http1).await, Err(refused));

    let mut silent = anybody(&authority, Some(&own));
    silent.alpn_protocols.clear();
    assert_eq!(outcome(&running, silent).await, Err(None));
}

#[tokio::test]
async fn every_handshake_is_a_full_one() {
    let authority = Authority::new();
    let running = Running::start(authority.server("receiver"), &[], DRAIN).await;
    let own = authority.credentials(&Leaf::new("client"));
    let mut eager = anybody(&authority, Some(&own));
    eager.enable_early_data = true;
    let connector = TlsConnector::from(Arc::new(eager));
    for _ in 0..3 {
        let tcp = TcpStream::connect(running.address).await.unwrap();
        let mut tls = connector.connect("localhost".try_into().unwrap(), tcp).await.unwrap();
        tls.read_exact(&mut [0; 9]).await.unwrap();
        let (_, session) = tls.get_ref();
        assert_eq!(session.handshake_kind(), Some(HandshakeKind::Full));
        assert_eq!(session.tls13_tickets_received(), 0);
        assert!(!session.is_early_data_accepted());
    }
}

#[tokio::test]
async fn open_calls_finish_when_the_end_is_asked_for() {
    let authority = Authority::new();
    let client = authority.client("sender");
    let running =
        Running::start(authority.server("receiver"), &[client.own_thumbprint()], DRAIN).await;
    let channel = connect(&running.url(), &client).await.unwrap();
    let request = HealthCheckRequest::default();
    let mut watch = health(channel.clone()).watch(request).await.unwrap().into_inner();
    watch.next().await.unwrap().unwrap();
    running.trigger.fire();

    // GOAWAY: no new call on the old connection, no new connection.
    let refused = async {
        while check(channel.clone()).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    timeout(DRAIN, refused).await.unwrap();
    assert!(connect(&running.url(), &client).await.is_err());
    // The open call is still alive; ending it ends the drain, well before the deadline.
    assert!(timeout(Duration::from_millis(200), watch.next()).await.is_err());
    let began = Instant::now();
    drop(watch);
    assert_eq!(running.ended.await.unwrap(), Drained { finished: 1, cut: 0 });
    assert!(began.elapsed() < DRAIN);
}

#[tokio::test]
async fn calls_that_do_not_finish_are_cut_at_the_deadline() {
    let authority = Authority::new();
    let client = authority.client("sender");
    let drain = Duration::from_millis(300);
    let running =
        Running::start(authority.server("receiver"), &[client.own_thumbprint()], drain).await;
    let channel = connect(&running.url(), &client).await.unwrap();
    let request = HealthCheckRequest::default();
    let mut watch = health(channel).watch(request).await.unwrap().into_inner();
    watch.next().await.unwrap().unwrap();
    let began = Instant::now();
    running.trigger.fire();
    assert_eq!(running.ended.await.unwrap(), Drained { finished: 0, cut: 1 });
    assert!(began.elapsed() >= drain);
    let status = timeout(DRAIN, watch.next()).await.unwrap().unwrap().unwrap_err();
    assert!(matches!(status.code(), Code::Unavailable | Code::Unknown), "{status:?}");
}

#[tokio::test]
async fn a_connection_carries_so_many_calls_and_no_more() {
    let authority = Authority::new();
    let client = authority.client("sender");
    let running =
        Running::start(authority.server("receiver"), &[client.own_thumbprint()], DRAIN).await;
    let channel = connect(&running.url(), &client).await.unwrap();
    let mut open = Vec::new();
    for _ in 0..limits::STREAMS_MAX {
        let request = HealthCheckRequest::default();
        let mut watch = health(channel.clone()).watch(request).await.unwrap().into_inner();
        watch.next().await.unwrap().unwrap();
        open.push(watch);
    }
    let mut waiting = Box::pin(check(channel.clone()));
    assert!(timeout(Duration::from_millis(300), &mut waiting).await.is_err());
    open.pop();
    timeout(DRAIN, waiting).await.unwrap().unwrap();
}

#[tokio::test]
async fn silent_strangers_do_not_keep_others_out_for_long() {
    let authority = Authority::new();
    let client = authority.client("sender");
    let running =
        Running::start(authority.server("receiver"), &[client.own_thumbprint()], DRAIN).await;
    let strangers = (0..limits::HANDSHAKES_MAX).map(|_| TcpStream::connect(running.address));
    let mut strangers: Vec<_> = join_all(strangers).await.into_iter().map(Result::unwrap).collect();
    let dialled = async { while connect(&running.url(), &client).await.is_err() {} };
    let limit = limits::HANDSHAKE_TIMEOUT.saturating_add(Duration::from_secs(2));
    timeout(limit, dialled).await.unwrap();
    let mut byte = [0];
    // Every stranger was closed by then, or is in this second.
    for stranger in &mut strangers {
        let closed = timeout(Duration::from_secs(2), stranger.read(&mut byte)).await.unwrap();
        assert!(matches!(closed, Ok(0) | Err(_)), "{closed:?}");
    }
}

#[test]
fn an_error_of_one_connection_does_not_pause_accepting() {
    assert!(is_of_connection(&io::Error::from(ErrorKind::ConnectionAborted)));
    let too_many_files = io::Error::from_raw_os_error(24);
    assert!(!is_of_connection(&too_many_files), "{too_many_files:?}");
}

#[tokio::test]
async fn a_method_without_a_row_is_unimplemented() {
    let authority = Authority::new();
    let client: ClientTls = authority.client("sender");
    let running =
        Running::start(authority.server("receiver"), &[client.own_thumbprint()], DRAIN).await;
    let channel = connect(&running.url(), &client).await.unwrap();
    let mut grpc = tonic::client::Grpc::new(channel);
    grpc.ready().await.unwrap();
    let path = http::uri::PathAndQuery::from_static("/grpc.health.v1.Health/List");
    let codec: ProstCodec<HealthCheckRequest, HealthCheckRequest> = ProstCodec::default();
    let request = tonic::Request::new(HealthCheckRequest::default());
    let status = grpc.unary(request, path, codec).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
    assert_eq!(status.get_details_error_info().unwrap().reason, "METHOD_UNKNOWN");
}
