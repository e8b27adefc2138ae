//! What was declared is so, and nothing else has changed; what was interrupted is finished.

use std::{collections::BTreeMap, fs, path::Path};

use jackdaw_common::lineage::Run;

use super::*;
use crate::{
    OpenError, Snapshot, Store,
    engine::Memory,
    keys::TABLES,
    write::tests::{
        harness::*,
        local::{parts::*, revisions::*},
    },
};

fn another() -> IncarnationId {
    IncarnationId::from_bytes([0xee; 16])
}

/// A vector: what is of 0 is of the incarnation that was declared.
fn declared(entries: &[(u8, u64)]) -> ChangeVector {
    ChangeVector::from_entries(entries.iter().map(|&(n, number)| match n {
        0 => Entry { incarnation: another(), etag: etag(number) },
        n => entry(n, number),
    }))
}

/// All rows but the one that says where it lies.
fn rows(snapshot: &Snapshot) -> BTreeMap<(u8, Bytes), Bytes> {
    let engine = snapshot.engine();
    let mut rows = BTreeMap::new();
    for table in TABLES {
        for row in engine.scan(table, ScanRange::all(), Direction::Forward) {
            let (key, value) = row.unwrap();
            rows.insert((table.id, key), value);
        }
    }
    rows.remove(&(keys::HEADER.id, Bytes::from_static(keys::ORIGIN_KEY)));
    rows
}

fn inspect(engine: &dyn Engine) -> Snapshot {
    Snapshot::inspect(engine).unwrap().unwrap()
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&from, &to);
        } else {
            fs::copy(from, to).unwrap();
        }
    }
}

fn open(path: &Path) -> Result<Store, OpenError> {
    Store::open(embedded(path), TestClock::at(0), running(1, 9))
}

/// A database in the folder `db` of a temporary one.
async fn in_a_folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("db")).unwrap();
    for id in ["a", "b", "c"] {
        put(&store, id, "1").await;
    }
    delete(&store, "b").await;
    folder
}

fn is_elsewhere(path: &Path) {
    match open(path) {
        Err(OpenError::MovedOrCopied { was, is }) => assert_ne!(was, is),
        other => panic!("{:?}", other.err()),
    }
}

#[tokio::test]
async fn a_copied_folder_does_not_open_before_it_is_adopted() {
    let folder = in_a_folder().await;
    let [original, copy] = ["db", "copy"].map(|name| folder.path().join(name));
    copy_folder(&original, &copy);
    is_elsewhere(&copy);
    is_elsewhere(&copy);
    open(&original).unwrap();
    let engine = embedded(&copy);
    let before = inspect(&engine);
    let held = (before.header().clone(), rows(&before));
    drop(before);
    adopt(&engine).unwrap();
    drop(engine);
    let store = open(&copy).unwrap();
    let snapshot = store.snapshot();
    let (header, was) = (snapshot.header(), &held.0);
    assert_eq!(rows(&snapshot), held.1);
    assert_eq!(header.lineage(), was.lineage());
    assert_ne!(header.origin.place, was.origin.place);
    assert_eq!((header.incarnation, &header.vector), (was.incarnation, &was.vector));
    audit(&snapshot);
}

#[tokio::test]
async fn a_moved_folder_opens() {
    let folder = in_a_folder().await;
    let [original, moved] = ["db", "moved"].map(|name| folder.path().join(name));
    fs::rename(&original, &moved).unwrap();
    assert_eq!(reads(&open(&moved).unwrap(), "a"), ["1"]);
}

#[tokio::test]
async fn a_folder_that_was_copied_away_and_back_does_not_open() {
    let folder = in_a_folder().await;
    let [original, copy] = ["db", "copy"].map(|name| folder.path().join(name));
    copy_folder(&original, &copy);
    put(&open(&original).unwrap(), "a", "2").await;
    fs::remove_dir_all(&original).unwrap();
    copy_folder(&copy, &original);
    is_elsewhere(&original);
    restored(&embedded(&original), another(), None).unwrap();
    let store = open(&original).unwrap();
    assert_eq!((store.incarnation(), reads(&store, "a")), (another(), vec!["1".to_owned()]));
}

#[tokio::test]
async fn a_copy_that_is_declared_restored_opens_as_another_incarnation() {
    let folder = in_a_folder().await;
    let [original, copy] = ["db", "copy"].map(|name| folder.path().join(name));
    copy_folder(&original, &copy);
    let engine = embedded(&copy);
    let declared = restored(&engine, another(), None).unwrap();
    let as_expected =
        Declared { incarnation: another(), common: etag(4), last: etag(4), reissued: 0 };
    assert_eq!(declared, as_expected);
    drop(engine);
    let store = open(&copy).unwrap();
    let snapshot = store.snapshot();
    let header = snapshot.header();
    let lives = [identity(1).incarnation, another()];
    let known: Vec<_> = header.lineage().lives().iter().map(|life| life.incarnation).collect();
    assert_eq!((known.as_slice(), store.incarnation()), (&lives[..], another()));
    assert_eq!(header.vector, vector(&[(1, 4)]));
    assert!(changes(&store, 0).iter().all(|row| row.version.vector.len() == 1));
    drop(snapshot);
    assert_eq!(put(&store, "a", "2").await.vector, self::declared(&[(1, 4), (0, 5)]));
    drop(store);
    open(&copy).unwrap();
}

#[test]
fn where_there_is_no_database_nothing_is_declared() {
    let memory = Memory::new(&TABLES);
    assert!(matches!(adopt(&memory), Err(DeclareError::Missing)));
    assert!(matches!(restored(&memory, another(), None), Err(DeclareError::Missing)));
    assert!(Snapshot::inspect(&memory).unwrap().is_none());
}

#[tokio::test]
async fn it_cannot_have_gone_back_to_what_it_never_had() {
    let memory = Memory::new(&TABLES);
    put(&opened(&memory, 1, 1), "a", "1").await;
    let before = rows(&inspect(&memory));
    match restored(&memory, another(), Some(etag(2))) {
        Err(DeclareError::Beyond { etag: said, last }) => {
            assert_eq!((said, last), (etag(2), etag(1)));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(rows(&inspect(&memory)), before);
    assert_eq!(inspect(&memory).header().lineage().lives().len(), 1);
    assert_eq!(restored(&memory, another(), Some(etag(1))).unwrap().reissued, 0);
}

/// Written up to the fork at 5; behind it by itself, by others, and by others upon its own.
async fn forked(memory: &Memory) {
    let store = opened(memory, 1, 1);
    task(&store, 7, true).await;
    for id in ["old", "a", "b", "c"] {
        put(&store, id, "1").await;
    }
    receive(&store, 2, vec![arriving(1, "theirs", &vector(&[(2, 1)]), Some("1"))]).await;
    drop(store);
    let store = opened(memory, 1, 2);
    put(&store, "a", "2").await; // 6
    put(&store, "a", "3").await; // 7
    delete(&store, "b").await; // 8
    put(&store, "n", "1").await; // 9
    let epoch = session(&store, 2).await.epoch;
    let minted = |number, id, vector: &ChangeVector| {
        let item = arriving(number, id, vector, Some("theirs"));
        jackdaw_common::Item { minted: Some(entry(2, number)), ..item }
    };
    let items = vec![
        minted(2, "c", &vector(&[(2, 2)])), // 10, beside the one of 4
        arriving(3, "n", &vector(&[(1, 6), (2, 3)]), Some("merged")), // 11, beside the one of 9
        minted(4, "upon", &vector(&[(1, 9), (2, 4)])), // 12
        arriving(5, "b", &vector(&[(2, 5)]), None), // 13, two deletions in one
    ];
    store.apply(batch(2, epoch, 1, items)).await.unwrap();
    store.apply(progress(2, epoch, 5, &vector(&[(1, 9), (2, 5)]))).await.unwrap();
    assert_eq!((store.last_etag(), counts(&store)), (etag(13), (4, 1, 2)));
    assert_eq!(store.vector(), vector(&[(1, 9), (2, 5)]));
}

#[tokio::test]
async fn what_was_written_behind_the_fork_is_reissued() {
    let memory = Memory::new(&TABLES);
    forked(&memory).await;
    let done = restored(&memory, another(), Some(etag(5))).unwrap();
    assert_eq!((done.common, done.last, done.reissued), (etag(5), etag(13), 6));
    let store = opened(&memory, 1, 3);
    audit(&store.snapshot());
    assert_eq!(store.vector(), declared(&[(1, 5), (0, 9), (2, 5)]));
    let of_row = |row: &ChangeRow| (row.etag.get(), row.version.vector.clone(), row.minted);
    let rows: Vec<_> = changes(&store, 0).iter().map(of_row).collect();
    let own = |number| (number, vector(&[(1, number)]), Some(entry(1, number)));
    let new = |number| {
        let minted = Entry { incarnation: another(), etag: etag(number) };
        (number, declared(&[(1, 5), (0, number)]), Some(minted))
    };
    let theirs =
        |number, minted, entries: &[(u8, u64)]| (number, vector(entries), Some(entry(2, minted)));
    let expected = [
        own(1),
        own(2),
        own(3),
        own(4),
        (5, vector(&[(2, 1)]), None),
        new(6),
        new(7),
        new(8),
        new(9),
        theirs(10, 2, &[(2, 2)]),
        (11, declared(&[(1, 5), (0, 6), (2, 3)]), None),
        theirs(12, 4, &[(1, 9), (2, 4)]),
        (13, declared(&[(1, 5), (0, 8), (2, 5)]), None),
    ];
    assert_eq!(rows, expected);
    assert_eq!(reads(&store, "n"), ["1", "merged"]);
    assert_eq!(found(&store, "b").version.vector, rows[12].1);
    assert_eq!(found(&store, "upon").version.vector, vector(&[(1, 9), (2, 4)]));
    // What it writes next it writes as the new one, behind all of it.
    let next = put(&store, "a", "4").await;
    assert_eq!(next.vector, declared(&[(1, 5), (0, 14), (2, 5)]));
}

/// So are counters and entries of time series: what the original has written under the same etags
/// is something else, and both are kept.
#[tokio::test]
async fn parts_that_were_written_behind_the_fork_are_reissued() {
    let (memory, original) = (Memory::new(&TABLES), Memory::new(&TABLES));
    for (engine, on) in [(&memory, 10i32), (&original, 100)] {
        let store = opened(engine, 1, 1);
        put(&store, "d", "1").await;
        one(&store, appending("d", "heat", &[(1, &[1.0]), (2, &[2.0])])).await.unwrap();
        drop(store);
        let store = opened(engine, 1, 2);
        let value = f64::from(on);
        let entries: [(i64, &[f64]); 2] = [(on.into(), &[3.0]), (2, &[value])];
        one(&store, appending("d", "heat", &entries)).await.unwrap();
        one(&store, adding("d", "likes", on.into())).await.unwrap();
    }
    let common = etag(2);
    assert_eq!(restored(&memory, another(), Some(common)).unwrap().common, common);
    let (store, original) = (opened(&memory, 1, 3), opened(&original, 1, 4));
    audit(&store.snapshot());
    let head = store.snapshot().counter(&id("d"), &counter_name("likes")).unwrap().unwrap();
    assert_eq!(head.part.partials.as_slice()[0].origin.incarnation, another());
    let third = in_memory(3);
    copy(&original, &third).await;
    bring(&store, &third).await.unwrap();
    audit(&third.snapshot());
    assert_eq!(counted(&third, "d", "likes"), Some(110));
    let expected: [(i64, Vec<f64>); 4] =
        [(1, vec![1.0]), (2, vec![100.0]), (10, vec![3.0]), (100, vec![3.0])];
    assert_eq!(shown(&third, "d", "heat"), expected);
}

/// What the database is, but for where its rows stand.
fn outcome(engine: &dyn Engine) -> (Header, BTreeMap<(u8, Bytes), Bytes>) {
    let snapshot = inspect(engine);
    (snapshot.header().clone(), rows(&snapshot))
}

#[tokio::test]
async fn an_interruption_anywhere_is_finished_by_repeating_it() {
    let memory = Memory::new(&TABLES);
    forked(&memory).await;
    let store = opened(&memory, 1, 2);
    // More than two steps of rows, a conflict among them whose versions lie in different steps.
    for part in 0..2u8 {
        let many = (0..REISSUE_ROWS_MAX).map(|number| putting(&format!("m/{part}/{number}"), "1"));
        store.transact(many.collect()).await.unwrap();
    }
    let after = store.snapshot().cursor(source(2)).unwrap().unwrap().etag();
    let epoch = session(&store, 2).await.epoch;
    let beside = arriving(6, "m/0/0", &vector(&[(1, 9), (2, 6)]), Some("beside"));
    store.apply(batch(2, epoch, after.get(), vec![beside])).await.unwrap();
    drop(store);
    let whole = copied(&memory);
    let fork = Some(etag(5));
    let all = restored(&whole, another(), fork).unwrap();
    let (expected, commits) = (outcome(&whole), 5);
    for fault in [Fault::NoSpace, Fault::Lost, Fault::Kept] {
        for nth in 0..=commits {
            let disk = copied(&memory);
            let engine = Faulty::over(disk.clone());
            engine.fail_after(nth, fault);
            let interrupted = restored(&engine, another(), fork);
            assert_eq!(interrupted.is_err(), nth < commits, "{fault:?} {nth}");
            if interrupted.is_ok() {
                assert_eq!(engine.tried(), commits);
                continue;
            }
            let begun = (nth, fault) != (0, Fault::Lost) && (nth, fault) != (0, Fault::NoSpace);
            let over = (nth, fault) == (commits - 1, Fault::Kept);
            let opens = Store::open(disk.clone(), TestClock::at(0), identity(1));
            match opens {
                Err(OpenError::Unfinished) => assert!(begun && !over, "{fault:?} {nth}"),
                Err(other) => panic!("{other}"),
                Ok(_) => assert!(!begun || over, "{fault:?} {nth}"),
            }
            if begun && !over {
                assert!(matches!(adopt(&disk), Err(DeclareError::Unfinished)));
            }
            if begun && !over {
                // Another one is not taken for it.
                let other = Some(all.common.next().unwrap());
                let refused = restored(&disk, identity(9).incarnation, other);
                let Err(DeclareError::Begun { begun }) = refused else { panic!("{refused:?}") };
                assert_eq!(begun, all.common);
            }
            if !over {
                // It is finished as what it was begun as, whatever is said now.
                let (said, at) =
                    if begun { (identity(9).incarnation, None) } else { (another(), fork) };
                let finished = restored(&disk, said, at).unwrap();
                let known = (finished.incarnation, finished.common, finished.last);
                assert_eq!(known, (all.incarnation, all.common, all.last));
                assert!(finished.reissued <= all.reissued);
            }
            assert_eq!(outcome(&disk), expected, "{fault:?} {nth}");
            audit(&inspect(&disk));
        }
    }
}

#[tokio::test]
async fn a_second_declaration_reaches_behind_the_first() {
    let memory = Memory::new(&TABLES);
    let store = opened(&memory, 1, 1);
    for number in 1..=4 {
        put(&store, "x", &number.to_string()).await;
    }
    drop(store);
    let first = identity(8).incarnation;
    restored(&memory, first, Some(etag(3))).unwrap();
    let store = opened(&memory, 1, 2);
    put(&store, "y", "5").await;
    let said = vector(&[(1, 3), (8, 4)]);
    assert_eq!(found(&store, "x").version.vector, said);
    assert_eq!(found(&store, "y").version.vector, vector(&[(1, 3), (8, 5)]));
    drop(store);
    // It had gone back further than was said.
    let done = restored(&memory, another(), Some(etag(2))).unwrap();
    assert_eq!((done.common, done.reissued), (etag(2), 2));
    let store = opened(&memory, 1, 3);
    assert_eq!(found(&store, "x").version.vector, declared(&[(1, 2), (0, 4)]));
    assert_eq!(found(&store, "y").version.vector, declared(&[(1, 2), (0, 5)]));
    assert_eq!(store.vector(), declared(&[(1, 2), (0, 5)]));
    let snapshot = store.snapshot();
    let lineage = snapshot.header().lineage();
    let lives = [
        Life { incarnation: identity(1).incarnation, after: Etag::ZERO },
        Life { incarnation: another(), after: etag(2) },
    ];
    assert_eq!(lineage.lives(), lives);
    let run = |id: u8, first| Run { id: jackdaw_common::RunId::from_bytes([id; 16]), first };
    assert_eq!(lineage.runs(), [run(1, etag(1)), run(2, etag(5))]);
    audit(&snapshot);
}

/// A task's destination has passed nothing behind the fork, whatever it acknowledged.
#[tokio::test]
async fn no_task_has_passed_what_is_not_common() {
    let memory = Memory::new(&TABLES);
    forked(&memory).await;
    let store = opened(&memory, 1, 2);
    task(&store, 8, true).await;
    store.stand(at(7, etag(13))).await.unwrap();
    store.stand(at(8, etag(3))).await.unwrap();
    drop(store);
    restored(&memory, another(), Some(etag(5))).unwrap();
    let snapshot = inspect(&memory);
    let followers = &snapshot.header().followers;
    assert_eq!(followers.acknowledged(7), Some(etag(5)));
    assert_eq!(followers.acknowledged(8), Some(etag(3)));
}

/// Revisions behind the fork are the new incarnation's, those before stay what they were, and so is
/// what was removed of them.
#[tokio::test]
async fn revisions_behind_the_fork_are_reissued() {
    let memory = Memory::new(&TABLES);
    let store = opened(&memory, 1, 1);
    put(&store, "late", "1").await;
    configure(&store, Some(newest(2))).await;
    task(&store, 1, true).await;
    for number in 2..=4 {
        put(&store, "x", &number.to_string()).await;
    }
    let fork = store.last_etag();
    put(&store, "x", "5").await;
    put(&store, "late", "2").await;
    let before = [revised(&store, "x"), revised(&store, "late")];
    drop(store);
    restored(&memory, another(), Some(fork)).unwrap();
    let store = opened(&memory, 1, 2);
    assert_eq!([revised(&store, "x"), revised(&store, "late")], before);
    let snapshot = store.snapshot();
    let by = |document: &str| {
        let all = snapshot.revisions(&id(document), None).map(|it| it.unwrap().1.by);
        all.collect::<Vec<_>>()
    };
    let number = fork.get();
    assert_eq!(by("x"), [declared(&[(0, number + 1)]), vector(&[(1, number - 1)])]);
    assert_eq!(by("late"), [declared(&[(0, number + 4)]), declared(&[(0, number + 3)])]);
    // What was removed before is still so, and what goes now goes too.
    put(&store, "x", "6").await;
    assert_eq!(revised(&store, "x"), ["6", "5"]);
    store.stand(at(1, store.last_etag())).await.unwrap();
    put(&store, "other", "1").await;
    audit(&store.snapshot());
    assert_eq!(store.snapshot().header().history_rows, 0);
    let there = in_memory(2);
    copy(&store, &there).await;
    assert_eq!([revised(&there, "x"), revised(&there, "late")], [vec!["6", "5"], vec!["2", "1"]]);
}

/// Who holds an index from before a restore is not taken for somebody who has read what is there.
#[tokio::test]
async fn indexes_from_before_are_given_to_nobody() {
    let memory = Memory::new(&TABLES);
    let store = opened(&memory, 1, 1);
    let put = |value: &'static str, expected| crate::Exchange {
        key: "lock".parse().unwrap(),
        expected: jackdaw_common::CompareExchangeIndex::new(expected),
        value: Some(Bytes::from_static(value.as_bytes())),
    };
    assert_eq!(store.exchange(put("1", 0)).await.unwrap().index.get(), 1);
    drop(store);
    restored(&memory, another(), None).unwrap();
    let store = opened(&memory, 1, 2);
    let index = store.exchange(put("2", 1)).await.unwrap().index.get();
    assert!(index > 1 << 40, "{index}");
}
