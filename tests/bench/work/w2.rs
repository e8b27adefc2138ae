//! W2: live copying of new documents at a rate that does not wait for the service.
//!
//! ```text
//!   schedule ──due──► a transaction each, side by side ──► source ──► destination ──► watch
//! ```
//!
//! What is due goes out whether or not what went before was answered, and times are counted from
//! the schedule too: a service that stands still makes everything late that was due meanwhile, and
//! not just the one call that met it.

use std::{thread, time::Duration};

use anyhow::{Result, ensure};
use clap::Args;
use jackdaw_tests::client::Client;
use serde::Serialize;
use tokio::{
    task::{JoinSet, spawn_blocking},
    time::{Instant, sleep},
};

use crate::{
    documents::document,
    latency::Latencies,
    measure::{self, Appends, Usage},
    outcome::{self, Row},
    pair::{Meter, Pair},
    watch::Watch,
};

/// How much, and how.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// Documents a second
    #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u64).range(1..))]
    rate: u64,
    /// Seconds for which documents are due
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Documents of one transaction
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    at_once: u64,
    /// Connections that the writes are spread over
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..))]
    connections: u64,
}

/// What was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Outcome {
    work: &'static str,
    documents: u64,
    at_once: u64,
    documents_a_second_due: u64,
    documents_a_second: f64,
    /// From the answer to the write to the message of the watch.
    commit_to_readable: Latencies,
    /// From the moment it was due to the answer, and to the message of the watch.
    due_to_commit: Latencies,
    due_to_readable: Latencies,
    /// What the disk needs for one small append: before the run, and twenty times a second
    /// meanwhile.
    append_before: Latencies,
    append_meanwhile: Latencies,
    cpu_micros_a_document: f64,
    #[serde(flatten)]
    usage: Usage,
    client_cpu_seconds: f64,
    load_before: f64,
}

impl outcome::Outcome for Outcome {
    fn merit(&self) -> f64 {
        -self.commit_to_readable.p99_millis
    }

    fn title(&self) -> String {
        let Self { documents, at_once, documents_a_second_due, .. } = self;
        format!(
            "w2: {documents} documents, {documents_a_second_due} due a second, {at_once} at once"
        )
    }

    fn rows(&self) -> Vec<Row> {
        let mut rows = vec![
            Row::latencies_head(),
            Row::latencies("commit at the source to readable", &self.commit_to_readable),
            Row::latencies("due to commit at the source", &self.due_to_commit),
            Row::latencies("due to readable", &self.due_to_readable),
            Row::latencies("a small append, synced, before", &self.append_before),
            Row::latencies("a small append, synced, meanwhile", &self.append_meanwhile),
            Row::number("documents a second", self.documents_a_second),
            Row::number("CPU a document, both ends, µs", self.cpu_micros_a_document),
        ];
        rows.extend(Row::usage(&self.usage));
        rows.push(Row::number("CPU of the benchmark itself, s", self.client_cpu_seconds));
        rows.push(Row::number("load before", self.load_before));
        rows
    }
}

/// One run.
pub(crate) async fn run(arguments: &Arguments) -> Result<Outcome> {
    let pair = Pair::start().await?;
    let mut appends = Appends::start(pair.site.path())?;
    for _ in 0..APPENDS_BEFORE {
        appends.one()?;
    }
    let append_before = appends.end();
    let task = pair.replicate().await?;
    let first = pair.source.put("shop", "first", "{}").await?.etag;
    pair.acknowledged(&task, first).await?;
    let mut clients = Vec::new();
    for _ in 0..arguments.connections {
        clients.push(Client::connect(&pair.sender.url(), &pair.site.administrator()?).await?);
    }
    let documents = arguments.rate * arguments.seconds;
    let watch = Watch::start(&pair).await?;
    let watch = tokio::spawn(watch.all(usize::try_from(documents)?));

    let meter = Meter::start(&pair)?;
    let client_cpu = measure::cpu_seconds(std::process::id())?;
    let begin = Instant::now();
    let appends = Appends::start(pair.site.path())?;
    let until = begin + Duration::from_secs(arguments.seconds);
    let appends = spawn_blocking(move || append_until(appends, until));
    let mut written = write(arguments, &clients, begin, documents).await?;
    let seen = watch.await??;
    let append_meanwhile = appends.await??;
    let usage = meter.read(&pair)?;
    let client_cpu_seconds = measure::cpu_seconds(std::process::id())? - client_cpu;

    written.sort_unstable_by_key(|written| written.first);
    let last_answer = written.iter().map(|written| written.answered).max().unwrap_or(begin);
    let each = || {
        let rows = written.iter().flat_map(|row| (row.first..row.end).map(move |_| row));
        rows.zip(&seen)
    };
    ensure!(each().count() == seen.len(), "not every document was written");
    Ok(Outcome {
        work: "w2",
        documents,
        at_once: arguments.at_once,
        documents_a_second_due: arguments.rate,
        documents_a_second: documents as f64 / (last_answer - begin).as_secs_f64(),
        commit_to_readable: Latencies::of(each().map(|(row, &seen)| seen - row.answered).collect()),
        due_to_commit: Latencies::of(each().map(|(row, _)| row.answered - row.due).collect()),
        due_to_readable: Latencies::of(each().map(|(row, &seen)| seen - row.due).collect()),
        append_before,
        append_meanwhile,
        cpu_micros_a_document: usage.cpu_micros(documents),
        usage,
        client_cpu_seconds,
        load_before: pair.load_before,
    })
}

/// A transaction that was carried out.
struct Written {
    /// Its documents: from this one on, up to that one, which is not its own.
    first: u64,
    end: u64,
    due: Instant,
    answered: Instant,
}

/// Writes documents as they fall due.
async fn write(
    arguments: &Arguments,
    clients: &[Client],
    begin: Instant,
    documents: u64,
) -> Result<Vec<Written>> {
    let mut tasks = JoinSet::new();
    let mut ways = clients.iter().cycle();
    let mut first = 0;
    while first < documents {
        let end = documents.min(first + arguments.at_once);
        // A transaction is due when its last document is.
        let due = begin + Duration::from_micros(end * 1_000_000 / arguments.rate);
        if Instant::now() < due {
            sleep(TICK).await;
            continue;
        }
        let Some(client) = ways.next().cloned() else { break };
        tasks.spawn(async move {
            let part: Vec<_> = (first..end).map(document).collect();
            match part.as_slice() {
                [(id, body)] => drop(client.put("shop", id, body).await?),
                part => client.transact("shop", part).await?,
            }
            anyhow::Ok(Written { first, end, due, answered: Instant::now() })
        });
        first = end;
    }
    let mut written = Vec::new();
    while let Some(outcome) = tasks.join_next().await {
        written.push(outcome??);
    }
    Ok(written)
}

/// Appends twenty times a second: seldom enough to be no load.
fn append_until(mut appends: Appends, until: Instant) -> Result<Latencies> {
    while Instant::now() < until {
        appends.one()?;
        thread::sleep(APPEND_EVERY);
    }
    Ok(appends.end())
}

/// Appends before a run.
const APPENDS_BEFORE: usize = 500;
/// Time between two appends during a run.
const APPEND_EVERY: Duration = Duration::from_millis(50);
/// How often it is looked what has fallen due: what a timer can.
const TICK: Duration = Duration::from_millis(1);
