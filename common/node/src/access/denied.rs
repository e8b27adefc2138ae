//! A refused call: why, as a gRPC status with details, and as a line of the audit log.

use jackdaw_common::DatabaseName;
use jackdaw_proto::wire::{Reason, WireError};
use thiserror::Error;
use tonic::Status;

use super::{Clearance, Level};
use crate::tls::Thumbprint;

/// How much of a path that nobody knows is repeated: the caller chose it.
const METHOD_CHARS_MAX: usize = 200;

/// Why a call was refused. Each variant is one reason of the published catalogue.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Denied {
    /// The request came over a connection without a verified certificate.
    #[error("the connection presented no certificate")]
    NoCertificate,
    /// An authority vouches for the certificate, but it is not in the access list.
    #[error("certificate {thumbprint} is not in the access list")]
    CertificateNotTrusted {
        /// The certificate presented.
        thumbprint: Thumbprint,
    },
    /// No service has such a method, or it stands in no row of the table.
    #[error("there is no method {method}")]
    MethodUnknown {
        /// The path, cut when it is long.
        method: String,
    },
    /// The method needs a higher clearance.
    #[error("{method} needs clearance {needed}, {name:?} has {actual}")]
    Clearance {
        /// The path.
        method: &'static str,
        /// The entry's name.
        name: String,
        /// The least clearance that suffices.
        needed: Clearance,
        /// The caller's.
        actual: Clearance,
    },
    /// The caller has no such level on that database, or the database does not exist; which of
    /// the two is told only to who may list all databases.
    #[error("{method} needs {needed} on database \"{database}\", {name:?} does not have it")]
    Database {
        /// The path.
        method: &'static str,
        /// The entry's name.
        name: String,
        /// The database named.
        database: DatabaseName,
        /// The least level that suffices.
        needed: Level,
    },
}

impl Denied {
    pub(super) fn method_unknown(path: &str) -> Self {
        Self::MethodUnknown { method: path.chars().take(METHOD_CHARS_MAX).collect() }
    }

    /// The reason in the catalogue.
    pub fn reason(&self) -> &'static str {
        let reason = match self {
            Self::NoCertificate => Reason::CertificateRequired,
            Self::CertificateNotTrusted { .. } => Reason::CertificateNotTrusted,
            // `UNIMPLEMENTED`, by which clients find out which version of a service is there.
            Self::MethodUnknown { .. } => Reason::MethodUnknown,
            Self::Clearance { .. } => Reason::ClearanceInsufficient,
            Self::Database { .. } => Reason::DatabaseAccessDenied,
        };
        reason.as_str()
    }

    /// Every variable of the text, by name.
    pub fn metadata(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::NoCertificate => Vec::new(),
            Self::CertificateNotTrusted { thumbprint } => {
                vec![("thumbprint", thumbprint.to_string())]
            }
            Self::MethodUnknown { method } => vec![("method", method.clone())],
            Self::Clearance { method, name, needed, actual } => vec![
                ("method", (*method).to_owned()),
                ("name", name.clone()),
                ("needed", needed.to_string()),
                ("actual", actual.to_string()),
            ],
            Self::Database { method, name, database, needed } => vec![
                ("method", (*method).to_owned()),
                ("name", name.clone()),
                ("database", database.to_string()),
                ("needed", needed.to_string()),
            ],
        }
    }

    /// Writes the refusal to the audit log (tracing target `audit`) and hands it back.
    pub(super) fn audited(self, thumbprint: Option<Thumbprint>, method: &str) -> Self {
        tracing::warn!(
            target: "audit",
            event = "refused",
            reason = self.reason(),
            thumbprint = thumbprint.map(tracing::field::display),
            method = method.chars().take(METHOD_CHARS_MAX).collect::<String>(),
            "{self}"
        );
        self
    }
}

impl From<Denied> for Status {
    fn from(denied: Denied) -> Self {
        WireError::from(denied).into()
    }
}
