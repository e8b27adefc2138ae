//! A small run of everything that the benchmark measures: it ends, and what it says makes sense.
//!
//! Nothing here looks at how fast it was.

use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

/// Runs the benchmark; answers what each run says.
fn run(arguments: &[&str]) -> Result<Vec<Value>> {
    let output = Command::new(env!("CARGO_BIN_EXE_jackdaw-bench"))
        .args(arguments)
        .stdin(Stdio::null())
        .output()?;
    let (said, table) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "{arguments:?}: {table}");
    ensure!(table.contains("load before"), "no table: {table}");
    said.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

/// The one run that was asked for.
fn run_once(arguments: &[&str]) -> Result<Value> {
    let [outcome] = <[Value; 1]>::try_from(run(arguments)?)
        .map_err(|outcomes| anyhow::anyhow!("{} runs", outcomes.len()))?;
    ensure!(outcome["work"] == arguments[0], "{outcome}");
    for name in ["sender_peak_mib", "receiver_peak_mib"] {
        ensure!(number(&outcome, name)? > 1.0, "{name}: {outcome}");
    }
    Ok(outcome)
}

fn number(outcome: &Value, name: &str) -> Result<f64> {
    outcome[name].as_f64().with_context(|| format!("no {name}: {outcome}"))
}

/// Times are there, and the slower ones are slower.
fn latencies(outcome: &Value, name: &str) -> Result<()> {
    let mut before = 0.0;
    for percentile in ["p50_millis", "p99_millis", "p999_millis", "max_millis"] {
        let time = number(&outcome[name], percentile)?;
        ensure!(time >= before, "{name}: {outcome}");
        before = time;
    }
    ensure!(before > 0.0, "{name}: {outcome}");
    Ok(())
}

#[test]
fn w1_copies_everything_once() -> Result<()> {
    let outcomes = run(&["w1", "--documents", "2000", "--runs", "2"])?;
    assert_eq!(outcomes.len(), 2);
    for outcome in outcomes {
        assert_eq!(outcome["work"], "w1");
        assert_eq!(outcome["items_sent"], 2_000);
        assert_eq!(outcome["items_sent_again"], 0);
        assert!(number(&outcome, "bytes_sent")? > 2_000.0 * 1_000.0);
        assert!(number(&outcome, "documents_a_second")? > 0.0);
    }
    Ok(())
}

#[test]
fn w5_survives_its_kill() -> Result<()> {
    let outcome = run_once(&["w5", "--documents", "60000"])?;
    assert_eq!(outcome["documents"], 60_000);
    assert!(number(&outcome, "documents_a_second")? > 0.0);
    Ok(())
}

#[test]
fn w2_writes_what_is_due() -> Result<()> {
    for at_once in ["1", "7"] {
        let outcome = run_once(&["w2", "--rate", "200", "--seconds", "2", "--at-once", at_once])?;
        assert_eq!(outcome["documents"], 400);
        for times in ["commit_to_readable", "due_to_commit", "due_to_readable"] {
            latencies(&outcome, times)?;
        }
        for times in ["append_before", "append_meanwhile"] {
            latencies(&outcome, times)?;
        }
        assert!(number(&outcome, "documents_a_second")? > 0.0);
    }
    Ok(())
}

/// What W3 says of contents of one size.
fn w3_part(part: &Value, contents: u64, bytes_each: u64) -> Result<()> {
    ensure!(part["contents"] == contents && part["bytes_each"] == bytes_each, "{part}");
    let rates = ["live_mib_a_second", "live_written_mib_a_second", "pending_mib_a_second"];
    let times = ["live_seconds", "pending_seconds"];
    let memory = ["sender_peak_mib", "receiver_peak_mib"];
    for name in rates.iter().chain(&times).chain(&memory) {
        ensure!(number(part, name)? > 0.0, "{name}: {part}");
    }
    // So little takes no time that the system counts.
    for name in ["live_cpu_millis_a_mib", "pending_cpu_millis_a_mib", "load_before"] {
        ensure!(number(part, name)? >= 0.0, "{name}: {part}");
    }
    Ok(())
}

#[test]
fn w3_copies_attachments() -> Result<()> {
    let many = ["w3", "--attachments", "5", "--bytes", "70001"];
    let outcome = run_once(&[&many[..], &["--large-bytes", "3000000"]].concat())?;
    w3_part(&outcome["attachments"], 5, 70_001)?;
    w3_part(&outcome["large"], 1, 3_000_000)?;
    let outcome = run_once(&[&many[..], &["--large-bytes", "0"]].concat())?;
    assert!(outcome["large"].is_null(), "{outcome}");
    w3_part(&outcome["attachments"], 5, 70_001)
}

#[test]
fn mixed_copies_all_kinds() -> Result<()> {
    let small = ["mixed", "--operations", "1500", "--writers", "3"];
    let outcome = run_once(&[&small[..], &["--seed", "7"]].concat())?;
    assert_eq!(outcome["operations"], 1_500);
    let rates =
        ["live_operations_a_second", "live_written_a_second", "pending_operations_a_second"];
    let times = ["live_seconds", "pending_seconds", "revisions"];
    let cpu = ["live_cpu_micros_an_operation", "pending_cpu_micros_an_operation"];
    for name in rates.iter().chain(&times).chain(&cpu) {
        ensure!(number(&outcome, name)? > 0.0, "{name}: {outcome}");
    }
    let mut operations = 0.0;
    for kind in ["created", "updated", "deleted", "increments", "appends", "attachments"] {
        let count = number(&outcome["counts"], kind)?;
        ensure!(count > 0.0, "{kind}: {outcome}");
        operations += count;
    }
    ensure!(operations == 3_000.0, "{outcome}");
    let again = run_once(&[&small[..], &["--seed", "7"]].concat())?;
    assert_eq!(again["counts"], outcome["counts"], "the same seed, the same operations");
    Ok(())
}

#[test]
fn w4_updates_twice() -> Result<()> {
    let outcome = run_once(&["w4", "--documents", "2000", "--at-once", "150"])?;
    assert_eq!(outcome["documents"], 2_000);
    for rate in ["live_updates_a_second", "live_written_a_second", "pending_updates_a_second"] {
        assert!(number(&outcome, rate)? > 0.0, "{outcome}");
    }
    Ok(())
}

#[test]
fn one_write_at_a_time() -> Result<()> {
    let outcome = run_once(&["one", "--documents", "30"])?;
    assert_eq!(outcome["documents"], 30);
    for times in ["put_to_commit", "commit_to_readable", "append"] {
        latencies(&outcome, times)?;
    }
    Ok(())
}
