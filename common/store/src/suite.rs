//! The promises of [`Engine`] and [`Snapshot`] as checks that every engine passes.
//!
//! Plain functions over a [`Place`], which stands for where one engine's data lies. An engine's own
//! tests call [`run`]; nothing else does. What only one engine promises is not here.

mod model;
mod ranges;
mod writes;

use std::fmt::Write as _;
use std::sync::Arc;
use std::thread;

use bytes::Bytes;

use crate::engine::{
    Direction, Engine, EngineError, Profile, ScanRange, Snapshot, Table, WriteBatch,
};

/// Where one engine's data lies: empty at first, and the same at each opening.
pub trait Place: Send + Sync {
    /// Opens the engine with [`TABLES`]. Called again only after the engine opened before and
    /// every snapshot of it were dropped: what was committed must be there then. An engine that
    /// writes out and merges in the background should be opened so that it does so often.
    ///
    /// # Errors
    ///
    /// Any; it fails the check.
    fn open(&self) -> Result<Arc<dyn Engine>, EngineError>;
}

/// A check: an error or a panic is a broken promise.
pub type Check = fn(&dyn Place) -> Result<(), EngineError>;

/// A table of every profile, and one more.
pub const TABLES: [Table; 4] = [ROWS, LOG, OTHER, FEW];

const ROWS: Table = Table { id: 1, name: "rows", profile: Profile::Random };
const LOG: Table = Table { id: 2, name: "log", profile: Profile::Sequential };
const OTHER: Table = Table { id: 3, name: "other", profile: Profile::Random };
const FEW: Table = Table { id: 200, name: "few", profile: Profile::Small };
const UNKNOWN: Table = Table { id: 4, name: "unknown", profile: Profile::Small };

/// Every check with its name.
pub const CHECKS: &[(&str, Check)] = &[
    ("a new engine is empty", writes::new_is_empty),
    ("a commit is seen at once", writes::commit_is_seen_at_once),
    ("a batch is whole over tables", writes::batch_is_whole_over_tables),
    ("commits of several threads all land", writes::commits_of_several_threads_all_land),
    ("a refused batch leaves nothing", writes::refused_batch_leaves_nothing),
    ("the last operation on a key counts", writes::last_operation_on_a_key_counts),
    ("deleting what is not there is no error", writes::deleting_what_is_not_there),
    ("an empty batch does nothing", writes::empty_batch_does_nothing),
    ("values may be empty", writes::values_may_be_empty),
    ("values may be big", writes::values_may_be_big),
    ("keys may be long", writes::keys_may_be_long),
    ("tables are apart", writes::tables_are_apart),
    ("what was committed is there after opening again", writes::committed_is_there_again),
    ("many keys are read in the order asked", writes::many_keys_in_the_order_asked),
    ("an unknown table is an error", writes::unknown_table_is_an_error),
    ("an older snapshot stays as it was", writes::older_snapshot_stays),
    ("a running scan stays as it was", writes::running_scan_stays),
    ("a snapshot outlives much writing", writes::snapshot_outlives_much_writing),
    ("a scan keeps to its bounds", ranges::scan_keeps_to_its_bounds),
    ("a range that ends before it starts is empty", ranges::inverted_range_is_empty),
    ("bounds may be longer than keys", ranges::bounds_may_be_longer_than_keys),
    ("a prefix is exact", ranges::prefix_is_exact),
    ("keys are ordered as unsigned bytes", ranges::keys_are_unsigned_bytes),
    ("any history is as in a model", model::any_history),
];

/// Runs every check, each on a new place, and panics with the names of those that failed.
///
/// # Panics
///
/// If the engine breaks a promise.
pub fn run(fresh: impl Fn() -> Box<dyn Place>) {
    let mut broken = String::new();
    for (name, check) in CHECKS {
        if let Some(how) = breaks(*check, &*fresh()) {
            _ = write!(broken, "\n  {name}: {how}");
        }
    }
    assert!(broken.is_empty(), "broken promises:{broken}");
}

/// How an engine at a new `place` breaks a promise; `None` if it keeps it.
pub fn breaks(check: Check, place: &dyn Place) -> Option<String> {
    match thread::scope(|scope| scope.spawn(|| check(place)).join()) {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) => Some("see the panic above".to_owned()),
    }
}

/// A row as a scan gives it.
type Row = (Bytes, Bytes);

fn bytes(of: impl AsRef<[u8]>) -> Bytes {
    Bytes::copy_from_slice(of.as_ref())
}

fn put(engine: &dyn Engine, table: Table, key: &[u8], value: &[u8]) -> Result<(), EngineError> {
    let mut batch = WriteBatch::new();
    batch.put(table, bytes(key), bytes(value));
    engine.commit(batch)
}

fn rows(
    snapshot: &dyn Snapshot,
    table: Table,
    range: ScanRange,
    direction: Direction,
) -> Result<Vec<Row>, EngineError> {
    snapshot.scan(table, range, direction).collect()
}

fn all(snapshot: &dyn Snapshot, table: Table) -> Result<Vec<Row>, EngineError> {
    rows(snapshot, table, ScanRange::all(), Direction::Forward)
}

/// A sequence of numbers that looks random and is the same for the same seed.
struct Numbers(u64);

impl Numbers {
    fn new(seed: u64) -> Self {
        // Any odd constant will do; zero would stay zero.
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// One of `0..bound`.
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap_or(0) % bound
    }

    /// Bytes that do not compress.
    fn bytes(&mut self, length: usize) -> Bytes {
        (0..length).map(|_| self.below(256).to_le_bytes()[0]).collect()
    }
}
