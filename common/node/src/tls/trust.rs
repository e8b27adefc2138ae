//! Whom we trust at the other end of a connection that we open: the authorities' word for a name,
//! and, where configured, the pin of a key, both in the one handshake that carries the data.
//!
//! A pin narrows what the authorities allow, it never replaces them. What a *client* may do here
//! is not decided by its chain but by the access list (`access`).

use std::fmt;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, OtherError, SignatureScheme};
use thiserror::Error;

use super::identity::{SpkiPin, date, pin_of};
use jackdaw_common::Timestamp;

/// Why a server's certificate is not trusted. Reads after "not trusted: ".
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Distrust {
    /// It is for other names than the one that was dialled.
    #[error("it is not for {expected}, but for {}", list(.presented))]
    Name {
        /// The name or address dialled.
        expected: String,
        /// What the certificate is for.
        presented: Vec<String>,
    },
    /// None of the configured authorities has issued it.
    #[error("none of the configured authorities has issued it")]
    UnknownAuthority,
    /// It names one of them as its issuer, but that one has not signed it.
    #[error("the authority that it names as its issuer has not signed it")]
    Signature,
    /// It is no longer valid.
    #[error("it expired at {}", date(*.not_after))]
    Expired {
        /// When it ceased to be valid.
        not_after: Timestamp,
    },
    /// It is not valid yet.
    #[error("it is valid from {} only", date(*.not_before))]
    NotYetValid {
        /// When it begins to be valid.
        not_before: Timestamp,
    },
    /// It is not for servers.
    #[error("it is not for use by a server")]
    Purpose,
    /// The authorities vouch for it, but its key is none of the pinned ones.
    #[error("its key {presented} is none of the pinned ones")]
    Pin {
        /// The pin of the key presented.
        presented: SpkiPin,
    },
    /// Anything else that the verifier found.
    #[error("{0}")]
    Other(String),
}

impl Distrust {
    /// What a failed handshake says about the certificate; none when it failed otherwise.
    pub(crate) fn of(error: &rustls::Error) -> Option<Self> {
        let rustls::Error::InvalidCertificate(error) = error else {
            return None;
        };
        Some(match error {
            CertificateError::NotValidForNameContext { expected, presented } => Self::Name {
                expected: expected.to_str().into_owned(),
                presented: presented.clone(),
            },
            CertificateError::UnknownIssuer => Self::UnknownAuthority,
            CertificateError::BadSignature => Self::Signature,
            CertificateError::ExpiredContext { not_after, .. } => {
                Self::Expired { not_after: timestamp(*not_after) }
            }
            CertificateError::NotValidYetContext { not_before, .. } => {
                Self::NotYetValid { not_before: timestamp(*not_before) }
            }
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
                Self::Purpose
            }
            CertificateError::Other(OtherError(source)) => match source.downcast_ref() {
                Some(PinMismatch(presented)) => Self::Pin { presented: *presented },
                None => Self::Other(source.to_string()),
            },
            other => Self::Other(other.to_string()),
        })
    }
}

/// Verifies a server's chain and name as WebPKI does, then that its key is a pinned one.
#[derive(Debug)]
pub(super) struct PinnedVerifier {
    pub(super) inner: Arc<WebPkiServerVerifier>,
    /// Not empty.
    pub(super) pins: Vec<SpkiPin>,
}

impl ServerCertVerifier for PinnedVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verified = self.inner.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        )?;
        let presented = pin_of(end_entity).map_err(|_| CertificateError::BadEncoding)?;
        if self.pins.contains(&presented) {
            Ok(verified)
        } else {
            Err(CertificateError::Other(OtherError(Arc::new(PinMismatch(presented)))).into())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

#[derive(Debug)]
struct PinMismatch(SpkiPin);

impl fmt::Display for PinMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "key {} is not pinned", self.0)
    }
}

impl std::error::Error for PinMismatch {}

fn timestamp(at: UnixTime) -> Timestamp {
    let seconds = i64::try_from(at.as_secs()).unwrap_or(i64::MAX);
    Timestamp::from_micros(seconds.saturating_mul(1_000_000))
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "no name".to_owned() } else { names.join(", ") }
}
