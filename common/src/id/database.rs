//! What identifies a database: its id, which stays, and its name, which people use.

use core::fmt;
use core::str::FromStr;
use std::sync::Arc;

use thiserror::Error;
use uuid::Uuid;
use uuid::fmt::Hyphenated;

use crate::limits::DATABASE_NAME_CHARS_MAX;

/// The id a database keeps for life: for access, self-replication, sessions.
///
/// Never the id in a change vector's entry; that is an [`IncarnationId`](super::IncarnationId).
/// Its text is a UUID in its hyphenated form, read in either case, written in lower case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DatabaseId(Uuid);

impl DatabaseId {
    /// The id of these bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl fmt::Display for DatabaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.0.as_hyphenated(), f)
    }
}

impl FromStr for DatabaseId {
    type Err = DatabaseIdError;

    fn from_str(text: &str) -> Result<Self, DatabaseIdError> {
        let id: Hyphenated = text.parse().map_err(|source| DatabaseIdError { source })?;
        Ok(Self(id.into_uuid()))
    }
}

/// A text is not a hyphenated UUID.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("database id is not a UUID")]
pub struct DatabaseIdError {
    /// What is wrong with it, and where.
    pub source: uuid::Error,
}

/// The name of a database: 1 to 128 of `A-Z a-z 0-9 . _ -`, a letter or digit first.
///
/// Case matters: `Orders` and `orders` are two databases. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DatabaseName(Arc<str>);

impl DatabaseName {
    /// Checks and takes a name.
    pub fn new(text: &str) -> Result<Self, DatabaseNameError> {
        if text.is_empty() {
            return Err(DatabaseNameError::Empty);
        }
        let inside = |character: char| {
            character.is_ascii_alphanumeric() || matches!(character, '.' | '_' | '-')
        };
        if let Some((at, character)) = text.char_indices().find(|&(_, it)| !inside(it)) {
            return Err(DatabaseNameError::Character { character, at });
        }
        if let Some(character) = text.chars().next().filter(|it| !it.is_ascii_alphanumeric()) {
            return Err(DatabaseNameError::FirstCharacter { character });
        }
        if text.len() > DATABASE_NAME_CHARS_MAX {
            return Err(DatabaseNameError::TooLong { chars: text.len() });
        }
        Ok(Self(Arc::from(text)))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for DatabaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DatabaseName").field(&self.as_str()).finish()
    }
}

impl fmt::Display for DatabaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for DatabaseName {
    type Err = DatabaseNameError;

    fn from_str(text: &str) -> Result<Self, DatabaseNameError> {
        Self::new(text)
    }
}

/// Why a text is not the name of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DatabaseNameError {
    /// Nothing there.
    #[error("database name is empty")]
    Empty,
    /// A character that no name has.
    #[error(
        "character {character:?} at byte {at} of the database name is none of A-Z a-z 0-9 . _ -"
    )]
    Character {
        /// The character.
        character: char,
        /// Its byte position.
        at: usize,
    },
    /// A character that a name has, but not at its beginning.
    #[error("database name begins with {character:?}, not with a letter or a digit")]
    FirstCharacter {
        /// The character, at byte 0.
        character: char,
    },
    /// Longer than a name may be.
    #[error("database name has {chars} characters, more than {DATABASE_NAME_CHARS_MAX}")]
    TooLong {
        /// Its length.
        chars: usize,
    },
}
