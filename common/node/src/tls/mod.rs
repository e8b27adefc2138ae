//! TLS as Jackdaw speaks it: 1.3 only, HTTP/2 only, a certificate at both ends, every handshake in
//! full.
//!
//! Owns our certificate and key, the authorities, and the two configurations made of them, which
//! the listener and the dialler use. There are no tickets, no resumption and no early data: a
//! resumed session would skip the check of the peer's certificate. It never decides what a peer
//! may do; that is `access`.

mod authority;
mod identity;
mod trust;

use std::sync::Arc;

use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::{NoServerSessionStorage, VerifierBuilderError, WebPkiClientVerifier};
use rustls::sign::SingleCertAndKey;
use rustls::version::TLS13;
use rustls::{ClientConfig, ServerConfig};
use thiserror::Error;

pub use authority::{Created, CreatedCertificate, InitError, SanName, SanNameError, init};
pub use identity::{
    CertificateUnreadable, CredentialError, CredentialErrors, Credentials, FingerprintError, Peer,
    SpkiPin, Thumbprint, TlsFiles,
};
pub use trust::Distrust;

/// The one protocol spoken inside.
pub(crate) const ALPN_HTTP2: &[u8] = b"h2";

/// How we answer connections. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ServerTls {
    config: Arc<ServerConfig>,
}

impl ServerTls {
    /// Presents our certificate; demands one that a configured authority has issued and that is
    /// valid now.
    pub fn new(credentials: &Credentials) -> Result<Self, TlsError> {
        let provider = provider();
        let clients = WebPkiClientVerifier::builder_with_provider(
            credentials.authorities.clone(),
            provider.clone(),
        )
        .build()?;
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])?
            .with_client_cert_verifier(clients)
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(credentials.certified.clone())));
        config.alpn_protocols = vec![ALPN_HTTP2.to_vec()];
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        config.max_early_data_size = 0;
        Ok(Self { config: Arc::new(config) })
    }

    /// For the listener.
    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        self.config.clone()
    }
}

/// How we open connections. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ClientTls {
    config: Arc<ClientConfig>,
    own: Thumbprint,
}

impl ClientTls {
    /// Presents our certificate; trusts a server that a configured authority has issued a
    /// certificate for the name or address dialled and, unless `pins` is empty, whose key is one
    /// of `pins`.
    pub fn new(credentials: &Credentials, pins: &[SpkiPin]) -> Result<Self, TlsError> {
        let provider = provider();
        let authorities = WebPkiServerVerifier::builder_with_provider(
            credentials.authorities.clone(),
            provider.clone(),
        )
        .build()?;
        let own = Arc::new(SingleCertAndKey::from(credentials.certified.clone()));
        let versions =
            ClientConfig::builder_with_provider(provider).with_protocol_versions(&[&TLS13])?;
        let verifier = if pins.is_empty() {
            versions.with_webpki_verifier(authorities)
        } else {
            let pinned = trust::PinnedVerifier { inner: authorities, pins: pins.to_vec() };
            versions.dangerous().with_custom_certificate_verifier(Arc::new(pinned))
        };
        let mut config = verifier.with_client_cert_resolver(own);
        config.alpn_protocols = vec![ALPN_HTTP2.to_vec()];
        config.resumption = Resumption::disabled();
        config.enable_early_data = false;
        Ok(Self { config: Arc::new(config), own: credentials.own().thumbprint })
    }

    /// For the dialler.
    pub(crate) fn config(&self) -> Arc<ClientConfig> {
        self.config.clone()
    }

    /// The thumbprint of the certificate that we present.
    pub fn own_thumbprint(&self) -> Thumbprint {
        self.own
    }
}

/// The TLS library refused the configuration: without authorities, or a build without TLS 1.3.
#[derive(Debug, Error)]
pub enum TlsError {
    /// No authority to verify anybody by.
    #[error("configure TLS: {0}")]
    Verifier(#[from] VerifierBuilderError),
    /// The versions wanted are not there.
    #[error("configure TLS: {0}")]
    Configuration(#[from] rustls::Error),
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;
