//! What both ends of one copy say in their logs: what was sent in which session, and what became of
//! it at the destination.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use jackdaw_common::limits::{WINDOW_BATCHES, WINDOW_BYTES};
use serde_json::Value;

#[cfg(test)]
mod tests;

/// The logs of one copy, read.
pub(super) struct Told {
    /// Of the sender, oldest first.
    sessions: Vec<Session>,
    /// Of the receiver: the batches that it has acknowledged, and how many of their items were
    /// applied.
    acknowledged: BTreeMap<Range, u64>,
}

/// Everything that was sent between one acceptance by the receiver and the next.
struct Session {
    /// Where the receiver said to go on.
    cursor: u64,
    sent: Vec<Batch>,
}

/// The etag behind which a batch begins, and its last.
type Range = (u64, u64);

struct Batch {
    range: Range,
    items: u64,
    bytes: u64,
}

impl Told {
    /// Reads what a sender's log has of a task, and the receiver's of its destination.
    pub(super) fn read(sender: &str, receiver: &str, task: u64, copy: &str) -> Result<Self> {
        let mut told = Self { sessions: Vec::new(), acknowledged: BTreeMap::new() };
        for line in lines(sender) {
            if field(&line, "task", "task") == Some(&Value::from(task)) {
                told.of_sender(&line)?;
            }
        }
        for line in lines(receiver) {
            let of_copy = field(&line, "session", "destination") == Some(&Value::from(copy));
            if of_copy && line["message"] == "batch durable" {
                told.of_receiver(&line)?;
            }
        }
        Ok(told)
    }

    fn of_sender(&mut self, line: &Value) -> Result<()> {
        if line["message"] == "session accepted" {
            let cursor = number(&line["cursor"])?;
            self.sessions.push(Session { cursor, sent: Vec::new() });
        } else if line["message"] == "sent" {
            let (items, bytes) = (of_batch(line, "items")?, of_batch(line, "bytes")?);
            let session = self.sessions.last_mut().context("sent in no session")?;
            session.sent.push(Batch { range: range(line)?, items, bytes });
        }
        Ok(())
    }

    fn of_receiver(&mut self, line: &Value) -> Result<()> {
        for other in ["already_present", "merged", "conflicted"] {
            ensure!(line[other] == 0, "a copy that nobody else writes has none {other}: {line}");
        }
        let before = self.acknowledged.insert(range(line)?, number(&line["applied"])?);
        ensure!(before.is_none(), "acknowledged twice: {line}");
        Ok(())
    }

    /// Whether the logs are there to the end: a line may be on its way to the file.
    pub(super) fn is_complete(&self) -> bool {
        let last = self.sessions.last();
        last.is_some_and(|last| last.sent.iter().all(|batch| self.is_acknowledged(batch)))
    }

    /// How many sessions there were.
    pub(super) fn sessions(&self) -> usize {
        self.sessions.len()
    }

    /// Items applied, over all acknowledgements that the receiver has told of.
    pub(super) fn applied(&self) -> u64 {
        self.acknowledged.values().sum()
    }

    /// Items of batches whose acknowledgement was swallowed by a kill: the receiver told of none,
    /// and yet it told the next session to go on behind them.
    pub(super) fn swallowed(&self) -> u64 {
        let pairs = self.sessions.iter().zip(self.sessions.iter().skip(1));
        let batches = pairs.flat_map(|(session, next)| {
            let durable = session.sent.iter().filter(|batch| batch.range.1 <= next.cursor);
            durable.filter(|batch| !self.is_acknowledged(batch))
        });
        batches.map(|batch| batch.items).sum()
    }

    /// Batches that each session has sent again, which is at most one window: as many batches, and
    /// as many bytes, as may be on their way. A batch that goes on beyond what was sent before is
    /// one of the batches; its bytes are not all sent again, and are not among the bytes.
    pub(super) fn sent_again(&self) -> Result<Vec<usize>> {
        let mut highest = 0;
        let mut all = Vec::new();
        for session in &self.sessions {
            let again: Vec<_> = session.sent.iter().filter(|it| it.range.0 < highest).collect();
            let whole = again.iter().filter(|batch| batch.range.1 <= highest);
            let bytes: u64 = whole.map(|batch| batch.bytes).sum();
            let batches = again.len();
            ensure!(batches <= usize::try_from(WINDOW_BATCHES)?, "{batches} batches sent again");
            ensure!(bytes <= WINDOW_BYTES, "{bytes} bytes sent again");
            all.push(batches);
            let sent = session.sent.iter().map(|batch| batch.range.1);
            highest = sent.chain([highest]).max().unwrap_or_default();
        }
        Ok(all)
    }

    fn is_acknowledged(&self, batch: &Batch) -> bool {
        self.acknowledged.contains_key(&batch.range)
    }
}

/// The lines of a log, in the order of their time: a kill may cut one, and what a killed process
/// has said may be written after what the next one says.
fn lines(log: &str) -> Vec<Value> {
    let mut lines: Vec<Value> =
        log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    lines.sort_by(|one, other| one["timestamp"].as_str().cmp(&other["timestamp"].as_str()));
    lines
}

/// A field of one of the spans that a line lies in.
fn field<'l>(line: &'l Value, span: &str, field: &str) -> Option<&'l Value> {
    line["spans"].as_array()?.iter().find(|one| one["name"] == span)?.get(field)
}

fn of_batch(line: &Value, name: &str) -> Result<u64> {
    number(field(line, "batch", name).with_context(|| format!("no {name}: {line}"))?)
}

fn range(line: &Value) -> Result<Range> {
    Ok((of_batch(line, "after")?, of_batch(line, "last")?))
}

fn number(value: &Value) -> Result<u64> {
    value.as_u64().context("no number")
}
