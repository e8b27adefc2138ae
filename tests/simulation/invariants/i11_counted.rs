//! I11: every item that was sent is accounted for, and no change is left out in silence.

use std::collections::BTreeMap;

use jackdaw_common::frame::{ToReceiver, ToSender};

use super::{Check, Invariant, holds};
use crate::oracle::{Connection, Frame, truth::Truth};

/// Items in each batch that left, by connection and number.
#[derive(Default)]
pub(super) struct Counted(BTreeMap<(Connection, u64), u64>);

impl Invariant for Counted {
    fn name(&self) -> &'static str {
        "I11"
    }

    fn frame(&mut self, _truth: &Truth, on: Connection, frame: &Frame<'_>) -> Check {
        match frame {
            Frame::Leaves(ToReceiver::BatchEnd(end)) => {
                self.0.insert((on, end.number), end.items);
                Ok(())
            }
            Frame::Leaves(ToReceiver::Present(present)) => {
                self.0.insert((on, present.number), 0);
                Ok(())
            }
            Frame::Answers(ToSender::Ack(ack)) => {
                let sent = self.0.remove(&(on, ack.number));
                holds(sent.is_some() && ack.outcomes.items() == sent, || {
                    format!("{on:?}: {sent:?} items were sent, told of {:?}", ack.outcomes)
                })
            }
            _ => Ok(()),
        }
    }
}
