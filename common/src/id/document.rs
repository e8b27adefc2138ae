//! What people name: documents and collections.
//!
//! No path, URL or query is ever built from them, so `../`, `%2e` or a slash at the end are
//! characters like any other.

use core::fmt;
use core::str::{FromStr, from_utf8};

use thiserror::Error;

use super::casing::{CasedText, control_character};
use crate::limits::{COLLECTION_BYTES_MAX, DOCUMENT_ID_BYTES_MAX};

/// The id of a document: 1 to 512 bytes of UTF-8 without control characters.
///
/// Keeps its casing, and is equal, ordered and hashed by its key, its [lower case](super::lower):
/// `Users/1` and `users/1` are one document. Cheap to clone. Making one costs one allocation; two
/// more when its key is another text and it is longer than 128 bytes or not ASCII.
///
/// A slash or a pipe at its end means nothing here: to RavenDB's clients it asks for a generated
/// id, which is for whoever offers that to see to.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DocumentId(CasedText);

impl DocumentId {
    /// Bytes of a key at most. The bound of 512 is on the id as written; its key may be longer,
    /// because the lower cases of 'Ⱥ' and 'Ⱦ' have three bytes for their two.
    pub const KEY_BYTES_MAX: usize = DOCUMENT_ID_BYTES_MAX / 2 * 3;

    /// Checks and takes an id.
    pub fn new(text: &str) -> Result<Self, DocumentIdError> {
        if text.is_empty() {
            return Err(DocumentIdError::Empty);
        }
        if text.len() > DOCUMENT_ID_BYTES_MAX {
            return Err(DocumentIdError::TooLong { bytes: text.len() });
        }
        match control_character(text) {
            Some((at, character)) => Err(DocumentIdError::ControlCharacter { character, at }),
            None => Ok(Self(CasedText::new(text))),
        }
    }

    /// Checks and takes an id from bytes that may not be UTF-8.
    pub fn from_utf8(bytes: &[u8]) -> Result<Self, DocumentIdError> {
        let text = from_utf8(bytes)
            .map_err(|error| DocumentIdError::NotUtf8 { at: error.valid_up_to() })?;
        Self::new(text)
    }

    /// The id in its original casing.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The id in lower case: what it is equal, ordered, hashed and stored by.
    pub fn key(&self) -> &str {
        self.0.key()
    }
}

impl fmt::Debug for DocumentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DocumentId").field(&self.as_str()).finish()
    }
}

impl fmt::Display for DocumentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for DocumentId {
    type Err = DocumentIdError;

    fn from_str(text: &str) -> Result<Self, DocumentIdError> {
        Self::new(text)
    }
}

/// Why a text is not the id of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DocumentIdError {
    /// Nothing there.
    #[error("document id is empty")]
    Empty,
    /// Longer than an id may be.
    #[error("document id has {bytes} bytes, more than {DOCUMENT_ID_BYTES_MAX}")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// A control character.
    #[error("document id has control character {character:?} at byte {at}")]
    ControlCharacter {
        /// The character.
        character: char,
        /// Its byte position.
        at: usize,
    },
    /// Bytes that are not UTF-8; a lone surrogate is among them.
    #[error("document id is not UTF-8 at byte {at}")]
    NotUtf8 {
        /// The first byte that is not.
        at: usize,
    },
}

/// The name of a collection: up to 512 bytes of UTF-8 without control characters.
///
/// Empty, the default, is "no collection". Keeps its casing, and is equal, ordered and hashed by
/// its key, its [lower case](super::lower); whoever must know whether the casing changed compares
/// [`Collection::as_str`]. Cheap to clone.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Collection(CasedText);

impl Collection {
    /// Bytes of a key at most; the reason is that of [`DocumentId::KEY_BYTES_MAX`].
    pub const KEY_BYTES_MAX: usize = COLLECTION_BYTES_MAX / 2 * 3;

    /// Checks and takes a name.
    pub fn new(text: &str) -> Result<Self, CollectionError> {
        if text.len() > COLLECTION_BYTES_MAX {
            return Err(CollectionError::TooLong { bytes: text.len() });
        }
        match control_character(text) {
            Some((at, character)) => Err(CollectionError::ControlCharacter { character, at }),
            None => Ok(Self(CasedText::new(text))),
        }
    }

    /// Whether it is "no collection".
    pub fn is_empty(&self) -> bool {
        self.as_str().is_empty()
    }

    /// The name in its original casing.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The name in lower case: what it is equal, ordered, hashed and stored by.
    pub fn key(&self) -> &str {
        self.0.key()
    }
}

impl fmt::Debug for Collection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Collection").field(&self.as_str()).finish()
    }
}

impl fmt::Display for Collection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Collection {
    type Err = CollectionError;

    fn from_str(text: &str) -> Result<Self, CollectionError> {
        Self::new(text)
    }
}

/// Why a text is not the name of a collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CollectionError {
    /// Longer than a name may be.
    #[error("collection has {bytes} bytes, more than {COLLECTION_BYTES_MAX}")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// A control character.
    #[error("collection has control character {character:?} at byte {at}")]
    ControlCharacter {
        /// The character.
        character: char,
        /// Its byte position.
        at: usize,
    },
}
