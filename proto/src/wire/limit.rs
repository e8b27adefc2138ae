//! How long an error may be: all headers of a response count, and clients refuse longer ones.
//!
//! gRPC's C core, below Python and others, begins to refuse above 8 KiB; Jackdaw's own HTTP/2
//! settings end at 16 KiB.

use std::borrow::Cow;

/// Bytes of a message. As a header it grows threefold where it is not ASCII.
pub(super) const MESSAGE_BYTES_MAX: usize = 512;

/// Bytes of the encoded details, message included. As a header they grow by a third.
pub(super) const DETAILS_BYTES_MAX: usize = 4_608;

/// Bytes of a field's path and of the text about it.
pub(super) const VIOLATION_BYTES_MAX: usize = 256;

/// How much of an error is told.
pub(super) struct Fit {
    /// Bytes of a variable of the text, and of a resource's name.
    pub(super) value_bytes_max: usize,
    /// Wrong fields.
    pub(super) violations_max: usize,
    /// Whether the resource is named.
    pub(super) resource: bool,
    /// Whether Jackdaw's own detail is there.
    pub(super) detail: bool,
}

/// From everything to what always fits.
pub(super) const FITS: [Fit; 4] = [
    Fit { value_bytes_max: 512, violations_max: 8, resource: true, detail: true },
    Fit { value_bytes_max: 512, violations_max: 8, resource: true, detail: false },
    Fit { value_bytes_max: 256, violations_max: 3, resource: true, detail: false },
    Fit { value_bytes_max: 128, violations_max: 1, resource: false, detail: false },
];

/// `text`, at most `bytes_max` bytes of it and a sign that it goes on.
pub(super) fn clip(text: &str, bytes_max: usize) -> Cow<'_, str> {
    if text.len() <= bytes_max {
        return Cow::Borrowed(text);
    }
    let end = text.floor_char_boundary(bytes_max.saturating_sub('…'.len_utf8()));
    Cow::Owned(format!("{}…", text.get(..end).unwrap_or_default()))
}
