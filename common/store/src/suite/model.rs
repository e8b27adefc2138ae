//! Histories made up from a seed, compared with ordered maps.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;

use super::{Numbers, Place, Row, TABLES};
use crate::engine::{Direction, Engine, EngineError, ScanRange, Snapshot, Table, WriteBatch};

/// What a table holds.
type Rows = BTreeMap<Bytes, Bytes>;

/// What all of [`TABLES`] hold.
type Model = [Rows; TABLES.len()];

/// Seeds; each goes on with what the one before it left.
const SEEDS: u64 = 4;

/// Steps a seed.
const STEPS: usize = 400;

/// Snapshots kept at a time.
const HELD_MAX: usize = 6;

pub(super) fn any_history(place: &dyn Place) -> Result<(), EngineError> {
    let mut model = Model::default();
    for seed in 0..SEEDS {
        let mut history =
            History { numbers: Numbers::new(seed), model, engine: place.open()?, held: Vec::new() };
        for step in 0..STEPS {
            let what = format!("seed {seed}, step {step}");
            match history.numbers.below(20) {
                0..=9 => history.commit()?,
                10..=12 => history.hold()?,
                13..=18 => history.look(&what)?,
                _ => {
                    let History { numbers, model, engine, held } = history;
                    drop((engine, held));
                    let engine = place.open()?;
                    history = History { numbers, model, engine, held: Vec::new() };
                    history.compare_all(&what)?;
                }
            }
        }
        model = history.model;
    }
    Ok(())
}

struct History {
    numbers: Numbers,
    model: Model,
    engine: Arc<dyn Engine>,
    /// Snapshots with what they must show.
    held: Vec<(Arc<dyn Snapshot>, Model)>,
}

impl History {
    fn commit(&mut self) -> Result<(), EngineError> {
        let mut batch = WriteBatch::new();
        for _ in 0..=self.numbers.below(40) {
            let table = self.numbers.below(TABLES.len());
            let key = self.key();
            if self.numbers.below(3) == 0 {
                self.model[table].remove(&key);
                batch.delete(TABLES[table], key);
            } else {
                let value = self.value();
                self.model[table].insert(key.clone(), value.clone());
                batch.put(TABLES[table], key, value);
            }
        }
        self.engine.commit(batch)
    }

    fn hold(&mut self) -> Result<(), EngineError> {
        if self.held.len() == HELD_MAX {
            let oldest = self.numbers.below(HELD_MAX);
            self.held.swap_remove(oldest);
        }
        self.held.push((self.engine.snapshot()?, self.model.clone()));
        Ok(())
    }

    /// Reads a bit from one of the snapshots or a new one.
    fn look(&mut self, what: &str) -> Result<(), EngineError> {
        let chosen = self.numbers.below(self.held.len() + 1);
        let (snapshot, model) = match self.held.get(chosen) {
            Some((snapshot, model)) => (Arc::clone(snapshot), model.clone()),
            None => (self.engine.snapshot()?, self.model.clone()),
        };
        let table = self.numbers.below(TABLES.len());
        let (table, rows) = (TABLES[table], &model[table]);

        let keys: Vec<_> = (0..10).map(|_| self.key()).collect();
        let asked: Vec<_> = keys.iter().map(AsRef::as_ref).collect();
        let expected: Vec<_> = keys.iter().map(|key| rows.get(key).cloned()).collect();
        assert_eq!(snapshot.multi_get(table, &asked)?, expected, "{what}");
        assert_eq!(snapshot.get(table, &keys[0])?, expected[0], "{what}");

        let range = self.range();
        let direction = [Direction::Forward, Direction::Backward][self.numbers.below(2)];
        let most = [5, usize::MAX][self.numbers.below(2)];
        let found = snapshot.scan(table, range.clone(), direction).take(most);
        let found = found.collect::<Result<Vec<_>, _>>()?;
        assert_eq!(found, scan(rows, &range, direction, most), "{what}: {range:?} {direction:?}");
        Ok(())
    }

    fn compare_all(&self, what: &str) -> Result<(), EngineError> {
        let snapshot = self.engine.snapshot()?;
        for (table, rows) in TABLES.into_iter().zip(&self.model) {
            let found = super::all(&*snapshot, table)?;
            let expected: Vec<Row> = rows.clone().into_iter().collect();
            assert_eq!(found, expected, "{what}: table {} after opening again", table.name);
            compare_gets(&*snapshot, table, rows, what)?;
        }
        Ok(())
    }

    /// One of some thousand keys, many of which are prefixes of others.
    fn key(&mut self) -> Bytes {
        const LETTERS: [u8; 5] = [0, 1, b'a', 0xFE, 0xFF];
        let length = 1 + self.numbers.below(5);
        (0..length).map(|_| LETTERS[self.numbers.below(LETTERS.len())]).collect()
    }

    fn value(&mut self) -> Bytes {
        let length = match self.numbers.below(50) {
            0 => 0,
            1 => 40_000,
            _ => self.numbers.below(300),
        };
        self.numbers.bytes(length)
    }

    fn range(&mut self) -> ScanRange {
        if self.numbers.below(4) == 0 {
            return ScanRange::prefix(&self.key());
        }
        let mut bound = || match self.numbers.below(4) {
            0 => Bound::Unbounded,
            1 => Bound::Included(self.key()),
            _ => Bound::Excluded(self.key()),
        };
        ScanRange { start: bound(), end: bound() }
    }
}

fn compare_gets(
    snapshot: &dyn Snapshot,
    table: Table,
    rows: &Rows,
    what: &str,
) -> Result<(), EngineError> {
    for (key, value) in rows {
        assert_eq!(snapshot.get(table, key)?.as_ref(), Some(value), "{what}: {key:?}");
    }
    Ok(())
}

/// What a scan should give, found by looking at every row.
fn scan(rows: &Rows, range: &ScanRange, direction: Direction, most: usize) -> Vec<Row> {
    let behind_start = |key: &Bytes| match &range.start {
        Bound::Included(start) => key >= start,
        Bound::Excluded(start) => key > start,
        Bound::Unbounded => true,
    };
    let before_end = |key: &Bytes| match &range.end {
        Bound::Included(end) => key <= end,
        Bound::Excluded(end) => key < end,
        Bound::Unbounded => true,
    };
    let rows = rows.iter().filter(|(key, _)| behind_start(key) && before_end(key));
    let rows = rows.map(|(key, value)| (key.clone(), value.clone()));
    match direction {
        Direction::Forward => rows.take(most).collect(),
        Direction::Backward => rows.rev().take(most).collect(),
    }
}
