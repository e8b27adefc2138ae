//! What a database keeps for itself, as a published snapshot has it.

use jackdaw_common::CompareExchangeKey;

use super::Snapshot;
use crate::{error::StoreError, keys, tables::local::CompareExchangeItem, write::corrupt};

impl Snapshot {
    /// One compare-exchange item.
    ///
    /// # Errors
    ///
    /// A row that does not read back, or the engine's.
    pub fn compare_exchange_item(
        &self,
        key: &CompareExchangeKey,
    ) -> Result<Option<CompareExchangeItem>, StoreError> {
        let key = keys::compare_exchange(key);
        let row = self.engine.get(keys::COMPARE_EXCHANGE, &key)?;
        row.map(CompareExchangeItem::decode)
            .transpose()
            .map_err(|error| corrupt(keys::COMPARE_EXCHANGE, &key, error))
    }

    /// The compare-exchange items whose lower-cased keys begin with `prefix`, behind the
    /// lower-cased key `after` where given, by key.
    pub fn compare_exchange_items(
        &self,
        prefix: &str,
        after: Option<&str>,
    ) -> impl Iterator<Item = Result<CompareExchangeItem, StoreError>> + Send + '_ {
        let rows = self.begin_with(keys::COMPARE_EXCHANGE, prefix, after);
        rows.map(|row| {
            let (key, row) = row?;
            CompareExchangeItem::decode(row)
                .map_err(|error| corrupt(keys::COMPARE_EXCHANGE, &key, error))
        })
    }
}
