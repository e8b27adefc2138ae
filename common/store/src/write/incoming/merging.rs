//! Counters and segments that arrive: merged with what is there, never in conflict with it.

use jackdaw_common::{
    Content, Counter, Entry, Partials, Segment, Version,
    conflict::{Holder, Known},
    item::{
        Context, Extent,
        series::{Points, SegmentError, SegmentState, SeriesName, Span, merge},
    },
};

use crate::{
    error::StoreError,
    keys,
    tables::{codec::RowError, parts::SegmentHead},
    write::work::{Minting, Piece, Work, corrupt},
};

/// What became of a counter or a segment.
pub(super) enum Outcome {
    /// Nothing was written.
    Ignored(Known),
    /// It took the place of what was there.
    Applied,
    /// It was merged with what was there.
    Merged,
}

/// Takes a counter in.
pub(super) fn counter(
    work: &mut Work<'_>,
    version: Version,
    counter: Counter,
    minted: Option<Entry>,
) -> Result<Outcome, StoreError> {
    let Some(before) = work.counter(&version.id, &counter.name)? else {
        return absent(work, version, |work, version| {
            work.write_counter(None, version, counter, minted).map(drop)
        });
    };
    if before.vector.covers(&version.vector) {
        let same = before.vector != version.vector || before.part.partials == counter.partials;
        return Ok(Outcome::Ignored(if same { Known::Covered } else { Known::Collided }));
    }
    if version.vector.covers(&before.vector) {
        work.write_counter(Some(&before), version, counter, minted)?;
        return Ok(Outcome::Applied);
    }
    let (one, other) = (before.context(), version.context());
    let partials = Partials::merged((&before.part.partials, one), (&counter.partials, other));
    let (here, there) = (&before.part.name, &counter.name);
    // Of two casings the same one stays on every side.
    let name = if there.as_str() < here.as_str() { there } else { here };
    let merged = Counter { name: name.clone(), partials };
    let version = Version { content: Content::Counter(merged.clone()), ..together(version, one) };
    work.write_counter(Some(&before), version, merged, None)?;
    Ok(Outcome::Merged)
}

/// `version` after it has met what has seen so much.
fn together(version: Version, other: Context<'_>) -> Version {
    let vector = version.vector.merge(other.vector);
    let since = version.since.merge(other.since);
    Version { vector, since, ..version }
}

/// Takes something in of which nothing is there, unless it was, and has gone.
fn absent(
    work: &mut Work<'_>,
    version: Version,
    write: impl FnOnce(&mut Work<'_>, Version) -> Result<(), StoreError>,
) -> Result<Outcome, StoreError> {
    let holder = Holder { vector: &work.header.vector, retired: &work.header.origin.retired };
    if holder.has_seen(&version.vector) {
        return Ok(Outcome::Ignored(Known::Forgotten));
    }
    write(work, version)?;
    Ok(Outcome::Applied)
}

/// Takes a segment in. Segments here may begin and end at other times: what arrives is merged with
/// each as far as it meets it, and what an older one has outside stays a segment of its own.
pub(super) fn segment(
    work: &mut Work<'_>,
    version: Version,
    segment: Segment,
    minted: Option<Entry>,
) -> Result<Outcome, StoreError> {
    let Extent { name, span, .. } = segment.extent.clone();
    let heads = work.segments(&version.id, &name, span)?;
    let whole = |work: &mut Work<'_>, version: Version, segment: Segment| {
        let id = version.id.clone();
        let piece = Piece { segment, version, minting: Minting::Kept(minted) };
        work.write_segments(&id, &name, &heads, vec![piece]).map(drop)
    };
    if heads.is_empty() {
        return absent(work, version, |work, version| whole(work, version, segment));
    }
    let gaps = gaps(work, &heads, &segment, &version);
    let seen = |head: &SegmentHead| head.vector.covers(&version.vector);
    if heads.iter().all(seen) && gaps.is_empty() {
        let collides = matches!(heads.as_slice(), [one] if one.vector == version.vector
            && one.part.span == span && one.bytes != version.content.bytes() as u64);
        return Ok(Outcome::Ignored(if collides { Known::Collided } else { Known::Covered }));
    }
    let dominated = |head: &SegmentHead| version.vector.covers(&head.vector);
    let dominates = heads.iter().all(dominated);
    if dominates && heads.iter().all(|head| span.covers(&head.part.span)) {
        whole(work, version, segment)?;
        return Ok(Outcome::Applied);
    }
    let points = decoded(&version, &segment)?;
    let written = Arriving { points, segment, version, minted }.meet(work, heads, gaps)?;
    Ok(match written {
        false => Outcome::Ignored(Known::Covered),
        true if dominates => Outcome::Applied,
        true => Outcome::Merged,
    })
}

/// The spans of a segment where nothing is, in order. None where the database has seen all of the
/// segment: then there was something, and it has gone.
fn gaps(work: &Work<'_>, heads: &[SegmentHead], segment: &Segment, version: &Version) -> Vec<Span> {
    let span = segment.extent.span;
    let holder = Holder { vector: &work.header.vector, retired: &work.header.origin.retired };
    if holder.has_seen(&version.vector) {
        return Vec::new();
    }
    let mut gaps = Vec::new();
    let mut next = Some(span.first());
    for head in heads {
        let before = head.part.span.first().previous();
        gaps.extend(next.zip(before).and_then(|(first, last)| Span::new(first, last).ok()));
        next = head.part.span.last().next();
    }
    gaps.extend(next.and_then(|first| Span::new(first, span.last()).ok()));
    gaps
}

/// A segment that meets others which it does not simply replace.
struct Arriving {
    points: Points,
    segment: Segment,
    version: Version,
    minted: Option<Entry>,
}

impl Arriving {
    /// Merges it with each of the segments that it meets, and fills the gaps between them; answers
    /// whether there was anything to write.
    fn meet(
        self,
        work: &mut Work<'_>,
        heads: Vec<SegmentHead>,
        gaps: Vec<Span>,
    ) -> Result<bool, StoreError> {
        let mut written = !gaps.is_empty();
        for gap in gaps {
            // Where nothing is, what arrives is all there is.
            let name = self.segment.extent.name.clone();
            let piece = self.piece(name, gap, &self.points.restrict(gap), self.version.context());
            let piece = Piece { minting: Minting::Kept(self.minted), ..piece };
            self.write(work, &[], vec![piece])?;
        }
        for head in heads {
            if !head.vector.covers(&self.version.vector) {
                written |= self.meet_one(work, head)?;
            }
        }
        Ok(written)
    }

    fn meet_one(&self, work: &mut Work<'_>, head: SegmentHead) -> Result<bool, StoreError> {
        let span = head.part.span;
        let Some(common) = span.intersection(&self.segment.extent.span) else { return Ok(false) };
        let arriving = self.points.restrict(common);
        let since = head.since.merge(&self.version.since);
        if arriving.is_empty() && since == head.since {
            // It has nothing to say here: what is removed leaves a trace where it was. A segment
            // of many years that says little must not write all the others anew.
            return Ok(false);
        }
        let there = work.points(&head)?;
        let outside = span.minus(&common).map(|span| {
            let name = head.part.name.clone();
            self.piece(name, span, &there.restrict(span), head.context())
        });
        let mut pieces: Vec<_> = outside.collect();
        let points = merge(
            &SegmentState { points: &there.restrict(common), context: head.context() },
            &SegmentState { points: &arriving, context: self.version.context() },
        );
        let vector = head.vector.merge(&self.version.vector);
        let minted = self.minted.filter(|_| vector == self.version.vector);
        // Of two casings the same one stays on every side.
        let names = [&head.part.name, &self.segment.extent.name];
        let name = names[usize::from(minted.is_some() || names[1].as_str() < names[0].as_str())];
        for (span, points) in points.pieces(common, false) {
            let context = Context { vector: &vector, since: &since };
            let piece = self.piece(name.clone(), span, &points, context);
            pieces.push(Piece { minting: Minting::Kept(minted), ..piece });
        }
        pieces.sort_by_key(|piece| piece.segment.extent.span);
        self.write(work, &[head], pieces)?;
        Ok(true)
    }

    fn piece(&self, name: SeriesName, span: Span, points: &Points, seen: Context<'_>) -> Piece {
        let (vector, since) = (seen.vector.clone(), seen.since.clone());
        Piece {
            segment: Segment::of(name, span, points),
            version: Version { vector, since, ..self.version.clone() },
            minting: Minting::Kept(None),
        }
    }

    fn write(
        &self,
        work: &mut Work<'_>,
        before: &[SegmentHead],
        pieces: Vec<Piece>,
    ) -> Result<(), StoreError> {
        let (id, name) = (&self.version.id, &self.segment.extent.name);
        work.write_segments(id, name, before, pieces).map(drop)
    }
}

fn decoded(version: &Version, segment: &Segment) -> Result<Points, StoreError> {
    let Extent { name, span, .. } = &segment.extent;
    let key = keys::segment(&version.id, name, span.first());
    let fail = |error: SegmentError| corrupt(keys::SEGMENTS, &key, RowError(error.to_string()));
    Points::decode(&segment.points).map_err(fail)
}
