//! One write at a time: how long after its answer a document is readable at the destination.

use anyhow::Result;
use clap::Args;
use serde::Serialize;
use tokio::time::Instant;

use crate::{
    documents::{document, number},
    latency::Latencies,
    measure::{Appends, Usage},
    outcome::{self, Row},
    pair::{Meter, Pair},
    watch::Watch,
};

/// How much.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// Documents
    #[arg(long, default_value_t = 1_000)]
    documents: u64,
}

/// What was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Outcome {
    work: &'static str,
    documents: u64,
    /// From the answer to the put to the message of the watch.
    commit_to_readable: Latencies,
    put_to_commit: Latencies,
    /// What the disk needs for one small append, between two writes.
    append: Latencies,
    /// The middle of the first, without the middle of the last.
    above_one_append_p50_millis: f64,
    #[serde(flatten)]
    usage: Usage,
    load_before: f64,
}

impl outcome::Outcome for Outcome {
    fn merit(&self) -> f64 {
        -self.above_one_append_p50_millis
    }

    fn title(&self) -> String {
        format!("one: {} documents, one at a time", self.documents)
    }

    fn rows(&self) -> Vec<Row> {
        let mut rows = vec![
            Row::latencies_head(),
            Row::latencies("commit at the source to readable", &self.commit_to_readable),
            Row::latencies("put to commit at the source", &self.put_to_commit),
            Row::latencies("the disk's own: a small append, synced", &self.append),
            Row::number("p50 above one such append, ms", self.above_one_append_p50_millis),
        ];
        rows.extend(Row::usage(&self.usage));
        rows.push(Row::number("load before", self.load_before));
        rows
    }
}

/// One run.
pub(crate) async fn run(arguments: &Arguments) -> Result<Outcome> {
    let pair = Pair::start().await?;
    let mut appends = Appends::start(pair.site.path())?;
    let task = pair.replicate().await?;
    let first = pair.source.put("shop", "first", "{}").await?.etag;
    pair.acknowledged(&task, first).await?;
    let mut watch = Watch::start(&pair).await?;
    let meter = Meter::start(&pair)?;
    let (mut to_commit, mut to_readable) = (Vec::new(), Vec::new());
    for n in 0..arguments.documents {
        let (id, body) = document(n);
        let begin = Instant::now();
        pair.source.put("shop", &id, &body).await?;
        let answered = Instant::now();
        let seen = loop {
            let (changes, now) = watch.next().await?;
            if changes.iter().any(|change| number(&change.id) == usize::try_from(n).ok()) {
                break now;
            }
        };
        to_commit.push(answered - begin);
        to_readable.push(seen - answered);
        // In between, so that the disk is in the same state for both.
        appends.one()?;
    }
    let (commit_to_readable, append) = (Latencies::of(to_readable), appends.end());
    Ok(Outcome {
        work: "one",
        documents: arguments.documents,
        above_one_append_p50_millis: commit_to_readable.p50_millis - append.p50_millis,
        commit_to_readable,
        put_to_commit: Latencies::of(to_commit),
        append,
        usage: meter.read(&pair)?,
        load_before: pair.load_before,
    })
}
