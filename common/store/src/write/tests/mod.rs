//! The store as its callers see it, on the memory engine and on the embedded one.

mod applying;
mod conflicts;
mod documents;
mod failures;
mod generated;
mod groups;
mod harness;
mod histories;
mod overlay;
mod reading;
mod records;
mod sessions;
mod transactions;
