//! The binary form: in rows, in frames, and what digests and ties are made of.
//!
//! Entries in order, each the 16 bytes of its id and its etag as an unsigned LEB128 varint of the
//! least length; nothing before, between or behind. So a vector has one binary form, and reading
//! is strict: what it accepts it would write again. Whoever embeds a vector says how long it is.

use thiserror::Error;
use xxhash_rust::xxh3::xxh3_128;

use super::{Builder, ChangeVector, Entry};
use crate::etag::Etag;
use crate::id::IncarnationId;

impl ChangeVector {
    /// Bytes of the binary form.
    pub fn encoded_len(&self) -> usize {
        self.entries().iter().map(|it| ID_BYTES + Varint::of(it.etag).as_bytes().len()).sum()
    }

    /// Appends the binary form.
    pub fn encode_into(&self, bytes: &mut Vec<u8>) {
        bytes.reserve(self.encoded_len());
        for entry in self.entries() {
            bytes.extend_from_slice(entry.incarnation.as_bytes());
            bytes.extend_from_slice(Varint::of(entry.etag).as_bytes());
        }
    }

    /// The binary form.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.encode_into(&mut bytes);
        bytes
    }

    /// Reads a binary form, which must be all of the bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader { bytes, at: 0 };
        let mut builder = Builder::new();
        let mut last = None;
        while reader.at < bytes.len() {
            let entry_at = reader.at;
            let incarnation = reader.incarnation()?;
            if last.replace(incarnation) >= Some(incarnation) {
                return Err(DecodeError::NotAscending { at: entry_at });
            }
            builder.push(Entry { incarnation, etag: reader.etag()? });
        }
        Ok(builder.finish())
    }

    /// A short stand-in for the vector in keys: XXH3-128 of the binary form.
    pub fn digest(&self) -> u128 {
        xxh3_128(&self.to_bytes())
    }
}

/// Why bytes are not the binary form of a vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// The bytes end within an entry.
    #[error("change vector ends at byte {at}, within an entry")]
    Truncated {
        /// Where the bytes end.
        at: usize,
    },
    /// The id of an entry is not greater than that of the entry before.
    #[error("entry at byte {at} of the change vector is not in order")]
    NotAscending {
        /// Where the entry begins.
        at: usize,
    },
    /// An etag is zero, which no entry is needed for.
    #[error("etag at byte {at} of the change vector is zero")]
    EtagZero {
        /// Where the etag begins.
        at: usize,
    },
    /// An etag is longer than need be.
    #[error("etag at byte {at} of the change vector has a byte too many")]
    EtagNotMinimal {
        /// Where the etag begins.
        at: usize,
    },
    /// An etag is greater than [`Etag::MAX`].
    #[error("etag at byte {at} of the change vector is greater than the last one, {}", Etag::MAX)]
    EtagTooLarge {
        /// Where the etag begins.
        at: usize,
    },
}

/// An etag as an unsigned LEB128 varint; ordered as its bytes are.
///
/// Zeros stand behind its bytes. No varint is the beginning of another, so they decide nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Varint {
    bytes: [u8; VARINT_BYTES_MAX],
    count: usize,
}

impl Varint {
    pub(super) fn of(etag: Etag) -> Self {
        let mut bytes = [0; VARINT_BYTES_MAX];
        let mut count = 0;
        let mut rest = etag.get();
        for byte in &mut bytes {
            let [low, ..] = rest.to_le_bytes();
            rest >>= 7;
            count += 1;
            if rest == 0 {
                *byte = low;
                break;
            }
            *byte = low | CONTINUES;
        }
        Self { bytes, count }
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.count).unwrap_or_default()
    }
}

/// Reads entries one after the other.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn incarnation(&mut self) -> Result<IncarnationId, DecodeError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let id = rest.first_chunk().ok_or(DecodeError::Truncated { at: self.bytes.len() })?;
        self.at += ID_BYTES;
        Ok(IncarnationId::from_bytes(*id))
    }

    fn etag(&mut self) -> Result<Etag, DecodeError> {
        let start = self.at;
        let mut etag = 0;
        for shift in (0..).step_by(7).take(VARINT_BYTES_MAX) {
            let byte = self.bytes.get(self.at).ok_or(DecodeError::Truncated { at: self.at })?;
            self.at += 1;
            etag |= u64::from(byte & !CONTINUES) << shift;
            if byte & CONTINUES == 0 {
                return match byte {
                    0 if shift > 0 => Err(DecodeError::EtagNotMinimal { at: start }),
                    0 => Err(DecodeError::EtagZero { at: start }),
                    _ => Etag::new(etag).map_err(|_| DecodeError::EtagTooLarge { at: start }),
                };
            }
        }
        Err(DecodeError::EtagTooLarge { at: start })
    }
}

/// Bytes of an id.
const ID_BYTES: usize = 16;

/// Bytes of a varint at most: nine times seven bits are the 63 of [`Etag::MAX`].
const VARINT_BYTES_MAX: usize = 9;

/// The bit that says that a varint continues.
const CONTINUES: u8 = 0x80;
