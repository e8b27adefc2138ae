//! I12: a sender never has more on its way than its receiver has granted.

use std::collections::{BTreeMap, VecDeque};

use jackdaw_common::frame::{ToReceiver, ToSender, Window};

use super::{Check, Invariant, holds};
use crate::oracle::{Connection, Frame, truth::Truth};

/// What each connection has on its way.
#[derive(Default)]
pub(super) struct Bounded(BTreeMap<Connection, OnTheWay>);

#[derive(Default)]
struct OnTheWay {
    granted: Option<Window>,
    batches: VecDeque<(u64, u64)>,
    bytes: u64,
}

impl OnTheWay {
    fn within(&self, on: Connection) -> Check {
        let bytes: u64 = self.batches.iter().map(|(_, bytes)| bytes).sum();
        let Some(granted) = self.granted else {
            return Err(format!("{on:?} sends before it was accepted"));
        };
        let within = self.batches.len() == 1
            || (self.batches.len() <= granted.batches as usize && bytes <= granted.bytes);
        holds(within, || {
            format!("{on:?} has {} batches, {bytes} bytes on the way", self.batches.len())
        })
    }
}

impl Invariant for Bounded {
    fn name(&self) -> &'static str {
        "I12"
    }

    fn frame(&mut self, _truth: &Truth, on: Connection, frame: &Frame<'_>) -> Check {
        let way = self.0.entry(on).or_default();
        match frame {
            Frame::Answers(ToSender::Accept(accept)) => way.granted = Some(accept.window),
            Frame::Leaves(ToReceiver::BatchBegin { .. }) => way.bytes = 0,
            Frame::Leaves(ToReceiver::Items(items)) => way.bytes += items.len() as u64,
            Frame::Leaves(ToReceiver::BatchEnd(end)) => {
                way.batches.push_back((end.number, way.bytes));
                return way.within(on);
            }
            Frame::Leaves(ToReceiver::Present(present)) => {
                let bytes = present.keys.iter().map(|key| key.len() as u64).sum();
                way.batches.push_back((present.number, bytes));
                return way.within(on);
            }
            Frame::Leaves(ToReceiver::Rewound { .. }) => way.batches.clear(),
            Frame::Arrives(ToSender::Ack(ack)) => {
                way.batches.retain(|(number, _)| *number > ack.number);
            }
            _ => {}
        }
        Ok(())
    }
}
