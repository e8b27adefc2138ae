//! The way back: what a client, or the other end of a session, reads of a status.

use std::{collections::BTreeMap, fmt, time::Duration};

use prost::Message as _;
use tonic::{Code, Status};
use tonic_types::pb;

use super::{DOMAIN, Precondition, Reason, Resource, TYPE_URL_PREFIX, Violation};

/// An error that came over the wire.
///
/// It may come from a newer service or from something between: then its reason is a text that
/// this build does not know, or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteError {
    /// The status' code.
    pub code: Code,
    /// For people.
    pub message: String,
    /// The reason, if it is Jackdaw's.
    pub reason: Option<String>,
    /// The variables of the text.
    pub metadata: BTreeMap<String, String>,
    /// Wrong fields of the request.
    pub violations: Vec<Violation>,
    /// What must be otherwise first.
    pub unmet: Vec<Precondition>,
    /// What it is about.
    pub resource: Option<Resource>,
    /// When to try again at the earliest.
    pub retry_delay: Option<Duration>,
    details: Vec<prost_types::Any>,
}

impl RemoteError {
    /// Reads a status, whoever made it; details that do not read are left out.
    #[must_use]
    pub fn from_status(status: &Status) -> Self {
        let details = pb::Status::decode(status.details()).unwrap_or_default().details;
        let mut error = Self {
            code: status.code(),
            message: status.message().to_owned(),
            reason: None,
            metadata: BTreeMap::new(),
            violations: Vec::new(),
            unmet: Vec::new(),
            resource: None,
            retry_delay: None,
            details,
        };
        if let Some(info) = error.detail::<pb::ErrorInfo>("google.rpc.ErrorInfo")
            && info.domain == DOMAIN
        {
            error.reason = Some(info.reason);
            error.metadata = info.metadata.into_iter().collect();
        }
        if let Some(bad) = error.detail::<pb::BadRequest>("google.rpc.BadRequest") {
            let violation = |it: pb::bad_request::FieldViolation| Violation {
                path: it.field,
                text: it.description,
            };
            error.violations = bad.field_violations.into_iter().map(violation).collect();
        }
        let failure = error.detail::<pb::PreconditionFailure>("google.rpc.PreconditionFailure");
        if let Some(failure) = failure {
            let precondition = |it: pb::precondition_failure::Violation| Precondition {
                kind: it.r#type,
                subject: it.subject,
                text: it.description,
            };
            error.unmet = failure.violations.into_iter().map(precondition).collect();
        }
        if let Some(info) = error.detail::<pb::ResourceInfo>("google.rpc.ResourceInfo") {
            error.resource = Some(Resource { kind: info.resource_type, name: info.resource_name });
        }
        if let Some(info) = error.detail::<pb::RetryInfo>("google.rpc.RetryInfo") {
            error.retry_delay = info.retry_delay.and_then(|delay| delay.try_into().ok());
        }
        error
    }

    /// The reason, where this build knows it.
    #[must_use]
    pub fn known(&self) -> Option<Reason> {
        Reason::parse(self.reason.as_deref()?)
    }

    /// Whether it is for this reason.
    #[must_use]
    pub fn is(&self, reason: Reason) -> bool {
        self.known() == Some(reason)
    }

    /// The detail of a type (with its package), if it is there and reads.
    #[must_use]
    pub fn detail<M: prost::Message + Default>(&self, type_name: &str) -> Option<M> {
        let named =
            |any: &&prost_types::Any| any.type_url.strip_prefix(TYPE_URL_PREFIX) == Some(type_name);
        let any = self.details.iter().find(named)?;
        M::decode(any.value.as_slice()).ok()
    }
}

impl fmt::Display for RemoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reason {
            Some(reason) => write!(f, "{reason}: {}", self.message),
            None => write!(f, "{:?}: {}", self.code, self.message),
        }
    }
}

impl std::error::Error for RemoteError {}
