//! Names of things: databases, incarnations, nodes, tasks, documents, collections, identities,
//! compare-exchange items.
//!
//! Owns what each may look like, and the one lower-casing by which names are equal. A value of
//! these types has been checked; nothing below the two doors of the wire takes a raw string. It
//! mints nothing: bytes of new ids are handed in.

mod casing;
mod compare_exchange;
mod database;
mod document;
mod identity;
mod incarnation;
mod node_tag;
mod task;

pub(crate) use casing::CasedText;
pub use casing::lower;
pub use compare_exchange::{CompareExchangeIndex, CompareExchangeKey, CompareExchangeKeyError};
pub use database::{DatabaseId, DatabaseIdError, DatabaseName, DatabaseNameError};
pub use document::{Collection, CollectionError, DocumentId, DocumentIdError};
pub use identity::IdentityName;
pub use incarnation::{IncarnationId, IncarnationIdError};
pub use node_tag::{NodeTag, NodeTagError};
pub use task::{TaskId, TaskIdError};

#[cfg(test)]
mod tests;
