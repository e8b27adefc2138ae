//! What only a machine can do to a service: syncs that fail, kills in the middle of one, a disk
//! that is full. Needs root and strace:
//! `cargo test --release --locked -p jackdaw-tests --test end_to_end -- --ignored machine`.

mod trace;

use std::{fs, path::Path, process::Command, time::Duration};

use anyhow::{Context as _, Result, ensure};
use jackdaw_proto::control::external_replication::PhaseKind;
use jackdaw_tests::{random::Random, service::Service, site::Site, wait::until};

use self::trace::{Event, answers_in_order, events};
use crate::setup::{Pair, SOON, documents, path};

/// Writes that are looked at.
const WRITES: usize = 30;

/// Runs a service under strace, which writes down these calls, with the paths of files and the ends
/// of connections.
fn tracing(log: &Path, calls: &str) -> Vec<String> {
    let calls = format!("trace={calls}");
    ["strace", "-D", "-f", "-yy", "-qq", "-e", &calls, "-e", "signal=none", "-o", path(log)]
        .map(str::to_owned)
        .to_vec()
}

/// The same, and does something to the n-th of its `fdatasync`s.
fn injecting(log: &Path, what: &str) -> Vec<String> {
    let mut tracer = tracing(log, "fdatasync,fsync");
    tracer.extend(["-e".to_owned(), format!("inject=fdatasync:{what}")]);
    tracer
}

fn start(site: &Site, role: &str, tracer: &[String]) -> Result<Service> {
    let tracer: Vec<_> = tracer.iter().map(String::as_str).collect();
    Service::start_traced(site, role, &tracer)
}

/// A pair, one side of which is run by a tracer.
async fn pair(sender: &[String], receiver: &[String], site: Site) -> Result<Pair> {
    let service = |role: &str, tracer: &[String]| match tracer {
        [] => Service::start(&site, role),
        tracer => start(&site, role, tracer),
    };
    let (receiver, sender) = (service("receiver", receiver)?, service("sender", sender)?);
    Pair::of(site, sender, receiver).await
}

/// Nothing is answered that a power cut could undo: the answer to each write of a client, and the
/// acknowledgement of each batch to a sender, leaves for the network after the sync that followed
/// what was written to the journal for it, and each has a sync of its own. An answer that does not
/// wait for its sync would be found between the write and the sync's end: so it is, in this very
/// trace, when each answer is moved before its sync.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs root and strace"]
async fn what_is_answered_was_synced() -> Result<()> {
    /// The answer to a put has 155 bytes; what keeps a connection going has 44 at most.
    const WRITTEN_BYTES: usize = 100;
    /// An acknowledgement has 77 bytes, a heartbeat 61.
    const ACKNOWLEDGED_BYTES: usize = 70;
    let site = Site::new()?;
    let (of_sender, of_receiver) =
        (site.path().join("sender.trace"), site.path().join("receiver.trace"));
    let calls = "fdatasync,write,writev";
    let pair = pair(&tracing(&of_sender, calls), &tracing(&of_receiver, calls), site).await?;
    pair.source.put("shop", "first", "{}").await?;

    // No task, which would write down how far it is.
    let before = fs::read_to_string(&of_sender)?.len();
    for n in 0..WRITES {
        pair.source.put("shop", &format!("things/{n}"), "{}").await?;
    }
    let trace = fs::read_to_string(&of_sender)?.split_off(before);
    assert_each_was_synced(&events(&trace, pair.sender.address(), WRITTEN_BYTES))?;

    let task = pair.replicate().await?;
    pair.caught_up(&task).await?;
    let before = fs::read_to_string(&of_receiver)?.len();
    for n in 0..WRITES {
        pair.source.put("shop", &format!("others/{n}"), "{}").await?;
        pair.caught_up(&task).await?;
    }
    let trace = fs::read_to_string(&of_receiver)?.split_off(before);
    assert_each_was_synced(&events(&trace, pair.receiver.address(), ACKNOWLEDGED_BYTES))?;
    Ok(())
}

/// All answers left after a sync of their own, and it would be noticed if one had not.
fn assert_each_was_synced(events: &[Event]) -> Result<()> {
    assert_eq!(answers_in_order(events)?, WRITES, "{events:?}");
    let answers = (0..events.len()).filter(|at| events[*at] == Event::Answered);
    for at in answers {
        let synced = events[..at].iter().rposition(|event| *event == Event::Synced);
        let synced = synced.context("no sync before an answer")?;
        let mut early = events.to_vec();
        early.remove(at);
        early.insert(synced, Event::Answered);
        assert!(answers_in_order(&early).is_err(), "an answer before its sync is not noticed");
    }
    Ok(())
}

/// A sync that fails is final (invariant I14): the service says why and ends; what was answered
/// before is there when it is started again.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs root and strace"]
async fn a_sync_that_fails_ends_the_service() -> Result<()> {
    let site = Site::new()?;
    let log = site.path().join("sender.trace");
    let mut pair = pair(&injecting(&log, "error=EIO:when=40+"), &[], site).await?;
    let mut answered = Vec::new();
    let refused = loop {
        let id = format!("things/{}", answered.len());
        match pair.source.put("shop", &id, "{}").await {
            Ok(_) => answered.push(id),
            Err(refused) => break format!("{refused:#}"),
        }
        ensure!(answered.len() < 1_000, "no sync failed");
    };
    assert!(refused.contains("STORE_FAILED") || refused.contains("cannot be"), "{refused}");
    let code = pair.sender.ended()?;
    assert!(code.is_some_and(|code| code != 0), "it ends by itself: {code:?}");
    assert!(pair.sender.log()?.contains("Input/output error"), "and says why");
    pair.sender.restart()?;
    pair.reconnect().await?;
    let content = pair.source.content("shop").await?;
    for id in &answered {
        assert!(content.contains_key(id), "{id} was answered and is gone");
    }
    pair.source.put("shop", "after", "{}").await?;
    Ok(())
}

/// Transactions that are written at most until a receiver has made the sync that it is killed in.
const ROUNDS_MAX: usize = 2_000;
/// Documents of each of them.
const ROUND_DOCUMENTS: usize = 20;

/// Killed in the middle of any sync, a receiver has the batch or has it not, and goes on. How many
/// rounds a receiver takes in with one sync depends on the machine: there are as many as it takes.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs root and strace"]
async fn killed_in_any_sync_it_goes_on() -> Result<()> {
    for nth in [4, 5, 6, 9, 14, 22] {
        let site = Site::new()?;
        let log = site.path().join("receiver.trace");
        let what = format!("signal=SIGKILL:when={nth}");
        let mut pair = pair(&[], &injecting(&log, &what), site).await?;
        let task = pair.replicate().await?;
        let mut rounds = 0;
        while !pair.receiver.has_ended()? {
            ensure!(rounds < ROUNDS_MAX, "it made fewer than {nth} syncs");
            let documents = documents(&format!("round/{rounds}"), ROUND_DOCUMENTS, "x");
            pair.source.write("shop", documents, 7).await?;
            rounds += 1;
        }
        assert_eq!(pair.receiver.ended()?, None, "a signal ended it, at sync {nth}");
        pair.receiver.restart()?;
        pair.reconnect().await?;
        pair.caught_up(&task).await?;
        let written = rounds * ROUND_DOCUMENTS;
        assert_eq!(pair.assert_equal().await?, written, "at sync {nth}");
        let last = usize::try_from(pair.destination.database("copy").await?.last_etag)?;
        assert_eq!(last, written, "nothing was applied twice, at sync {nth}");
    }
    Ok(())
}

/// A file system of its own, as small as a test wants it; gone with it.
struct SmallDisk<'p>(&'p Path);

impl<'p> SmallDisk<'p> {
    fn mount(at: &'p Path, mib: u32) -> Result<Self> {
        fs::create_dir_all(at)?;
        mount(&["-t", "tmpfs", "-o", &format!("size={mib}m,mode=0700"), "jackdaw", path(at)])?;
        Ok(Self(at))
    }

    fn grow(&self, mib: u32) -> Result<()> {
        mount(&["-o", &format!("remount,size={mib}m"), path(self.0)])
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        // Lazily: a service may be ending.
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

fn mount(arguments: &[&str]) -> Result<()> {
    let done = Command::new("mount").args(arguments).status().context("mount")?;
    ensure!(done.success(), "mount {arguments:?}");
    Ok(())
}

/// A destination whose disk is full refuses batches by name, is read as ever, and goes on by itself
/// when there is room again: nothing is restarted.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs root and strace"]
async fn a_full_disk_is_waited_for() -> Result<()> {
    let site = Site::new()?;
    let data = site.data("receiver");
    let disk = SmallDisk::mount(&data, 200)?;
    let pair = pair(&[], &[], site).await?;
    let task = pair.replicate().await?;
    pair.source.put("shop", "first", "{}").await?;
    pair.caught_up(&task).await?;
    // Nothing that compresses.
    let mut random = Random::new(7);
    let text: String = (0..8_000).map(|_| format!("{:016x}", random.number())).collect();
    for round in 0..20 {
        let documents = (0..100).map(|n| {
            let at = usize::try_from(random.number() % 100_000).unwrap_or(0);
            (format!("things/{round}/{n}"), format!(r#"{{"t":"{}"}}"#, &text[at..at + 28_000]))
        });
        pair.source.write("shop", documents.collect(), 10).await?;
    }
    let full = until("the disk is full", SOON * 2, async || {
        let task = pair.source.task(&task).await?;
        let reason = task.error.clone().unwrap_or_default().reason;
        Ok((reason == "DISK_FULL").then_some(task))
    })
    .await?;
    let phase = full.phase.unwrap_or_default();
    assert!(matches!(phase.kind(), PhaseKind::Backoff | PhaseKind::Connecting), "{phase:?}");
    assert_eq!(pair.destination.document("copy", "first").await?.id, "first", "it is read as ever");
    let large = format!(r#"{{"t":"{}"}}"#, "x".repeat(15 << 20));
    let refused = pair.destination.put("copy", "own", &large).await;
    let refused = refused.err().context("a full disk took a write")?;
    assert!(format!("{refused:#}").contains("the disk of the database is full"), "{refused:#}");
    disk.grow(1_000)?;
    until("everything arrives", Duration::from_secs(120), async || {
        Ok((pair.destination.database("copy").await?.documents == 2_001).then_some(()))
    })
    .await?;
    assert_eq!(pair.assert_equal().await?, 2_001);
    drop(pair);
    drop(disk);
    Ok(())
}
