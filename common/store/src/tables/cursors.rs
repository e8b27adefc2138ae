//! `cursors`: how far each source has come into this database, and whose session may go on.

use bytes::Bytes;
use jackdaw_common::{
    ChangeVector, Entry, Etag, IncarnationId, RunId, Timestamp,
    limits::{CHANGE_VECTOR_ENTRIES_MAX, CURSOR_TASKS_MAX},
    lineage::{Life, Lineage, Position},
};

use super::codec::{RowError, RowReader, RowWriter};
use super::origin::{read_lives, write_lives};

/// The place of one source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// How far the source is, and who that was: everything of it up to there is durable here.
    pub position: Position,
    /// The last whole point: everything the source held when it was here is durable. Behind it the
    /// source may have left out what it superseded later.
    pub whole: Etag,
    /// Deletions that the source has forgotten up to this etag are accounted for: it is past them,
    /// or was reconciled with.
    pub reconciled: Etag,
    /// A full reconcile that is under way.
    pub reconciling: Option<Reconciling>,
    /// What the versions that came from the source, and its whole points, have seen.
    pub received: ChangeVector,
    /// Of that, what had come before the source went back, and the source has not seen again since:
    /// once it has, what others have deleted and forgotten meanwhile is known to it only by what it
    /// does not hold, and a full reconcile is due.
    pub owed: ChangeVector,
    /// The session that may write; an older one applies nothing.
    pub epoch: u64,
    /// The tasks that were accepted, the one heard of last at the end; bounded.
    pub owners: Vec<Owner>,
    /// When the row was last written.
    pub seen: Timestamp,
}

/// How far a full reconcile has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reconciling {
    /// The deletions that it accounts for: up to this etag of the source.
    pub floor: Etag,
    /// It goes on behind this document id, lower case; empty at its beginning.
    pub after: Bytes,
}

/// A task of the source that was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Its id at the source.
    pub task: u64,
    /// The highest generation of its ownership that was accepted.
    pub generation: u64,
}

/// Adds to what is remembered of a source, as long as that is no more than a vector may hold: the
/// row is written with every batch, and one version may have seen anything.
fn remember(known: &mut ChangeVector, more: &ChangeVector) {
    let fits = known.len() + more.len() <= CHANGE_VECTOR_ENTRIES_MAX
        || known.merge(more).len() <= CHANGE_VECTOR_ENTRIES_MAX;
    if fits {
        known.merge_from(more);
    }
}

impl Cursor {
    /// The place of a source that was never received from.
    pub(crate) fn new(lineage: &Lineage, now: Timestamp) -> Self {
        let mut cursor = Self {
            position: Position::NOTHING,
            whole: Etag::ZERO,
            reconciled: Etag::ZERO,
            reconciling: None,
            received: ChangeVector::empty(),
            owed: ChangeVector::empty(),
            epoch: 0,
            owners: Vec::new(),
            seen: now,
        };
        cursor.know(lineage);
        cursor
    }

    /// Everything of the source up to here is durable in this database.
    pub fn etag(&self) -> Etag {
        self.position.etag
    }

    /// The incarnation with which the source was accepted last.
    pub fn incarnation(&self) -> Option<IncarnationId> {
        self.position.incarnation()
    }

    /// Deletions that the source has forgotten are known here up to this etag.
    pub(crate) fn deletions_known(&self) -> Etag {
        self.position.etag.max(self.reconciled)
    }

    /// Notes who the source is that was accepted.
    pub(crate) fn know(&mut self, lineage: &Lineage) {
        self.position.accept(lineage);
    }

    /// The source goes on behind `common`: it was restored. What lies above is not common; and what
    /// it has superseded above may be what it holds now, so that behind the last whole point all is
    /// looked at again. `own` are incarnations of this database.
    pub(crate) fn go_back(&mut self, lineage: &Lineage, common: Etag, own: &[Life]) {
        // What the source has written itself is its own affair, and what was written here is ours.
        let lives = self.position.lives.iter().chain(lineage.lives()).chain(own);
        let mut gone: Vec<_> = lives.map(|life| life.incarnation).collect();
        gone.extend(&self.position.former);
        remember(&mut self.owed, &self.received.without(&gone));
        self.received = ChangeVector::empty();
        let common = common.min(self.whole);
        self.whole = common;
        self.position.etag = common;
        self.position.run = lineage.run_of(common);
        self.reconciled = self.reconciled.min(common);
        self.reconciling = None;
    }

    /// Everything of the source up to `etag`, issued in `run`, is durable here now.
    pub(crate) fn advance(&mut self, etag: Etag, run: RunId) {
        if etag > self.position.etag {
            self.position.etag = etag;
            self.position.run = run;
        }
    }

    /// A version came that has seen this, or a whole point.
    pub(crate) fn receive(&mut self, vector: &ChangeVector) {
        remember(&mut self.received, vector);
    }

    /// Everything the source held is durable here now.
    pub(crate) fn reach_whole_point(&mut self) {
        self.whole = self.position.etag;
    }

    /// Whether the source, with this vector, has seen more of what it owes.
    pub(crate) fn is_paid_by(&self, vector: &ChangeVector) -> bool {
        let seen = |owed: &Entry| vector.etag_of(owed.incarnation) >= owed.etag;
        self.owed.entries().iter().any(seen)
    }

    /// It owes no more of what it has seen.
    pub(crate) fn pay(&mut self, vector: &ChangeVector) {
        let owed = self.owed.entries().iter();
        let left = owed.filter(|owed| vector.etag_of(owed.incarnation) < owed.etag);
        self.owed = ChangeVector::from_entries(left.copied());
    }

    /// The highest generation of `task` that was accepted; 0 before the first.
    pub fn generation(&self, task: u64) -> u64 {
        let owner = self.owners.iter().find(|owner| owner.task == task);
        owner.map_or(0, |owner| owner.generation)
    }

    /// Notes that an owner was accepted; the one heard of longest ago gives way.
    pub(crate) fn accept(&mut self, owner: Owner) {
        self.owners.retain(|known| known.task != owner.task);
        if self.owners.len() >= CURSOR_TASKS_MAX {
            self.owners.remove(0);
        }
        self.owners.push(owner);
    }

    pub(crate) fn encode(&self) -> Bytes {
        let mut row = RowWriter::new(128);
        row.etag(self.position.etag);
        row.fixed(self.position.run.as_bytes());
        row.fixed(self.position.newest_run.as_bytes());
        write_lives(&mut row, &self.position.lives);
        row.varint(self.position.former.len() as u64);
        for incarnation in &self.position.former {
            row.fixed(incarnation.as_bytes());
        }
        row.etag(self.whole);
        row.etag(self.reconciled);
        row.byte(u8::from(self.reconciling.is_some()));
        if let Some(reconciling) = &self.reconciling {
            row.etag(reconciling.floor);
            row.string(&reconciling.after);
        }
        row.varint(self.epoch);
        row.varint(self.owners.len() as u64);
        for owner in &self.owners {
            row.varint(owner.task);
            row.varint(owner.generation);
        }
        row.timestamp(self.seen);
        row.vector(&self.received);
        row.vector(&self.owed);
        row.seal()
    }

    pub(crate) fn decode(bytes: Bytes) -> Result<Self, RowError> {
        let mut row = RowReader::open(bytes)?;
        let mut position = Position {
            etag: row.etag()?,
            run: RunId::from_bytes(row.fixed()?),
            newest_run: RunId::from_bytes(row.fixed()?),
            lives: read_lives(&mut row)?,
            former: Vec::new(),
        };
        for _ in 0..row.varint()? {
            position.former.push(IncarnationId::from_bytes(row.fixed()?));
        }
        let (whole, reconciled) = (row.etag()?, row.etag()?);
        let reconciling = match row.byte()? {
            0 => None,
            _ => Some(Reconciling { floor: row.etag()?, after: row.string()? }),
        };
        let epoch = row.varint()?;
        let mut owners = Vec::new();
        for _ in 0..row.varint()? {
            owners.push(Owner { task: row.varint()?, generation: row.varint()? });
        }
        let seen = row.timestamp()?;
        let (received, owed) = (row.vector()?, row.vector()?);
        let cursor =
            Self { position, whole, reconciled, reconciling, received, owed, epoch, owners, seen };
        row.close()?;
        Ok(cursor)
    }
}
