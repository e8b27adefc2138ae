//! The store as its callers see it, on the memory engine and on the embedded one.

mod applying;
mod conflicts;
mod documents;
mod failures;
mod forgetting;
mod generated;
mod groups;
mod harness;
mod histories;
mod history;
mod overlay;
mod reading;
mod records;
mod sessions;
mod transactions;
