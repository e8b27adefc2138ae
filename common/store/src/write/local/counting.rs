//! Counters that clients add to and delete.

use jackdaw_common::{Content, Counter, CounterName, DocumentId, Entry, Partials, Timestamp};

use super::{Holder, Seen, TransactError, Written};
use crate::{error::StoreError, tables::parts::CounterHead, write::work::Work};

/// Adds to a counter.
pub(super) fn increment(
    work: &mut Work<'_>,
    holder: Holder,
    name: CounterName,
    delta: i64,
    now: Timestamp,
) -> Result<Written, TransactError> {
    let before = work.counter(&holder.id, &name)?;
    let live = before.as_ref().filter(|head| !head.part.partials.is_empty());
    // The casing of the first write stays, while there is a counter.
    let name = live.map_or(name, |head| head.part.name.clone());
    let (seen, origin) = minted(work, &holder, before.as_slice())?;
    let vector = seen.vector.clone();
    let none = Partials::default();
    let partials = before.as_ref().map_or(&none, |head| &head.part.partials);
    let Ok(partials) = partials.incremented(delta, origin) else {
        let Holder { command, id, .. } = holder;
        return Err(TransactError::CounterOverflow { command, id, name });
    };
    let value = partials.value().ok();
    let counter = Counter { name, partials };
    let version = holder.part(seen, Content::Counter(counter.clone()), now);
    let etag = work.write_counter(before.as_ref(), version, counter, Some(origin))?;
    Ok(Written { id: holder.id, vector, etag, value })
}

/// Deletes a counter: what this database has seen of it goes, what others add meanwhile does not.
pub(super) fn delete(
    work: &mut Work<'_>,
    id: DocumentId,
    name: &CounterName,
    now: Timestamp,
) -> Result<Written, TransactError> {
    let before = work.counter(&id, name)?;
    let Some(before) = before.filter(|head| !head.part.partials.is_empty()) else {
        return Ok(Written::nothing(id));
    };
    let Ok(holder) = Holder::of(work, 0, id.clone()) else { return Ok(Written::nothing(id)) };
    let (seen, origin) = minted(work, &holder, std::slice::from_ref(&before))?;
    let vector = seen.vector.clone();
    let counter = Counter { name: before.part.name.clone(), partials: Partials::default() };
    let version = holder.part(seen, Content::Counter(counter.clone()), now);
    let etag = work.write_counter(Some(&before), version, counter, Some(origin))?;
    Ok(Written { id: holder.id, vector, etag, value: None })
}

/// What a write to a counter has seen, and the entry that it mints.
fn minted(
    work: &mut Work<'_>,
    holder: &Holder,
    before: &[CounterHead],
) -> Result<(Seen, Entry), StoreError> {
    let mut seen = holder.over(work, before);
    let entry = work.mint()?;
    seen.vector.raise(entry);
    Ok((seen, entry))
}
