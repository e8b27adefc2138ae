//! Waits until a destination has what a source had: the completion of a copy.
//!
//! Reads a task's progress and nothing else. That the copy is right is for `compare` to say.

use std::time::Duration;

use jackdaw_proto::control::external_replication::{PhaseKind, State};
use jackdaw_proto::control::{ExternalReplication, WatchExternalReplicationRequest};
use tokio::time::{Instant, timeout_at};

use crate::connection::Service;
use crate::report::exit::Failure;
use crate::report::output::printable;
use crate::report::view::phase_name;

/// What is waited for.
#[derive(Clone, Debug)]
pub(crate) struct Goal {
    /// Resource name of the task.
    pub(crate) task: String,
    /// The etag of the source that the destination must have acknowledged; none: the last one when
    /// the wait begins.
    pub(crate) etag: Option<u64>,
    /// How long the acknowledged etag may stand still.
    pub(crate) stalled_after: Duration,
}

/// Waits until the goal is reached. `seen` hears of every state of the task on the way.
///
/// Fails when the task is blocked, disabled or deleted, or stands still for too long; the error
/// says in which phase it is and why.
pub(crate) async fn until_copied(
    service: &Service,
    goal: Goal,
    mut seen: impl FnMut(&ExternalReplication) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let request = WatchExternalReplicationRequest { name: goal.task.clone() };
    let mut client = service.tasks();
    let mut tasks = service.answer(client.watch_external_replication(request)).await?;
    let mut wanted = goal.etag;
    let mut acknowledged = None;
    let mut deadline = Instant::now() + goal.stalled_after;
    let mut last = ExternalReplication::default();
    loop {
        let Ok(next) = timeout_at(deadline, tasks.message()).await else {
            let waited = goal.stalled_after.as_secs();
            return Err(stuck(&format!("no progress for {waited} s"), &last, wanted));
        };
        last = next?.ok_or_else(|| Failure::no("the task was deleted"))?;
        seen(&last)?;
        let progress = last.progress.clone().unwrap_or_default();
        let wanted = *wanted.get_or_insert(progress.source_last_etag);
        if progress.last_acknowledged_etag >= wanted {
            return Ok(());
        }
        if let Some(why) = hopeless(&last) {
            return Err(stuck(why, &last, Some(wanted)));
        }
        if acknowledged.replace(progress.last_acknowledged_etag)
            != Some(progress.last_acknowledged_etag)
        {
            deadline = Instant::now() + goal.stalled_after;
        }
    }
}

/// Why waiting is of no use, if it is of none.
fn hopeless(task: &ExternalReplication) -> Option<&'static str> {
    let blocked = task.phase.as_ref().is_some_and(|phase| phase.kind() == PhaseKind::Blocked);
    if blocked {
        Some("the task is blocked")
    } else if task.state() == State::Disabled {
        Some("the task is disabled")
    } else {
        None
    }
}

fn stuck(why: &str, task: &ExternalReplication, wanted: Option<u64>) -> Failure {
    let progress = task.progress.clone().unwrap_or_default();
    let phase = task.phase.clone().unwrap_or_default();
    let wanted = wanted.unwrap_or(progress.source_last_etag);
    let acknowledged = progress.last_acknowledged_etag;
    let mut failure = Failure::no(format!(
        "the copy is not complete: {why}; etag {acknowledged} of {wanted} is acknowledged"
    ));
    failure = failure.with_line(format_args!("  phase: {}", phase_name(phase.kind)));
    if !phase.reason.is_empty() {
        let message = printable(&phase.message);
        failure = failure.with_line(format_args!("  reason: {} ({message})", phase.reason));
    }
    if let Some(error) = &task.error {
        let (message, retries) = (printable(&error.message), error.retries);
        failure = failure.with_line(format_args!(
            "  last error: {} ({message}), tried {retries}×",
            error.reason
        ));
    }
    failure
}

#[cfg(test)]
mod tests;
