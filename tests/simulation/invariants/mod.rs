//! The invariants of ARCHITECTURE.md that a running pair can break, one file each.
//!
//! Each is asked at every commit, read, answer and frame; what it remembers is its own.

mod i10_quiet;
mod i11_counted;
mod i12_bounded;
mod i15_sessions;
mod i16_forgetting;
mod i4_reads;
mod i5_durable;
mod i6_vector;
mod i7_again;
mod i8_whole;
mod kept;
mod parts;
mod restores;

use jackdaw_common::DatabaseId;
use jackdaw_store::{Written, tables::header::Header};

use crate::oracle::{Connection, Frame, commit::Commit, truth::Truth};
pub(crate) use i8_whole::writer;
pub(crate) use i10_quiet::Traffic;
pub(crate) use kept::{contents::left_over, revisions::relisted};
pub(crate) use parts::{contradicting, recounted, unequal};
pub(crate) use restores::named;

/// What there is to know of the world before it begins.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    /// Whether every node writes documents of its own only.
    pub(crate) disjoint: bool,
    /// How many nodes there are.
    pub(crate) nodes: usize,
    /// Whether disks are set back: much that holds otherwise does not then.
    pub(crate) restoring: bool,
}

/// The outcome of a question: what was seen that must not be.
pub(crate) type Check = Result<(), String>;

/// Something that always holds.
pub(crate) trait Invariant: Send {
    /// Its name in ARCHITECTURE.md.
    fn name(&self) -> &'static str;

    /// A database has committed.
    fn committed(&mut self, _truth: &Truth, _commit: &Commit) -> Check {
        Ok(())
    }

    /// A reader has seen a database like this.
    fn read(&mut self, _truth: &Truth, _node: usize, _header: &Header) -> Check {
        Ok(())
    }

    /// A client was told that this is written.
    fn answered(&mut self, _truth: &Truth, _node: usize, _written: &[Written]) -> Check {
        Ok(())
    }

    /// The same, of counters and series.
    fn answered_parts(&mut self, _truth: &Truth, _node: usize, _written: &[Written]) -> Check {
        Ok(())
    }

    /// A frame was seen.
    fn frame(&mut self, _truth: &Truth, _on: Connection, _frame: &Frame<'_>) -> Check {
        Ok(())
    }

    /// A session was let begin.
    fn began(&mut self, _truth: &Truth, _node: usize, _source: DatabaseId, _epoch: u64) -> Check {
        Ok(())
    }

    /// A node's disk was set back, or something was declared of it.
    fn rebuilt(&mut self, _truth: &Truth, _node: usize) {}
}

/// All of them that hold in a world like this.
pub(crate) fn all(shape: &Shape) -> Vec<Box<dyn Invariant>> {
    let mut all: Vec<Box<dyn Invariant>> = vec![
        Box::new(i4_reads::Reads),
        Box::new(i7_again::Again::new(shape.nodes)),
        Box::new(i11_counted::Counted::default()),
        Box::new(i12_bounded::Bounded::default()),
        Box::new(parts::Account),
        Box::new(kept::contents::Counts),
        Box::new(kept::revisions::Kept),
    ];
    if shape.restoring {
        all.push(Box::new(restores::Forks));
        all.push(Box::new(restores::Removals));
        return all;
    }
    let others: [Box<dyn Invariant>; 4] = [
        Box::new(i5_durable::Durable),
        Box::new(i6_vector::Vector),
        Box::new(i15_sessions::Sessions::default()),
        Box::new(i16_forgetting::Forgetting),
    ];
    all.extend(others);
    if shape.disjoint {
        all.push(Box::new(i8_whole::Whole::new(shape.nodes)));
    }
    all
}

/// An invariant's answer.
pub(crate) fn holds(holds: bool, what: impl FnOnce() -> String) -> Check {
    if holds { Ok(()) } else { Err(what()) }
}
