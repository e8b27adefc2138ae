//! Documents that one node alone writes to: what they have is what its transactions have left, one
//! after the other.

use std::{collections::BTreeMap, sync::Arc};

use jackdaw_common::{
    Attachment, BlobHash, ContentType, DocumentId,
    item::series::{NewEntry, SeriesName, SeriesTime, Span},
};
use jackdaw_store::{Command, Lookup, Snapshot};

use super::{Replayed, document};
use crate::{
    invariants::writer,
    oracle::{
        parts::{Print, counter_print, digest, entry_print},
        truth::{Change, Key},
    },
};

/// Values of a time, and what is said of them.
type Values = (Vec<f64>, Option<Arc<str>>);

/// What is attached under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attached {
    /// As it was given.
    pub(crate) name: String,
    pub(crate) content_type: ContentType,
    pub(crate) hash: BlobHash,
    pub(crate) size: u64,
}

impl From<&Attachment> for Attached {
    fn from(attachment: &Attachment) -> Self {
        let Attachment { name, content_type, hash, size, .. } = attachment.clone();
        Self { name: name.as_str().to_owned(), content_type, hash, size }
    }
}

/// What one document has.
#[derive(Clone, Debug, Default)]
struct Having {
    live: bool,
    /// By name, in lower case.
    attached: BTreeMap<String, Attached>,
    counters: BTreeMap<String, i128>,
    series: BTreeMap<String, BTreeMap<SeriesTime, Values>>,
}

/// What all documents of a node have.
#[derive(Clone, Debug, Default)]
pub(super) struct Owned(BTreeMap<Key, Having>);

impl Owned {
    /// As a disk says.
    pub(super) fn read(node: usize, snapshot: &Snapshot) -> Self {
        let mut all = Self::default();
        for key in snapshot.ids_after(&[]) {
            let key = String::from_utf8(key.expect("the oracle reads").to_vec()).unwrap();
            if writer(&key) == Some(node) {
                let having = Having::read(&key.parse().unwrap(), snapshot);
                all.0.insert(key, having);
            }
        }
        all
    }

    pub(super) fn print(&self, key: &str) -> Print {
        let Some(having) = self.0.get(key) else { return 0 };
        let counters = having.counters.iter();
        let counters = counters.map(|(name, value)| counter_print(key, name, *value));
        let entries = having.series.iter().flat_map(|(name, entries)| {
            entries.iter().map(move |(time, (values, tag))| {
                entry_print(key, name, *time, digest(values, tag.as_deref()))
            })
        });
        counters.chain(entries).fold(0, |all, one| all ^ one)
    }

    /// What is attached to a document, by ascending name.
    pub(super) fn attached(&self, key: &str) -> Vec<Attached> {
        let attached = self.0.get(key).map(|having| having.attached.values().cloned().collect());
        attached.unwrap_or_default()
    }

    pub(super) fn describe(&self, key: &str) -> String {
        format!("{:?}", self.0.get(key))
    }

    /// Documents that were deleted take with them what they had.
    pub(super) fn deletions(&mut self, node: usize, rows: &[&Change]) -> Replayed {
        let mut replayed = Replayed::default();
        let own = |row: &&&Change| row.part.is_none() && writer(&row.key) == Some(node);
        for row in rows.iter().filter(own) {
            replayed.print ^= self.print(&row.key);
            if row.hash.is_none() {
                self.0.remove(&row.key);
            } else {
                self.0.entry(row.key.clone()).or_default().live = true;
            }
            replayed.print ^= self.print(&row.key);
            replayed.documents.insert(row.key.clone());
        }
        replayed
    }

    /// A command was carried out; answers what a counter has come to.
    pub(super) fn carry_out(
        &mut self,
        command: &Command,
        attached: Option<&Attached>,
    ) -> Result<Option<i64>, String> {
        let key = document(command);
        let having = self.0.entry(key.clone()).or_default();
        match command {
            Command::Put { .. } => having.live = true,
            Command::Delete { .. } => *having = Having::default(),
            Command::PutRevision(_) => {}
            Command::DeleteAttachment { name, .. } if attached.is_none() => {
                having.attached.remove(name.key());
            }
            Command::PutAttachment { .. } | Command::DeleteAttachment { .. } if !having.live => {
                return Err(format!("{key} is not there, and {attached:?} is attached to it"));
            }
            Command::PutAttachment { name, .. } | Command::DeleteAttachment { name, .. } => {
                having.attached.extend(attached.map(|it| (name.key().to_owned(), it.clone())));
            }
            Command::DeleteCounter { name, .. } => {
                having.counters.remove(name.key());
            }
            Command::DeleteSpan { name, span, .. } => having.clear(name, span),
            Command::Increment { .. } | Command::Append { .. } if !having.live => {
                return Err(format!("{key} is not there, and was written to: {command:?}"));
            }
            Command::Increment { name, delta, .. } => {
                let value = having.counters.entry(name.key().to_owned()).or_default();
                *value += i128::from(*delta);
                let beyond = |_| format!("{key}: {name} has come to {value}");
                return i64::try_from(*value).map(Some).map_err(beyond);
            }
            Command::Append { name, entries, .. } => having.append(name, entries),
        }
        Ok(None)
    }
}

impl Having {
    fn read(id: &DocumentId, snapshot: &Snapshot) -> Self {
        let live = snapshot.is_live(id).expect("the oracle reads");
        let mut having = Self { live, ..Self::default() };
        if let Lookup::Found(row) = snapshot.document(id).expect("the oracle reads") {
            let all = row.version.attachments.as_slice().iter();
            having.attached = all.map(|it| (it.name.key().to_owned(), it.into())).collect();
        }
        for head in snapshot.counters(id, "") {
            let head = head.expect("the oracle reads");
            let partials = head.part.partials.as_slice();
            if !partials.is_empty() {
                let sum = partials.iter().map(|one| i128::from(one.value)).sum();
                having.counters.insert(head.part.name.key().to_owned(), sum);
            }
        }
        for series in snapshot.series(id, "") {
            let name = series.expect("the oracle reads").name;
            let entries = snapshot.entries(id, &name, Span::ALL);
            let entries = entries.map(|entry| entry.expect("the oracle reads"));
            let entries = entries.map(|entry| (entry.time, (entry.values, entry.tag)));
            having.series.insert(name.key().to_owned(), entries.collect());
        }
        having
    }

    fn append(&mut self, name: &SeriesName, entries: &[NewEntry]) {
        let series = self.series.entry(name.key().to_owned()).or_default();
        for entry in entries {
            let new = entry.values().to_vec();
            let there = series.entry(entry.time()).or_default();
            if name.is_incremental() {
                add(&mut there.0, &new);
            } else {
                *there = (new, entry.tag().map(Arc::from));
            }
        }
    }

    fn clear(&mut self, name: &SeriesName, span: &Span) {
        if let Some(series) = self.series.get_mut(name.key()) {
            series.retain(|time, _| !span.contains(*time));
        }
    }
}

/// Adds value by value; a missing one is a zero. Exact for numbers of few bits.
pub(super) fn add(there: &mut Vec<f64>, values: &[f64]) {
    there.resize(there.len().max(values.len()), 0.0);
    there.iter_mut().zip(values).for_each(|(there, value)| *there += value);
}
