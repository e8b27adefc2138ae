//! Time series: values under a name of a document, by time, and what becomes of them when copies
//! meet.
//!
//! A series is kept in segments, each with the [`Points`] of one [`Span`] and a change vector: all
//! that was seen of that span. Every entry and every deletion carries its origin, the write that
//! made it. So [`merge`] can tell an entry that was removed from one that has not arrived, and its
//! result is a function of what was seen, whichever way it came (semantics 8). Rows, frames and
//! which segment a time falls into are the callers' affair.

mod codec;
mod dead;
mod entry;
mod error;
mod merge;
mod name;
mod pieces;
mod points;
mod summary;
mod time;

#[cfg(test)]
mod tests;

pub use dead::DeadRange;
pub use entry::{NewEntry, NewEntryError, ReadEntry, SeriesEntry};
pub use error::{SegmentError, SegmentFlaw};
pub use merge::{SegmentState, merge};
pub use name::{SeriesName, SeriesNameError};
pub use points::Points;
pub use summary::SeriesSummary;
pub use time::{SeriesTime, SeriesTimeError, Span, SpanError};
