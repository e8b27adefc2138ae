//! What a document has beside its body, read step by step from a snapshot.
//!
//! A document may have any number of counters and a time series any number of entries, so no step
//! reads all of them: each begins behind what the one before has read.

use jackdaw_common::{
    DocumentId,
    item::series::{SeriesSummary, SeriesTime, Span},
};
use jackdaw_proto::convert::documents::series as convert;
use jackdaw_store::{Snapshot, StoreError};

use super::part::{Entry, Part};
use crate::documents::{counters, series};

/// A document whose counters and time series are being read.
#[derive(Debug)]
pub(super) struct Having {
    id: DocumentId,
    /// What stands in the present part of it.
    entry: Entry,
    with_digests: bool,
    at: At,
}

/// What is read next.
#[derive(Debug)]
enum At {
    /// The counters behind this name.
    Counters(String),
    /// The time series behind this name.
    Series(String),
    /// The entries of a time series, for its digest.
    Digest(Box<Digesting>),
}

/// A time series whose entries are being read.
#[derive(Debug)]
struct Digesting {
    summary: SeriesSummary,
    digest: series::Digest,
    /// The time to go on at.
    from: SeriesTime,
}

/// How far a step came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Came {
    ToTheEnd,
    /// The step was long enough.
    Between,
}

impl Having {
    /// Nothing of what the document has is read yet.
    pub(super) fn new(id: DocumentId, entry: Entry, with_digests: bool) -> Self {
        Self { id, entry, with_digests, at: At::Counters(String::new()) }
    }

    /// Reads on, into the entry. Answers whether all is read.
    pub(super) fn read(
        &mut self,
        snapshot: &Snapshot,
        part: &mut Part,
    ) -> Result<bool, StoreError> {
        loop {
            let (came, next) = match &mut self.at {
                At::Counters(after) => {
                    let came = counters(snapshot, &self.id, after, &mut self.entry, part)?;
                    (came, At::Series(String::new()))
                }
                At::Series(after) => {
                    let Some(summary) = snapshot.series(&self.id, after).next().transpose()? else {
                        return Ok(true);
                    };
                    part.read(1);
                    *after = summary.name.key().to_owned();
                    let came = if part.is_enough() { Came::Between } else { Came::ToTheEnd };
                    if self.with_digests {
                        self.at = At::Digest(Box::new(Digesting::new(summary)));
                    } else {
                        add_series(&mut self.entry, part, &summary, None);
                    }
                    match came {
                        Came::Between => return Ok(false),
                        Came::ToTheEnd => continue,
                    }
                }
                At::Digest(digesting) => {
                    let came = digesting.read(snapshot, &self.id, part)?;
                    let summary = &digesting.summary;
                    if came == Came::ToTheEnd {
                        let digest = Some(digesting.digest.value());
                        add_series(&mut self.entry, part, summary, digest);
                    }
                    (came, At::Series(summary.name.key().to_owned()))
                }
            };
            match came {
                Came::Between => return Ok(false),
                Came::ToTheEnd => self.at = next,
            }
        }
    }

    /// What is read so far; what is read from now on stands in an entry that goes on with it.
    pub(super) fn give(&mut self, part: &mut Part) {
        let next = self.entry.next();
        part.add(std::mem::replace(&mut self.entry, next));
    }
}

/// Reads the counters behind `after`, which becomes the name of the last one that was read.
fn counters(
    snapshot: &Snapshot,
    id: &DocumentId,
    after: &mut String,
    entry: &mut Entry,
    part: &mut Part,
) -> Result<Came, StoreError> {
    let mut last = None;
    let mut came = Came::ToTheEnd;
    for head in snapshot.counters(id, after) {
        if part.is_enough() {
            came = Came::Between;
            break;
        }
        part.read(1);
        let counter = head?.part;
        // Deleted ones stay, without a value.
        if !counter.partials.is_empty() {
            let (counter, bytes) = counters::streamed(&counter);
            entry.counters().push(counter);
            part.grow(bytes);
        }
        last = Some(counter.name);
    }
    if let Some(last) = last {
        *after = last.key().to_owned();
    }
    Ok(came)
}

fn add_series(entry: &mut Entry, part: &mut Part, summary: &SeriesSummary, digest: Option<u64>) {
    let SeriesSummary { name, entries, bounds } = summary;
    part.grow(series::summary_bytes(name));
    entry.time_series().push(convert::summary(name, *entries, *bounds, digest));
}

impl Digesting {
    fn new(summary: SeriesSummary) -> Self {
        let from = summary.bounds.first();
        Self { summary, digest: series::Digest::default(), from }
    }

    /// Reads on.
    fn read(
        &mut self,
        snapshot: &Snapshot,
        id: &DocumentId,
        part: &mut Part,
    ) -> Result<Came, StoreError> {
        let Ok(left) = Span::new(self.from, self.summary.bounds.last()) else {
            return Ok(Came::ToTheEnd);
        };
        for entry in snapshot.entries(id, &self.summary.name, left) {
            let entry = entry?;
            if part.is_enough() {
                self.from = entry.time;
                return Ok(Came::Between);
            }
            part.read(1);
            self.digest.add(&entry);
        }
        Ok(Came::ToTheEnd)
    }
}
