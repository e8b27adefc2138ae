//! What a database keeps for itself and never sends: rows of `compare_exchange`, and the numbers in
//! `records` that something is counted with.

use bytes::Bytes;
use jackdaw_common::{CompareExchangeIndex, CompareExchangeKey};

use super::codec::{RowError, RowReader, RowWriter};

/// A value under a key, which only who knows its index writes over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompareExchangeItem {
    /// In the casing of its first write.
    pub key: CompareExchangeKey,
    /// Which write it is of.
    pub index: CompareExchangeIndex,
    /// Its JSON.
    pub value: Bytes,
}

impl CompareExchangeItem {
    pub(crate) fn encode(&self) -> Bytes {
        let key = self.key.as_str().as_bytes();
        let mut row = RowWriter::new(key.len() + self.value.len() + 24);
        row.string(key);
        row.varint(self.index.get());
        row.string(&self.value);
        row.seal()
    }

    pub(crate) fn decode(bytes: Bytes) -> Result<Self, RowError> {
        let mut row = RowReader::open(bytes)?;
        let key = row.parsed()?;
        let index = CompareExchangeIndex::new(row.varint()?);
        let value = row.string()?;
        row.close()?;
        Ok(Self { key, index, value })
    }
}

/// A number as a row.
pub(crate) fn encode_number(number: u64) -> Bytes {
    let mut row = RowWriter::new(10);
    row.varint(number);
    row.seal()
}

/// Reads it back.
pub(crate) fn decode_number(bytes: Bytes) -> Result<u64, RowError> {
    let mut row = RowReader::open(bytes)?;
    let number = row.varint()?;
    row.close()?;
    Ok(number)
}
