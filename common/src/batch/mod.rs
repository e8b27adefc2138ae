//! When a batch is full: at a transaction border, never inside a transaction.
//!
//! The sender's packing asks before it adds an item; nothing here reads or sends.

#[cfg(test)]
mod tests;

use crate::{Etag, TransactionMark, limits};

/// What a batch holds at most; passed by the rest of the transaction that reaches it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchLimits {
    /// Items after which it closes at the next border.
    pub items: usize,
    /// Encoded bytes after which it closes at the next border.
    pub bytes: usize,
}

impl Default for BatchLimits {
    fn default() -> Self {
        Self { items: limits::BATCH_ITEMS, bytes: limits::BATCH_BYTES }
    }
}

/// Fills one batch.
#[derive(Clone, Debug)]
pub struct Filling {
    limits: BatchLimits,
    items: usize,
    bytes: usize,
    transaction: Option<Etag>,
}

impl Filling {
    /// An empty batch.
    pub fn new(limits: BatchLimits) -> Self {
        Self { limits, items: 0, bytes: 0, transaction: None }
    }

    /// Whether an item of `transaction` still belongs into this batch: always while its
    /// transaction is the one of the item before, otherwise as long as no limit was reached.
    pub fn takes(&self, transaction: TransactionMark) -> bool {
        self.transaction == Some(transaction.first)
            || (self.items < self.limits.items && self.bytes < self.limits.bytes)
    }

    /// Counts an item in.
    pub fn add(&mut self, transaction: TransactionMark, bytes: usize) {
        self.transaction = Some(transaction.first);
        self.items += 1;
        self.bytes += bytes;
    }

    /// Takes an item out again that was counted in.
    pub fn remove(&mut self, bytes: usize) {
        self.items = self.items.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
    }

    /// Items counted in.
    pub fn items(&self) -> usize {
        self.items
    }

    /// Bytes counted in.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}
