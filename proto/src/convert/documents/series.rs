//! Time series: what a client asks of one, and how they go out.

use std::sync::Arc;

use jackdaw_common::{
    DocumentId,
    item::series::{
        NewEntry, NewEntryError, ReadEntry, SeriesName, SeriesSummary, SeriesTime, Span,
    },
    limits::APPEND_ENTRIES_MAX,
};
use prost_types::Timestamp;
use thiserror::Error;

use crate::{documents as wire, wire::Violations};

/// The field of an append, in a request of its own as in a command.
pub const APPEND: &str = "append_time_series";
/// The field of a deletion, likewise.
pub const DELETE: &str = "delete_time_series_range";

/// An append, its fields checked.
#[derive(Clone, Debug, PartialEq)]
pub struct AppendTimeSeries {
    /// The document.
    pub document: DocumentId,
    /// Name of the series.
    pub name: SeriesName,
    /// What is put, in the order of the client.
    pub entries: Vec<NewEntry>,
}

/// A deletion, its fields checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteTimeSeriesRange {
    /// The document.
    pub document: DocumentId,
    /// Name of the series.
    pub name: SeriesName,
    /// What is deleted.
    pub span: Span,
}

/// Reads an append that stands at `path`; `None` after adding what is wrong.
pub fn append(
    path: &str,
    append: Option<wire::AppendTimeSeries>,
    violations: &mut Violations,
) -> Option<AppendTimeSeries> {
    let Some(wire::AppendTimeSeries { document_id, name, entries }) = append else {
        violations.add(path, "is missing");
        return None;
    };
    let document = violations.check(format!("{path}.document_id"), DocumentId::new(&document_id));
    let name = violations.check(format!("{path}.name"), SeriesName::new(&name));
    if entries.is_empty() || entries.len() > APPEND_ENTRIES_MAX {
        let text = format!("has {} entries; 1 to {APPEND_ENTRIES_MAX} may be", entries.len());
        violations.add(format!("{path}.entries"), text);
        return None;
    }
    let incremental = name.as_ref().is_some_and(SeriesName::is_incremental);
    let count = entries.len();
    let entries = entries.into_iter().enumerate().filter_map(|(index, entry)| {
        // There are thousands, and next to all of them are right.
        let path = |field: &str| format!("{path}.entries[{index}].{field}");
        new_entry(path, entry, incremental, violations)
    });
    let entries: Vec<_> = entries.collect();
    let is_whole = entries.len() == count;
    Some(AppendTimeSeries { document: document?, name: name?, entries }).filter(|_| is_whole)
}

/// Reads a deletion that stands at `path`; `None` after adding what is wrong.
pub fn delete(
    path: &str,
    delete: Option<wire::DeleteTimeSeriesRange>,
    violations: &mut Violations,
) -> Option<DeleteTimeSeriesRange> {
    let Some(wire::DeleteTimeSeriesRange { document_id, name, first, last }) = delete else {
        violations.add(path, "is missing");
        return None;
    };
    let document = violations.check(format!("{path}.document_id"), DocumentId::new(&document_id));
    let name = violations.check(format!("{path}.name"), SeriesName::new(&name));
    let span = span(&format!("{path}."), first.as_ref(), last.as_ref(), violations);
    Some(DeleteTimeSeriesRange { document: document?, name: name?, span: span? })
}

/// Reads a span from the fields `first` and `last` behind the path `before`; what is absent is
/// open. `None` after adding what is wrong.
pub fn span(
    before: &str,
    first: Option<&Timestamp>,
    last: Option<&Timestamp>,
    violations: &mut Violations,
) -> Option<Span> {
    let first = first.map_or(Ok(SeriesTime::MIN), time);
    let first = violations.check(format!("{before}first"), first);
    let last = last.map_or(Ok(SeriesTime::MAX), time);
    let last = violations.check(format!("{before}last"), last);
    let span = Span::new(first?, last?);
    violations.check(format!("{before}last"), span.map_err(|_| "is before `first`"))
}

/// An entry as it goes out.
#[must_use]
pub fn entry(entry: ReadEntry) -> wire::TimeSeriesEntry {
    wire::TimeSeriesEntry {
        time: Some(timestamp(entry.time)),
        values: entry.values,
        tag: entry.tag.map(|tag| tag.as_ref().to_owned()),
    }
}

/// How much a time series has, as it goes out.
#[must_use]
pub fn summary(
    name: &SeriesName,
    entries: u64,
    bounds: Span,
    digest: Option<u64>,
) -> wire::TimeSeriesSummary {
    wire::TimeSeriesSummary {
        name: name.as_str().to_owned(),
        entries,
        first: Some(timestamp(bounds.first())),
        last: Some(timestamp(bounds.last())),
        digest,
    }
}

/// Reads how much a time series had, which stands at `path`; `None` after adding what is wrong.
pub(super) fn summary_put(
    path: &str,
    series: &wire::RevisionTimeSeries,
    violations: &mut Violations,
) -> Option<SeriesSummary> {
    let name = violations.check(format!("{path}.name"), SeriesName::new(&series.name));
    if series.entries == 0 {
        violations.add(format!("{path}.entries"), "is 0: then there is no time series");
        return None;
    }
    for (field, time) in [("first", &series.first), ("last", &series.last)] {
        if time.is_none() {
            violations.add(format!("{path}.{field}"), "is missing");
            return None;
        }
    }
    let (first, last) = (series.first.as_ref(), series.last.as_ref());
    let bounds = span(&format!("{path}."), first, last, violations);
    Some(SeriesSummary { name: name?, entries: series.entries, bounds: bounds? })
}

/// A time that is none of a time series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum EntryTimeError {
    /// None, or nanoseconds that do not make one.
    #[error("is not within the years 1 to 9999")]
    Outside,
    /// It would be another one when it is read.
    #[error("is finer than a millisecond")]
    TooFine,
}

/// A time as it comes in.
///
/// # Errors
///
/// It is outside the years 1 to 9999, or finer than a millisecond.
pub fn time(time: &Timestamp) -> Result<SeriesTime, EntryTimeError> {
    if !(0..1_000_000_000).contains(&time.nanos) {
        return Err(EntryTimeError::Outside);
    }
    if time.nanos % NANOS_A_MILLI != 0 {
        return Err(EntryTimeError::TooFine);
    }
    let millis = time.seconds.checked_mul(1_000);
    let millis = millis.and_then(|it| it.checked_add(i64::from(time.nanos / NANOS_A_MILLI)));
    millis.and_then(|it| SeriesTime::new(it).ok()).ok_or(EntryTimeError::Outside)
}

/// A time as it goes out.
#[must_use]
pub fn timestamp(time: SeriesTime) -> Timestamp {
    let millis = time.millis().rem_euclid(1_000);
    Timestamp {
        seconds: time.millis().div_euclid(1_000),
        nanos: i32::try_from(millis).unwrap_or_default() * NANOS_A_MILLI,
    }
}

/// Reads an entry whose fields stand at `path`; `None` after adding all that is wrong.
fn new_entry(
    path: impl Fn(&str) -> String,
    entry: wire::TimeSeriesEntry,
    incremental: bool,
    violations: &mut Violations,
) -> Option<NewEntry> {
    let wire::TimeSeriesEntry { time: at, values, tag } = entry;
    let at = match at.as_ref().map(time) {
        Some(Ok(at)) => Some(at),
        Some(Err(error)) => {
            violations.add(path("time"), error);
            None
        }
        None => {
            violations.add(path("time"), "is missing");
            None
        }
    };
    // The rest is checked though the time is wrong.
    let any = at.unwrap_or(SeriesTime::MIN);
    let tag = tag.map(|tag| Arc::from(tag.as_str()));
    let whole = NewEntry::new(any, values, tag.clone());
    let is_tag = |error: &NewEntryError| matches!(error, NewEntryError::TagTooLong { .. });
    match &whole {
        Ok(_) => {}
        Err(error) if is_tag(error) => {}
        Err(error @ NewEntryError::NotFinite { at }) => {
            violations.add(path(&format!("values[{at}]")), error);
        }
        Err(error) => violations.add(path("values"), error),
    }
    if incremental && tag.is_some() {
        violations.add(path("tag"), "stands in an incremental series, which has none");
        return None;
    }
    if whole.is_err() {
        // Of several errors only the first was told: what is wrong with the tag goes with it.
        let error = NewEntry::new(any, vec![0.0], tag).err();
        error.into_iter().for_each(|error| violations.add(path("tag"), error));
    }
    whole.ok().filter(|_| at.is_some())
}

const NANOS_A_MILLI: i32 = 1_000_000;
