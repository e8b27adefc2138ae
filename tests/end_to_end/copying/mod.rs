//! What is copied: real data, what is attached to it, counters and time series.

mod attachments;
mod data;
mod parts;
