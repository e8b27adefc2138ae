//! The folder: one handle, openings, and creations that were cut short.

use std::io::{BufRead, BufReader};
use std::time::Duration;

use bytes::Bytes;

use super::*;

#[test]
fn a_folder_opens_once() {
    let folder = TempDir::new().unwrap();
    let engine = open(folder.path()).unwrap();
    match open(folder.path()).map(|_| ()) {
        Err(EngineError::Locked { path }) => assert_eq!(path, folder.path()),
        other => panic!("{other:?}"),
    }
    commit(&engine, 1, 10).unwrap();
}

#[test]
#[ignore = "run by another test in a process of its own"]
fn process_that_holds_a_folder() {
    let folder = std::env::var_os(FOLDER).unwrap();
    let engine = open(Path::new(&folder)).unwrap();
    commit(&engine, 1, 10).unwrap();
    println!("\nit is open");
    std::io::stdin().read_line(&mut String::new()).unwrap();
    // Ends without closing anything: it is killed.
    std::thread::sleep(Duration::from_secs(600));
}

#[test]
fn a_folder_opens_once_over_processes_and_again_when_one_is_killed() {
    let folder = TempDir::new().unwrap();
    let mut other = in_another_process("opening::process_that_holds_a_folder", folder.path());
    let mut lines = BufReader::new(other.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap() == "it is open"));
    let refused = open(folder.path()).map(|_| ());
    other.kill().unwrap();
    other.wait().unwrap();
    assert!(matches!(refused, Err(EngineError::Locked { .. })), "{refused:?}");
    assert_eq!(numbers(&open(folder.path()).unwrap()), [1]);
}

#[test]
fn a_folder_opens_again_at_once() {
    let folder = TempDir::new().unwrap();
    for number in 0..40 {
        let engine = open_small(folder.path());
        // Enough for the background threads to be at work when it is dropped.
        commit(&engine, number, 20_000).unwrap();
        assert_eq!(numbers(&engine), (0..=number).collect::<Vec<_>>());
    }
}

#[test]
fn a_snapshot_outlives_the_engine_and_holds_the_lock() {
    let folder = TempDir::new().unwrap();
    let engine = open_small(folder.path());
    for number in 0..10 {
        commit(&engine, number, 20_000).unwrap();
    }
    let snapshot = engine.snapshot().unwrap();
    drop(engine);
    assert_eq!(snapshot.scan(LOG, ScanRange::all(), Direction::Backward).count(), 10);
    assert_eq!(snapshot.get(ROWS, &[3]).unwrap(), Some(Bytes::from(value(3, 20_000))));
    assert!(matches!(open(folder.path()).map(|_| ()), Err(EngineError::Locked { .. })));
    drop(snapshot);
    open(folder.path()).unwrap();
}

#[test]
fn nothing_comes_back_after_the_folder_was_removed() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("database");
    let engine = open_small(&path);
    for number in 0..10 {
        commit(&engine, number, 20_000).unwrap();
    }
    drop(engine);
    fs::remove_dir_all(&path).unwrap();
    std::thread::sleep(Duration::from_millis(50));
    assert!(!path.exists());
    assert_eq!(numbers(&open(&path).unwrap()), [0_u8; 0]);
}

#[test]
fn tables_are_added_at_a_later_opening() {
    let folder = TempDir::new().unwrap();
    commit(&open(folder.path()).unwrap(), 1, 10).unwrap();
    let engine =
        Embedded::open(folder.path(), &[LATER, LOG, ROWS], EmbeddedOptions::default()).unwrap();
    assert_eq!(engine.snapshot().unwrap().get(LATER, b"key").unwrap(), None);
    let mut batch = WriteBatch::new();
    batch.put(LATER, "key", "value");
    engine.commit(batch).unwrap();
    assert_eq!(numbers(&engine), [1]);
}

#[test]
fn a_creation_cut_short_is_begun_anew() {
    type Stage = fn(&Path);
    let stages: [Stage; 6] = [
        |folder| drop(fs::File::create(folder.join("lock")).unwrap()),
        |folder| fs::create_dir(folder.join("keyspaces")).unwrap(),
        |folder| drop(fs::File::create(folder.join("0.jnl")).unwrap()),
        |folder| fs::write(folder.join("0.jnl"), vec![0; 100_000]).unwrap(),
        |folder| drop(fs::File::create(folder.join("version")).unwrap()),
        |folder| fs::write(folder.join("version"), "FJL").unwrap(),
    ];
    for reached in 0..=stages.len() {
        let begun = || {
            let folder = TempDir::new().unwrap();
            stages[..reached].iter().for_each(|stage| stage(folder.path()));
            folder
        };
        let alone = fjall_alone(begun().path());
        assert_eq!(alone.is_ok(), reached < 3, "from the journal on, fjall alone fails: {alone:?}");
        let folder = begun();
        let opened = open(folder.path()).unwrap_or_else(|error| panic!("{reached}: {error}"));
        commit(&opened, 1, 10).unwrap();
        drop(opened);
        assert_eq!(numbers(&open(folder.path()).unwrap()), [1]);
    }
}

#[test]
fn a_folder_whose_marker_was_lost_is_not_taken_for_a_new_one() {
    let folder = TempDir::new().unwrap();
    commit(&open(folder.path()).unwrap(), 1, 10).unwrap();
    let marker = fs::read(folder.path().join("version")).unwrap();
    fs::remove_file(folder.path().join("version")).unwrap();
    let refused = open(folder.path()).map(|_| ());
    assert!(matches!(refused, Err(EngineError::Unusable { .. })), "{refused:?}");
    fs::write(folder.path().join("version"), marker).unwrap();
    assert_eq!(numbers(&open(folder.path()).unwrap()), [1]);

    fs::write(folder.path().join("version"), "FJL\x02").unwrap();
    let refused = open(folder.path()).map(|_| ());
    assert!(matches!(refused, Err(EngineError::Unusable { .. })), "{refused:?}");
}
