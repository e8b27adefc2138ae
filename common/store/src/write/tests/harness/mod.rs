//! What the tests stand on: databases in both engines, words to write and read with, an engine
//! that fails on demand, databases that go back, and an audit of every row.

mod audit;
mod faults;
mod link;
mod place;
mod sources;
mod words;

pub(crate) use audit::audit;
pub(crate) use faults::{Fault, Faulty};
pub(crate) use link::{Link, copy};
pub(crate) use place::{Place, TestClock, bare, embedded, identity, in_memory, on_both};
pub(crate) use sources::{bring, copied, offer, opened, reconcile, running};
pub(crate) use words::*;
