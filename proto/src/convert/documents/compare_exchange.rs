//! Compare-exchange items: how they go out.

use bytes::Bytes;
use jackdaw_common::{CompareExchangeIndex, CompareExchangeKey};
use prost::Message as _;

use super::DETAIL_BYTES_MAX;
use crate::documents as wire;

/// Full name of the detail of a `COMPARE_EXCHANGE_MISMATCH`.
pub const MISMATCH_DETAIL: &str = "jackdaw.documents.v1.CompareExchangeMismatch";

/// An item as it goes out.
#[must_use]
pub fn item(
    key: &CompareExchangeKey,
    index: CompareExchangeIndex,
    value: Bytes,
) -> wire::CompareExchangeItem {
    wire::CompareExchangeItem { key: key.as_str().to_owned(), value, index: index.get() }
}

/// What is there instead of what was expected, within an error: without its value where that does
/// not fit.
#[must_use]
pub fn mismatch_detail(actual: Option<wire::CompareExchangeItem>) -> wire::CompareExchangeMismatch {
    let value_bytes = actual.as_ref().map_or(0, |item| item.value.len() as u64);
    let mut mismatch = wire::CompareExchangeMismatch { actual, value_bytes };
    if mismatch.encoded_len() > DETAIL_BYTES_MAX
        && let Some(item) = &mut mismatch.actual
    {
        item.value = Bytes::new();
    }
    mismatch
}
