//! What travels: one version of a document, of its deletion, or of something that it has, and its
//! place in the source.
//!
//! Bodies are opaque bytes here; nothing on the way of a change parses them.

pub mod attachment;
mod blob;
mod context;
pub mod counter;
pub mod revision;
mod segment;
pub mod series;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::Bytes;
use xxhash_rust::xxh3::Xxh3;

pub use attachment::{Attachment, AttachmentName, Attachments, ContentType};
pub use blob::{BlobHash, BlobHashError, BlobHasher};
pub use context::Context;
pub use counter::{Counter, CounterName, CounterOverflow, Partial, Partials};
pub use revision::{Kept, KeptCounter, KeptParts, RevisionsConfiguration, RevisionsRule};
pub use segment::{Extent, Segment};
pub use series::{
    DeadRange, NewEntry, Points, ReadEntry, SegmentError, SegmentState, SeriesEntry, SeriesName,
    SeriesTime, Span,
};

use crate::{ChangeVector, Collection, DocumentId, Entry, Etag, Timestamp};

/// One version of one document, or of a counter or a part of a time series that it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Which document.
    pub id: DocumentId,
    /// The collection it is in; empty for none, and for what a document has.
    pub collection: Collection,
    /// What this version has seen. Never empty once stored.
    pub vector: ChangeVector,
    /// When a client last changed it.
    pub last_modified: Timestamp,
    /// Its body, or that it was deleted, or what it is else.
    pub content: Content,
    /// What is attached to it; nothing but to a document.
    pub attachments: Attachments,
    /// The deletion of the document that this version came after; empty for none, and for a
    /// deletion. What the document had before went with it.
    pub since: ChangeVector,
    /// That it is kept as a revision once another takes its place; `None` for what is not, and for
    /// what a document has.
    pub kept: Option<Arc<Kept>>,
}

/// What a version says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A live document: its JSON, byte for byte as a client wrote it.
    Document(Bytes),
    /// A deletion.
    Tombstone,
    /// A counter of the document.
    Counter(Counter),
    /// What one of its time series has within a span of time.
    Segment(Segment),
    /// Revisions of the document are gone: all that were kept up to these entries.
    RevisionTombstone(ChangeVector),
}

impl Content {
    /// True for a deletion.
    pub fn is_tombstone(&self) -> bool {
        matches!(self, Self::Tombstone)
    }

    /// Whether it is something that a document has, and not the document.
    pub fn is_part(&self) -> bool {
        matches!(self, Self::Counter(_) | Self::Segment(_) | Self::RevisionTombstone(_))
    }

    /// Bytes of the body, at most; zero for a deletion.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Document(body) => body.len(),
            Self::Tombstone => 0,
            Self::Counter(counter) => {
                counter.name.as_str().len() + PARTIAL_BYTES_MAX * counter.partials.as_slice().len()
            }
            Self::Segment(segment) => {
                segment.extent.name.as_str().len() + SPAN_BYTES_MAX + segment.points.len()
            }
            Self::RevisionTombstone(removed) => removed.encoded_len(),
        }
    }
}

/// 128 bits over what a version says, without what it has seen: collection, content, attachments.
///
/// Two versions with the same vector and different hashes must not exist (promise P5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentHash(u128);

impl ContentHash {
    /// From its 16 bytes, big endian.
    pub const fn from_be_bytes(bytes: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(bytes))
    }

    /// Its 16 bytes, big endian.
    pub const fn to_be_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }
}

/// Bytes that a partial value of a counter takes encoded, at most.
const PARTIAL_BYTES_MAX: usize = 40;
/// Bytes that the times of a segment take encoded, at most.
const SPAN_BYTES_MAX: usize = 48;

impl Version {
    /// What it has seen, for a merge.
    pub fn context(&self) -> Context<'_> {
        Context { vector: &self.vector, since: &self.since }
    }

    /// Whether what a document had before a deletion that has seen so much is known to be gone by
    /// this version of it.
    pub fn remembers(&self, deletion: &ChangeVector) -> bool {
        let known = if self.content.is_tombstone() { &self.vector } else { &self.since };
        known.covers(deletion)
    }

    /// The hash of what this version says.
    pub fn content_hash(&self) -> ContentHash {
        let mut hasher = Xxh3::new();
        let kind = match &self.content {
            Content::Document(_) => 0,
            Content::Tombstone => 1,
            Content::Counter(_) => 2,
            Content::Segment(_) => 3,
            Content::RevisionTombstone(_) => 4,
        };
        hasher.update(&[kind]);
        let collection = self.collection.as_str().as_bytes();
        hasher.update(&(collection.len() as u64).to_be_bytes());
        hasher.update(collection);
        match &self.content {
            Content::Document(body) => {
                if !self.attachments.is_empty() {
                    hasher.update(&(body.len() as u64).to_be_bytes());
                }
                hasher.update(body);
                self.attachments.hash_into(&mut hasher);
            }
            Content::Tombstone => {}
            Content::Counter(counter) => counter.hash_into(&mut hasher),
            Content::Segment(segment) => segment.hash_into(&mut hasher),
            Content::RevisionTombstone(removed) => hasher.update(&removed.to_bytes()),
        }
        ContentHash(hasher.digest128())
    }
}

/// The transaction that wrote a row, so that a copy can show it whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransactionMark {
    /// Etag of its first row.
    pub first: Etag,
    /// How many etags it took: the last one is `first + rows - 1`.
    pub rows: u32,
}

/// A version with its place in the source's order of changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Its etag at the source.
    pub etag: Etag,
    /// The source transaction that wrote it.
    pub transaction: TransactionMark,
    /// The entry of the version's vector that was minted for this very version, where one was.
    pub minted: Option<Entry>,
    /// Whether it is sent as a revision only: another version has taken its place long since.
    pub past: bool,
    /// The version.
    pub version: Version,
}
