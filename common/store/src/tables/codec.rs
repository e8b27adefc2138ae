//! The bytes of a row: a version byte, fields, and a checksum that is verified on every read.
//!
//! Integers are LEB128 varints or fixed big endian, byte strings carry their length before them.
//! Only `tables` uses this; a value that does not read back is an error that names table and key.

pub(super) mod attachments;
pub(super) mod kept;
#[cfg(test)]
mod tests;

use bytes::{BufMut, Bytes, BytesMut};
use jackdaw_common::{ChangeVector, Etag, Timestamp};
use thiserror::Error;
use xxhash_rust::xxh3::xxh3_64;

/// Version of every row encoding so far.
const VERSION: u8 = 1;
/// Bytes of the checksum at the end of a row.
const CHECKSUM_BYTES: usize = 8;
/// A row may have spare room of one such part of its length.
const SPARE_PARTS: usize = 8;

/// A row that does not read back.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("decode row: {0}")]
pub(crate) struct RowError(pub(crate) String);

fn bad(what: impl Into<String>) -> RowError {
    RowError(what.into())
}

/// Writes one row.
pub(crate) struct RowWriter(BytesMut);

impl RowWriter {
    /// A row of about `capacity` bytes.
    pub(crate) fn new(capacity: usize) -> Self {
        let mut buffer = BytesMut::with_capacity(capacity + 1 + CHECKSUM_BYTES);
        buffer.put_u8(VERSION);
        Self(buffer)
    }

    pub(crate) fn byte(&mut self, value: u8) {
        self.0.put_u8(value);
    }

    pub(crate) fn fixed(&mut self, value: &[u8]) {
        self.0.put_slice(value);
    }

    pub(crate) fn varint(&mut self, mut value: u64) {
        loop {
            let [low, ..] = value.to_le_bytes();
            value >>= 7;
            if value == 0 {
                self.0.put_u8(low);
                return;
            }
            self.0.put_u8(low | 0x80);
        }
    }

    pub(crate) fn etag(&mut self, value: Etag) {
        self.varint(value.get());
    }

    pub(crate) fn timestamp(&mut self, value: Timestamp) {
        self.0.put_i64(value.micros());
    }

    pub(crate) fn string(&mut self, value: &[u8]) {
        self.varint(value.len() as u64);
        self.0.put_slice(value);
    }

    pub(crate) fn vector(&mut self, value: &ChangeVector) {
        self.string(&value.to_bytes());
    }

    /// The row with its checksum. It stays in the engine's memory for a while, with whatever room
    /// it was given: where that is much more than it takes, it is copied.
    pub(crate) fn seal(mut self) -> Bytes {
        let checksum = xxh3_64(&self.0);
        self.0.put_u64(checksum);
        let room = self.0.capacity() - self.0.len();
        if room > self.0.len() / SPARE_PARTS {
            Bytes::copy_from_slice(&self.0)
        } else {
            self.0.freeze()
        }
    }
}

/// Reads one row; byte strings share its memory.
pub(crate) struct RowReader {
    bytes: Bytes,
    at: usize,
    end: usize,
}

impl RowReader {
    /// Checks version and checksum.
    pub(crate) fn open(bytes: Bytes) -> Result<Self, RowError> {
        let Some(end) = bytes.len().checked_sub(CHECKSUM_BYTES).filter(|end| *end >= 1) else {
            return Err(bad(format!("{} bytes are too few", bytes.len())));
        };
        let stored: [u8; CHECKSUM_BYTES] =
            bytes[end..].try_into().map_err(|_| bad("checksum cut off"))?;
        if xxh3_64(&bytes[..end]) != u64::from_be_bytes(stored) {
            return Err(bad("checksum does not match"));
        }
        if bytes[0] != VERSION {
            return Err(bad(format!("version {} is not known", bytes[0])));
        }
        Ok(Self { bytes, at: 1, end })
    }

    fn take(&mut self, count: usize) -> Result<std::ops::Range<usize>, RowError> {
        let start = self.at;
        let stop = start.checked_add(count).filter(|stop| *stop <= self.end);
        self.at = stop.ok_or_else(|| bad(format!("{count} bytes at {start} pass the end")))?;
        Ok(start..self.at)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, RowError> {
        let range = self.take(1)?;
        Ok(self.bytes[range.start])
    }

    pub(crate) fn fixed<const N: usize>(&mut self) -> Result<[u8; N], RowError> {
        let range = self.take(N)?;
        self.bytes[range].try_into().map_err(|_| bad("cut off"))
    }

    pub(crate) fn varint(&mut self) -> Result<u64, RowError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let part = u64::from(byte & 0x7f);
            if shift == 63 && part > 1 {
                break;
            }
            value |= part << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(bad(format!("varint before {} is too long", self.at)))
    }

    pub(crate) fn etag(&mut self) -> Result<Etag, RowError> {
        Etag::new(self.varint()?).map_err(|error| bad(error.to_string()))
    }

    pub(crate) fn timestamp(&mut self) -> Result<Timestamp, RowError> {
        Ok(Timestamp::from_micros(i64::from_be_bytes(self.fixed()?)))
    }

    pub(crate) fn string(&mut self) -> Result<Bytes, RowError> {
        let length = usize::try_from(self.varint()?).map_err(|_| bad("length too large"))?;
        let range = self.take(length)?;
        Ok(self.bytes.slice(range))
    }

    pub(crate) fn vector(&mut self) -> Result<ChangeVector, RowError> {
        let bytes = self.string()?;
        ChangeVector::decode(&bytes).map_err(|error| bad(error.to_string()))
    }

    /// A string that parses.
    pub(crate) fn parsed<T: std::str::FromStr>(&mut self) -> Result<T, RowError>
    where
        T::Err: std::fmt::Display,
    {
        let bytes = self.string()?;
        let text = std::str::from_utf8(&bytes).map_err(|error| bad(error.to_string()))?;
        text.parse().map_err(|error: T::Err| bad(error.to_string()))
    }

    /// Everything was read.
    pub(crate) fn close(self) -> Result<(), RowError> {
        if self.at == self.end {
            Ok(())
        } else {
            Err(bad(format!("{} bytes are left over", self.end - self.at)))
        }
    }
}
