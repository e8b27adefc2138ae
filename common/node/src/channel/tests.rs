//! What `channel` promises, tried out.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{ExtendedKeyUsagePurpose, SanType};
use rustls::ServerConfig;
use rustls::version::{TLS12, TLS13};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use super::*;
use crate::listener::fixture::Running;
use crate::tls::fixture::{Authority, Leaf, RECENTLY, resolver};
use crate::tls::{ClientTls, Credentials, Distrust, ServerTls};

const DRAIN: Duration = Duration::from_millis(100);

#[test]
fn a_url_is_scheme_host_and_port_written_in_one_way() {
    for (text, canonical) in [
        ("https://a.example:7443", "https://a.example:7443"),
        ("https://a.example:7443/", "https://a.example:7443"),
        ("HTTPS://A.Example:7443", "https://a.example:7443"),
        ("https://a.example", "https://a.example:443"),
        ("https://localhost:1", "https://localhost:1"),
        ("https://my_host-1:65535", "https://my_host-1:65535"),
        ("https://127.0.0.1:80", "https://127.0.0.1:80"),
        ("https://[::1]:7443", "https://[::1]:7443"),
        ("https://[2001:DB8::0:1]", "https://[2001:db8::1]:443"),
        ("https://a.example:0080/", "https://a.example:80"),
    ] {
        let url: ReceiverUrl = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(url.to_string(), canonical);
        assert_eq!(canonical.parse::<ReceiverUrl>().unwrap(), url);
    }
}

#[test]
fn what_is_no_url_of_a_receiver_is_refused_for_its_own_reason() {
    use ReceiverUrlError as E;
    let host = |host: &str| E::Host { host: host.to_owned() };
    let port = |port: &str| E::Port { port: port.to_owned() };
    let path = |path: &str| E::Path { path: path.to_owned() };
    for (text, expected) in [
        ("", E::SchemeMissing),
        ("a.example:7443", E::SchemeMissing),
        ("http://a.example", E::PlainHttp),
        ("HTTP://a.example", E::PlainHttp),
        ("ftp://a.example", E::Scheme { scheme: "ftp".to_owned() }),
        (" https://a.example", E::Scheme { scheme: " https".to_owned() }),
        ("https://", E::HostMissing),
        ("https:///", E::HostMissing),
        ("https://:7443", E::HostMissing),
        ("https://me@a.example", E::UserInfo),
        ("https://me:secret@a.example:1", E::UserInfo),
        ("https://a.example/databases/x", path("/databases/x")),
        ("https://a.example//", path("//")),
        ("https://a.example/?x=1", E::Query),
        ("https://a.example?", E::Query),
        ("https://a.example/#x", E::Fragment),
        ("https://a.example#", E::Fragment),
        ("https://a.example:", port("")),
        ("https://a.example:0", port("0")),
        ("https://a.example:65536", port("65536")),
        ("https://a.example:+1", port("+1")),
        ("https://a.example:7443 ", port("7443 ")),
        ("https://a b", host("a b")),
        ("https://1.2.3.400", host("1.2.3.400")),
        ("https://12", host("12")),
        ("https://-a", host("-a")),
        ("https://bücher.example", host("bücher.example")),
        ("https://[::1", host("[::1")),
        ("https://[::1]x", host("[::1]x")),
        ("https://[localhost]", host("[localhost]")),
        ("https://[fe80::1%eth0]", host("[fe80::1%eth0]")),
        ("https://::1", port(":1")),
    ] {
        assert_eq!(text.parse::<ReceiverUrl>(), Err(expected), "{text:?}");
    }
}

fn url(port: u16) -> ReceiverUrl {
    format!("https://localhost:{port}").parse().unwrap()
}

async fn serving(tls: ServerTls) -> Running {
    Running::start(tls, &[], DRAIN).await
}

async fn distrust(running: &Running, client: &ClientTls) -> Distrust {
    let error = connect(&running.url(), client).await.unwrap_err();
    assert_eq!(error.reason(), "SERVER_CERTIFICATE_NOT_TRUSTED", "{error}");
    let ConnectError::ServerNotTrusted(why) = error else { panic!("{error}") };
    why
}

/// Answers each connection in some other way than a receiver does.
async fn odd_server<F, R>(answer: F) -> u16
where
    F: Fn(tokio::net::TcpStream) -> R + Send + Sync + 'static,
    R: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            tokio::spawn(answer(listener.accept().await.unwrap().0));
        }
    });
    port
}

fn odd_tls(
    authority: &Authority,
    version: &'static rustls::SupportedProtocolVersion,
    alpn: &[&[u8]],
) -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let own = authority.credentials(&Leaf::new("odd"));
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(resolver(&own));
    config.alpn_protocols = alpn.iter().map(|it| it.to_vec()).collect();
    TlsAcceptor::from(Arc::new(config))
}

#[tokio::test]
async fn who_does_not_listen_refuses_and_who_does_not_exist_is_not_resolved() {
    let authority = Authority::new();
    let client = authority.client("sender");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let error = connect(&url(port), &client).await.unwrap_err();
    assert!(matches!(error, ConnectError::Refused { .. }), "{error:?}");
    assert_eq!(error.reason(), "CONNECTION_REFUSED");

    let nowhere = "https://nowhere.invalid:7443".parse().unwrap();
    let error = connect(&nowhere, &client).await.unwrap_err();
    assert!(matches!(error, ConnectError::NameResolution { .. }), "{error:?}");
    assert!(error.to_string().contains("nowhere.invalid"), "{error}");
}

#[tokio::test]
async fn what_is_no_receiver_fails_the_handshake() {
    let authority = Authority::new();
    let client = authority.client("sender");
    let plain = odd_server(async |mut stream| {
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        let _ = stream.read(&mut [0; 1024]).await;
    })
    .await;
    let closing = odd_server(async |mut stream| {
        let _ = stream.read(&mut [0; 1]).await;
    })
    .await;
    let mut ports = vec![plain, closing];
    for (version, alpn) in [(&TLS12, &[&b"h2"[..]][..]), (&TLS13, &[]), (&TLS13, &[b"http/1.1"])] {
        let acceptor = odd_tls(&authority, version, alpn);
        let answer = move |stream| {
            let acceptor = acceptor.clone();
            async move {
                if let Ok(mut stream) = acceptor.accept(stream).await {
                    let _ = stream.read(&mut [0; 1]).await;
                }
            }
        };
        ports.push(odd_server(answer).await);
    }
    for port in ports {
        let error = connect(&url(port), &client).await.unwrap_err();
        assert!(matches!(error, ConnectError::Handshake { .. }), "{error:?}");
        assert_eq!(error.reason(), "TLS_HANDSHAKE_FAILED");
    }
}

#[tokio::test]
async fn who_says_nothing_is_waited_for_no_longer_than_the_limit() {
    let authority = Authority::new();
    let client = authority.client("sender");
    let silent = odd_server(|stream| async move {
        let _held = stream;
        std::future::pending::<()>().await;
    })
    .await;
    let error = connect(&url(silent), &client).await.unwrap_err();
    assert_eq!(error.reason(), "TLS_HANDSHAKE_FAILED", "{error:?}");
}

#[tokio::test]
async fn who_shakes_hands_and_then_says_nothing_is_a_timeout() {
    let authority = Authority::new();
    let client = authority.client("sender");
    let acceptor = odd_tls(&authority, &TLS13, &[b"h2"]);
    let silent = odd_server(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let _held = acceptor.accept(stream).await;
            std::future::pending::<()>().await;
        }
    })
    .await;
    let error = connect(&url(silent), &client).await.unwrap_err();
    assert!(matches!(error, ConnectError::Timeout { .. }), "{error:?}");
}

#[tokio::test]
async fn a_server_is_trusted_by_authority_name_time_and_purpose() {
    let (authority, other) = (Authority::new(), Authority::new());
    let client = authority.client("sender");

    let foreign = serving(other.server("foreign")).await;
    assert_eq!(distrust(&foreign, &client).await, Distrust::UnknownAuthority);
    let impostor = serving(authority.impostor().server("impostor")).await;
    assert_eq!(distrust(&impostor, &client).await, Distrust::Signature);

    let names = vec![SanType::DnsName("elsewhere.example".try_into().unwrap())];
    let leaf = Leaf { names, ..Leaf::new("elsewhere") };
    let elsewhere = serving(ServerTls::new(&authority.credentials(&leaf)).unwrap()).await;
    let why = distrust(&elsewhere, &client).await;
    assert!(matches!(&why, Distrust::Name { expected, .. } if expected == "localhost"), "{why:?}");
    let text = why.to_string();
    assert!(text.contains("localhost") && text.contains("elsewhere.example"), "{text}");

    let leaf = Leaf { expired: true, ..Leaf::new("expired") };
    let expired = serving(ServerTls::new(&authority.credentials(&leaf)).unwrap()).await;
    let why = distrust(&expired, &client).await;
    assert_eq!(why.to_string(), "it expired at 2020-01-01 00:00:00Z");

    let purposes = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let leaf = Leaf { purposes, ..Leaf::new("client") };
    let purpose = serving(ServerTls::new(&authority.credentials(&leaf)).unwrap()).await;
    assert_eq!(distrust(&purpose, &client).await, Distrust::Purpose);
}

#[tokio::test]
async fn an_address_must_stand_in_the_certificate_too() {
    let authority = Authority::new();
    let client = authority.client("sender");
    let both = serving(authority.server("both")).await;
    let by_address = |port: u16| format!("https://{}:{port}", Ipv4Addr::LOCALHOST).parse().unwrap();
    connect(&by_address(both.address.port()), &client).await.unwrap();

    let names = vec![SanType::DnsName("localhost".try_into().unwrap())];
    let leaf = Leaf { names, ..Leaf::new("name") };
    let name = serving(ServerTls::new(&authority.credentials(&leaf)).unwrap()).await;
    connect(&name.url(), &client).await.unwrap();
    let error = connect(&by_address(name.address.port()), &client).await.unwrap_err();
    assert!(matches!(error, ConnectError::ServerNotTrusted(Distrust::Name { .. })), "{error:?}");
}

#[tokio::test]
async fn a_pinned_key_is_demanded_on_top_of_the_authority() {
    let (authority, other) = (Authority::new(), Authority::new());
    let own = authority.credentials(&Leaf::new("sender"));
    let receiver = authority.credentials(&Leaf::new("receiver"));
    let running = serving(ServerTls::new(&receiver).unwrap()).await;
    let pin = receiver.own().spki_pin;
    let wrong = own.own().spki_pin;

    let pinned = ClientTls::new(&own, &[wrong, pin]).unwrap();
    connect(&running.url(), &pinned).await.unwrap();
    let mistaken = ClientTls::new(&own, &[wrong]).unwrap();
    assert_eq!(distrust(&running, &mistaken).await, Distrust::Pin { presented: pin });

    // A pin alone is not enough: an authority must vouch too.
    let foreign = other.credentials(&Leaf::new("foreign"));
    let running = serving(ServerTls::new(&foreign).unwrap()).await;
    let pinned = ClientTls::new(&own, &[foreign.own().spki_pin]).unwrap();
    assert_eq!(distrust(&running, &pinned).await, Distrust::UnknownAuthority);
}

#[tokio::test]
async fn a_receiver_that_refuses_our_certificate_is_known_as_such() {
    let theirs = Authority::new();
    let running = serving(theirs.server("receiver")).await;
    // We trust them, they do not trust us.
    for ours in [Authority::new(), theirs.impostor()] {
        let mut files = ours.issue(&Leaf::new("sender"));
        files.authorities = vec![theirs.file()];
        let own = Credentials::load(&files, RECENTLY).unwrap();
        let client = ClientTls::new(&own, &[]).unwrap();
        let error = connect(&running.url(), &client).await.unwrap_err();
        assert_eq!(error.reason(), "CERTIFICATE_NOT_TRUSTED", "{error:?}");
        let ConnectError::OwnCertificateRefused { thumbprint, .. } = error else {
            panic!("{error}");
        };
        assert_eq!(thumbprint, own.own().thumbprint);
    }
}

#[tokio::test]
async fn a_channel_is_one_connection_and_no_more() {
    let authority = Authority::new();
    let client = authority.client("sender");
    let first =
        Running::start(authority.server("receiver"), &[client.own_thumbprint()], DRAIN).await;
    let channel = connect(&first.url(), &client).await.unwrap();
    let mut health = HealthClient::new(channel);
    health.check(HealthCheckRequest::default()).await.unwrap();
    first.trigger.fire();
    first.ended.await.unwrap();
    for _ in 0..3 {
        let status = health.check(HealthCheckRequest::default()).await.unwrap_err();
        assert_eq!(status.code(), Code::Unavailable, "{status:?}");
    }
}
