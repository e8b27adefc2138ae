//! Time series that clients append to and delete from.

use jackdaw_common::{
    Content, DocumentId, Segment, Timestamp,
    item::series::{NewEntry, Points, SeriesName, Span},
};

use super::{Holder, TransactError, Written};
use crate::{
    error::StoreError,
    tables::parts::SegmentHead,
    write::work::{Minting, Piece, Work},
};

/// Appends entries, in any order.
pub(super) fn append(
    work: &mut Work<'_>,
    holder: Holder,
    name: SeriesName,
    mut entries: Vec<NewEntry>,
    now: Timestamp,
) -> Result<Written, TransactError> {
    let mut written = Written::nothing(holder.id.clone());
    entries.sort_by_key(NewEntry::time);
    let mut known = None;
    while let Some(first) = entries.first().map(NewEntry::time) {
        let at = Span::at(first);
        let head = work.segments(&holder.id, &name, at)?.pop();
        // The casing of the first write stays, while there is something.
        let name = match known.take() {
            Some(name) => name,
            None => casing(work, &holder, &name, head.as_ref())?,
        };
        known = Some(name.clone());
        let span = match &head {
            Some(head) => head.part.span,
            None => work.gap(&holder.id, &name, at)?,
        };
        let fits = entries.partition_point(|entry| entry.time() <= span.last());
        let later = entries.split_off(fits);
        let mut series = Series { work, holder: &holder, name: &name, now };
        written = series.append(span, head, entries)?;
        entries = later;
    }
    Ok(written)
}

/// The name of a series in the casing that it has, or in the one that it is given where it has no
/// entry. `head` is where it is looked for first.
fn casing(
    work: &Work<'_>,
    holder: &Holder,
    name: &SeriesName,
    head: Option<&SegmentHead>,
) -> Result<SeriesName, StoreError> {
    if let Some(head) = head.filter(|head| head.part.live > 0) {
        return Ok(head.part.name.clone());
    }
    Ok(work.series_name(&holder.id, name)?.unwrap_or_else(|| name.clone()))
}

/// Deletes the entries within a span, and what others write there meanwhile. Segments that lie
/// within it become one that holds nothing.
pub(super) fn delete(
    work: &mut Work<'_>,
    id: DocumentId,
    name: &SeriesName,
    span: Span,
    now: Timestamp,
) -> Result<Written, TransactError> {
    let mut written = Written::nothing(id.clone());
    let Ok(holder) = Holder::of(work, 0, id) else { return Ok(written) };
    let heads = work.segments(&holder.id, name, span)?;
    let mut live = false;
    for head in &heads {
        live = live || shows(work, head, span)?;
    }
    if !live {
        return Ok(written);
    }
    let within = |head: &SegmentHead| span.covers(&head.part.span);
    for run in heads.chunk_by(|one, next| within(one) && within(next)) {
        let mut series = Series { work, holder: &holder, name, now };
        written = series.delete(run, span)?.unwrap_or(written);
    }
    Ok(written)
}

/// Whether a segment has an entry within a span.
fn shows(work: &Work<'_>, head: &SegmentHead, span: Span) -> Result<bool, StoreError> {
    let Some(bounds) = head.part.bounds.filter(|bounds| bounds.meets(&span)) else {
        return Ok(false);
    };
    if span.contains(bounds.first()) || span.contains(bounds.last()) {
        return Ok(true);
    }
    Ok(!work.points(head)?.restrict(span).entries().is_empty())
}

/// A time series that is written to.
struct Series<'s, 'w> {
    work: &'s mut Work<'w>,
    holder: &'s Holder,
    name: &'s SeriesName,
    now: Timestamp,
}

impl Series<'_, '_> {
    /// Appends entries that all lie within `span`, the one of `head` where there is one.
    fn append(
        &mut self,
        span: Span,
        head: Option<SegmentHead>,
        entries: Vec<NewEntry>,
    ) -> Result<Written, StoreError> {
        let mut points = match &head {
            Some(head) => self.work.points(head)?,
            None => Points::default(),
        };
        let last = head.as_ref().and_then(|head| head.part.bounds).map(|bounds| bounds.last());
        let at_tail = entries.first().map(NewEntry::time) > last;
        let origin = self.work.next_entry()?;
        points.append_all(entries, self.name.is_incremental(), origin);
        let pieces = points.pieces(span, at_tail);
        self.write(self.name.clone(), head.as_slice(), pieces)
    }

    /// Deletes what a segment has within a span, or all that several have which lie within it.
    fn delete(&mut self, run: &[SegmentHead], span: Span) -> Result<Option<Written>, StoreError> {
        let (Some(first), Some(last)) = (run.first(), run.last()) else { return Ok(None) };
        let whole = first.part.span.to(&last.part.span);
        let Some(deleted) = whole.intersection(&span) else { return Ok(None) };
        let origin = self.work.next_entry()?;
        let pieces = if deleted == whole {
            vec![(whole, Points::deleted(whole, origin))]
        } else {
            let mut points = self.work.points(first)?;
            points.bury(deleted, origin);
            points.pieces(whole, false)
        };
        self.write(first.part.name.clone(), run, pieces).map(Some)
    }

    fn write(
        &mut self,
        name: SeriesName,
        before: &[SegmentHead],
        pieces: Vec<(Span, Points)>,
    ) -> Result<Written, StoreError> {
        let seen = self.holder.over(self.work, before);
        let version = self.holder.part(seen, Content::Tombstone, self.now);
        let piece = |(span, points): (Span, Points)| Piece {
            segment: Segment::of(name.clone(), span, &points),
            version: version.clone(),
            minting: Minting::New,
        };
        let pieces: Vec<_> = pieces.into_iter().map(piece).collect();
        let id = self.holder.id.clone();
        let last = self.work.write_segments(&id, &name, before, pieces)?;
        let Some((etag, vector)) = last else { return Ok(Written::nothing(id)) };
        Ok(Written { id, vector, etag, value: None })
    }
}
