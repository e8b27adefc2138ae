//! W3: attachments; many of some size, and a large one.
//!
//! Each part twice: while they are written, so that source and destination share the machine; and
//! all at once, written while the task was disabled, which is what replication alone can. No two
//! contents are the same, and each has a document of its own. Afterwards each is read at the
//! destination and compared.

use std::ops::Range;

use anyhow::{Result, ensure};
use clap::Args;
use serde::Serialize;
use tokio::{task::JoinSet, time::Instant};

use crate::{
    contents::Content,
    documents::{document, id_in},
    measure::Usage,
    outcome::{self, Row},
    pair::{AT_ONCE, Meter, Pair},
};

/// How much.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// Attachments of the first part
    #[arg(long, default_value_t = 200)]
    attachments: u64,
    /// Bytes of each
    #[arg(long, default_value_t = 1024 * 1024)]
    bytes: u64,
    /// Bytes of the one attachment of the second part; 0: there is none
    #[arg(long, default_value_t = 1024 * 1024 * 1024)]
    large_bytes: u64,
    /// Attachments that are written side by side
    #[arg(long, default_value_t = 8)]
    at_once: usize,
}

/// What was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Outcome {
    work: &'static str,
    attachments: Part,
    large: Option<Part>,
    /// Of both parts together.
    #[serde(flatten)]
    usage: Usage,
    load_before: f64,
}

/// What was measured of contents of one size, by services of their own.
#[derive(Debug, Serialize)]
struct Part {
    contents: u64,
    bytes_each: u64,
    /// From the first attachment written to the last one acknowledged.
    live_seconds: f64,
    live_mib_a_second: f64,
    /// Written, in the same time.
    live_written_mib_a_second: f64,
    live_cpu_millis_a_mib: f64,
    /// From the task enabled to the last attachment acknowledged, all of them written before.
    pending_seconds: f64,
    pending_mib_a_second: f64,
    pending_cpu_millis_a_mib: f64,
    /// Of both together, and of writing.
    #[serde(flatten)]
    usage: Usage,
    load_before: f64,
}

impl Part {
    fn rows(&self) -> Vec<Row> {
        let what = format!("{} of {} bytes: load before", self.contents, self.bytes_each);
        let mut rows = vec![
            Row::number(&what, self.load_before),
            Row::number("MiB a second, written and copied", self.live_mib_a_second),
            Row::number("written at the source meanwhile", self.live_written_mib_a_second),
            Row::number("CPU a MiB of it, both ends, ms", self.live_cpu_millis_a_mib),
            Row::number("MiB a second, copied only", self.pending_mib_a_second),
            Row::number("CPU a MiB of it, both ends, ms", self.pending_cpu_millis_a_mib),
        ];
        rows.extend(Row::usage(&self.usage));
        rows
    }
}

impl outcome::Outcome for Outcome {
    fn merit(&self) -> f64 {
        let large = self.large.as_ref().map_or(f64::MAX, |part| part.pending_mib_a_second);
        self.attachments.pending_mib_a_second.min(large)
    }

    fn title(&self) -> String {
        "w3: attachments".to_owned()
    }

    fn rows(&self) -> Vec<Row> {
        let parts = std::iter::once(&self.attachments).chain(&self.large);
        parts.flat_map(Part::rows).collect()
    }
}

/// One run.
pub(crate) async fn run(arguments: &Arguments) -> Result<Outcome> {
    let Arguments { attachments, bytes, large_bytes, at_once } = *arguments;
    let attachments = part(attachments, bytes, at_once).await?;
    let large = if large_bytes == 0 { None } else { Some(part(1, large_bytes, 1).await?) };
    let usage = match &large {
        Some(large) => attachments.usage.and(&large.usage),
        None => attachments.usage.clone(),
    };
    Ok(Outcome { work: "w3", load_before: attachments.load_before, attachments, large, usage })
}

/// So many contents, and as many again.
async fn part(count: u64, bytes: u64, at_once: usize) -> Result<Part> {
    let pair = Pair::start().await?;
    let task = pair.replicate().await?;
    let documents = (0..2 * count).map(document).collect();
    let last = pair.source.write("shop", documents, AT_ONCE).await?;
    pair.acknowledged(&task, last).await?;

    let both = Meter::start(&pair)?;
    let begin = Instant::now();
    let last = write(&pair, 0..count, bytes, at_once).await?;
    let written_seconds = begin.elapsed().as_secs_f64();
    pair.acknowledged(&task, last).await?;
    let live_seconds = begin.elapsed().as_secs_f64();
    let live = both.read(&pair)?;

    pair.disable(&task).await?;
    let last = write(&pair, count..2 * count, bytes, at_once).await?;
    let pending = Meter::start(&pair)?;
    let begin = Instant::now();
    pair.enable(&task).await?;
    pair.acknowledged(&task, last).await?;
    let pending_seconds = begin.elapsed().as_secs_f64();
    let pending = pending.read(&pair)?;
    let usage = both.read(&pair)?;

    check(&pair, 0..2 * count, bytes).await?;
    let mib = (count * bytes) as f64 / MIB;
    let cpu_millis = |usage: &Usage| usage.cpu_micros(count * bytes) * MIB / 1e3;
    Ok(Part {
        contents: count,
        bytes_each: bytes,
        live_seconds,
        live_mib_a_second: mib / live_seconds,
        live_written_mib_a_second: mib / written_seconds,
        live_cpu_millis_a_mib: cpu_millis(&live),
        pending_seconds,
        pending_mib_a_second: mib / pending_seconds,
        pending_cpu_millis_a_mib: cpu_millis(&pending),
        usage,
        load_before: pair.load_before,
    })
}

fn content(number: u64, bytes: u64) -> Content {
    Content { document: id_in("Customers", number), number, bytes }
}

/// Attaches contents, several side by side; answers the last etag.
async fn write(pair: &Pair, numbers: Range<u64>, bytes: u64, at_once: usize) -> Result<u64> {
    let at_once = at_once.max(1);
    let mut tasks = JoinSet::new();
    for first in 0..at_once {
        let (source, own) = (pair.source.clone(), numbers.clone().skip(first).step_by(at_once));
        tasks.spawn(async move {
            let mut last = 0;
            for number in own {
                last = content(number, bytes).attach(&source).await?.max(last);
            }
            anyhow::Ok(last)
        });
    }
    let mut last = 0;
    while let Some(outcome) = tasks.join_next().await {
        last = outcome??.max(last);
    }
    Ok(last)
}

/// Everything has arrived, and nothing else.
async fn check(pair: &Pair, numbers: Range<u64>, bytes: u64) -> Result<()> {
    let count = numbers.end - numbers.start;
    let copy = pair.destination.database("copy").await?;
    ensure!(copy.attachments == count, "{} attachments arrived", copy.attachments);
    ensure!(copy.attachment_bytes == count * bytes, "{} bytes arrived", copy.attachment_bytes);
    for number in numbers {
        content(number, bytes).check(&pair.destination).await?;
    }
    Ok(())
}

const MIB: f64 = 1024.0 * 1024.0;
