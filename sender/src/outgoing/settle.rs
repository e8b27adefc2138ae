//! What the receiver says is taken in: pure checks over what is in flight.
//!
//! A receiver that claims more than was sent, less than it claimed before, or other items than it
//! got, is not believed: the session ends (faults F37).

use std::collections::VecDeque;

use jackdaw_common::{Etag, frame::Ack};
use thiserror::Error;

#[cfg(test)]
mod tests;

/// A batch that was sent and is not acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InFlight {
    /// Its number.
    pub(crate) number: u64,
    /// Its last etag.
    pub(crate) last: Etag,
    /// Its items.
    pub(crate) items: u64,
    /// Its encoded bytes.
    pub(crate) bytes: u64,
}

/// What a receiver cannot truthfully say.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Untrue {
    /// An ack of a batch that is not the next one.
    #[error("acknowledges batch {acked}, the next one is {expected:?}")]
    Number {
        /// What it acknowledges.
        acked: u64,
        /// The oldest batch in flight.
        expected: Option<u64>,
    },
    /// A cursor outside of what was sent and acknowledged.
    #[error("claims cursor {claimed}, which lies not between {least} and {most}")]
    Cursor {
        /// What it claims.
        claimed: Etag,
        /// What it has claimed before, or must have reached.
        least: Etag,
        /// What was sent.
        most: Etag,
    },
    /// Outcomes of another number of items.
    #[error("accounts for {claimed:?} items of a batch of {sent}")]
    Items {
        /// What it accounts for.
        claimed: Option<u64>,
        /// What was sent.
        sent: u64,
    },
}

/// Takes an ack in: answers the batch it settles.
pub(crate) fn settle(
    in_flight: &mut VecDeque<InFlight>,
    ack: &Ack,
    sent: Etag,
) -> Result<InFlight, Untrue> {
    let expected = in_flight.front().copied();
    let Some(batch) = expected.filter(|batch| batch.number == ack.number) else {
        let expected = expected.map(|batch| batch.number);
        return Err(Untrue::Number { acked: ack.number, expected });
    };
    check_cursor(ack.cursor, batch.last, sent)?;
    let claimed = ack.outcomes.items();
    if claimed != Some(batch.items) {
        return Err(Untrue::Items { claimed, sent: batch.items });
    }
    in_flight.pop_front();
    Ok(batch)
}

/// A cursor lies between what was acknowledged and what was sent.
pub(crate) fn check_cursor(claimed: Etag, least: Etag, most: Etag) -> Result<(), Untrue> {
    if (least..=most).contains(&claimed) {
        Ok(())
    } else {
        Err(Untrue::Cursor { claimed, least, most })
    }
}
