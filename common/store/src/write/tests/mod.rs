//! The store as its callers see it, on the memory engine and on the embedded one.

mod arriving;
mod failures;
mod groups;
pub(crate) mod harness;
mod histories;
mod keeping;
pub(crate) mod local;
mod overlay;
mod pitfalls;
mod reading;
mod records;
