//! Documents that several nodes write to: what they have follows from the operations, and from
//! which of them each had heard of.
//!
//! Who has heard of an operation is told by change vectors: they name the transaction it was in.
//! What is to be there then is told by the operations alone.

use std::{cmp::Ordering, collections::BTreeMap, sync::Arc};

use jackdaw_common::{
    ChangeVector, Etag, IncarnationId,
    item::series::{NewEntry, SeriesName, SeriesTime, Span},
};
use jackdaw_store::Command;

use super::{Transaction, Value, document, is_shared, owned::add};
use crate::oracle::{
    parts::{Part, Print, counter_print, digest, entry_print},
    truth::{Change, Key},
};

/// An operation's place: who, in which transaction, and all that it had heard of, itself included.
#[derive(Clone, Debug)]
struct Stamp {
    incarnation: IncarnationId,
    first: Etag,
    seen: ChangeVector,
}

impl Stamp {
    fn is_in(&self, vector: &ChangeVector) -> bool {
        vector.etag_of(self.incarnation) >= self.first
    }

    fn is(&self, other: &Self) -> bool {
        (self.incarnation, self.first) == (other.incarnation, other.first)
    }

    /// Whether it had heard of the other.
    fn heard_of(&self, other: &Self) -> bool {
        !self.is(other) && other.is_in(&self.seen)
    }
}

/// All that a database has added to a counter, with this.
#[derive(Clone, Debug)]
struct Increment {
    stamp: Stamp,
    partial: i128,
}

/// What a database has put at a time; in an incremental series all that it has added there.
#[derive(Clone, Debug)]
struct Append {
    stamp: Stamp,
    values: Vec<f64>,
    tag: Option<Arc<str>>,
}

#[derive(Clone, Debug, Default)]
struct Counter {
    increments: Vec<Increment>,
    deletions: Vec<Stamp>,
}

#[derive(Clone, Debug, Default)]
struct Series {
    incremental: bool,
    appends: BTreeMap<SeriesTime, Vec<Append>>,
    clears: Vec<(Stamp, Span)>,
}

#[derive(Clone, Debug, Default)]
struct Document {
    deletions: Vec<Stamp>,
    counters: BTreeMap<String, Counter>,
    series: BTreeMap<String, Series>,
}

/// All such documents.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shared(BTreeMap<Key, Document>);

/// What somebody has heard of.
#[derive(Clone, Copy)]
pub(crate) struct Heard<'h> {
    /// Of the counter or the span; `None`: of everything.
    pub(crate) part: Option<&'h ChangeVector>,
    /// Of the document itself.
    pub(crate) document: Option<&'h ChangeVector>,
}

impl Heard<'_> {
    /// Of everything there was.
    const ALL: Self = Self { part: None, document: None };

    fn of(&self, stamp: &Stamp) -> bool {
        self.part.is_none_or(|vector| stamp.is_in(vector))
    }

    fn of_deletion(&self, stamp: &Stamp) -> bool {
        self.of(stamp) || self.document.is_some_and(|vector| stamp.is_in(vector))
    }
}

impl Document {
    /// Whether an operation went with the document: it had not heard of a deletion of it.
    fn is_bygone(&self, stamp: &Stamp, heard: Heard<'_>) -> bool {
        let known = self.deletions.iter().filter(|deletion| heard.of_deletion(deletion));
        known.into_iter().any(|deletion| !deletion.is_in(&stamp.seen))
    }

    /// What every database has added that still counts, by who: of each the newest, since that has
    /// heard of all before it.
    fn standing(&self, name: &str, heard: Heard<'_>) -> BTreeMap<IncarnationId, i128> {
        let Some(counter) = self.counters.get(name) else { return BTreeMap::new() };
        let mut newest: BTreeMap<IncarnationId, &Increment> = BTreeMap::new();
        for increment in counter.increments.iter().filter(|it| heard.of(&it.stamp)) {
            let known = newest.entry(increment.stamp.incarnation).or_insert(increment);
            if known.stamp.first < increment.stamp.first {
                *known = increment;
            }
        }
        let deleted = |stamp: &Stamp| {
            let deletions = counter.deletions.iter().filter(|deletion| heard.of(deletion));
            deletions.into_iter().any(|deletion| deletion.heard_of(stamp))
        };
        newest.retain(|_, it| !deleted(&it.stamp) && !self.is_bygone(&it.stamp, heard));
        newest.into_iter().map(|(who, it)| (who, it.partial)).collect()
    }

    /// The entries of a time that stand.
    fn entries<'s>(
        &self,
        series: &'s Series,
        time: SeriesTime,
        heard: Heard<'_>,
    ) -> Vec<&'s Append> {
        let Some(appends) = series.appends.get(&time) else { return Vec::new() };
        let known: Vec<_> = appends.iter().filter(|it| heard.of(&it.stamp)).collect();
        let clears = series.clears.iter().filter(|(stamp, span)| {
            span.contains(time) && heard.of(stamp) && !self.is_bygone(stamp, heard)
        });
        let clears: Vec<_> = clears.collect();
        let stands = |it: &&&Append| {
            let replaced = known.iter().any(|by| {
                let replaces = !series.incremental || by.stamp.incarnation == it.stamp.incarnation;
                replaces && by.stamp.heard_of(&it.stamp)
            });
            // A deletion wins over what has not heard of it.
            let cleared = clears.iter().any(|(clear, _)| !clear.is_in(&it.stamp.seen));
            !replaced && !cleared && !self.is_bygone(&it.stamp, heard)
        };
        known.iter().filter(stands).copied().collect()
    }

    fn counter(&self, name: &str, heard: Heard<'_>) -> Option<i128> {
        let standing = self.standing(name, heard);
        (!standing.is_empty()).then(|| standing.values().sum())
    }

    fn shown(&self, name: &str, time: SeriesTime, heard: Heard<'_>) -> Option<u64> {
        let series = self.series.get(name)?;
        let standing = self.entries(series, time, heard);
        if series.incremental {
            let mut sum = Vec::new();
            standing.iter().for_each(|it| add(&mut sum, &it.values));
            return (!standing.is_empty()).then(|| digest(&sum, None));
        }
        let shown = standing.into_iter().max_by(|one, other| rank(one, other));
        shown.map(|it| digest(&it.values, it.tag.as_deref()))
    }
}

/// Which of two entries that do not know each other is shown.
fn rank(one: &Append, other: &Append) -> Ordering {
    let pairs = one.values.iter().zip(&other.values);
    let mut values = pairs.map(|(one, other)| one.total_cmp(other));
    let lengths = one.values.len().cmp(&other.values.len());
    let values = || values.find(|order| order.is_ne()).unwrap_or(Ordering::Equal);
    lengths.then_with(values).then_with(|| one.tag.cmp(&other.tag))
}

impl Shared {
    pub(crate) fn documents(&self) -> impl Iterator<Item = &Key> {
        self.0.keys()
    }

    /// What a document shows when everybody has heard of everything.
    pub(crate) fn print(&self, document: &str) -> Print {
        let Some(it) = self.0.get(document) else { return 0 };
        let counters = it
            .counters
            .keys()
            .filter_map(|name| Some(counter_print(document, name, it.counter(name, Heard::ALL)?)));
        let entries = it.series.keys().flat_map(|name| {
            let shown = self.series(document, name, &Span::ALL, Heard::ALL).into_iter();
            shown.map(move |(time, digest)| entry_print(document, name, time, digest))
        });
        counters.chain(entries).fold(0, |all, one| all ^ one)
    }

    /// What a counter shows to whoever has heard of so much.
    pub(crate) fn counter(&self, document: &str, name: &str, heard: Heard<'_>) -> Option<i128> {
        self.0.get(document)?.counter(name, heard)
    }

    /// What a series shows within a span to whoever has heard of so much.
    pub(crate) fn series(
        &self,
        document: &str,
        name: &str,
        span: &Span,
        heard: Heard<'_>,
    ) -> BTreeMap<SeriesTime, u64> {
        let Some(it) = self.0.get(document) else { return BTreeMap::new() };
        let series = it.series.get(name).into_iter();
        let times = series.flat_map(|series| series.appends.range(span.first()..=span.last()));
        let shown = times.filter_map(|(time, _)| Some((*time, it.shown(name, *time, heard)?)));
        shown.collect()
    }

    /// Documents that a transaction has deleted: a version that it wrote is a deletion, or came
    /// after one of this very transaction.
    pub(super) fn deletions(&mut self, it: &Transaction<'_>) {
        for row in it.rows.iter().filter(|row| row.part.is_none() && is_shared(&row.key)) {
            let Some(stamp) = it.stamp(row) else { continue };
            if row.hash.is_none() || row.since.etag_of(stamp.incarnation) >= it.first {
                self.0.entry(row.key.clone()).or_default().deletions.push(stamp);
            }
        }
    }

    /// A command was carried out, if a row says so; answers what a counter has come to.
    ///
    /// Of a counter or series a transaction has one command at most: its row says what that had
    /// heard of. One that wrote nothing is known to nobody.
    pub(super) fn carry_out(&mut self, it: &Transaction<'_>, command: &Command) -> Value {
        let key = document(command);
        let there = self.0.entry(key.clone()).or_default();
        match command {
            Command::Increment { name, delta, .. } => {
                let Some(stamp) = it.of_counter(&key, name.key()) else { return Value::Gone };
                let seen = stamp.seen.clone();
                let heard = Heard { part: Some(&seen), document: None };
                let before = there.standing(name.key(), heard).remove(&stamp.incarnation);
                let partial = before.unwrap_or_default() + i128::from(*delta);
                let counter = there.counters.entry(name.key().to_owned()).or_default();
                counter.increments.push(Increment { stamp, partial });
                let value = there.counter(name.key(), heard);
                return Value::Is(value.and_then(|value| i64::try_from(value).ok()));
            }
            Command::DeleteCounter { name, .. } => {
                let counter = there.counters.entry(name.key().to_owned()).or_default();
                counter.deletions.extend(it.of_counter(&key, name.key()));
            }
            Command::Append { name, entries, .. } => {
                let appended = there.appended(it, &key, name, entries);
                let series = there.series.entry(name.key().to_owned()).or_default();
                series.incremental = name.is_incremental();
                for (time, append) in appended {
                    series.appends.entry(time).or_default().push(append);
                }
            }
            Command::DeleteSpan { name, span, .. } => {
                let series = there.series.entry(name.key().to_owned()).or_default();
                series.clears.extend(it.of_series(&key, name.key(), span));
            }
            _ => {}
        }
        Value::Is(None)
    }
}

impl Document {
    /// What the entries of a command come to, each at its time.
    fn appended(
        &self,
        it: &Transaction<'_>,
        key: &str,
        name: &SeriesName,
        entries: &[NewEntry],
    ) -> BTreeMap<SeriesTime, Append> {
        let mut appended: BTreeMap<SeriesTime, Append> = BTreeMap::new();
        for entry in entries {
            let time = entry.time();
            let Some((stamp, _)) = it.of_series(key, name.key(), &Span::at(time)).pop() else {
                continue;
            };
            let (mut values, tag) = (entry.values().to_vec(), entry.tag().map(Arc::from));
            if name.is_incremental() {
                let known = appended.get(&time).map(|it| it.values.clone());
                let before = known.or_else(|| self.own(name.key(), time, &stamp));
                add(&mut values, &before.unwrap_or_default());
            }
            appended.insert(time, Append { stamp, values, tag });
        }
        appended
    }

    /// What the incarnation of a new entry has added at its time before.
    fn own(&self, name: &str, time: SeriesTime, stamp: &Stamp) -> Option<Vec<f64>> {
        let heard = Heard { part: Some(&stamp.seen), document: None };
        let standing = self.entries(self.series.get(name)?, time, heard);
        let own = standing.into_iter().find(|it| it.stamp.incarnation == stamp.incarnation);
        own.map(|it| it.values.clone())
    }
}

impl Transaction<'_> {
    /// The place of what a row says; nothing where this transaction did not write it.
    fn stamp(&self, row: &Change) -> Option<Stamp> {
        let incarnation = row.minted?.incarnation;
        Some(Stamp { incarnation, first: self.first, seen: row.vector.clone() })
    }

    fn of_counter(&self, key: &str, name: &str) -> Option<Stamp> {
        let of = |row: &&&Change| {
            row.key == key && matches!(&row.part, Some(Part::Counter(of)) if of == name)
        };
        self.rows.iter().find(of).and_then(|row| self.stamp(row))
    }

    /// What it wrote of a series within a span, each with its part of the span.
    fn of_series(&self, key: &str, name: &str, span: &Span) -> Vec<(Stamp, Span)> {
        let within = |row: &&Change| match &row.part {
            Some(Part::Segment(of, part)) if row.key == key && of == name => {
                Some((self.stamp(row)?, part.intersection(span)?))
            }
            _ => None,
        };
        self.rows.iter().filter_map(within).collect()
    }
}
