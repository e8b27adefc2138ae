//! `jackdaw compare`: two databases read in full and compared.

use std::path::PathBuf;

use clap::Args;
use jackdaw_common::DocumentId;
use jackdaw_node::channel::ReceiverUrl;
use jackdaw_proto::documents::{StreamDocumentsRequest, StreamRevisionsRequest};
use serde::Serialize;

use crate::compare::{CompareError, Report, compare, compare_revisions};
use crate::connection::{IdentityOptions, PatienceOptions, Service};
use crate::report::exit::{Exit, Failure};
use crate::report::output::{Format, Output, counted};
use crate::report::progress::Progress;

/// Compare two databases: ids, bodies byte by byte, change vectors, conflicts, attachments by their
/// hashes, counters by their values, or by what they are the sum of where that is beyond 64 bits,
/// time series by digests of all that they show, revisions whole.
///
/// Each end is read as it is at one moment, its revisions at a later one, not both at the same:
/// compare when nothing is written. Where one end is ahead of the other for so long that its
/// service ends its stream, both are read on as they are by then; the output says behind which
/// document, and "later" with each difference found there.
/// Versions in conflict of which an end leaves something out, since they are very large, are told
/// as not compared. Exit codes: 0 equal, 1 different or not all compared, 2 and higher no result.
#[derive(Args, Debug)]
pub(crate) struct Compare {
    /// Service of the source
    #[arg(long, value_name = "URL")]
    source_url: ReceiverUrl,

    /// Database at the source
    #[arg(long, value_name = "NAME")]
    source_database: String,

    /// Service of the destination
    #[arg(long, value_name = "URL")]
    destination_url: ReceiverUrl,

    /// Database at the destination
    #[arg(long, value_name = "NAME")]
    destination_database: String,

    /// Leave revisions out: a destination that keeps some by rules of its own has others
    #[arg(long)]
    no_revisions: bool,

    /// Differences that are named at most; all are counted
    #[arg(long, value_name = "NUMBER", default_value_t = 20)]
    names: usize,

    #[command(flatten)]
    identity: IdentityOptions,

    #[command(flatten)]
    destination_identity: DestinationIdentity,

    #[command(flatten)]
    patience: PatienceOptions,
}

/// As whom to speak to the destination, where that is not as to the source.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Connection")]
struct DestinationIdentity {
    /// As --folder, for the destination only
    #[arg(long, value_name = "DIR")]
    destination_folder: Option<PathBuf>,

    /// As --certificate, for the destination only
    #[arg(long, value_name = "FILE")]
    destination_certificate: Option<PathBuf>,

    /// As --key, for the destination only
    #[arg(long, value_name = "FILE")]
    destination_key: Option<PathBuf>,

    /// As --authority, for the destination only
    #[arg(long, value_name = "FILE")]
    destination_authority: Option<PathBuf>,
}

impl DestinationIdentity {
    /// What is said for the destination, and else what holds for both. A folder of the
    /// destination's own counts before single files for both.
    fn over(&self, both: &IdentityOptions) -> IdentityOptions {
        let both = match &self.destination_folder {
            Some(folder) => {
                IdentityOptions { folder: Some(folder.clone()), ..IdentityOptions::default() }
            }
            None => both.clone(),
        };
        IdentityOptions {
            folder: both.folder,
            certificate: self.destination_certificate.clone().or(both.certificate),
            key: self.destination_key.clone().or(both.key),
            authority: self.destination_authority.clone().or(both.authority),
        }
    }
}

/// What a comparison tells a program.
#[derive(Serialize)]
struct CompareView<'a> {
    equal: bool,
    #[serde(flatten)]
    report: &'a Report,
}

impl Compare {
    pub(super) async fn run(self, output: Output) -> Result<Exit, Failure> {
        let timeout = self.patience.timeout;
        let theirs = self.destination_identity.over(&self.identity).files();
        let source = Service::connect(&self.source_url, &self.identity.files(), timeout).await;
        let source = source.map_err(|failure| failure.while_doing("source"))?;
        let destination = Service::connect(&self.destination_url, &theirs, timeout).await;
        let destination = destination.map_err(|failure| failure.while_doing("destination"))?;
        let ends = [(&source, &*self.source_database), (&destination, &*self.destination_database)];
        let report = compare_databases(ends, !self.no_revisions, self.names).await?;
        print(output, &report)?;
        Ok(if report.is_equal() { Exit::Done } else { Exit::No })
    }
}

/// Compares a source and a destination, each a service and the name of a database, with progress
/// on a terminal.
pub(crate) async fn compare_databases(
    ends: [(&Service, &str); 2],
    revisions: bool,
    named_max: usize,
) -> Result<Report, Failure> {
    let progress = Progress::counting("comparing");
    let report = compare_all(ends, revisions, named_max, &progress).await;
    progress.finish();
    report
}

async fn compare_all(
    [(source, source_database), (destination, destination_database)]: [(&Service, &str); 2],
    revisions: bool,
    named_max: usize,
    progress: &Progress,
) -> Result<Report, Failure> {
    let documents = |service: &Service, database: &str, behind: Option<&DocumentId>| {
        Box::pin(service.stream_documents(StreamDocumentsRequest {
            database: database.to_owned(),
            id_prefix: String::new(),
            include_counters_and_time_series: true,
            include_time_series_digests: true,
            after_id: text(behind),
        }))
    };
    let left = |behind: Option<&DocumentId>| documents(source, source_database, behind);
    let right = |behind: Option<&DocumentId>| documents(destination, destination_database, behind);
    let seen = |rows| progress.set(rows, counted(rows / 2, "document"));
    let report = compare(left, right, named_max, seen).await;
    let mut report = report.map_err(failure)?;
    if !revisions {
        return Ok(report);
    }
    let revisions = |service: &Service, database: &str, behind: Option<&DocumentId>| {
        Box::pin(service.stream_revisions(StreamRevisionsRequest {
            database: database.to_owned(),
            id_prefix: String::new(),
            after_id: text(behind),
        }))
    };
    let left = |behind: Option<&DocumentId>| revisions(source, source_database, behind);
    let right = |behind: Option<&DocumentId>| revisions(destination, destination_database, behind);
    let seen = |revisions| progress.set(revisions, counted(revisions / 2, "revision"));
    compare_revisions(&mut report, left, right, seen).await.map_err(failure)?;
    Ok(report)
}

fn text(behind: Option<&DocumentId>) -> String {
    behind.map(|id| id.as_str().to_owned()).unwrap_or_default()
}

fn failure(error: CompareError) -> Failure {
    match error {
        CompareError::Read { side, status } => Failure::from(*status).while_doing(side),
        other => Failure::local(other),
    }
}

/// Prints a report.
pub(crate) fn print(output: Output, report: &Report) -> Result<(), Failure> {
    match output.format() {
        Format::Json | Format::Yaml => {
            output.value(&CompareView { equal: report.is_equal(), report })
        }
        Format::Table => output.text(report.to_string().trim_end()),
    }
}
