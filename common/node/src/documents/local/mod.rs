//! What a database keeps for itself, and no task ever sends: compare-exchange items and
//! identities.
//!
//! They are written beside the transactions: they have no etags and no change vectors.

pub(super) mod compare_exchange;
pub(super) mod identities;
