//! W1, the first sync; W5, the same with the receiver killed half way.

use anyhow::{Result, ensure};
use clap::Args;
use serde::Serialize;
use tokio::time::Instant;

use crate::{
    measure::Usage,
    outcome::{self, Row},
    pair::{Meter, Pair},
};

/// How much.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// Documents
    #[arg(long, default_value_t = 200_000)]
    documents: u64,
}

/// What was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Outcome {
    work: &'static str,
    documents: u64,
    seconds: f64,
    documents_a_second: f64,
    fill_documents_a_second: f64,
    cpu_micros_a_document: f64,
    #[serde(flatten)]
    usage: Usage,
    items_sent: u64,
    items_sent_again: u64,
    bytes_sent: u64,
    load_before: f64,
}

impl outcome::Outcome for Outcome {
    fn merit(&self) -> f64 {
        self.documents_a_second
    }

    fn title(&self) -> String {
        format!("{}: {} documents in {:.2} s", self.work, self.documents, self.seconds)
    }

    fn rows(&self) -> Vec<Row> {
        let mut rows = vec![
            Row::number("documents a second", self.documents_a_second),
            Row::number("documents a second, filling", self.fill_documents_a_second),
            Row::number("CPU a document, both ends, µs", self.cpu_micros_a_document),
        ];
        rows.extend(Row::usage(&self.usage));
        rows.extend([
            Row::number("load before", self.load_before),
            Row::count("bytes sent", self.bytes_sent),
            Row::count("items sent again", self.items_sent_again),
        ]);
        rows
    }
}

/// One run.
pub(crate) async fn run(arguments: &Arguments, kill: bool) -> Result<Outcome> {
    let documents = arguments.documents;
    let mut pair = Pair::start().await?;
    let filling = Instant::now();
    let last_etag = pair.fill(documents).await?;
    let fill_seconds = filling.elapsed().as_secs_f64();
    // The sender of a first sync has not just written everything.
    pair.restart_sender().await?;

    let mut meter = Meter::start(&pair)?;
    let begin = Instant::now();
    let task = pair.replicate().await?;
    if kill {
        pair.acknowledged(&task, last_etag / 2).await?;
        meter.receiver_ends(&pair)?;
        pair.kill_receiver().await?;
    }
    let progress = pair.acknowledged(&task, last_etag).await?;
    let seconds = begin.elapsed().as_secs_f64();

    let usage = meter.read(&pair)?;
    let copy = pair.destination.database("copy").await?;
    ensure!(copy.documents == documents, "{} documents arrived", copy.documents);
    Ok(Outcome {
        work: if kill { "w5" } else { "w1" },
        documents,
        seconds,
        documents_a_second: documents as f64 / seconds,
        fill_documents_a_second: documents as f64 / fill_seconds,
        cpu_micros_a_document: usage.cpu_micros(documents),
        usage,
        items_sent: progress.items_sent,
        items_sent_again: progress.items_sent.saturating_sub(documents),
        bytes_sent: progress.bytes_sent,
        load_before: pair.load_before,
    })
}
