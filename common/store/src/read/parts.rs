//! Counters and time series of a snapshot.

use bytes::Bytes;
use jackdaw_common::{
    Content, Counter, CounterName, DocumentId,
    item::Extent,
    item::series::{Points, ReadEntry, SeriesName, SeriesSummary, Span},
};

use super::Snapshot;
use crate::{
    engine::{Direction, ScanRange, Table},
    error::StoreError,
    keys,
    tables::{
        codec::RowError,
        heads::Head,
        parts::{CounterHead, Part, PartHead, SegmentHead},
    },
    write::corrupt,
};

impl Snapshot {
    /// Whether a document has a version that is live: what it has can be read.
    ///
    /// # Errors
    ///
    /// A row that does not read back, or the engine's.
    pub fn is_live(&self, id: &DocumentId) -> Result<bool, StoreError> {
        let key = id.key().as_bytes();
        if self.engine.get(keys::DOCUMENTS, key)?.is_some() {
            return Ok(true);
        }
        let Some(row) = self.engine.get(keys::CONFLICTS, key)? else { return Ok(false) };
        let heads = Head::decode_all(row).map_err(|e| corrupt(keys::CONFLICTS, key, e))?;
        Ok(heads.iter().any(|head| !head.seen.tombstone))
    }

    /// A counter of a document; one that was deleted has no partial values.
    ///
    /// # Errors
    ///
    /// A row that does not read back, or the engine's.
    pub fn counter(
        &self,
        id: &DocumentId,
        name: &CounterName,
    ) -> Result<Option<CounterHead>, StoreError> {
        let key = keys::counter(id, name);
        let row = self.engine.get(keys::COUNTERS, &key)?;
        row.map(|row| decode(keys::COUNTERS, &key, row)).transpose()
    }

    /// The counters of a document behind the lower-cased name `after`, by name, deleted ones too.
    pub fn counters(
        &self,
        id: &DocumentId,
        after: &str,
    ) -> impl Iterator<Item = Result<CounterHead, StoreError>> + Send + '_ {
        self.parts(keys::COUNTERS, keys::parts(id.key().as_bytes()), after.as_bytes())
    }

    /// Whether a document has a counter that is not deleted. Looks at all that are, up to that one.
    ///
    /// # Errors
    ///
    /// A row that does not read back, or the engine's.
    pub fn has_counters(&self, id: &DocumentId) -> Result<bool, StoreError> {
        self.has_live::<Counter>(keys::COUNTERS, id)
    }

    /// Whether a document has a time series with an entry. Looks at all segments without one, up
    /// to the first with one.
    ///
    /// # Errors
    ///
    /// A row that does not read back, or the engine's.
    pub fn has_series(&self, id: &DocumentId) -> Result<bool, StoreError> {
        self.has_live::<Extent>(keys::SEGMENTS, id)
    }

    fn has_live<P: Part + Send>(&self, table: Table, id: &DocumentId) -> Result<bool, StoreError> {
        for head in self.parts::<P>(table, keys::parts(id.key().as_bytes()), &[]) {
            if head?.part.live() > 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The names of the time series of a document that have entries, in order, so many at most.
    /// However many segments a series has, few are looked at.
    ///
    /// # Errors
    ///
    /// A row that does not read back, or the engine's.
    pub fn series_names(
        &self,
        id: &DocumentId,
        most: usize,
    ) -> Result<Vec<SeriesName>, StoreError> {
        let mut names: Vec<SeriesName> = Vec::new();
        let mut after = String::new();
        'begin: while names.len() < most {
            let prefix = keys::parts(id.key().as_bytes());
            let mut passed = 0;
            for head in self.parts::<Extent>(keys::SEGMENTS, prefix, after.as_bytes()) {
                let extent = head?.part;
                if let Some(last) = names.last().filter(|last| **last == extent.name) {
                    passed += 1;
                    if passed == PASSED_MAX {
                        after = behind(last.key());
                        continue 'begin;
                    }
                    continue;
                }
                passed = 0;
                if extent.bounds.is_some() {
                    names.push(extent.name);
                }
                if names.len() == most {
                    break;
                }
            }
            break;
        }
        Ok(names)
    }

    /// The segments of a time series, by time.
    pub fn segments(
        &self,
        id: &DocumentId,
        name: &SeriesName,
    ) -> impl Iterator<Item = Result<SegmentHead, StoreError>> + Send + '_ {
        self.parts(keys::SEGMENTS, keys::series(id, name), &[])
    }

    /// The time series of a document that have entries, behind the lower-cased name `after`, by
    /// name.
    pub fn series(
        &self,
        id: &DocumentId,
        after: &str,
    ) -> impl Iterator<Item = Result<SeriesSummary, StoreError>> + Send + '_ {
        let after = if after.is_empty() { String::new() } else { behind(after) };
        let prefix = keys::parts(id.key().as_bytes());
        let mut segments = self.parts(keys::SEGMENTS, prefix, after.as_bytes()).peekable();
        std::iter::from_fn(move || {
            loop {
                let first: SegmentHead = match segments.next()? {
                    Ok(first) => first,
                    Err(error) => return Some(Err(error)),
                };
                let mut all = Summing::new(first);
                while let Some(next) = segments.next_if(|next| all.goes_on_with(next)) {
                    match next {
                        Ok(next) => all.add(&next),
                        Err(error) => return Some(Err(error)),
                    }
                }
                if let Some(summary) = all.summary() {
                    return Some(Ok(summary));
                }
            }
        })
    }

    /// What a time series shows within a span, by time.
    pub fn entries(
        &self,
        id: &DocumentId,
        name: &SeriesName,
        span: Span,
    ) -> impl Iterator<Item = Result<ReadEntry, StoreError>> + Send + '_ {
        let before = ScanRange::from(keys::series(id, name));
        let before = before.to(keys::segment(id, name, span.first()));
        let before = self.engine.scan(keys::SEGMENTS, before, Direction::Backward).next();
        let within = ScanRange::after(keys::segment(id, name, span.first()));
        let within = within.to(keys::segment(id, name, span.last()));
        let within = self.engine.scan(keys::SEGMENTS, within, Direction::Forward);
        let incremental = name.is_incremental();
        before.into_iter().chain(within).flat_map(move |entry| {
            let read = || -> Result<Vec<ReadEntry>, StoreError> {
                let (key, row): (Bytes, Bytes) = entry?;
                let head: SegmentHead = decode(keys::SEGMENTS, &key, row)?;
                if !head.part.bounds.is_some_and(|bounds| bounds.meets(&span)) {
                    return Ok(Vec::new());
                }
                let points = self.points(&head)?;
                Ok(points.read(incremental).filter(|it| span.contains(it.time)).collect())
            };
            let (read, error) = match read() {
                Ok(read) => (read, None),
                Err(error) => (Vec::new(), Some(Err(error))),
            };
            read.into_iter().map(Ok).chain(error)
        })
    }

    /// What a segment holds, as it is kept.
    ///
    /// # Errors
    ///
    /// A row that does not read back, or the engine's.
    pub fn points(&self, head: &SegmentHead) -> Result<Points, StoreError> {
        let row = self.change(head.etag)?;
        let fail = |what| corrupt(keys::CHANGES, &keys::change(head.etag), RowError(what));
        let Content::Segment(segment) = row.version.content else {
            return Err(fail("is no segment".to_owned()));
        };
        Points::decode(&segment.points).map_err(|error| fail(error.to_string()))
    }

    fn parts<P: Part + Send>(
        &self,
        table: Table,
        prefix: Bytes,
        after: &[u8],
    ) -> impl Iterator<Item = Result<PartHead<P>, StoreError>> + Send + use<'_, P> {
        let mut range = ScanRange::prefix(&prefix);
        if !after.is_empty() {
            range.start = ScanRange::after([&prefix[..], after].concat()).start;
        }
        self.engine.scan(table, range, Direction::Forward).map(move |entry| {
            let (key, row) = entry?;
            decode(table, &key, row)
        })
    }
}

/// The segments of one series, summed up.
/// Behind all segments of the series with that lower-cased name.
fn behind(name: &str) -> String {
    format!("{name}\u{1}")
}

/// Segments of a series that is known to have entries that are passed by before it is skipped.
const PASSED_MAX: usize = 4;

struct Summing {
    name: SeriesName,
    entries: u64,
    bounds: Option<Span>,
}

impl Summing {
    fn new(first: SegmentHead) -> Self {
        let mut all = Self { name: first.part.name.clone(), entries: 0, bounds: None };
        all.add(&first);
        all
    }

    /// What cannot be read is said at once.
    fn goes_on_with(&self, next: &Result<SegmentHead, StoreError>) -> bool {
        next.as_ref().map_or(true, |next| next.part.name == self.name)
    }

    fn add(&mut self, segment: &SegmentHead) {
        let Some(bounds) = segment.part.bounds else { return };
        if self.bounds.is_none() {
            self.name = segment.part.name.clone();
        }
        self.entries += segment.part.live;
        self.bounds = Some(self.bounds.map_or(bounds, |before| before.to(&bounds)));
    }

    fn summary(self) -> Option<SeriesSummary> {
        let Self { name, entries, bounds } = self;
        bounds.map(|bounds| SeriesSummary { name, entries, bounds })
    }
}

fn decode<P: Part>(table: Table, key: &[u8], row: Bytes) -> Result<PartHead<P>, StoreError> {
    P::decode(row).map_err(|error| corrupt(table, key, error))
}
