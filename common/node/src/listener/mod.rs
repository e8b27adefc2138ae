//! The one port of a process: accepts, shakes hands, speaks HTTP/2, and at the end lets every call
//! finish within a deadline.
//!
//! Owns the accept loop and every limit that holds before a request is read. It knows no service:
//! it is given one router (with the access layer in front). A connection's [`Peer`] is put into
//! the extensions of each of its requests, with tonic's `TcpConnectInfo`. A connection lives no
//! longer than its client's certificate.

mod places;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use jackdaw_common::{Timestamp, clock::Clock};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tonic::body::Body;
use tonic::transport::server::TcpConnectInfo;
use tower::Service;

use self::places::{Full, Place, Places};
use crate::clock::SystemClock;
use crate::shutdown::{Shutdown, Trigger};
use crate::tls::{ALPN_HTTP2, CertificateUnreadable, Peer, ServerTls};

/// What one process takes at most, and what an HTTP/2 connection may use. The dialler uses the
/// same sizes.
pub mod limits {
    use std::time::Duration;

    /// Open connections. A pair and its people need a handful; with the window below this bounds
    /// the memory that peers can fill to 2 GiB, all of them holders of a trusted certificate.
    pub const CONNECTIONS_MAX: usize = 256;
    /// Open connections of one certificate, and from one address: half of all, so that no one peer
    /// keeps the others out. A sender needs one for each of its tasks, and dials a new one before
    /// the end of an old one is noticed.
    pub const PEER_CONNECTIONS_MAX: usize = CONNECTIONS_MAX / 2;
    /// Handshakes at a time: their signatures are what a stranger can make us compute. More wait
    /// in the kernel's queue.
    pub const HANDSHAKES_MAX: usize = 64;
    /// A handshake takes two round trips; who needs longer holds a place that another wants.
    pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
    /// Calls at a time on one connection: a task's session, a few watches and writes. Without it
    /// tonic's server has no bound.
    pub const STREAMS_MAX: u32 = 32;
    /// Bytes of an HTTP/2 frame: at 1 MiB replication measured 26 % faster than at the default.
    pub const FRAME_BYTES_MAX: u32 = 1024 * 1024;
    /// Bytes a peer may send on one stream before we have read them: 100 MB/s at a round trip of
    /// 40 ms. What is in flight beyond it is bounded by the session's own window.
    pub const STREAM_WINDOW_BYTES: u32 = 4 * 1024 * 1024;
    /// Bytes a peer may send on one connection: two full streams, so that one that is not read
    /// does not stop the others.
    pub const CONNECTION_WINDOW_BYTES: u32 = 8 * 1024 * 1024;
    /// Bytes of a stream's answers that wait to be sent: a frame of replication.
    pub const SEND_BUFFER_BYTES_MAX: usize = 1024 * 1024;
    /// Bytes of a request's headers.
    pub const HEADER_LIST_BYTES_MAX: u32 = 16 * 1024;
    /// Streams that a peer has reset before we took them up (rapid reset).
    pub const PENDING_RESETS_MAX: usize = 20;
    /// Streams that we had to reset for a peer's errors before its connection is ended.
    pub const LOCAL_RESETS_MAX: usize = 256;
    /// A ping after this long without a frame, so that a dead link is noticed ...
    pub const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(20);
    /// ... when its answer has not come by then.
    pub const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(20);
    /// How long the calls of a connection go on after its client's certificate has ended: a write
    /// under way finishes; nobody is trusted for long without a certificate.
    pub const CERTIFICATE_GRACE: Duration = Duration::from_secs(10);
    /// How often the wall clock is compared with the end of a certificate: it may be set, and
    /// timers rest while a machine sleeps.
    pub const CERTIFICATE_CHECK_INTERVAL: Duration = Duration::from_secs(60);
    /// How long accepting rests when the process is out of files or memory.
    pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
}

/// How the connections ended that were open when the end was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Finished their calls within the deadline.
    pub finished: usize,
    /// Were cut off at the deadline.
    pub cut: usize,
}

/// Serves `service` on `listener` until `shutdown` is requested, then stops accepting, tells every
/// peer to open no more calls (GOAWAY), waits at most `drain` for those that are open, and cuts
/// what is left.
///
/// No error ends it: a connection that fails is logged and forgotten, a lack of file descriptors
/// waited out. Dropping the future cuts all connections at once.
pub async fn serve<S>(
    listener: TcpListener,
    tls: ServerTls,
    service: S,
    shutdown: Shutdown,
    drain: Duration,
) -> Drained
where
    S: Service<Request<Incoming>, Response = Response<Body>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send + 'static,
{
    let grace = limits::CERTIFICATE_GRACE;
    let terms = Terms { drain, grace, clock: Arc::new(SystemClock) };
    serve_on(terms, listener, tls, service, shutdown).await
}

/// The times that [`serve`] keeps.
#[derive(Clone)]
struct Terms {
    /// For calls that are open when the end is asked for.
    drain: Duration,
    /// For calls that are open when their client's certificate ends.
    grace: Duration,
    /// Tells when that is.
    clock: Arc<dyn Clock>,
}

async fn serve_on<S>(
    terms: Terms,
    listener: TcpListener,
    tls: ServerTls,
    service: S,
    mut shutdown: Shutdown,
) -> Drained
where
    S: Service<Request<Incoming>, Response = Response<Body>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send + 'static,
{
    let drain = terms.drain;
    let (stop, stopped) = Trigger::new();
    let acceptor = Acceptor {
        tls: TlsAcceptor::from(tls.config()),
        http2: http2_builder(),
        places: Arc::default(),
        terms,
        stopped,
    };
    let handshakes = Arc::new(Semaphore::new(limits::HANDSHAKES_MAX));
    let mut open = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &handshakes) => accepted,
            Some(_) = open.join_next() => continue,
            () = shutdown.requested() => break,
        };
        if let Some((stream, remote, handshake)) = accepted
            && let Some(place) = acceptor.place(remote)
        {
            let arrived = Arrived { stream, remote, handshake, place };
            open.spawn(acceptor.clone().run(arrived, service.clone()));
        }
    }
    drop(listener);
    while open.try_join_next().is_some() {}
    stop.fire();
    let before = open.len();
    let all = async { while open.join_next().await.is_some() {} };
    // Cut or not is told by what is left.
    let _ = timeout(drain, all).await;
    let cut = open.len();
    open.shutdown().await;
    Drained { finished: before.saturating_sub(cut), cut }
}

/// The next connection, once there is room for a handshake. None after an error, which is logged;
/// cancel safe.
async fn accept(
    listener: &TcpListener,
    handshakes: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    // The semaphore is never closed.
    let handshake = handshakes.clone().acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, remote)) => Some((stream, remote, handshake)),
        Err(error) if is_of_connection(&error) => None,
        Err(error) => {
            tracing::warn!(%error, "accepting rests for {:?}", limits::ACCEPT_PAUSE);
            sleep(limits::ACCEPT_PAUSE).await;
            None
        }
    }
}

/// Whether an error of accept(2) concerns only the connection that was to be accepted.
fn is_of_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

fn http2_builder() -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .adaptive_window(false)
        .initial_stream_window_size(limits::STREAM_WINDOW_BYTES)
        .initial_connection_window_size(limits::CONNECTION_WINDOW_BYTES)
        .max_frame_size(limits::FRAME_BYTES_MAX)
        .max_concurrent_streams(limits::STREAMS_MAX)
        .max_header_list_size(limits::HEADER_LIST_BYTES_MAX)
        .max_send_buf_size(limits::SEND_BUFFER_BYTES_MAX)
        .max_pending_accept_reset_streams(limits::PENDING_RESETS_MAX)
        .max_local_error_reset_streams(limits::LOCAL_RESETS_MAX)
        .keep_alive_interval(limits::KEEP_ALIVE_INTERVAL)
        .keep_alive_timeout(limits::KEEP_ALIVE_TIMEOUT);
    builder
}

/// What every connection needs.
#[derive(Clone)]
struct Acceptor {
    tls: TlsAcceptor,
    http2: http2::Builder<TokioExecutor>,
    places: Arc<Places>,
    terms: Terms,
    stopped: Shutdown,
}

/// A connection before its handshake, with the places that it holds.
struct Arrived {
    stream: TcpStream,
    remote: SocketAddr,
    handshake: OwnedSemaphorePermit,
    place: Place,
}

impl Acceptor {
    /// A place among the open connections. Without one the connection is closed at once: its
    /// client tries again later, and those that are open are not disturbed.
    fn place(&self, remote: SocketAddr) -> Option<Place> {
        let place = self.places.take(remote.ip());
        place.inspect_err(|full| tracing::warn!(%remote, "{full}")).ok()
    }

    async fn run<S>(mut self, arrived: Arrived, service: S)
    where
        S: Service<Request<Incoming>, Response = Response<Body>, Error = Infallible>,
        S: Clone + Send + 'static,
        S::Future: Send + 'static,
    {
        let Arrived { stream, remote, handshake, mut place } = arrived;
        let local = stream.local_addr().ok();
        let shaken = tokio::select! {
            shaken = shake(&self.tls, stream) => shaken,
            () = self.stopped.requested() => return,
        };
        drop(handshake);
        let admitted = shaken.and_then(|(stream, peer)| {
            place.belongs_to(peer.thumbprint)?;
            Ok((stream, peer))
        });
        let (stream, peer) = match admitted {
            Ok(admitted) => admitted,
            Err(HandshakeError::Full(full)) => {
                tracing::warn!(%remote, "{full}");
                return;
            }
            Err(error) => {
                tracing::warn!(target: "audit", event = "handshake", %remote, "{error}");
                return;
            }
        };
        tracing::debug!(%remote, thumbprint = %peer.thumbprint, name = peer.common_name, "open");
        let (thumbprint, not_after) = (peer.thumbprint, peer.not_after);
        let tcp = TcpConnectInfo { local_addr: local, remote_addr: Some(remote) };
        let service = TowerToHyperService::new(OfPeer { inner: service, peer, tcp });
        let mut connection = pin!(self.http2.serve_connection(TokioIo::new(stream), service));
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.stopped.requested() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
            () = ended_at(&*self.terms.clock, not_after) => {
                tracing::info!(target: "audit", event = "certificate_ended", %remote, %thumbprint);
                connection.as_mut().graceful_shutdown();
                let Ok(ended) = timeout(self.terms.grace, connection).await else {
                    tracing::debug!(%remote, "cut");
                    return;
                };
                ended
            }
        };
        match ended {
            Ok(()) => tracing::debug!(%remote, "closed"),
            Err(error) => tracing::debug!(%remote, %error, "broken off"),
        }
    }
}

/// Why a connection ended before its first request.
#[derive(Debug, thiserror::Error)]
enum HandshakeError {
    #[error("handshake not finished within {:?}", limits::HANDSHAKE_TIMEOUT)]
    Timeout,
    #[error("handshake failed: {0}")]
    Failed(#[from] io::Error),
    #[error("the client does not offer HTTP/2 (ALPN h2)")]
    NotHttp2,
    #[error("the client presented no certificate")]
    NoCertificate,
    #[error("{0}")]
    Certificate(#[from] CertificateUnreadable),
    #[error("{0}")]
    Full(#[from] Full),
}

/// Completes when a certificate that is valid until `not_after` has ended.
async fn ended_at(clock: &dyn Clock, not_after: Timestamp) {
    loop {
        let now = clock.now();
        if now > not_after {
            return;
        }
        let left = Duration::from_micros(not_after.micros_since(now).saturating_add(1));
        sleep(left.min(limits::CERTIFICATE_CHECK_INTERVAL)).await;
    }
}

async fn shake(
    acceptor: &TlsAcceptor,
    stream: TcpStream,
) -> Result<(TlsStream<TcpStream>, Peer), HandshakeError> {
    stream.set_nodelay(true)?;
    let stream = timeout(limits::HANDSHAKE_TIMEOUT, acceptor.accept(stream))
        .await
        .map_err(|_| HandshakeError::Timeout)??;
    let (_, session) = stream.get_ref();
    // A client that offers nothing at all passes rustls; one that offers only others does not.
    if session.alpn_protocol() != Some(ALPN_HTTP2) {
        return Err(HandshakeError::NotHttp2);
    }
    let chain = session.peer_certificates().unwrap_or_default();
    let peer = Peer::of(chain.first().ok_or(HandshakeError::NoCertificate)?)?;
    Ok((stream, peer))
}

/// Puts the connection's peer into every request.
#[derive(Clone)]
struct OfPeer<S> {
    inner: S,
    peer: Peer,
    tcp: TcpConnectInfo,
}

impl<S> Service<Request<Incoming>> for OfPeer<S>
where
    S: Service<Request<Incoming>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Incoming>) -> Self::Future {
        request.extensions_mut().insert(self.peer.clone());
        request.extensions_mut().insert(self.tcp.clone());
        self.inner.call(request)
    }
}

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;
