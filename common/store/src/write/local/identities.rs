//! Identities: the numbers that ids which end in "|" are completed with.
//!
//! A client may take the next number without writing a document, and set the one that was given out
//! last. They are no changes: they have no etags, and no task sends them.

use jackdaw_common::IdentityName;

use super::numbers;
use crate::{
    error::StoreError,
    keys::{self, RecordKind},
    write::work::Work,
};

/// What becomes of an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numbering {
    /// The next number is given out.
    Next,
    /// This is the number that was given out last; a lower one than it was changes nothing, unless
    /// it is forced.
    Set {
        /// The number.
        last: u64,
        /// Whether it may be lower than it was: numbers are then given out again.
        force: bool,
    },
}

/// Does that; answers the number that was given out last.
pub(crate) fn number(
    work: &mut Work<'_>,
    name: &IdentityName,
    numbering: Numbering,
) -> Result<u64, StoreError> {
    match numbering {
        Numbering::Next => skip(work, name.key(), 1),
        Numbering::Set { last, force } => set(work, name.key(), last, force),
    }
}

/// The number so many behind the last one for ids that begin with `name`, in lower case.
pub(super) fn skip(work: &mut Work<'_>, name: &str, step: u64) -> Result<u64, StoreError> {
    numbers::skip(work, keys::record(RecordKind::Identity, name.as_bytes()), step)
}

fn set(work: &mut Work<'_>, name: &str, last: u64, force: bool) -> Result<u64, StoreError> {
    let key = keys::record(RecordKind::Identity, name.as_bytes());
    let before = numbers::last(work, &key)?;
    if last <= before && !force {
        return Ok(before);
    }
    numbers::set(work, key, last);
    Ok(last)
}
