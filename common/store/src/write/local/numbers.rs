//! Numbers that are counted up in `records`: each is given once.

use bytes::Bytes;

use crate::{
    error::StoreError,
    keys,
    tables::local::{decode_number, encode_number},
    write::work::{Work, corrupt},
};

/// The number that was given last under `key`; 0 before the first.
pub(super) fn last(work: &Work<'_>, key: &[u8]) -> Result<u64, StoreError> {
    match work.small(keys::RECORDS, key)? {
        Some(row) => decode_number(row).map_err(|error| corrupt(keys::RECORDS, key, error)),
        None => Ok(0),
    }
}

/// The number that follows the last one given under `key`: 1 for the first.
pub(super) fn next(work: &mut Work<'_>, key: Bytes) -> Result<u64, StoreError> {
    skip(work, key, 1)
}

/// The number so many behind it.
pub(super) fn skip(work: &mut Work<'_>, key: Bytes, step: u64) -> Result<u64, StoreError> {
    let next = last(work, &key)?.saturating_add(step);
    set(work, key, next);
    Ok(next)
}

/// Makes `number` the one that was given last under `key`.
pub(super) fn set(work: &mut Work<'_>, key: Bytes, number: u64) {
    work.set_small(keys::RECORDS, key, Some(encode_number(number)));
}
