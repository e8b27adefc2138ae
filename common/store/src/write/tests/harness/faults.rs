//! An engine in memory that fails and waits on demand.

use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard},
};

use crate::{
    engine::{Blobs, Engine, EngineError, Memory, Snapshot, WriteBatch},
    keys::TABLES,
};

/// What becomes of a commit instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The disk is full: nothing is written, and the next commit may succeed.
    NoSpace,
    /// The write failed: nothing reached the disk, and nothing is written any more.
    Lost,
    /// The sync failed: all of it reached the disk, and nothing is written any more.
    Kept,
    /// The engine has a defect: it panics.
    Panic,
}

/// The engine; clones are handles on the same one.
#[derive(Clone)]
pub(crate) struct Faulty(Arc<Inner>);

struct Inner {
    memory: Memory,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Commits wait.
    held: bool,
    /// How many do.
    waiting: usize,
    /// What becomes of the next commits.
    faults: VecDeque<Option<Fault>>,
    /// How many were tried.
    tried: usize,
    /// Why nothing is written any more, and the view from before.
    dead: Option<Arc<dyn Snapshot>>,
}

impl Faulty {
    pub(crate) fn new() -> Self {
        Self::over(Memory::new(&TABLES))
    }

    /// An engine with these rows.
    pub(crate) fn over(memory: Memory) -> Self {
        Self(Arc::new(Inner { memory, state: Mutex::default(), changed: Condvar::new() }))
    }

    /// The rows as they are on the disk.
    pub(crate) fn disk(&self) -> Memory {
        self.0.memory.clone()
    }

    /// The next commit fails.
    pub(crate) fn fail(&self, fault: Fault) {
        self.fail_after(0, fault);
    }

    /// So many commits succeed, the one after them fails.
    pub(crate) fn fail_after(&self, commits: usize, fault: Fault) {
        let faults = &mut self.state().faults;
        faults.extend(std::iter::repeat_n(None, commits));
        faults.push_back(Some(fault));
    }

    /// Commits wait from now on.
    pub(crate) fn hold(&self) {
        self.state().held = true;
    }

    /// They go on.
    pub(crate) fn release(&self) {
        self.state().held = false;
        self.0.changed.notify_all();
    }

    /// Blocks until a commit waits.
    pub(crate) fn until_waiting(&self) {
        let mut state = self.state();
        while state.waiting == 0 {
            state = self.0.changed.wait(state).unwrap();
        }
    }

    /// How many commits were tried.
    pub(crate) fn tried(&self) -> usize {
        self.state().tried
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap()
    }
}

impl Engine for Faulty {
    fn snapshot(&self) -> Result<Arc<dyn Snapshot>, EngineError> {
        match &self.state().dead {
            Some(before) => Ok(Arc::clone(before)),
            None => self.0.memory.snapshot(),
        }
    }

    fn blobs(&self) -> Arc<dyn Blobs> {
        self.0.memory.blobs()
    }

    fn commit(&self, batch: WriteBatch) -> Result<(), EngineError> {
        let mut state = self.state();
        state.tried += 1;
        state.waiting += 1;
        self.0.changed.notify_all();
        while state.held {
            state = self.0.changed.wait(state).unwrap();
        }
        state.waiting -= 1;
        if state.dead.is_some() {
            return Err(EngineError::Poisoned { reason: "an earlier commit failed".to_owned() });
        }
        let before = self.0.memory.snapshot()?;
        match state.faults.pop_front().flatten() {
            None => return self.0.memory.commit(batch),
            Some(Fault::NoSpace) => {
                return Err(EngineError::NoSpace { path: "/".into(), available: 1, needed: 2 });
            }
            Some(Fault::Kept) => self.0.memory.commit(batch)?,
            Some(Fault::Lost) => {}
            Some(Fault::Panic) => {
                drop(state);
                panic!("planted panic");
            }
        }
        state.dead = Some(before);
        Err(EngineError::Io {
            doing: "committing a batch",
            source: io::Error::other("planted fault"),
        })
    }
}
