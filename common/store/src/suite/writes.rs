//! What a commit writes, and who sees it when.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use bytes::Bytes;

use super::{FEW, LOG, Numbers, OTHER, Place, ROWS, TABLES, UNKNOWN, all, bytes, put};
use crate::engine::{Direction, EngineError, KEY_BYTES_MAX, ScanRange, Snapshot, WriteBatch};

type Checked = Result<(), EngineError>;

pub(super) fn new_is_empty(place: &dyn Place) -> Checked {
    let snapshot = place.open()?.snapshot()?;
    for table in TABLES {
        assert_eq!(snapshot.get(table, b"key")?, None);
        assert_eq!(snapshot.get(table, b"")?, None, "the empty key is never there");
        assert_eq!(snapshot.multi_get(table, &[b"a", b"b"])?, [None, None]);
        for direction in [Direction::Forward, Direction::Backward] {
            assert!(snapshot.scan(table, ScanRange::all(), direction).next().is_none());
        }
    }
    Ok(())
}

pub(super) fn commit_is_seen_at_once(place: &dyn Place) -> Checked {
    let engine = place.open()?;
    for value in [b"first", b"other"] {
        put(&*engine, ROWS, b"key", value)?;
        assert_eq!(engine.snapshot()?.get(ROWS, b"key")?, Some(bytes(value)));
    }
    let mut batch = WriteBatch::new();
    batch.delete(ROWS, "key");
    engine.commit(batch)?;
    assert_eq!(engine.snapshot()?.get(ROWS, b"key")?, None);
    Ok(())
}

/// Writes one number into rows of every table, batch by batch, while others look.
pub(super) fn batch_is_whole_over_tables(place: &dyn Place) -> Checked {
    const BATCHES: u64 = 400;
    let engine = place.open()?;
    let (committed, done) = (AtomicU64::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        let read = || -> Result<u64, EngineError> {
            let mut looks = 0;
            while !done.load(Ordering::Acquire) {
                let least = committed.load(Ordering::Acquire);
                let seen = one_number(&*engine.snapshot()?)?;
                assert!(seen >= least, "{least} was committed before, {seen} seen");
                looks += 1;
            }
            Ok(looks)
        };
        let readers = [scope.spawn(read), scope.spawn(read)];
        let written = (1..=BATCHES).try_for_each(|number| {
            let mut batch = WriteBatch::new();
            for table in TABLES {
                for row in 0..40_u8 {
                    let value = [&number.to_be_bytes()[..], &[row; 200]].concat();
                    batch.put(table, vec![row], value);
                }
            }
            engine.commit(batch)?;
            committed.store(number, Ordering::Release);
            Ok(())
        });
        done.store(true, Ordering::Release);
        for reader in readers {
            match reader.join() {
                Ok(looks) => assert!(looks? > 0),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        written
    })
}

/// The number that stands in all rows of all tables; zero if there is none.
fn one_number(snapshot: &dyn Snapshot) -> Result<u64, EngineError> {
    let mut first: Option<Bytes> = None;
    // Twice in opposite orders: what is applied in one order cannot look whole in both.
    for (table, row) in [(FEW, 39_u8), (ROWS, 0), (LOG, 20), (OTHER, 0), (ROWS, 39), (FEW, 0)] {
        let number = snapshot.get(table, &[row])?.map_or_else(Bytes::new, |value| value.slice(..8));
        let expected = first.get_or_insert_with(|| number.clone());
        assert_eq!(number, *expected, "row {row} of {} is of another batch", table.name);
    }
    for row in snapshot.scan(LOG, ScanRange::all(), Direction::Backward) {
        assert_eq!(Some(row?.1.slice(..8)), first, "a scan sees two batches");
    }
    let number = first.and_then(|number| <[u8; 8]>::try_from(&number[..]).ok());
    Ok(number.map_or(0, u64::from_be_bytes))
}

pub(super) fn commits_of_several_threads_all_land(place: &dyn Place) -> Checked {
    let engine = place.open()?;
    thread::scope(|scope| {
        let write = |thread: u8| {
            let engine = &engine;
            move || (0..50_u8).try_for_each(|row| put(&**engine, ROWS, &[thread, row], &[row]))
        };
        let writers = [0, 1, 2, 3].map(|thread| scope.spawn(write(thread)));
        writers.into_iter().try_for_each(|writer| match writer.join() {
            Ok(written) => written,
            Err(panic) => std::panic::resume_unwind(panic),
        })
    })?;
    let expected = (0..4).flat_map(|thread| {
        (0..50).map(move |row: u8| (Bytes::from(vec![thread, row]), Bytes::from(vec![row])))
    });
    assert_eq!(all(&*engine.snapshot()?, ROWS)?, expected.collect::<Vec<_>>());
    Ok(())
}

pub(super) fn refused_batch_leaves_nothing(place: &dyn Place) -> Checked {
    let engine = place.open()?;
    let long = vec![7; KEY_BYTES_MAX + 1];
    for (table, key) in [(ROWS, Bytes::new()), (ROWS, Bytes::from(long)), (UNKNOWN, bytes("k"))] {
        let mut batch = WriteBatch::new();
        batch.put(ROWS, "before", "value");
        batch.put(table, key.clone(), "value");
        batch.delete(table, key);
        batch.put(OTHER, "behind", "value");
        let refused = engine.commit(batch);
        assert!(
            matches!(
                refused,
                Err(EngineError::Length { part: "key", .. } | EngineError::UnknownTable { .. })
            ),
            "{refused:?}"
        );
        let snapshot = engine.snapshot()?;
        assert_eq!(snapshot.get(ROWS, b"before")?, None);
        assert_eq!(snapshot.get(OTHER, b"behind")?, None);
    }
    put(&*engine, ROWS, b"key", b"the engine is as good as before")
}

pub(super) fn last_operation_on_a_key_counts(place: &dyn Place) -> Checked {
    let engine = place.open()?;
    put(&*engine, ROWS, b"there and gone", b"before")?;
    let mut batch = WriteBatch::with_capacity(9);
    batch.put(ROWS, "two puts", "first");
    batch.put(ROWS, "two puts", "last");
    batch.put(ROWS, "put and gone", "first");
    batch.delete(ROWS, "put and gone");
    batch.delete(ROWS, "gone and put");
    batch.put(ROWS, "gone and put", "last");
    batch.put(ROWS, "there and gone", "first");
    batch.delete(ROWS, "there and gone");
    assert_eq!(batch.len(), 8);
    engine.commit(batch)?;

    let expected = [("gone and put", "last"), ("two puts", "last")];
    let expected = expected.map(|(key, value)| (bytes(key), bytes(value)));
    assert_eq!(all(&*engine.snapshot()?, ROWS)?, expected);
    drop(engine);
    assert_eq!(all(&*place.open()?.snapshot()?, ROWS)?, expected, "after opening again");
    Ok(())
}

pub(super) fn deleting_what_is_not_there(place: &dyn Place) -> Checked {
    let engine = place.open()?;
    put(&*engine, ROWS, b"b", b"value")?;
    let mut batch = WriteBatch::new();
    batch.delete(ROWS, "a");
    batch.delete(ROWS, "c");
    batch.delete(OTHER, "b");
    engine.commit(batch)?;
    assert_eq!(all(&*engine.snapshot()?, ROWS)?, [(bytes("b"), bytes("value"))]);
    assert_eq!(all(&*engine.snapshot()?, OTHER)?, []);
    Ok(())
}

pub(super) fn empty_batch_does_nothing(place: &dyn Place) -> Checked {
    let engine = place.open()?;
    let batch = WriteBatch::new();
    assert!(batch.is_empty() && batch.bytes() == 0);
    engine.commit(batch)?;
    put(&*engine, ROWS, b"key", b"value")
}

pub(super) fn values_may_be_empty(place: &dyn Place) -> Checked {
    let engine = place.open()?;
    put(&*engine, ROWS, b"key", b"")?;
    assert_eq!(engine.snapshot()?.get(ROWS, b"key")?, Some(Bytes::new()));
    assert_eq!(all(&*engine.snapshot()?, ROWS)?, [(bytes("key"), Bytes::new())]);
    drop(engine);
    assert_eq!(place.open()?.snapshot()?.get(ROWS, b"key")?, Some(Bytes::new()));
    Ok(())
}

pub(super) fn values_may_be_big(place: &dyn Place) -> Checked {
    const BIG: usize = 5 << 20;
    let engine = place.open()?;
    let values = [Numbers::new(1).bytes(BIG), Bytes::from(vec![b'a'; BIG])];
    let mut batch = WriteBatch::new();
    for (key, value) in (0..).zip(&values) {
        batch.put(LOG, vec![key], value.clone());
        batch.put(ROWS, vec![key], value.clone());
    }
    assert_eq!(batch.bytes(), 4 * BIG + 4);
    engine.commit(batch)?;
    put(&*engine, LOG, &[9], b"small")?;
    let check = |snapshot: &dyn Snapshot| -> Checked {
        for (key, value) in (0..).zip(&values) {
            assert!(snapshot.get(LOG, &[key])?.as_ref() == Some(value));
            assert!(snapshot.get(ROWS, &[key])?.as_ref() == Some(value));
        }
        assert_eq!(all(snapshot, LOG)?.len(), 3);
        Ok(())
    };
    check(&*engine.snapshot()?)?;
    drop(engine);
    check(&*place.open()?.snapshot()?)
}

pub(super) fn keys_may_be_long(place: &dyn Place) -> Checked {
    let engine = place.open()?;
    let long = vec![b'k'; KEY_BYTES_MAX];
    put(&*engine, ROWS, &long, b"long")?;
    put(&*engine, ROWS, &long[1..], b"shorter")?;
    let snapshot = engine.snapshot()?;
    assert_eq!(snapshot.get(ROWS, &long)?, Some(bytes("long")));
    assert_eq!(snapshot.get(ROWS, &long[1..])?, Some(bytes("shorter")));
    assert_eq!(snapshot.get(ROWS, &long[2..])?, None);
    // A key longer than any that can be there is simply not there.
    assert_eq!(snapshot.get(ROWS, &[&long[..], b"k"].concat())?, None);
    Ok(())
}

pub(super) fn tables_are_apart(place: &dyn Place) -> Checked {
    let engine = place.open()?;
    let mut batch = WriteBatch::new();
    for table in TABLES {
        batch.put(table, "key", table.name);
    }
    engine.commit(batch)?;
    for table in TABLES {
        let row = (bytes("key"), bytes(table.name));
        assert_eq!(all(&*engine.snapshot()?, table)?, [row]);
    }
    Ok(())
}

pub(super) fn committed_is_there_again(place: &dyn Place) -> Checked {
    for opening in 0..5_u8 {
        let engine = place.open()?;
        for earlier in 0..opening {
            for table in TABLES {
                let found = engine.snapshot()?.get(table, &[earlier])?;
                assert_eq!(found, Some(Bytes::from(vec![earlier; 10])), "at opening {opening}");
            }
            assert_eq!(engine.snapshot()?.get(ROWS, &[100 + earlier])?, None, "was deleted");
        }
        let mut batch = WriteBatch::new();
        for table in TABLES {
            batch.put(table, vec![opening], vec![opening; 10]);
        }
        batch.put(ROWS, vec![100 + opening], "for one opening");
        batch.delete(ROWS, vec![99 + opening]);
        engine.commit(batch)?;
        let mut batch = WriteBatch::new();
        batch.delete(ROWS, vec![100 + opening]);
        engine.commit(batch)?;
    }
    Ok(())
}

pub(super) fn many_keys_in_the_order_asked(place: &dyn Place) -> Checked {
    let engine = place.open()?;
    for key in [b"a", b"c", b"e"] {
        put(&*engine, ROWS, key, key)?;
    }
    let keys: [&[u8]; 7] = [b"e", b"b", b"a", b"e", b"", b"z", b"c"];
    let found = engine.snapshot()?.multi_get(ROWS, &keys)?;
    let expected = [Some("e"), None, Some("a"), Some("e"), None, None, Some("c")];
    assert_eq!(found, expected.map(|value| value.map(bytes)));
    assert_eq!(engine.snapshot()?.multi_get(ROWS, &[])?, []);
    Ok(())
}

pub(super) fn unknown_table_is_an_error(place: &dyn Place) -> Checked {
    let snapshot = place.open()?.snapshot()?;
    assert!(matches!(snapshot.get(UNKNOWN, b"k"), Err(EngineError::UnknownTable { .. })));
    assert!(matches!(snapshot.multi_get(UNKNOWN, &[b"k"]), Err(EngineError::UnknownTable { .. })));
    let mut scan = snapshot.scan(UNKNOWN, ScanRange::all(), Direction::Forward);
    assert!(matches!(scan.next(), Some(Err(EngineError::UnknownTable { .. }))));
    assert!(scan.next().is_none());
    Ok(())
}

pub(super) fn older_snapshot_stays(place: &dyn Place) -> Checked {
    let engine = place.open()?;
    let empty = engine.snapshot()?;
    put(&*engine, ROWS, b"kept", b"old")?;
    put(&*engine, ROWS, b"removed", b"old")?;
    let old = engine.snapshot()?;
    let mut batch = WriteBatch::new();
    batch.put(ROWS, "kept", "new");
    batch.delete(ROWS, "removed");
    batch.put(ROWS, "added", "new");
    engine.commit(batch)?;

    assert_eq!(all(&*empty, ROWS)?, []);
    assert_eq!(empty.get(ROWS, b"kept")?, None);
    let expected = [("kept", "old"), ("removed", "old")];
    assert_eq!(all(&*old, ROWS)?, expected.map(|(key, value)| (bytes(key), bytes(value))));
    let found = old.multi_get(ROWS, &[b"added", b"kept", b"removed"])?;
    assert_eq!(found, [None, Some(bytes("old")), Some(bytes("old"))]);
    let expected = [("added", "new"), ("kept", "new")];
    let new = engine.snapshot()?;
    assert_eq!(all(&*new, ROWS)?, expected.map(|(key, value)| (bytes(key), bytes(value))));
    Ok(())
}

pub(super) fn running_scan_stays(place: &dyn Place) -> Checked {
    let engine = place.open()?;
    let mut batch = WriteBatch::new();
    for row in 0..100_u8 {
        batch.put(LOG, vec![row], "old");
    }
    engine.commit(batch)?;
    for direction in [Direction::Forward, Direction::Backward] {
        let snapshot = engine.snapshot()?;
        let before = all(&*snapshot, LOG)?;
        let mut scan = snapshot.scan(LOG, ScanRange::all(), direction);
        let mut seen: Vec<_> = scan.by_ref().take(10).collect::<Result<_, _>>()?;
        let mut batch = WriteBatch::new();
        for row in 0..100_u8 {
            batch.put(LOG, vec![row, 1], "new");
            if row % 2 == 0 {
                batch.delete(LOG, vec![row]);
            } else {
                batch.put(LOG, vec![row], "new");
            }
        }
        engine.commit(batch)?;
        seen.extend(scan.collect::<Result<Vec<_>, _>>()?);
        if direction == Direction::Backward {
            seen.reverse();
        }
        assert_eq!(seen, before);
    }
    Ok(())
}

/// Enough to be written out and merged several times under the snapshot's feet.
pub(super) fn snapshot_outlives_much_writing(place: &dyn Place) -> Checked {
    let engine = place.open()?;
    let mut numbers = Numbers::new(2);
    let mut held = Vec::new();
    for round in 0..60_u8 {
        let mut batch = WriteBatch::new();
        for _ in 0..100 {
            let key = numbers.below(300).to_be_bytes().to_vec();
            if numbers.below(3) == 0 {
                batch.delete(ROWS, key);
            } else {
                batch.put(ROWS, key, vec![round; 500]);
            }
        }
        engine.commit(batch)?;
        if round % 10 == 0 {
            let snapshot = engine.snapshot()?;
            held.push((all(&*snapshot, ROWS)?, snapshot));
        }
    }
    for (expected, snapshot) in held {
        assert_eq!(all(&*snapshot, ROWS)?, expected);
        for (key, value) in expected {
            assert_eq!(snapshot.get(ROWS, &key)?, Some(value));
        }
    }
    Ok(())
}
