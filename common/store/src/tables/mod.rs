//! The rows: one file a table, its encoding beside its type.

pub mod changes;
pub mod cursors;
pub mod followers;
pub mod header;
pub mod heads;
pub mod history;
pub mod origin;

#[cfg(test)]
mod tests;
