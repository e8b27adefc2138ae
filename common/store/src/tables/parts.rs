//! `counters` and `segments`: what leads from a document to what it has beside its body.
//!
//! A row of `counters` holds its counter whole, so that a value is read in one look-up. One of
//! `segments` says of what a time series has within a span how much it is, and leads to it.

use bytes::Bytes;
use jackdaw_common::{
    ChangeVector, Counter, Entry, Etag, IncarnationId, Partial, Partials, Segment,
    item::{
        Context, Extent,
        series::{SeriesTime, Span},
    },
};

use super::codec::{RowError, RowReader, RowWriter};
use crate::{
    engine::Table,
    keys::{COUNTERS, SEGMENTS},
};

/// Something a document has, as far as a decision needs to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartHead<P> {
    /// Where its row lies in `changes`.
    pub etag: Etag,
    /// What it has seen.
    pub vector: ChangeVector,
    /// The deletion of the document that it came after.
    pub since: ChangeVector,
    /// Bytes of its body.
    pub bytes: u64,
    /// What it is.
    pub part: P,
}

/// The row of a counter.
pub type CounterHead = PartHead<Counter>;
/// The row of a segment.
pub type SegmentHead = PartHead<Extent>;

/// The row of `dead` of what stands under `key` in one of the two tables.
pub(crate) fn encode_dead(table: Table, key: &[u8]) -> Bytes {
    let mut row = RowWriter::new(key.len() + 4);
    row.byte(table.id);
    row.string(key);
    row.seal()
}

/// What a row of `dead` is of.
pub(crate) fn decode_dead(row: Bytes) -> Result<(Table, Bytes), RowError> {
    let mut row = RowReader::open(row)?;
    let id = row.byte()?;
    let table = [COUNTERS, SEGMENTS].into_iter().find(|table| table.id == id);
    let table = table.ok_or_else(|| RowError(format!("table {id} has no parts")))?;
    let key = row.string()?;
    row.close()?;
    Ok((table, key))
}

/// What stands in one of the two tables.
pub(crate) trait Part: Sized {
    fn write(&self, row: &mut RowWriter);
    fn read(row: &mut RowReader) -> Result<Self, RowError>;
    /// Counters or times that are there, and not deleted.
    fn live(&self) -> u64;

    fn encode(head: &PartHead<Self>) -> Bytes {
        let mut row = RowWriter::new(160);
        row.etag(head.etag);
        row.vector(&head.vector);
        row.vector(&head.since);
        row.varint(head.bytes);
        head.part.write(&mut row);
        row.seal()
    }

    fn decode(bytes: Bytes) -> Result<PartHead<Self>, RowError> {
        let mut row = RowReader::open(bytes)?;
        let (etag, vector, since) = (row.etag()?, row.vector()?, row.vector()?);
        let (bytes, part) = (row.varint()?, Self::read(&mut row)?);
        row.close()?;
        Ok(PartHead { etag, vector, since, bytes, part })
    }
}

impl<P> PartHead<P> {
    /// What it has seen, for a merge.
    pub fn context(&self) -> Context<'_> {
        Context { vector: &self.vector, since: &self.since }
    }
}

impl Part for Counter {
    fn write(&self, row: &mut RowWriter) {
        row.string(self.name.as_str().as_bytes());
        row.varint(self.partials.as_slice().len() as u64);
        for Partial { origin, value } in self.partials.as_slice() {
            row.fixed(origin.incarnation.as_bytes());
            row.etag(origin.etag);
            row.fixed(&value.to_be_bytes());
        }
    }

    fn read(row: &mut RowReader) -> Result<Self, RowError> {
        let name = row.parsed()?;
        let mut list = Vec::new();
        for _ in 0..row.varint()? {
            let incarnation = IncarnationId::from_bytes(row.fixed()?);
            let origin = Entry { incarnation, etag: row.etag()? };
            list.push(Partial { origin, value: i64::from_be_bytes(row.fixed()?) });
        }
        let partials = Partials::new(list).map_err(|error| RowError(error.to_string()))?;
        Ok(Self { name, partials })
    }

    fn live(&self) -> u64 {
        u64::from(!self.partials.is_empty())
    }
}

impl Part for Extent {
    fn write(&self, row: &mut RowWriter) {
        row.string(self.name.as_str().as_bytes());
        write_span(row, &self.span);
        row.varint(self.live);
        if let Some(bounds) = &self.bounds {
            write_span(row, bounds);
        }
    }

    fn read(row: &mut RowReader) -> Result<Self, RowError> {
        let (name, span, live) = (row.parsed()?, read_span(row)?, row.varint()?);
        let bounds = if live > 0 { Some(read_span(row)?) } else { None };
        Ok(Self { name, span, live, bounds })
    }

    fn live(&self) -> u64 {
        self.live
    }
}

impl Part for Segment {
    fn write(&self, row: &mut RowWriter) {
        self.extent.write(row);
        row.string(&self.points);
    }

    fn read(row: &mut RowReader) -> Result<Self, RowError> {
        Ok(Self { extent: Extent::read(row)?, points: row.string()? })
    }

    fn live(&self) -> u64 {
        self.extent.live
    }
}

fn write_span(row: &mut RowWriter, span: &Span) {
    row.fixed(&span.first().to_be_bytes());
    row.fixed(&span.last().to_be_bytes());
}

fn read_span(row: &mut RowReader) -> Result<Span, RowError> {
    let mut time =
        || SeriesTime::from_be_bytes(row.fixed()?).map_err(|error| RowError(error.to_string()));
    let (first, last) = (time()?, time()?);
    Span::new(first, last).map_err(|error| RowError(error.to_string()))
}
