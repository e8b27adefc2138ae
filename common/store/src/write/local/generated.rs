//! Ids that the database completes.

use jackdaw_common::{DocumentId, NodeTag};

use super::{NewId, TransactError, identities};
use crate::{error::StoreError, write::work::Work};

/// The id a put writes: as given, or completed so that no other database generates it too, and so
/// that it is nobody's yet.
pub(super) fn complete(
    work: &mut Work<'_>,
    command: usize,
    id: NewId,
) -> Result<DocumentId, TransactError> {
    let tag = NodeTag::derived(work.header.incarnation);
    let mut tries = 0_u32;
    match id {
        NewId::Given(id) => Ok(id),
        NewId::Etag(id) => {
            let number = format!("{}{:019}", id.as_str(), work.next_etag()?.get());
            // A client may have written that very id, and those behind it.
            let mut again = 1_u64;
            loop {
                let text = match again {
                    1 => format!("{number}-{tag}"),
                    more => format!("{number}.{more}-{tag}"),
                };
                let candidate = generated(command, id.clone(), &text)?;
                if is_free(work, &candidate)? {
                    return Ok(candidate);
                }
                again += 1;
            }
        }
        NewId::Number(id) => loop {
            let number = identities::skip(work, id.key(), step(tries))?;
            tries += 1;
            // One "|" only: "a|" and "a||" are counted apart and must not come out the same.
            let prefix = id.as_str().strip_suffix('|').unwrap_or(id.as_str());
            let text = format!("{prefix}/{number}-{tag}");
            let candidate = generated(command, id.clone(), &text)?;
            // A client may have written that very id; the next number is free, or the one after.
            if is_free(work, &candidate)? {
                return Ok(candidate);
            }
        },
    }
}

/// How far to go on from a number, after so many that were taken. Very many are where somebody has
/// set the number back: then it goes on in ever longer steps, and the writer is not held up.
fn step(tries: u32) -> u64 {
    1 << tries.saturating_sub(TRIES_IN_A_ROW).min(48)
}

/// Numbers that are tried one after the other.
const TRIES_IN_A_ROW: u32 = 64;

/// Whether there is no document under an id.
fn is_free(work: &Work<'_>, id: &DocumentId) -> Result<bool, StoreError> {
    let present = work.present(id)?;
    Ok(present.live().is_none() && !present.is_conflict())
}

fn generated(command: usize, given: DocumentId, text: &str) -> Result<DocumentId, TransactError> {
    text.parse().map_err(|error: jackdaw_common::id::DocumentIdError| TransactError::Generated {
        command,
        id: given,
        why: error.to_string(),
    })
}
