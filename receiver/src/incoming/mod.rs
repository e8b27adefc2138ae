//! One session of a source: changes on their way in.
//!
//! `admit` decides whether it may begin, `session` reads its frames, `unpack` turns a batch's
//! frames into items, `session` has the store apply them and acknowledges what is durable.

mod admit;
mod error;
mod session;
mod unpack;

pub(crate) use admit::{Admitted, admit};
pub(crate) use error::IncomingError;
pub(crate) use session::Session;
