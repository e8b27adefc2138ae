//! `jackdaw compare`: two databases read in full and compared.

use std::cell::RefCell;
use std::path::PathBuf;

use clap::Args;
use futures_util::{Stream, TryStreamExt as _};
use jackdaw_common::DocumentId;
use jackdaw_node::channel::ReceiverUrl;
use jackdaw_proto::documents::{
    GetAttachmentRequest, GetAttachmentResponse, StreamDocumentsRequest, StreamDocumentsResponse,
    StreamRevisionsRequest, StreamRevisionsResponse,
};
use serde::Serialize;
use tonic::Status;

use crate::compare::{
    CompareError, Contents, ContentsError, Report, Side, compare, compare_revisions,
};
use crate::connection::{IdentityOptions, PatienceOptions, Service};
use crate::report::exit::{Exit, Failure};
use crate::report::output::{Format, Output, counted};
use crate::report::progress::Progress;

/// Compare two databases: ids, bodies byte by byte, change vectors, conflicts, attachments by their
/// hashes, counters by their values, or by what they are the sum of where that is beyond 64 bits,
/// time series by digests of all that they show, revisions whole.
///
/// That a service has the contents of its attachments, and has them as they were, is checked with
/// --contents only: without it both ends may list the same hash while one of them has lost the
/// bytes. Contents that only a version in conflict has are never read.
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

    /// Read the content of each attachment, of revisions too where those are compared, once at
    /// each end, and compare it with its hash
    #[arg(long)]
    contents: bool,

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
        let what = Compared { revisions: !self.no_revisions, contents: self.contents };
        let report = compare_databases(ends, what, self.names).await?;
        print(output, &report)?;
        Ok(if report.is_equal() { Exit::Done } else { Exit::No })
    }
}

/// What is compared beside documents.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Compared {
    /// Revisions.
    pub(crate) revisions: bool,
    /// The contents of attachments.
    pub(crate) contents: bool,
}

/// Compares a source and a destination, each a service and the name of a database, with progress
/// on a terminal.
pub(crate) async fn compare_databases(
    ends: [(&Service, &str); 2],
    what: Compared,
    named_max: usize,
) -> Result<Report, Failure> {
    let progress = Progress::counting("comparing");
    let ends = ends.map(|(service, database)| {
        let contents = what.contents.then(RefCell::default);
        End { service, database, contents }
    });
    let report = compare_all(ends, what, named_max, &progress).await;
    progress.finish();
    report
}

/// One end, and the contents that it has listed, where they are to be read.
struct End<'a> {
    service: &'a Service,
    database: &'a str,
    contents: Option<RefCell<Contents>>,
}

impl End<'_> {
    fn documents(
        &self,
        after_id: String,
    ) -> impl Stream<Item = Result<StreamDocumentsResponse, Status>> + Unpin {
        let parts = self.service.stream_documents(StreamDocumentsRequest {
            database: self.database.to_owned(),
            id_prefix: String::new(),
            include_counters_and_time_series: true,
            include_time_series_digests: true,
            after_id,
        });
        Box::pin(parts.inspect_ok(|part| {
            if let Some(contents) = &self.contents {
                contents.borrow_mut().of_documents(part);
            }
        }))
    }

    fn revisions(
        &self,
        after_id: String,
    ) -> impl Stream<Item = Result<StreamRevisionsResponse, Status>> + Unpin {
        let parts = self.service.stream_revisions(StreamRevisionsRequest {
            database: self.database.to_owned(),
            id_prefix: String::new(),
            after_id,
        });
        Box::pin(parts.inspect_ok(|part| {
            if let Some(contents) = &self.contents {
                contents.borrow_mut().of_revisions(part);
            }
        }))
    }

    fn content(
        &self,
        request: GetAttachmentRequest,
    ) -> impl Stream<Item = Result<GetAttachmentResponse, Status>> + Unpin + use<> {
        let database = self.database.to_owned();
        Box::pin(self.service.stream_attachment(GetAttachmentRequest { database, ..request }))
    }
}

async fn compare_all(
    mut ends: [End<'_>; 2],
    what: Compared,
    named_max: usize,
    progress: &Progress,
) -> Result<Report, Failure> {
    let [source, destination] = &ends;
    let seen = |rows| progress.set(rows, counted(rows / 2, "document"));
    let left = |behind: Option<&_>| source.documents(text(behind));
    let right = |behind: Option<&_>| destination.documents(text(behind));
    let report = compare(left, right, named_max, seen).await;
    let mut report = report.map_err(failure)?;
    if what.revisions {
        let seen = |revisions| progress.set(revisions, counted(revisions / 2, "revision"));
        let left = |behind: Option<&_>| source.revisions(text(behind));
        let right = |behind: Option<&_>| destination.revisions(text(behind));
        compare_revisions(&mut report, left, right, seen).await.map_err(failure)?;
    }
    let mut bytes = 0;
    for (side, end) in [Side::Source, Side::Destination].into_iter().zip(&mut ends) {
        let Some(contents) = end.contents.take() else { continue };
        let seen = |more| {
            bytes += more;
            progress.set(bytes, format!("{} of contents", counted(bytes, "byte")));
        };
        let open = |request| end.content(request);
        let checked = contents.into_inner().check(&mut report, side, open, seen).await;
        checked.map_err(|error| match error {
            ContentsError::Read(error) => failure(error),
            ContentsError::Noted(_) => Failure::local(error),
        })?;
    }
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
