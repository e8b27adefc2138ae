//! The README's first command: with `--once`, and as it is left running and interrupted.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    os::unix::process::CommandExt as _,
    path::PathBuf,
    process::{Child, ChildStderr, Command, Stdio},
};

use anyhow::{Context as _, Result, bail, ensure};
use jackdaw_tests::service::binary;
use rustix::process::{Pid, Signal, kill_process, test_kill_process_group};

use crate::setup::path;

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

/// A quickstart of a file copies it, shows how it gets on and what to try next, which works as it
/// is printed, and runs until it is interrupted: that is its end, with 0, and nothing of it is
/// left.
#[test]
fn quickstart_of_a_file_runs_until_it_is_interrupted() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("things.jsonl");
    let line = |n| format!(r#"{{"kind":"document","id":"things/{n}","body":{{"n":{n}}}}}"#);
    fs::write(&file, (0..250).map(|n| line(n) + "\n").collect::<String>())?;
    let mut running = Running::start(&["--import", path(&file)])?;
    running.says("--print-config")?;
    for part in ["250 documents written", "acknowledged etag", "until you press Ctrl-C"] {
        assert!(running.said.contains(part), "{part}: {}", running.said);
    }
    let listed = running.try_next(&["document list"])?;
    assert_eq!(listed.matches("things/").count(), 5, "{listed}");
    let copied = running.try_next(&["task watch", "compare"])?;
    assert!(copied.contains("equal: 250 documents"), "{copied}");
    let (code, answer) = running.interrupted()?;
    assert_eq!(code, Some(0));
    assert!(answer.contains("equal: 250 documents"), "{answer}");
    Ok(())
}

/// The same with documents that are made.
#[test]
fn quickstart_of_many_documents_runs_until_it_is_interrupted() -> Result<()> {
    let mut running = Running::start(&["--documents", "5000"])?;
    running.says("--print-config")?;
    for part in ["5,000 documents written", "acknowledged etag", "until you press Ctrl-C"] {
        assert!(running.said.contains(part), "{part}: {}", running.said);
    }
    let copied = running.try_next(&["compare"])?;
    assert!(copied.contains("equal: 5,000 documents"), "{copied}");
    let (code, answer) = running.interrupted()?;
    assert_eq!(code, Some(0));
    assert!(answer.contains("equal: 5,000 documents"), "{answer}");
    Ok(())
}

/// Interrupted before the copy is complete it ends with the code that says so.
#[test]
fn quickstart_that_is_interrupted_in_the_middle_says_so() -> Result<()> {
    let mut running = Running::start(&["--documents", "100000000"])?;
    running.says("acknowledged etag")?;
    let (code, answer) = running.interrupted()?;
    assert_eq!((code, answer.as_str()), (Some(130), ""));
    Ok(())
}

/// A quickstart, in a process group of its own; killed when dropped.
struct Running {
    child: Child,
    lines: BufReader<ChildStderr>,
    /// What it has said on standard error.
    said: String,
}

impl Running {
    fn start(arguments: &[&str]) -> Result<Self> {
        let mut child = Command::new(binary("jackdaw")?)
            .arg("quickstart")
            .args(arguments)
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let lines = BufReader::new(child.stderr.take().context("no stderr")?);
        Ok(Self { child, lines, said: String::new() })
    }

    /// Reads what it says up to the line that has this.
    fn says(&mut self, wanted: &str) -> Result<()> {
        loop {
            let before = self.said.len();
            if self.lines.read_line(&mut self.said)? == 0 {
                bail!("it ended, saying: {}", self.said);
            }
            if self.said[before..].contains(wanted) {
                return Ok(());
            }
        }
    }

    /// Types what it says one could try next: what has one of these words in it, where it was told
    /// to find the services.
    fn try_next(&self, words: &[&str]) -> Result<String> {
        let (_, next) = self.said.split_once("try:\n").context("nothing to try")?;
        let next = next.replace("\\\n", "");
        let wanted = |line: &&str| words.iter().any(|word| line.contains(word));
        let lines = next.lines().filter(|line| line.contains("export ") || wanted(line));
        let script: Vec<_> = lines.collect();
        let output = Command::new("sh").args(["-e", "-c", &script.join("\n")]).output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{script:?}: {said}");
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Sends it SIGINT, once it was seen to be running; answers its exit code and what it has
    /// written to standard output. No process of it is left then, and no folder.
    fn interrupted(mut self) -> Result<(Option<i32>, String)> {
        ensure!(self.child.try_wait()?.is_none(), "it ended by itself: {}", self.said);
        let folder = self.said.lines().find_map(|line| line.strip_prefix("folder "));
        let folder = folder.and_then(|line| line.split(',').next()).context("no folder")?;
        let folder = PathBuf::from(folder);
        ensure!(folder.exists(), "it has no folder");
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).context("no pid")?;
        kill_process(pid, Signal::INT)?;
        self.lines.read_to_string(&mut self.said)?;
        let mut answer = String::new();
        self.child.stdout.take().context("no stdout")?.read_to_string(&mut answer)?;
        let code = self.child.wait()?.code();
        ensure!(test_kill_process_group(pid).is_err(), "it has left a process");
        ensure!(!folder.exists(), "it has left its folder");
        Ok((code, answer))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
