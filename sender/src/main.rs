//! The sender as a process of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    jackdaw_node::process::main("jackdaw-sender", jackdaw_sender::Sender::role())
}
