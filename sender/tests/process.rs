//! The sender's own binary: what it says without being configured.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::Command;

fn run(arguments: &[&str]) -> std::process::Output {
    Command::new(env!("CARGO_BIN_EXE_jackdaw-sender")).args(arguments).env_clear().output().unwrap()
}

#[test]
fn it_says_all_that_is_missing_at_once() {
    let output = run(&[]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    for key in ["data", "tls.certificate", "tls.key", "tls.authorities"] {
        assert!(text.contains(key), "{key} in {text}");
    }
}

#[test]
fn it_knows_its_name_and_version() {
    let output = run(&["--version"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.trim(), concat!("jackdaw-sender ", env!("CARGO_PKG_VERSION")));
}
