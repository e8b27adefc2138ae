//! Who watches: gets told of every commit, read, answer and frame, and asks every invariant.

pub(crate) mod commit;
mod contents;
pub(crate) mod model;
pub(crate) mod parts;
mod restores;
pub(crate) mod revisions;
pub(crate) mod truth;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jackdaw_common::{
    ChangeVector, DatabaseId, Etag,
    frame::{ToReceiver, ToSender},
};
use jackdaw_store::{Command, Written, engine::Operation, tables::header::Header};

use crate::{
    disk::Seen,
    invariants::{self, Invariant},
    log::Log,
};
use commit::Commit;
use model::Mark;
use truth::{Edge, Truth};

/// An invariant that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    /// Which.
    pub(crate) invariant: &'static str,
    /// What was seen.
    pub(crate) what: String,
}

/// A connection between two nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Connection {
    pub(crate) number: u64,
    pub(crate) from: usize,
    pub(crate) to: usize,
}

/// Where a frame was seen.
#[derive(Clone, Debug)]
pub(crate) enum Frame<'f> {
    /// A sender's, as it leaves.
    Leaves(&'f ToReceiver),
    /// A receiver's, as it leaves.
    Answers(&'f ToSender),
    /// A receiver's, as it arrives.
    Arrives(&'f ToSender),
}

/// Who watches. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Oracle(Arc<Mutex<Inner>>);

struct Inner {
    truth: Truth,
    invariants: Vec<Box<dyn Invariant>>,
    violation: Option<Violation>,
    log: Log,
}

impl Oracle {
    /// Of so many nodes.
    pub(crate) fn new(databases: Vec<DatabaseId>, shape: &invariants::Shape, log: Log) -> Self {
        let nodes = databases.iter().map(|_| truth::NodeTruth::default()).collect();
        let is_restoring = shape.restoring;
        let truth = Truth { nodes, databases, is_restoring, ..Truth::default() };
        let invariants = invariants::all(shape);
        Self(Arc::new(Mutex::new(Inner { truth, invariants, violation: None, log })))
    }

    /// What does not hold, if anything.
    pub(crate) fn violation(&self) -> Option<Violation> {
        self.inner().violation.clone()
    }

    /// Something that no invariant asks.
    pub(crate) fn violated(&self, invariant: &'static str, what: String) {
        self.inner().note(invariant, Err(what));
    }

    /// What everything is about.
    pub(crate) fn with<T>(&self, read: impl FnOnce(&Truth) -> T) -> T {
        read(&self.inner().truth)
    }

    /// The tasks have changed.
    pub(crate) fn tasks(&self, tasks: Vec<Edge>) {
        self.inner().truth.tasks = tasks;
    }

    /// A disk has written.
    pub(crate) fn committed(
        &self,
        node: usize,
        operations: &[Operation],
        visible: &Seen,
        synced: bool,
    ) {
        let mut inner = self.inner();
        let bytes: usize = operations.iter().map(|o| o.value.as_ref().map_or(0, |v| v.len())).sum();
        inner.log.note(
            &format!("disk {node}"),
            format_args!("{} rows, {bytes} bytes", operations.len()),
        );
        let Some(commit) = inner.truth.commit(node, operations, visible) else { return };
        if synced {
            inner.truth.synced(node);
        }
        inner.ask(|invariant, truth| invariant.committed(truth, &commit));
    }

    /// A reader has seen a database like this.
    pub(crate) fn read(&self, node: usize, header: &Header) {
        self.inner().ask(|invariant, truth| invariant.read(truth, node, header));
    }

    /// A client is going to do this.
    pub(crate) fn intends(&self, mark: Mark, commands: Vec<Command>) {
        self.inner().truth.model.intend(mark, commands);
    }

    /// A client was told that this is written, by a transaction with this mark; of each, whether it
    /// is a document.
    pub(crate) fn answered(&self, mark: Mark, written: &[(Written, bool)]) {
        let (mut inner, node) = (self.inner(), mark.node);
        let Inner { truth, .. } = &mut *inner;
        for (written, document) in written.iter().filter(|(written, _)| !written.etag.is_zero()) {
            let row = truth.nodes[node].journal.get(&written.etag).cloned();
            if *document {
                truth.restores.owes(node, written.id.key(), &written.vector);
            } else if let Some(row) = row {
                truth.restores.owes_change(node, &row);
            }
        }
        let of = |wanted| {
            let some = written.iter().filter(move |(_, document)| *document == wanted);
            some.map(|(written, _)| written.clone()).collect::<Vec<_>>()
        };
        let (documents, parts) = (of(true), of(false));
        let told: Vec<_> = written.iter().map(|(written, _)| written.value).collect();
        let wrong = truth.model.told(mark, &told);
        inner.ask(|invariant, truth| {
            invariant.answered(truth, node, &documents)?;
            invariant.answered_parts(truth, node, &parts)
        });
        if let Some(wrong) = wrong {
            inner.note("parts", Err(wrong));
        }
    }

    /// A frame was seen.
    pub(crate) fn frame(&self, connection: Connection, frame: &Frame<'_>) {
        let mut inner = self.inner();
        let name = format!("link {} {}", connection.from, connection.to);
        let text = match frame {
            Frame::Leaves(frame) => describe(frame),
            Frame::Answers(ToSender::Ack(ack)) => format!("ack {} {}", ack.number, ack.cursor),
            Frame::Answers(ToSender::Heartbeat(beat)) => format!("at {}", beat.cursor),
            Frame::Answers(frame) => format!("{frame:?}"),
            Frame::Arrives(_) => "arrives".to_owned(),
        };
        inner.log.note(&name, format_args!("{} {text}", connection.number));
        invariants::named(&mut inner.truth, connection, frame);
        inner.truth.carried(frame);
        inner.ask(|invariant, truth| invariant.frame(truth, connection, frame));
    }

    /// The disk of a node was set back to `fork` and nobody has said so; `None`: it does not matter
    /// to others, or somebody has.
    pub(crate) fn rebuilt(&self, node: usize, visible: &Seen, fork: Option<Etag>) {
        let mut inner = self.inner();
        let Inner { truth, invariants, .. } = &mut *inner;
        truth.rebuild(node, visible);
        truth.restores.forks.remove(&node);
        if let Some(common) = fork {
            truth.fork(node, common);
        }
        for invariant in invariants {
            invariant.rebuilt(truth, node);
        }
    }

    /// A receiver has let a session begin.
    pub(crate) fn began(&self, node: usize, source: DatabaseId, epoch: u64) {
        self.inner().ask(|invariant, truth| invariant.began(truth, node, source, epoch));
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn describe(frame: &ToReceiver) -> String {
    match frame {
        ToReceiver::BatchBegin { number, after } => format!("batch {number} after {after}"),
        ToReceiver::Items(items) => format!("{} bytes", items.len()),
        ToReceiver::BatchEnd(end) => format!("batch {} to {}", end.number, end.last),
        ToReceiver::Heartbeat(beat) => format!("from {} to {}", beat.after, beat.last),
        ToReceiver::Rewound { number } => format!("rewound {number}"),
        ToReceiver::Present(present) => format!("range {} {:?}", present.number, present.through),
        ToReceiver::BlobOffer(offer) => format!("contents for batch {}", offer.number),
        ToReceiver::BlobChunk(chunk) => format!("content {} at {}", chunk.index, chunk.offset),
        ToReceiver::Offer(_) => "offer".to_owned(),
    }
}

impl Inner {
    fn ask(&mut self, mut question: impl FnMut(&mut dyn Invariant, &Truth) -> Result<(), String>) {
        if self.violation.is_some() {
            return;
        }
        let mut outcomes = Vec::new();
        for invariant in &mut self.invariants {
            outcomes.push((invariant.name(), question(&mut **invariant, &self.truth)));
        }
        for (name, outcome) in outcomes {
            self.note(name, outcome);
        }
    }

    fn note(&mut self, invariant: &'static str, outcome: Result<(), String>) {
        if let (Err(what), None) = (outcome, &self.violation) {
            self.log.note("violation", format_args!("{invariant}: {what}"));
            self.violation = Some(Violation { invariant, what });
        }
    }
}

/// What two nodes hold of each document they share, where they differ.
pub(crate) fn difference(truth: &Truth, edge: Edge, equal: bool) -> Option<String> {
    let (from, to) = (&truth.nodes[edge.from], &truth.nodes[edge.to]);
    for (key, heads) in &from.heads {
        let theirs = to.heads.get(key);
        let known: ChangeVector = truth::merged(heads);
        // Who has restored may hold again what others know to be deleted.
        let forgotten = !equal && truth.is_forgotten(edge.to, key, &known);
        if !truth.covers(edge.to, key, &known) && !forgotten {
            return Some(format!("{key}: {heads:?} at the source, {theirs:?} at the destination"));
        }
        let live = |heads: &truth::Heads| {
            let versions = heads.iter().map(|held| (held.vector.clone(), held.hash));
            let mut versions: Vec<_> = versions.collect();
            versions.sort_by_key(|(vector, _)| vector.to_bytes());
            versions
        };
        let deleted = |heads: Option<&truth::Heads>| {
            heads.is_none_or(|heads| heads.iter().all(|held| held.hash.is_none()))
        };
        let same = theirs.is_some_and(|theirs| live(theirs) == live(heads));
        if equal && !same && !(deleted(Some(heads)) && deleted(theirs)) {
            return Some(format!("{key}: {heads:?} at the source, {theirs:?} at the destination"));
        }
    }
    None
}

/// What is still there at the destination though the source has seen all there is of it and has it
/// no longer: it was deleted, and has come back to life, or the deletion never arrived.
pub(crate) fn resurrected(truth: &Truth, edge: Edge) -> Option<String> {
    let (from, to) = (&truth.nodes[edge.from], &truth.nodes[edge.to]);
    let seen = &from.visible.as_ref()?.header.vector;
    to.heads.iter().find_map(|(key, heads)| {
        let lives = heads.iter().any(|held| held.hash.is_some());
        let gone = !from.heads.contains_key(key) && seen.covers(&truth::merged(heads));
        (lives && gone).then(|| format!("{key} is gone at the source, {heads:?} stands"))
    })
}

/// The commit as an invariant sees it: what the node's documents are now.
pub(crate) fn now<'t>(truth: &'t Truth, commit: &Commit, key: &str) -> Option<&'t truth::Heads> {
    truth.nodes[commit.node].heads.get(key)
}
