//! Tables that were written out.

use super::*;

#[test]
fn a_damaged_table_is_named() {
    let folder = TempDir::new().unwrap();
    let engine = open_small(folder.path());
    for number in 0..20 {
        commit(&engine, number, 5000).unwrap();
    }
    drop(engine);
    let mut damaged = 0;
    for folder in table_folders(folder.path()) {
        for table in fs::read_dir(folder).unwrap() {
            overwrite(&table.unwrap().path(), 300, b"not what was written");
            damaged += 1;
        }
    }
    assert!(damaged >= 2, "something was written out");
    let engine = open(folder.path()).unwrap();
    let snapshot = engine.snapshot().unwrap();
    for table in [LOG, ROWS] {
        let gets = (0..20).map(|number| snapshot.get(table, &[number]));
        let broken = gets.filter_map(Result::err).next().unwrap();
        assert!(
            matches!(&broken, EngineError::Corrupt { table: name, key, .. }
                if *name == table.name && key.len() == 1),
            "{broken:?}"
        );
        let rows: Vec<_> = snapshot.scan(table, ScanRange::all(), Direction::Forward).collect();
        let broken = rows.iter().position(Result::is_err).unwrap();
        assert_eq!(broken, rows.len() - 1, "the scan ends with its first error");
        assert!(matches!(rows[broken], Err(EngineError::Corrupt { .. })), "{:?}", rows[broken]);
    }
}

#[test]
fn a_row_read_alone_holds_on_to_no_block() {
    let folder = TempDir::new().unwrap();
    let engine = open_small(folder.path());
    for number in 0..20 {
        commit(&engine, number, 1000).unwrap();
    }
    drop(engine);
    let snapshot = open(folder.path()).unwrap().snapshot().unwrap();
    for number in 0..20 {
        for value in snapshot.multi_get(ROWS, &[&[number], &[number]]).unwrap() {
            assert!(value.unwrap().is_unique());
        }
    }
    let rows = snapshot.scan(ROWS, ScanRange::all(), Direction::Forward);
    let rows: Vec<_> = rows.map(|row| row.unwrap().1).collect();
    assert!(rows.iter().all(|value| !value.is_unique()), "those of a scan share theirs");
}
