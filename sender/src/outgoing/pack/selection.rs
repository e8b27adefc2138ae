//! What goes into a batch: the newest version of each document in it, in whole transactions.
//!
//! A version whose successor is in the same batch is left out. The transactions from the one it was
//! in to the one of its successor then travel as one: whoever copies the destination in turn must
//! not see some of them without the others.
//!
//! One that is kept as a revision goes along, as that and nothing else.
//!
//! A deletion goes along, though the document was made again, where the new document does not
//! remember it: what the document had before, and the destination still has, goes with it.

use jackdaw_common::{Etag, TransactionMark, Version};
use jackdaw_proto::convert::replication::OutgoingItem;

/// Versions on their way into a batch.
#[derive(Default)]
pub(super) struct Selection {
    /// In etag order; `None` was superseded by a later one.
    chosen: Vec<(Etag, Option<OutgoingItem>)>,
    /// Transactions in etag order, or several that travel as one.
    spans: Vec<Span>,
}

/// Transactions that travel as one.
#[derive(Clone, Copy)]
struct Span {
    /// The first one.
    first: TransactionMark,
    /// The last one.
    last: TransactionMark,
}

impl Selection {
    /// Whether a row of `transaction` begins a transaction that none of the rows before was in.
    pub(super) fn begins_another(&self, transaction: TransactionMark) -> bool {
        self.spans.last().is_none_or(|span| span.last != transaction)
    }

    /// A row of `transaction` comes now, whether it is added or not.
    pub(super) fn enter(&mut self, transaction: TransactionMark) {
        if self.begins_another(transaction) {
            self.spans.push(Span { first: transaction, last: transaction });
        }
    }

    /// `version`, which comes now, takes the place of the one at `previous`. Answers the bytes of
    /// that one if it was to be sent, and is no longer.
    pub(super) fn supersede(&mut self, previous: Etag, version: &Version) -> Option<usize> {
        let at = self.chosen.binary_search_by_key(&previous, |(etag, _)| *etag).ok()?;
        let chosen = &mut self.chosen[at].1;
        let deletion = chosen.as_ref()?.deletion();
        if deletion.is_some_and(|deletion| !version.remembers(deletion)) {
            return None;
        }
        let superseded = match chosen.as_mut().filter(|chosen| chosen.is_kept()) {
            Some(kept) => {
                kept.make_past();
                None
            }
            None => chosen.take(),
        };
        let last = self.spans.last()?.last;
        while self.spans.last().is_some_and(|span| span.first.first > previous) {
            self.spans.pop();
        }
        if let Some(span) = self.spans.last_mut() {
            span.last = last;
        }
        superseded.map(|superseded| superseded.bytes())
    }

    /// The row that came is to be sent.
    pub(super) fn add(&mut self, etag: Etag, item: OutgoingItem) {
        self.chosen.push((etag, Some(item)));
    }

    /// What is to be sent, each naming the transaction it travels in.
    pub(super) fn into_items(self) -> impl Iterator<Item = OutgoingItem> {
        let mut spans = self.spans.into_iter().peekable();
        self.chosen.into_iter().filter_map(move |(etag, item)| {
            while spans.peek().is_some_and(|span| end(span.last) < etag.get()) {
                spans.next();
            }
            let mut item = item?;
            if let Some(span) = spans.peek().filter(|span| span.first != span.last) {
                let first = span.first.first;
                let rows = end(span.last) + 1 - first.get();
                let rows = u32::try_from(rows).unwrap_or(u32::MAX);
                item.travel_in(TransactionMark { first, rows });
            }
            Some(item)
        })
    }
}

/// The last etag of a transaction.
fn end(transaction: TransactionMark) -> u64 {
    transaction.first.get() + u64::from(transaction.rows) - 1
}
