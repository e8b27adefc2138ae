//! Time series and their entries, as they are shown.

use std::fmt;

use jackdaw_proto::documents::{TimeSeriesEntry, TimeSeriesSummary};
use serde::{Serialize, Serializer};

use super::time;
use crate::report::output::{Shown, grouped};

/// One time series.
#[derive(Debug, Serialize)]
pub(crate) struct TimeSeriesView {
    name: String,
    entries: u64,
    first: String,
    last: String,
}

impl From<TimeSeriesSummary> for TimeSeriesView {
    fn from(series: TimeSeriesSummary) -> Self {
        Self {
            first: time(series.first.as_ref()),
            last: time(series.last.as_ref()),
            name: series.name,
            entries: series.entries,
        }
    }
}

impl Shown for TimeSeriesView {
    const COLUMNS: &'static [&'static str] = &["NAME", "ENTRIES", "FIRST", "LAST"];

    fn row(&self) -> Vec<String> {
        let Self { name, entries, first, last } = self;
        vec![name.clone(), grouped(*entries), first.clone(), last.clone()]
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        Self::COLUMNS.iter().copied().zip(self.row()).collect()
    }
}

/// One entry.
#[derive(Debug, Serialize)]
pub(crate) struct EntryView {
    time: String,
    values: Vec<Value>,
    tag: Option<String>,
}

impl From<TimeSeriesEntry> for EntryView {
    fn from(entry: TimeSeriesEntry) -> Self {
        let values = entry.values.into_iter().map(Value).collect();
        Self { time: time(entry.time.as_ref()), values, tag: entry.tag }
    }
}

/// One value. JSON has no number for what is not finite: it is a string there.
#[derive(Clone, Copy, Debug)]
struct Value(f64);

impl Value {
    /// The name of a value that is not finite.
    fn name(self) -> Option<&'static str> {
        match self.0 {
            value if value.is_finite() => None,
            value if value.is_nan() => Some("NaN"),
            value if value > 0.0 => Some("Infinity"),
            _ => Some("-Infinity"),
        }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.name() {
            Some(name) => serializer.serialize_str(name),
            None => serializer.serialize_f64(self.0),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = self.0.abs();
        match self.name() {
            Some(name) => f.write_str(name),
            // Written out it could have some hundred digits.
            None if size >= 1e16 || (size < 1e-5 && size > 0.0) => write!(f, "{:?}", self.0),
            None => write!(f, "{}", self.0),
        }
    }
}

impl Shown for EntryView {
    const COLUMNS: &'static [&'static str] = &["TIME", "VALUES", "TAG"];

    fn row(&self) -> Vec<String> {
        let values: Vec<_> = self.values.iter().map(ToString::to_string).collect();
        let mut row = vec![format!("{:<24}", self.time), values.join(" ")];
        row.extend(self.tag.clone());
        row
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        Self::COLUMNS.iter().copied().zip(self.row()).collect()
    }
}
