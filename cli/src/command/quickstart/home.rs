//! The folder that a quickstart lives in: certificates, a configuration file a service, databases.

use std::cell::RefCell;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use jackdaw_node::tls::{Created, CreatedCertificate};
use tempfile::TempDir;

use super::DESTINATION;
use crate::command::certificate::{RECEIVER, SENDER, access, make};
use crate::report::exit::Failure;
use crate::report::output::note;

/// The folder, with certificates in it.
#[derive(Debug)]
pub(super) struct Home {
    path: PathBuf,
    created: Created,
    /// Removed with all it holds when this is dropped, unless it is to be kept.
    temporary: RefCell<Option<TempDir>>,
}

impl Home {
    /// A folder that is new or empty, or a temporary one, with new certificates.
    pub(super) fn open(folder: Option<&Path>) -> Result<Self, Failure> {
        let temporary = match folder {
            Some(folder) => {
                check_empty(folder)?;
                None
            }
            None => {
                let made = TempDir::with_prefix("jackdaw-");
                Some(made.map_err(|error| Failure::local(format!("make a folder: {error}")))?)
            }
        };
        let path = match (&temporary, folder) {
            (Some(temporary), _) => temporary.path().to_owned(),
            (None, folder) => absolute(folder.unwrap_or(Path::new(".")))?,
        };
        let created = make(&path.join(CERTIFICATES), &[])?;
        note(format_args!("folder {}, with new certificates", path.display()));
        Ok(Self { path, created, temporary: RefCell::new(temporary) })
    }

    /// The folder of the certificates.
    pub(super) fn certificates(&self) -> PathBuf {
        self.path.join(CERTIFICATES)
    }

    /// The configuration file of a service.
    pub(super) fn config(&self, role: &str) -> PathBuf {
        self.path.join(format!("{role}.toml"))
    }

    /// Writes the configuration file of the sender.
    pub(super) fn write_sender(&self, listen: SocketAddr) -> Result<(), Failure> {
        self.write(SENDER, listen, &access(&self.created.administrator, None))
    }

    /// Writes the configuration file of the receiver: the sender may write the copy.
    pub(super) fn write_receiver(&self, listen: SocketAddr) -> Result<(), Failure> {
        let mut entries = access(&self.created.administrator, None);
        let named = |role: &&CreatedCertificate| role.name == SENDER;
        if let Some(sender) = self.created.roles.iter().find(named) {
            entries.push('\n');
            entries.push_str(&access(sender, Some(DESTINATION)));
        }
        self.write(RECEIVER, listen, &entries)
    }

    fn write(&self, role: &str, listen: SocketAddr, access: &str) -> Result<(), Failure> {
        let text = format!(
            "# Written by `jackdaw quickstart`. Paths are relative to this file.\n\
             listen = \"{listen}\"\n\
             data = \"{role}\"\n\n\
             [tls]\n\
             certificate = \"{CERTIFICATES}/{role}.pem\"\n\
             key = \"{CERTIFICATES}/{role}.key\"\n\
             authorities = [\"{CERTIFICATES}/ca.pem\"]\n\n\
             {access}"
        );
        let path = self.config(role);
        fs::write(&path, text)
            .map_err(|error| Failure::local(format!("write {}: {error}", path.display())))
    }

    /// Keeps the folder, for who wants to see what went wrong.
    pub(super) fn keep(&self) {
        if let Some(temporary) = self.temporary.take() {
            note(format_args!("kept for a closer look: {}", temporary.keep().display()));
        }
    }
}

/// The folder of certificates within a quickstart's.
const CERTIFICATES: &str = "certificates";

fn check_empty(folder: &Path) -> Result<(), Failure> {
    let failed = |error| Failure::local(format!("read {}: {error}", folder.display()));
    match fs::read_dir(folder) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(Ok(_)) => Err(Failure::usage(format!(
                "{} is not empty; a quickstart needs a new or empty folder",
                folder.display()
            ))),
            Some(Err(error)) => Err(failed(error)),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(failed(error)),
    }
}

fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path)
        .map_err(|error| Failure::local(format!("find {}: {error}", path.display())))
}
