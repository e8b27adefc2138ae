//! A development authority: what `jackdaw certificate init` makes, so that a pair of services can
//! speak mTLS before anybody has thought about certificates.
//!
//! Keys are ECDSA P-256, which every TLS library takes (BoringSSL clients refuse Ed25519). A key
//! file has mode 0600 from its first byte and nothing that exists is ever overwritten. This is no
//! certificate manager: it renews and revokes nothing.

use std::fmt;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use jackdaw_common::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use rustls::pki_types::ServerName;
use thiserror::Error;
use time::{Duration, OffsetDateTime};
use zeroize::Zeroizing;

use super::identity::Thumbprint;

/// How long the authority is valid.
const AUTHORITY_VALID: Duration = Duration::days(3652);
/// How long the certificates that it issues are valid: RavenDB's default of five years.
const LEAF_VALID: Duration = Duration::days(1826);
/// How far before now validity begins: clocks of machines that meet differ.
const CLOCK_SKEW: Duration = Duration::hours(1);
/// The stem of the authority's files.
const AUTHORITY: &str = "ca";
/// The stem of the administrator's files.
const ADMINISTRATOR: &str = "admin";

/// A name under which a service is dialled: a DNS name or an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SanName {
    /// A DNS name.
    Dns(String),
    /// An address.
    Address(IpAddr),
}

impl FromStr for SanName {
    type Err = SanNameError;

    fn from_str(text: &str) -> Result<Self, SanNameError> {
        match ServerName::try_from(text) {
            Ok(ServerName::DnsName(name)) => Ok(Self::Dns(name.as_ref().to_ascii_lowercase())),
            Ok(ServerName::IpAddress(address)) => Ok(Self::Address(address.into())),
            _ => Err(SanNameError { text: text.to_owned() }),
        }
    }
}

impl fmt::Display for SanName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => f.write_str(name),
            Self::Address(address) => address.fmt(f),
        }
    }
}

/// A text is neither a DNS name nor an address.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{text:?} is neither a DNS name nor an address")]
pub struct SanNameError {
    /// The text.
    pub text: String,
}

/// What [`init`] has made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created {
    /// The authority's certificate: goes into `tls.authorities` of every service.
    pub authority: PathBuf,
    /// The authority's key: needed by no service.
    pub authority_key: PathBuf,
    /// A certificate a role, in the order given.
    pub roles: Vec<CreatedCertificate>,
    /// The administrator's.
    pub administrator: CreatedCertificate,
}

/// One certificate and its key, as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreatedCertificate {
    /// The role, or `admin`.
    pub name: String,
    /// The certificate's file.
    pub certificate: PathBuf,
    /// The key's file, mode 0600.
    pub key: PathBuf,
    /// What to write into an access list.
    pub thumbprint: Thumbprint,
}

/// Why [`init`] made nothing.
#[derive(Debug, Error)]
pub enum InitError {
    /// A role's name cannot be the name of a file, or is taken.
    #[error(
        "name a certificate {name:?}: lower-case letters, digits and '-' only, each name once, \
        not \"ca\" or \"admin\""
    )]
    Role {
        /// The name.
        name: String,
    },
    /// A file of that name is there; it was left as it is.
    #[error("create {}: it exists already and is never overwritten", .path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The folder or a file cannot be written.
    #[error("create {}: {source}", .path.display())]
    Write {
        /// The folder or file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The library refused to make a certificate.
    #[error("make a certificate: {0}")]
    Make(#[from] rcgen::Error),
    /// The present time lies outside what a certificate can hold.
    #[error("make a certificate: the clock says {now}")]
    Clock {
        /// What the clock said.
        now: Timestamp,
    },
}

/// Makes an authority (10 years), a certificate for use by server and client for every role, and
/// the administrator's client certificate (5 years), all valid from an hour before `now`.
///
/// Every role's certificate is for `localhost`, `127.0.0.1`, `::1` and `names`. Writes `ca.pem`,
/// `ca.key`, `admin.pem`, `admin.key` and two files a role into `folder`, which is created with
/// mode 0700 when missing and else left as it is. All or nothing: after an error none of the
/// files is there. Blocks.
pub fn init(
    folder: &Path,
    roles: &[&str],
    names: &[SanName],
    now: Timestamp,
) -> Result<Created, InitError> {
    check_roles(roles)?;
    let made = Made::all(roles, names, now)?;
    let files = made.files(folder);
    if let Some((path, _)) = files.iter().find(|(path, _)| path.symlink_metadata().is_ok()) {
        return Err(InitError::Exists { path: path.clone() });
    }
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|source| InitError::Write { path: folder.to_owned(), source })?;
    write_all(&files)?;
    Ok(made.created(folder))
}

fn check_roles(roles: &[&str]) -> Result<(), InitError> {
    for (at, name) in roles.iter().enumerate() {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let taken = [AUTHORITY, ADMINISTRATOR].contains(name)
            || roles.iter().take(at).any(|other| other == name);
        if name.is_empty() || taken || !name.bytes().all(plain) {
            return Err(InitError::Role { name: (*name).to_owned() });
        }
    }
    Ok(())
}

/// Certificates and keys, in memory yet.
struct Made {
    authority: Pair,
    roles: Vec<Pair>,
    administrator: Pair,
}

struct Pair {
    stem: String,
    certificate: String,
    thumbprint: Thumbprint,
    key: Zeroizing<String>,
}

impl Made {
    fn all(roles: &[&str], names: &[SanName], now: Timestamp) -> Result<Self, InitError> {
        let moment = OffsetDateTime::from_unix_timestamp(now.micros().div_euclid(1_000_000))
            .ok()
            .filter(|moment| (1970..2200).contains(&moment.year()))
            .ok_or(InitError::Clock { now })?;
        let key = KeyPair::generate()?;
        // Two authorities of one name are mistaken for each other: name it after its key.
        let suffix: String = key.public_key_raw().iter().rev().take(4).map(hex).collect();
        let mut params = CertificateParams::default();
        params.distinguished_name = named(&format!("Jackdaw development authority {suffix}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        valid(&mut params, moment, AUTHORITY_VALID);
        let authority = Pair::new(AUTHORITY, &params.self_signed(&key)?, &key);
        let issuer = Issuer::from_params(&params, &key);

        let server = [ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let client = [ExtendedKeyUsagePurpose::ClientAuth];
        Ok(Self {
            authority,
            roles: roles
                .iter()
                .map(|role| issue(role, &all_names(names)?, &server, moment, &issuer))
                .collect::<Result<_, _>>()?,
            administrator: issue(ADMINISTRATOR, &[], &client, moment, &issuer)?,
        })
    }

    fn pairs(&self) -> impl Iterator<Item = &Pair> {
        [&self.authority, &self.administrator].into_iter().chain(&self.roles)
    }

    fn files(&self, folder: &Path) -> Vec<(PathBuf, Content<'_>)> {
        self.pairs()
            .flat_map(|pair| {
                [
                    (certificate_path(folder, &pair.stem), Content::Public(&pair.certificate)),
                    (key_path(folder, &pair.stem), Content::Secret(&pair.key)),
                ]
            })
            .collect()
    }

    fn created(&self, folder: &Path) -> Created {
        let created = |pair: &Pair| CreatedCertificate {
            name: pair.stem.clone(),
            certificate: certificate_path(folder, &pair.stem),
            key: key_path(folder, &pair.stem),
            thumbprint: pair.thumbprint,
        };
        Created {
            authority: certificate_path(folder, AUTHORITY),
            authority_key: key_path(folder, AUTHORITY),
            roles: self.roles.iter().map(created).collect(),
            administrator: created(&self.administrator),
        }
    }
}

impl Pair {
    fn new(stem: &str, certificate: &rcgen::Certificate, key: &KeyPair) -> Self {
        Self {
            stem: stem.to_owned(),
            certificate: certificate.pem(),
            thumbprint: Thumbprint::of(certificate.der()),
            key: Zeroizing::new(key.serialize_pem()),
        }
    }
}

#[derive(Clone, Copy)]
enum Content<'a> {
    Public(&'a str),
    Secret(&'a str),
}

impl Content<'_> {
    fn write(self, path: &Path) -> io::Result<()> {
        let (text, mode) = match self {
            Self::Public(text) => (text, 0o644),
            Self::Secret(text) => (text, 0o600),
        };
        let mut file: File =
            OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).inspect_err(|_| {
            // The file is ours: it was not there before. Nothing more can be done about it.
            let _ = std::fs::remove_file(path);
        })
    }
}

fn write_all(files: &[(PathBuf, Content<'_>)]) -> Result<(), InitError> {
    for (at, (path, content)) in files.iter().enumerate() {
        let Err(source) = content.write(path) else { continue };
        for (written, _) in files.iter().take(at) {
            // As above: what is reported is the first error.
            let _ = std::fs::remove_file(written);
        }
        let path = path.clone();
        return Err(match source.kind() {
            ErrorKind::AlreadyExists => InitError::Exists { path },
            _ => InitError::Write { path, source },
        });
    }
    Ok(())
}

fn issue(
    stem: &str,
    names: &[SanType],
    purposes: &[ExtendedKeyUsagePurpose],
    now: OffsetDateTime,
    issuer: &Issuer<'_, &KeyPair>,
) -> Result<Pair, InitError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = named(stem);
    params.subject_alt_names = names.to_vec();
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = purposes.to_vec();
    params.use_authority_key_identifier_extension = true;
    valid(&mut params, now, LEAF_VALID);
    let key = KeyPair::generate()?;
    Ok(Pair::new(stem, &params.signed_by(&key, issuer)?, &key))
}

fn all_names(given: &[SanName]) -> Result<Vec<SanType>, InitError> {
    let mut names = vec![
        SanName::Dns("localhost".to_owned()),
        SanName::Address(Ipv4Addr::LOCALHOST.into()),
        SanName::Address(Ipv6Addr::LOCALHOST.into()),
    ];
    for name in given {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    let san = |name| -> Result<_, rcgen::Error> {
        Ok(match name {
            SanName::Dns(name) => SanType::DnsName(name.try_into()?),
            SanName::Address(address) => SanType::IpAddress(address),
        })
    };
    Ok(names.into_iter().map(san).collect::<Result<_, _>>()?)
}

fn hex(byte: &u8) -> String {
    format!("{byte:02x}")
}

fn named(common_name: &str) -> rcgen::DistinguishedName {
    let mut name = rcgen::DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    name
}

fn valid(params: &mut CertificateParams, now: OffsetDateTime, length: Duration) {
    params.not_before = now.saturating_sub(CLOCK_SKEW);
    params.not_after = now.saturating_add(length);
}

fn certificate_path(folder: &Path, stem: &str) -> PathBuf {
    folder.join(format!("{stem}.pem"))
}

fn key_path(folder: &Path, stem: &str) -> PathBuf {
    folder.join(format!("{stem}.key"))
}
