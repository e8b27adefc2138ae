//! What the receiver says is taken in: pure checks over what is in flight.
//!
//! A receiver that claims more than was sent, less than it claimed before, or other items than it
//! got, is not believed: the session ends (faults F37).

use std::collections::VecDeque;

use bytes::Bytes;
use jackdaw_common::{Etag, frame::Ack};
use thiserror::Error;
use tracing::Span;

#[cfg(test)]
mod tests;

/// A batch that was sent and is not acknowledged.
#[derive(Clone, Debug)]
pub(crate) struct InFlight {
    /// Its number.
    pub(crate) number: u64,
    /// Its last etag.
    pub(crate) last: Etag,
    /// Its items.
    pub(crate) items: u64,
    /// Its encoded bytes.
    pub(crate) bytes: u64,
    /// What it is.
    pub(crate) carries: Carries,
    /// Of its way, from when it is sent until it is acknowledged.
    pub(crate) span: Span,
}

/// What takes a place in the window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Carries {
    /// A batch of items.
    Items,
    /// A range of a full reconcile.
    Range {
        /// The id it ends with; `None`: with the last one there is.
        through: Option<Bytes>,
    },
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
    /// A batch answered as a range of a full reconcile, or the other way round.
    #[error("answers batch {acked} as what it is not")]
    Kind {
        /// What it acknowledges.
        acked: u64,
    },
    /// A need of contents that were not offered for the batch that waits.
    #[error("needs contents for batch {number} that were not offered for it")]
    Need {
        /// The batch that it names.
        number: u64,
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
    let acked = ack.number;
    let expected = in_flight.front().map(|batch| batch.number);
    let Some(batch) = in_flight.front().filter(|batch| batch.number == acked) else {
        return Err(Untrue::Number { acked, expected });
    };
    check_cursor(ack.cursor, batch.last, sent)?;
    let is_range = matches!(batch.carries, Carries::Range { .. });
    if is_range != ack.reconciled.is_some() {
        return Err(Untrue::Kind { acked });
    }
    let claimed = ack.outcomes.items();
    if claimed != Some(batch.items) {
        return Err(Untrue::Items { claimed, sent: batch.items });
    }
    in_flight.pop_front().ok_or(Untrue::Number { acked, expected })
}

/// A cursor lies between what was acknowledged and what was sent.
pub(crate) fn check_cursor(claimed: Etag, least: Etag, most: Etag) -> Result<(), Untrue> {
    if (least..=most).contains(&claimed) {
        Ok(())
    } else {
        Err(Untrue::Cursor { claimed, least, most })
    }
}
