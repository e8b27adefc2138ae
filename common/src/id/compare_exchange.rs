//! What tells compare-exchange items apart, and their writes.

use core::fmt;

use thiserror::Error;

use super::casing::{CasedText, control_character};
use crate::limits::COMPARE_EXCHANGE_KEY_BYTES_MAX;

/// The key of a compare-exchange item: 1 to 512 bytes of UTF-8 without control characters.
///
/// Keeps its casing, and is equal, ordered and hashed by its [lower case](super::lower).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CompareExchangeKey(CasedText);

impl CompareExchangeKey {
    /// Bytes of a key in lower case at most; the reason is that of
    /// [`DocumentId::KEY_BYTES_MAX`](super::DocumentId::KEY_BYTES_MAX).
    pub const LOWER_BYTES_MAX: usize = COMPARE_EXCHANGE_KEY_BYTES_MAX / 2 * 3;

    /// Checks and takes a key.
    pub fn new(text: &str) -> Result<Self, CompareExchangeKeyError> {
        match text.len() {
            0 => return Err(CompareExchangeKeyError::Empty),
            bytes if bytes > COMPARE_EXCHANGE_KEY_BYTES_MAX => {
                return Err(CompareExchangeKeyError::TooLong { bytes });
            }
            _ => {}
        }
        match control_character(text) {
            Some((at, character)) => {
                Err(CompareExchangeKeyError::ControlCharacter { character, at })
            }
            None => Ok(Self(CasedText::new(text))),
        }
    }

    /// The key in its original casing.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The key in lower case: what it is equal, ordered, hashed and stored by.
    pub fn lower(&self) -> &str {
        self.0.key()
    }
}

impl fmt::Debug for CompareExchangeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CompareExchangeKey").field(&self.as_str()).finish()
    }
}

impl fmt::Display for CompareExchangeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl core::str::FromStr for CompareExchangeKey {
    type Err = CompareExchangeKeyError;

    fn from_str(text: &str) -> Result<Self, CompareExchangeKeyError> {
        Self::new(text)
    }
}

/// Why a text is not the key of a compare-exchange item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CompareExchangeKeyError {
    /// Nothing there.
    #[error("compare-exchange key is empty")]
    Empty,
    /// Longer than a key may be.
    #[error("compare-exchange key has {bytes} bytes, more than {COMPARE_EXCHANGE_KEY_BYTES_MAX}")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// A control character.
    #[error("compare-exchange key has control character {character:?} at byte {at}")]
    ControlCharacter {
        /// The character.
        character: char,
        /// Its byte position.
        at: usize,
    },
}

/// Which write of a database's compare-exchange items a value is of: 1, 2, 3 … over all keys, given
/// once, never again. 0 is "there is none".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CompareExchangeIndex(u64);

impl CompareExchangeIndex {
    /// There is no item.
    pub const NONE: Self = Self(0);

    /// The index of this number.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for CompareExchangeIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}
