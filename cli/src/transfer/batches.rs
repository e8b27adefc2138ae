//! Lines put together into the transactions of a bulk write.

use std::collections::BTreeMap;

use jackdaw_proto::documents::{Command, Put, command};
use thiserror::Error;

use crate::json_lines::{Line, LineError, Numbered, OtherKind};

/// Documents of one transaction at most.
pub(super) const BATCH_DOCUMENTS: usize = 256;

/// Bytes of bodies and ids after which a transaction is complete. One larger document stands
/// alone.
pub(super) const BATCH_BYTES: usize = 1024 * 1024;

/// The commands of one transaction, and how far the input has been read for it.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) commands: Vec<Command>,
    /// The number of the line of each command.
    pub(super) lines: Vec<u64>,
    /// Bytes of bodies and ids.
    pub(super) bytes: usize,
    /// The number of the last line that was read for it.
    pub(super) last_line: u64,
    /// Bytes of the input up to the end of that line.
    pub(super) input_bytes: u64,
    /// Lines that were passed over since the batch before, by kind.
    pub(super) left_out: BTreeMap<OtherKind, u64>,
}

/// Why reading stopped before the end of the input.
#[derive(Debug, Error)]
pub(super) enum Stop {
    /// A line is not valid.
    #[error(transparent)]
    Line(#[from] LineError),
    /// A line is of a kind that databases do not take yet.
    #[error(
        "line {number}: databases do not take the kind {kind:?} yet; leave such lines out with \
         --only documents"
    )]
    Kind {
        /// The number of the line.
        number: u64,
        /// Its kind.
        kind: &'static str,
    },
}

/// Batches of the documents of an input, in its order.
///
/// After a bad line come first the documents before it, then the [`Stop`], then nothing.
pub(super) struct Batches<I> {
    lines: I,
    only_documents: bool,
    stop: Option<Stop>,
    ended: bool,
}

impl<I: Iterator<Item = Result<Numbered, LineError>>> Batches<I> {
    pub(super) fn new(lines: I, only_documents: bool) -> Self {
        Self { lines, only_documents, stop: None, ended: false }
    }

    /// Fills a batch. Whether it is full; it is not at the end of the input and at a stop.
    fn fill(&mut self, batch: &mut Batch) -> Result<bool, Stop> {
        while batch.commands.len() < BATCH_DOCUMENTS && batch.bytes < BATCH_BYTES {
            let Some(line) = self.lines.next() else { return Ok(false) };
            let Numbered { number, bytes, line } = line?;
            (batch.last_line, batch.input_bytes) = (number, bytes);
            match line {
                Line::Document(document) => {
                    let id = document.id.as_str().to_owned();
                    batch.bytes += id.len() + document.body.len();
                    let put = Put { id, body: document.body, expected_change_vector: None };
                    batch.lines.push(number);
                    batch.commands.push(Command { command: Some(command::Command::Put(put)) });
                }
                Line::Other(kind) if self.only_documents => {
                    *batch.left_out.entry(kind).or_default() += 1;
                }
                Line::Other(kind) => {
                    return Err(Stop::Kind { number, kind: kind.as_str() });
                }
            }
        }
        Ok(true)
    }
}

impl<I: Iterator<Item = Result<Numbered, LineError>>> Iterator for Batches<I> {
    type Item = Result<Batch, Stop>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return self.stop.take().map(Err);
        }
        let mut batch = Batch::default();
        match self.fill(&mut batch) {
            Ok(full) => self.ended = !full,
            Err(stop) => {
                self.ended = true;
                self.stop = Some(stop);
            }
        }
        if batch.commands.is_empty() && batch.left_out.is_empty() {
            return self.stop.take().map(Err);
        }
        Some(Ok(batch))
    }
}
