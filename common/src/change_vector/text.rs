//! The text form, RavenDB's, for people: `A:10-<22 characters>, B:7-<22 characters>`.
//!
//! An entry is a node tag, a colon, the etag, a hyphen, the incarnation id (semantics 1.1). Tags
//! are checked and then forgotten: they identify nothing (semantics 1.3). Entries are written in
//! the order of their ids' bytes, each with the tag derived from its id, so equal vectors have
//! equal texts. Never compared as text: parse first.

use core::fmt;
use core::str::FromStr;

use thiserror::Error;

use super::{ChangeVector, Entry};
use crate::etag::{Etag, EtagParseError};
use crate::id::{IncarnationId, IncarnationIdError, NodeTag, NodeTagError};

impl fmt::Display for ChangeVector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, Entry { incarnation, etag }) in self.entries().iter().enumerate() {
            let separator = if at == 0 { "" } else { ", " };
            write!(f, "{separator}{}:{etag}-{incarnation}", NodeTag::derived(*incarnation))?;
        }
        Ok(())
    }
}

impl FromStr for ChangeVector {
    type Err = ParseError;

    /// Reads entries in any order, separated by any run of blanks and commas; empty is legal.
    ///
    /// Of a repeated id the highest etag counts, and a zero etag is as good as no entry.
    fn from_str(text: &str) -> Result<Self, ParseError> {
        if let Some(at) = text.find('|') {
            return Err(ParseError::Composite { at });
        }
        let mut parser = Parser { text, at: 0 };
        let mut entries = Vec::new();
        parser.skip_separators();
        while parser.at < text.len() {
            entries.push(parser.entry()?);
            parser.separator()?;
        }
        Ok(Self::from_entries(entries))
    }
}

/// Why a text is not a change vector. Positions are bytes of the whole text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ParseError {
    /// A composite vector, `order|version`, as RavenDB's sharded databases have.
    #[error("change vector is composite at byte {at}; only flat ones are supported")]
    Composite {
        /// Where the pipe is.
        at: usize,
    },
    /// An entry does not begin with a node tag.
    #[error("an entry of the change vector has no node tag at byte {at}")]
    TagMissing {
        /// Where the tag should be.
        at: usize,
    },
    /// A character of a node tag is not a letter A-Z.
    #[error("character {character:?} at byte {at} of the change vector: node tags are letters A-Z")]
    TagCharacter {
        /// The character.
        character: char,
        /// Its position.
        at: usize,
    },
    /// A node tag is longer than a tag may be.
    #[error("node tag at byte {at} of the change vector has {letters} letters, more than 16")]
    TagTooLong {
        /// Where the tag begins.
        at: usize,
        /// Its length.
        letters: usize,
    },
    /// The text ends before the colon that ends a node tag.
    #[error("change vector ends at byte {at}, before the colon behind a node tag")]
    ColonMissing {
        /// Where the text ends.
        at: usize,
    },
    /// No etag stands between colon and hyphen.
    #[error("an entry of the change vector has no etag at byte {at}")]
    EtagMissing {
        /// Where the etag should be.
        at: usize,
    },
    /// An etag is negative.
    #[error("etag at byte {at} of the change vector is negative")]
    EtagNegative {
        /// Where the minus is.
        at: usize,
    },
    /// A character of an etag is not a digit.
    #[error("character {character:?} at byte {at} of the change vector: etags are digits 0-9")]
    EtagCharacter {
        /// The character.
        character: char,
        /// Its position.
        at: usize,
    },
    /// An etag is greater than [`Etag::MAX`].
    #[error("etag at byte {at} of the change vector is greater than the last one, {}", Etag::MAX)]
    EtagTooLarge {
        /// Where the etag begins.
        at: usize,
    },
    /// The text ends before the hyphen that ends an etag.
    #[error("change vector ends at byte {at}, before the hyphen behind an etag")]
    HyphenMissing {
        /// Where the text ends.
        at: usize,
    },
    /// The text ends before the 22 characters of an id do.
    #[error("change vector ends at byte {at}, within the 22 characters of an id")]
    IdTruncated {
        /// Where the text ends.
        at: usize,
    },
    /// A character of an id is not base64; a separator that comes too early is one.
    #[error("character {character:?} at byte {at} of the change vector: ids are 22 of base64")]
    IdCharacter {
        /// The character.
        character: char,
        /// Its position.
        at: usize,
    },
    /// The last character of an id carries bits beyond its 16 bytes.
    #[error("the id's last character at byte {at} of the change vector is none of A, Q, g, w")]
    IdTrailingBits {
        /// Its position.
        at: usize,
    },
    /// Something else than a blank or a comma follows an entry.
    #[error("character {character:?} at byte {at} of the change vector: a comma is expected")]
    SeparatorMissing {
        /// The character.
        character: char,
        /// Its position.
        at: usize,
    },
}

/// Reads a text from a position on.
struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn entry(&mut self) -> Result<Entry, ParseError> {
        self.tag()?;
        let etag = self.etag()?;
        let incarnation = self.incarnation()?;
        Ok(Entry { incarnation, etag })
    }

    /// Reads a tag and its colon.
    fn tag(&mut self) -> Result<(), ParseError> {
        let (start, rest) = (self.at, self.rest());
        let colon = rest.find(':');
        NodeTag::new(rest.get(..colon.unwrap_or(rest.len())).unwrap_or_default()).map_err(
            |error| match error {
                NodeTagError::Empty => ParseError::TagMissing { at: start },
                NodeTagError::NotALetter { character, at } => {
                    ParseError::TagCharacter { character, at: start + at }
                }
                NodeTagError::TooLong { letters } => ParseError::TagTooLong { at: start, letters },
            },
        )?;
        let colon = colon.ok_or(ParseError::ColonMissing { at: self.text.len() })?;
        self.at += colon + 1;
        Ok(())
    }

    /// Reads an etag and its hyphen.
    fn etag(&mut self) -> Result<Etag, ParseError> {
        let (start, rest) = (self.at, self.rest());
        if rest.strip_prefix('-').is_some_and(is_etag_with_hyphen) {
            return Err(ParseError::EtagNegative { at: start });
        }
        let hyphen = rest.find('-');
        let etag: Etag =
            rest.get(..hyphen.unwrap_or(rest.len())).unwrap_or_default().parse().map_err(
                |error| match error {
                    EtagParseError::Empty => ParseError::EtagMissing { at: start },
                    EtagParseError::NotADigit { character, at } => {
                        ParseError::EtagCharacter { character, at: start + at }
                    }
                    EtagParseError::TooLarge { .. } => ParseError::EtagTooLarge { at: start },
                },
            )?;
        let hyphen = hyphen.ok_or(ParseError::HyphenMissing { at: self.text.len() })?;
        self.at += hyphen + 1;
        Ok(etag)
    }

    fn incarnation(&mut self) -> Result<IncarnationId, ParseError> {
        let start = self.at;
        let id = IncarnationId::from_text_prefix(self.rest()).map_err(|error| match error {
            IncarnationIdError::Length { .. } => ParseError::IdTruncated { at: self.text.len() },
            IncarnationIdError::Character { character, at } => {
                ParseError::IdCharacter { character, at: start + at }
            }
            IncarnationIdError::TrailingBits { at } => {
                ParseError::IdTrailingBits { at: start + at }
            }
        })?;
        self.at += IncarnationId::TEXT_CHARS;
        Ok(id)
    }

    /// Reads what must follow an entry: a run of separators, or the end.
    fn separator(&mut self) -> Result<(), ParseError> {
        let at = self.at;
        self.skip_separators();
        match self.rest().chars().next() {
            Some(character) if self.at == at => Err(ParseError::SeparatorMissing { character, at }),
            _ => Ok(()),
        }
    }

    fn skip_separators(&mut self) {
        let rest = self.rest().trim_start_matches(|it: char| it == ',' || it.is_whitespace());
        self.at = self.text.len() - rest.len();
    }
}

/// Whether the text begins with digits and a hyphen behind them: then a minus stood before them,
/// not the hyphen of an entry without an etag.
fn is_etag_with_hyphen(text: &str) -> bool {
    let behind = text.trim_start_matches(|it: char| it.is_ascii_digit());
    behind.len() < text.len() && behind.starts_with('-')
}
