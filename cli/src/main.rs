//! The `jackdaw` command. Everything is in the library; this is the process around it.

use std::process::ExitCode;

use clap::Parser as _;
use jackdaw_cli::Jackdaw;
use tokio::runtime::Runtime;

fn main() -> ExitCode {
    // Ends the process itself for `--help`, `--version` and mistakes of usage (exit code 2).
    let jackdaw = Jackdaw::parse();
    match Runtime::new() {
        Ok(runtime) => {
            let code = runtime.block_on(jackdaw.run());
            // A read of standard input that nobody waits for any more must not keep the process.
            runtime.shutdown_background();
            code.into()
        }
        Err(error) => jackdaw_cli::no_runtime(&error).into(),
    }
}
