//! A part of a stream that is being made.

use jackdaw_proto::documents::{
    Counter, Document, DocumentConflict, StreamDocumentsResponse, TimeSeriesSummary,
};

use crate::documents::{PART_BYTES, STEP_ROWS_MAX};

/// A part as far as it is made, and how much is read for it.
#[derive(Debug, Default)]
pub(super) struct Part {
    response: StreamDocumentsResponse,
    /// About how many bytes it takes, and as many as rows were read that do not stand in it: a
    /// client must not wait for ever for what is not there.
    bytes: usize,
    /// Rows that were read in the present step.
    rows: usize,
}

impl Part {
    /// Begins a step.
    pub(super) fn begin(&mut self) {
        self.rows = 0;
    }

    /// Counts rows that were read.
    pub(super) fn read(&mut self, rows: usize) {
        self.rows = self.rows.saturating_add(rows);
        self.bytes = self.bytes.saturating_add(rows);
    }

    /// Counts bytes that stand in it.
    pub(super) fn grow(&mut self, bytes: usize) {
        self.bytes += bytes;
    }

    /// Whether it is to be sent before more is read.
    pub(super) fn is_full(&self) -> bool {
        self.bytes >= PART_BYTES
    }

    /// Whether the step ends here.
    pub(super) fn is_enough(&self) -> bool {
        self.is_full() || self.rows >= STEP_ROWS_MAX
    }

    /// Adds the entry of a document, unless it goes on with nothing.
    pub(super) fn add(&mut self, entry: Entry) {
        match entry {
            _ if entry.is_idle() => {}
            Entry::Document(document) => self.response.documents.push(document),
            Entry::Conflict(conflict) => self.response.conflicts.push(conflict),
        }
    }

    /// The part as it is sent; the next one begins.
    pub(super) fn take(&mut self) -> StreamDocumentsResponse {
        std::mem::take(self).response
    }
}

/// The entry of a document in a part.
#[derive(Debug)]
pub(super) enum Entry {
    /// It is not in conflict.
    Document(Document),
    /// It is.
    Conflict(DocumentConflict),
}

impl Entry {
    /// The entry that goes on with this one in the next part.
    pub(super) fn next(&self) -> Self {
        let continued = true;
        match self {
            Self::Document(Document { id, .. }) => {
                Self::Document(Document { id: id.clone(), continued, ..Document::default() })
            }
            Self::Conflict(DocumentConflict { id, .. }) => {
                let id = id.clone();
                Self::Conflict(DocumentConflict { id, continued, ..DocumentConflict::default() })
            }
        }
    }

    pub(super) fn counters(&mut self) -> &mut Vec<Counter> {
        match self {
            Self::Document(document) => &mut document.counters,
            Self::Conflict(conflict) => &mut conflict.counters,
        }
    }

    pub(super) fn time_series(&mut self) -> &mut Vec<TimeSeriesSummary> {
        match self {
            Self::Document(document) => &mut document.time_series,
            Self::Conflict(conflict) => &mut conflict.time_series,
        }
    }

    /// Whether it goes on and has nothing to go on with.
    fn is_idle(&self) -> bool {
        let (continued, counters, time_series) = match self {
            Self::Document(it) => (it.continued, &it.counters, &it.time_series),
            Self::Conflict(it) => (it.continued, &it.counters, &it.time_series),
        };
        continued && counters.is_empty() && time_series.is_empty()
    }
}
