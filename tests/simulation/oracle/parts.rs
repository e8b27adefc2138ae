//! Counters and time series that a node holds, as its disk says: read as readers read them, row by
//! row.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
};

use jackdaw_common::{
    ChangeVector, Content, DocumentId, Version,
    item::series::{Points, ReadEntry, SeriesName, SeriesTime, Span},
};
use jackdaw_store::{
    Snapshot,
    engine::Operation,
    keys::{COUNTERS, SEGMENTS},
};
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

use super::truth::Key;

/// What distinguishes one state of what is shown from another: the parts of it, each hashed,
/// together by exclusive or.
pub(crate) type Print = u128;

/// What a row is of, beside documents. Names are in lower case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    Counter(String),
    Segment(String, Span),
}

impl Part {
    /// What a version is of; `None` for a document or its deletion.
    pub(crate) fn of(version: &Version) -> Option<Self> {
        match &version.content {
            Content::Document(_) | Content::Tombstone | Content::RevisionTombstone(_) => None,
            Content::Counter(counter) => Some(Self::Counter(counter.name.key().to_owned())),
            Content::Segment(segment) => {
                let extent = &segment.extent;
                Some(Self::Segment(extent.name.key().to_owned(), extent.span))
            }
        }
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Counter(name) | Self::Segment(name, _) => name,
        }
    }

    /// Whether it is all of the other, or more.
    pub(crate) fn includes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Counter(one), Self::Counter(other)) => one == other,
            (Self::Segment(one, span), Self::Segment(other, part)) => {
                one == other && span.covers(part)
            }
            _ => false,
        }
    }
}

/// The times that a version says something of: where it has entries and deletions. Elsewhere within
/// its span it says nothing.
pub(crate) type Says = Vec<Span>;

/// The times that a version says something of; none but for a segment.
pub(crate) fn says(version: &Version) -> Says {
    match &version.content {
        Content::Segment(segment) => said(&Points::decode(&segment.points).unwrap()),
        _ => Vec::new(),
    }
}

fn said(points: &Points) -> Says {
    let mut times: Vec<_> = points.entries().iter().map(|entry| entry.time).collect();
    times.dedup();
    let dead = points.dead().iter().map(|range| range.span);
    times.into_iter().map(Span::at).chain(dead).collect()
}

/// Where a row stands that leads to a part.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    Counter(Key, String),
    Segment(Key, String, SeriesTime),
}

impl Place {
    /// The place that an operation writes to, if it is of a part.
    pub(crate) fn of(operation: &Operation) -> Option<Self> {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let halves = |bytes: &[u8]| {
            let at = bytes.iter().position(|byte| *byte == 0).unwrap();
            (text(&bytes[..at]), bytes[at + 1..].to_vec())
        };
        if operation.table == COUNTERS {
            let (document, name) = halves(&operation.key);
            return Some(Self::Counter(document, text(&name)));
        }
        if operation.table != SEGMENTS {
            return None;
        }
        let (document, rest) = halves(&operation.key);
        let (name, first) = halves(&rest);
        let first = SeriesTime::from_be_bytes(first[..].try_into().unwrap()).unwrap();
        Some(Self::Segment(document, name, first))
    }

    /// The document.
    pub(crate) fn document(&self) -> &Key {
        match self {
            Self::Counter(document, _) | Self::Segment(document, ..) => document,
        }
    }
}

/// A counter that a database holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) vector: ChangeVector,
    /// `None`: it was deleted.
    pub(crate) value: Option<i128>,
}

/// A segment that a database holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Spanned {
    pub(crate) span: Span,
    pub(crate) vector: ChangeVector,
    /// What is shown at each time, in few digits.
    pub(crate) shown: BTreeMap<SeriesTime, u64>,
    says: Says,
}

/// All counters and series of a database.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parts {
    pub(crate) counters: BTreeMap<(Key, String), Counted>,
    pub(crate) segments: BTreeMap<(Key, String), BTreeMap<SeriesTime, Spanned>>,
    /// What each document shows of them; nothing where that is nothing.
    prints: BTreeMap<Key, Print>,
    /// What held nothing, and has gone since somebody asked for it.
    gone: Vec<((Key, String), ChangeVector)>,
}

impl Parts {
    /// What a document shows of counters and series.
    pub(crate) fn print(&self, document: &str) -> Print {
        self.prints.get(document).copied().unwrap_or_default()
    }

    /// The documents that show something.
    pub(crate) fn showing(&self) -> impl Iterator<Item = &Key> {
        self.prints.keys()
    }

    /// The same, for whoever reads of a failure.
    pub(crate) fn describe(&self, document: &str) -> String {
        let counters = self.counters.iter().filter(|((of, _), _)| of == document);
        let counters = counters.map(|((_, name), counter)| format!("{name}: {counter:?}"));
        let series = self.segments.iter().filter(|((of, _), _)| of == document);
        let series = series.map(|((_, name), segments)| format!("{name}: {segments:?}"));
        counters.chain(series).collect::<Vec<_>>().join("; ")
    }

    /// Where rows stand of what a document has.
    pub(crate) fn places(&self, document: &str) -> Vec<Place> {
        let from = (document.to_owned(), String::new());
        let of = |(of, _): &&(Key, String)| of == document;
        let counters = self.counters.range(from.clone()..).map(|(key, _)| key).take_while(of);
        let counters = counters.map(|(of, name)| Place::Counter(of.clone(), name.clone()));
        let series = self.segments.range(from..).take_while(|(key, _)| of(key));
        let segments = series.flat_map(|((of, name), segments)| {
            segments.keys().map(|first| Place::Segment(of.clone(), name.clone(), *first))
        });
        counters.chain(segments).collect()
    }

    /// Whether it holds `vector` of a part, or something that dominates it. A segment may be held
    /// in pieces, and of one that says nothing of what a piece spans no piece need have heard.
    pub(crate) fn holds(
        &self,
        document: &str,
        part: &Part,
        vector: &ChangeVector,
        says: &[Span],
    ) -> bool {
        match part {
            Part::Counter(name) => {
                let counter = self.counters.get(&(document.to_owned(), name.clone()));
                counter.is_some_and(|counter| counter.vector.covers(vector))
            }
            Part::Segment(name, span) => {
                let mut gaps = vec![*span];
                for segment in self.meeting(document, name, span) {
                    let concerns = says.iter().any(|said| said.meets(&segment.span));
                    if concerns && !segment.vector.covers(vector) {
                        return false;
                    }
                    gaps = gaps.iter().flat_map(|gap| gap.minus(&segment.span)).collect();
                }
                gaps.is_empty()
            }
        }
    }

    /// What held nothing and has gone, since this was asked last.
    pub(super) fn take_gone(&mut self) -> Vec<((Key, String), ChangeVector)> {
        std::mem::take(&mut self.gone)
    }

    /// Whether it holds `vector` of a part, but for what is `forgotten` of it.
    pub(crate) fn holds_but(
        &self,
        document: &str,
        part: &Part,
        vector: &ChangeVector,
        forgotten: &ChangeVector,
    ) -> bool {
        match part {
            Part::Counter(name) => {
                let counter = self.counters.get(&(document.to_owned(), name.clone()));
                let held = counter.map_or(forgotten.clone(), |it| it.vector.merge(forgotten));
                held.covers(vector)
            }
            Part::Segment(name, span) => {
                let mut meeting = self.meeting(document, name, span).peekable();
                let forgotten_all = meeting.peek().is_some() || forgotten.covers(vector);
                forgotten_all && meeting.all(|it| it.vector.merge(forgotten).covers(vector))
            }
        }
    }

    fn meeting(&self, document: &str, name: &str, span: &Span) -> impl Iterator<Item = &Spanned> {
        let series = self.segments.get(&(document.to_owned(), name.to_owned()));
        let until = (Bound::Unbounded, Bound::Included(span.last()));
        let begun = series.into_iter().flat_map(move |series| series.range(until));
        let (span, begun) = (*span, begun.map(|(_, segment)| segment));
        begun.filter(move |segment| segment.span.meets(&span))
    }

    /// Every row there is, with what it has seen and says.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&Key, Part, &ChangeVector, &[Span])> {
        let counters = self.counters.iter().map(|((document, name), counter)| {
            (document, Part::Counter(name.clone()), &counter.vector, &[][..])
        });
        let segments = self.segments.iter().flat_map(|((document, name), series)| {
            series.values().map(move |segment| {
                let part = Part::Segment(name.clone(), segment.span);
                (document, part, &segment.vector, &segment.says[..])
            })
        });
        counters.chain(segments)
    }

    /// Counters that are not deleted, times that have an entry, and rows.
    pub(crate) fn counts(&self) -> (u64, u64, u64) {
        let live = self.counters.values().filter(|counter| counter.value.is_some()).count();
        let segments = || self.segments.values().flat_map(BTreeMap::values);
        let entries: usize = segments().map(|segment| segment.shown.len()).sum();
        let rows = self.counters.len() + segments().count();
        (live as u64, entries as u64, rows as u64)
    }

    /// Reads all rows again that there can be of these.
    pub(super) fn reread(&mut self, parts: &BTreeSet<(Key, Part)>, snapshot: &Snapshot) {
        let mut places = BTreeSet::new();
        for (document, part) in parts {
            match part {
                Part::Counter(name) => {
                    places.insert(Place::Counter(document.clone(), name.clone()));
                }
                Part::Segment(name, _) => {
                    let id: DocumentId = document.parse().unwrap();
                    let heads = snapshot.segments(&id, &name.parse().unwrap());
                    places.extend(heads.map(|head| {
                        let first = head.expect("the oracle reads").part.span.first();
                        Place::Segment(document.clone(), name.clone(), first)
                    }));
                }
            }
        }
        for place in places {
            self.read(&place, snapshot);
        }
    }

    /// Reads again what stands at a place; answers what that changes of the document's print.
    pub(super) fn read(&mut self, place: &Place, snapshot: &Snapshot) -> Print {
        let change = match place {
            Place::Counter(document, name) => self.read_counter(document, name, snapshot),
            Place::Segment(document, name, first) => {
                self.read_segment(document, name, *first, snapshot)
            }
        };
        let print = self.prints.entry(place.document().clone()).or_default();
        *print ^= change;
        if *print == 0 {
            self.prints.remove(place.document());
        }
        change
    }

    fn read_counter(&mut self, document: &str, name: &str, snapshot: &Snapshot) -> Print {
        let id: DocumentId = document.parse().unwrap();
        let head = snapshot.counter(&id, &name.parse().unwrap()).expect("the oracle reads");
        let now = head.map(|head| {
            let partials = head.part.partials.as_slice();
            let sum = partials.iter().map(|one| i128::from(one.value)).sum();
            Counted { vector: head.vector, value: (!partials.is_empty()).then_some(sum) }
        });
        let print = |counter: Option<&Counted>| {
            let value = counter.and_then(|counter| counter.value);
            value.map_or(0, |value| counter_print(document, name, value))
        };
        let key = (document.to_owned(), name.to_owned());
        let (after, there) = (print(now.as_ref()), now.is_some());
        let before = match now {
            Some(now) => self.counters.insert(key.clone(), now),
            None => self.counters.remove(&key),
        };
        if let Some(dead) = before.as_ref().filter(|it| !there && it.value.is_none()) {
            self.gone.push((key, dead.vector.clone()));
        }
        after ^ print(before.as_ref())
    }

    fn read_segment(
        &mut self,
        document: &str,
        name: &str,
        first: SeriesTime,
        snapshot: &Snapshot,
    ) -> Print {
        let id: DocumentId = document.parse().unwrap();
        let series: SeriesName = name.parse().unwrap();
        let mut heads = snapshot.segments(&id, &series).map(|head| head.expect("the oracle reads"));
        let head = heads.find(|head| head.part.span.first() == first);
        let now = head.map(|head| {
            let points = snapshot.points(&head).expect("the oracle reads");
            let shown = points.read(series.is_incremental());
            let shown = shown.map(|entry| (entry.time, entry_digest(&entry))).collect();
            let says = said(&points);
            Spanned { span: head.part.span, vector: head.vector, shown, says }
        });
        let print = |segment: Option<&Spanned>| {
            let shown = segment.into_iter().flat_map(|segment| &segment.shown);
            shown.fold(0, |all, (time, digest)| all ^ entry_print(document, name, *time, *digest))
        };
        let (after, there) = (print(now.as_ref()), now.is_some());
        let key = (document.to_owned(), name.to_owned());
        let rows = self.segments.entry(key.clone()).or_default();
        let before = match now {
            Some(now) => rows.insert(first, now),
            None => rows.remove(&first),
        };
        if rows.is_empty() {
            self.segments.remove(&key);
        }
        if let Some(dead) = before.as_ref().filter(|it| !there && it.shown.is_empty()) {
            self.gone.push((key, dead.vector.clone()));
        }
        after ^ print(before.as_ref())
    }
}

/// What a counter adds to its document's print.
pub(crate) fn counter_print(document: &str, name: &str, value: i128) -> Print {
    xxh3_128(format!("{document}\0c\0{name}\0{value}").as_bytes())
}

/// What an entry adds to its document's print.
pub(crate) fn entry_print(document: &str, name: &str, time: SeriesTime, digest: u64) -> Print {
    let mut hasher = Xxh3::new();
    for text in [document, "\0s\0", name, "\0"] {
        hasher.update(text.as_bytes());
    }
    hasher.update(&time.to_be_bytes());
    hasher.update(&digest.to_be_bytes());
    hasher.digest128()
}

/// What is shown at a time, in few digits.
pub(crate) fn entry_digest(entry: &ReadEntry) -> u64 {
    digest(&entry.values, entry.tag.as_deref())
}

/// Values and what is said of them, in few digits.
pub(crate) fn digest(values: &[f64], tag: Option<&str>) -> u64 {
    let mut hasher = Xxh3::new();
    hasher.update(&(values.len() as u64).to_be_bytes());
    for value in values {
        hasher.update(&value.to_bits().to_be_bytes());
    }
    hasher.update(tag.map_or_else(String::new, |tag| format!("\0{tag}")).as_bytes());
    hasher.digest()
}
