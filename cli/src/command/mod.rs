//! The commands, one file each, and what several of them share.
//!
//! A command connects, calls, prints. It is given the output and answers how to end; it never ends
//! the process, and writes to standard output and error through `report::output` alone.

pub(crate) mod certificate;
pub(crate) mod compare;
pub(crate) mod compare_exchange;
pub(crate) mod connection_string;
pub(crate) mod database;
pub(crate) mod document;
pub(crate) mod export;
pub(crate) mod identity;
pub(crate) mod import;
pub(crate) mod quickstart;
pub(crate) mod serve;
pub(crate) mod task;

use std::io::{self, IsTerminal as _};

use clap::Args;

use crate::arguments::{Command, Jackdaw};
use crate::report::exit::{Exit, Failure};
use crate::report::output::{Output, Shown, counted, note, prompt};

/// Carries out a command.
pub(crate) async fn run(jackdaw: Jackdaw) -> Result<Exit, Failure> {
    let output = Output::new(jackdaw.output);
    match jackdaw.command {
        Command::Quickstart(quickstart) => Box::pin(quickstart.run(output)).await,
        Command::Serve(serve) => serve.run(output).await,
        Command::Certificate(certificate) => certificate.run(output),
        Command::Database(database) => database.run(output).await,
        Command::ConnectionString(string) => string.run(output).await,
        Command::Task(task) => Box::pin(task.run(output)).await,
        Command::Document(document) => document.run(output).await,
        Command::Attachment(attachment) => Box::pin(attachment.run(output)).await,
        Command::Counter(counter) => counter.run(output).await,
        Command::TimeSeries(series) => Box::pin(series.run(output)).await,
        Command::CompareExchange(exchange) => exchange.run(output).await,
        Command::Identity(identity) => identity.run(output).await,
        Command::Revision(revision) => Box::pin(revision.run(output)).await,
        Command::Import(import) => import.run(output).await,
        Command::Export(export) => export.run(output).await,
        Command::Compare(compare) => compare.run(output).await,
    }
}

/// The database that a command is about.
#[derive(Args, Clone, Debug)]
pub(crate) struct DatabaseOption {
    /// Name of the database
    #[arg(long, value_name = "NAME", env = "JACKDAW_DATABASE")]
    pub(crate) database: String,
}

impl DatabaseOption {
    /// The resource name: `databases/NAME`.
    pub(crate) fn resource(&self) -> String {
        database_resource(&self.database)
    }
}

/// The resource name of a database.
pub(crate) fn database_resource(name: &str) -> String {
    if name.starts_with("databases/") { name.to_owned() } else { format!("databases/{name}") }
}

/// How a deletion is confirmed, or only shown.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct DeletionOptions {
    /// Do not ask; without a terminal nothing is asked
    #[arg(long, short)]
    yes: bool,

    /// Show what would be deleted, delete nothing
    #[arg(long)]
    dry_run: bool,
}

impl DeletionOptions {
    /// Whether to go on, once the person at the terminal has been asked. An error when they say
    /// anything but yes.
    fn confirmed(self, what: &str) -> Result<bool, Failure> {
        if self.dry_run {
            note(format_args!("would delete {what}; nothing was deleted"));
            return Ok(false);
        }
        if self.yes || !io::stdin().is_terminal() {
            return Ok(true);
        }
        prompt(format_args!("Delete {what}? [y/N] "));
        let mut answer = String::new();
        let read = io::stdin().read_line(&mut answer);
        read.map_err(|error| Failure::local(format!("read the answer: {error}")))?;
        match answer.trim().to_ascii_lowercase().as_str() {
            "y" | "yes" => Ok(true),
            _ => Err(Failure::usage("not confirmed; nothing was deleted")),
        }
    }
}

/// How much of a list is shown.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct ListOptions {
    /// How many at most
    #[arg(long, value_name = "NUMBER", default_value_t = 100)]
    limit: usize,
}

impl ListOptions {
    /// Prints what a list has, asked for as [`pages`] does, and says where there is more of it.
    async fn show<T: Shown>(
        self,
        noun: &str,
        output: Output,
        page: impl AsyncFnMut(String, usize) -> Result<(Vec<T>, String), Failure>,
    ) -> Result<(), Failure> {
        let (entries, more) = pages(self.limit, page).await?;
        output.many(&entries)?;
        if more {
            let limit = counted(self.limit as u64, noun);
            note(format_args!("there are more than {limit}: --limit"));
        }
        Ok(())
    }
}

/// Asks for page after page until there is no other, or until `limit` entries are there.
///
/// `page` is given the token of the page and how many entries are still wanted, and answers the
/// entries with the next token. The second value says whether there are more.
pub(crate) async fn pages<T>(
    limit: usize,
    mut page: impl AsyncFnMut(String, usize) -> Result<(Vec<T>, String), Failure>,
) -> Result<(Vec<T>, bool), Failure> {
    let (mut entries, mut token) = (Vec::new(), String::new());
    loop {
        let wanted = limit - entries.len();
        let (more, next) = page(token, wanted).await?;
        entries.extend(more);
        if next.is_empty() || entries.len() >= limit {
            let more = !next.is_empty() || entries.len() > limit;
            entries.truncate(limit);
            return Ok((entries, more));
        }
        token = next;
    }
}

/// Entries of a page at most, as the services have it.
pub(crate) const PAGE_MAX: usize = 1000;

/// The size of a page on which so many entries are wanted.
pub(crate) fn page_size(wanted: usize) -> i32 {
    i32::try_from(wanted.min(PAGE_MAX)).unwrap_or_default()
}

#[cfg(test)]
mod tests;
