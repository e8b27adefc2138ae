//! The seam for contents: what is too big for a row, written once, in pieces, and read in ranges.
//!
//! A content has a name of its own that is never used again, so that one which is being written,
//! one that is kept and one that is being removed never meet, though they be the same bytes. What a
//! name stands for is said in a row; that row is committed once the content is durable, never
//! before.

use core::fmt;
use std::time::Duration;

use bytes::Bytes;

use super::EngineError;

/// The name of a content that is kept.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobId([u8; 16]);

impl BlobId {
    /// From its bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Reads what [`fmt::Display`] writes.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let digits = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u128::from_str_radix(text, 16).ok().filter(|_| digits)?;
        Some(Self(number.to_be_bytes()))
    }
}

impl fmt::Display for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlobId({self})")
    }
}

/// Keeps contents beside the rows of an engine. Blocking.
pub trait Blobs: Send + Sync + 'static {
    /// Opens the part `name`, lower-case letters, digits and `-`, to go on with it, or begins it;
    /// `None` while it is open already.
    ///
    /// # Errors
    ///
    /// [`EngineError::Io`].
    fn part(&self, name: &str) -> Result<Option<Box<dyn Part>>, EngineError>;

    /// Bytes of the part `name`: none where there is no such part, or it is open.
    ///
    /// # Errors
    ///
    /// [`EngineError::Io`].
    fn part_bytes(&self, name: &str) -> Result<u64, EngineError>;

    /// The parts that are not open, and how long ago each was written to.
    ///
    /// # Errors
    ///
    /// [`EngineError::Io`].
    fn parts(&self) -> Result<Vec<(String, Duration)>, EngineError>;

    /// Removes a part, unless it is open or there is none.
    ///
    /// # Errors
    ///
    /// [`EngineError::Io`].
    fn remove_part(&self, name: &str) -> Result<(), EngineError>;

    /// Up to `bytes` bytes of a content from `offset` on: fewer only at its end.
    ///
    /// # Errors
    ///
    /// [`EngineError::Io`]; also where there is no such content.
    fn read(&self, blob: BlobId, offset: u64, bytes: usize) -> Result<Bytes, EngineError>;

    /// Makes a content the part `name` again, in the place of what that was; where the part is
    /// open, removes the content.
    ///
    /// # Errors
    ///
    /// [`EngineError::Io`].
    fn reopen(&self, blob: BlobId, name: &str) -> Result<(), EngineError>;

    /// Removes a content; one that is not there is no error.
    ///
    /// # Errors
    ///
    /// [`EngineError::Io`].
    fn remove(&self, blob: BlobId) -> Result<(), EngineError>;

    /// All contents that are kept, in no order.
    ///
    /// # Errors
    ///
    /// [`EngineError::Io`].
    fn list(&self) -> Result<Vec<BlobId>, EngineError>;
}

/// A content that is being written. Dropped, it stays as it is, to be gone on with; what was not
/// kept need not survive a power cut.
pub trait Part: Send {
    /// Bytes that it has.
    fn bytes(&self) -> u64;

    /// Up to `bytes` of its bytes from `offset` on: fewer only at its end.
    ///
    /// # Errors
    ///
    /// [`EngineError::Io`].
    fn read(&mut self, offset: u64, bytes: usize) -> Result<Bytes, EngineError>;

    /// Appends a piece.
    ///
    /// # Errors
    ///
    /// [`EngineError::NoSpace`], [`EngineError::Io`]: whether it was appended is not known; the
    /// part is to be begun anew.
    fn append(&mut self, piece: &[u8]) -> Result<(), EngineError>;

    /// Empties it.
    ///
    /// # Errors
    ///
    /// [`EngineError::Io`].
    fn clear(&mut self) -> Result<(), EngineError>;

    /// Keeps what was written under `blob`, durable at return; there is no part any more.
    ///
    /// # Errors
    ///
    /// [`EngineError::Unsynced`]: nothing that was kept may be believed any more;
    /// [`EngineError::NoSpace`], [`EngineError::Io`]: nothing may be built on this content.
    fn keep(self: Box<Self>, blob: BlobId) -> Result<(), EngineError>;
}
