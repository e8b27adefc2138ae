//! Numbers that are counted up in `records`: each is given once.

use bytes::Bytes;

use crate::{
    error::StoreError,
    keys,
    tables::local::{decode_number, encode_number},
    write::work::{Work, corrupt},
};

/// The number that follows the last one given under `key`: 1 for the first.
pub(super) fn next(work: &mut Work<'_>, key: Bytes) -> Result<u64, StoreError> {
    let last = match work.small(keys::RECORDS, &key)? {
        Some(row) => decode_number(row).map_err(|error| corrupt(keys::RECORDS, &key, error))?,
        None => 0,
    };
    work.set_small(keys::RECORDS, key, Some(encode_number(last + 1)));
    Ok(last + 1)
}
