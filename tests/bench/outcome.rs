//! What runs have in common once they are over: one JSON object each, and a table of the best.

use anyhow::Result;
use serde::Serialize;

use crate::{latency::Latencies, measure::Usage};

/// What a run has measured.
pub(crate) trait Outcome: Serialize {
    /// How good it is, against other runs of the same work: more is better.
    fn merit(&self) -> f64;

    /// The head of the table.
    fn title(&self) -> String;

    /// The table.
    fn rows(&self) -> Vec<Row>;
}

/// A line of a table.
#[derive(Debug)]
pub(crate) struct Row {
    name: String,
    values: String,
}

impl Row {
    /// A number with a decimal.
    pub(crate) fn number(name: &str, value: f64) -> Self {
        Self { name: name.to_owned(), values: format!("{value:>12.1}") }
    }

    /// A count.
    pub(crate) fn count(name: &str, value: u64) -> Self {
        Self { name: name.to_owned(), values: format!("{value:>12}") }
    }

    /// What stands above the lines of [`Row::latencies`].
    pub(crate) fn latencies_head() -> Self {
        let head = format!("{:>12}{:>10}{:>10}{:>10}", "p50", "p99", "p99.9", "max");
        Self { name: "milliseconds".to_owned(), values: head }
    }

    /// Times that something took.
    pub(crate) fn latencies(name: &str, times: &Latencies) -> Self {
        let Latencies { p50_millis, p99_millis, p999_millis, max_millis } = times;
        let values =
            format!("{p50_millis:>12.2}{p99_millis:>10.2}{p999_millis:>10.2}{max_millis:>10.2}");
        Self { name: name.to_owned(), values }
    }

    /// What both services have used.
    pub(crate) fn usage(usage: &Usage) -> [Self; 4] {
        [
            Self::number("CPU of the sender, s", usage.sender_cpu_seconds),
            Self::number("CPU of the receiver, s", usage.receiver_cpu_seconds),
            Self::number("peak memory of the sender, MiB", usage.sender_peak_mib),
            Self::number("peak memory of the receiver, MiB", usage.receiver_peak_mib),
        ]
    }
}

/// Runs so many times; prints each run, and the best one as a table.
#[expect(clippy::print_stdout, reason = "the results are what it is for")]
#[expect(clippy::print_stderr, reason = "the table is for people")]
pub(crate) async fn best_of<O: Outcome>(
    runs: u32,
    mut run: impl AsyncFnMut() -> Result<O>,
) -> Result<()> {
    let mut best: Option<O> = None;
    for _ in 0..runs {
        let outcome = run().await?;
        println!("{}", serde_json::to_string(&outcome)?);
        if best.as_ref().is_none_or(|best| outcome.merit() > best.merit()) {
            best = Some(outcome);
        }
    }
    if let Some(best) = best {
        eprintln!("{}", best.title());
        for Row { name, values } in best.rows() {
            eprintln!("{name:>44}  {values}");
        }
    }
    Ok(())
}
