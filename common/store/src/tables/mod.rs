//! The rows: one file a table, its encoding beside its type.

pub mod blobs;
pub mod changes;
pub(crate) mod codec;
pub mod cursors;
pub mod followers;
pub mod header;
pub mod heads;
pub mod history;
pub mod local;
pub mod origin;
pub mod parts;
pub mod revisions;

#[cfg(test)]
mod tests;
