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
    /// Contents of attachments after which it closes at the next border.
    pub contents: usize,
    /// Bytes of those contents after which it does.
    pub content_bytes: u64,
}

impl Default for BatchLimits {
    fn default() -> Self {
        Self {
            items: limits::BATCH_ITEMS,
            bytes: limits::BATCH_BYTES,
            contents: limits::BATCH_BLOBS,
            content_bytes: limits::BATCH_BLOB_BYTES,
        }
    }
}

/// What items take of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Weight {
    items: usize,
    bytes: usize,
    contents: usize,
    content_bytes: u64,
}

impl Weight {
    /// What is left of it without `other`.
    fn without(self, other: Self) -> Self {
        Self {
            items: self.items.saturating_sub(other.items),
            bytes: self.bytes.saturating_sub(other.bytes),
            contents: self.contents.saturating_sub(other.contents),
            content_bytes: self.content_bytes.saturating_sub(other.content_bytes),
        }
    }
}

/// Fills one batch.
#[derive(Clone, Debug)]
pub struct Filling {
    limits: BatchLimits,
    all: Weight,
    transaction: Option<Etag>,
    /// Of the transactions before the one of the last item.
    before: Weight,
}

impl Filling {
    /// An empty batch.
    pub fn new(limits: BatchLimits) -> Self {
        Self { limits, all: Weight::default(), transaction: None, before: Weight::default() }
    }

    /// Whether an item of `transaction` still belongs into this batch: always while its
    /// transaction is the one of the item before, otherwise as long as no limit was reached.
    pub fn takes(&self, transaction: TransactionMark) -> bool {
        let Weight { items, bytes, contents, content_bytes } = self.all;
        self.transaction == Some(transaction.first)
            || (items < self.limits.items
                && bytes < self.limits.bytes
                && contents < self.limits.contents
                && content_bytes < self.limits.content_bytes)
    }

    /// Counts an item in.
    pub fn add(&mut self, transaction: TransactionMark, bytes: usize) {
        if self.transaction.replace(transaction.first) != Some(transaction.first) {
            self.before = self.all;
        }
        self.all.items += 1;
        self.all.bytes += bytes;
    }

    /// Counts a content in that the last item is the first to refer to.
    pub fn add_content(&mut self, bytes: u64) {
        self.all.contents += 1;
        self.all.content_bytes = self.all.content_bytes.saturating_add(bytes);
    }

    /// Takes an item of an earlier transaction out again that was counted in.
    pub fn remove(&mut self, bytes: usize) {
        let item = Weight { items: 1, bytes, ..Weight::default() };
        self.all = self.all.without(item);
        self.before = self.before.without(item);
    }

    /// Whether the transaction of the last item alone is more than a batch holds, and is not alone:
    /// a batch that ends before it, and one of it, are both smaller.
    pub fn is_outgrown(&self) -> bool {
        let own = self.all.without(self.before);
        let larger = own.items > self.limits.items
            || own.bytes > self.limits.bytes
            || own.contents > self.limits.contents
            || own.content_bytes > self.limits.content_bytes;
        self.before.items > 0 && larger
    }

    /// Items counted in.
    pub fn items(&self) -> usize {
        self.all.items
    }

    /// Bytes counted in.
    pub fn bytes(&self) -> usize {
        self.all.bytes
    }
}
