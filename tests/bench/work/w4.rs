//! W4: updates of documents that have been copied, each once, in random order.
//!
//! Twice: while they are written, so that source and destination share the machine; and all at
//! once, written while the task was disabled, which is what replication alone can.

use anyhow::{Result, ensure};
use clap::Args;
use jackdaw_proto::documents::BulkWriteRequest;
use jackdaw_tests::{client::transactions, random::Random};
use serde::Serialize;
use tokio::time::Instant;

use crate::{
    documents::version,
    measure::Usage,
    outcome::{self, Row},
    pair::{AT_ONCE, Meter, Pair},
};

/// How much.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// Documents, and updates
    #[arg(long, default_value_t = 50_000)]
    documents: u64,
    /// Updates of one transaction
    #[arg(long, default_value_t = AT_ONCE)]
    at_once: usize,
}

/// What was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Outcome {
    work: &'static str,
    documents: u64,
    at_once: usize,
    /// From the first update written to the last one acknowledged.
    live_seconds: f64,
    live_updates_a_second: f64,
    /// Written, in the same time.
    live_written_a_second: f64,
    live_cpu_micros_an_update: f64,
    /// From the task enabled to the last update acknowledged, all of them written before.
    pending_seconds: f64,
    pending_updates_a_second: f64,
    pending_cpu_micros_an_update: f64,
    /// Of both together.
    #[serde(flatten)]
    usage: Usage,
    load_before: f64,
}

impl outcome::Outcome for Outcome {
    fn merit(&self) -> f64 {
        self.live_updates_a_second
    }

    fn title(&self) -> String {
        format!("w4: {} updates, {} a transaction", self.documents, self.at_once)
    }

    fn rows(&self) -> Vec<Row> {
        let mut rows = vec![
            Row::number("updates a second, written and copied", self.live_updates_a_second),
            Row::number("written at the source meanwhile", self.live_written_a_second),
            Row::number("CPU an update of it, both ends, µs", self.live_cpu_micros_an_update),
            Row::number("updates a second, copied only", self.pending_updates_a_second),
            Row::number("CPU an update of it, both ends, µs", self.pending_cpu_micros_an_update),
        ];
        rows.extend(Row::usage(&self.usage));
        rows.push(Row::number("load before", self.load_before));
        rows
    }
}

/// One run.
pub(crate) async fn run(arguments: &Arguments) -> Result<Outcome> {
    let documents = arguments.documents;
    let mut pair = Pair::start().await?;
    let last = pair.fill(documents).await?;
    // Its memory is that of updates, not of what came before.
    pair.restart_sender().await?;
    let task = pair.replicate().await?;
    pair.acknowledged(&task, last).await?;

    let both = Meter::start(&pair)?;
    let updates = updates(arguments, 1);
    let begin = Instant::now();
    let last = pair.source.bulk_write(updates).await?;
    let written_seconds = begin.elapsed().as_secs_f64();
    pair.acknowledged(&task, last).await?;
    let live_seconds = begin.elapsed().as_secs_f64();
    let live = both.read(&pair)?;

    pair.disable(&task).await?;
    let last = pair.source.bulk_write(self::updates(arguments, 2)).await?;
    let pending = Meter::start(&pair)?;
    let begin = Instant::now();
    pair.enable(&task).await?;
    pair.acknowledged(&task, last).await?;
    let pending_seconds = begin.elapsed().as_secs_f64();
    let pending = pending.read(&pair)?;

    let source = pair.source.database("shop").await?;
    let copy = pair.destination.database("copy").await?;
    ensure!(copy.documents == documents, "{} documents arrived", copy.documents);
    ensure!(copy.change_vector == source.change_vector, "the copy is behind");
    Ok(Outcome {
        work: "w4",
        documents,
        at_once: arguments.at_once,
        live_seconds,
        live_updates_a_second: documents as f64 / live_seconds,
        live_written_a_second: documents as f64 / written_seconds,
        live_cpu_micros_an_update: live.cpu_micros(documents),
        pending_seconds,
        pending_updates_a_second: documents as f64 / pending_seconds,
        pending_cpu_micros_an_update: pending.cpu_micros(documents),
        usage: both.read(&pair)?,
        load_before: pair.load_before,
    })
}

/// Another version of every document, in random order.
fn updates(arguments: &Arguments, round: u64) -> Vec<BulkWriteRequest> {
    let mut numbers: Vec<u64> = (0..arguments.documents).collect();
    let mut random = Random::new(round);
    for at in (1..numbers.len()).rev() {
        numbers.swap(at, random.index(at + 1));
    }
    let updates: Vec<_> = numbers.into_iter().map(|n| version(n, round)).collect();
    transactions("shop", &updates, arguments.at_once)
}
