//! What a database keeps for itself, and no task ever sends: compare-exchange items.
//!
//! It is written beside the transactions: it has no etags and no change vectors.

pub(super) mod compare_exchange;
