//! What comes from other databases: sessions, batches, conflicts.

mod applying;
mod beside;
mod conflicts;
mod keeping;
mod lineage;
mod parts;
mod reconciling;
mod revisions;
mod sessions;
