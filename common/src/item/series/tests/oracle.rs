//! What a span must hold, said naively: the whole set of writes with all that each had seen.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

/// A write, and which writes it had seen.
#[derive(Clone, Debug)]
pub(super) struct Write {
    pub(super) origin: Entry,
    pub(super) seen: BTreeSet<usize>,
    pub(super) what: What,
}

/// What a write did.
#[derive(Clone, Debug)]
pub(super) enum What {
    /// Put these in the place of what it had seen at their times.
    Append(BTreeMap<SeriesTime, Appended>),
    /// Deleted a span.
    Delete(Span),
    /// Deleted the document.
    DeleteDocument,
}

/// Values and tag.
pub(super) type Appended = (Vec<f64>, Option<Arc<str>>);

/// All writes of a history, by number.
#[derive(Clone, Debug, Default)]
pub(super) struct Oracle {
    pub(super) writes: Vec<Write>,
    pub(super) incremental: bool,
}

impl Oracle {
    /// What who has seen these writes must have.
    pub(super) fn content(&self, seen: &BTreeSet<usize>) -> Vec<SeriesEntry> {
        let alive = self.of_this_life(seen);
        let mut entries = Vec::new();
        for &number in &alive {
            let write = &self.writes[number];
            let What::Append(all) = &write.what else { continue };
            let stays = all.iter().filter(|(time, _)| {
                !alive.iter().any(|&other| self.removes(other, number, **time))
            });
            entries.extend(stays.map(|(time, (values, tag))| SeriesEntry {
                time: *time,
                values: values.clone(),
                tag: tag.clone(),
                origin: write.origin,
            }));
        }
        entries.sort_by_key(|it| (it.time, it.origin.incarnation, it.origin.etag));
        entries
    }

    /// Those that had seen every deletion of the document.
    fn of_this_life(&self, seen: &BTreeSet<usize>) -> BTreeSet<usize> {
        let is_deletion = |it: &&usize| matches!(self.writes[**it].what, What::DeleteDocument);
        let deletions: BTreeSet<_> = seen.iter().filter(is_deletion).copied().collect();
        seen.iter().filter(|it| self.writes[**it].seen.is_superset(&deletions)).copied().collect()
    }

    /// Whether `other` ends what `number` appended at a time.
    fn removes(&self, other: usize, number: usize, time: SeriesTime) -> bool {
        let (by, of) = (&self.writes[other], &self.writes[number]);
        match &by.what {
            What::Append(all) => {
                let same = by.origin.incarnation == of.origin.incarnation;
                by.seen.contains(&number) && all.contains_key(&time) && (same || !self.incremental)
            }
            // Seen or not: only what was appended behind the deletion stays.
            What::Delete(span) => span.contains(time) && !of.seen.contains(&other),
            What::DeleteDocument => false,
        }
    }

    /// What a reader must see of such content.
    pub(super) fn shown(&self, content: &[SeriesEntry]) -> Vec<ReadEntry> {
        let mut times: BTreeMap<SeriesTime, Vec<&SeriesEntry>> = BTreeMap::new();
        content.iter().for_each(|entry| times.entry(entry.time).or_default().push(entry));
        let shown = times.into_iter().map(|(time, siblings)| {
            let (values, tag) =
                if self.incremental { (sum(&siblings), None) } else { winner(&siblings) };
            ReadEntry { time, values, tag }
        });
        shown.collect()
    }
}

fn winner(siblings: &[&SeriesEntry]) -> Appended {
    // As an integer that is ordered as the float is.
    let ordered = |value: &f64| {
        let bits = value.to_bits().cast_signed();
        if bits < 0 { bits ^ i64::MAX } else { bits }
    };
    let best = siblings.iter().max_by_key(|it| {
        let values: Vec<i64> = it.values.iter().map(ordered).collect();
        (values.len(), values, it.tag.clone(), it.origin.incarnation, it.origin.etag)
    });
    best.map(|it| (it.values.clone(), it.tag.clone())).unwrap()
}

fn sum(siblings: &[&SeriesEntry]) -> Vec<f64> {
    let length = siblings.iter().map(|it| it.values.len()).max().unwrap();
    let column = |at: usize| siblings.iter().filter_map(move |it| it.values.get(at));
    (0..length).map(|at| column(at).copied().reduce(|sum, value| sum + value).unwrap()).collect()
}
