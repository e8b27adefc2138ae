//! `jackdaw export`: a database into JSON lines.

use std::path::PathBuf;

use clap::Args;

use super::DatabaseOption;
use super::import::{Only, written_text};
use crate::connection::ConnectionOptions;
use crate::json_lines::Kind;
use crate::report::exit::{Exit, Failure};
use crate::report::output::{Output, counted, note, printable};
use crate::report::progress::Progress;
use crate::transfer::{ExportOptions, Exported, Target, export};

/// Read a database into JSON lines: revisions, then documents of one consistent snapshot in id
/// order, each with its counters behind it, then attachments and time series.
///
/// Bodies are byte for byte what was written. Attachments, time series and revisions are read after
/// the snapshot, as they then are. An attachment of more than 47 MiB has several lines. What no
/// line can have, a revision whose attachments are together larger than that for instance, is
/// counted, and so is what has gone meanwhile. A document in conflict has no one body:
/// it is left out, with what it has, and named, and the exit code is 1; if it came into conflict
/// meanwhile it is named, and its attachments are left out. A file appears under its name when all
/// is written.
#[derive(Args, Debug)]
pub(crate) struct Export {
    #[command(flatten)]
    connection: ConnectionOptions,

    #[command(flatten)]
    database: DatabaseOption,

    /// File to write; "-": standard output
    #[arg(default_value = "-")]
    file: PathBuf,

    /// Only ids that begin with this, any casing
    #[arg(long, value_name = "PREFIX", default_value = "", hide_default_value = true)]
    prefix: String,

    /// Leave out whatever is no document
    #[arg(long, value_name = "KIND", value_enum)]
    only: Option<Only>,

    /// Replace the file if it exists
    #[arg(long)]
    force: bool,
}

impl Export {
    pub(super) async fn run(self, _: Output) -> Result<Exit, Failure> {
        let mut target = Target::open(&self.file, self.force)?;
        let service = self.connection.connect().await?;
        let progress = Progress::counting("exporting");
        let options = ExportOptions {
            database: self.database.database,
            id_prefix: self.prefix,
            only_documents: self.only == Some(Only::Documents),
        };
        let exported = export(&service, &options, &mut target, |documents| {
            progress.set(documents, counted(documents, "document"));
        })
        .await;
        progress.finish();
        let exported = exported?;
        target.finish()?;
        note(format_args!("{} written", written_text(&exported.counts)));
        for (kind, count) in &exported.left_out {
            note(format_args!("left out: {}", unwritable(*kind, *count)));
        }
        for (kind, count) in &exported.gone {
            note(format_args!("gone meanwhile: {}", counted(*count, noun(*kind))));
        }
        if exported.in_conflict > 0 {
            report_conflicts(&exported);
        }
        let is_whole = exported.left_out.is_empty() && exported.in_conflict == 0;
        Ok(if is_whole { Exit::Done } else { Exit::No })
    }
}

/// What no line can have, and why.
fn unwritable(kind: Kind, count: u64) -> String {
    match kind {
        Kind::Document | Kind::Attachment => counted(count, noun(kind)),
        Kind::Counter => format!("{}, beyond 64 bits", counted(count, noun(kind))),
        Kind::TimeSeries => {
            format!("{} with values that are not finite", counted(count, "time series entry"))
        }
        Kind::Revision => {
            format!("{} with attachments, too large for a line", counted(count, noun(kind)))
        }
    }
}

/// One of a kind.
fn noun(kind: Kind) -> &'static str {
    match kind {
        Kind::Document => "document",
        Kind::Attachment => "attachment",
        Kind::Counter => "counter",
        Kind::TimeSeries => "time series",
        Kind::Revision => "revision",
    }
}

fn report_conflicts(exported: &Exported) {
    let count = counted(exported.in_conflict, "document");
    note(format_args!("left out, because they are in conflict: {count}"));
    for id in &exported.conflicts_named {
        note(format_args!("  {}", printable(id)));
    }
    let unnamed = exported.in_conflict - exported.conflicts_named.len() as u64;
    if unnamed > 0 {
        note(format_args!("  and {unnamed} more"));
    }
}
