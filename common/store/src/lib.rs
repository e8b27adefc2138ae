//! Jackdaw's databases on disk.
//!
//! Owns the key space, the rows, the single writer and the engines below them; the only crate that
//! names an engine. Knows nothing of the network. `node`, `sender` and `receiver` use [`Store`].

mod backup;
mod commit;
mod contents;
pub mod declare;
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

pub use backup::{BackupError, BackupReader, Received};
pub use contents::{Brought, Content, Staged, Staging};
pub use error::StoreError;
pub use keys::RecordKind;
pub use read::{Lookup, Published, Snapshot};
pub use store::{Identity, OpenError, Store};
pub use tables::local::CompareExchangeItem;
pub use write::{
    Applied, ApplyError, Begin, BeginError, Command, Configure, ConfigureError, Enforce,
    EnforceError, Enforced, Exchange, ExchangeError, Exchanged, Expected, FollowError, Forget,
    ForgetError, Forgotten, Incoming, IncomingItem, Looked, NewAttachment, NewContent, NewId,
    NewRevision, Numbering, Present, Reconciled, Record, RecordError, RetireError, Session, Stands,
    TransactError, Written,
};
