//! Counters and segments that arrive: merged with what is there, never in conflict with it.

use jackdaw_common::{
    ChangeVector, Content, Counter, Entry, Partials, Segment, Version,
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
        return absent_counter(work, version, counter, minted);
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

/// Whether all of a version was there, of which nothing is: it has gone.
fn has_gone(work: &Work<'_>, version: &Version) -> bool {
    let holder = Holder { vector: &work.header.vector, retired: &work.header.origin.retired };
    holder.has_seen(&version.vector)
}

/// What a database that has nothing of something has seen of it: all that it has seen at all. What
/// of that is not there has gone, though what removed it may be forgotten.
fn nothing<'d>(database: &'d ChangeVector, none: &'d ChangeVector) -> Context<'d> {
    Context { vector: database, since: none }
}

/// Takes a counter in of which nothing is there.
fn absent_counter(
    work: &mut Work<'_>,
    version: Version,
    counter: Counter,
    minted: Option<Entry>,
) -> Result<Outcome, StoreError> {
    if has_gone(work, &version) {
        return Ok(Outcome::Ignored(Known::Forgotten));
    }
    let (database, none) = (work.header.vector.clone(), ChangeVector::empty());
    let seen = nothing(&database, &none);
    let here = Partials::default();
    let left = Partials::merged((&here, seen), (&counter.partials, version.context()));
    if left == counter.partials {
        work.write_counter(None, version, counter, minted)?;
        return Ok(Outcome::Applied);
    }
    let left = Counter { partials: left, ..counter };
    let version = Version { content: Content::Counter(left.clone()), ..together(version, seen) };
    work.write_counter(None, version, left, None)?;
    Ok(Outcome::Merged)
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
    if heads.is_empty() && has_gone(work, &version) {
        return Ok(Outcome::Ignored(Known::Forgotten));
    }
    let gaps = gaps(work, &heads, &segment, &version);
    let seen = |head: &SegmentHead| head.vector.covers(&version.vector);
    if !heads.is_empty() && heads.iter().all(seen) && gaps.is_empty() {
        let collides = matches!(heads.as_slice(), [one] if one.vector == version.vector
            && one.part.span == span && one.bytes != version.content.bytes() as u64);
        return Ok(Outcome::Ignored(if collides { Known::Collided } else { Known::Covered }));
    }
    let dominated = |head: &SegmentHead| version.vector.covers(&head.vector);
    let dominates = heads.iter().all(dominated);
    let replaces = dominates && heads.iter().all(|head| span.covers(&head.part.span));
    if replaces && (gaps.is_empty() || !has_common(&work.header.vector, &version.vector)) {
        return whole(work, &heads, version, segment, minted);
    }
    let points = decoded(&version, &segment)?;
    let arriving = Arriving { points, segment, version, minted };
    if replaces && gaps.iter().all(|gap| arriving.is_new(work, *gap)) {
        return whole(work, &heads, arriving.version, arriving.segment, minted);
    }
    Ok(match arriving.meet(work, heads, gaps)? {
        false => Outcome::Ignored(Known::Covered),
        true if dominates => Outcome::Applied,
        true => Outcome::Merged,
    })
}

/// Takes a segment in as it is, in the place of all that it meets.
fn whole(
    work: &mut Work<'_>,
    heads: &[SegmentHead],
    version: Version,
    segment: Segment,
    minted: Option<Entry>,
) -> Result<Outcome, StoreError> {
    let (id, name) = (version.id.clone(), segment.extent.name.clone());
    let piece = Piece { segment, version, minting: Minting::Kept(minted) };
    work.write_segments(&id, &name, heads, vec![piece])?;
    Ok(Outcome::Applied)
}

/// Whether two vectors have seen something of one incarnation.
fn has_common(one: &ChangeVector, other: &ChangeVector) -> bool {
    other.entries().iter().any(|entry| !one.etag_of(entry.incarnation).is_zero())
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
            self.fill(work, gap)?;
        }
        for head in heads {
            if !head.vector.covers(&self.version.vector) {
                written |= self.meet_one(work, head)?;
            }
        }
        Ok(written)
    }

    /// What is left of it where nothing is: all of it, but for what was there and has gone.
    fn left(&self, work: &Work<'_>, gap: Span) -> Points {
        let none = ChangeVector::empty();
        merge(
            &SegmentState {
                points: &Points::default(),
                context: nothing(&work.header.vector, &none),
            },
            &SegmentState { points: &self.points.restrict(gap), context: self.version.context() },
        )
    }

    /// Whether nothing of it was there and has gone.
    fn is_new(&self, work: &Work<'_>, gap: Span) -> bool {
        self.left(work, gap) == self.points.restrict(gap)
    }

    /// Fills a gap.
    fn fill(&self, work: &mut Work<'_>, gap: Span) -> Result<(), StoreError> {
        let left = self.left(work, gap);
        let name = self.segment.extent.name.clone();
        let piece = if left == self.points.restrict(gap) {
            let piece = self.piece(name, gap, &left, self.version.context());
            Piece { minting: Minting::Kept(self.minted), ..piece }
        } else {
            let vector = self.version.vector.merge(&work.header.vector);
            let context = Context { vector: &vector, since: &self.version.since };
            self.piece(name, gap, &left, context)
        };
        self.write(work, &[], vec![piece])
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
