//! What travels: one version of one document or its deletion, and its place in the source.
//!
//! Bodies are opaque bytes here; nothing on the way of a change parses them.

pub mod attachment;
mod blob;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use xxhash_rust::xxh3::Xxh3;

pub use attachment::{Attachment, AttachmentName, Attachments, ContentType};
pub use blob::{BlobHash, BlobHashError, BlobHasher};

use crate::{ChangeVector, Collection, DocumentId, Entry, Etag, Timestamp};

/// One version of one document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Which document.
    pub id: DocumentId,
    /// The collection it is in; empty for none.
    pub collection: Collection,
    /// What this version has seen. Never empty once stored.
    pub vector: ChangeVector,
    /// When a client last changed it.
    pub last_modified: Timestamp,
    /// Its body, or that it was deleted.
    pub content: Content,
    /// What is attached to it; nothing to a deletion.
    pub attachments: Attachments,
}

/// A body, or its absence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A live document: its JSON, byte for byte as a client wrote it.
    Document(Bytes),
    /// A deletion.
    Tombstone,
}

impl Content {
    /// True for a deletion.
    pub fn is_tombstone(&self) -> bool {
        matches!(self, Self::Tombstone)
    }

    /// Bytes of the body; zero for a deletion.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Document(body) => body.len(),
            Self::Tombstone => 0,
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

impl Version {
    /// The hash of what this version says.
    pub fn content_hash(&self) -> ContentHash {
        let mut hasher = Xxh3::new();
        hasher.update(&[u8::from(self.content.is_tombstone())]);
        let collection = self.collection.as_str().as_bytes();
        hasher.update(&(collection.len() as u64).to_be_bytes());
        hasher.update(collection);
        if let Content::Document(body) = &self.content {
            if !self.attachments.is_empty() {
                hasher.update(&(body.len() as u64).to_be_bytes());
            }
            hasher.update(body);
            self.attachments.hash_into(&mut hasher);
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
    /// The version.
    pub version: Version,
}
