//! The steps of a dial, and the error each can end with.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use jackdaw_proto::wire::Reason;
use rustls::AlertDescription;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, lookup_host};
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::transport::{Channel, Endpoint};

use super::ReceiverUrl;
use crate::listener::limits;
use crate::tls::{ALPN_HTTP2, ClientTls, Distrust, Thumbprint};

/// How long a name may take to resolve, and one address to answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Opens one connection to a receiver and waits until the receiver has taken it: its certificate
/// verified by us, ours verified by it.
///
/// Takes at most 5 s for the name, 5 s an address it resolves to, and 5 s for the handshake with
/// the receiver's first frame. When the connection ends later, calls on the channel fail with
/// `UNAVAILABLE` for good: dial anew. Cancel safe: dropping the future closes what was opened.
pub async fn connect(url: &ReceiverUrl, tls: &ClientTls) -> Result<Channel, ConnectError> {
    let stream = dial(url).await?;
    let (stream, taken) = Watched::new(shake(url, tls, stream).await?, tls.own_thumbprint());
    let mut once = Some(TokioIo::new(stream));
    let connector = tower::service_fn(move |_| {
        std::future::ready(once.take().ok_or(io::Error::from(ErrorKind::NotConnected)))
    });
    let network = |reason: String| ConnectError::Network { reason };
    let channel = Endpoint::from_shared(url.to_string())
        .map_err(|error| network(error.to_string()))?
        .initial_stream_window_size(limits::STREAM_WINDOW_BYTES)
        .initial_connection_window_size(limits::CONNECTION_WINDOW_BYTES)
        .max_frame_size(limits::FRAME_BYTES_MAX)
        .http2_adaptive_window(false)
        .http2_max_header_list_size(limits::HEADER_LIST_BYTES_MAX)
        .http2_keep_alive_interval(limits::KEEP_ALIVE_INTERVAL)
        .keep_alive_timeout(limits::KEEP_ALIVE_TIMEOUT)
        .keep_alive_while_idle(true)
        .connect_with_connector(connector)
        .await
        .map_err(|error| network(error.to_string()))?;
    // In TLS 1.3 a client is through before the server has looked at its certificate; only the
    // server's first frame says that it was taken.
    match timeout(limits::HANDSHAKE_TIMEOUT, taken).await {
        Ok(Ok(Ok(()))) => Ok(channel),
        Ok(Ok(Err(error))) => Err(error),
        Ok(Err(_)) => Err(network("the connection ended before the first frame".to_owned())),
        Err(_) => Err(ConnectError::Timeout { after: limits::HANDSHAKE_TIMEOUT }),
    }
}

/// Why a receiver could not be reached.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ConnectError {
    /// The name stands for no address.
    #[error("resolve {host}: {reason}")]
    NameResolution {
        /// The name.
        host: String,
        /// The resolver's words.
        reason: String,
    },
    /// Nobody listens there.
    #[error("connect to {address}: connection refused")]
    Refused {
        /// The address tried last.
        address: SocketAddr,
    },
    /// No answer in time.
    #[error("connect: no answer within {after:?}")]
    Timeout {
        /// How long it was waited.
        after: Duration,
    },
    /// The two could not agree on TLS 1.3 and HTTP/2, or the other end is something else.
    #[error("shake hands: {reason}")]
    Handshake {
        /// What was found.
        reason: String,
    },
    /// We do not trust the receiver.
    #[error("trust the server's certificate: {0}")]
    ServerNotTrusted(Distrust),
    /// The receiver does not trust us.
    #[error("be trusted: the server refused certificate {thumbprint} ({alert})")]
    OwnCertificateRefused {
        /// Our certificate.
        thumbprint: Thumbprint,
        /// The TLS alert with which it was refused.
        alert: String,
    },
    /// Anything else between here and there.
    #[error("reach the server: {reason}")]
    Network {
        /// The system's words.
        reason: String,
    },
}

impl ConnectError {
    /// The reason in the catalogue.
    pub fn reason(&self) -> &'static str {
        let reason = match self {
            Self::NameResolution { .. } => Reason::NameResolutionFailed,
            Self::Refused { .. } => Reason::ConnectionRefused,
            Self::Timeout { .. } => Reason::ConnectTimeout,
            Self::Handshake { .. } => Reason::TlsHandshakeFailed,
            Self::ServerNotTrusted(_) => Reason::ServerCertificateNotTrusted,
            Self::OwnCertificateRefused { .. } => Reason::CertificateNotTrusted,
            Self::Network { .. } => Reason::NetworkError,
        };
        reason.as_str()
    }
}

/// A TCP connection to the first address that takes one.
async fn dial(url: &ReceiverUrl) -> Result<TcpStream, ConnectError> {
    let host = url.host();
    let unresolved = |reason: String| ConnectError::NameResolution { host: host.clone(), reason };
    let addresses = match timeout(CONNECT_TIMEOUT, lookup_host((host.as_str(), url.port()))).await {
        Ok(Ok(addresses)) => addresses,
        Ok(Err(error)) => return Err(unresolved(error.to_string())),
        Err(_) => return Err(unresolved(format!("no answer within {CONNECT_TIMEOUT:?}"))),
    };
    let mut last = unresolved("no address".to_owned());
    for address in addresses {
        last = match timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                stream.set_nodelay(true).map_err(|error| of_network(&error))?;
                return Ok(stream);
            }
            Ok(Err(error)) => match error.kind() {
                ErrorKind::ConnectionRefused => ConnectError::Refused { address },
                ErrorKind::TimedOut => ConnectError::Timeout { after: CONNECT_TIMEOUT },
                _ => of_network(&error),
            },
            Err(_) => ConnectError::Timeout { after: CONNECT_TIMEOUT },
        };
    }
    Err(last)
}

async fn shake(
    url: &ReceiverUrl,
    tls: &ClientTls,
    stream: TcpStream,
) -> Result<TlsStream<TcpStream>, ConnectError> {
    let handshake = |reason: &str| ConnectError::Handshake { reason: reason.to_owned() };
    let connecting = TlsConnector::from(tls.config()).connect(url.server_name(), stream);
    let stream = match timeout(limits::HANDSHAKE_TIMEOUT, connecting).await {
        Err(_) => return Err(handshake("not finished within 5 s")),
        Ok(Err(error)) => {
            return Err(of_tls(&error, tls.own_thumbprint())
                .unwrap_or_else(|| handshake(&error.to_string())));
        }
        Ok(Ok(stream)) => stream,
    };
    if stream.get_ref().1.alpn_protocol() == Some(ALPN_HTTP2) {
        Ok(stream)
    } else {
        Err(handshake("the server does not speak HTTP/2 (ALPN h2)"))
    }
}

fn of_network(error: &io::Error) -> ConnectError {
    ConnectError::Network { reason: error.to_string() }
}

/// What an error says that came out of the TLS stream; none when it is not of TLS.
fn of_tls(error: &io::Error, own: Thumbprint) -> Option<ConnectError> {
    let error: &rustls::Error = error.get_ref()?.downcast_ref()?;
    Some(match (Distrust::of(error), error) {
        (Some(distrust), _) => ConnectError::ServerNotTrusted(distrust),
        (None, rustls::Error::AlertReceived(alert)) if is_of_certificate(*alert) => {
            ConnectError::OwnCertificateRefused { thumbprint: own, alert: format!("{alert:?}") }
        }
        (None, other) => ConnectError::Handshake { reason: other.to_string() },
    })
}

/// Whether an alert says that the sender of it did not take our certificate.
fn is_of_certificate(alert: AlertDescription) -> bool {
    use AlertDescription as A;
    matches!(
        alert,
        A::BadCertificate
            | A::UnsupportedCertificate
            | A::CertificateRevoked
            | A::CertificateExpired
            | A::CertificateUnknown
            | A::UnknownCA
            | A::AccessDenied
            | A::CertificateRequired
            | A::DecryptError
    )
}

/// A stream that tells once what its first read brought: bytes, or why none.
struct Watched {
    inner: TlsStream<TcpStream>,
    own: Thumbprint,
    first: Option<oneshot::Sender<Result<(), ConnectError>>>,
}

impl Watched {
    fn new(
        inner: TlsStream<TcpStream>,
        own: Thumbprint,
    ) -> (Self, oneshot::Receiver<Result<(), ConnectError>>) {
        let (first, taken) = oneshot::channel();
        (Self { inner, own, first: Some(first) }, taken)
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let read = ready!(Pin::new(&mut this.inner).poll_read(cx, buffer));
        if let Some(first) = this.first.take() {
            let told = match &read {
                Ok(()) if buffer.filled().len() > before => Ok(()),
                Ok(()) => Err(of_network(&io::Error::from(ErrorKind::UnexpectedEof))),
                Err(error) => Err(of_tls(error, this.own).unwrap_or_else(|| of_network(error))),
            };
            // Nobody listens any more when the dial was given up.
            let _ = first.send(told);
        }
        Poll::Ready(read)
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}
