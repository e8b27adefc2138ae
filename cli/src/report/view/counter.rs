//! Counters, as they are shown.

use jackdaw_proto::documents::{Counter, PartialCounterValue};
use serde::Serialize;

use crate::report::output::Shown;

/// One counter.
#[derive(Debug, Serialize)]
pub(crate) struct CounterView {
    name: String,
    /// None where it is beyond 64 bits.
    value: Option<i64>,
    partials: Vec<PartialView>,
}

/// What one incarnation has added.
#[derive(Debug, Serialize)]
struct PartialView {
    incarnation: String,
    etag: u64,
    value: i64,
}

impl From<Counter> for CounterView {
    fn from(counter: Counter) -> Self {
        let Counter { name, value, partials } = counter;
        Self { name, value, partials: partials.into_iter().map(PartialView::from).collect() }
    }
}

impl From<PartialCounterValue> for PartialView {
    fn from(partial: PartialCounterValue) -> Self {
        let PartialCounterValue { incarnation, etag, value } = partial;
        Self { incarnation, etag, value }
    }
}

impl CounterView {
    fn value(&self) -> String {
        self.value.map_or_else(|| "beyond 64 bits".to_owned(), |value| value.to_string())
    }
}

impl Shown for CounterView {
    const COLUMNS: &'static [&'static str] = &["NAME", "VALUE", "PARTIALS"];

    fn row(&self) -> Vec<String> {
        vec![self.name.clone(), self.value(), self.partials.len().to_string()]
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        let partial = |it: &PartialView| format!("{} by {}:{}", it.value, it.etag, it.incarnation);
        let partials: Vec<_> = self.partials.iter().map(partial).collect();
        vec![
            ("name", self.name.clone()),
            ("value", self.value()),
            ("partials", partials.join("\n")),
        ]
    }
}
