//! What a database keeps for itself, as a published snapshot has it.

use jackdaw_common::CompareExchangeKey;

use super::Snapshot;
use crate::{
    engine::{Direction, ScanRange},
    error::StoreError,
    keys::{self, RecordKind},
    tables::{
        codec::RowError,
        local::{CompareExchangeItem, decode_number},
    },
    write::corrupt,
};

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

    /// The identities behind the one named `after`: names in lower case, each with the number that
    /// was given out last; by name.
    pub fn identities(
        &self,
        after: &str,
    ) -> impl Iterator<Item = Result<(String, u64), StoreError>> + Send + '_ {
        // Numbers of the services stand before them, under keys that begin with a control
        // character, as no id does.
        let after = if after.is_empty() { LAST_CONTROL } else { after };
        let key = |text: &str| keys::record(RecordKind::Identity, text.as_bytes());
        let all = ScanRange::prefix(&key(""));
        let range = ScanRange { start: ScanRange::after(key(after)).start, ..all };
        self.engine.scan(keys::RECORDS, range, Direction::Forward).map(|row| {
            let (key, row) = row?;
            let name = String::from_utf8(key.slice(1..).to_vec());
            let name = name.map_err(|error| RowError(format!("its name is no text: {error}")));
            let read = name.and_then(|name| Ok((name, decode_number(row)?)));
            read.map_err(|error| corrupt(keys::RECORDS, &key, error))
        })
    }
}

/// The last of the control characters that stand before all others.
const LAST_CONTROL: &str = "\u{1f}";
