//! A part of a time series as it is kept and as it travels.

use bytes::Bytes;
use xxhash_rust::xxh3::Xxh3;

use super::series::{Points, SegmentError, SeriesName, Span};
use crate::{ChangeVector, limits::SEGMENT_RECEIVED_BYTES_MAX};

/// How much a time series has within a span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Name of the series.
    pub name: SeriesName,
    /// The span that the vector of its version speaks of.
    pub span: Span,
    /// Times in it that have an entry.
    pub live: u64,
    /// From the first of them to the last; `None` where there is none.
    pub bounds: Option<Span>,
}

/// What a time series has within a span, its points encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// How much it is.
    pub extent: Extent,
    /// The [`Points`].
    pub points: Bytes,
}

impl Extent {
    fn of(name: SeriesName, span: Span, points: &Points) -> Self {
        let entries = points.entries();
        let bounds = entries.first().zip(entries.last());
        let bounds = bounds.and_then(|(first, last)| Span::new(first.time, last.time).ok());
        Self { name, span, live: points.live(), bounds }
    }
}

impl Segment {
    /// The segment of `points`, all of them within `span`.
    pub fn of(name: SeriesName, span: Span, points: &Points) -> Self {
        Self { extent: Extent::of(name, span, points), points: points.encode() }
    }

    /// The segment of points that came encoded, in a version that has seen `vector`.
    ///
    /// # Errors
    ///
    /// They are too large, or not an encoding, or there is something that lies outside of `span`,
    /// or that `vector` has not seen.
    pub fn received(
        name: SeriesName,
        span: Span,
        encoded: Bytes,
        vector: &ChangeVector,
    ) -> Result<Self, SegmentError> {
        if encoded.len() > SEGMENT_RECEIVED_BYTES_MAX {
            return Err(SegmentError::TooLarge { bytes: encoded.len() });
        }
        let points = Points::decode(&encoded)?;
        points.check(span, vector)?;
        Ok(Self { extent: Extent::of(name, span, &points), points: encoded })
    }

    /// Feeds what it says to a hash.
    pub(super) fn hash_into(&self, hasher: &mut Xxh3) {
        hasher.update(self.extent.name.key().as_bytes());
        hasher.update(&self.extent.span.first().to_be_bytes());
        hasher.update(&self.extent.span.last().to_be_bytes());
        hasher.update(&self.points);
    }
}
