//! What strace writes down of a service: in which order it wrote to journals, synced them and
//! answered.

use std::{collections::HashMap, net::SocketAddr};

use anyhow::{Result, ensure};

/// What a service did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// It began to write to the journal of a database.
    Wrote,
    /// Everything it wrote before was synced.
    Synced,
    /// It began to send an answer.
    Answered,
}

/// What a service that listens here did, in order. What it sends to who has connected is encrypted,
/// so that an answer is told from what only keeps a connection going by its size: the least that an
/// answer has.
pub(super) fn events(trace: &str, listen: SocketAddr, answer_bytes: usize) -> Vec<Event> {
    let connection = format!("<TCP:[{listen}->");
    let (mut events, mut writes, mut syncing) = (Vec::new(), 0, HashMap::new());
    for line in trace.lines() {
        let Some((thread, call)) = line.split_once(' ') else { continue };
        let call = call.trim_start();
        let of_journal = call.contains("/databases/") && call.contains(".jnl>");
        if call.starts_with("write") && of_journal {
            writes += 1;
            events.push(Event::Wrote);
        } else if call.starts_with("fdatasync(") && of_journal {
            syncing.insert(thread, writes);
        } else if call.starts_with("writev(") && call.contains(&connection) {
            events.extend((sent_bytes(call) >= answer_bytes).then_some(Event::Answered));
        }
        // A call that waits has a line of its own for its end. A sync covers what was written when
        // it began.
        let ends = call.starts_with("fdatasync(") || call.starts_with("<... fdatasync resumed>");
        if ends && call.ends_with("= 0") && syncing.remove(thread) == Some(writes) {
            events.push(Event::Synced);
        }
    }
    events
}

/// Bytes that a `writev` is given.
fn sent_bytes(call: &str) -> usize {
    let parts = call.split("iov_len=").skip(1);
    let lengths = parts.map(|part| part.split(|c: char| !c.is_ascii_digit()).next());
    lengths.filter_map(|length| length?.parse::<usize>().ok()).sum()
}

/// How many answers there are: each left when all that was written before it was synced, and after
/// a write and a sync of its own.
///
/// # Errors
///
/// One did not.
pub(super) fn answers_in_order(events: &[Event]) -> Result<usize> {
    let (mut written, mut synced, mut answers) = (false, false, 0);
    for event in events {
        match event {
            Event::Wrote => (written, synced) = (true, false),
            Event::Synced => synced = written,
            Event::Answered => {
                ensure!(written, "answer {answers} left before anything was written for it");
                ensure!(synced, "answer {answers} left before what was written was synced");
                (written, synced, answers) = (false, false, answers + 1);
            }
        }
    }
    Ok(answers)
}

/// A trace as strace writes it, and the same in which the answer leaves while the sync is under
/// way, or after a sync that had begun before the write, or without any.
#[test]
fn an_answer_that_does_not_wait_for_its_sync_is_noticed() -> Result<()> {
    const WRITE: &str = r#"7 write(21</d/databases/a/0.jnl>, "\1\3"..., 336) = 336"#;
    const SYNC: &str = "7 fdatasync(21</d/databases/a/0.jnl>) = 0";
    const BEGINS: &str = "7 fdatasync(21</d/databases/a/0.jnl> <unfinished ...>";
    const ENDS: &str = "7 <... fdatasync resumed>)          = 0";
    const FAILS: &str = "7 <... fdatasync resumed>)          = -1 EIO (Input/output error)";
    const PING: &str = r#"8 writev(16<TCP:[127.0.0.1:1->127.0.0.1:2]>, [{iov_len=39}], 1) = 39"#;
    const ANSWER: &str = r"8 writev(16<TCP:[127.0.0.1:1->127.0.0.1:2]>, [{iov_len=155}], 1) = 155";
    let answers = |lines: &[&str]| {
        let listen = SocketAddr::from(([127, 0, 0, 1], 1));
        answers_in_order(&events(&lines.join("\n"), listen, 100))
    };
    assert_eq!(answers(&[WRITE, SYNC, ANSWER, WRITE, PING, BEGINS, PING, ENDS, ANSWER])?, 2);
    for wrong in [
        &[WRITE, ANSWER, SYNC][..],
        &[WRITE, BEGINS, ANSWER, ENDS],
        &[WRITE, BEGINS, FAILS, ANSWER],
        &[BEGINS, WRITE, ENDS, ANSWER],
        &[WRITE, SYNC, ANSWER, ANSWER],
        &[SYNC, ANSWER],
    ] {
        assert!(answers(wrong).is_err(), "{wrong:?}");
    }
    Ok(())
}
