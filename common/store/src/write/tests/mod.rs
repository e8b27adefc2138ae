//! The store as its callers see it, on the memory engine and on the embedded one.

mod arriving;
mod documents;
mod failures;
mod generated;
mod groups;
pub(crate) mod harness;
mod histories;
mod keeping;
mod overlay;
mod pitfalls;
mod reading;
mod records;
mod transactions;
