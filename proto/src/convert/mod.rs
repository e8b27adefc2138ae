//! Domain to wire and back, one file a noun.
//!
//! The way in validates everything and names each wrong field by its path; the way out cannot
//! fail. Nothing here decides: services and sessions do.

pub mod attachments;
pub mod change_vector;
pub mod documents;
pub mod replication;
pub mod time;
