//! Lines put together into the transactions of a bulk write.

use std::collections::{BTreeMap, VecDeque};

use jackdaw_common::limits::APPEND_ENTRIES_MAX;
use jackdaw_proto::documents::{
    AppendTimeSeries, Command, IncrementCounter, Put, PutAttachment, TimeSeriesEntry,
    command::Command as Step, put_attachment::Source,
};

use prost::Message as _;

use crate::json_lines::{AttachmentLine, Kind, Line, LineError, Numbered, SeriesLine};

/// Records of one transaction at most.
pub(super) const BATCH_RECORDS: usize = 256;

/// Bytes of bodies, entries and ids after which a transaction is complete. One larger document
/// stands alone.
pub(super) const BATCH_BYTES: usize = 1024 * 1024;

/// Bytes of an attachment that goes along with what stands around it. A larger one goes alone, and
/// so does each line of one that has several.
pub(super) const ATTACHED_BYTES: usize = 64 * 1024;

/// The commands of one transaction, and how far the input has been read for it.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) commands: Vec<Command>,
    /// The number of the line of each command. A long time series is a line of several.
    pub(super) lines: Vec<u64>,
    /// Lines whose first command is among them, by kind.
    pub(super) counts: BTreeMap<Kind, u64>,
    /// Bytes of bodies, entries and ids.
    pub(super) bytes: usize,
    /// The number of the last line that was read for it.
    pub(super) last_line: u64,
    /// Bytes of the input up to the end of that line.
    pub(super) input_bytes: u64,
    /// Lines that were passed over since the batch before, by kind.
    pub(super) left_out: BTreeMap<Kind, u64>,
}

/// A large attachment, or a line of one, and where it stands. It goes alone, after the batch before
/// it.
#[derive(Debug)]
pub(super) struct Attaching {
    pub(super) attachment: AttachmentLine,
    /// The number of its line.
    pub(super) line: u64,
    /// Bytes of the input up to the end of that line.
    pub(super) input_bytes: u64,
}

/// What is written next.
#[derive(Debug)]
pub(super) enum Next {
    Batch(Batch),
    Attachment(Attaching),
}

/// Batches of the records of an input, and large attachments, in its order.
///
/// After a bad line come first the records before it, then the error, then nothing.
pub(super) struct Batches<I> {
    lines: I,
    /// Commands of a line that have not found room yet, with its number and their bytes.
    rest: VecDeque<(u64, Step, usize)>,
    attachment: Option<Attaching>,
    stop: Option<LineError>,
    ended: bool,
}

/// Why a batch is complete.
enum Complete {
    Full,
    AtAttachment,
    AtEnd,
}

impl<I: Iterator<Item = Result<Numbered, LineError>>> Batches<I> {
    pub(super) fn new(lines: I) -> Self {
        Self { lines, rest: VecDeque::new(), attachment: None, stop: None, ended: false }
    }

    fn fill(&mut self, batch: &mut Batch) -> Result<Complete, LineError> {
        while batch.commands.len() < BATCH_RECORDS && batch.bytes < BATCH_BYTES {
            if let Some((number, step, bytes)) = self.rest.pop_front() {
                batch.lines.push(number);
                batch.commands.push(Command { command: Some(step) });
                batch.bytes += bytes;
                continue;
            }
            let Some(line) = self.lines.next() else { return Ok(Complete::AtEnd) };
            let Numbered { number, bytes, line } = line?;
            let line = match line {
                Line::Attachment(attachment)
                    if attachment.content.len() > ATTACHED_BYTES || attachment.is_special() =>
                {
                    let (line, input_bytes) = (number, bytes);
                    self.attachment = Some(Attaching { attachment, line, input_bytes });
                    return Ok(Complete::AtAttachment);
                }
                line => line,
            };
            (batch.last_line, batch.input_bytes) = (number, bytes);
            let (kind, steps) = match line {
                Line::LeftOut(kind) => {
                    *batch.left_out.entry(kind).or_default() += 1;
                    continue;
                }
                other => steps(other),
            };
            self.rest.extend(steps.into_iter().map(|(step, bytes)| (number, step, bytes)));
            *batch.counts.entry(kind).or_default() += 1;
        }
        Ok(Complete::Full)
    }
}

impl<I: Iterator<Item = Result<Numbered, LineError>>> Iterator for Batches<I> {
    type Item = Result<Next, LineError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(attachment) = self.attachment.take() {
            return Some(Ok(Next::Attachment(attachment)));
        }
        if self.ended {
            return self.stop.take().map(Err);
        }
        let mut batch = Batch::default();
        match self.fill(&mut batch) {
            Ok(Complete::Full | Complete::AtAttachment) => {}
            Ok(Complete::AtEnd) => self.ended = true,
            Err(stop) => {
                self.ended = true;
                self.stop = Some(stop);
            }
        }
        if !batch.commands.is_empty() || !batch.left_out.is_empty() {
            return Some(Ok(Next::Batch(batch)));
        }
        match self.attachment.take() {
            Some(attachment) => Some(Ok(Next::Attachment(attachment))),
            None => self.stop.take().map(Err),
        }
    }
}

/// The commands that write a line, with the bytes of each.
fn steps(line: Line) -> (Kind, Vec<(Step, usize)>) {
    match line {
        Line::Document(document) => {
            let id = document.id.as_str().to_owned();
            let bytes = id.len() + document.body.len();
            let put = Put { id, body: document.body, expected_change_vector: None };
            (Kind::Document, vec![(Step::Put(put), bytes)])
        }
        Line::Counter(counter) => {
            let bytes = counter.document.len() + counter.name.len();
            let step = IncrementCounter {
                document_id: counter.document,
                name: counter.name,
                delta: counter.value,
            };
            (Kind::Counter, vec![(Step::IncrementCounter(step), bytes)])
        }
        Line::TimeSeries(series) => (Kind::TimeSeries, appends(series)),
        Line::Revision(revision) => {
            let bytes = revision.encoded_len();
            (Kind::Revision, vec![(Step::PutRevision(*revision), bytes)])
        }
        Line::Attachment(attachment) => {
            let AttachmentLine { document, name, content_type, content, .. } = attachment;
            let bytes = document.len() + name.len() + content.len();
            let step = PutAttachment {
                document_id: document,
                name,
                content_type,
                source: Some(Source::Content(content)),
                expected_change_vector: None,
            };
            (Kind::Attachment, vec![(Step::PutAttachment(step), bytes)])
        }
        Line::LeftOut(kind) => (kind, Vec::new()),
    }
}

/// A time series in as many appends as it takes.
fn appends(series: SeriesLine) -> Vec<(Step, usize)> {
    let SeriesLine { document, name, entries } = series;
    let append = |entries: &[TimeSeriesEntry]| {
        let step = AppendTimeSeries {
            document_id: document.clone(),
            name: name.clone(),
            entries: entries.to_vec(),
        };
        let bytes = document.len() + name.len() + entries.iter().map(entry_bytes).sum::<usize>();
        (Step::AppendTimeSeries(step), bytes)
    };
    entries.chunks(APPEND_ENTRIES_MAX).map(append).collect()
}

fn entry_bytes(entry: &TimeSeriesEntry) -> usize {
    16 + 8 * entry.values.len() + entry.tag.as_ref().map_or(0, String::len)
}
