//! What is copied: real data, and what is attached to it.

mod attachments;
mod data;
