//! Jackdaw's databases on disk.
//!
//! Owns the key space, the rows, the single writer and the engines below them; the only crate that
//! names an engine. Knows nothing of the network. `node`, `sender` and `receiver` use [`Store`].

mod codec;
mod commit;
pub mod engine;
mod error;
pub mod keys;
mod overlay;
mod read;
mod store;
#[doc(hidden)]
pub mod suite;
pub mod tables;
mod write;

pub use error::StoreError;
pub use keys::RecordKind;
pub use read::{Lookup, Published, Snapshot};
pub use store::{Identity, OpenError, Store};
pub use write::{
    Applied, ApplyError, Begin, BeginError, Command, Expected, FollowError, Forget, ForgetError,
    Forgotten, Incoming, IncomingItem, NewId, Record, RecordError, Session, Stands, TransactError,
    Written,
};
