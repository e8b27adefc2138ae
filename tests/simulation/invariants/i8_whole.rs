//! I8: a reader of a copy sees states that the source was in, one after the other, and no others.
//!
//! Every node's documents are its own: what another node holds of them must be what they were
//! between two of its transactions, and never an earlier state than before. So it is with what they
//! have: what that was is told by the account of what clients did, not by rows.

use std::collections::BTreeMap;

use jackdaw_common::{ContentHash, Etag};

use super::{Check, Invariant, holds};
use crate::oracle::{
    commit::Commit,
    truth::{Heads, Key, Truth},
};

/// What distinguishes one state of a set of documents from another.
type Fingerprint = u128;

pub(super) struct Whole {
    /// Of each head, the states it was in, in their order, and what it holds now.
    heads: Vec<Head>,
    /// Of each node and head, the state of the head's documents there, and how far it is.
    seen: Vec<Vec<Seen>>,
}

#[derive(Clone, Default)]
struct Head {
    documents: BTreeMap<Key, ContentHash>,
    fingerprint: Fingerprint,
    /// The places at which a state was.
    states: BTreeMap<Fingerprint, Vec<usize>>,
    count: usize,
}

#[derive(Clone, Default)]
struct Seen {
    fingerprint: Fingerprint,
    place: usize,
}

impl Head {
    fn state(&mut self) {
        self.states.entry(self.fingerprint).or_default().push(self.count);
        self.count += 1;
    }
}

impl Whole {
    pub(super) fn new(nodes: usize) -> Self {
        let mut head = Head::default();
        head.state();
        Self { heads: vec![head; nodes], seen: vec![vec![Seen::default(); nodes]; nodes] }
    }
}

fn part(key: &str, hash: Option<ContentHash>) -> Fingerprint {
    let Some(hash) = hash else { return 0 };
    let mut bytes = hash.to_be_bytes().to_vec();
    bytes.extend_from_slice(key.as_bytes());
    xxhash_rust::xxh3::xxh3_128(&bytes)
}

/// The node that writes a document, as its id says.
pub(crate) fn writer(key: &str) -> Option<usize> {
    key.split('/').next()?.strip_prefix('n')?.parse().ok()
}

fn content(heads: Option<&Heads>) -> Option<ContentHash> {
    heads.and_then(|heads| heads.first()).and_then(|held| held.hash)
}

impl Invariant for Whole {
    fn name(&self) -> &'static str {
        "I8"
    }

    fn committed(&mut self, truth: &Truth, commit: &Commit) -> Check {
        self.own(truth, commit);
        let mut changed = Vec::new();
        for (key, change) in &commit.shown {
            let Some(head) = writer(key).filter(|head| *head != commit.node) else { continue };
            self.seen[commit.node][head].fingerprint ^= change;
            if !changed.contains(&head) {
                changed.push(head);
            }
        }
        for (key, before) in &commit.before {
            let Some(head) = writer(key).filter(|head| *head != commit.node) else { continue };
            let now = truth.nodes[commit.node].heads.get(key);
            let seen = &mut self.seen[commit.node][head];
            seen.fingerprint ^= part(key, content(before.as_ref())) ^ part(key, content(now));
            if !changed.contains(&head) {
                changed.push(head);
            }
        }
        for head in changed {
            let seen = &mut self.seen[commit.node][head];
            let places = self.heads[head].states.get(&seen.fingerprint);
            let next = places.and_then(|p| p.iter().find(|place| **place >= seen.place).copied());
            holds(next.is_some(), || {
                format!(
                    "node {} shows of node {head} what never was, or was earlier ({places:?} of \
                     {} states, it was at {}): {:?}, {:?}",
                    commit.node,
                    self.heads[head].count,
                    seen.place,
                    commit.before.keys().collect::<Vec<_>>(),
                    commit.places
                )
            })?;
            seen.place = next.unwrap_or_default();
        }
        Ok(())
    }
}

impl Whole {
    /// The states a node was in, transaction by transaction.
    fn own(&mut self, truth: &Truth, commit: &Commit) {
        let mut rows: Vec<_> = commit.changes.clone();
        rows.sort_unstable();
        let head = &mut self.heads[commit.node];
        let mut transaction = Etag::ZERO;
        for etag in rows {
            let change = &truth.nodes[commit.node].journal[&etag];
            // What was kept of a document is none of its states.
            if writer(&change.key) != Some(commit.node) || change.revised.is_some() {
                continue;
            }
            let first = change.transaction.first;
            if transaction != first {
                if !transaction.is_zero() {
                    head.state();
                }
                let replayed = commit.replayed.get(&first).and_then(|it| it.as_ref().ok());
                head.fingerprint ^= replayed.map_or(0, |replayed| replayed.print);
            }
            transaction = first;
            if change.part.is_some() {
                continue;
            }
            let before = match change.hash {
                Some(hash) => head.documents.insert(change.key.clone(), hash),
                None => head.documents.remove(&change.key),
            };
            head.fingerprint ^= part(&change.key, before) ^ part(&change.key, change.hash);
        }
        if !transaction.is_zero() {
            head.state();
        }
    }
}
