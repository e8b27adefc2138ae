//! What clients write: documents, ids that are completed, transactions, counters and time series.

mod documents;
mod exchanging;
mod generated;
mod identities;
mod midway;
pub(crate) mod parts;
mod revising;
pub(crate) mod revisions;
mod transactions;
