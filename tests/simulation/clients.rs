//! Who writes and reads: small transactions over few documents and what they have, and looks at
//! what is there.

mod attachments;
mod keeper;
mod parts;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use jackdaw_common::{
    Content, DocumentId,
    item::series::{NewEntry, SeriesTime},
};
use jackdaw_store::{Command, NewId, Store};
use jackdaw_tests::random::Random;
use tokio::time::sleep;

use crate::{
    oracle::{
        Oracle,
        model::{MARKS, Mark},
    },
    plan::{Plan, SHARED},
    planted::Planted,
};
pub(crate) use keeper::keeper;

/// The databases that can be reached now, by node. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Stores(Arc<Mutex<Vec<Option<Store>>>>);

impl Stores {
    /// A node's database can be reached now, or no longer.
    pub(crate) fn set(&self, node: usize, store: Option<Store>) {
        let mut stores = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let length = stores.len().max(node + 1);
        stores.resize(length, None);
        stores[node] = store;
    }

    fn of(&self, node: usize) -> Option<Store> {
        let stores = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        stores.get(node).cloned().flatten()
    }
}

/// A client that writes to one node.
pub(crate) struct Client {
    pub(crate) node: usize,
    pub(crate) number: u64,
    pub(crate) plan: Plan,
    pub(crate) stores: Stores,
    pub(crate) oracle: Oracle,
    pub(crate) random: Random,
}

impl Client {
    /// Writes until it is aborted.
    pub(crate) async fn run(mut self) {
        let mut written = 0;
        let mut random = self.random.named("parts");
        let mut attaching = self.random.named("attachments");
        let mut marking = Marking::default();
        loop {
            sleep(Duration::from_millis(1 + self.random.below(2 * self.plan.pause))).await;
            let Some(store) = self.stores.of(self.node) else { continue };
            let commands = 1 + self.random.below(1 + self.random.clone().below(5));
            let mark = Mark { node: self.node, client: self.number, number: marking.next() };
            let mut transaction = Vec::new();
            for _ in 0..commands {
                written += 1;
                transaction.push(self.command(written, mark));
            }
            if random.chance(self.plan.parts) {
                self.parts(&mut random, &mut transaction, mark);
            }
            if attaching.chance(self.plan.attachments) {
                self.attachments(&mut attaching, &store, &mut transaction, mark);
            }
            let marks = !says(&transaction) || random.chance(100);
            if marks {
                transaction.push(marking.command(mark, random.chance(500)));
            }
            let documents: Vec<_> = transaction.iter().map(is_document).collect();
            self.oracle.intends(mark, transaction.clone());
            if self.plan.planted == Some(Planted::Unattached) {
                transaction = transaction.into_iter().map(unattached).collect();
            }
            let Ok(written) = store.transact(transaction).await else {
                marking.forget();
                continue;
            };
            if marks {
                marking.remember(mark);
            }
            let written: Vec<_> = written.into_iter().zip(documents).collect();
            self.oracle.answered(mark, &written);
        }
    }

    /// Commands to counters and series, among those to documents.
    fn parts(&self, random: &mut Random, transaction: &mut Vec<Command>, mark: Mark) {
        let mut once = parts::Written::new();
        let documents = 1 + random.below(2);
        for _ in 0..documents {
            let shares = self.plan.shares && random.chance(600);
            let prefix = if shares { SHARED.to_owned() } else { self.plan.prefix(self.node) };
            let id = format!("{prefix}doc-{}", random.below(3));
            let id: DocumentId = id.parse().expect("an id");
            let mut steps = Vec::new();
            // What is not there takes nothing.
            if random.chance(500) {
                let body = format!(r#"{},"has":{}}}"#, mark.body(), random.below(1 << 30));
                let body = Bytes::from(body);
                let (id, collection) = (NewId::Given(id.clone()), "things".parse().unwrap());
                steps.push(Command::Put { id, collection, body, expected: None });
            } else if shares && random.chance(60) {
                transaction.push(Command::Delete { id, expected: None });
                continue;
            }
            for _ in 0..1 + random.below(3) {
                let once = (prefix == SHARED).then_some(&mut once);
                steps.extend(parts::command(random, &id, once));
            }
            let at = random.index(transaction.len() + 1);
            transaction.splice(at..at, steps);
        }
    }

    fn command(&mut self, number: u64, mark: Mark) -> Command {
        let hot = self.random.chance(600);
        let documents = if hot { 3 } else { self.plan.documents };
        let document = self.random.below(documents);
        let name = if self.random.chance(100) { "DOC" } else { "doc" };
        let id = format!("{}{name}-{document}", self.plan.prefix(self.node));
        let id = id.parse().expect("an id");
        // What is to be forgotten must have been deleted.
        if self.random.chance(if self.plan.setbacks > 0 { 400 } else { 200 }) {
            return Command::Delete { id, expected: None };
        }
        let padding = "x".repeat(self.random.index(self.plan.padding));
        let body = format!(r#"{},"of":{number},"p":"{padding}"}}"#, mark.body());
        let collection = ["", "things", "others"][self.random.index(3)];
        let collection = collection.parse().unwrap_or_default();
        Command::Put { id: NewId::Given(id), collection, body: Bytes::from(body), expected: None }
    }
}

/// By a planted bug, what is carried out in the place of a command.
fn unattached(command: Command) -> Command {
    match command {
        Command::PutAttachment { id, name, expected, .. } => {
            Command::DeleteAttachment { id, name, expected }
        }
        other => other,
    }
}

fn is_document(command: &Command) -> bool {
    matches!(
        command,
        Command::Put { .. }
            | Command::Delete { .. }
            | Command::PutAttachment { .. }
            | Command::DeleteAttachment { .. }
    )
}

/// Whether a transaction leaves a document that says its mark.
fn says(transaction: &[Command]) -> bool {
    let mut said: BTreeMap<&str, bool> = BTreeMap::new();
    for command in transaction {
        match command {
            Command::Put { id: NewId::Given(id), .. } => said.insert(id.key(), true),
            Command::Delete { id, .. } => said.insert(id.key(), false),
            _ => None,
        };
    }
    said.into_values().any(|said| said)
}

/// Where a client writes its marks, and what it knows to be there.
#[derive(Default)]
struct Marking {
    number: u64,
    there: BTreeSet<DocumentId>,
}

impl Marking {
    fn next(&mut self) -> u64 {
        self.number += 1;
        self.number
    }

    /// What says the mark: a document, or an entry of a series that a document has.
    fn command(&self, mark: Mark, entry: bool) -> Command {
        let id = mark.document();
        if !(entry && self.there.contains(&id)) {
            let (id, body) = (NewId::Given(id), Bytes::from(format!("{}}}", mark.body())));
            let collection = "marks".parse().unwrap_or_default();
            return Command::Put { id, collection, body, expected: None };
        }
        let time = SeriesTime::new((mark.number / 4 % 8).cast_signed()).unwrap();
        let value = f64::from(u32::try_from(mark.number).unwrap());
        let entries = vec![NewEntry::new(time, vec![value], None).unwrap()];
        Command::Append { id, name: MARKS.parse().unwrap(), entries }
    }

    fn remember(&mut self, mark: Mark) {
        self.there.insert(mark.document());
    }

    /// What was there may not be any more.
    fn forget(&mut self) {
        self.there.clear();
    }
}

/// Looks at a database, again and again.
pub(crate) async fn reader(node: usize, stores: Stores, oracle: Oracle) {
    loop {
        sleep(Duration::from_millis(7)).await;
        if let Some(store) = stores.of(node) {
            oracle.read(node, store.snapshot().header());
        }
    }
}

/// A planted bug: whatever arrives at a node from elsewhere is written again there.
pub(crate) async fn rewriter(node: usize, stores: Stores) {
    loop {
        sleep(Duration::from_secs(3)).await;
        let Some(store) = stores.of(node) else { continue };
        let snapshot = store.snapshot();
        let own = snapshot.header().incarnation;
        let newest = snapshot.changes_after(jackdaw_common::Etag::ZERO).filter_map(Result::ok);
        let theirs = newest.filter(|row| row.minted.is_some_and(|entry| entry.incarnation != own));
        let Some(row) = theirs.last() else { continue };
        let Content::Document(body) = row.version.content else { continue };
        let (id, collection) = (NewId::Given(row.version.id), row.version.collection);
        // It is only a nuisance.
        let _ = store.transact(vec![Command::Put { id, collection, body, expected: None }]).await;
    }
}
