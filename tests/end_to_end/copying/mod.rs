//! What is copied: real data, what is attached to it, counters and time series, revisions; and what
//! is not.

mod attachments;
mod data;
mod derived;
mod local;
mod parts;
mod revisions;
mod whole;
