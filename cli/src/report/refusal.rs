//! A gRPC status as text for people: the message, the reason, and every detail that is attached.
//!
//! Reads `google.rpc` details and Jackdaw's own `DocumentConflict` and
//! `CompareExchangeMismatch`. Decides nothing; the exit code is `exit`'s.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;

use jackdaw_proto::convert::documents::{CONFLICT_DETAIL, compare_exchange::MISMATCH_DETAIL};
use jackdaw_proto::documents::{CompareExchangeMismatch, DocumentConflict};
use jackdaw_proto::wire::RemoteError;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use super::output::printable;

/// The text of a status: one line, then one indented line a detail.
pub(crate) fn text(status: &Status) -> String {
    let details = status.get_error_details();
    let mut text = printable(&headline(status)).into_owned();
    match details.error_info() {
        Some(info) => {
            let _ = write!(text, " ({})", printable(&info.reason));
            for (name, value) in info.metadata.iter().collect::<BTreeMap<_, _>>() {
                line(&mut text, name, value);
            }
        }
        None => {
            let _ = write!(text, " ({})", code_name(status.code()));
        }
    }
    standard_details(&mut text, &details);
    if let Some(conflict) = conflict(status) {
        for version in conflict.versions {
            let what = if version.deleted { "deletion" } else { "version" };
            line(&mut text, what, &version.change_vector);
        }
        if conflict.omitted_versions > 0 {
            line(&mut text, "versions not named", &conflict.omitted_versions.to_string());
        }
    }
    let mismatch: Option<CompareExchangeMismatch> =
        RemoteError::from_status(status).detail(MISMATCH_DETAIL);
    let item = mismatch.and_then(|mismatch| mismatch.actual);
    if let Some(item) = item.filter(|item| !item.value.is_empty()) {
        line(&mut text, "actual value", &String::from_utf8_lossy(&item.value));
    }
    text
}

/// The conflict that a status of a conflicted document carries.
pub(crate) fn conflict(status: &Status) -> Option<DocumentConflict> {
    RemoteError::from_status(status).detail(CONFLICT_DETAIL)
}

/// The message; where it says little, as those of a broken connection, also its innermost cause.
fn headline(status: &Status) -> String {
    let mut innermost: Option<&dyn Error> = status.source();
    while let Some(source) = innermost.and_then(Error::source) {
        innermost = Some(source);
    }
    let message = status.message();
    match innermost.map(ToString::to_string) {
        Some(cause) if !message.contains(&cause) => format!("{message}: {cause}"),
        _ if message.is_empty() => "the service gave no message".to_owned(),
        _ => message.to_owned(),
    }
}

/// The name of a code as the gRPC specification writes it: `NOT_FOUND`.
fn code_name(code: Code) -> String {
    let mut name = String::new();
    for character in format!("{code:?}").chars() {
        if character.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(character.to_ascii_uppercase());
    }
    name
}

fn standard_details(text: &mut String, details: &ErrorDetails) {
    for violation in details.bad_request().iter().flat_map(|it| &it.field_violations) {
        line(text, &violation.field, &violation.description);
    }
    for violation in details.precondition_failure().iter().flat_map(|it| &it.violations) {
        line(text, &violation.subject, &violation.description);
    }
    for violation in details.quota_failure().iter().flat_map(|it| &it.violations) {
        line(text, &violation.subject, &violation.description);
    }
    if let Some(resource) = details.resource_info() {
        line(text, &resource.resource_type, &resource.resource_name);
    }
    if let Some(delay) = details.retry_info().and_then(|it| it.retry_delay) {
        line(text, "try again after", &format!("{} s", delay.as_secs_f64()));
    }
    for link in details.help().iter().flat_map(|it| &it.links) {
        line(text, &link.description, &link.url);
    }
}

fn line(text: &mut String, name: &str, value: &str) {
    let _ = write!(text, "\n  {}: {}", printable(name), printable(value));
}
