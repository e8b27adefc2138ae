//! The `jackdaw` command line: the composition root of the services and the client of both.
//!
//! `command` has one file a command, `connection` dials a service, `json_lines` is the format of
//! import and export, `compare` the oracle that reads both ends. Nothing below the command line
//! uses this crate; [`compare`] and [`json_lines`] are public for programs that test a pair.

pub mod compare;
pub mod json_lines;

mod arguments;
mod command;
mod connection;
mod copied;
mod report;
mod sample;
mod transfer;

use std::io;

pub use arguments::Jackdaw;
pub use report::exit::{Exit, Failure};
pub use report::output::Format;

use report::output::note;

impl Jackdaw {
    /// Carries out the command, prints what went wrong, and says how to end the process.
    pub async fn run(self) -> Exit {
        match Box::pin(command::run(self)).await {
            Ok(exit) => exit,
            Err(failure) if failure.exit() == Exit::OutputClosed => failure.exit(),
            Err(failure) => {
                note(format_args!("error: {failure}"));
                failure.exit()
            }
        }
    }
}

/// Prints why there is no runtime to run a command in, and says how to end the process.
pub fn no_runtime(error: &io::Error) -> Exit {
    note(format_args!("error: start the runtime: {error}"));
    Exit::Local
}
