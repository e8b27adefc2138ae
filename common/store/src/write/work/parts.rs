//! What documents have beside their bodies, as an intent reads and writes it.

use bytes::Bytes;
use jackdaw_common::{
    ChangeVector, Content, Counter, CounterName, DocumentId, Entry, Etag, Segment, Version,
    conflict::Holder,
    item::{
        Context, Extent,
        series::{Points, SeriesName, Span},
    },
};

use super::{Present, SUPERSEDED_BYTES, Work, corrupt};
use crate::{
    engine::{Direction, ScanRange, Table},
    error::StoreError,
    keys,
    tables::{
        codec::RowError,
        heads::Head,
        history::Superseded,
        parts::{CounterHead, Part, PartHead, SegmentHead, encode_dead},
    },
};

impl Present {
    /// The versions that are live.
    pub(crate) fn alive(&self) -> impl Iterator<Item = &Head> {
        self.heads.iter().filter(|head| !head.seen.tombstone)
    }

    /// The deletion that whatever is written to the document now comes after: all that its
    /// versions are, or came after.
    pub(crate) fn since(&self) -> ChangeVector {
        let mut since = ChangeVector::empty();
        self.heads.iter().for_each(|head| since.merge_from(deletion(head)));
        since
    }

    /// Whether a part of the document that has seen so much has gone with an earlier life of it.
    /// That holds also where the deletion is in conflict with a version that is live.
    pub(crate) fn buries(&self, part: Context<'_>) -> bool {
        self.heads.iter().any(|head| !part.came_after(deletion(head)))
    }
}

/// The deletion that a version is, or came after.
fn deletion(head: &Head) -> &ChangeVector {
    if head.seen.tombstone { head.vector() } else { &head.since }
}

impl Work<'_> {
    /// A counter of a document, also a deleted one.
    pub(crate) fn counter(
        &self,
        id: &DocumentId,
        name: &CounterName,
    ) -> Result<Option<CounterHead>, StoreError> {
        if self.header.parts == 0 {
            return Ok(None);
        }
        let key = keys::counter(id, name);
        let row = self.overlay.row(keys::COUNTERS, &key)?;
        row.map(|row| decode(keys::COUNTERS, &key, row)).transpose()
    }

    /// The segments of a time series that meet `span`, in order.
    pub(crate) fn segments(
        &self,
        id: &DocumentId,
        name: &SeriesName,
        span: Span,
    ) -> Result<Vec<SegmentHead>, StoreError> {
        if self.header.parts == 0 {
            return Ok(Vec::new());
        }
        let mut heads = Vec::new();
        // The one that begins at or before the span's first time.
        let before = ScanRange::from(keys::series(id, name));
        let before = before.to(keys::segment(id, name, span.first()));
        let mut before = self.overlay.scan(keys::SEGMENTS, before, Direction::Backward);
        let within = ScanRange::after(keys::segment(id, name, span.first()));
        let within = within.to(keys::segment(id, name, span.last()));
        let within = self.overlay.scan(keys::SEGMENTS, within, Direction::Forward);
        for entry in before.next().into_iter().chain(within) {
            let (key, row) = entry?;
            let head: SegmentHead = decode(keys::SEGMENTS, &key, row)?;
            if head.part.span.intersection(&span).is_some() {
                heads.push(head);
            }
        }
        Ok(heads)
    }

    /// How far a time series may reach from `span`, which meets none of its segments, without
    /// meeting one.
    pub(crate) fn gap(
        &self,
        id: &DocumentId,
        name: &SeriesName,
        span: Span,
    ) -> Result<Span, StoreError> {
        let before = ScanRange::from(keys::series(id, name));
        let before = before.to(keys::segment(id, name, span.first()));
        let before = self.overlay.scan(keys::SEGMENTS, before, Direction::Backward).next();
        let behind = ScanRange::after(keys::segment(id, name, span.first()));
        let behind = behind.to(keys::segment(id, name, Span::ALL.last()));
        let behind = self.overlay.scan(keys::SEGMENTS, behind, Direction::Forward).next();
        let neighbour = |entry: Option<_>| -> Result<Option<Span>, StoreError> {
            let Some(entry) = entry else { return Ok(None) };
            let (key, row): (Bytes, Bytes) = entry?;
            Ok(Some(decode::<Extent>(keys::SEGMENTS, &key, row)?.part.span))
        };
        let first = neighbour(before)?.and_then(|it| it.last().next());
        let last = neighbour(behind)?.and_then(|it| it.first().previous());
        let gap = Span::new(first.unwrap_or(Span::ALL.first()), last.unwrap_or(Span::ALL.last()));
        Ok(gap.unwrap_or(span))
    }

    /// The name of a time series in the casing that it has, if it has an entry.
    pub(crate) fn series_name(
        &self,
        id: &DocumentId,
        name: &SeriesName,
    ) -> Result<Option<SeriesName>, StoreError> {
        if self.header.parts == 0 {
            return Ok(None);
        }
        let range = ScanRange::prefix(&keys::series(id, name));
        for entry in self.overlay.scan(keys::SEGMENTS, range, Direction::Forward) {
            let (key, row) = entry?;
            let extent = decode::<Extent>(keys::SEGMENTS, &key, row)?.part;
            if extent.live > 0 {
                return Ok(Some(extent.name));
            }
        }
        Ok(None)
    }

    /// What a segment holds.
    pub(crate) fn points(&self, head: &SegmentHead) -> Result<Points, StoreError> {
        let fail = |what| corrupt(keys::CHANGES, &keys::change(head.etag), RowError(what));
        let Content::Segment(segment) = self.content(head.etag)? else {
            return Err(fail("is no segment".to_owned()));
        };
        Points::decode(&segment.points).map_err(|error| fail(error.to_string()))
    }

    /// Writes a counter, in the place of the one there is.
    pub(crate) fn write_counter(
        &mut self,
        before: Option<&CounterHead>,
        version: Version,
        counter: Counter,
        minted: Option<Entry>,
    ) -> Result<Etag, StoreError> {
        let key = keys::counter(&version.id, &counter.name);
        let before = before.map(|head| (key.clone(), head));
        self.give_way(keys::COUNTERS, before.iter().map(|(key, head)| (key, *head)))?;
        let previous = before.map_or(Etag::ZERO, |(_, head)| head.etag);
        self.part(keys::COUNTERS, key, counter, version, minted, previous)
    }

    /// Writes segments of a time series, each with what it holds, in the place of those there are.
    /// Together they cover at least the same spans.
    pub(crate) fn write_segments(
        &mut self,
        id: &DocumentId,
        name: &SeriesName,
        before: &[SegmentHead],
        pieces: Vec<Piece>,
    ) -> Result<Option<Last>, StoreError> {
        let keyed =
            before.iter().map(|head| (keys::segment(id, name, head.part.span.first()), head));
        let keyed: Vec<_> = keyed.collect();
        self.give_way(keys::SEGMENTS, keyed.iter().map(|(key, head)| (key, *head)))?;
        let mut last = None;
        for (at, Piece { segment, mut version, minting }) in pieces.into_iter().enumerate() {
            let minted = match minting {
                Minting::Kept(minted) => minted,
                Minting::New => {
                    let entry = self.mint()?;
                    version.vector.raise(entry);
                    Some(entry)
                }
            };
            let extent = segment.extent.clone();
            version.content = Content::Segment(segment);
            let vector = version.vector.clone();
            let same = before.iter().find(|head| head.part.span.first() == extent.span.first());
            let previous = same.or(before.first().filter(|_| at == 0));
            let previous = previous.map_or(Etag::ZERO, |head| head.etag);
            let key = keys::segment(id, name, extent.span.first());
            let etag = self.part(keys::SEGMENTS, key, extent, version, minted, previous)?;
            last = Some((etag, vector));
        }
        Ok(last)
    }

    /// Rows of parts give way to the row that is written next.
    fn give_way<'p, P: Part + 'p>(
        &mut self,
        table: Table,
        heads: impl Iterator<Item = (&'p Bytes, &'p PartHead<P>)>,
    ) -> Result<(), StoreError> {
        let mut gone = Vec::new();
        for (key, head) in heads {
            gone.push(self.remove(table, key.clone(), head));
        }
        self.supersede(gone)
    }

    /// Removes a part; its row is still to give way.
    fn remove<P: Part>(&mut self, table: Table, key: Bytes, head: &PartHead<P>) -> Superseded {
        self.overlay.delete(table, key);
        if head.part.live() == 0 {
            self.overlay.delete(keys::DEAD, keys::change(head.etag));
        }
        let header = &mut self.header;
        header.parts = header.parts.saturating_sub(1);
        let live =
            if table == keys::COUNTERS { &mut header.counters } else { &mut header.series_entries };
        *live = live.saturating_sub(head.part.live());
        let bytes = head.bytes + SUPERSEDED_BYTES;
        Superseded {
            etag: head.etag,
            bytes,
            contents: Vec::new(),
            kept: false,
            unremembered: false,
        }
    }

    fn part<P: Part>(
        &mut self,
        table: Table,
        key: Bytes,
        part: P,
        version: Version,
        minted: Option<Entry>,
        previous: Etag,
    ) -> Result<Etag, StoreError> {
        let etag = self.next_etag()?;
        let head = PartHead {
            etag,
            vector: version.vector.clone(),
            since: version.since.clone(),
            bytes: version.content.bytes() as u64,
            part,
        };
        self.header.parts += 1;
        let live = head.part.live();
        if table == keys::COUNTERS {
            self.header.counters += live;
        } else {
            self.header.series_entries += live;
        }
        if live == 0 {
            self.overlay.put(keys::DEAD, keys::change(etag), encode_dead(table, &key));
        }
        self.overlay.put(table, key, P::encode(&head));
        self.row(version, minted, previous, false)?;
        Ok(etag)
    }

    /// Removes what `present` has and what has gone with an earlier life of the document, now that
    /// `version` takes its place; their rows are still to give way to it.
    pub(super) fn bury(
        &mut self,
        present: &Present,
        version: &Version,
    ) -> Result<Vec<Superseded>, StoreError> {
        let tombstone = version.content.is_tombstone();
        let deletion = if tombstone { &version.vector } else { &version.since };
        let known = matches!(present.heads.as_slice(), [one] if one.since.covers(deletion));
        if self.header.parts == 0 || deletion.is_empty() || known {
            return Ok(Vec::new());
        }
        let document = version.id.key().as_bytes();
        let mut gone = self.bury_in::<Counter>(keys::COUNTERS, document, deletion)?;
        gone.extend(self.bury_in::<Extent>(keys::SEGMENTS, document, deletion)?);
        Ok(gone)
    }

    fn bury_in<P: Part>(
        &mut self,
        table: Table,
        document: &[u8],
        deletion: &ChangeVector,
    ) -> Result<Vec<Superseded>, StoreError> {
        let heads = self.parts_of::<P>(table, document)?;
        let before = heads.into_iter().filter(|(_, head)| !head.context().came_after(deletion));
        let before: Vec<_> = before.collect();
        Ok(before.into_iter().map(|(key, head)| self.remove(table, key, &head)).collect())
    }

    pub(super) fn parts_of<P: Part>(
        &self,
        table: Table,
        document: &[u8],
    ) -> Result<Vec<(Bytes, PartHead<P>)>, StoreError> {
        let range = ScanRange::prefix(&keys::parts(document));
        let rows = self.overlay.scan(table, range, Direction::Forward);
        let head = |entry| -> Result<_, StoreError> {
            let (key, row): (Bytes, Bytes) = Result::map_err(entry, StoreError::from)?;
            let head = decode(table, &key, row)?;
            Ok((key, head))
        };
        rows.map(head).collect()
    }

    /// Forgets a counter or a segment that holds nothing, at `etag`, if nobody needs it: what it
    /// has seen is covered. Answers whether it did.
    pub(crate) fn forget_part(
        &mut self,
        table: Table,
        key: Bytes,
        etag: Etag,
    ) -> Result<bool, StoreError> {
        let Some(row) = self.overlay.row(table, &key)? else { return Ok(false) };
        let (of, vector) = if table == keys::COUNTERS {
            let head = decode::<Counter>(table, &key, row)?;
            (head.etag, head.vector)
        } else {
            let head = decode::<Extent>(table, &key, row)?;
            (head.etag, head.vector)
        };
        let holder = Holder { vector: &self.header.vector, retired: &self.header.origin.retired };
        if of != etag || !holder.has_seen(&vector) {
            return Ok(false);
        }
        self.overlay.delete(table, key);
        self.overlay.delete(keys::DEAD, keys::change(etag));
        self.overlay.delete(keys::CHANGES, keys::change(etag));
        self.header.parts = self.header.parts.saturating_sub(1);
        Ok(true)
    }

    /// Whether `vector` has seen all that the document has beside its body; `None` where it has
    /// nothing.
    pub(crate) fn parts_covered(
        &self,
        document: &[u8],
        vector: &ChangeVector,
    ) -> Result<Option<bool>, StoreError> {
        if self.header.parts == 0 {
            return Ok(None);
        }
        let counters = self.parts_of::<Counter>(keys::COUNTERS, document)?;
        let segments = self.parts_of::<Extent>(keys::SEGMENTS, document)?;
        let counters = counters.iter().map(|(_, head)| &head.vector);
        let mut all = counters.chain(segments.iter().map(|(_, head)| &head.vector)).peekable();
        let has = all.peek().is_some();
        Ok(has.then(|| all.all(|seen| vector.covers(seen))))
    }
}

/// A segment that is to be written.
pub(crate) struct Piece {
    /// What it is.
    pub(crate) segment: Segment,
    /// Its version, of whatever content.
    pub(crate) version: Version,
    /// Whose write it is.
    pub(crate) minting: Minting,
}

/// Whose write a segment is.
pub(crate) enum Minting {
    /// A client's: it gets an entry of its own.
    New,
    /// Another database's, or a merge: the entry that was minted for it, where one was.
    Kept(Option<Entry>),
}

/// Etag and vector of the last segment that was written.
pub(crate) type Last = (Etag, ChangeVector);

pub(super) fn decode<P: Part>(
    table: Table,
    key: &[u8],
    row: Bytes,
) -> Result<PartHead<P>, StoreError> {
    P::decode(row).map_err(|error| corrupt(table, key, error))
}
