//! One session of a source: changes on their way in.
//!
//! `admit` decides whether it may begin, `session` reads its frames and acknowledges what is
//! durable, `pipeline` has batches applied in their order, `unpack` turns a batch's frames into
//! items. `live` knows which sessions are under way, each by its `presence`.

mod admit;
mod error;
mod live;
mod pipeline;
mod presence;
mod session;
mod unpack;

pub(crate) use admit::{Admitted, admit};
pub(crate) use error::IncomingError;
pub(crate) use live::LiveSessions;
pub(crate) use session::Session;
