//! What one writer of an application asks for: the same for the same seed on every machine.
//!
//! A writer has documents of its own, so that whatever other writers do meanwhile, each of its
//! steps succeeds and leaves the same behind.

use jackdaw_proto::documents::{
    AppendTimeSeries, Command, Delete, IncrementCounter, Put, TimeSeriesEntry, command,
};
use jackdaw_tests::random::Random;
use prost_types::Timestamp;
use serde::Serialize;

use crate::{
    contents::Content,
    documents::{id_in, version_in},
};

/// Collections of the documents, in turn.
const COLLECTIONS: [&str; 4] = ["Customers", "Orders", "Products", "Visits"];
/// Those of which revisions are kept.
pub(crate) const KEPT: [&str; 2] = ["Customers", "Orders"];
/// Bytes of each content: the most that is kept in a row.
const CONTENT_BYTES: u64 = 16 * 1024;
/// Entries that are appended to a time series in one operation.
const ENTRIES: u64 = 8;
/// When the first entry was measured, seconds since the Unix epoch.
const FIRST_ENTRY: u64 = 1_700_000_000;
/// Steps that are an attachment, in a thousand: a twentieth of the operations.
const ATTACHING: u64 = 240;

/// How many operations there were of each kind.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Counts {
    pub(crate) created: u64,
    pub(crate) updated: u64,
    pub(crate) deleted: u64,
    pub(crate) increments: u64,
    pub(crate) appends: u64,
    pub(crate) attachments: u64,
}

impl Counts {
    /// Of two writers together.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            created: self.created + other.created,
            updated: self.updated + other.updated,
            deleted: self.deleted + other.deleted,
            increments: self.increments + other.increments,
            appends: self.appends + other.appends,
            attachments: self.attachments + other.attachments,
        }
    }
}

/// What is asked for at once.
pub(crate) enum Step {
    /// A transaction.
    Transaction(Vec<Command>),
    /// An attachment; of several to one document each takes the place of the one before.
    Attachment(Content),
}

/// One writer of several.
pub(crate) struct Writer {
    /// Which one, and of how many.
    place: (u64, u64),
    random: Random,
    made: u64,
    live: Vec<Live>,
    pub(crate) counts: Counts,
}

/// A document that is there.
struct Live {
    collection: &'static str,
    number: u64,
    versions: u64,
    entries: u64,
}

impl Live {
    fn id(&self) -> String {
        id_in(self.collection, self.number)
    }
}

impl Writer {
    /// The first, second … of so many.
    pub(crate) fn new(seed: u64, place: (u64, u64)) -> Self {
        let random = Random::new(seed).named(&format!("writer {}", place.0));
        Self { place, random, made: 0, live: Vec::new(), counts: Counts::default() }
    }

    /// What it does next, and of how many operations that is, at most `most`.
    pub(crate) fn step(&mut self, most: u64) -> (Step, u64) {
        if !self.live.is_empty() && self.random.chance(ATTACHING) {
            return (self.attachment(), 1);
        }
        let operations = (2 + self.random.below(9)).min(most);
        let commands = (0..operations).map(|_| Command { command: Some(self.command()) });
        (Step::Transaction(commands.collect()), operations)
    }

    /// The ids of the documents it has made of which revisions are kept.
    pub(crate) fn ids_kept(&self) -> impl Iterator<Item = String> {
        let all = (0..self.made).map(|made| self.named(made));
        all.filter(|(collection, _)| KEPT.contains(collection))
            .map(|(collection, number)| id_in(collection, number))
    }

    /// Its document of this place: collection and number.
    fn named(&self, made: u64) -> (&'static str, u64) {
        let (place, writers) = self.place;
        let at = usize::try_from(made).unwrap_or(0) % COLLECTIONS.len();
        (COLLECTIONS[at], made * writers + place)
    }

    fn attachment(&mut self) -> Step {
        self.counts.attachments += 1;
        let document = self.live[self.random.index(self.live.len())].id();
        let number = self.counts.attachments * self.place.1 + self.place.0;
        Step::Attachment(Content { document, number, bytes: CONTENT_BYTES })
    }

    fn command(&mut self) -> command::Command {
        let kind = self.random.below(1_000);
        if self.live.is_empty() || kind < 300 {
            return self.create();
        }
        let at = self.random.index(self.live.len());
        match kind {
            300..600 => self.update(at),
            600..800 => self.increment(at),
            800..950 => self.append(at),
            _ => {
                self.counts.deleted += 1;
                let id = self.live.swap_remove(at).id();
                command::Command::Delete(Delete { id, expected_change_vector: None })
            }
        }
    }

    fn create(&mut self) -> command::Command {
        self.counts.created += 1;
        let (collection, number) = self.named(self.made);
        self.made += 1;
        self.live.push(Live { collection, number, versions: 0, entries: 0 });
        put(collection, number, 0)
    }

    fn update(&mut self, at: usize) -> command::Command {
        self.counts.updated += 1;
        let live = &mut self.live[at];
        live.versions += 1;
        put(live.collection, live.number, live.versions)
    }

    fn increment(&mut self, at: usize) -> command::Command {
        self.counts.increments += 1;
        let name = if self.random.chance(500) { "Views" } else { "Likes" }.to_owned();
        let delta = i64::try_from(self.random.below(10)).unwrap_or(0) - 2;
        let document_id = self.live[at].id();
        command::Command::IncrementCounter(IncrementCounter { document_id, name, delta })
    }

    fn append(&mut self, at: usize) -> command::Command {
        self.counts.appends += 1;
        let live = &mut self.live[at];
        let first = FIRST_ENTRY + live.entries;
        live.entries += ENTRIES;
        let entries = (first..first + ENTRIES).map(|second| {
            let seconds = i64::try_from(second).unwrap_or(0);
            let value = u32::try_from(self.random.below(1_000)).unwrap_or(0);
            TimeSeriesEntry {
                time: Some(Timestamp { seconds, nanos: 0 }),
                values: vec![f64::from(value) / 8.0],
                tag: None,
            }
        });
        let (document_id, entries) = (live.id(), entries.collect());
        let append = AppendTimeSeries { document_id, name: "Load".to_owned(), entries };
        command::Command::AppendTimeSeries(append)
    }
}

fn put(collection: &str, number: u64, version: u64) -> command::Command {
    let (id, body) = version_in(collection, number, version);
    command::Command::Put(Put { id, body: body.into(), expected_change_vector: None })
}
