//! Dialling a receiver: from a URL to a connection that has been accepted, or the exact reason
//! why not.
//!
//! Name, TCP and TLS are done here, one after the other, so that a failure is known by its kind
//! and not guessed from a chain of boxed errors. A channel is one connection: when it ends, calls
//! fail `UNAVAILABLE` and whoever owns it dials anew; nothing reconnects in secret. Back-off is
//! the caller's.

mod connect;
mod url;

pub use connect::{ConnectError, connect};
pub use url::{ReceiverUrl, ReceiverUrlError};

#[cfg(test)]
mod tests;
