//! The rows: one file a table, its encoding beside its type.

pub mod changes;
pub mod cursors;
pub mod header;
pub mod heads;

#[cfg(test)]
mod tests;
