//! Compare-exchange items, and what was written of them, as they are shown.

use bytes::Bytes;
use jackdaw_proto::documents::{
    CompareExchangeItem, DeleteCompareExchangeResponse, PutCompareExchangeResponse,
};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::report::exit::Failure;
use crate::report::output::{Shown, grouped};

/// One item.
#[derive(Debug, Serialize)]
pub(crate) struct ItemView {
    key: String,
    index: u64,
    /// The value as it was written, but for blanks around it.
    value: Box<RawValue>,
    /// The value as it was written.
    #[serde(skip)]
    raw_value: Bytes,
}

impl ItemView {
    /// Fails when the value is not JSON.
    pub(crate) fn new(item: CompareExchangeItem) -> Result<Self, Failure> {
        let CompareExchangeItem { key, value: raw_value, index } = item;
        let value = serde_json::from_slice(&raw_value).map_err(|error| {
            Failure::local(format!("the value of {key:?} is not JSON: {error}"))
        })?;
        Ok(Self { key, index, value, raw_value })
    }

    /// The value as it was written.
    pub(crate) fn value(&self) -> &[u8] {
        &self.raw_value
    }

    /// Everything but the value, in a line.
    pub(crate) fn headline(&self) -> String {
        let bytes = grouped(self.raw_value.len() as u64);
        format!("{} · index {} · {bytes} bytes", self.key, self.index)
    }
}

impl Shown for ItemView {
    const COLUMNS: &'static [&'static str] = &["KEY", "INDEX", "BYTES"];

    fn row(&self) -> Vec<String> {
        let bytes = grouped(self.raw_value.len() as u64);
        vec![self.key.clone(), self.index.to_string(), bytes]
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        Self::COLUMNS.iter().copied().zip(self.row()).collect()
    }
}

/// The outcome of a write.
#[derive(Debug, Serialize)]
pub(crate) struct ExchangedView {
    key: String,
    index: u64,
}

impl ExchangedView {
    /// What was put.
    pub(crate) fn put(written: PutCompareExchangeResponse) -> Self {
        let PutCompareExchangeResponse { key, index } = written;
        Self { key, index }
    }

    /// What was deleted: the item of this key.
    pub(crate) fn deleted(key: String, written: DeleteCompareExchangeResponse) -> Self {
        let DeleteCompareExchangeResponse { index } = written;
        Self { key, index }
    }

    /// Whether nothing was written: there was nothing to delete.
    pub(crate) fn is_nothing(&self) -> bool {
        self.index == 0
    }
}

impl Shown for ExchangedView {
    const COLUMNS: &'static [&'static str] = &["KEY", "INDEX"];

    fn row(&self) -> Vec<String> {
        vec![self.key.clone(), self.index.to_string()]
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        vec![("key", self.key.clone()), ("index", self.index.to_string())]
    }
}
