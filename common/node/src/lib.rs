//! What any Jackdaw process needs: configuration, TLS, the listener, dialling, access, telemetry,
//! and the document and control APIs.
//!
//! It never knows a role: sender and receiver mount themselves on it.

pub mod access;
pub mod catalog;
pub mod channel;
pub mod config;
pub mod control;
pub mod documents;
pub mod listener;
pub mod node;
pub mod shutdown;
mod system;
pub mod telemetry;
pub mod tls;
mod trailers;

pub use node::{process, role};
pub use system::{clock, entropy, offload};
