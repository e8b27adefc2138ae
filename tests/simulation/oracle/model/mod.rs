//! What clients have done to counters and time series, and so what databases must show of them: a
//! second account, which knows operations and neither rows nor segments.
//!
//! A client says what it is going to do, under a mark that it writes along. The mark on a disk says
//! that the whole transaction is there, and where among the others. What one node alone writes is
//! replayed in that order. What several write is a matter of which operation has heard of which.

mod owned;
mod shared;

use std::collections::{BTreeMap, BTreeSet};

use jackdaw_common::{Content, DocumentId, Etag, Version, item::series::Points};
use jackdaw_store::{Command, NewContent, NewId, Snapshot};

use super::{
    parts::Print,
    truth::{Change, Key},
};
use crate::invariants::writer;
pub(crate) use owned::Attached;
use owned::Owned;
pub(crate) use shared::{Heard, Shared};

/// What a client's transaction is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Mark {
    pub(crate) node: usize,
    pub(crate) client: u64,
    pub(crate) number: u64,
}

/// The series of a document of marks, whose newest entry is one.
pub(crate) const MARKS: &str = "marks";

impl Mark {
    /// The document that says it by an entry of its series, or where nothing else says it.
    pub(crate) fn document(&self) -> DocumentId {
        format!("n{}/mark-{}-{}", self.node, self.client, self.number % 4).parse().unwrap()
    }

    /// The beginning of a body that says it.
    pub(crate) fn body(&self) -> String {
        format!(r#"{{"mark":"{}-{}-{}""#, self.node, self.client, self.number)
    }

    /// The mark that a version says, if it says one.
    pub(crate) fn of(version: &Version) -> Option<Self> {
        match &version.content {
            Content::Document(body) => {
                let body = std::str::from_utf8(body).ok()?.strip_prefix(r#"{"mark":""#)?;
                let mut parts = body.split_once('"')?.0.splitn(3, '-');
                let node = parts.next()?.parse().ok()?;
                let client = parts.next()?.parse().ok()?;
                Some(Self { node, client, number: parts.next()?.parse().ok()? })
            }
            Content::Segment(segment) if segment.extent.name.key() == MARKS => {
                let (head, rest) = version.id.key().split_once("/mark-")?;
                let node = head.strip_prefix('n')?.parse().ok()?;
                let client = rest.split_once('-')?.0.parse().ok()?;
                let points = Points::decode(&segment.points).ok()?;
                let newest = points.entries().iter().max_by_key(|entry| entry.origin.etag)?;
                let number = format!("{}", newest.values.first()?).parse().ok()?;
                Some(Self { node, client, number })
            }
            _ => None,
        }
    }
}

/// A transaction that a disk has.
pub(crate) struct Transaction<'t> {
    pub(crate) node: usize,
    pub(crate) first: Etag,
    /// Its rows.
    pub(crate) rows: Vec<&'t Change>,
}

/// A command, and what it attaches. A content itself would be held here.
#[derive(Clone, Debug)]
struct Intended {
    /// One that attaches something is known by the name, as one that removes it.
    command: Command,
    attached: Option<Attached>,
}

impl From<Command> for Intended {
    fn from(command: Command) -> Self {
        let Command::PutAttachment { id, name, content_type, content, expected } = command else {
            return Self { command, attached: None };
        };
        let NewContent::Staged(content) = content else {
            unreachable!("clients stage what they attach");
        };
        let (name_as_given, hash, size) =
            (name.as_str().to_owned(), content.hash(), content.size());
        let attached = Some(Attached { name: name_as_given, content_type, hash, size });
        Self { command: Command::DeleteAttachment { id, name, expected }, attached }
    }
}

/// What a counter has come to by a command.
#[derive(Clone, Copy, Debug)]
enum Value {
    /// This; nothing by other commands.
    Is(Option<i64>),
    /// Nobody can tell: the same transaction has removed it.
    Gone,
}

/// What a transaction has come to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Replayed {
    /// What it changes of what the node's own documents show.
    pub(crate) print: Print,
    /// The documents of one writer that it was about.
    pub(crate) documents: BTreeSet<Key>,
}

/// The account.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    /// Said, and not seen on a disk.
    intents: BTreeMap<Mark, Vec<Intended>>,
    /// What each command of a transaction must be answered with.
    values: BTreeMap<Mark, Vec<Value>>,
    owned: BTreeMap<usize, Owned>,
    pub(crate) shared: Shared,
    /// Commands to counters and series that were carried out, by kind, and how many were to
    /// documents that several nodes write to.
    pub(crate) carried_out: BTreeMap<&'static str, u64>,
}

/// Whether a document is one that several nodes write to.
pub(crate) fn is_shared(key: &str) -> bool {
    writer(key).is_none()
}

impl Model {
    /// A client is going to do this.
    pub(crate) fn intend(&mut self, mark: Mark, commands: Vec<Command>) {
        self.intents.insert(mark, commands.into_iter().map(Intended::from).collect());
    }

    /// What is wrong with what a client was told that counters have come to.
    pub(crate) fn told(&mut self, mark: Mark, told: &[Option<i64>]) -> Option<String> {
        let values = self.values.remove(&mark);
        let same = values.as_ref().is_some_and(|values| {
            let one = |(value, told): (&Value, &Option<i64>)| match value {
                Value::Is(value) => value == told,
                Value::Gone => true,
            };
            values.len() == told.len() && values.iter().zip(told).all(one)
        });
        (!same).then(|| format!("{mark:?} was answered with {told:?}, not with {values:?}"))
    }

    /// What a document shows that one node alone writes to.
    pub(crate) fn print(&self, node: usize, document: &str) -> Print {
        self.owned.get(&node).map_or(0, |owned| owned.print(document))
    }

    /// What is attached to such a document.
    pub(crate) fn attached(&self, node: usize, document: &str) -> Vec<Attached> {
        self.owned.get(&node).map_or_else(Vec::new, |owned| owned.attached(document))
    }

    /// The same, for whoever reads of a failure.
    pub(crate) fn describe(&self, node: usize, document: &str) -> String {
        self.owned.get(&node).map_or_else(String::new, |owned| owned.describe(document))
    }

    /// A node's own documents are what its disk says.
    pub(super) fn reread(&mut self, node: usize, snapshot: &Snapshot) {
        self.owned.insert(node, Owned::read(node, snapshot));
    }

    /// A disk has a transaction.
    ///
    /// # Errors
    ///
    /// It should not have been carried out.
    pub(super) fn replay(&mut self, it: &Transaction<'_>) -> Result<Replayed, String> {
        let node = it.node;
        // A mark that is merely written anew is one of an earlier transaction.
        let marks = it.rows.iter().filter_map(|row| row.mark).filter(|mark| mark.node == node);
        let mark = marks.into_iter().find(|mark| self.intents.contains_key(mark));
        let commands = mark.and_then(|mark| self.intents.remove(&mark));
        let owned = self.owned.entry(node).or_default();
        let Some((mark, commands)) = mark.zip(commands) else {
            // Whoever writes without a mark writes documents only.
            return Ok(owned.deletions(node, &it.rows));
        };
        let mut replayed = Replayed::default();
        let documents = commands.iter().map(|it| document(&it.command));
        let documents = documents.filter(|key| !is_shared(key));
        replayed.documents.extend(documents);
        let print = |owned: &Owned| {
            replayed.documents.iter().fold(0, |all, document| all ^ owned.print(document))
        };
        let before = print(owned);
        let mut values = Vec::new();
        self.shared.deletions(it);
        for Intended { command, attached } in &commands {
            if let Some(kind) = kind(command) {
                *self.carried_out.entry(kind).or_default() += 1;
                let shared = u64::from(is_shared(&document(command)));
                *self.carried_out.entry("shared").or_default() += shared;
            }
            values.push(if is_shared(&document(command)) {
                self.shared.carry_out(it, command)
            } else {
                let value = owned.carry_out(command, attached.as_ref());
                Value::Is(value.map_err(|what| format!("{mark:?}: {what}"))?)
            });
        }
        replayed.print = before ^ print(owned);
        self.values.insert(mark, values);
        Ok(replayed)
    }
}

/// What a command does to a counter or a series.
fn kind(command: &Command) -> Option<&'static str> {
    Some(match command {
        Command::Increment { .. } => "increments",
        Command::DeleteCounter { .. } => "deletions of counters",
        Command::Append { name, .. } if name.key() == MARKS => return None,
        Command::Append { .. } => "appends",
        Command::DeleteSpan { .. } => "deletions of spans",
        _ => return None,
    })
}

/// The document of a command.
fn document(command: &Command) -> Key {
    let id = match command {
        Command::Put { id: NewId::Given(id) | NewId::Etag(id) | NewId::Number(id), .. } => id,
        Command::Delete { id, .. }
        | Command::PutAttachment { id, .. }
        | Command::DeleteAttachment { id, .. }
        | Command::Increment { id, .. }
        | Command::DeleteCounter { id, .. }
        | Command::Append { id, .. }
        | Command::DeleteSpan { id, .. } => id,
        Command::PutRevision(revision) => &revision.id,
    };
    id.key().to_owned()
}
