//! Where a database comes from: its incarnations and runs, and whether a source that calls is the
//! one that was spoken to before.
//!
//! Pure. An **incarnation** begins when somebody declares that a database was restored or copied; a
//! **run** begins with the first change after each opening, and now and then while it goes on. A
//! store that went back without anybody saying so has other runs than it had, and is found out by
//! that (pitfalls 1-3). The store keeps both logs, the sender offers them, the receiver judges.

#[cfg(test)]
mod tests;

use core::fmt;

use thiserror::Error;

use crate::{
    Etag, IncarnationId,
    limits::{INCARNATIONS_MAX, RUNS_MAX},
};

/// A stretch of writing by one opening of a store. Random, so that no two stores share one.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId([u8; 16]);

impl RunId {
    /// No run: of a database in which nothing was written yet.
    pub const NONE: Self = Self([0; 16]);

    /// The id of these bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RunId({self})")
    }
}

/// An incarnation, and the etag behind which it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Life {
    /// The id that its change-vector entries carry.
    pub incarnation: IncarnationId,
    /// Its first etag is the next one: everything up to here was issued by those before it.
    pub after: Etag,
}

/// A run, and the first etag that was issued in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// Its first etag; its last one is before the first of the run behind it.
    pub first: Etag,
}

/// The incarnations and runs of a database, oldest first; the oldest are forgotten in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lineage {
    lives: Vec<Life>,
    runs: Vec<Run>,
}

/// Logs that no database has.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum LineageError {
    /// Every database has an incarnation.
    #[error("there is no incarnation")]
    Empty,
    /// Incarnations or runs are not in the order of their etags, or one stands there twice.
    #[error("the logs are not in order")]
    Order,
    /// More than a database keeps.
    #[error("the logs have more than {max} entries")]
    TooLong {
        /// How many there may be.
        max: usize,
    },
}

impl Lineage {
    /// That of a new database.
    pub fn new(incarnation: IncarnationId) -> Self {
        Self { lives: vec![Life { incarnation, after: Etag::ZERO }], runs: Vec::new() }
    }

    /// Reads logs that came from elsewhere.
    ///
    /// # Errors
    ///
    /// No database has such logs.
    pub fn from_logs(lives: Vec<Life>, runs: Vec<Run>) -> Result<Self, LineageError> {
        if lives.is_empty() {
            return Err(LineageError::Empty);
        }
        for (length, max) in [(lives.len(), INCARNATIONS_MAX), (runs.len(), RUNS_MAX)] {
            if length > max {
                return Err(LineageError::TooLong { max });
            }
        }
        let ascending = lives.is_sorted_by(|one, other| one.after <= other.after)
            && runs.is_sorted_by(|one, other| one.first < other.first);
        let once = lives.iter().enumerate().all(|(at, life)| {
            lives[..at].iter().all(|before| before.incarnation != life.incarnation)
        });
        if !(ascending && once) {
            return Err(LineageError::Order);
        }
        Ok(Self { lives, runs })
    }

    /// The incarnations, oldest first.
    pub fn lives(&self) -> &[Life] {
        &self.lives
    }

    /// The runs, oldest first.
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// The incarnation that issues etags now.
    pub fn current(&self) -> IncarnationId {
        self.newest_life().incarnation
    }

    fn newest_life(&self) -> Life {
        let Some(life) = self.lives.last() else {
            unreachable!("a lineage is never made without an incarnation");
        };
        *life
    }

    /// The run of the newest etag; [`RunId::NONE`] before the first.
    pub fn newest_run(&self) -> RunId {
        self.runs.last().map_or(RunId::NONE, |run| run.id)
    }

    /// The run in which an etag was issued; [`RunId::NONE`] where that is forgotten, and for zero.
    pub fn run_of(&self, etag: Etag) -> RunId {
        let behind = self.runs.partition_point(|run| run.first <= etag);
        behind.checked_sub(1).and_then(|at| self.runs.get(at)).map_or(RunId::NONE, |run| run.id)
    }

    /// A run begins: `first` is the next etag. The oldest one is forgotten where there are too
    /// many.
    pub fn begin_run(&mut self, id: RunId, first: Etag) {
        if self.runs.len() >= RUNS_MAX {
            self.runs.remove(0);
        }
        self.runs.push(Run { id, first });
    }

    /// Somebody declares that the database was restored or copied: what is issued from now on,
    /// behind `after`, is another incarnation's.
    pub fn begin_life(&mut self, incarnation: IncarnationId, after: Etag) {
        // An incarnation that would begin behind has issued nothing that is common with anybody.
        self.lives.retain(|life| life.after <= after);
        if self.lives.len() >= INCARNATIONS_MAX {
            self.lives.remove(0);
        }
        self.lives.push(Life { incarnation, after });
    }

    /// The last etag of a run, where another one follows.
    fn end_of_run(&self, id: RunId) -> Option<Etag> {
        let at = self.runs.iter().position(|run| run.id == id)?;
        let next = self.runs.get(at + 1)?;
        Etag::new(next.first.get().saturating_sub(1)).ok()
    }
}

/// What a destination knows of a source: how far it has it, and who that was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// Everything of the source up to here is durable at the destination.
    pub etag: Etag,
    /// The run in which that etag was issued.
    pub run: RunId,
    /// The newest run of the source when it was accepted last.
    pub newest_run: RunId,
    /// The incarnations of the source when it was accepted last, oldest first.
    pub lives: Vec<Life>,
    /// Incarnations under which it was accepted before, and that the last log does not have: a
    /// restore from an older copy leaves out those between. The oldest are forgotten in time.
    pub former: Vec<IncarnationId>,
}

impl Position {
    /// Nothing of a source, whoever it is.
    pub const NOTHING: Self = Self {
        etag: Etag::ZERO,
        run: RunId::NONE,
        newest_run: RunId::NONE,
        lives: Vec::new(),
        former: Vec::new(),
    };

    /// The incarnation with which the source was accepted last.
    pub fn incarnation(&self) -> Option<IncarnationId> {
        self.lives.last().map(|life| life.incarnation)
    }

    /// A source that offers this is accepted.
    pub fn accept(&mut self, offered: &Lineage) {
        let stays = |id: &IncarnationId| !offered.lives.iter().any(|life| life.incarnation == *id);
        let known = self.lives.iter().map(|life| life.incarnation);
        self.former.extend(known.filter(stays));
        self.former.retain(stays);
        if self.former.len() > INCARNATIONS_MAX {
            self.former.drain(..self.former.len() - INCARNATIONS_MAX);
        }
        self.newest_run = offered.newest_run();
        self.lives = offered.lives.clone();
    }
}

/// How a source that calls stands to the one that was accepted last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kinship {
    /// It is the same, and has gone on.
    Same,
    /// It was restored or copied, as somebody has declared.
    Restored {
        /// The last etag that both are known to have in common: it is gone on with behind that.
        common: Etag,
    },
}

/// The source is not the one that was accepted before, and nobody has declared it.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Fork {
    /// It has fewer changes than were received from it.
    #[error("its last etag is {last}, but up to {received} was received from it")]
    Behind {
        /// Its last etag.
        last: Etag,
        /// What was received.
        received: Etag,
    },
    /// It has other changes than those that were received from it, or says so of newer ones.
    #[error(
        "what it has written up to etag {received} is not what was received from it{}",
        told(*.common)
    )]
    OtherRun {
        /// What was received.
        received: Etag,
        /// The last etag that both may have in common, where the logs tell.
        common: Option<Etag>,
    },
    /// It speaks with an incarnation that another one has taken the place of.
    #[error("its incarnation {offered} was restored or copied to {known}, which was received from")]
    OldIncarnation {
        /// What it speaks with.
        offered: IncarnationId,
        /// What was accepted last.
        known: IncarnationId,
    },
}

/// What both have in common, for people, where that is known.
fn told(common: Option<Etag>) -> String {
    common.map_or_else(String::new, |common| format!("; both have the same up to etag {common}"))
}

/// Judges whether a source that offers `offered`, and whose last etag is `last`, may go on where
/// the one that was accepted before stands (protocol, "Handshake rules", 6).
///
/// # Errors
///
/// It may not: what it would leave out may be what the destination does not have.
pub fn judge(known: &Position, offered: &Lineage, last: Etag) -> Result<Kinship, Fork> {
    let current = offered.current();
    match known.lives.iter().rposition(|life| life.incarnation == current) {
        Some(at) if at + 1 == known.lives.len() => same(known, offered, last),
        Some(_) => {
            let accepted = known.incarnation().unwrap_or(current);
            Err(Fork::OldIncarnation { offered: current, known: accepted })
        }
        None if known.former.contains(&current) => {
            let accepted = known.incarnation().unwrap_or(current);
            Err(Fork::OldIncarnation { offered: current, known: accepted })
        }
        None => restored(known, offered),
    }
}

fn same(known: &Position, offered: &Lineage, last: Etag) -> Result<Kinship, Fork> {
    let received = known.etag;
    if received > last {
        return Err(Fork::Behind { last, received });
    }
    let knows = |run: RunId| offered.runs.iter().any(|offered| offered.id == run);
    let newest = known.newest_run == RunId::NONE || knows(known.newest_run);
    if !newest || offered.run_of(received) != known.run {
        let common = offered.end_of_run(known.run);
        return Err(Fork::OtherRun { received, common });
    }
    Ok(Kinship::Same)
}

/// The incarnation is new here: the newest one that both logs have says what is common.
fn restored(known: &Position, offered: &Lineage) -> Result<Kinship, Fork> {
    let common = offered.lives.iter().enumerate().rev().find_map(|(at, life)| {
        let here = known.lives.iter().position(|it| it.incarnation == life.incarnation)?;
        let end =
            |lives: &[Life], at: usize| lives.get(at + 1).map_or(Etag::MAX, |next| next.after);
        Some(end(&offered.lives, at).min(end(&known.lives, here)))
    });
    let common = common.unwrap_or(Etag::ZERO).min(known.etag);
    let other = common == known.etag && offered.run_of(common) != known.run;
    if other || offered.end_of_run(known.run).is_some_and(|end| end < common) {
        // It was declared to have gone back to a later point than it did.
        return Err(Fork::OtherRun { received: common, common: offered.end_of_run(known.run) });
    }
    Ok(Kinship::Restored { common })
}
