//! The command itself: what it says without anything to talk to.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::{Command, Output};

fn jackdaw(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_jackdaw")).args(arguments).env_clear().output().unwrap()
}

#[test]
fn it_knows_its_version() {
    let output = jackdaw(&["--version"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.trim(), concat!("jackdaw ", env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_mistake_of_usage_is_code_2() {
    let output = jackdaw(&["databse", "list"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("database"), "did you mean");
}
