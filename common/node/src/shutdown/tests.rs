//! What `shutdown` promises, tried out.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal as Kill, kill_process};
use tokio::time::timeout;

use super::*;

/// In the environment of a child: be the process that is signalled.
const CHILD: &str = "SHUTDOWN_TEST_CHILD";

#[tokio::test]
async fn everybody_sees_the_end_asked_for() {
    let (trigger, mut shutdown) = Trigger::new();
    let mut other = shutdown.clone();
    assert!(!shutdown.is_requested());
    assert!(timeout(Duration::from_millis(20), shutdown.requested()).await.is_err());
    trigger.fire();
    trigger.fire();
    shutdown.requested().await;
    shutdown.requested().await;
    other.requested().await;
    assert!(other.is_requested());
}

#[tokio::test]
async fn without_a_trigger_the_end_has_come() {
    let (trigger, mut shutdown) = Trigger::new();
    drop(trigger);
    shutdown.requested().await;
}

/// Not a test by itself: the child of the tests below.
#[tokio::test]
async fn child() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let (trigger, mut shutdown) = Trigger::new();
    trigger.fire_on_signals().unwrap();
    println!("\nready");
    shutdown.requested().await;
    println!("\nending");
    std::future::pending::<()>().await;
}

/// Signals a child twice and returns its exit status.
fn status_after(first: Kill, second: Kill) -> Option<i32> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "shutdown::tests::child", "--nocapture"])
        .env(CHILD, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let pid = Pid::from_child(&child);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line == "ready"));
    kill_process(pid, first).unwrap();
    // After the first signal it lives on, to drain.
    assert!(lines.any(|line| line == "ending"));
    kill_process(pid, second).unwrap();
    child.wait().unwrap().code()
}

#[test]
fn the_first_signal_asks_and_the_second_ends_the_process() {
    assert_eq!(status_after(Kill::TERM, Kill::TERM), Some(143));
    assert_eq!(status_after(Kill::INT, Kill::INT), Some(130));
    assert_eq!(status_after(Kill::TERM, Kill::INT), Some(130));
}
