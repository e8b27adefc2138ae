//! A database into lines.

mod attachments;
mod revisions;

use std::collections::BTreeMap;
use std::io::{self, Read as _, Seek as _, Write as _};

use futures_util::StreamExt as _;
use jackdaw_proto::documents::{
    Counter, Document, GetAttachmentRequest, GetTimeSeriesRangeRequest, StreamDocumentsRequest,
    StreamDocumentsResponse, TimeSeriesEntry,
};

use tempfile::SpooledTempFile;

use self::revisions::Spool;
use super::later::{Later, Named};
use super::target::Target;
use crate::connection::Service;
use crate::json_lines::{Kind, LINE_BYTES_MAX, write_counter, write_document, write_series};
use crate::report::exit::Failure;

/// What to read, and where from.
#[derive(Clone, Debug)]
pub(crate) struct ExportOptions {
    /// Name of the database.
    pub(crate) database: String,
    /// Only ids that begin with this.
    pub(crate) id_prefix: String,
    /// Leave out what documents have beside their bodies.
    pub(crate) only_documents: bool,
}

/// What was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Exported {
    /// Lines written, by kind.
    pub(crate) counts: BTreeMap<Kind, u64>,
    /// What no line can have: revisions with attachments too large for one, counters beyond 64
    /// bits, entries that are not finite; by kind.
    pub(crate) left_out: BTreeMap<Kind, u64>,
    /// What was there in the snapshot and is no more, by kind.
    pub(crate) gone: BTreeMap<Kind, u64>,
    /// Documents that could not be written, or not with their attachments, because they are in
    /// conflict: how many.
    pub(crate) in_conflict: u64,
    /// The ids of the first of them.
    pub(crate) conflicts_named: Vec<String>,
}

/// Bytes of lines that are kept aside in memory; beyond that they are on disk.
const ASIDE_IN_MEMORY_BYTES: usize = 4 * 1024 * 1024;

/// Bytes that are copied at a time.
const COPIED_BYTES: usize = 256 * 1024;

/// Lines could not be kept aside.
fn unkept(error: io::Error) -> Failure {
    Failure::local(format!("keep what is exported for a while: {error}"))
}

/// Ids of conflicts that are named at most.
const CONFLICTS_NAMED_MAX: usize = 10;

/// Bytes of the content of an attachment that fits into a line, in base64 and with what else
/// stands there.
const CONTENT_BYTES_MAX: u64 = (LINE_BYTES_MAX as u64 / 4 - 16 * 1024) * 3;

/// Bytes of the content of a larger one in each of its lines: few, since whoever reads the line
/// holds all of it.
const PART_BYTES: usize = 6 * 1024 * 1024;

/// Writes revisions as lines, but for those that are documents as they are; then all documents of
/// one snapshot of a database, in id order, each with its counters behind it; then attachments and
/// time series.
///
/// Documents and counters are of the snapshot. Attachments and time series are read after it, so
/// that it need not be held for as long as that takes; what has gone meanwhile is counted.
/// Revisions are read after it too, so that what another version takes the place of meanwhile is
/// among them, but stand before it: a database that keeps revisions goes by the order in which it
/// was given them.
/// `written` hears of documents written so far.
pub(crate) async fn export(
    service: &Service,
    options: &ExportOptions,
    target: &mut Target,
    mut written: impl FnMut(u64),
) -> Result<Exported, Failure> {
    let request = StreamDocumentsRequest {
        database: options.database.clone(),
        id_prefix: options.id_prefix.clone(),
        include_counters_and_time_series: !options.only_documents,
        // Only their names are wanted, and digests cost the reading of every entry.
        include_time_series_digests: false,
        after_id: String::new(),
    };
    let source = Source { service, database: &options.database };
    let mut writer = Writer::new(target, options.only_documents);
    let prefix = &*options.id_prefix;
    if !options.only_documents && Spool::is_needed(&source, prefix).await? {
        writer.set_aside();
    }
    let mut parts = Box::pin(service.stream_documents(request));
    let mut later = Later::default();
    while let Some(part) = parts.next().await {
        writer.part(part?, &mut later)?;
        written(writer.exported.counts.get(&Kind::Document).copied().unwrap_or_default());
    }
    drop(parts);
    let aside = writer.aside.take();
    if !options.only_documents {
        Spool::read(&source, prefix).await?.write(&source, &mut writer).await?;
    }
    writer.put_back(aside)?;
    let mut later = later.read()?;
    while let Some(named) = later.next()? {
        match named {
            Named::Attachment { id, name } => source.attachment(&id, &name, &mut writer).await?,
            Named::TimeSeries { id, name } => source.series(&id, &name, &mut writer).await?,
        }
    }
    Ok(writer.exported)
}

/// Where attachments and time series are read.
struct Source<'a> {
    service: &'a Service,
    database: &'a str,
}

impl Source<'_> {
    /// Writes an attachment.
    async fn attachment(
        &self,
        id: &str,
        name: &str,
        writer: &mut Writer<'_>,
    ) -> Result<(), Failure> {
        let request = GetAttachmentRequest {
            database: self.database.to_owned(),
            document_id: id.to_owned(),
            name: name.to_owned(),
            ..GetAttachmentRequest::default()
        };
        let pieces = Box::pin(self.service.stream_attachment(request));
        writer.attachment(id, pieces, CONTENT_BYTES_MAX, PART_BYTES).await
    }

    /// Writes a time series, a line for each part of it that comes.
    async fn series(&self, id: &str, name: &str, writer: &mut Writer<'_>) -> Result<(), Failure> {
        let request = GetTimeSeriesRangeRequest {
            database: self.database.to_owned(),
            document_id: id.to_owned(),
            name: name.to_owned(),
            ..GetTimeSeriesRangeRequest::default()
        };
        let service = self.service;
        let mut client = service.documents();
        let parts = service.answer(client.get_time_series_range(request)).await;
        let Some(mut parts) = writer.there(Kind::TimeSeries, id, parts)? else { return Ok(()) };
        while let Some(part) = service.in_time(parts.message()).await?? {
            writer.series(id, name, part.entries)?;
        }
        Ok(())
    }
}

/// Writes lines.
pub(super) struct Writer<'a> {
    target: &'a mut Target,
    only_documents: bool,
    /// Lines that are not written yet.
    lines: Vec<u8>,
    /// Where lines go meanwhile that others are to stand before.
    aside: Option<SpooledTempFile>,
    /// The document that was found in conflict last, though it was written.
    conflicted: Option<String>,
    pub(super) exported: Exported,
}

impl<'a> Writer<'a> {
    pub(super) fn new(target: &'a mut Target, only_documents: bool) -> Self {
        let (lines, aside, conflicted) = (Vec::new(), None, None);
        Self { target, only_documents, lines, aside, conflicted, exported: Exported::default() }
    }

    /// What is written from now on is kept aside.
    fn set_aside(&mut self) {
        self.aside = Some(SpooledTempFile::new(ASIDE_IN_MEMORY_BYTES));
    }

    /// Writes what was kept aside.
    fn put_back(&mut self, aside: Option<SpooledTempFile>) -> Result<(), Failure> {
        let Some(mut aside) = aside else { return Ok(()) };
        aside.rewind().map_err(unkept)?;
        let mut piece = vec![0; COPIED_BYTES];
        loop {
            let read = aside.read(&mut piece).map_err(unkept)?;
            if read == 0 {
                return Ok(());
            }
            self.target.write(&piece[..read])?;
        }
    }

    /// Writes the documents of a part, and their counters.
    pub(super) fn part(
        &mut self,
        part: StreamDocumentsResponse,
        later: &mut Later,
    ) -> Result<(), Failure> {
        for document in &part.documents {
            if !document.continued {
                let line = write_document(&mut self.lines, &document.id, &document.body);
                line.map_err(Failure::local)?;
                self.written(Kind::Document);
            }
            if !self.only_documents {
                self.counters(document)?;
                later.add(document)?;
            }
        }
        self.flush()?;
        for conflict in part.conflicts.into_iter().filter(|it| !it.continued) {
            self.conflict(conflict.id);
        }
        Ok(())
    }

    fn counters(&mut self, document: &Document) -> Result<(), Failure> {
        for Counter { name, value, .. } in &document.counters {
            let Some(value) = *value else {
                self.left_out(Kind::Counter, 1);
                continue;
            };
            let line = write_counter(&mut self.lines, &document.id, name, value);
            line.map_err(Failure::local)?;
            self.written(Kind::Counter);
        }
        Ok(())
    }

    fn conflict(&mut self, id: String) {
        self.exported.in_conflict += 1;
        if self.exported.conflicts_named.len() < CONFLICTS_NAMED_MAX {
            self.exported.conflicts_named.push(id);
        }
    }

    /// What was read of a document that was written; nothing where it is there no more, or where
    /// nobody can say what it is.
    pub(super) fn there<T>(
        &mut self,
        kind: Kind,
        id: &str,
        read: Result<T, Failure>,
    ) -> Result<Option<T>, Failure> {
        let failure = match read {
            Ok(read) => return Ok(Some(read)),
            Err(failure) => failure,
        };
        match failure.reason() {
            Some(
                "DOCUMENT_NOT_FOUND"
                | "ATTACHMENT_NOT_FOUND"
                | "TIME_SERIES_NOT_FOUND"
                | "REVISION_NOT_FOUND",
            ) => {
                *self.exported.gone.entry(kind).or_default() += 1;
                Ok(None)
            }
            Some("DOCUMENT_CONFLICT") => {
                // What one document has stands together.
                if self.conflicted.as_deref() != Some(id) {
                    self.conflicted = Some(id.to_owned());
                    self.conflict(id.to_owned());
                }
                Ok(None)
            }
            _ => Err(failure),
        }
    }

    /// Writes a part of a time series; what is not finite is left out.
    pub(super) fn series(
        &mut self,
        id: &str,
        name: &str,
        entries: Vec<TimeSeriesEntry>,
    ) -> Result<(), Failure> {
        let all = entries.len();
        let finite = |it: &TimeSeriesEntry| it.values.iter().all(|value| value.is_finite());
        let entries: Vec<_> = entries.into_iter().filter(finite).collect();
        if entries.len() < all {
            self.left_out(Kind::TimeSeries, (all - entries.len()) as u64);
        }
        // A line that says nothing is none that an import takes.
        if entries.is_empty() {
            return Ok(());
        }
        write_series(&mut self.lines, id, name, &entries).map_err(Failure::local)?;
        self.written(Kind::TimeSeries);
        self.flush()
    }

    fn written(&mut self, kind: Kind) {
        *self.exported.counts.entry(kind).or_default() += 1;
    }

    fn left_out(&mut self, kind: Kind, count: u64) {
        *self.exported.left_out.entry(kind).or_default() += count;
    }

    fn flush(&mut self) -> Result<(), Failure> {
        match &mut self.aside {
            Some(aside) => aside.write_all(&self.lines).map_err(unkept)?,
            None => self.target.write(&self.lines)?,
        }
        self.lines.clear();
        Ok(())
    }
}
