//! Compare-exchange items: values that are written only by who knows what is there.

use bytes::Bytes;
use jackdaw_common::{
    CompareExchangeIndex, CompareExchangeKey, id::lower, limits::COMPARE_EXCHANGE_BYTES_MAX,
};
use jackdaw_proto::{
    convert::documents::compare_exchange as convert,
    documents as wire,
    wire::{Reason, WireError},
};
use jackdaw_store::{
    CompareExchangeItem, Exchange, ExchangeError, Exchanged, Snapshot, Store, StoreError,
};

use crate::{
    catalog::Database,
    control::{
        blocking, failure,
        paging::{Page, Scope},
    },
    documents::{CHECKED_INLINE_BYTES_MAX, PAGE_BYTES_MAX, body::check_value},
};

/// Creates or replaces an item.
pub(in crate::documents) async fn put(
    database: &Database,
    request: wire::PutCompareExchangeRequest,
) -> Result<wire::PutCompareExchangeResponse, WireError> {
    let key = key(&request.key)?;
    let value = checked(request.value).await?;
    let Exchanged { key, index } =
        exchange(database, key, request.expected_index, Some(value)).await?;
    Ok(wire::PutCompareExchangeResponse { key: key.as_str().to_owned(), index: index.get() })
}

/// Deletes an item.
pub(in crate::documents) async fn delete(
    database: &Database,
    request: &wire::DeleteCompareExchangeRequest,
) -> Result<wire::DeleteCompareExchangeResponse, WireError> {
    let key = key(&request.key)?;
    let Exchanged { index, .. } = exchange(database, key, request.expected_index, None).await?;
    Ok(wire::DeleteCompareExchangeResponse { index: index.get() })
}

/// One item of the newest published snapshot.
pub(in crate::documents) async fn get(
    store: &Store,
    request: &wire::GetCompareExchangeRequest,
) -> Result<wire::CompareExchangeItem, WireError> {
    let key = key(&request.key)?;
    let snapshot = store.snapshot();
    blocking(move || {
        let found = snapshot.compare_exchange_item(&key).map_err(|error| failure::store(&error))?;
        found.map(item).ok_or_else(|| {
            let text = format!("there is no compare-exchange item {key}");
            about(WireError::new(Reason::CompareExchangeNotFound, text), &key)
        })
    })
    .await
}

/// A page of items.
pub(in crate::documents) async fn list(
    store: &Store,
    request: &wire::ListCompareExchangeRequest,
) -> Result<wire::ListCompareExchangeResponse, WireError> {
    let prefix = lower(&request.key_prefix).into_owned();
    if prefix.len() > CompareExchangeKey::LOWER_BYTES_MAX {
        return Err(WireError::field("key_prefix", "is longer than any key"));
    }
    let database = store.database_id().to_string();
    let arguments = ["compare-exchange", &database, &prefix];
    let scope = Scope(&arguments);
    let page = scope.page(request.page_size, &request.page_token)?;
    let snapshot = store.snapshot();
    let (items, last) = {
        let prefix = prefix.clone();
        blocking(move || page_of(&snapshot, &prefix, &page).map_err(|error| failure::store(&error)))
            .await?
    };
    let next_page_token = last.map(|last| scope.token(&last)).unwrap_or_default();
    Ok(wire::ListCompareExchangeResponse { items, next_page_token })
}

/// The items of a page, and the key of the last one where there are others.
fn page_of(
    snapshot: &Snapshot,
    prefix: &str,
    page: &Page,
) -> Result<(Vec<wire::CompareExchangeItem>, Option<String>), StoreError> {
    let (mut items, mut last, mut bytes) = (Vec::new(), None, 0);
    for found in snapshot.compare_exchange_items(prefix, page.after.as_deref()) {
        let found = found?;
        let size = found.value.len() + found.key.as_str().len() + 24;
        if items.len() == page.entries || bytes + size > PAGE_BYTES_MAX {
            return Ok((items, last));
        }
        bytes += size;
        last = Some(found.key.lower().to_owned());
        items.push(item(found));
    }
    Ok((items, None))
}

/// Writes an item, if it has the index that is expected.
async fn exchange(
    database: &Database,
    key: CompareExchangeKey,
    expected: u64,
    value: Option<Bytes>,
) -> Result<Exchanged, WireError> {
    let expected = CompareExchangeIndex::new(expected);
    let asked = Exchange { key: key.clone(), expected, value };
    database.store().exchange(asked).await.map_err(|error| match error {
        ExchangeError::Mismatch { actual } => mismatch(&key, expected, actual),
        ExchangeError::Store(error) => failure::store(&error),
    })
}

fn key(text: &str) -> Result<CompareExchangeKey, WireError> {
    CompareExchangeKey::new(text).map_err(|error| WireError::field("key", error))
}

/// The value, if it is JSON and not too large.
async fn checked(value: Bytes) -> Result<Bytes, WireError> {
    let bytes = value.len();
    if bytes > COMPARE_EXCHANGE_BYTES_MAX {
        let text = format!("value has {bytes} bytes, more than {COMPARE_EXCHANGE_BYTES_MAX}");
        return Err(WireError::new(Reason::CompareExchangeTooLarge, text)
            .with("field", "value")
            .with("bytes", bytes)
            .with("most", COMPARE_EXCHANGE_BYTES_MAX)
            .violating("value", format!("is larger than {COMPARE_EXCHANGE_BYTES_MAX} bytes")));
    }
    let check = move || match check_value(&value) {
        Ok(()) => Ok(value),
        Err(error) => Err(WireError::field("value", error)),
    };
    if bytes > CHECKED_INLINE_BYTES_MAX { blocking(check).await } else { check() }
}

fn item(found: CompareExchangeItem) -> wire::CompareExchangeItem {
    convert::item(&found.key, found.index, found.value)
}

fn mismatch(
    key: &CompareExchangeKey,
    expected: CompareExchangeIndex,
    actual: Option<CompareExchangeItem>,
) -> WireError {
    let index = actual.as_ref().map_or(CompareExchangeIndex::NONE, |there| there.index);
    let (has, should) = (state(index), state(expected));
    let text = format!("compare-exchange item {key} {has}; expected was that it {should}");
    about(WireError::new(Reason::CompareExchangeMismatch, text), key)
        .with("expected_index", expected)
        .with("actual_index", index)
        .with_detail(convert::MISMATCH_DETAIL, &convert::mismatch_detail(actual.map(item)))
}

fn state(index: CompareExchangeIndex) -> String {
    if index == CompareExchangeIndex::NONE {
        "does not exist".to_owned()
    } else {
        format!("has index {index}")
    }
}

/// An error about an item.
fn about(error: WireError, key: &CompareExchangeKey) -> WireError {
    error.with("key", key).about("jackdaw/CompareExchangeItem", key)
}
