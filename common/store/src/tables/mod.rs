//! The rows: one file a table, its encoding beside its type.

pub mod changes;
pub mod cursors;
pub mod followers;
pub mod header;
pub mod heads;
pub mod history;

#[cfg(test)]
mod tests;
