//! Jackdaw's domain: what a document, a change vector and a batch are, and what becomes of a
//! change that arrives.
//!
//! Pure. It does no I/O, awaits nothing, reads no clock and draws no randomness (invariant I1);
//! callers hand in the time and the ids. Everything above uses it, it uses nothing of Jackdaw.

pub mod batch;
pub mod change_vector;
pub mod clock;
pub mod conflict;
pub mod etag;
pub mod frame;
pub mod id;
pub mod item;
pub mod limits;
pub mod lineage;
pub mod retry;
pub mod scope;

pub use change_vector::{ChangeVector, Entry, Order};
pub use clock::Timestamp;
pub use etag::Etag;
pub use id::{
    Collection, CompareExchangeIndex, CompareExchangeKey, DatabaseId, DatabaseName, DocumentId,
    IdentityName, IncarnationId, NodeTag, TaskId,
};
pub use item::{
    Attachment, AttachmentName, Attachments, BlobHash, BlobHasher, Content, ContentHash,
    ContentType, Counter, CounterName, Item, Kept, KeptCounter, KeptParts, Partial, Partials,
    RevisionsConfiguration, RevisionsRule, Segment, TransactionMark, Version,
};
pub use lineage::{Lineage, RunId};
