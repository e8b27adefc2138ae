//! The name of a time series, unique within its document.

use core::fmt;
use core::str::FromStr;

use thiserror::Error;

use crate::{id::CasedText, limits::SERIES_NAME_BYTES_MAX};

/// The name of a time series: 1 to 256 bytes of UTF-8 without control characters.
///
/// Keeps its casing, and is equal, ordered and hashed by its [lower case](crate::id::lower).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesName(CasedText);

impl SeriesName {
    /// Bytes of a key at most: 'Ⱥ' and 'Ⱦ' have two bytes, their lower cases three.
    pub const KEY_BYTES_MAX: usize = SERIES_NAME_BYTES_MAX / 2 * 3;

    /// Checks and takes a name.
    pub fn new(text: &str) -> Result<Self, SeriesNameError> {
        match text.len() {
            0 => return Err(SeriesNameError::Empty),
            bytes if bytes > SERIES_NAME_BYTES_MAX => {
                return Err(SeriesNameError::TooLong { bytes });
            }
            _ => {}
        }
        match text.char_indices().find(|(_, character)| character.is_control()) {
            Some((at, character)) => Err(SeriesNameError::ControlCharacter { character, at }),
            None => Ok(Self(CasedText::new(text))),
        }
    }

    /// The name in its original casing.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The name in lower case.
    pub fn key(&self) -> &str {
        self.0.key()
    }

    /// Whether values of one time are added up instead of replaced, which the name decides.
    pub fn is_incremental(&self) -> bool {
        self.key().starts_with(INCREMENTAL_PREFIX)
    }
}

impl fmt::Debug for SeriesName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SeriesName").field(&self.as_str()).finish()
    }
}

impl fmt::Display for SeriesName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for SeriesName {
    type Err = SeriesNameError;

    fn from_str(text: &str) -> Result<Self, SeriesNameError> {
        Self::new(text)
    }
}

/// Why a text is not the name of a time series.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum SeriesNameError {
    /// Nothing there.
    #[error("time series name is empty")]
    Empty,
    /// Longer than a name may be.
    #[error("time series name has {bytes} bytes, more than {SERIES_NAME_BYTES_MAX}")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// A control character.
    #[error("time series name has control character {character:?} at byte {at}")]
    ControlCharacter {
        /// The character.
        character: char,
        /// Its byte position.
        at: usize,
    },
}

/// What the key of an incremental series begins with; RavenDB's.
const INCREMENTAL_PREFIX: &str = "inc:";
