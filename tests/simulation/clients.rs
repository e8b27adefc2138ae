//! Who writes and reads: small transactions over few documents, and looks at what is there.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use jackdaw_common::Content;
use jackdaw_store::{Command, NewId, Store};
use jackdaw_tests::random::Random;
use tokio::time::sleep;

use crate::{oracle::Oracle, plan::Plan};

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
        loop {
            sleep(Duration::from_millis(1 + self.random.below(2 * self.plan.pause))).await;
            let Some(store) = self.stores.of(self.node) else { continue };
            let commands = 1 + self.random.below(1 + self.random.clone().below(5));
            let mut transaction = Vec::new();
            for _ in 0..commands {
                written += 1;
                transaction.push(self.command(written));
            }
            if let Ok(written) = store.transact(transaction).await {
                self.oracle.answered(self.node, &written);
            }
        }
    }

    fn command(&mut self, number: u64) -> Command {
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
        let body = format!(r#"{{"of":"{}-{}-{number}","p":"{padding}"}}"#, self.node, self.number);
        let collection = ["", "things", "others"][self.random.index(3)];
        let collection = collection.parse().unwrap_or_default();
        Command::Put { id: NewId::Given(id), collection, body: Bytes::from(body), expected: None }
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
