//! The letters before an etag in a change vector's text, and at the end of a generated id.

use core::fmt;
use core::str::FromStr;

use thiserror::Error;
use xxhash_rust::xxh3::xxh3_64;

use super::IncarnationId;

/// A short name of who issues etags and ids: 1 to 16 letters A-Z.
///
/// For people; it never decides anything (semantics 1.3.1). Held in place and copied.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeTag {
    /// The letters, zeros behind them: the order of these bytes is the order of the letters.
    letters: [u8; NodeTag::LETTERS_MAX],
    count: u8,
}

impl NodeTag {
    /// Letters a tag has at most.
    pub const LETTERS_MAX: usize = 16;

    /// Checks and takes a tag.
    pub fn new(text: &str) -> Result<Self, NodeTagError> {
        let wrong = |&(_, character): &(usize, char)| !character.is_ascii_uppercase();
        if let Some((at, character)) = text.char_indices().find(wrong) {
            return Err(NodeTagError::NotALetter { character, at });
        }
        Self::from_letters(text.as_bytes())
    }

    /// The tag of an incarnation, always the same for it.
    ///
    /// It stands in front of every etag in text and at the end of generated ids, so that two
    /// databases never generate the same id.
    pub fn derived(incarnation: IncarnationId) -> Self {
        let mut rest = xxh3_64(incarnation.as_bytes());
        let mut letters = [0; Self::LETTERS_MAX];
        for letter in letters.iter_mut().take(usize::from(DERIVED_LETTERS)) {
            let [digit, ..] = (rest % 26).to_le_bytes();
            *letter = b'A' + digit;
            rest /= 26;
        }
        Self { letters, count: DERIVED_LETTERS }
    }

    /// The letters.
    pub fn as_str(&self) -> &str {
        let letters = self.letters.get(..usize::from(self.count)).unwrap_or_default();
        // Always UTF-8: nothing but letters gets in.
        core::str::from_utf8(letters).unwrap_or_default()
    }

    fn from_letters(text: &[u8]) -> Result<Self, NodeTagError> {
        let too_long = NodeTagError::TooLong { letters: text.len() };
        let count = u8::try_from(text.len()).map_err(|_| too_long)?;
        if count == 0 {
            return Err(NodeTagError::Empty);
        }
        let mut letters = [0; Self::LETTERS_MAX];
        letters.get_mut(..text.len()).ok_or(too_long)?.copy_from_slice(text);
        Ok(Self { letters, count })
    }
}

impl fmt::Display for NodeTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for NodeTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeTag({})", self.as_str())
    }
}

impl FromStr for NodeTag {
    type Err = NodeTagError;

    fn from_str(text: &str) -> Result<Self, NodeTagError> {
        Self::new(text)
    }
}

/// Why a text is not a node tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NodeTagError {
    /// Nothing there.
    #[error("node tag is empty")]
    Empty,
    /// Something else than A-Z.
    #[error("character {character:?} at byte {at} of the node tag is not a letter A-Z")]
    NotALetter {
        /// The character.
        character: char,
        /// Its byte position.
        at: usize,
    },
    /// Longer than a tag may be.
    #[error("node tag has {letters} letters, more than {}", NodeTag::LETTERS_MAX)]
    TooLong {
        /// Its length.
        letters: usize,
    },
}

/// Letters a derived tag has: with seven, hardly one pair of databases in 8·10⁹ shares one, and
/// none of RavenDB's tags with a meaning (RAFT, TRXN, SINK, MOVE) comes out.
const DERIVED_LETTERS: u8 = 7;
