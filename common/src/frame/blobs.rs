//! Frames about contents: what a batch refers to is there before the batch is.

use bytes::Bytes;

use crate::BlobHash;

/// The contents that the next batch refers to, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobOffer {
    /// Number of that batch.
    pub number: u64,
    /// The contents.
    pub blobs: Vec<OfferedBlob>,
}

/// A content that is offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OfferedBlob {
    /// Its hash.
    pub hash: BlobHash,
    /// Bytes of it.
    pub size: u64,
}

/// Which of the contents that were offered are needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobNeed {
    /// Number of the batch that they were offered for.
    pub number: u64,
    /// In the order in which they are to come, that of the offer; those that are not named are
    /// there.
    pub needs: Vec<NeededBlob>,
}

/// A content that is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NeededBlob {
    /// Its place in the offer, counted from zero.
    pub index: u32,
    /// What comes before is there already, from a session before.
    pub offset: u64,
}

/// A piece of a content that is needed; an empty one of a content that is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobChunk {
    /// Place of the content in the newest offer, counted from zero.
    pub index: u32,
    /// Where in the content it begins.
    pub offset: u64,
    /// The bytes.
    pub bytes: Bytes,
}
