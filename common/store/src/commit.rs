//! The writer's queue and its thread.
//!
//! Whoever writes waits in one bounded queue; what has gathered while a commit ran is committed
//! together next (group commit). Answers go out after the fsync.

use std::thread;

use jackdaw_common::limits::{GROUP_BYTES_MAX, GROUP_INTENTS_MAX};
use tokio::sync::mpsc::{self, error::TryRecvError};

use crate::{
    error::StoreError,
    read::Snapshot,
    write::{Intent, Writer},
};

/// The intents of the next group: waits for one unless there is work anyway, takes what else is
/// there, within bounds. `None`: the queue is closed.
fn gather(queue: &mut mpsc::Receiver<Intent>, busy: bool) -> Option<Vec<Intent>> {
    let first = match queue.try_recv() {
        Ok(first) => first,
        Err(TryRecvError::Empty) if busy => return Some(Vec::new()),
        Err(_) => queue.blocking_recv()?,
    };
    let mut bytes = first.bytes();
    let mut group = vec![first];
    while group.len() < GROUP_INTENTS_MAX && bytes < GROUP_BYTES_MAX {
        let Ok(next) = queue.try_recv() else { break };
        bytes += next.bytes();
        group.push(next);
    }
    Some(group)
}

/// Drives `writer` on a thread of its own until the queue is closed or nothing can be written any
/// more. `publish` gets every published snapshot, `failed` the final error.
pub(crate) fn spawn(
    mut writer: Writer,
    mut queue: mpsc::Receiver<Intent>,
    publish: impl Fn(&Snapshot) + Send + 'static,
    failed: impl FnOnce(StoreError) + Send + 'static,
) -> std::io::Result<thread::JoinHandle<()>> {
    thread::Builder::new().name("jackdaw-writer".into()).spawn(move || {
        while let Some(group) = gather(&mut queue, writer.has_work()) {
            match writer.execute(group, &publish) {
                Ok(()) => {}
                Err(error) if error.is_final() => {
                    // First the reason, then the queue: whoever waits in it, or comes later, is
                    // told why it is closed.
                    failed(error);
                    drop(queue);
                    return;
                }
                Err(error) => tracing::warn!(%error, "commit refused, the database stays open"),
            }
        }
    })
}
