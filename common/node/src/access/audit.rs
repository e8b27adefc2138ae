//! The line of the audit log for every call that changes what a service has, or takes all of it:
//! who called, what for, and with which outcome.
//!
//! The layer begins a record in front of such a call, and ends it with the answer. It reads no
//! message: what a call is about is told by whoever reads its resource name, through [`about`].

use std::convert::Infallible;
use std::fmt::Display;
use std::sync::{Arc, OnceLock};

use http::{HeaderMap, Response};
use jackdaw_proto::wire::RemoteError;
use tonic::body::Body;
use tonic::{Code, Status};

use super::{Audit, Identity};
use crate::trailers::watched;

/// How much of a resource's name is repeated: the caller chose it.
const RESOURCE_CHARS_MAX: usize = 400;

/// Outcome of what was carried out; of anything else it is the reason of the error.
const OK: &str = "OK";

/// Outcome of a call that its caller left before it was answered: it may have been carried out.
const ABANDONED: &str = "ABANDONED";

type Resource = Arc<OnceLock<String>>;

tokio::task_local! {
    /// What the call that runs here is about.
    static RESOURCE: Resource;
}

/// Notes what the call that runs here is about, for its line of the audit log: the first resource
/// that is named. Calls that are not audited note nothing.
pub fn about(resource: impl Display) {
    // An error means that there is no record, or that it has a resource already.
    let _ = RESOURCE.try_with(|noted| {
        noted.set(resource.to_string().chars().take(RESOURCE_CHARS_MAX).collect())
    });
}

/// Carries out a call, and writes its line once the outcome is known.
pub(super) async fn audited(
    identity: Identity,
    call: impl Future<Output = Result<Response<Body>, Infallible>>,
) -> Result<Response<Body>, Infallible> {
    let mut record = Record { identity, resource: Resource::default(), ended: false };
    let answer = RESOURCE.scope(record.resource.clone(), call).await?;
    match outcome(answer.headers()) {
        Some(outcome) => record.end(&outcome),
        None if record.identity.row.audit == Audit::Stream => {
            let seen = move |trailers: &mut HeaderMap| {
                if let Some(outcome) = outcome(trailers) {
                    record.end(&outcome);
                }
            };
            return Ok(answer.map(|body| watched(body, seen)));
        }
        None => record.end(OK),
    }
    Ok(answer)
}

/// The outcome in the headers or trailers of an answer; none when it is yet to come.
fn outcome(headers: &HeaderMap) -> Option<String> {
    let status = Status::from_header_map(headers)?;
    if status.code() == Code::Ok {
        return Some(OK.to_owned());
    }
    let reason = RemoteError::from_status(&status).reason;
    Some(reason.unwrap_or_else(|| format!("{:?}", status.code())))
}

/// A line that is written once: at the latest when it is dropped.
struct Record {
    identity: Identity,
    resource: Resource,
    ended: bool,
}

impl Record {
    fn end(&mut self, outcome: &str) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        tracing::info!(
            target: "audit",
            event = "change",
            thumbprint = %self.identity.thumbprint(),
            name = self.identity.name(),
            method = self.identity.row.method,
            resource = self.resource.get().map(String::as_str),
            outcome,
        );
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        self.end(ABANDONED);
    }
}
