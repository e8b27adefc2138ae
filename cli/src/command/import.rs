//! `jackdaw import`: JSON lines into a database.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::DatabaseOption;
use crate::connection::ConnectionOptions;
use crate::json_lines::{Lines, OtherKind};
use crate::report::exit::{Exit, Failure};
use crate::report::output::{Format, Output, counted};
use crate::report::progress::Progress;
use crate::transfer::{LoadOptions, Loaded, load, open_lines};

/// Write JSON lines into a database.
///
/// A line is {"kind":"document","id":"movies/1","body":{…}}. Bodies are kept byte for byte. The
/// kinds attachment, counter and time_series are not taken yet: such a line ends the import, or is
/// left out with --only documents. Documents are written in transactions of up to 256; the first
/// line that is not valid ends the import, and everything before it is written.
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
    only: Option<Kind>,
}

/// The kinds of lines that are taken.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// Documents.
    Documents,
}

/// What an import tells a program.
#[derive(Serialize)]
struct ImportView {
    documents: u64,
    last_etag: u64,
    left_out: BTreeMap<&'static str, u64>,
}

impl Import {
    pub(super) async fn run(self, output: Output) -> Result<Exit, Failure> {
        let (input, bytes) = open_lines(&self.file)?;
        let service = self.connection.connect().await?;
        let progress = Progress::bytes("importing", bytes);
        let only_documents = matches!(self.only, Some(Kind::Documents));
        let options = LoadOptions { database: self.database.database, only_documents };
        let lines = Lines::new(input);
        let loaded = load(&service, options, lines, |bytes, documents| {
            progress.set(bytes, counted(documents, "document"));
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
        let left_out = loaded.left_out.into_iter().map(|(kind, count)| (kind.as_str(), count));
        Self {
            documents: loaded.documents,
            last_etag: loaded.last_etag,
            left_out: left_out.collect(),
        }
    }
}

fn text(loaded: &Loaded) -> String {
    let written = counted(loaded.documents, "document");
    let left_out = left_out_text(&loaded.left_out);
    format!("{written} written, the last with etag {}{left_out}", loaded.last_etag)
}

/// What was left out, as the end of a sentence; empty when nothing was.
pub(crate) fn left_out_text(left_out: &BTreeMap<OtherKind, u64>) -> String {
    if left_out.is_empty() {
        return String::new();
    }
    let counts = left_out.iter().map(|(kind, count)| counted(*count, &format!("{kind} line")));
    format!("; left out: {}", counts.collect::<Vec<_>>().join(", "))
}
