//! What a segment is refused for.

use thiserror::Error;

use super::SeriesTime;
use crate::{Entry, limits::SEGMENT_RECEIVED_BYTES_MAX};

/// Something that is not a segment of a time series.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum SegmentError {
    /// It is larger than any that is kept.
    #[error("segment has {bytes} bytes, more than {SEGMENT_RECEIVED_BYTES_MAX}")]
    TooLarge {
        /// Its bytes.
        bytes: usize,
    },
    /// Its bytes are not points.
    #[error("segment is wrong before bit {at}: {flaw}")]
    Bytes {
        /// How many bits had been read.
        at: usize,
        /// What is wrong.
        flaw: SegmentFlaw,
    },
    /// It has something outside the span that it is of.
    #[error("segment has something at {} ms, outside its span", time.millis())]
    Outside {
        /// When.
        time: SeriesTime,
    },
    /// It has something that its vector has not seen, by which merges judge what is new.
    #[error(
        "segment has something of {}:{}, which its change vector has not seen",
        origin.etag, origin.incarnation
    )]
    Unseen {
        /// The write that made it.
        origin: Entry,
    },
}

/// What is wrong with the bytes of a segment.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum SegmentFlaw {
    /// They end too early.
    #[error("it ends within an entry")]
    Truncated,
    /// More entries or dead ranges than there are bits for.
    #[error("it has not the bits for {count} entries or ranges")]
    Count {
        /// How many there should be.
        count: u64,
    },
    /// A number beyond what its field may hold.
    #[error("a number is too large")]
    Number,
    /// A time outside the years 1 to 9999.
    #[error("a time is not within the years 1 to 9999")]
    Time,
    /// An etag that nobody issues.
    #[error("an etag is zero or too large")]
    Etag,
    /// A tag that is no text.
    #[error("a tag is not UTF-8")]
    Tag,
    /// Entries or dead ranges out of order.
    #[error("an entry or range is not in order")]
    Order,
    /// Something said in other words than it would be written in.
    #[error("it is not in its canonical form")]
    NotCanonical,
    /// More behind the last entry.
    #[error("more follows the last entry")]
    Trailing,
}
