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
    /// Items and bytes of the transactions before the one of the last item.
    before: (usize, usize),
}

impl Filling {
    /// An empty batch.
    pub fn new(limits: BatchLimits) -> Self {
        Self { limits, items: 0, bytes: 0, transaction: None, before: (0, 0) }
    }

    /// Whether an item of `transaction` still belongs into this batch: always while its
    /// transaction is the one of the item before, otherwise as long as no limit was reached.
    pub fn takes(&self, transaction: TransactionMark) -> bool {
        self.transaction == Some(transaction.first)
            || (self.items < self.limits.items && self.bytes < self.limits.bytes)
    }

    /// Counts an item in.
    pub fn add(&mut self, transaction: TransactionMark, bytes: usize) {
        if self.transaction.replace(transaction.first) != Some(transaction.first) {
            self.before = (self.items, self.bytes);
        }
        self.items += 1;
        self.bytes += bytes;
    }

    /// Takes an item of an earlier transaction out again that was counted in.
    pub fn remove(&mut self, bytes: usize) {
        self.items = self.items.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
        self.before = (self.before.0.saturating_sub(1), self.before.1.saturating_sub(bytes));
    }

    /// Whether the transaction of the last item alone is more than a batch holds, and is not alone:
    /// a batch that ends before it, and one of it, are both smaller.
    pub fn is_outgrown(&self) -> bool {
        let (items, bytes) = self.before;
        let larger =
            self.items - items > self.limits.items || self.bytes - bytes > self.limits.bytes;
        items > 0 && larger
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
