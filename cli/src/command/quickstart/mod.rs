//! `jackdaw quickstart`: the whole of Jackdaw in one process, on a machine that has nothing yet.
//!
//! Two nodes over real mTLS on loopback, set up through the same APIs that anybody else uses; no
//! door of its own. Steps and progress go to standard error, the comparison to standard output.

mod display;
mod home;
mod next;
mod pair;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use jackdaw_node::shutdown::Trigger;
use jackdaw_node::telemetry::{self, LogFilter, LogFormat};
use jackdaw_proto::control::WatchExternalReplicationRequest;

use super::compare::{Compared, compare_databases, print};
use super::import::written_text;
use crate::connection::Service;
use crate::copied::{Goal, until_copied};
use crate::json_lines::{LineError, Lines, Numbered};
use crate::report::exit::{Exit, Failure};
use crate::report::output::{Output, note};
use crate::sample;
use crate::transfer::{Loaded, load, open_lines};
use display::Display;
use home::Home;
use pair::{Ends, Pair};

/// Start a sender and a receiver here, copy a sample, compare the copy, show what to try next.
///
/// Makes certificates, starts both services in this process over mTLS on loopback, creates a
/// database at each, a connection string and a task, writes documents, waits until the copy is
/// complete and compares both databases. Then it runs until interrupted.
#[derive(Args, Debug)]
pub(crate) struct Quickstart {
    /// End after the comparison: with 0 when both are equal, with another code otherwise
    #[arg(long)]
    once: bool,

    /// Copy what this file of JSON lines has, "-" for standard input, instead of the sample:
    /// documents, attachments, counters and time series, as `import` takes them
    #[arg(long, value_name = "FILE", conflicts_with = "documents")]
    import: Option<PathBuf>,

    /// Copy this many generated documents of about 1.2 KiB instead of the sample
    #[arg(long, value_name = "NUMBER")]
    documents: Option<u64>,

    /// New or empty folder for certificates, configuration and databases, which stays; without it
    /// all is in a temporary one
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,

    /// What both services log: off, error, warn, info, debug, trace, also module=level
    #[arg(long, value_name = "FILTER", default_value = "error")]
    log_level: LogFilter,
}

/// Name of the database at the sender.
const SOURCE: &str = "demo";

/// Name of the database at the receiver.
const DESTINATION: &str = "demo-copy";

/// How long the copy may get no further before it is given up.
const STALLED_AFTER: Duration = Duration::from_secs(60);

/// Differences that are named at most.
const NAMED_MAX: usize = 20;

impl Quickstart {
    pub(super) async fn run(self, output: Output) -> Result<Exit, Failure> {
        telemetry::init(&self.log_level, LogFormat::Text).map_err(Failure::local)?;
        let (trigger, mut shutdown) = Trigger::new();
        let signals = trigger.fire_on_signals();
        signals.map_err(|error| Failure::local(format!("catch signals: {error}")))?;
        let home = Home::open(self.folder.as_deref())?;
        let mut pair = Pair::start(&home).await?;
        let once = self.once;
        let mut ended = tokio::select! {
            ended = self.copy(pair.ends(), &home, output) => ended,
            () = shutdown.requested() => Ok(Exit::Interrupted),
            reason = pair.failed() => Err(Failure::local(reason)),
        };
        if matches!(ended, Ok(Exit::Done)) && !once {
            ended = tokio::select! {
                () = shutdown.requested() => Ok(Exit::Done),
                reason = pair.failed() => Err(Failure::local(reason)),
            };
            note("ending");
        }
        pair.stop().await;
        if matches!(ended, Err(_) | Ok(Exit::No)) {
            home.keep();
        }
        ended
    }

    /// Everything from the databases to the comparison, between services that run.
    async fn copy(self, ends: Ends, home: &Home, output: Output) -> Result<Exit, Failure> {
        let ends = ends.connect(&home.certificates()).await?;
        let (source, destination) = (&ends.source, &ends.destination);
        pair::prepare_databases(source, destination).await?;
        let task = pair::prepare_task(source, &ends.urls).await?;
        let display = Display::new(self.documents);
        let loaded = self.write(source, &task, &display).await;
        let copied = match loaded {
            Ok(loaded) => wait(source, &task, &loaded, &display).await,
            Err(failure) => Err(failure),
        };
        display.finish();
        copied?;
        let databases = [(source, SOURCE), (destination, DESTINATION)];
        let compared = Compared { revisions: true, contents: false };
        let report = compare_databases(databases, compared, NAMED_MAX).await?;
        print(output, &report)?;
        if !report.is_equal() {
            return Ok(Exit::No);
        }
        note(if self.once { next::after_once() } else { next::while_running(&ends.urls, home) });
        Ok(Exit::Done)
    }

    /// Writes the documents while the task copies them.
    async fn write(
        &self,
        source: &Service,
        task: &str,
        display: &Display,
    ) -> Result<Loaded, Failure> {
        let load = load(source, SOURCE, self.lines()?, |_, sent| display.sent(sent));
        let loaded = tokio::select! {
            loaded = load => loaded?,
            failure = show(source, task, display) => return Err(failure),
        };
        let written = written_text(&loaded.counts);
        display.note(&format!("{written} written to {SOURCE}"));
        Ok(loaded)
    }

    /// The documents to write.
    fn lines(&self) -> Result<BoxedLines, Failure> {
        Ok(match (&self.import, self.documents) {
            (Some(file), _) => from_file(file)?,
            (None, Some(documents)) => Box::new(sample::generated(documents)),
            (None, None) => Box::new(sample::built_in()),
        })
    }
}

type BoxedLines = Box<dyn Iterator<Item = Result<Numbered, LineError>> + Send>;

fn from_file(file: &Path) -> Result<BoxedLines, Failure> {
    let (input, _) = open_lines(file)?;
    Ok(Box::new(Lines::new(input)))
}

/// Shows the task until it cannot be watched any more.
async fn show(source: &Service, task: &str, display: &Display) -> Failure {
    let watch = async {
        let request = WatchExternalReplicationRequest { name: task.to_owned() };
        let mut client = source.tasks();
        let mut tasks = source.answer(client.watch_external_replication(request)).await?;
        while let Some(task) = tasks.message().await? {
            display.show(&task);
        }
        Err(Failure::no("the task was deleted"))
    };
    let watched: Result<std::convert::Infallible, Failure> = watch.await;
    match watched {
        Err(failure) => failure,
    }
}

/// Waits until everything that was written is acknowledged.
async fn wait(
    source: &Service,
    task: &str,
    loaded: &Loaded,
    display: &Display,
) -> Result<(), Failure> {
    let goal =
        Goal { task: task.to_owned(), etag: Some(loaded.last_etag), stalled_after: STALLED_AFTER };
    until_copied(source, goal, |task| {
        display.show(task);
        Ok(())
    })
    .await?;
    display.note(&format!("everything is acknowledged by the destination; {}", display.summary()));
    Ok(())
}
