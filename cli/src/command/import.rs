//! `jackdaw import`: JSON lines into a database.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::DatabaseOption;
use crate::connection::ConnectionOptions;
use crate::json_lines::{Kind, Lines};
use crate::report::exit::{Exit, Failure};
use crate::report::output::{Format, Output, counted};
use crate::report::progress::Progress;
use crate::transfer::{Loaded, load, open_lines};

/// Write JSON lines into a database.
///
/// A line is a document, {"kind":"document","id":"movies/1","body":{…}}, whose body is kept byte
/// for byte, or what a document before it has: an attachment, a counter or a time series, as
/// `export` writes them, a large attachment in several lines; or a revision of a document, which is
/// put among its revisions, whatever is configured, unless it is there. The value of a counter is
/// added to the one that is there, and so are the values of a time series whose name begins with
/// "INC:": such a line counts twice when it is imported twice, also after an import that failed
/// half way. Lines are written in transactions of up to 256; the first one that is not valid ends
/// the import, and everything before it is written.
#[derive(Args, Debug)]
pub(crate) struct Import {
    #[command(flatten)]
    connection: ConnectionOptions,

    #[command(flatten)]
    database: DatabaseOption,

    /// File to read; "-": standard input
    file: PathBuf,

    /// Leave out, and count, lines of any other kind
    #[arg(long, value_name = "KIND", value_enum)]
    only: Option<Only>,
}

/// What alone is taken, or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Only {
    /// Documents.
    Documents,
}

/// What an import tells a program.
#[derive(Serialize)]
struct ImportView {
    documents: u64,
    attachments: u64,
    counters: u64,
    time_series: u64,
    revisions: u64,
    last_etag: u64,
    left_out: BTreeMap<&'static str, u64>,
}

impl Import {
    pub(super) async fn run(self, output: Output) -> Result<Exit, Failure> {
        let (input, bytes) = open_lines(&self.file)?;
        let service = self.connection.connect().await?;
        let progress = Progress::bytes("importing", bytes);
        let lines = Lines::new(input).only_documents(self.only == Some(Only::Documents));
        let loaded = load(&service, &self.database.database, lines, |bytes, records| {
            progress.set(bytes, counted(records, "record"));
        })
        .await;
        progress.finish();
        let loaded = loaded?;
        match output.format() {
            Format::Json | Format::Yaml => output.value(&ImportView::from(loaded))?,
            Format::Table => output.text(text(&loaded))?,
        }
        Ok(Exit::Done)
    }
}

impl From<Loaded> for ImportView {
    fn from(loaded: Loaded) -> Self {
        let count = |kind| loaded.counts.get(&kind).copied().unwrap_or_default();
        let (documents, attachments) = (count(Kind::Document), count(Kind::Attachment));
        let (counters, time_series) = (count(Kind::Counter), count(Kind::TimeSeries));
        let left_out = loaded.left_out.into_iter().map(|(kind, count)| (kind.as_str(), count));
        Self {
            documents,
            attachments,
            counters,
            time_series,
            revisions: count(Kind::Revision),
            last_etag: loaded.last_etag,
            left_out: left_out.collect(),
        }
    }
}

fn text(loaded: &Loaded) -> String {
    let written = written_text(&loaded.counts);
    let left_out = left_out_text(&loaded.left_out);
    format!("{written} written, the last with etag {}{left_out}", loaded.last_etag)
}

/// How many lines of which kinds: always documents, the others where there are any.
pub(crate) fn written_text(counts: &BTreeMap<Kind, u64>) -> String {
    let count = |kind| counts.get(&kind).copied().unwrap_or_default();
    let mut text = counted(count(Kind::Document), "document");
    for (kind, noun) in [
        (Kind::Attachment, "attachment"),
        (Kind::Counter, "counter"),
        (Kind::TimeSeries, "time series line"),
        (Kind::Revision, "revision"),
    ] {
        if count(kind) > 0 {
            text.push_str(&format!(", {}", counted(count(kind), noun)));
        }
    }
    text
}

/// What was left out, as the end of a sentence; empty when nothing was.
pub(crate) fn left_out_text(left_out: &BTreeMap<Kind, u64>) -> String {
    if left_out.is_empty() {
        return String::new();
    }
    let counts = left_out.iter().map(|(kind, count)| counted(*count, &format!("{kind} line")));
    format!("; left out: {}", counts.collect::<Vec<_>>().join(", "))
}
