//! Mistakes that a test switches on for the sessions of its thread, and must find (pitfall 15).

use std::{cell::Cell, collections::VecDeque};

use jackdaw_common::frame::ToReceiver;
use tokio::sync::mpsc;

thread_local! {
    /// What is larger than the window waits until there is room for it.
    pub(super) static WAITS_FOR_ITSELF: Cell<bool> = const { Cell::new(false) };
    /// Nothing is read before what is to be sent was taken.
    pub(super) static AWAITS_SENDS: Cell<bool> = const { Cell::new(false) };
}

/// By a planted bug, waits until all that is to be sent was taken.
pub(super) async fn send_all(
    outbox: &mut VecDeque<ToReceiver>,
    outbound: &mpsc::Sender<ToReceiver>,
) {
    while AWAITS_SENDS.get()
        && let Some(frame) = outbox.pop_front()
    {
        // Whether anybody is there is found out by who reads.
        let _ = outbound.send(frame).await;
    }
}
