//! A folder with everything a pair of services needs: certificates, configuration, data.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use jackdaw_common::clock::Clock as _;
use jackdaw_node::{
    clock::SystemClock,
    tls::{ClientTls, Created, Credentials, TlsFiles, init},
};
use tempfile::TempDir;

/// A site; its folder is removed with it.
pub struct Site {
    folder: TempDir,
    log: String,
    settings: String,
    two_way: bool,
    created: Created,
}

impl Site {
    /// Makes certificates for a sender, a receiver and an administrator.
    ///
    /// # Errors
    ///
    /// The file system's.
    pub fn new() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("jackdaw-site-").tempdir()?;
        let certificates = folder.path().join("certificates");
        let created = init(&certificates, &["sender", "receiver"], &[], SystemClock.now())
            .context("make certificates")?;
        Ok(Self {
            folder,
            log: "info".to_owned(),
            settings: String::new(),
            two_way: false,
            created,
        })
    }

    /// The same site, whose services log this.
    #[must_use]
    pub fn logging(mut self, filter: &str) -> Self {
        filter.clone_into(&mut self.log);
        self
    }

    /// The same site, whose services have this setting, a line of TOML.
    #[must_use]
    pub fn setting(mut self, line: &str) -> Self {
        self.settings.push_str(line);
        self.settings.push('\n');
        self
    }

    /// The same site, whose receiver may write into any database too.
    #[must_use]
    pub fn two_way(mut self) -> Self {
        self.two_way = true;
        self
    }

    /// Its folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The folder of the certificates.
    pub fn certificates(&self) -> PathBuf {
        self.path().join("certificates")
    }

    /// The data folder of a role.
    pub fn data(&self, role: &str) -> PathBuf {
        self.path().join(role)
    }

    /// Writes the configuration of a role and answers its path. The administrator may everything,
    /// the sender may write into any database.
    ///
    /// # Errors
    ///
    /// The file system's.
    pub fn configuration(&self, role: &str) -> Result<PathBuf> {
        let certificates = self.certificates();
        let path = self.path().join(format!("{role}.toml"));
        let mut text = String::new();
        writeln!(text, "listen = \"127.0.0.1:0\"")?;
        writeln!(text, "data = {:?}", self.data(role))?;
        text.push_str(&self.settings);
        writeln!(text, "[log]\nformat = \"json\"\nlevel = {:?}", self.log)?;
        writeln!(text, "[tls]")?;
        writeln!(text, "certificate = {:?}", certificates.join(format!("{role}.pem")))?;
        writeln!(text, "key = {:?}", certificates.join(format!("{role}.key")))?;
        writeln!(text, "authorities = [{:?}]", certificates.join("ca.pem"))?;
        let mut access = vec![("admin", "cluster-admin"), ("sender", "operator")];
        if self.two_way {
            access.push(("receiver", "operator"));
        }
        for (name, clearance) in access {
            let thumbprint = self.thumbprint(name)?;
            writeln!(text, "[[access]]\nthumbprint = \"{thumbprint}\"")?;
            writeln!(text, "name = \"{name}\"\nclearance = \"{clearance}\"")?;
        }
        fs::write(&path, text)?;
        Ok(path)
    }

    fn thumbprint(&self, name: &str) -> Result<String> {
        let mut all = self.created.roles.iter().chain([&self.created.administrator]);
        let certificate = all.find(|one| one.name == name);
        let certificate = certificate.with_context(|| format!("no certificate {name}"))?;
        Ok(certificate.thumbprint.to_string())
    }

    /// How the administrator dials.
    ///
    /// # Errors
    ///
    /// Certificates that do not load.
    pub fn administrator(&self) -> Result<ClientTls> {
        let files = TlsFiles {
            certificate: self.certificates().join("admin.pem"),
            key: self.certificates().join("admin.key"),
            authorities: vec![self.certificates().join("ca.pem")],
        };
        let credentials = Credentials::load(&files, SystemClock.now())?;
        Ok(ClientTls::new(&credentials, &[])?)
    }
}
