//! Certificates for tests: an authority in a temporary folder and whatever leaf a test needs.

use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use jackdaw_common::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    SanType, date_time_ymd,
};
use rustls::sign::SingleCertAndKey;
use tempfile::TempDir;

use super::{ClientTls, Credentials, ServerTls, TlsFiles};

/// 2019-01-01: leaves that have expired by now were valid then.
pub(crate) const LONG_AGO: Timestamp = Timestamp::from_micros(1_546_300_800_000_000);
/// 2026-01-01.
pub(crate) const RECENTLY: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);

/// An authority and the folder of all that it issues.
pub(crate) struct Authority {
    pub(crate) folder: TempDir,
    params: CertificateParams,
    key: KeyPair,
}

/// A leaf to be issued: for server and client, for localhost and 127.0.0.1, valid for ages.
pub(crate) struct Leaf {
    pub(crate) name: &'static str,
    pub(crate) names: Vec<SanType>,
    pub(crate) purposes: Vec<ExtendedKeyUsagePurpose>,
    pub(crate) expired: bool,
}

impl Leaf {
    pub(crate) fn new(name: &'static str) -> Self {
        Self {
            name,
            names: vec![
                SanType::DnsName("localhost".try_into().unwrap()),
                SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            ],
            purposes: vec![
                ExtendedKeyUsagePurpose::ServerAuth,
                ExtendedKeyUsagePurpose::ClientAuth,
            ],
            expired: false,
        }
    }
}

impl Authority {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let name = format!("authority {:02x?}", key.public_key_raw());
        Self::named(&name, key)
    }

    /// Another authority that says it is this one.
    pub(crate) fn impostor(&self) -> Self {
        let name = self.params.distinguished_name.get(&DnType::CommonName).unwrap();
        let rcgen::DnValue::Utf8String(name) = name else { panic!("{name:?}") };
        Self::named(name, KeyPair::generate().unwrap())
    }

    fn named(name: &str, key: KeyPair) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        let folder = TempDir::new().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        std::fs::write(folder.path().join("ca.pem"), certificate.pem()).unwrap();
        Self { folder, params, key }
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Writes the certificate and key of a leaf.
    pub(crate) fn issue(&self, leaf: &Leaf) -> TlsFiles {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, leaf.name);
        params.subject_alt_names = leaf.names.clone();
        params.extended_key_usages = leaf.purposes.clone();
        if leaf.expired {
            params.not_after = date_time_ymd(2020, 1, 1);
        }
        let key = KeyPair::generate().unwrap();
        let issuer = Issuer::from_params(&self.params, &self.key);
        let certificate = params.signed_by(&key, &issuer).unwrap();
        let path = |suffix| self.folder.path().join(format!("{}.{suffix}", leaf.name));
        std::fs::write(path("pem"), certificate.pem()).unwrap();
        let mut options = std::fs::OpenOptions::new();
        let mut file = options.write(true).create(true).mode(0o600).open(path("key")).unwrap();
        std::io::Write::write_all(&mut file, key.serialize_pem().as_bytes()).unwrap();
        TlsFiles { certificate: path("pem"), key: path("key"), authorities: vec![self.file()] }
    }

    /// The credentials of a leaf, trusting whom this authority vouches for.
    pub(crate) fn credentials(&self, leaf: &Leaf) -> Credentials {
        let now = if leaf.expired { LONG_AGO } else { RECENTLY };
        Credentials::load(&self.issue(leaf), now).unwrap()
    }

    pub(crate) fn server(&self, name: &'static str) -> ServerTls {
        ServerTls::new(&self.credentials(&Leaf::new(name))).unwrap()
    }

    pub(crate) fn client(&self, name: &'static str) -> ClientTls {
        ClientTls::new(&self.credentials(&Leaf::new(name)), &[]).unwrap()
    }
}

/// Presents these credentials' certificate whatever it is asked for.
pub(crate) fn resolver(credentials: &Credentials) -> Arc<SingleCertAndKey> {
    Arc::new(SingleCertAndKey::from(credentials.certified.clone()))
}
