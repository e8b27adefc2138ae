//! What a list tells of a time series.

use super::{SeriesName, Span};

/// A time series of a document, as far as a list tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeriesSummary {
    /// Its name.
    pub name: SeriesName,
    /// Times that it has an entry at.
    pub entries: u64,
    /// From the first of them to the last.
    pub bounds: Span,
}
