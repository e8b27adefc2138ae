//! What is kept with a revision, and which revisions are gone.

use jackdaw_common::{
    ChangeVector, Kept, KeptCounter, KeptParts,
    item::{
        counter::CounterNameError,
        series::{SeriesNameError, SeriesSummary, SeriesTime, Span},
    },
    limits::REVISION_PARTS_BYTES_MAX,
};

use super::{bytes, items::vector, wire};

impl From<&Kept> for wire::Kept {
    fn from(kept: &Kept) -> Self {
        let KeptParts { counters, series, more } = &kept.parts;
        let counters = counters.iter().map(|counter| wire::KeptCounter {
            name: counter.name.as_str().to_owned(),
            value: counter.value,
        });
        let series = series.iter().map(|one| wire::KeptSeries {
            name: one.name.as_str().to_owned(),
            entries: one.entries,
            first: one.bounds.first().millis(),
            last: one.bounds.last().millis(),
        });
        Self {
            by: bytes(&kept.by),
            counters: counters.collect(),
            series: series.collect(),
            more: *more,
        }
    }
}

/// Reads what is kept with a revision; says what is wrong with it.
pub(super) fn kept(message: wire::Kept) -> Result<Kept, String> {
    let by = vector(&message.by)?;
    if by.is_empty() {
        return Err("it is kept under no entry".to_owned());
    }
    let counters = message.counters.into_iter().map(|counter| {
        let fail = |error: CounterNameError| format!("kept counter: {error}");
        let name = counter.name.parse().map_err(fail)?;
        Ok(KeptCounter { name, value: counter.value })
    });
    let counters: Vec<_> = counters.collect::<Result<_, String>>()?;
    let series = message.series.into_iter().map(series).collect::<Result<Vec<_>, String>>()?;
    if !counters.is_sorted_by(|one, other| one.name.key() < other.name.key()) {
        return Err("kept counters are not in order".to_owned());
    }
    if !series.is_sorted_by(|one, other| one.name.key() < other.name.key()) {
        return Err("kept time series are not in order".to_owned());
    }
    let parts = KeptParts { counters, series, more: message.more };
    if parts.bytes() > 2 * REVISION_PARTS_BYTES_MAX {
        return Err(format!("{} bytes are kept of counters and time series", parts.bytes()));
    }
    Ok(Kept { by, parts })
}

fn series(message: wire::KeptSeries) -> Result<SeriesSummary, String> {
    let fail = |error: &dyn std::fmt::Display| format!("kept time series: {error}");
    let name = message.name.parse().map_err(|error: SeriesNameError| fail(&error))?;
    if message.entries == 0 {
        return Err("kept time series: it has no entries".to_owned());
    }
    let time = |millis| SeriesTime::new(millis).map_err(|error| fail(&error));
    let bounds = Span::new(time(message.first)?, time(message.last)?);
    let bounds = bounds.map_err(|error| fail(&error))?;
    Ok(SeriesSummary { name, entries: message.entries, bounds })
}

/// Which revisions are gone.
pub(super) fn removed(message: &wire::RevisionTombstone) -> Result<ChangeVector, String> {
    let removed = vector(&message.removed)?;
    if removed.is_empty() {
        return Err("it removes no revision".to_owned());
    }
    Ok(removed)
}
