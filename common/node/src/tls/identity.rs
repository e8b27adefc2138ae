//! Who a certificate says somebody is: fingerprints, the peer of a connection, and our own
//! certificate and key as loaded from their files.
//!
//! Owns the reading and checking of PEM files. It never decides whom to trust (`trust`) nor what
//! a trusted peer may do (`access`). The text of a key file is wiped once it is parsed; no type
//! here prints a key.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jackdaw_common::Timestamp;
use rustls::RootCertStore;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use thiserror::Error;
use x509_parser::prelude::{FromDer as _, X509Certificate};
use zeroize::Zeroizing;

/// SHA-256 of a certificate's DER: the name by which a certificate is listed and shown.
///
/// Text is 64 hexadecimal digits, written in lower case; read in either case, with or without
/// colons between bytes as `openssl x509 -fingerprint -sha256` prints them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Thumbprint([u8; 32]);

impl Thumbprint {
    /// The thumbprint of these 32 bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The thumbprint of a certificate.
    pub fn of(certificate: &CertificateDer<'_>) -> Self {
        Self(sha256(certificate))
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Thumbprint({self})")
    }
}

impl FromStr for Thumbprint {
    type Err = FingerprintError;

    fn from_str(text: &str) -> Result<Self, FingerprintError> {
        from_hex(text).map(Self).ok_or(FingerprintError::Hex)
    }
}

/// SHA-256 of a certificate's SubjectPublicKeyInfo: it names a key, whatever certificate holds it.
///
/// Text is padded standard base64, as in RFC 7469; read from that or from 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpkiPin([u8; 32]);

impl SpkiPin {
    /// The pin of these 32 bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for SpkiPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0))
    }
}

impl fmt::Debug for SpkiPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SpkiPin({self})")
    }
}

impl FromStr for SpkiPin {
    type Err = FingerprintError;

    fn from_str(text: &str) -> Result<Self, FingerprintError> {
        let base64 = || STANDARD.decode(text).ok().and_then(|bytes| bytes.try_into().ok());
        from_hex(text).or_else(base64).map(Self).ok_or(FingerprintError::HexOrBase64)
    }
}

/// A text is not a SHA-256 fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FingerprintError {
    /// A thumbprint that is not 64 hexadecimal digits.
    #[error("not a SHA-256 thumbprint of 64 hexadecimal digits")]
    Hex,
    /// A pin that is neither 64 hexadecimal digits nor base64 of 32 bytes.
    #[error("not a SHA-256 of 64 hexadecimal digits or 44 characters of base64")]
    HexOrBase64,
}

/// What the leaf certificate of a connection's other end says.
///
/// Made from a chain that the handshake has verified, so its fields are the authority's word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The certificate's thumbprint: the key of the access list.
    pub thumbprint: Thumbprint,
    /// The subject's common name, for people; empty when it has none. Never decides anything.
    pub common_name: String,
    /// When the certificate ceases to be valid.
    pub not_after: Timestamp,
    /// The pin of its key.
    pub spki_pin: SpkiPin,
}

impl Peer {
    /// Reads a leaf certificate.
    pub fn of(certificate: &CertificateDer<'_>) -> Result<Self, CertificateUnreadable> {
        Ok(Leaf::read(certificate)?.peer)
    }

    /// Reads the first certificate of a PEM file: whether it is valid now, or trusted, is not
    /// asked. Blocks.
    pub fn read(path: &Path) -> Result<Self, CredentialError> {
        let chain = certificates(path)?;
        let leaf = chain.first().ok_or_else(|| no_certificate(path))?;
        let peer = Self::of(leaf);
        peer.map_err(|CertificateUnreadable { reason }| CredentialError::Certificate {
            path: path.to_owned(),
            reason,
        })
    }
}

/// A certificate is not well-formed X.509.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("read the certificate: {reason}")]
pub struct CertificateUnreadable {
    /// The parser's words.
    pub reason: String,
}

/// Where our own certificate, its key and the authorities we trust lie: PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// Our certificate, then any intermediate certificates.
    pub certificate: PathBuf,
    /// The private key of that certificate: PKCS#8, SEC1 or PKCS#1, not encrypted.
    pub key: PathBuf,
    /// Files of authority certificates, each with one or more.
    pub authorities: Vec<PathBuf>,
}

/// Our own certificate and key, and the authorities whose certificates we accept from others.
#[derive(Clone, Debug)]
pub struct Credentials {
    pub(super) certified: Arc<CertifiedKey>,
    pub(super) authorities: Arc<RootCertStore>,
    own: Peer,
}

impl Credentials {
    /// Reads and checks all files; every fault is reported, not only the first.
    ///
    /// The key file must belong to this process's user and be open to nobody else. The
    /// certificate must be valid at `now` and match the key. Blocks on file reads.
    pub fn load(files: &TlsFiles, now: Timestamp) -> Result<Self, CredentialErrors> {
        let mut errors = Vec::new();
        let chain = keep(&mut errors, load_chain(&files.certificate, now));
        let key = keep(&mut errors, load_key(&files.key));
        let authorities = load_authorities(&files.authorities, &mut errors);
        let (Some((chain, own)), Some(key), true) = (chain, key, errors.is_empty()) else {
            return Err(CredentialErrors(errors));
        };
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        match CertifiedKey::from_der(chain, key, &provider) {
            Ok(certified) => {
                Ok(Self { certified: Arc::new(certified), authorities: Arc::new(authorities), own })
            }
            Err(rustls::Error::InconsistentKeys(_)) => {
                Err(CredentialErrors(vec![CredentialError::KeyOfAnother {
                    key: files.key.clone(),
                    certificate: files.certificate.clone(),
                }]))
            }
            Err(source) => Err(CredentialErrors(vec![CredentialError::KeyUnusable {
                path: files.key.clone(),
                source,
            }])),
        }
    }

    /// What our own certificate says of us.
    pub fn own(&self) -> &Peer {
        &self.own
    }
}

/// Every fault of the files of one [`Credentials::load`].
#[derive(Debug, Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub struct CredentialErrors(pub Vec<CredentialError>);

/// One fault of a certificate, key or authority file.
#[derive(Debug, Error)]
pub enum CredentialError {
    /// The file cannot be read.
    #[error("read {}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file holds no PEM of the kind wanted, or broken PEM.
    #[error("read {}: {reason}", .path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What is missing or broken.
        reason: String,
    },
    /// A certificate in it cannot be parsed, or is no authority.
    #[error("read the certificate in {}: {reason}", .path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// The parser's words.
        reason: String,
    },
    /// Our certificate is not valid yet, or no longer.
    #[error("use the certificate in {}: valid {} to {}", .path.display(), date(*.not_before),
        date(*.not_after))]
    Validity {
        /// The file.
        path: PathBuf,
        /// From when it is valid.
        not_before: Timestamp,
        /// Until when.
        not_after: Timestamp,
    },
    /// Others than the owner may read the key file.
    #[error("use the key {}: its mode is {mode:04o}, others than its owner may not reach it \
        (chmod 600)", .path.display())]
    KeyMode {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The key file belongs to another user.
    #[error("use the key {}: it belongs to user {owner}, this process runs as user {own}",
        .path.display())]
    KeyOwner {
        /// The file.
        path: PathBuf,
        /// Its owner's user id.
        owner: u32,
        /// Ours.
        own: u32,
    },
    /// The key is of a kind that TLS cannot use here.
    #[error("use the key {}: {source}", .path.display())]
    KeyUnusable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rustls::Error,
    },
    /// The key is not the certificate's.
    #[error("use the key {}: it is not the key of the certificate in {}", .key.display(),
        .certificate.display())]
    KeyOfAnother {
        /// The key file.
        key: PathBuf,
        /// The certificate file.
        certificate: PathBuf,
    },
    /// No authority is configured.
    #[error("verify any certificate: no authority file is configured")]
    NoAuthority,
}

/// A leaf certificate as parsed.
struct Leaf {
    peer: Peer,
    not_before: Timestamp,
}

impl Leaf {
    fn read(certificate: &CertificateDer<'_>) -> Result<Self, CertificateUnreadable> {
        let (_, parsed) = X509Certificate::from_der(certificate)
            .map_err(|error| CertificateUnreadable { reason: error.to_string() })?;
        let common_name = parsed
            .subject()
            .iter_common_name()
            .find_map(|name| name.as_str().ok())
            .unwrap_or_default()
            .to_owned();
        let validity = parsed.validity();
        Ok(Self {
            peer: Peer {
                thumbprint: Thumbprint::of(certificate),
                common_name,
                not_after: seconds(validity.not_after.timestamp()),
                spki_pin: SpkiPin(sha256(parsed.public_key().raw)),
            },
            not_before: seconds(validity.not_before.timestamp()),
        })
    }
}

/// The pin of a certificate's key.
pub(super) fn pin_of(certificate: &CertificateDer<'_>) -> Result<SpkiPin, CertificateUnreadable> {
    Ok(Leaf::read(certificate)?.peer.spki_pin)
}

fn load_chain(
    path: &Path,
    now: Timestamp,
) -> Result<(Vec<CertificateDer<'static>>, Peer), CredentialError> {
    let chain = certificates(path)?;
    let leaf = chain.first().map(Leaf::read).transpose();
    let leaf = leaf.map_err(|CertificateUnreadable { reason }| CredentialError::Certificate {
        path: path.to_owned(),
        reason,
    })?;
    match leaf {
        None => Err(no_certificate(path)),
        Some(Leaf { peer, not_before }) if now < not_before || now > peer.not_after => {
            let not_after = peer.not_after;
            Err(CredentialError::Validity { path: path.to_owned(), not_before, not_after })
        }
        Some(Leaf { peer, .. }) => Ok((chain, peer)),
    }
}

fn load_authorities(paths: &[PathBuf], errors: &mut Vec<CredentialError>) -> RootCertStore {
    let mut store = RootCertStore::empty();
    if paths.is_empty() {
        errors.push(CredentialError::NoAuthority);
    }
    for path in paths {
        for certificate in keep(errors, certificates(path)).unwrap_or_default() {
            if let Err(error) = store.add(certificate) {
                let reason = error.to_string();
                errors.push(CredentialError::Certificate { path: path.clone(), reason });
            }
        }
    }
    store
}

/// All certificates of a file, at least one.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, CredentialError> {
    let text = std::fs::read(path).map_err(|source| unreadable(path, source))?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let found = found.map_err(|error| bad_pem(path, &error))?;
    if found.is_empty() { Err(no_certificate(path)) } else { Ok(found) }
}

/// The key of a file that only we can read. What is checked is what is read: one open file.
fn load_key(path: &Path) -> Result<PrivateKeyDer<'static>, CredentialError> {
    let mut file = File::open(path).map_err(|source| unreadable(path, source))?;
    let meta = file.metadata().map_err(|source| unreadable(path, source))?;
    check_key_file(path, meta.mode(), meta.uid(), rustix::process::geteuid().as_raw())?;
    // The whole size at once, so that no outgrown buffer stays behind unwiped.
    let capacity = usize::try_from(meta.len()).unwrap_or_default().saturating_add(1);
    let mut text = Zeroizing::new(Vec::with_capacity(capacity));
    file.read_to_end(&mut text).map_err(|source| unreadable(path, source))?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|error| bad_pem(path, &error))
}

pub(super) fn check_key_file(
    path: &Path,
    mode: u32,
    owner: u32,
    own: u32,
) -> Result<(), CredentialError> {
    if owner != own {
        return Err(CredentialError::KeyOwner { path: path.to_owned(), owner, own });
    }
    let mode = mode & 0o7777;
    if mode & 0o077 != 0 {
        return Err(CredentialError::KeyMode { path: path.to_owned(), mode });
    }
    Ok(())
}

fn keep<T, E>(errors: &mut Vec<E>, result: Result<T, E>) -> Option<T> {
    result.map_err(|error| errors.push(error)).ok()
}

fn unreadable(path: &Path, source: io::Error) -> CredentialError {
    CredentialError::Read { path: path.to_owned(), source }
}

fn no_certificate(path: &Path) -> CredentialError {
    let reason = "it holds no PEM section CERTIFICATE".to_owned();
    CredentialError::Pem { path: path.to_owned(), reason }
}

fn bad_pem(path: &Path, error: &pem::Error) -> CredentialError {
    let reason = match error {
        pem::Error::NoItemsFound => "it holds no PEM section of a private key".to_owned(),
        other => other.to_string(),
    };
    CredentialError::Pem { path: path.to_owned(), reason }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    out
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let text = text.as_bytes();
    let (pairs, width) = match text.len() {
        64 => (text.chunks(2), 2),
        95 => (text.chunks(3), 3),
        _ => return None,
    };
    let mut out = [0; 32];
    for (byte, pair) in out.iter_mut().zip(pairs) {
        let (high, low, rest) = match pair {
            [high, low, rest @ ..] => (high, low, rest),
            _ => return None,
        };
        if !rest.is_empty() && rest != b":" || width == 2 && !rest.is_empty() {
            return None;
        }
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(out)
}

fn digit(character: u8) -> Option<u8> {
    let value = char::from(character).to_digit(16)?;
    u8::try_from(value).ok()
}

fn seconds(since_epoch: i64) -> Timestamp {
    Timestamp::from_micros(since_epoch.saturating_mul(1_000_000))
}

/// A time as people read it, to the second.
pub(super) fn date(at: Timestamp) -> String {
    let format =
        time::macros::format_description!("[year]-[month]-[day] [hour]:[minute]:[second]Z");
    time::OffsetDateTime::from_unix_timestamp(at.micros().div_euclid(1_000_000))
        .ok()
        .and_then(|at| at.format(&format).ok())
        .unwrap_or_else(|| at.to_string())
}
