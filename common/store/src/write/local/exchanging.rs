//! Compare-exchange items: written by who knows what is there, and by one of several who know.
//!
//! Compared and written in one intent. They are no changes: they have no etags and no change
//! vectors, and no task sends them. Their index is counted for itself and goes on behind deletions,
//! so that a value that was read can be told from every later one of its key.

use bytes::Bytes;
use jackdaw_common::{CompareExchangeIndex, CompareExchangeKey};
use thiserror::Error;

use super::numbers;
use crate::{
    error::StoreError,
    keys::{self, RecordKind},
    tables::local::CompareExchangeItem,
    write::work::{Work, corrupt},
};

/// One write of an item.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// Which item.
    pub key: CompareExchangeKey,
    /// The index it must have; [`CompareExchangeIndex::NONE`]: it must not exist.
    pub expected: CompareExchangeIndex,
    /// What it shall be, JSON; `None` deletes it. Deleting what does not exist is no error,
    /// whatever was expected.
    pub value: Option<Bytes>,
}

impl Exchange {
    /// About how many bytes it will write.
    pub(crate) fn bytes(&self) -> usize {
        256 + self.value.as_ref().map_or(0, Bytes::len)
    }
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchanged {
    /// The item, in the casing of its first write.
    pub key: CompareExchangeKey,
    /// The index of this write; [`CompareExchangeIndex::NONE`] when there was nothing to delete.
    pub index: CompareExchangeIndex,
}

/// Why an item was not written.
#[derive(Clone, Debug, Error)]
pub enum ExchangeError {
    /// It does not have the index that was expected.
    #[error("the compare-exchange item is not as expected")]
    Mismatch {
        /// What is there; `None`: nothing.
        actual: Option<CompareExchangeItem>,
    },
    /// The database cannot write.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Writes an item, if it has the index that is expected.
pub(crate) fn exchange(work: &mut Work<'_>, it: Exchange) -> Result<Exchanged, ExchangeError> {
    let Exchange { key, expected, value } = it;
    let row = keys::compare_exchange(&key);
    let actual = present(work, &row)?;
    let Some(before) = &actual else {
        return match value {
            None => Ok(Exchanged { key, index: CompareExchangeIndex::NONE }),
            Some(_) if expected != CompareExchangeIndex::NONE => {
                Err(ExchangeError::Mismatch { actual })
            }
            Some(value) => Ok(put(work, row, key, value)?),
        };
    };
    if before.index != expected {
        return Err(ExchangeError::Mismatch { actual });
    }
    // The casing of the first write stays.
    let key = before.key.clone();
    match value {
        Some(value) => Ok(put(work, row, key, value)?),
        None => {
            let index = next_index(work)?;
            work.set_small(keys::COMPARE_EXCHANGE, row, None);
            Ok(Exchanged { key, index })
        }
    }
}

fn present(work: &Work<'_>, key: &[u8]) -> Result<Option<CompareExchangeItem>, StoreError> {
    let row = work.small(keys::COMPARE_EXCHANGE, key)?;
    row.map(CompareExchangeItem::decode)
        .transpose()
        .map_err(|error| corrupt(keys::COMPARE_EXCHANGE, key, error))
}

fn put(
    work: &mut Work<'_>,
    row: Bytes,
    key: CompareExchangeKey,
    value: Bytes,
) -> Result<Exchanged, StoreError> {
    let item = CompareExchangeItem { key, index: next_index(work)?, value };
    work.set_small(keys::COMPARE_EXCHANGE, row, Some(item.encode()));
    let CompareExchangeItem { key, index, .. } = item;
    Ok(Exchanged { key, index })
}

/// The index of a write, which is given to no other.
fn next_index(work: &mut Work<'_>) -> Result<CompareExchangeIndex, StoreError> {
    let key = keys::record(RecordKind::CompareExchangeIndex, &[]);
    numbers::next(work, key).map(CompareExchangeIndex::new)
}
