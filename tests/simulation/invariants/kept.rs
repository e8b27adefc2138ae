//! What documents have besides what they say: contents, and what they were.

pub(super) mod contents;
pub(super) mod revisions;
