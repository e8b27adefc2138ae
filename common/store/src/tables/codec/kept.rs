//! What is kept with a revision, within the rows of its version.

use jackdaw_common::{
    Kept, KeptCounter, KeptParts,
    item::series::{SeriesSummary, SeriesTime, Span},
};

use super::{RowError, RowReader, RowWriter};

pub(in crate::tables) fn write(row: &mut RowWriter, kept: &Kept) {
    row.vector(&kept.by);
    let KeptParts { counters, series, more } = &kept.parts;
    row.varint(counters.len() as u64);
    for counter in counters {
        row.string(counter.name.as_str().as_bytes());
        row.byte(u8::from(counter.value.is_some()));
        row.fixed(&counter.value.unwrap_or_default().to_be_bytes());
    }
    row.varint(series.len() as u64);
    for one in series {
        row.string(one.name.as_str().as_bytes());
        row.varint(one.entries);
        row.fixed(&one.bounds.first().to_be_bytes());
        row.fixed(&one.bounds.last().to_be_bytes());
    }
    row.byte(u8::from(*more));
}

pub(in crate::tables) fn read(row: &mut RowReader) -> Result<Kept, RowError> {
    let by = row.vector()?;
    let (mut counters, mut series) = (Vec::new(), Vec::new());
    for _ in 0..row.varint()? {
        let (name, is_known) = (row.parsed()?, row.byte()? != 0);
        let value = i64::from_be_bytes(row.fixed()?);
        counters.push(KeptCounter { name, value: is_known.then_some(value) });
    }
    for _ in 0..row.varint()? {
        let (name, entries) = (row.parsed()?, row.varint()?);
        let bounds = read_span(row)?;
        series.push(SeriesSummary { name, entries, bounds });
    }
    let more = row.byte()? != 0;
    Ok(Kept { by, parts: KeptParts { counters, series, more } })
}

fn read_span(row: &mut RowReader) -> Result<Span, RowError> {
    let mut time =
        || SeriesTime::from_be_bytes(row.fixed()?).map_err(|error| RowError(error.to_string()));
    let (first, last) = (time()?, time()?);
    Span::new(first, last).map_err(|error| RowError(error.to_string()))
}
