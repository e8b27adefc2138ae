//! A mistake that a test switches on for the sessions of its thread, and must find (pitfall 15).

use std::{cell::Cell, collections::VecDeque};

use jackdaw_common::frame::ToSender;
use tokio::sync::mpsc;

thread_local! {
    /// Nothing is read before what is to be said was taken.
    pub(super) static AWAITS_SENDS: Cell<bool> = const { Cell::new(false) };
}

/// By the planted bug, waits until all that is to be said was taken.
pub(super) async fn send_all(outbox: &mut VecDeque<ToSender>, outbound: &mpsc::Sender<ToSender>) {
    while AWAITS_SENDS.get()
        && let Some(frame) = outbox.pop_front()
    {
        // Whether anybody is there is found out by who reads.
        let _ = outbound.send(frame).await;
    }
}
