//! Etags: positions in one database's own order of changes.
//!
//! Owns their range and their two forms, eight big-endian bytes and decimal text. Never issues
//! one: only the store's writer does (invariant I3). Everything that names a position uses it.

use core::fmt;
use core::str::FromStr;

use thiserror::Error;

/// A position in one database's own order of changes, 1 and up; zero is "before the first".
///
/// At most 2^63 - 1, so that it fits a signed column of any store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Etag(u64);

impl Etag {
    /// Before the first change.
    pub const ZERO: Self = Self(0);

    /// The last etag a database can issue, 2^63 - 1.
    pub const MAX: Self = Self(u64::MAX >> 1);

    /// The etag of this number; an error when it is greater than [`Etag::MAX`].
    pub const fn new(etag: u64) -> Result<Self, EtagOutOfRange> {
        if etag > Self::MAX.0 {
            return Err(EtagOutOfRange { etag });
        }
        Ok(Self(etag))
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Whether it is [`Etag::ZERO`].
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The etag after this one; an error after [`Etag::MAX`].
    pub const fn next(self) -> Result<Self, EtagOutOfRange> {
        // At most 2^63: cannot overflow.
        Self::new(self.0 + 1)
    }

    /// Eight bytes whose order is the order of etags.
    pub const fn to_be_bytes(self) -> [u8; 8] {
        self.0.to_be_bytes()
    }

    /// Reads what [`Etag::to_be_bytes`] wrote; an error when it is greater than [`Etag::MAX`].
    pub const fn from_be_bytes(bytes: [u8; 8]) -> Result<Self, EtagOutOfRange> {
        Self::new(u64::from_be_bytes(bytes))
    }

    /// The etag whose decimal text has one more digit, if there is one.
    fn appended(self, digit: u32) -> Option<Self> {
        let etag = self.0.checked_mul(10)?.checked_add(u64::from(digit))?;
        Self::new(etag).ok()
    }
}

impl fmt::Display for Etag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for Etag {
    type Err = EtagParseError;

    /// Reads decimal digits: no sign, no blank, nothing but digits; leading zeros are harmless.
    fn from_str(text: &str) -> Result<Self, EtagParseError> {
        if text.is_empty() {
            return Err(EtagParseError::Empty);
        }
        let mut etag = Self::ZERO;
        for (at, character) in text.char_indices() {
            let digit =
                character.to_digit(10).ok_or(EtagParseError::NotADigit { character, at })?;
            etag = etag.appended(digit).ok_or(EtagParseError::TooLarge { at })?;
        }
        Ok(etag)
    }
}

impl TryFrom<u64> for Etag {
    type Error = EtagOutOfRange;

    fn try_from(etag: u64) -> Result<Self, EtagOutOfRange> {
        Self::new(etag)
    }
}

impl From<Etag> for u64 {
    fn from(etag: Etag) -> Self {
        etag.get()
    }
}

/// A number beyond [`Etag::MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("etag {etag} is greater than the last one, {}", Etag::MAX)]
pub struct EtagOutOfRange {
    /// The number.
    pub etag: u64,
}

/// Why a text is not an etag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum EtagParseError {
    /// Nothing there.
    #[error("etag is empty")]
    Empty,
    /// A sign, a blank or a letter.
    #[error("character {character:?} at byte {at} of the etag is not a digit 0-9")]
    NotADigit {
        /// The character.
        character: char,
        /// Its byte position in the text.
        at: usize,
    },
    /// Greater than [`Etag::MAX`].
    #[error("etag is greater than the last one, {}, from byte {at} on", Etag::MAX)]
    TooLarge {
        /// The byte position of the digit that makes it too large.
        at: usize,
    },
}

#[cfg(test)]
mod tests;
