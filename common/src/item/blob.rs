//! The contents of attachments: named by what they are, kept once however often they are attached.

use core::fmt;
use core::str::FromStr;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use blake2b_simd::{Params, State};
use thiserror::Error;

/// The hash of a content: BLAKE2b of 32 bytes, as RavenDB's; in text its base64.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobHash([u8; Self::BYTES]);

impl BlobHash {
    /// Bytes of a hash.
    pub const BYTES: usize = 32;

    /// The hash of `content`.
    pub fn of(content: &[u8]) -> Self {
        let mut hasher = BlobHasher::default();
        hasher.update(content);
        hasher.finish()
    }

    /// From its bytes.
    pub const fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

impl fmt::Display for BlobHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&STANDARD.encode(self.0))
    }
}

impl fmt::Debug for BlobHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlobHash({self})")
    }
}

impl FromStr for BlobHash {
    type Err = BlobHashError;

    fn from_str(text: &str) -> Result<Self, BlobHashError> {
        let bytes = STANDARD.decode(text).map_err(|_| BlobHashError)?;
        bytes.try_into().map(Self).map_err(|_| BlobHashError)
    }
}

/// A text that is not the hash of a content.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("is not the base64 of a hash of 32 bytes")]
pub struct BlobHashError;

/// Computes the hash of a content that comes in pieces.
#[derive(Clone, Debug)]
pub struct BlobHasher(State);

impl Default for BlobHasher {
    fn default() -> Self {
        Self(Params::new().hash_length(BlobHash::BYTES).to_state())
    }
}

impl BlobHasher {
    /// Takes the next piece in.
    pub fn update(&mut self, piece: &[u8]) {
        self.0.update(piece);
    }

    /// The hash of all pieces.
    pub fn finish(&self) -> BlobHash {
        let hash = self.0.finalize();
        let mut bytes = [0; BlobHash::BYTES];
        bytes.copy_from_slice(hash.as_bytes());
        BlobHash(bytes)
    }
}
