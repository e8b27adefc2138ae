//! The process of one role: what the role's own binary does.
//!
//! Configured by a file and the environment; `jackdaw serve` also takes every setting as a flag,
//! and runs several roles in one process.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use clap::{CommandFactory as _, FromArgMatches as _, Parser};

use crate::{
    config::{Config, ConfigErrors, Sources},
    node::{Node, StartError},
    role::Role,
    shutdown::Trigger,
    telemetry,
};

/// Runs a service until it is asked to end. Configured by a TOML file and the environment
/// (JACKDAW_LISTEN, JACKDAW_TLS_CERTIFICATE, …); SIGTERM or SIGINT ends it once calls under way
/// are finished, a second one at once.
#[derive(Parser, Debug)]
struct Arguments {
    /// Configuration file, TOML [env: JACKDAW_CONFIG]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Print every setting with its value and where it comes from, and end
    #[arg(long)]
    print_config: bool,
}

/// Why the process ends with a failure. The message reads after "error: ".
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("configuration\n{0}")]
    Configuration(#[from] ConfigErrors),
    #[error("failed to {0}")]
    Start(#[from] StartError),
    #[error("start the process: {0}")]
    System(#[from] std::io::Error),
    #[error("start logging: {0}")]
    Telemetry(#[from] telemetry::InitError),
    #[error("a database can be written no more: {0}")]
    Store(String),
}

/// How long the process waits, once it has drained, for threads that are in the middle of
/// something: to read or write that ends soon anyway, and no device that hangs keeps it.
const THREADS_WAIT: Duration = Duration::from_secs(1);

/// Runs `role` as the whole process, under the name of its binary.
pub fn main(name: &'static str, role: Box<dyn Role>) -> ExitCode {
    let command = Arguments::command().name(name).version(env!("CARGO_PKG_VERSION"));
    let arguments = Arguments::from_arg_matches(&command.get_matches());
    let arguments = arguments.unwrap_or_else(|error| error.exit());
    match run(arguments, role) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            complain(&failure);
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stderr, reason = "the last word of a process, before or after its log")]
fn complain(failure: &Failure) {
    eprintln!("error: {failure}");
}

#[expect(clippy::print_stdout, reason = "what --print-config was asked for")]
fn run(arguments: Arguments, role: Box<dyn Role>) -> Result<(), Failure> {
    let config = Config::load(&Sources::of_process(arguments.config, Vec::new(), &[]))?;
    if arguments.print_config {
        print!("{}", config.print());
        return Ok(());
    }
    telemetry::init(&config.log_level, config.log_format)?;
    let runtime = tokio::runtime::Runtime::new()?;
    let served = runtime.block_on(serve(config, role));
    runtime.shutdown_timeout(THREADS_WAIT);
    served
}

async fn serve(config: Config, role: Box<dyn Role>) -> Result<(), Failure> {
    let (trigger, mut shutdown) = Trigger::new();
    trigger.fire_on_signals()?;
    let mut running = Node::start(config, vec![role]).await?;
    let failed = tokio::select! {
        () = shutdown.requested() => None,
        reason = running.failed() => Some(reason),
    };
    running.stop().await;
    failed.map_or(Ok(()), |reason| Err(Failure::Store(reason)))
}
