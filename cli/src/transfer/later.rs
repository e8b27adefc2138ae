//! What an export writes when all documents are: names of attachments and time series.

use std::io::{self, BufRead as _, BufReader, Seek as _, Write as _};

use jackdaw_proto::documents::Document;
use serde::{Deserialize, Serialize};
use tempfile::SpooledTempFile;

use crate::report::exit::Failure;

/// An attachment or a time series of a document.
#[derive(Serialize, Deserialize)]
pub(super) enum Named {
    /// An attachment.
    Attachment { id: String, name: String },
    /// A time series.
    TimeSeries { id: String, name: String },
}

/// What is written when all documents are: on disk where it is much.
pub(super) struct Later(SpooledTempFile);

impl Default for Later {
    fn default() -> Self {
        Self(SpooledTempFile::new(NAMED_IN_MEMORY_BYTES))
    }
}

impl Later {
    /// Adds what an entry of a document names.
    pub(super) fn add(&mut self, document: &Document) -> Result<(), Failure> {
        let id = &document.id;
        let attachments = document.attachments.iter();
        let attachments =
            attachments.map(|it| Named::Attachment { id: id.clone(), name: it.name.clone() });
        let series = document.time_series.iter();
        let series = series.map(|it| Named::TimeSeries { id: id.clone(), name: it.name.clone() });
        for named in attachments.chain(series) {
            let mut line = serde_json::to_vec(&named).map_err(Failure::local)?;
            line.push(b'\n');
            self.0.write_all(&line).map_err(unkept)?;
        }
        Ok(())
    }

    /// All of it, from the first.
    pub(super) fn read(mut self) -> Result<LaterRead, Failure> {
        self.0.rewind().map_err(unkept)?;
        Ok(LaterRead(BufReader::new(self.0).lines()))
    }
}

/// The same in its order.
pub(super) struct LaterRead(io::Lines<BufReader<SpooledTempFile>>);

impl LaterRead {
    /// The next one; none at the end.
    pub(super) fn next(&mut self) -> Result<Option<Named>, Failure> {
        let Some(line) = self.0.next().transpose().map_err(unkept)? else { return Ok(None) };
        serde_json::from_str(&line).map(Some).map_err(Failure::local)
    }
}

fn unkept(error: io::Error) -> Failure {
    Failure::local(format!("keep the names of attachments and time series: {error}"))
}

/// Bytes of names that are kept in memory.
const NAMED_IN_MEMORY_BYTES: usize = 4 * 1024 * 1024;
