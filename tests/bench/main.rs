//! The benchmark: the release binaries as two processes over real mTLS on loopback.
//!
//! W1 is the first sync of documents of about 1.2 KiB; W5 the same, with the receiver killed half
//! way. Prints a table to standard error and one JSON object a run to standard output. It measures
//! and never judges: no bound makes it fail.

mod documents;
mod measure;
mod w1;

use anyhow::Result;
use clap::Parser;

/// Measures a sender and a receiver of this build.
#[derive(Parser, Debug)]
struct Arguments {
    /// What to run: w1, w5
    #[arg(value_parser = ["w1", "w5"], default_value = "w1")]
    work: String,
    /// Documents
    #[arg(long, default_value_t = 200_000)]
    documents: u64,
    /// Runs; the best one is printed last
    #[arg(long, default_value_t = 1)]
    runs: u32,
}

#[expect(clippy::print_stdout, reason = "the results are what it is for")]
fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Runtime::new()?;
    let mut best: Option<w1::Outcome> = None;
    for _ in 0..arguments.runs {
        let kill = arguments.work == "w5";
        let outcome = runtime.block_on(w1::run(arguments.documents, kill))?;
        println!("{}", serde_json::to_string(&outcome)?);
        if best.as_ref().is_none_or(|best| outcome.documents_a_second > best.documents_a_second) {
            best = Some(outcome);
        }
    }
    if let Some(best) = best {
        best.print(&arguments.work)?;
    }
    Ok(())
}
