//! The receiver as a process of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    jackdaw_node::process::main("jackdaw-receiver", jackdaw_receiver::Receiver::role())
}
