//! Resources as they are shown: what a table's columns and a JSON object's fields are.
//!
//! The names of JSON fields are those of the `.proto` files, enums lose their prefix, and numbers
//! are numbers. Programs depend on them: they only ever get more.

mod attachment;
mod certificate;
mod compare_exchange;
mod connection_string;
mod counter;
mod database;
mod document;
mod identity;
mod revision;
mod scope;
mod task;
mod time_series;

pub(crate) use attachment::AttachmentView;
pub(crate) use certificate::CertificateView;
pub(crate) use compare_exchange::{ExchangedView, ItemView};
pub(crate) use connection_string::ConnectionStringView;
pub(crate) use counter::CounterView;
pub(crate) use database::DatabaseView;
pub(crate) use document::{ChangeView, DocumentView, WrittenView};
pub(crate) use identity::IdentityView;
pub(crate) use revision::{EnforcedView, RevisionView, RuleView};
pub(crate) use scope::KindView;
pub(crate) use task::{TaskView, phase_name};
pub(crate) use time_series::{EntryView, TimeSeriesView};

/// The last part of a resource name: what people type.
pub(crate) fn last_part(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// A time as RFC 3339; empty when there is none.
fn time(time: Option<&prost_types::Timestamp>) -> String {
    time.map(ToString::to_string).unwrap_or_default()
}

/// The name of an enum's value without the prefix that all its values have; the number of one that
/// this build does not know.
fn bare(name: Option<&str>, prefix: &str, number: i32) -> String {
    match name {
        Some(name) => name.strip_prefix(prefix).unwrap_or(name).to_owned(),
        None => number.to_string(),
    }
}
