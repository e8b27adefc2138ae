//! Writes of all kinds, as an application makes them: documents created, updated and deleted,
//! counters, time series, small attachments, with revisions of half of the collections.
//!
//! Several writers each carry out one transaction after the other. Twice: while the task is live,
//! and while it is disabled, which shows what replication alone can. Afterwards both ends are
//! compared, everything that there is.

use std::process::{Command, Stdio};

use anyhow::{Result, ensure};
use clap::Args;
use jackdaw_proto::{
    control::Database,
    documents::{
        CollectionRevisionsRule, ConfigureRevisionsRequest, RevisionsConfiguration, RevisionsRule,
        TransactRequest,
    },
};
use jackdaw_tests::{client::Client, service::binary};
use serde::Serialize;
use tokio::{task::JoinSet, time::Instant};

use crate::{
    measure::Usage,
    outcome::{self, Row},
    pair::{Meter, Pair},
    work::operations::{Counts, KEPT, Step, Writer},
};

/// How much.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// Operations; as many again while the task is disabled
    #[arg(long, default_value_t = 100_000)]
    operations: u64,
    /// Writers, each with one transaction at a time
    #[arg(long, default_value_t = 16)]
    writers: u64,
    /// What the operations are chosen by
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// What was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Outcome {
    work: &'static str,
    operations: u64,
    writers: u64,
    seed: u64,
    /// From the first operation written to the last one acknowledged.
    live_seconds: f64,
    live_operations_a_second: f64,
    /// Written, in the same time.
    live_written_a_second: f64,
    live_cpu_micros_an_operation: f64,
    /// From the task enabled to the last operation acknowledged, all of them written before.
    pending_seconds: f64,
    pending_operations_a_second: f64,
    pending_cpu_micros_an_operation: f64,
    /// Of each kind, of both together.
    counts: Counts,
    /// Revisions that are there at the end, at either end.
    revisions: u64,
    /// Of both together, and of writing.
    #[serde(flatten)]
    usage: Usage,
    load_before: f64,
}

impl outcome::Outcome for Outcome {
    fn merit(&self) -> f64 {
        self.live_operations_a_second
    }

    fn title(&self) -> String {
        format!("mixed: {} operations, {} writers", self.operations, self.writers)
    }

    fn rows(&self) -> Vec<Row> {
        let mut rows = vec![
            Row::number("operations a second, written and copied", self.live_operations_a_second),
            Row::number("written at the source meanwhile", self.live_written_a_second),
            Row::number("CPU an operation, both ends, µs", self.live_cpu_micros_an_operation),
            Row::number("operations a second, copied only", self.pending_operations_a_second),
            Row::number("CPU an operation, both ends, µs", self.pending_cpu_micros_an_operation),
            Row::count("revisions at the end", self.revisions),
        ];
        rows.extend(Row::usage(&self.usage));
        rows.push(Row::number("load before", self.load_before));
        rows
    }
}

/// One run.
pub(crate) async fn run(arguments: &Arguments) -> Result<Outcome> {
    let Arguments { operations, writers, seed } = *arguments;
    let writers = writers.max(1);
    let pair = Pair::start().await?;
    keep_revisions(&pair.source).await?;
    let task = pair.replicate().await?;
    let first = pair.source.put("shop", "first", "{}").await?.etag;
    pair.acknowledged(&task, first).await?;
    let all = (0..writers).map(|place| Writer::new(seed, (place, writers))).collect();

    let both = Meter::start(&pair)?;
    let begin = Instant::now();
    let (all, last) = write(&pair, all, operations).await?;
    let written_seconds = begin.elapsed().as_secs_f64();
    pair.acknowledged(&task, last).await?;
    let live_seconds = begin.elapsed().as_secs_f64();
    let live = both.read(&pair)?;

    pair.disable(&task).await?;
    let (all, last) = write(&pair, all, operations).await?;
    let pending = Meter::start(&pair)?;
    let begin = Instant::now();
    pair.enable(&task).await?;
    pair.acknowledged(&task, last).await?;
    let pending_seconds = begin.elapsed().as_secs_f64();
    let pending = pending.read(&pair)?;
    let usage = both.read(&pair)?;

    let revisions = check(&pair, &all).await?;
    Ok(Outcome {
        work: "mixed",
        operations,
        writers,
        seed,
        live_seconds,
        live_operations_a_second: operations as f64 / live_seconds,
        live_written_a_second: operations as f64 / written_seconds,
        live_cpu_micros_an_operation: live.cpu_micros(operations),
        pending_seconds,
        pending_operations_a_second: operations as f64 / pending_seconds,
        pending_cpu_micros_an_operation: pending.cpu_micros(operations),
        counts: all.iter().fold(Counts::default(), |counts, writer| counts.and(writer.counts)),
        revisions,
        usage,
        load_before: pair.load_before,
    })
}

/// Three revisions each of the documents of half of the collections.
async fn keep_revisions(source: &Client) -> Result<()> {
    let rule = RevisionsRule { minimum_to_keep: Some(3), ..RevisionsRule::default() };
    let rule_of = |collection: &str| CollectionRevisionsRule {
        collection: collection.to_owned(),
        rule: Some(rule),
    };
    let configuration = RevisionsConfiguration {
        collection_rules: KEPT.map(rule_of).to_vec(),
        ..RevisionsConfiguration::default()
    };
    let request =
        ConfigureRevisionsRequest { database: "shop".into(), configuration: Some(configuration) };
    source.documents().configure_revisions(request).await?;
    Ok(())
}

/// All writers side by side, so many operations together; answers them and the last etag.
async fn write(pair: &Pair, all: Vec<Writer>, operations: u64) -> Result<(Vec<Writer>, u64)> {
    let mut tasks = JoinSet::new();
    let mut writers = all.len() as u64;
    let mut left = operations;
    for mut writer in all {
        let own = left / writers;
        (left, writers) = (left - own, writers - 1);
        let source = pair.source.clone();
        tasks.spawn(async move {
            let mut left = own;
            while left > 0 {
                let (step, operations) = writer.step(left);
                carry_out(&source, step).await?;
                left -= operations;
            }
            anyhow::Ok(writer)
        });
    }
    let mut all = Vec::new();
    while let Some(writer) = tasks.join_next().await {
        all.push(writer??);
    }
    Ok((all, pair.source.database("shop").await?.last_etag))
}

async fn carry_out(source: &Client, step: Step) -> Result<()> {
    match step {
        Step::Transaction(commands) => {
            let request = TransactRequest { database: "shop".into(), commands };
            source.documents().transact(request).await?;
        }
        Step::Attachment(content) => drop(content.attach(source).await?),
    }
    Ok(())
}

/// Both ends hold the same; answers how many revisions.
async fn check(pair: &Pair, all: &[Writer]) -> Result<u64> {
    let source = pair.source.database("shop").await?;
    let copy = pair.destination.database("copy").await?;
    ensure!(copy.change_vector == source.change_vector, "the copy is behind");
    ensure!(held(&copy) == held(&source), "{:?} arrived of {:?}", held(&copy), held(&source));
    ensure!(held(&copy).iter().all(|count| *count > 0), "nothing of a kind: {:?}", held(&copy));
    ensure!(copy.conflicts == 0, "{} conflicts", copy.conflicts);
    compare(pair)?;
    let ids: Vec<_> = all.iter().flat_map(Writer::ids_kept).collect();
    let step = ids.len().div_ceil(REVISIONS_COMPARED).max(1);
    for id in ids.iter().step_by(step) {
        let (source, copy) = tokio::try_join!(
            pair.source.revisions("shop", id),
            pair.destination.revisions("copy", id),
        )?;
        ensure!(!source.is_empty() && source == copy, "revisions of {id} are others");
    }
    Ok(source.revisions)
}

/// Of each kind, how much there is. Not the contents: a source has some more, of versions that it
/// keeps for its tasks for a while.
fn held(database: &Database) -> [u64; 5] {
    [
        database.documents,
        database.attachments,
        database.counters,
        database.time_series_entries,
        database.revisions,
    ]
}

/// Bodies, vectors, attachments, counters and time series of all documents, by `jackdaw compare`.
fn compare(pair: &Pair) -> Result<()> {
    let output = Command::new(binary("jackdaw")?)
        .args(["compare", "--source-database", "shop", "--destination-database", "copy"])
        .args(["--source-url", &pair.sender.url(), "--destination-url", &pair.receiver.url()])
        .arg("--folder")
        .arg(pair.site.certificates())
        .stdin(Stdio::null())
        .output()?;
    let said = [output.stdout, output.stderr].concat();
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&said));
    Ok(())
}

/// Documents whose revisions are read and compared, about: of all of them they are counted.
const REVISIONS_COMPARED: usize = 2_000;
