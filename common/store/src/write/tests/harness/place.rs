//! Where a test's database lies, and the clock it is opened with.

use std::{
    panic::resume_unwind,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use jackdaw_common::{DatabaseId, IncarnationId, RunId, Timestamp, clock::Clock};
use tempfile::TempDir;

use crate::{
    Identity, Store,
    engine::{Embedded, EmbeddedOptions, Memory},
    keys::TABLES,
    write::{Collector, Writer},
};

/// A clock that stands still until it is set.
pub(crate) struct TestClock(AtomicI64);

impl TestClock {
    pub(crate) fn at(micros: i64) -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(micros)))
    }

    pub(crate) fn set(&self, micros: i64) {
        self.0.store(micros, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }
}

/// The ids of test database `n`.
pub(crate) fn identity(n: u8) -> Identity {
    Identity {
        database: DatabaseId::from_bytes([n; 16]),
        incarnation: IncarnationId::from_bytes([0x80 | n; 16]),
        run: RunId::from_bytes([0x40 | n; 16]),
    }
}

/// Where one database lies: empty at first, and the same at each opening.
pub(crate) enum Place {
    Memory(Memory),
    Folder(TempDir),
}

impl Place {
    pub(crate) fn memory() -> Self {
        Self::Memory(Memory::new(&TABLES))
    }

    /// Opens database `n`. The one opened here before, and its snapshots, must be gone.
    pub(crate) fn open(&self, n: u8) -> Store {
        self.open_at(n, TestClock::at(1_000_000))
    }

    /// Opens database `n` with a clock.
    pub(crate) fn open_at(&self, n: u8, clock: Arc<TestClock>) -> Store {
        self.open_with(identity(n), clock)
    }

    /// Opens a database with ids and a clock.
    pub(crate) fn open_with(&self, identity: Identity, clock: Arc<TestClock>) -> Store {
        match self {
            Self::Memory(memory) => Store::open(memory.clone(), clock, identity).unwrap(),
            Self::Folder(folder) => {
                Store::open(embedded(&folder.path().join("db")), clock, identity).unwrap()
            }
        }
    }
}

/// The embedded engine in a folder.
pub(crate) fn embedded(path: &Path) -> Embedded {
    let options = EmbeddedOptions { worker_threads: 1, ..EmbeddedOptions::default() };
    Embedded::open(path, &TABLES, options).unwrap()
}

/// Database `n`, new and in memory.
pub(crate) fn in_memory(n: u8) -> Store {
    Place::memory().open(n)
}

/// A writer without a thread, of database `n` in an engine. No store may have it open.
pub(crate) fn bare(memory: &Memory, n: u8) -> Writer {
    let clock = TestClock::at(1_000_000);
    let snapshot = Store::open(memory.clone(), clock.clone(), identity(n)).unwrap().snapshot();
    let (engine, collector) = (Arc::new(memory.clone()), Collector::default());
    Writer::new(engine, clock, snapshot, collector, identity(n).run)
}

/// Runs a test on a new memory engine, and on a new embedded engine in a temporary folder.
pub(crate) fn on_both(test: impl AsyncFn(Place)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(test(Place::memory()));
    let embedded = std::panic::AssertUnwindSafe(|| {
        runtime.block_on(test(Place::Folder(TempDir::new().unwrap())));
    });
    if let Err(panic) = std::panic::catch_unwind(embedded) {
        eprintln!("it passed on the memory engine and failed on the embedded one");
        resume_unwind(panic);
    }
}
