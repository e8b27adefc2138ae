//! `jackdaw export`: a database into JSON lines.

use std::path::PathBuf;

use clap::Args;

use super::DatabaseOption;
use crate::connection::ConnectionOptions;
use crate::report::exit::{Exit, Failure};
use crate::report::output::{Output, counted, note, printable};
use crate::report::progress::Progress;
use crate::transfer::{Exported, Target, export};

/// Read a database into JSON lines, one consistent snapshot of it, in id order.
///
/// Bodies are byte for byte what was written. Attachments are not among the lines; how many there
/// are is said. A document in conflict has no one body: it is left
/// out and named, and the exit code is 1. A file appears under its name when all is written.
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

    /// Replace the file if it exists
    #[arg(long)]
    force: bool,
}

impl Export {
    pub(super) async fn run(self, _: Output) -> Result<Exit, Failure> {
        let mut target = Target::open(&self.file, self.force)?;
        let service = self.connection.connect().await?;
        let progress = Progress::counting("exporting");
        let exported =
            export(&service, &self.database.database, &self.prefix, &mut target, |documents| {
                progress.set(documents, counted(documents, "document"));
            })
            .await;
        progress.finish();
        let exported = exported?;
        target.finish()?;
        note(format_args!("{} written", counted(exported.documents, "document")));
        if exported.attachments_left_out > 0 {
            let count = counted(exported.attachments_left_out, "attachment");
            note(format_args!("left out, since lines have documents only: {count}"));
        }
        if exported.in_conflict == 0 {
            return Ok(Exit::Done);
        }
        report_conflicts(&exported);
        Ok(Exit::No)
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
