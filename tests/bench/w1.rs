//! W1, the first sync; W5, the same with the receiver killed half way.

use std::time::Duration;

use anyhow::{Result, ensure};
use jackdaw_proto::control::external_replication::Progress;
use jackdaw_tests::{client::Client, service::Service, site::Site, wait::until};
use serde::Serialize;
use tokio::time::Instant;

use crate::{documents::document, measure};

/// Documents of one transaction while the source is filled.
const FILL_AT_ONCE: u64 = 1_000;
/// The longest a run may take.
const LONGEST: Duration = Duration::from_secs(600);

/// What was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Outcome {
    documents: u64,
    seconds: f64,
    pub(crate) documents_a_second: f64,
    fill_documents_a_second: f64,
    cpu_micros_a_document: f64,
    sender_cpu_seconds: f64,
    receiver_cpu_seconds: f64,
    sender_peak_mib: f64,
    receiver_peak_mib: f64,
    items_sent: u64,
    items_sent_again: u64,
    bytes_sent: u64,
    load_before: f64,
}

impl Outcome {
    /// The table.
    #[expect(clippy::print_stderr, reason = "the table is for people")]
    pub(crate) fn print(&self, work: &str) -> Result<()> {
        eprintln!("{work}: {} documents in {:.2} s", self.documents, self.seconds);
        let rows = [
            ("documents a second", self.documents_a_second),
            ("documents a second, filling", self.fill_documents_a_second),
            ("CPU a document, both ends, µs", self.cpu_micros_a_document),
            ("CPU of the sender, s", self.sender_cpu_seconds),
            ("CPU of the receiver, s", self.receiver_cpu_seconds),
            ("peak memory of the sender, MiB", self.sender_peak_mib),
            ("peak memory of the receiver, MiB", self.receiver_peak_mib),
            ("load before", self.load_before),
        ];
        for (name, value) in rows {
            eprintln!("{name:>34}  {value:>12.1}");
        }
        eprintln!("{:>34}  {:>12}", "bytes sent", self.bytes_sent);
        eprintln!("{:>34}  {:>12}", "items sent again", self.items_sent_again);
        Ok(())
    }
}

/// One run.
pub(crate) async fn run(documents: u64, kill: bool) -> Result<Outcome> {
    let load_before = measure::load()?;
    let site = Site::new()?;
    let mut receiver = Service::start(&site, "receiver")?;
    let mut sender = Service::start(&site, "sender")?;
    let administrator = site.administrator()?;
    let source = Client::connect(&sender.url(), &administrator).await?;
    let mut destination = Client::connect(&receiver.url(), &administrator).await?;
    source.create_database("shop").await?;
    destination.create_database("copy").await?;

    let filling = Instant::now();
    for first in (0..documents).step_by(usize::try_from(FILL_AT_ONCE * 50)?) {
        let last = documents.min(first + FILL_AT_ONCE * 50);
        let part = (first..last).map(document).collect();
        source.write("shop", part, usize::try_from(FILL_AT_ONCE)?).await?;
    }
    let fill_seconds = filling.elapsed().as_secs_f64();
    // The sender of a first sync has not just written everything.
    drop(source);
    sender.terminate()?;
    sender.restart()?;
    let source = Client::connect(&sender.url(), &administrator).await?;
    let last_etag = source.database("shop").await?.last_etag;

    let sender_cpu = measure::cpu_seconds(sender.pid())?;
    let mut receiver_cpu = -measure::cpu_seconds(receiver.pid())?;
    let mut receiver_peak_mib = 0.0;
    let begin = Instant::now();
    let task = source.replicate("shop", "copy", &[receiver.url()]).await?.name;
    if kill {
        acknowledged(&source, &task, last_etag / 2).await?;
        receiver_cpu += measure::cpu_seconds(receiver.pid())?;
        receiver_peak_mib = measure::peak_memory_mib(receiver.pid())?;
        receiver.kill()?;
        receiver.restart()?;
        destination = Client::connect(&receiver.url(), &administrator).await?;
    }
    let progress = acknowledged(&source, &task, last_etag).await?;
    let seconds = begin.elapsed().as_secs_f64();

    let sender_cpu_seconds = measure::cpu_seconds(sender.pid())? - sender_cpu;
    let receiver_cpu_seconds = measure::cpu_seconds(receiver.pid())? + receiver_cpu;
    let copy = destination.database("copy").await?;
    ensure!(copy.documents == documents, "{} documents arrived", copy.documents);
    let count = documents as f64;
    Ok(Outcome {
        documents,
        seconds,
        documents_a_second: count / seconds,
        fill_documents_a_second: count / fill_seconds,
        cpu_micros_a_document: (sender_cpu_seconds + receiver_cpu_seconds) * 1e6 / count,
        sender_cpu_seconds,
        receiver_cpu_seconds,
        sender_peak_mib: measure::peak_memory_mib(sender.pid())?,
        receiver_peak_mib: measure::peak_memory_mib(receiver.pid())?.max(receiver_peak_mib),
        items_sent: progress.items_sent,
        items_sent_again: progress.items_sent.saturating_sub(documents),
        bytes_sent: progress.bytes_sent,
        load_before,
    })
}

/// Waits until the destination has acknowledged `etag`.
async fn acknowledged(source: &Client, task: &str, etag: u64) -> Result<Progress> {
    until(&format!("etag {etag} acknowledged"), LONGEST, async || {
        let progress = source.task(task).await?.progress.unwrap_or_default();
        Ok((progress.last_acknowledged_etag >= etag).then_some(progress))
    })
    .await
}
