//! The id in a change vector's entry.

use core::fmt;
use core::str::FromStr;

use base64::Engine as _;
use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use thiserror::Error;

/// One life of a database: restoring or copying it begins another.
///
/// Etags are issued within an incarnation, so the pair of both never stands for two changes. The
/// text is RavenDB's: 22 characters of unpadded standard base64.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IncarnationId([u8; 16]);

impl IncarnationId {
    /// Characters of its text.
    pub const TEXT_CHARS: usize = 22;

    /// The id of these bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Reads the id from the first 22 bytes of a text.
    pub(crate) fn from_text_prefix(text: &str) -> Result<Self, IncarnationIdError> {
        let in_alphabet = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
        let bytes = text.as_bytes();
        let good = bytes.iter().take(Self::TEXT_CHARS).take_while(|byte| in_alphabet(byte)).count();
        if good < Self::TEXT_CHARS {
            // All before it is ASCII, so a character begins here, or the text ends.
            return Err(match text.get(good..).and_then(|rest| rest.chars().next()) {
                Some(character) => IncarnationIdError::Character { character, at: good },
                None => IncarnationIdError::Length { bytes: text.len() },
            });
        }
        // 22 characters are 132 bits; the decoder wants room for whole groups of four.
        let mut decoded = [0; 18];
        let symbols = bytes.get(..Self::TEXT_CHARS).unwrap_or_default();
        match STANDARD_NO_PAD.decode_slice(symbols, &mut decoded) {
            Ok(_) => Ok(Self(decoded.first_chunk().copied().unwrap_or_default())),
            Err(_) => Err(IncarnationIdError::TrailingBits { at: Self::TEXT_CHARS - 1 }),
        }
    }
}

impl fmt::Display for IncarnationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Base64Display::new(&self.0, &STANDARD_NO_PAD).fmt(f)
    }
}

impl fmt::Debug for IncarnationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IncarnationId({self})")
    }
}

impl FromStr for IncarnationId {
    type Err = IncarnationIdError;

    /// Reads 22 characters of base64, and nothing that would not be written the same again.
    fn from_str(text: &str) -> Result<Self, IncarnationIdError> {
        let id = Self::from_text_prefix(text)?;
        if text.len() > Self::TEXT_CHARS {
            return Err(IncarnationIdError::Length { bytes: text.len() });
        }
        Ok(id)
    }
}

/// Why a text is not an incarnation id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum IncarnationIdError {
    /// Cut off, or more behind it.
    #[error("incarnation id has {bytes} bytes, not 22")]
    Length {
        /// Bytes of the text.
        bytes: usize,
    },
    /// A character outside the alphabet; padding is one.
    #[error("character {character:?} at byte {at} of the incarnation id is not base64")]
    Character {
        /// The character.
        character: char,
        /// Its byte position.
        at: usize,
    },
    /// The last character carries bits beyond the 16 bytes: a second text for the same id.
    #[error("the character at byte {at} of the incarnation id is none of A, Q, g, w")]
    TrailingBits {
        /// Its byte position.
        at: usize,
    },
}
