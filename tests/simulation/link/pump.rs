//! Carries frames one way of one connection: each arrives in its order, after a while, or not.

use std::{collections::VecDeque, future::pending, sync::Arc, time::Duration};

use futures_util::{Stream, StreamExt as _};
use jackdaw_tests::random::Random;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

use super::{Way, Wire};

/// Frames that are on the wire at once: more wait where they come from.
const DEPTH: usize = 64;

/// Who sits on the wire.
pub(super) trait Tap: Send {
    /// What is sent.
    type In;
    /// What becomes of it on the way.
    type Out;

    /// Something leaves; `None`: nothing comes of it.
    fn leave(&mut self, sent: Self::In) -> Option<Self::Out>;

    /// How long it takes besides, being large.
    fn takes(&self, _carried: &Self::Out) -> Duration {
        Duration::ZERO
    }

    /// Something arrives.
    fn arrive(&mut self, _arriving: &Self::Out) {}
}

/// One way of one connection.
pub(super) struct Pump {
    pub(super) wire: Arc<Wire>,
    pub(super) way: Way,
    /// Cuts of the wire before the connection was begun.
    pub(super) cuts: u64,
    pub(super) random: Random,
    /// Longest time on the way, milliseconds.
    pub(super) latency: u64,
}

impl Pump {
    /// Until either end is gone, or the wire is cut.
    pub(super) async fn run<T: Tap>(
        mut self,
        mut from: impl Stream<Item = T::In> + Unpin,
        to: mpsc::Sender<T::Out>,
        mut tap: T,
    ) {
        let mut queue: VecDeque<(Instant, T::Out)> = VecDeque::new();
        let mut open = true;
        let mut last = Instant::now();
        loop {
            let changed = self.wire.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let state = *self.wire.state();
            if state.cuts != self.cuts {
                return;
            }
            let held = state.held[self.way as usize];
            if !open && queue.is_empty() && !held {
                return;
            }
            let due = queue.front().map(|(due, _)| *due).filter(|_| !held);
            tokio::select! {
                biased;
                () = &mut changed => {}
                // Who holds the other end is gone; a wire that is held does not tell.
                () = to.closed(), if !held => return,
                frame = from.next(), if open && queue.len() < DEPTH => match frame {
                    None => open = false,
                    Some(frame) => {
                        let delay = Duration::from_millis(self.random.below(self.latency + 1));
                        last = last.max(Instant::now() + delay);
                        if let Some(frame) = tap.leave(frame) {
                            last += tap.takes(&frame);
                            queue.push_back((last, frame));
                        }
                    }
                },
                permit = arrived(&to, due) => {
                    let (Some(permit), Some((_, frame))) = (permit, queue.pop_front()) else {
                        return;
                    };
                    tap.arrive(&frame);
                    permit.send(frame);
                }
            }
        }
    }
}

/// The time has come, and there is room; `None`: nobody is there any more.
async fn arrived<U>(to: &mpsc::Sender<U>, due: Option<Instant>) -> Option<mpsc::Permit<'_, U>> {
    let Some(due) = due else { return pending().await };
    sleep_until(due).await;
    to.reserve().await.ok()
}
