//! What comes from other databases: sessions, batches, conflicts.

mod applying;
mod conflicts;
mod lineage;
mod reconciling;
mod revisions;
mod sessions;
