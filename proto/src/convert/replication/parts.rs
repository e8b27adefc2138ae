//! Counters and parts of time series: domain to wire and back.

use bytes::Bytes;
use jackdaw_common::{
    ChangeVector, Counter, Entry, Etag, IncarnationId, Partial, Partials, Segment,
    item::series::{SeriesTime, Span},
    limits::CHANGE_VECTOR_ENTRIES_MAX,
};

use super::wire;

impl From<&Counter> for wire::Counter {
    fn from(counter: &Counter) -> Self {
        let partial = |one: &Partial| wire::PartialValue {
            incarnation: Bytes::copy_from_slice(one.origin.incarnation.as_bytes()),
            etag: one.origin.etag.get(),
            value: one.value,
        };
        Self {
            name: counter.name.as_str().to_owned(),
            partials: counter.partials.as_slice().iter().map(partial).collect(),
        }
    }
}

impl From<&Segment> for wire::Segment {
    fn from(segment: &Segment) -> Self {
        Self {
            name: segment.extent.name.as_str().to_owned(),
            first: segment.extent.span.first().millis(),
            last: segment.extent.span.last().millis(),
            points: segment.points.clone(),
        }
    }
}

/// The counter of a version that has seen `vector`.
pub(super) fn counter(counter: wire::Counter, vector: &ChangeVector) -> Result<Counter, String> {
    let partial = |one: wire::PartialValue| {
        let incarnation = one.incarnation.as_ref().try_into();
        let incarnation = incarnation.map_err(|_| "its incarnation is not 16 bytes".to_owned())?;
        let incarnation = IncarnationId::from_bytes(incarnation);
        let etag = text(Etag::new(one.etag))?;
        if vector.etag_of(incarnation) < etag {
            return Err(format!("has not seen its own partial value of etag {etag}"));
        }
        Ok(Partial { origin: Entry { incarnation, etag }, value: one.value })
    };
    let name = text(counter.name.parse())?;
    if counter.partials.len() > CHANGE_VECTOR_ENTRIES_MAX {
        return Err(format!("counter {}: too many partial values", counter.name));
    }
    let list = counter.partials.into_iter().map(partial).collect::<Result<_, String>>();
    let named = |error| format!("counter {}: {error}", counter.name);
    let partials = Partials::new(list.map_err(named)?).map_err(|error| named(error.to_string()))?;
    Ok(Counter { name, partials })
}

/// The segment of a version that has seen `vector`.
pub(super) fn segment(segment: wire::Segment, vector: &ChangeVector) -> Result<Segment, String> {
    let (first, last) = (SeriesTime::new(segment.first), SeriesTime::new(segment.last));
    let span = text(Span::new(text(first)?, text(last)?))?;
    let name = text(segment.name.parse())?;
    let received = Segment::received(name, span, segment.points, vector);
    received.map_err(|error| format!("time series {}: {error}", segment.name))
}

fn text<T, E: ToString>(value: Result<T, E>) -> Result<T, String> {
    value.map_err(|error| error.to_string())
}
