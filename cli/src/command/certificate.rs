//! `jackdaw certificate`: makes certificates for development, and shows any.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use jackdaw_common::clock::Clock as _;
use jackdaw_node::clock::SystemClock;
use jackdaw_node::tls::{Created, CreatedCertificate, InitError, Peer, SanName, init};
use serde::Serialize;

use crate::connection::CERTIFICATES_FOLDER;
use crate::report::exit::{Exit, Failure};
use crate::report::output::{Format, Output};
use crate::report::view::CertificateView;

/// Certificates: makes them for development, shows what is in a file.
#[derive(Args, Debug)]
pub(crate) struct CertificateCommand {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Make a development authority, certificates for a sender and a receiver, and an
    /// administrator's client certificate
    ///
    /// Certificates of services are for localhost, 127.0.0.1, ::1 and every --name. Keys have mode
    /// 0600. Nothing that exists is overwritten.
    Init {
        /// Folder to write into; made if it is missing
        #[arg(long, value_name = "DIR", default_value = CERTIFICATES_FOLDER)]
        folder: PathBuf,

        /// DNS name or address under which services are reached; repeat it for several
        #[arg(long = "name", value_name = "NAME")]
        names: Vec<SanName>,
    },
    /// Show what a certificate is known by: its thumbprint, for an access list; the pin of its key,
    /// for tls.server_pins; and until when it is valid
    Show {
        /// File with the certificate, PEM; of several the first
        file: PathBuf,
    },
}

impl CertificateCommand {
    pub(super) fn run(self, output: Output) -> Result<Exit, Failure> {
        match self.what {
            What::Init { folder, names } => {
                let created = make(&folder, &names)?;
                match output.format() {
                    Format::Json | Format::Yaml => output.value(&CreatedView::from(&created))?,
                    Format::Table => output.text(text(&folder, &created).trim_end())?,
                }
            }
            What::Show { file } => {
                let peer = Peer::read(&file);
                let peer = peer.map_err(|error| Failure::local(format!("failed to {error}")))?;
                output.one(&CertificateView::from(peer))?;
            }
        }
        Ok(Exit::Done)
    }
}

/// Makes certificates for a sender and a receiver, and an administrator's.
pub(crate) fn make(folder: &Path, names: &[SanName]) -> Result<Created, Failure> {
    init(folder, &[SENDER, RECEIVER], names, SystemClock.now()).map_err(|error| {
        let text = format!("failed to {error}");
        match error {
            InitError::Exists { .. } | InitError::Write { .. } => Failure::local(text),
            _ => Failure::usage(text),
        }
    })
}

/// The name of the sender's certificate.
pub(crate) const SENDER: &str = "sender";

/// The name of the receiver's certificate.
pub(crate) const RECEIVER: &str = "receiver";

/// What was made, for programs.
#[derive(Serialize)]
struct CreatedView {
    authority: PathBuf,
    authority_key: PathBuf,
    certificates: Vec<CreatedCertificateView>,
}

#[derive(Serialize)]
struct CreatedCertificateView {
    name: String,
    certificate: PathBuf,
    key: PathBuf,
    thumbprint: String,
}

impl From<&Created> for CreatedView {
    fn from(created: &Created) -> Self {
        let view = |it: &CreatedCertificate| CreatedCertificateView {
            name: it.name.clone(),
            certificate: it.certificate.clone(),
            key: it.key.clone(),
            thumbprint: it.thumbprint.to_string(),
        };
        Self {
            authority: created.authority.clone(),
            authority_key: created.authority_key.clone(),
            certificates: certificates(created).map(view).collect(),
        }
    }
}

/// All certificates but the authority's.
fn certificates(created: &Created) -> impl Iterator<Item = &CreatedCertificate> {
    created.roles.iter().chain([&created.administrator])
}

fn text(folder: &Path, created: &Created) -> String {
    let mut text = format!("Certificates are in {}:\n\n", folder.display());
    let mut line = |what: &str, name: &Path| {
        let name = name.file_name().unwrap_or(name.as_os_str()).to_string_lossy();
        let _ = writeln!(text, "  {name:<14} {what}");
    };
    line("authority: tls.authorities of every service", &created.authority);
    line("its key: needed by no service, keep it away", &created.authority_key);
    for certificate in certificates(created) {
        line(&format!("thumbprint {}", certificate.thumbprint), &certificate.certificate);
        line("its key", &certificate.key);
    }
    let Created { administrator, roles, .. } = created;
    let sender = roles.iter().find(|role| role.name == SENDER);
    let _ = write!(
        text,
        "\nFor the sender's configuration file:\n\n{}\nFor the receiver's, with the name of the \
         destination database:\n\n{}",
        access(administrator, None),
        access(administrator, None),
    );
    if let Some(sender) = sender {
        let _ = write!(text, "\n{}", access(sender, Some("demo-copy")));
    }
    text
}

/// An entry of an access list: an administrator, or a user that may write one database.
pub(crate) fn access(certificate: &CreatedCertificate, writes: Option<&str>) -> String {
    let mut entry = format!(
        "[[access]]\nname = \"{}\"\nthumbprint = \"{}\"\n",
        certificate.name, certificate.thumbprint
    );
    let _ = match writes {
        None => writeln!(entry, "clearance = \"cluster-admin\""),
        Some(database) => writeln!(
            entry,
            "clearance = \"user\"\ndatabases = {{ \"{database}\" = \"read-write\" }}"
        ),
    };
    entry
}
