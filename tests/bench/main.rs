//! The benchmark: the release binaries as two processes over real mTLS on loopback.
//!
//! W1 is the first sync of documents of about 1.2 KiB; W5 the same, with the receiver killed half
//! way; W2 is live copying on a schedule, `one` the same one write at a time; W3 is attachments; W4
//! is updates; `mixed` is what an application does, all kinds of writes. Prints a table to standard
//! error and one JSON object a run to standard output. It measures and never judges: no bound makes
//! it fail, but a copy that is not its source does.

mod contents;
mod documents;
mod latency;
mod measure;
mod outcome;
mod pair;
mod watch;
mod work;

use anyhow::Result;
use clap::{Parser, Subcommand};
use outcome::best_of;
use work::{mixed, one, w1, w2, w3, w4};

/// Measures a sender and a receiver of this build.
#[derive(Parser, Debug)]
struct Arguments {
    #[command(subcommand)]
    work: Work,
    /// Runs; the best one is printed last
    #[arg(long, default_value_t = 1, global = true)]
    runs: u32,
}

/// What to run.
#[derive(Subcommand, Debug)]
enum Work {
    /// First sync
    W1(w1::Arguments),
    /// Live copying at a rate that does not wait for the service
    W2(w2::Arguments),
    /// Attachments: many, and a large one
    W3(w3::Arguments),
    /// Updates of documents that have been copied
    W4(w4::Arguments),
    /// First sync, the receiver killed half way
    W5(w1::Arguments),
    /// Writes of all kinds, as an application makes them
    Mixed(mixed::Arguments),
    /// Live copying, one write at a time
    One(one::Arguments),
}

#[tokio::main]
async fn main() -> Result<()> {
    let Arguments { work, runs } = Arguments::parse();
    match work {
        Work::W1(arguments) => best_of(runs, async || w1::run(&arguments, false).await).await,
        Work::W2(arguments) => best_of(runs, async || w2::run(&arguments).await).await,
        Work::W3(arguments) => best_of(runs, async || w3::run(&arguments).await).await,
        Work::W4(arguments) => best_of(runs, async || w4::run(&arguments).await).await,
        Work::W5(arguments) => best_of(runs, async || w1::run(&arguments, true).await).await,
        Work::Mixed(arguments) => best_of(runs, async || mixed::run(&arguments).await).await,
        Work::One(arguments) => best_of(runs, async || one::run(&arguments).await).await,
    }
}
