//! How many connections a peer has, and for how long.

use std::net::Ipv4Addr;

use jackdaw_common::{Timestamp, clock::Clock};
use tokio::net::TcpSocket;
use tokio_rustls::client;

use super::*;
use crate::tls::Thumbprint;

type Dialled = client::TlsStream<TcpStream>;

/// The client configuration of a certificate of its own.
fn certificate(authority: &Authority, name: &'static str) -> Arc<ClientConfig> {
    let own = authority.credentials(&Leaf::new(name));
    Arc::new(anybody(authority, Some(&own)))
}

/// A connection from an address of the loopback network, once the service has begun to speak on
/// it; none when it was closed instead.
async fn dial(running: &Running, config: &Arc<ClientConfig>, host: u8) -> Option<Dialled> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((Ipv4Addr::new(127, 0, 0, host), 0).into()).unwrap();
    let tcp = socket.connect(running.address).await.unwrap();
    let name = "localhost".try_into().unwrap();
    let mut tls = TlsConnector::from(config.clone()).connect(name, tcp).await.ok()?;
    let mut settings = [0; 9];
    let read = timeout(Duration::from_secs(10), tls.read_exact(&mut settings)).await.unwrap();
    read.is_ok().then_some(tls)
}

async fn dial_many(
    running: &Running,
    config: &Arc<ClientConfig>,
    host: u8,
    count: usize,
) -> Vec<Dialled> {
    let mut open = Vec::new();
    while open.len() < count {
        let some = (open.len()..count).take(32).map(|_| dial(running, config, host));
        open.extend(join_all(some).await.into_iter().map(Option::unwrap));
    }
    open
}

/// Waits until a place that was given up is noticed to be free.
async fn dial_again(running: &Running, config: &Arc<ClientConfig>, host: u8) {
    let again = async {
        while dial(running, config, host).await.is_none() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(DRAIN, again).await.unwrap();
}

#[tokio::test]
async fn one_connection_too_many_is_closed_and_the_others_live_on() {
    let authority = Authority::new();
    let client = authority.client("sender");
    let running =
        Running::start(authority.server("receiver"), &[client.own_thumbprint()], DRAIN).await;
    let channel = connect(&running.url(), &client).await.unwrap();
    let [first, second, third] =
        ["first", "second", "third"].map(|name| certificate(&authority, name));
    let half = limits::CONNECTIONS_MAX / 2;
    let mut open = dial_many(&running, &first, 2, half).await;
    open.extend(dial_many(&running, &second, 3, half - 1).await);
    assert!(dial(&running, &third, 4).await.is_none());
    check(channel).await.unwrap();
    open.pop();
    dial_again(&running, &third, 4).await;
}

#[tokio::test]
async fn one_certificate_has_its_share_of_the_connections_whatever_its_addresses() {
    let authority = Authority::new();
    let running = Running::start(authority.server("receiver"), &[], DRAIN).await;
    let [greedy, other] = ["greedy", "other"].map(|name| certificate(&authority, name));
    let half = limits::PEER_CONNECTIONS_MAX / 2;
    let mut open = dial_many(&running, &greedy, 2, half).await;
    open.extend(dial_many(&running, &greedy, 3, limits::PEER_CONNECTIONS_MAX - half).await);
    assert!(dial(&running, &greedy, 4).await.is_none());
    dial(&running, &other, 2).await.unwrap();
    open.pop();
    dial_again(&running, &greedy, 4).await;
}

#[tokio::test]
async fn one_address_has_its_share_of_the_connections_whatever_its_certificates() {
    let authority = Authority::new();
    let running = Running::start(authority.server("receiver"), &[], DRAIN).await;
    let [first, second, third] =
        ["first", "second", "third"].map(|name| certificate(&authority, name));
    let half = limits::PEER_CONNECTIONS_MAX / 2;
    let mut open = dial_many(&running, &first, 2, half).await;
    open.extend(dial_many(&running, &second, 2, limits::PEER_CONNECTIONS_MAX - half).await);
    assert!(dial(&running, &third, 2).await.is_none());
    dial(&running, &third, 3).await.unwrap();
    open.pop();
    dial_again(&running, &third, 2).await;
}

#[test]
fn an_address_counts_once_in_either_family_and_nothing_stays_of_who_is_gone() {
    let places = Arc::new(Places::default());
    let thumbprint = Thumbprint::from_bytes([1; 32]);
    let families = ["10.0.0.1", "::ffff:10.0.0.1"].map(|text| text.parse().unwrap());
    let mut held = Vec::new();
    for address in families.into_iter().cycle().take(limits::PEER_CONNECTIONS_MAX) {
        let mut place = places.take(address).unwrap();
        place.belongs_to(thumbprint).unwrap();
        held.push(place);
    }
    for address in families {
        assert_eq!(places.take(address).unwrap_err(), Full::Address(families[0]));
    }
    let mut elsewhere = places.take("10.0.0.2".parse().unwrap()).unwrap();
    assert_eq!(elsewhere.belongs_to(thumbprint), Err(Full::Certificate(thumbprint)));
    drop((held, elsewhere));
    assert_eq!(format!("{places:?}"), format!("{:?}", Places::default()));
}

/// A clock that begins at some time.
struct From {
    time: Timestamp,
    began: Instant,
}

impl Clock for From {
    fn now(&self) -> Timestamp {
        let elapsed = self.began.elapsed().as_micros();
        self.time.plus_micros(i64::try_from(elapsed).unwrap())
    }
}

/// How long the certificate of a client is still valid.
const LEFT: Duration = Duration::from_millis(1_500);

/// A service that has this client, whose certificate ends after [`LEFT`].
async fn with_ending_certificate(grace: Duration) -> (Running, Channel) {
    let authority = Authority::new();
    let own = authority.credentials(&Leaf::new("sender"));
    let client = ClientTls::new(&own, &[]).unwrap();
    let left = i64::try_from(LEFT.as_micros()).unwrap();
    let clock = From { time: own.own().not_after.plus_micros(-left), began: Instant::now() };
    let terms = Terms { drain: DRAIN, grace, clock: Arc::new(clock) };
    let trusted = [client.own_thumbprint()];
    let running = Running::start_on(terms, authority.server("receiver"), &trusted).await;
    let channel = connect(&running.url(), &client).await.unwrap();
    check(channel.clone()).await.unwrap();
    (running, channel)
}

#[tokio::test]
async fn a_connection_ends_with_the_certificate_of_its_client() {
    let (running, _channel) = with_ending_certificate(Duration::from_secs(60)).await;
    sleep(LEFT * 2).await;
    running.trigger.fire();
    // It is gone, so there is nothing to drain, though its client keeps it.
    assert_eq!(running.ended.await.unwrap(), Drained { finished: 0, cut: 0 });
}

#[tokio::test]
async fn calls_go_on_for_a_while_after_the_end_of_a_certificate_and_are_cut_then() {
    let began = Instant::now();
    let grace = Duration::from_secs(1);
    let (running, channel) = with_ending_certificate(grace).await;
    let request = HealthCheckRequest::default();
    let mut watch = health(channel).watch(request).await.unwrap().into_inner();
    watch.next().await.unwrap().unwrap();
    let status = timeout(DRAIN, watch.next()).await.unwrap().unwrap().unwrap_err();
    assert!(matches!(status.code(), Code::Unavailable | Code::Unknown), "{status:?}");
    assert!(began.elapsed() >= LEFT + grace, "{:?}", began.elapsed());
    running.trigger.fire();
    assert_eq!(running.ended.await.unwrap(), Drained { finished: 0, cut: 0 });
}
