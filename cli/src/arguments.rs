//! What may be typed: the command and its subcommands, each with the arguments of its own file.

use clap::{Parser, Subcommand};

use crate::command::certificate::CertificateCommand;
use crate::command::compare::Compare;
use crate::command::compare_exchange::CompareExchangeCommand;
use crate::command::connection_string::ConnectionStringCommand;
use crate::command::database::DatabaseCommand;
use crate::command::document::DocumentCommand;
use crate::command::document::attachment::AttachmentCommand;
use crate::command::document::counter::CounterCommand;
use crate::command::document::revision::RevisionCommand;
use crate::command::document::time_series::TimeSeriesCommand;
use crate::command::export::Export;
use crate::command::identity::IdentityCommand;
use crate::command::import::Import;
use crate::command::quickstart::Quickstart;
use crate::command::serve::Serve;
use crate::command::task::TaskCommand;
use crate::report::exit;
use crate::report::output::Format;

/// Keeps a live, one-way copy of a document database in another one.
#[derive(Debug, Parser)]
#[command(name = "jackdaw", version, after_help = exit::HELP)]
pub struct Jackdaw {
    /// How data is printed on standard output; messages go to standard error
    #[arg(long, value_enum, value_name = "FORMAT", global = true, default_value = "table")]
    pub(crate) output: Format,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start a sender and a receiver here, copy a sample, compare the copy, show what to try next
    Quickstart(Quickstart),
    /// Run a service: a sender, a receiver, or both in one process
    Serve(Serve),
    /// Make certificates for development, show what is in one
    Certificate(CertificateCommand),
    /// Databases of a service
    Database(DatabaseCommand),
    /// Connection strings of a source database: where tasks send to
    ConnectionString(ConnectionStringCommand),
    /// Replication tasks of a source database
    Task(TaskCommand),
    /// Documents of a database
    Document(DocumentCommand),
    /// Attachments of documents
    Attachment(AttachmentCommand),
    /// Counters of documents
    Counter(CounterCommand),
    /// Time series of documents
    TimeSeries(TimeSeriesCommand),
    /// Compare-exchange items of a database: never replicated
    CompareExchange(CompareExchangeCommand),
    /// Identities of a database, the numbers of generated ids: never replicated
    Identity(IdentityCommand),
    /// Revisions of documents, and of which collections they are kept
    Revision(RevisionCommand),
    /// Write JSON lines into a database
    Import(Import),
    /// Read a database into JSON lines
    Export(Export),
    /// Compare two databases: documents, attachments, counters, time series, change vectors
    Compare(Compare),
}

#[cfg(test)]
mod tests;
