//! The oracle: both ends of a copy read in full and compared, document by document.
//!
//! Two streams in id order are merged: what is missing at the destination, what is there and not at
//! the source, whose body is not the same bytes, whose change vector is not the same, which
//! counters have other values, which time series show something else, which revisions are not the
//! same: those are read in a pass of their own. It holds one part of each
//! stream at a time, and what one document has, never a database. It believes no statistics and no
//! progress of the services; of a time series it believes the digest that each end makes of what it
//! shows. It decides nothing about what a difference means: while either end changes, differences
//! are to be expected.
//!
//! Attachments are compared by what both ends list: names, types, hashes, sizes. That their
//! contents are there, and are what their hashes say, is not looked at unless [`Contents`] are
//! checked.
//!
//! A merge reads the end that is behind, and a service ends a stream that nobody reads for long.
//! Where that happens *both* ends are read on, behind what has been compared, as they are by then:
//! so no document is held against one of another moment, and the report says from where on it is of
//! a later one.

mod contents;
mod report;
mod revisions;
mod rows;

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use futures_util::Stream;
use futures_util::future::try_join;
use jackdaw_common::id::DocumentIdError;
use jackdaw_common::{ChangeVector, DocumentId};
use jackdaw_proto::documents::{
    ConflictVersion, Counter, StreamDocumentsResponse, StreamRevisionsResponse, TimeSeriesSummary,
};
use jackdaw_proto::wire::Reason;
use serde::Serialize;
use thiserror::Error;
use tonic::Status;
use tonic_types::StatusExt as _;

pub use contents::{Contents, ContentsError};
use report::Found;
pub use report::{Counts, Difference, DifferenceKind, Report};
use revisions::Revisions;
use rows::{Content, Row, Rows};

/// An end of a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Where changes come from.
    Source,
    /// Where the copy is.
    Destination,
}

impl std::fmt::Display for Side {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Source => "source",
            Self::Destination => "destination",
        })
    }
}

/// A part of a stream, or why it broke off.
type Part<T> = Result<T, Status>;

/// Compares the documents of two databases, each given as what opens a stream of the parts that
/// `StreamDocuments` answers, behind a document where one is named.
///
/// At most `named_max` differences are named in the report; all are counted. `seen` hears, now and
/// then, how many documents of both ends have been compared. Stops at the first error of either
/// stream: half a comparison is none. One that has ended because it was not read for too long is no
/// error, unless it ends so again before a document could be compared. Dropping the future ends
/// both streams.
pub async fn compare<S, D>(
    mut source: impl FnMut(Option<&DocumentId>) -> S,
    mut destination: impl FnMut(Option<&DocumentId>) -> D,
    named_max: usize,
    mut seen: impl FnMut(u64),
) -> Result<Report, CompareError>
where
    S: Stream<Item = Part<StreamDocumentsResponse>> + Unpin,
    D: Stream<Item = Part<StreamDocumentsResponse>> + Unpin,
{
    let mut report = Report::new(named_max);
    let mut behind = None;
    loop {
        let source = Rows::new(Side::Source, source(behind.as_ref()), behind.clone());
        let there = destination(behind.as_ref());
        let destination = Rows::new(Side::Destination, there, behind.clone());
        let before = report.rows();
        let merged = merge(source, destination, &mut report, &mut behind, &mut seen).await;
        match (merged, &behind) {
            (Ok(()), _) => return Ok(report),
            (Err(error), Some(behind)) if error.is_stalled() && report.rows() > before => {
                report.documents_are_later_behind(behind);
            }
            (Err(error), _) => return Err(error),
        }
    }
}

/// Compares what two streams have; `behind` is the last document that was compared.
async fn merge<S, D>(
    mut source: Rows<S>,
    mut destination: Rows<D>,
    report: &mut Report,
    behind: &mut Option<DocumentId>,
    seen: &mut impl FnMut(u64),
) -> Result<(), CompareError>
where
    S: Stream<Item = Part<StreamDocumentsResponse>> + Unpin,
    D: Stream<Item = Part<StreamDocumentsResponse>> + Unpin,
{
    let (mut left, mut right) = try_join(source.next(), destination.next()).await?;
    loop {
        let order = match (&left, &right) {
            (None, None) => return Ok(()),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(left), Some(right)) => left.id.key().cmp(right.id.key()),
        };
        let here = left.take_if(|_| order.is_le());
        let there = right.take_if(|_| order.is_ge());
        note(report, here.as_ref(), there.as_ref());
        *behind = here.as_ref().or(there.as_ref()).map(|row| row.id.clone());
        if report.rows().is_multiple_of(SEEN_EVERY) {
            seen(report.rows());
        }
        if here.is_some() && there.is_some() {
            (left, right) = try_join(source.next(), destination.next()).await?;
        } else if here.is_some() {
            left = source.next().await?;
        } else {
            right = destination.next().await?;
        }
    }
}

/// Compares the revisions of two databases as well, each given as what opens a stream of the parts
/// that `StreamRevisions` answers: a pass of its own, since no stream waits for long until it is
/// read. Otherwise as [`compare`]; `seen` hears of revisions.
pub async fn compare_revisions<S, D>(
    report: &mut Report,
    mut source: impl FnMut(Option<&DocumentId>) -> S,
    mut destination: impl FnMut(Option<&DocumentId>) -> D,
    mut seen: impl FnMut(u64),
) -> Result<(), CompareError>
where
    S: Stream<Item = Part<StreamRevisionsResponse>> + Unpin,
    D: Stream<Item = Part<StreamRevisionsResponse>> + Unpin,
{
    let mut behind = None;
    loop {
        let source = Revisions::new(Side::Source, source(behind.as_ref()), behind.as_ref());
        let there = destination(behind.as_ref());
        let destination = Revisions::new(Side::Destination, there, behind.as_ref());
        let before = behind.clone();
        let merged = merge_revisions(source, destination, report, &mut behind, &mut seen).await;
        match (merged, &behind) {
            (Ok(()), _) => return Ok(()),
            (Err(error), Some(behind)) if error.is_stalled() && before.as_ref() != Some(behind) => {
                report.revisions_are_later_behind(behind);
            }
            (Err(error), _) => return Err(error),
        }
    }
}

/// Compares the revisions that two streams have; `behind` is the last document whose revisions
/// were.
async fn merge_revisions<S, D>(
    mut source: Revisions<S>,
    mut destination: Revisions<D>,
    report: &mut Report,
    behind: &mut Option<DocumentId>,
    seen: &mut impl FnMut(u64),
) -> Result<(), CompareError>
where
    S: Stream<Item = Part<StreamRevisionsResponse>> + Unpin,
    D: Stream<Item = Part<StreamRevisionsResponse>> + Unpin,
{
    loop {
        try_join(source.fill(), destination.fill()).await?;
        let id = match (source.id(), destination.id()) {
            (Some(one), Some(other)) => one.min(other).clone(),
            (None, None) => return Ok(()),
            (Some(id), None) | (None, Some(id)) => id.clone(),
        };
        let names = revisions::differing(&mut source, &mut destination, &id).await?;
        report.add_revisions(&id, names);
        report.source.revisions += source.taken();
        report.destination.revisions += destination.taken();
        seen(report.source.revisions + report.destination.revisions);
        *behind = Some(id);
    }
}

/// Why two databases could not be compared.
#[derive(Debug, Error)]
pub enum CompareError {
    /// A stream broke off or was refused.
    #[error("read the {side}: {}", .status.message())]
    Read {
        /// The end.
        side: Side,
        /// What it said.
        status: Box<Status>,
    },
    /// A stream is not in id order, or has an id twice, so that a merge would not find all.
    #[error("read the {side}: {id:?} comes after {after:?}, against id order")]
    Order {
        /// The end.
        side: Side,
        /// The id that comes too late.
        id: DocumentId,
        /// The id before it.
        after: DocumentId,
    },
    /// Revisions are not in order, so that a merge would not find all.
    #[error("read the {side}: a revision of {id:?} comes after a later one")]
    RevisionOrder {
        /// The end.
        side: Side,
        /// The document.
        id: DocumentId,
    },
    /// A stream goes on with a document that is not the one before.
    #[error("read the {side}: it goes on with {id:?}, which did not come before")]
    Continued {
        /// The end.
        side: Side,
        /// The id that it goes on with.
        id: DocumentId,
    },
    /// A stream has an id that no document can have.
    #[error("read the {side}: {error}")]
    Id {
        /// The end.
        side: Side,
        /// What is wrong with it.
        error: DocumentIdError,
    },
}

impl CompareError {
    /// Whether a service has ended a stream that was not read for too long.
    fn is_stalled(&self) -> bool {
        let Self::Read { status, .. } = self else { return false };
        let info = status.get_details_error_info();
        info.is_some_and(|info| info.reason == Reason::ClientStalled.as_str())
    }
}

/// How often `seen` hears of progress, in documents.
const SEEN_EVERY: u64 = 256;

/// Counts what stands at one id, and the difference if there is one.
fn note(report: &mut Report, source: Option<&Row>, destination: Option<&Row>) {
    if let Some(row) = source {
        report.count(Side::Source, row);
    }
    if let Some(row) = destination {
        report.count(Side::Destination, row);
    }
    let Some(row) = source.or(destination) else { return };
    let mut found = Vec::new();
    match (source, destination) {
        (Some(source), Some(destination)) => {
            found.extend(difference(&source.content, &destination.content).map(Found::from));
            let names = differing(&counters(source), &counters(destination));
            found.extend(Found::named(DifferenceKind::Counters, names));
            let names = differing(&time_series(source), &time_series(destination));
            found.extend(Found::named(DifferenceKind::TimeSeries, names));
        }
        (Some(_), None) => found.push(DifferenceKind::Missing.into()),
        (None, _) => found.push(DifferenceKind::Extra.into()),
    }
    report.add(&row.id, found);
}

/// What a counter shows: its value; where it has none, what that would be the sum of, by
/// incarnation.
type Shown<'a> = (Option<i64>, BTreeMap<&'a str, (u64, i64)>);

/// The counters of a document, by name.
fn counters(row: &Row) -> BTreeMap<&str, Shown<'_>> {
    row.counters.iter().map(|it| (it.name.as_str(), shown(it))).collect()
}

fn shown(counter: &Counter) -> Shown<'_> {
    let partials = counter.partials.iter().filter(|_| counter.value.is_none());
    let partials = partials.map(|it| (it.incarnation.as_str(), (it.etag, it.value)));
    (counter.value, partials.collect())
}

/// What a document's time series show, by name.
fn time_series(row: &Row) -> BTreeMap<&str, &TimeSeriesSummary> {
    row.time_series.iter().map(|series| (series.name.as_str(), series)).collect()
}

/// The names at which two maps differ, in order.
fn differing<V: PartialEq>(
    source: &BTreeMap<&str, V>,
    destination: &BTreeMap<&str, V>,
) -> Vec<String> {
    let here = source.iter().filter(|(name, value)| destination.get(*name) != Some(*value));
    let there = destination.keys().filter(|name| !source.contains_key(*name));
    let names: BTreeSet<_> = here.map(|(name, _)| name).chain(there).collect();
    names.into_iter().map(|name| (*name).to_owned()).collect()
}

/// How two contents of one id differ, if they do.
fn difference(source: &Content, destination: &Content) -> Option<DifferenceKind> {
    match (source, destination) {
        (Content::Document(source), Content::Document(destination)) => {
            let same_body = source.body == destination.body;
            let same_vector = same_vector(&source.change_vector, &destination.change_vector);
            match (same_body, same_vector) {
                (true, true) if source.attachments != destination.attachments => {
                    Some(DifferenceKind::Attachments)
                }
                (true, true) => None,
                (true, false) => Some(DifferenceKind::Vector),
                (false, true) => Some(DifferenceKind::Body),
                (false, false) => Some(DifferenceKind::BodyAndVector),
            }
        }
        (Content::Conflict(source), Content::Conflict(destination)) => {
            if source.len() != destination.len() {
                return Some(DifferenceKind::Conflict);
            }
            let pairs = source.iter().zip(destination);
            match pairs.map(|(left, right)| likeness(left, right)).max()? {
                Likeness::Same => None,
                Likeness::Unknown => Some(DifferenceKind::NotCompared),
                Likeness::Other => Some(DifferenceKind::Conflict),
            }
        }
        _ => Some(DifferenceKind::Conflict),
    }
}

/// Whether two texts are the same vector, whatever tags they use.
fn same_vector(left: &str, right: &str) -> bool {
    let parsed = |text: &str| text.parse::<ChangeVector>().ok();
    left == right || parsed(left).is_some_and(|left| Some(left) == parsed(right))
}

/// How two versions of conflicts stand to each other; whatever is worse is greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Likeness {
    Same,
    /// As far as can be told: what one end has left out is what nobody has compared.
    Unknown,
    Other,
}

impl Likeness {
    /// Of what both ends say, or one has left out.
    fn of(same: bool, left_out: bool) -> Self {
        match (left_out, same) {
            (true, _) => Self::Unknown,
            (false, true) => Self::Same,
            (false, false) => Self::Other,
        }
    }
}

/// Bodies and lists may be left out, on either end, where all versions would not fit into an
/// answer.
fn likeness(left: &ConflictVersion, right: &ConflictVersion) -> Likeness {
    let same = same_vector(&left.change_vector, &right.change_vector)
        && left.deleted == right.deleted
        && left.body_bytes == right.body_bytes
        && left.attachment_count == right.attachment_count;
    if !same {
        return Likeness::Other;
    }
    let either = |left_out: fn(&ConflictVersion) -> bool| left_out(left) || left_out(right);
    let no_body = either(|it| it.body.is_empty() && it.body_bytes > 0);
    let no_list = either(|it| it.attachments.is_empty() && it.attachment_count > 0);
    let body = Likeness::of(left.body == right.body, no_body);
    body.max(Likeness::of(left.attachments == right.attachments, no_list))
}

#[cfg(test)]
mod tests;
