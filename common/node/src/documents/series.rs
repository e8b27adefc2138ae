//! Time series: values that documents have by time.
//!
//! What is read is of one snapshot, and goes out in parts at the client's pace, as documents do.

use std::{fmt, sync::Arc, time::Duration};

use jackdaw_common::{
    DocumentId,
    id::lower,
    item::series::{NewEntry, ReadEntry, SeriesName, SeriesSummary, Span},
};
use jackdaw_proto::{
    convert::documents::series as convert,
    documents as wire,
    wire::{Reason, Violations, WireError},
};
use jackdaw_store::{Command, Snapshot, Store, StoreError};
use xxhash_rust::xxh3::Xxh3;

use super::{
    CHECKED_INLINE_ENTRIES_MAX, PAGE_SERIES_ENTRIES_MAX, PART_BYTES, PARTS_QUEUED_MAX, read, write,
};
use crate::{
    catalog::Database,
    control::{
        blocking, failure,
        feeding::{self, Feeder, Parts},
        pace,
        paging::{Page, Scope},
    },
};

/// An append as the store carries it out.
pub(super) fn append_command(append: convert::AppendTimeSeries) -> Command {
    let convert::AppendTimeSeries { document, name, entries } = append;
    Command::Append { id: document, name, entries }
}

/// A deletion, likewise.
pub(super) fn delete_command(delete: convert::DeleteTimeSeriesRange) -> Command {
    let convert::DeleteTimeSeriesRange { document, name, span } = delete;
    Command::DeleteSpan { id: document, name, span }
}

/// Bytes of all entries of an append.
pub(super) fn append_bytes(append: &convert::AppendTimeSeries) -> usize {
    append.entries.iter().map(NewEntry::bytes).sum()
}

/// Puts entries into a time series.
pub(super) async fn append(
    database: &Database,
    append: Option<wire::AppendTimeSeries>,
) -> Result<wire::AppendTimeSeriesResponse, WireError> {
    let entries = append.as_ref().map_or(0, |append| append.entries.len());
    let check = move || {
        let mut violations = Violations::new();
        let append = convert::append(convert::APPEND, append, &mut violations);
        violations.value(append).map(append_command)
    };
    let command =
        if entries > CHECKED_INLINE_ENTRIES_MAX { blocking(check).await? } else { check()? };
    let written = write::carry_out(database, command).await?;
    Ok(wire::AppendTimeSeriesResponse { written: Some(written) })
}

/// Deletes entries of a time series.
pub(super) async fn delete(
    database: &Database,
    delete: Option<wire::DeleteTimeSeriesRange>,
) -> Result<wire::DeleteTimeSeriesRangeResponse, WireError> {
    let mut violations = Violations::new();
    let delete = convert::delete(convert::DELETE, delete, &mut violations);
    let command = delete_command(violations.value(delete)?);
    let written = write::carry_out(database, command).await?;
    Ok(wire::DeleteTimeSeriesRangeResponse { written: Some(written) })
}

/// What is read of a time series.
struct Range {
    snapshot: Snapshot,
    id: DocumentId,
    name: SeriesName,
    span: Span,
}

/// The entries of a time series, or of a span of it, for a client that takes a part within
/// `stall_max`.
pub(super) async fn get(
    database: Arc<Database>,
    request: wire::GetTimeSeriesRangeRequest,
    stall_max: Duration,
) -> Result<Parts<wire::GetTimeSeriesRangeResponse>, WireError> {
    let mut violations = Violations::new();
    let id = violations.check("document_id", DocumentId::new(&request.document_id));
    let name = violations.check("name", SeriesName::new(&request.name));
    let (first, last) = (request.first.as_ref(), request.last.as_ref());
    let span = convert::span("", first, last, &mut violations);
    let ((id, name), span) = violations.value(id.zip(name).zip(span))?;
    let range = Range { snapshot: database.store().snapshot(), id, name, span };
    let range = blocking(move || range.found()).await?;
    Ok(feeding::parts(database, PARTS_QUEUED_MAX, |sender| feed(sender, range, stall_max)))
}

async fn feed(
    sender: Feeder<wire::GetTimeSeriesRangeResponse>,
    range: Range,
    stall_max: Duration,
) -> Result<(), WireError> {
    let range = Arc::new(range);
    let mut left = Some(range.span);
    while let Some(span) = left {
        let Some(room) = pace::room(&sender, stall_max).await? else { return Ok(()) };
        let range = Arc::clone(&range);
        let part = blocking(move || range.part(span).map_err(|error| failure::store(&error)));
        let (entries, behind) = part.await?;
        room.send(Ok(wire::GetTimeSeriesRangeResponse { entries }));
        left = behind;
    }
    Ok(())
}

impl Range {
    /// The same, once it is known that there is such a series.
    fn found(self) -> Result<Self, WireError> {
        read::check_live(&self.snapshot, &self.id)?;
        let first = self.snapshot.entries(&self.id, &self.name, Span::ALL).next();
        match first.transpose().map_err(|error| failure::store(&error))? {
            Some(_) => Ok(self),
            None => Err(not_found(&self.id, &self.name)),
        }
    }

    /// The first part of what is within a span, and what is left behind it.
    fn part(&self, span: Span) -> Result<(Vec<wire::TimeSeriesEntry>, Option<Span>), StoreError> {
        let mut part = Vec::new();
        let mut bytes = 0;
        for entry in self.snapshot.entries(&self.id, &self.name, span) {
            let entry = entry?;
            if bytes >= PART_BYTES {
                return Ok((part, Span::new(entry.time, span.last()).ok()));
            }
            bytes += bytes_of(&entry);
            part.push(convert::entry(entry));
        }
        Ok((part, None))
    }
}

/// About how many bytes an entry takes in a message.
fn bytes_of(entry: &ReadEntry) -> usize {
    8 * entry.values.len() + entry.tag.as_ref().map_or(0, |tag| tag.len()) + 24
}

/// A page of a document's time series.
pub(super) async fn list(
    store: &Store,
    request: &wire::ListTimeSeriesRequest,
) -> Result<wire::ListTimeSeriesResponse, WireError> {
    let id = DocumentId::new(&request.document_id)
        .map_err(|error| WireError::field("document_id", error))?;
    let database = store.database_id().to_string();
    let key = lower(&request.document_id).into_owned();
    let arguments = ["time_series", &database, &key];
    let scope = Scope(&arguments);
    let page = scope.page(request.page_size, &request.page_token)?;
    let snapshot = store.snapshot();
    let (time_series, last) = blocking(move || {
        read::check_live(&snapshot, &id)?;
        page_of(&snapshot, &id, &page, PAGE_SERIES_ENTRIES_MAX)
            .map_err(|error| failure::store(&error))
    })
    .await?;
    let next_page_token = last.map(|last| scope.token(&last)).unwrap_or_default();
    Ok(wire::ListTimeSeriesResponse { time_series, next_page_token })
}

/// The time series of a page, and the key of the last one where there are others. Where the page
/// ends because its series have `entries_max` entries together, there may be none.
pub(super) fn page_of(
    snapshot: &Snapshot,
    id: &DocumentId,
    page: &Page,
    entries_max: u64,
) -> Result<(Vec<wire::TimeSeriesSummary>, Option<String>), StoreError> {
    let mut list = Vec::new();
    let mut last = None;
    let mut looked_at = 0_u64;
    let after = page.after.as_deref().unwrap_or_default();
    let mut series = snapshot.series(id, after);
    // To ask for one more is to read all rows of it.
    while looked_at < entries_max {
        let Some(summary) = series.next() else { return Ok((list, None)) };
        let SeriesSummary { name, entries, bounds } = summary?;
        if list.len() == page.entries {
            break;
        }
        list.push(convert::summary(&name, entries, bounds, None));
        last = Some(name.key().to_owned());
        looked_at = looked_at.saturating_add(entries);
    }
    Ok((list, last))
}

/// About how many bytes a summary takes in a message.
pub(super) fn summary_bytes(name: &SeriesName) -> usize {
    name.as_str().len() + 64
}

/// The digest of a time series: what `TimeSeriesSummary.digest` says.
#[derive(Default)]
pub(super) struct Digest(Xxh3);

impl Digest {
    /// Takes the next entry in.
    pub(super) fn add(&mut self, entry: &ReadEntry) {
        self.0.update(&entry.time.millis().to_be_bytes());
        // There are 32 values at most, and a tag has 255 bytes at most.
        let count = u8::try_from(entry.values.len()).unwrap_or(u8::MAX);
        self.0.update(&[count]);
        for value in &entry.values {
            // Machines make other bits of a sum that is not a number.
            let value = if value.is_nan() { NOT_A_NUMBER } else { value.to_bits() };
            self.0.update(&value.to_be_bytes());
        }
        match &entry.tag {
            None => self.0.update(&[0]),
            Some(tag) => {
                self.0.update(&[1, u8::try_from(tag.len()).unwrap_or(u8::MAX)]);
                self.0.update(tag.as_bytes());
            }
        }
    }

    /// The digest of what was taken in.
    pub(super) fn value(&self) -> u64 {
        self.0.digest()
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({:016x})", self.value())
    }
}

/// What a digest has for whatever is not a number.
const NOT_A_NUMBER: u64 = 0x7ff8_0000_0000_0000;

fn not_found(id: &DocumentId, name: &SeriesName) -> WireError {
    let text = format!("document {id} has no time series {name}");
    WireError::new(Reason::TimeSeriesNotFound, text)
        .with("id", id)
        .with("name", name)
        .about("jackdaw/TimeSeries", format!("{id}/{name}"))
}
