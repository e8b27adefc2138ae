//! The overlay against a plain map: what stands, what is taken back, what becomes a batch.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use proptest::prelude::*;

use crate::{
    engine::{Direction, Engine as _, Memory, ScanRange, Table, WriteBatch},
    keys::{self, TABLES},
    overlay::Overlay,
};

const KEYS: [&str; 4] = ["a", "b", "c", "d"];

fn over(rows: &[(Table, &'static str, &'static str)]) -> (Memory, Overlay) {
    let memory = Memory::new(&TABLES);
    let mut batch = WriteBatch::new();
    for (table, key, value) in rows {
        batch.put(*table, *key, *value);
    }
    memory.commit(batch).unwrap();
    let overlay = Overlay::new(memory.snapshot().unwrap());
    (memory, overlay)
}

fn row(overlay: &Overlay, table: Table, key: &str) -> Option<Bytes> {
    overlay.row(table, key.as_bytes()).unwrap()
}

#[test]
fn what_was_written_hides_what_is_below() {
    let (_, mut overlay) = over(&[(keys::RECORDS, "a", "below"), (keys::RECORDS, "b", "below")]);
    assert_eq!(row(&overlay, keys::RECORDS, "a").unwrap(), "below");
    overlay.put(keys::RECORDS, "a".into(), "above".into());
    overlay.delete(keys::RECORDS, "b".into());
    assert_eq!(row(&overlay, keys::RECORDS, "a").unwrap(), "above");
    assert_eq!(row(&overlay, keys::RECORDS, "b"), None);
    assert_eq!(row(&overlay, keys::RECORDS, "c"), None);
    // In its own table only.
    assert_eq!(row(&overlay, keys::CURSORS, "a"), None);
}

#[test]
fn taking_back_leaves_what_was_kept() {
    let (_, mut overlay) = over(&[(keys::RECORDS, "a", "below")]);
    overlay.put(keys::RECORDS, "a".into(), "kept".into());
    overlay.put(keys::RECORDS, "b".into(), "kept".into());
    overlay.delete(keys::RECORDS, "c".into());
    overlay.keep();
    for key in KEYS {
        overlay.put(keys::RECORDS, key.into(), "lost".into());
        overlay.delete(keys::RECORDS, key.into());
        overlay.put(keys::RECORDS, key.into(), "lost too".into());
    }
    overlay.take_back();
    assert_eq!(row(&overlay, keys::RECORDS, "a").unwrap(), "kept");
    assert_eq!(row(&overlay, keys::RECORDS, "b").unwrap(), "kept");
    assert_eq!(row(&overlay, keys::RECORDS, "c"), None);
    assert_eq!(row(&overlay, keys::RECORDS, "d"), None);
    // Once more takes nothing more back.
    overlay.take_back();
    assert_eq!(row(&overlay, keys::RECORDS, "a").unwrap(), "kept");
    assert_eq!(overlay.into_batch().len(), 3);
}

#[test]
fn every_table_has_a_place() {
    let (memory, mut overlay) = over(&[]);
    for table in TABLES {
        overlay.put(table, "key".into(), table.name.into());
    }
    for table in TABLES {
        assert_eq!(row(&overlay, table, "key").unwrap(), table.name);
    }
    memory.commit(overlay.into_batch()).unwrap();
    for table in TABLES {
        assert_eq!(memory.snapshot().unwrap().get(table, b"key").unwrap().unwrap(), table.name);
    }
}

#[test]
fn a_batch_has_each_row_once_and_in_order() {
    let (_, mut overlay) = over(&[]);
    for key in ["c", "a", "d", "b", "a", "c"] {
        overlay.delete(keys::RECORDS, key.into());
        overlay.put(keys::RECORDS, key.into(), key.into());
        overlay.put(keys::CHANGES, key.into(), key.into());
    }
    let batch = overlay.into_batch();
    let rows: Vec<_> =
        batch.operations().iter().map(|row| (row.table.id, row.key.clone())).collect();
    assert!(rows.is_sorted_by(|one, other| one < other), "{rows:?}");
    assert_eq!(rows.len(), 8);
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Put(usize, usize, u8),
    Delete(usize, usize),
    Keep,
    TakeBack,
}

fn step() -> impl Strategy<Value = Step> {
    let place = || (0..TABLES.len(), 0..KEYS.len());
    prop_oneof![
        4 => (place(), any::<u8>()).prop_map(|((table, key), value)| Step::Put(table, key, value)),
        4 => place().prop_map(|(table, key)| Step::Delete(table, key)),
        1 => Just(Step::Keep),
        1 => Just(Step::TakeBack),
    ]
}

type Model = BTreeMap<(usize, usize), u8>;

fn rows(snapshot: &Arc<dyn crate::engine::Snapshot>) -> Vec<(u8, Bytes, Bytes)> {
    TABLES
        .iter()
        .flat_map(|table| {
            let scan = snapshot.scan(*table, ScanRange::all(), Direction::Forward);
            scan.map(|row| row.unwrap()).map(|(key, value)| (table.id, key, value))
        })
        .collect()
}

proptest! {
    #[test]
    fn any_steps_are_as_in_a_map(
        below in prop::collection::btree_map((0..TABLES.len(), 0..KEYS.len()), any::<u8>(), 0..12),
        steps in prop::collection::vec(step(), 0..60),
    ) {
        let memory = Memory::new(&TABLES);
        let value = |byte: u8| Bytes::copy_from_slice(&[byte]);
        let mut batch = WriteBatch::new();
        for (&(table, key), &byte) in &below {
            batch.put(TABLES[table], KEYS[key], value(byte));
        }
        memory.commit(batch).unwrap();
        let mut overlay = Overlay::new(memory.snapshot().unwrap());
        let (mut now, mut kept): (Model, Model) = (below.clone(), below);
        for step in steps {
            match step {
                Step::Put(table, key, byte) => {
                    overlay.put(TABLES[table], KEYS[key].into(), value(byte));
                    now.insert((table, key), byte);
                }
                Step::Delete(table, key) => {
                    overlay.delete(TABLES[table], KEYS[key].into());
                    now.remove(&(table, key));
                }
                Step::Keep => {
                    overlay.keep();
                    kept.clone_from(&now);
                }
                Step::TakeBack => {
                    overlay.take_back();
                    now.clone_from(&kept);
                }
            }
            for (at, table) in TABLES.into_iter().enumerate() {
                for (index, key) in KEYS.into_iter().enumerate() {
                    let expected = now.get(&(at, index)).copied().map(value);
                    prop_assert_eq!(row(&overlay, table, key), expected);
                }
            }
        }
        memory.commit(overlay.into_batch()).unwrap();
        let expected: Vec<_> = now
            .into_iter()
            .map(|((table, key), byte)| (TABLES[table].id, Bytes::from(KEYS[key]), value(byte)))
            .collect();
        prop_assert_eq!(rows(&memory.snapshot().unwrap()), expected);
    }
}
