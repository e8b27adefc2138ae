//! One session of a task: changes on their way out.
//!
//! `offer` dials and shakes hands, `pack` turns a part of the source into a batch, `session` drives
//! it all, `settle` takes in what the receiver says. The supervisor starts a session and starts it
//! anew when it ends.

mod delivery;
mod error;
mod offer;
mod pack;
mod packing;
mod reconcile;
pub(crate) mod session;
mod settle;

pub use error::{Retry, SessionError};
pub use offer::{Connected, Dial, Inbound, refused};
pub use pack::PackError;
pub(crate) use session::Session;
pub use settle::Untrue;
pub(crate) use settle::check_cursor;
