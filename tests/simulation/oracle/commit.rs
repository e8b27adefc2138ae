//! What one commit has changed.

use std::collections::{BTreeMap, BTreeSet};

use jackdaw_common::Etag;

use super::{
    model::Replayed,
    parts::{Place, Print},
    revisions::Kept,
    truth::{Heads, Held, Key, Standing},
};

/// What one commit has changed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Commit {
    pub(crate) node: usize,
    /// Changes that were not there before.
    pub(crate) changes: Vec<Etag>,
    /// Documents whose heads were written, and what they were before.
    pub(crate) before: BTreeMap<Key, Option<Heads>>,
    /// Documents of whose revisions something was written.
    pub(crate) revised: BTreeSet<Key>,
    /// Rows that said that revisions are removed, and are forgotten.
    pub(crate) trims: Vec<(Key, Etag)>,
    /// Revisions that are gone.
    pub(crate) gone: Vec<(Key, Kept)>,
    /// Documents that have become what they were long before.
    pub(crate) returned: Vec<(Key, Held)>,
    /// Counters and segments that were written or removed.
    pub(crate) places: BTreeSet<Place>,
    /// What that changes of what documents show of them.
    pub(crate) shown: BTreeMap<Key, Print>,
    /// What clients' transactions in it have come to, by their first etags.
    pub(crate) replayed: BTreeMap<Etag, Result<Replayed, String>>,
    /// How far the database was.
    pub(crate) standing: Option<Standing>,
}
