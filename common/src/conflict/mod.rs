//! What becomes of a version that arrives: the one place that decides.
//!
//! Pure functions of what was seen: the versions and the database vector. They mint nothing
//! (architecture decision 13); the store's writer carries out what they answer.

#[cfg(test)]
mod tests;

use crate::{ChangeVector, ContentHash, IncarnationId, Order};

/// What a decision needs to know of the database that a version comes to.
#[derive(Clone, Copy, Debug)]
pub struct Holder<'d> {
    /// The database vector.
    pub vector: &'d ChangeVector,
    /// Incarnations that are retired: somebody has said that nothing new will ever come from them
    /// (semantics 1.10).
    pub retired: &'d [IncarnationId],
}

impl Holder<'_> {
    /// Whether the database has seen all that `vector` has. Everything of a retired incarnation
    /// counts as seen: what has not come will not come.
    pub fn has_seen(&self, vector: &ChangeVector) -> bool {
        self.vector.covers(vector) || self.vector.covers(&vector.without(self.retired))
    }

    /// How an incoming vector stands to a present one. Retired incarnations settle nothing, but
    /// where without them nothing would be left to settle, both sides stay (semantics 1.5.1).
    fn compare(&self, incoming: &ChangeVector, present: &ChangeVector) -> Order {
        let order = incoming.compare(present);
        if order != Order::Conflict || self.retired.is_empty() {
            return order;
        }
        match incoming.without(self.retired).compare(&present.without(self.retired)) {
            Order::Update => Order::Update,
            Order::AlreadyMerged | Order::Conflict => Order::Conflict,
        }
    }
}

/// What a decision needs to know of a version: everything but its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// What the version has seen.
    pub vector: ChangeVector,
    /// Whether it is a deletion.
    pub tombstone: bool,
    /// What it says.
    pub hash: ContentHash,
}

impl AsRef<Seen> for Seen {
    fn as_ref(&self) -> &Seen {
        self
    }
}

/// What a decision answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Write nothing.
    Ignore(Known),
    /// Write it, with its own vector, in place of everything the database has of the document.
    Replace,
    /// All there is, and it, are deletions: keep one of them, under the merge of all vectors.
    Merge(ChangeVector),
    /// Keep it beside the versions there are.
    Conflict {
        /// Indexes of present versions that it dominates and that go; ascending.
        superseded: Vec<usize>,
    },
}

/// Why a version needs no writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// A present version has seen it.
    Covered,
    /// The database has held it, and it is gone: deleted, and the deletion forgotten since
    /// (protocol, "Applying").
    Forgotten,
    /// A present version has the same vector and says something else. It must not happen; whoever
    /// sees it raises an alarm (promise P5).
    Collided,
}

/// Decides about a version that arrives by replication (semantics 1.4, 5.4, 6.5.3).
///
/// `present` is what the database has of the document: nothing, one live version or tombstone, or
/// the versions of a conflict.
pub fn decide<V: AsRef<Seen>>(incoming: &Seen, present: &[V], holder: Holder<'_>) -> Decision {
    match present {
        [] if holder.has_seen(&incoming.vector) => Decision::Ignore(Known::Forgotten),
        [] => Decision::Replace,
        [one] => against(incoming, one.as_ref(), holder),
        many => among(incoming, many, holder),
    }
}

/// Decides against the only version there is.
fn against(incoming: &Seen, present: &Seen, holder: Holder<'_>) -> Decision {
    match holder.compare(&incoming.vector, &present.vector) {
        Order::Update => Decision::Replace,
        Order::AlreadyMerged => Decision::Ignore(known(incoming, present)),
        Order::Conflict if incoming.tombstone && present.tombstone => {
            Decision::Merge(present.vector.merge(&incoming.vector))
        }
        Order::Conflict => Decision::Conflict { superseded: Vec::new() },
    }
}

/// Decides against the versions of a stored conflict.
fn among<V: AsRef<Seen>>(incoming: &Seen, present: &[V], holder: Holder<'_>) -> Decision {
    let mut superseded = Vec::new();
    for (index, version) in present.iter().map(AsRef::as_ref).enumerate() {
        match holder.compare(&incoming.vector, &version.vector) {
            Order::AlreadyMerged => return Decision::Ignore(known(incoming, version)),
            Order::Update => superseded.push(index),
            Order::Conflict => {}
        }
    }
    if superseded.len() == present.len() {
        return Decision::Replace;
    }
    let stays = |index: &usize| !superseded.contains(index);
    let left = (0..present.len()).filter(stays).map(|index| present[index].as_ref());
    if incoming.tombstone && left.clone().all(|version| version.tombstone) {
        let all = left.fold(incoming.vector.clone(), |all, version| all.merge(&version.vector));
        return Decision::Merge(all);
    }
    Decision::Conflict { superseded }
}

fn known(incoming: &Seen, present: &Seen) -> Known {
    if incoming.vector == present.vector && incoming.hash != present.hash {
        Known::Collided
    } else {
        Known::Covered
    }
}

/// The vector a local write starts from, before its own entry is added: everything the document's
/// versions have seen and everything the database has seen (semantics 1.7.1, 6.7).
pub fn local_base<V: AsRef<Seen>>(present: &[V], database: &ChangeVector) -> ChangeVector {
    let mut base = database.clone();
    for version in present {
        base.merge_from(&version.as_ref().vector);
    }
    base
}
