//! The README's first command.

use std::process::{Command, Stdio};

use anyhow::Result;
use jackdaw_tests::service::binary;

#[test]
fn quickstart_ends_with_an_equal_copy() -> Result<()> {
    let output = Command::new(binary("jackdaw")?)
        .args(["quickstart", "--once"])
        .stdin(Stdio::null())
        .output()?;
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stdout}\n{stderr}");
    assert!(format!("{stdout}{stderr}").contains("equal"), "{stdout}\n{stderr}");
    Ok(())
}
