//! Jackdaw from outside: what the end-to-end tests and the benchmark share.
//!
//! Starts the release binaries as processes of their own over real mTLS on loopback, talks to them
//! as any client would, and ends them by their pid.

pub mod client;
pub mod proxy;
pub mod random;
pub mod service;
pub mod site;
pub mod wait;
