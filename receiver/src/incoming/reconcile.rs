//! Where a full reconcile stands, range by range: whether one may come, and whether all have.

use bytes::Bytes;
use jackdaw_common::frame::Present;

use super::error::IncomingError;

/// Where the full reconcile of a session stands; none is due where it was not asked for.
#[derive(Debug)]
pub(super) struct Ranges {
    /// Behind which id the next range is to begin; `None` when none is due.
    next: Option<Bytes>,
    /// Behind which id what is durable ends; `None` when all is.
    durable: Option<Bytes>,
    /// Where each range on its way ends.
    on_the_way: Vec<(u64, Option<Bytes>)>,
}

impl Ranges {
    /// Of a session that has asked for one behind `after`, or for none.
    pub(super) fn new(after: Option<Bytes>) -> Self {
        Self { next: after.clone(), durable: after, on_the_way: Vec::new() }
    }

    /// Whether ranges have to come before anything else.
    pub(super) fn are_due(&self) -> bool {
        self.next.is_some()
    }

    /// A range came.
    ///
    /// # Errors
    ///
    /// None is due, or another one is.
    pub(super) fn take(&mut self, present: &Present) -> Result<(), IncomingError> {
        if self.next.as_ref() != Some(&present.after) {
            return Err(IncomingError::Reconcile { due: self.are_due() });
        }
        self.next.clone_from(&present.through);
        self.on_the_way.push((present.number, present.through.clone()));
        Ok(())
    }

    /// A batch came.
    ///
    /// # Errors
    ///
    /// Ranges are due.
    pub(super) fn none_due(&self) -> Result<(), IncomingError> {
        if self.are_due() { Err(IncomingError::Reconcile { due: true }) } else { Ok(()) }
    }

    /// A range is durable.
    pub(super) fn done(&mut self, number: u64) {
        if let Some(at) = self.on_the_way.iter().position(|(other, _)| *other == number) {
            self.durable = self.on_the_way.remove(at).1;
        }
    }

    /// The sender goes back to what is durable.
    pub(super) fn go_back(&mut self) {
        self.next.clone_from(&self.durable);
        self.on_the_way.clear();
    }
}
