//! What is copied: real data, what is attached to it, counters and time series; and what is not.

mod attachments;
mod data;
mod local;
mod parts;
