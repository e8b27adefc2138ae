//! Errors on the wire: what every call answers when it does not do what was asked.
//!
//! Owns [`WireError`], its one mapping to a status with `google.rpc` details, and the way back,
//! [`RemoteError`]. Every status has exactly one `ErrorInfo`, with domain [`DOMAIN`], a reason of
//! the published table ([`reason`]) and as metadata every variable of its text. It never decides
//! what is wrong: services, layers and sessions do, and clients and the other end read it back.

mod limit;
mod read;
pub mod reason;
#[cfg(test)]
mod tests;
mod violations;

use std::{collections::BTreeMap, fmt, time::Duration};

use prost::Message as _;
use tonic::{Code, Status};
use tonic_types::pb;

pub use read::RemoteError;
pub use reason::Reason;
pub use violations::{Precondition, Violation, Violations};

use limit::{Fit, clip};

/// When a call to what is not available may be repeated: a restart takes a second or two, and who
/// comes earlier only adds to its work.
pub const UNAVAILABLE_RETRY_DELAY: Duration = Duration::from_secs(1);

/// The domain of every `ErrorInfo`.
pub const DOMAIN: &str = "jackdaw";

/// Why a call did not do what was asked, as it goes out.
///
/// Converts into a [`Status`] whose headers stay below 8 KiB together, which every gRPC client
/// takes: longer texts are cut, and what does not fit is left out, the reason never.
#[derive(Clone, Debug)]
pub struct WireError {
    reason: Reason,
    message: String,
    metadata: BTreeMap<&'static str, String>,
    violations: Vec<Violation>,
    unmet: Vec<Precondition>,
    resource: Option<Resource>,
    retry_delay: Option<Duration>,
    detail: Option<Box<prost_types::Any>>,
}

/// What an error is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// Type of the resource, for instance `jackdaw/Database`.
    pub kind: String,
    /// Its name.
    pub name: String,
}

impl WireError {
    /// An error of the published table; `message` is for people. What is not available now is
    /// said to be worth another try, [`UNAVAILABLE_RETRY_DELAY`] later.
    #[must_use]
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
            metadata: BTreeMap::new(),
            violations: Vec::new(),
            unmet: Vec::new(),
            resource: None,
            retry_delay: (reason.code() == Code::Unavailable).then_some(UNAVAILABLE_RETRY_DELAY),
            detail: None,
        }
    }

    /// Adds a variable of the text. A key is a lower-case word, with `_` between parts.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: impl fmt::Display) -> Self {
        self.metadata.insert(key, value.to_string());
        self
    }

    /// Names the resource it is about.
    #[must_use]
    pub fn about(mut self, kind: &str, name: impl fmt::Display) -> Self {
        self.resource = Some(Resource { kind: kind.to_owned(), name: name.to_string() });
        self
    }

    /// Names a field of the request that is wrong.
    #[must_use]
    pub fn violating(mut self, path: impl Into<String>, text: impl Into<String>) -> Self {
        self.violations.push(Violation { path: path.into(), text: text.into() });
        self
    }

    /// Names something that must be otherwise first: `kind` in upper case, the resource that is in
    /// the way, and what it is for people.
    #[must_use]
    pub fn unmet(
        mut self,
        kind: &str,
        subject: impl Into<String>,
        text: impl Into<String>,
    ) -> Self {
        let (kind, subject, text) = (kind.to_owned(), subject.into(), text.into());
        self.unmet.push(Precondition { kind, subject, text });
        self
    }

    /// Says when to try again at the earliest.
    #[must_use]
    pub fn retry_after(mut self, delay: Duration) -> Self {
        self.retry_delay = Some(delay);
        self
    }

    /// Adds a detail of Jackdaw's own, a message of the type `type_name` (with its package).
    #[must_use]
    pub fn with_detail(mut self, type_name: &str, detail: &impl prost::Message) -> Self {
        self.detail = Some(Box::new(any(type_name, detail)));
        self
    }

    /// Its reason.
    #[must_use]
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// Its text, uncut.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The fields that are wrong.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// The details, as many as belong to `fit`.
    fn details(&self, fit: &Fit) -> Vec<prost_types::Any> {
        let metadata = self
            .metadata
            .iter()
            .map(|(key, value)| ((*key).to_owned(), clip(value, fit.value_bytes_max).into_owned()))
            .collect();
        let info = pb::ErrorInfo {
            reason: self.reason.as_str().to_owned(),
            domain: DOMAIN.to_owned(),
            metadata,
        };
        let mut details = vec![any("google.rpc.ErrorInfo", &info)];
        if let Some(delay) = self.retry_delay {
            let retry_delay = prost_types::Duration::try_from(delay).ok();
            details.push(any("google.rpc.RetryInfo", &pb::RetryInfo { retry_delay }));
        }
        if !self.violations.is_empty() {
            let field_violations = violations::wire(&self.violations, fit.violations_max);
            let bad = pb::BadRequest { field_violations };
            details.push(any("google.rpc.BadRequest", &bad));
        }
        if !self.unmet.is_empty() && fit.resource {
            let violations = self.unmet.iter().take(fit.violations_max);
            let violations = violations.map(Precondition::wire).collect();
            let failure = pb::PreconditionFailure { violations };
            details.push(any("google.rpc.PreconditionFailure", &failure));
        }
        if let Some(resource) = self.resource.as_ref().filter(|_| fit.resource) {
            let info = pb::ResourceInfo {
                resource_type: resource.kind.clone(),
                resource_name: clip(&resource.name, fit.value_bytes_max).into_owned(),
                owner: String::new(),
                description: String::new(),
            };
            details.push(any("google.rpc.ResourceInfo", &info));
        }
        details.extend(self.detail.as_deref().filter(|_| fit.detail).cloned());
        details
    }
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason, self.message)
    }
}

impl std::error::Error for WireError {}

impl From<WireError> for Status {
    fn from(error: WireError) -> Self {
        let message = clip(&error.message, limit::MESSAGE_BYTES_MAX);
        let code = error.reason.code();
        let mut body = Vec::new();
        for fit in &limit::FITS {
            let details = error.details(fit);
            let status =
                pb::Status { code: i32::from(code), message: message.to_string(), details };
            body = status.encode_to_vec();
            if body.len() <= limit::DETAILS_BYTES_MAX {
                break;
            }
        }
        Self::with_details(code, message, body.into())
    }
}

fn any(type_name: &str, message: &impl prost::Message) -> prost_types::Any {
    prost_types::Any {
        type_url: format!("{TYPE_URL_PREFIX}{type_name}"),
        value: message.encode_to_vec(),
    }
}

/// What stands before the name of a type in an `Any`.
const TYPE_URL_PREFIX: &str = "type.googleapis.com/";
