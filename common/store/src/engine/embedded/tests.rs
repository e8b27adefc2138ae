//! What only this engine promises; the promises of every engine are in `suite`.

use std::cell::Cell;
use std::fs;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use tempfile::TempDir;

use super::super::{Direction, Profile, ScanRange};
use super::*;

const LOG: Table = Table { id: 1, name: "log", profile: Profile::Sequential };
const ROWS: Table = Table { id: 2, name: "rows", profile: Profile::Random };
const LATER: Table = Table { id: 3, name: "later", profile: Profile::Small };

fn open(path: &Path) -> Result<Embedded, EngineError> {
    Embedded::open(path, &[LOG, ROWS], EmbeddedOptions::default())
}

/// Writes out after nearly every commit.
fn open_small(path: &Path) -> Embedded {
    let options = EmbeddedOptions {
        memtable_bytes_max: 16 << 10,
        write_buffer_bytes_max: 32 << 10,
        ..EmbeddedOptions::default()
    };
    Embedded::open(path, &[LOG, ROWS], options).unwrap()
}

/// Commit number `number`: a row of `bytes` in each table.
fn commit(engine: &Embedded, number: u8, bytes: usize) -> Result<(), EngineError> {
    let mut batch = WriteBatch::new();
    batch.put(LOG, vec![number], value(number, bytes));
    batch.put(ROWS, vec![number], value(number, bytes));
    engine.commit(batch)
}

/// Bytes that do not compress and hold no zero, the same for the same arguments.
fn value(number: u8, bytes: usize) -> Vec<u8> {
    let mut state = u32::from(number) + 1;
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0] | 1
    };
    (0..bytes).map(next).collect()
}

/// The numbers of the commits that are there; each must be there whole.
fn numbers(engine: &Embedded) -> Vec<u8> {
    let snapshot = engine.snapshot().unwrap();
    let keys = |table| {
        let rows = snapshot.scan(table, ScanRange::all(), Direction::Forward);
        rows.map(|row| row.unwrap().0[0]).collect::<Vec<_>>()
    };
    assert_eq!(keys(LOG), keys(ROWS), "half a batch is there");
    keys(LOG)
}

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

/// Runs `test`, which is ignored otherwise, in a process of its own, in `folder`.
fn in_another_process(test: &str, folder: &Path) -> Child {
    // The shell makes a write beyond a limit an error instead of a deadly signal.
    Command::new("sh")
        .args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args(["--ignored", "--nocapture", "--exact"])
        .arg(format!("engine::embedded::tests::{test}"))
        .env(FOLDER, folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

const FOLDER: &str = "JACKDAW_TEST_FOLDER";

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
    let mut other = in_another_process("process_that_holds_a_folder", folder.path());
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

thread_local! {
    static FREE: Cell<u64> = const { Cell::new(u64::MAX) };
}

#[test]
fn a_full_disk_is_refused_and_forgiven() {
    let folder = TempDir::new().unwrap();
    let options = EmbeddedOptions { reserve_bytes: 1 << 20, ..EmbeddedOptions::default() };
    let mut engine = Embedded::open(folder.path(), &[LOG, ROWS], options).unwrap();
    engine.space.measure = |_| Ok(FREE.get());
    commit(&engine, 1, 1000).unwrap();

    FREE.set((1 << 20) + 8000);
    let refused = commit(&engine, 2, 2000);
    let Err(EngineError::NoSpace { path, available, needed }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!((path.as_path(), available), (folder.path(), (1 << 20) + 8000));
    // The reserve, four times the batch, what is buffered and what there is to compact.
    assert!(needed > (1 << 20) + 4 * 4002 + 2000, "{needed}");
    assert_eq!(numbers(&engine), [1], "reads go on, and nothing was written");

    FREE.set(needed);
    commit(&engine, 2, 2000).unwrap();
    FREE.set(u64::MAX);
    commit(&engine, 3, 2000).unwrap();
    assert_eq!(numbers(&engine), [1, 2, 3]);
}

#[test]
fn a_disk_that_cannot_be_measured_is_not_written_to_again() {
    let folder = TempDir::new().unwrap();
    let mut engine = open(folder.path()).unwrap();
    commit(&engine, 1, 10).unwrap();
    engine.space.measure = |_| Err(std::io::Error::other("planted"));
    assert!(matches!(commit(&engine, 2, 10), Err(EngineError::Poisoned { .. })));
    engine.space.measure = |_| Ok(u64::MAX);
    assert!(matches!(commit(&engine, 2, 10), Err(EngineError::Poisoned { .. })));
    assert_eq!(numbers(&engine), [1]);
}

#[test]
fn a_folder_too_big_to_compact_needs_more_space() {
    let folder = TempDir::new().unwrap();
    let options = EmbeddedOptions { reserve_bytes: 0, ..EmbeddedOptions::default() };
    let mut engine = Embedded::open(folder.path(), &[LOG, ROWS], options).unwrap();
    engine.space.measure = |_| Ok(FREE.get());
    commit(&engine, 1, 1 << 20).unwrap();
    FREE.set(engine.disk_bytes().unwrap());
    assert!(matches!(commit(&engine, 2, 10), Err(EngineError::NoSpace { .. })));
}

/// Where the files of [`LOG`] and [`ROWS`] are.
fn table_folders(folder: &Path) -> Vec<PathBuf> {
    let keyspaces = fs::read_dir(folder.join("keyspaces")).unwrap();
    let keyspaces = keyspaces.map(|entry| entry.unwrap()).filter(|entry| entry.file_name() != "0");
    let folders: Vec<_> = keyspaces.map(|entry| entry.path().join("tables")).collect();
    assert_eq!(folders.len(), 2);
    folders
}

/// A failing thread in the background must not let a commit hang, nor lose anything.
#[test]
fn a_failed_background_thread_ends_writing_and_nothing_else() {
    let folder = TempDir::new().unwrap();
    let engine = open_small(folder.path());
    commit(&engine, 0, 100).unwrap();
    for folder in table_folders(folder.path()) {
        fs::remove_dir_all(folder).unwrap();
    }
    let mut refused = None;
    let mut last = 0;
    for number in 1..=255 {
        match commit(&engine, number, 5000) {
            Ok(()) => last = number,
            Err(error) => {
                refused = Some(error);
                break;
            }
        }
    }
    assert!(matches!(refused, Some(EngineError::Poisoned { .. })), "{refused:?}");
    assert!(matches!(commit(&engine, 255, 1), Err(EngineError::Poisoned { .. })), "for good");
    let expected: Vec<_> = (0..=last).collect();
    assert_eq!(numbers(&engine), expected, "reads go on");
    drop(engine);
    assert_eq!(numbers(&open(folder.path()).unwrap()), expected, "what was committed is there");
}

#[test]
#[ignore = "run by another test in a process of its own"]
fn process_whose_write_fails() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let folder = std::env::var_os(FOLDER).unwrap();
    let engine = open(Path::new(&folder)).unwrap();
    for number in 0..5 {
        commit(&engine, number, 100_000).unwrap();
    }
    let limit = getrlimit(Resource::Fsize);
    let short = Rlimit { current: Some(1_100_000), maximum: limit.maximum };
    setrlimit(Resource::Fsize, short).unwrap();
    let failed = commit(&engine, 5, 200_000);
    assert!(matches!(failed, Err(EngineError::Io { .. })), "{failed:?}");
    setrlimit(Resource::Fsize, limit).unwrap();

    // The disk is well again; the engine must not trust it.
    let refused = commit(&engine, 6, 10);
    assert!(matches!(refused, Err(EngineError::Poisoned { .. })), "{refused:?}");
    assert_eq!(numbers(&engine), [0, 1, 2, 3, 4], "reads go on, without the failed batch");
    println!("\nall as it should be");
}

#[test]
fn a_failed_write_is_final_until_opened_again() {
    let folder = TempDir::new().unwrap();
    let mut other = in_another_process("process_whose_write_fails", folder.path());
    let mut said = String::new();
    other.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    other.wait().unwrap();
    assert!(said.contains("all as it should be"), "{said}");

    let engine = open(folder.path()).unwrap();
    let found = numbers(&engine);
    assert!(found == [0, 1, 2, 3, 4] || found == [0, 1, 2, 3, 4, 5], "{found:?}");
    commit(&engine, 7, 10).unwrap();
    drop(engine);
    assert_eq!(numbers(&open(folder.path()).unwrap()), [&found[..], &[7]].concat());
}

/// A folder with ten commits in its only journal.
struct TenCommits {
    folder: TempDir,
    /// Where each of their records ends in it; it ends with the last.
    ends: Vec<u64>,
}

impl TenCommits {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let engine = open(folder.path()).unwrap();
        let journal = journal::files(folder.path()).unwrap().remove(0);
        let ends = (0..10).map(|number| {
            commit(&engine, number, 9000).unwrap();
            let written = fs::read(&journal).unwrap();
            written.iter().rposition(|byte| *byte != 0).unwrap() as u64 + 1
        });
        let ends: Vec<_> = ends.collect();
        drop(engine);
        let file = fs::OpenOptions::new().write(true).open(&journal).unwrap();
        file.set_len(ends[9]).unwrap();
        Self { folder, ends }
    }

    /// A copy of the folder, and its journal.
    fn copy(&self) -> (TempDir, PathBuf) {
        let to = TempDir::new().unwrap();
        copy_all(self.folder.path(), to.path());
        let journal = journal::files(to.path()).unwrap().remove(0);
        (to, journal)
    }
}

fn copy_all(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir(&to).unwrap();
            copy_all(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

fn overwrite(file: &Path, offset: u64, with: &[u8]) {
    let mut file = fs::OpenOptions::new().write(true).open(file).unwrap();
    file.seek(SeekFrom::Start(offset)).unwrap();
    file.write_all(with).unwrap();
}

/// What fjall makes of a folder alone, without what this engine does before.
fn fjall_alone(folder: &Path) -> Result<Vec<u8>, EngineError> {
    let database = folder::open(folder, &EmbeddedOptions::default())?;
    let keyspaces = Arc::new(layout::keyspaces(&database, &[LOG, ROWS], folder)?);
    let view = View::new(&database, &keyspaces);
    let rows = view.scan(LOG, ScanRange::all(), Direction::Forward);
    Ok(rows.map(|row| row.unwrap().0[0]).collect())
}

/// A journal that another one follows was synced before: an end of it that is not whole is no
/// unfinished commit, and what it held must not go in silence.
#[test]
fn only_the_newest_journal_may_end_in_an_unfinished_commit() {
    let ten = TenCommits::new();
    let (folder, journal) = ten.copy();
    overwrite(&journal, ten.ends[9] - 100, b"damage");
    let before = fs::read(&journal).unwrap();
    let next = folder.path().join("1.jnl");
    fs::write(&next, &before[..usize::try_from(ten.ends[0]).unwrap()]).unwrap();
    let files = journal::files(folder.path()).unwrap();
    assert_eq!(files, [journal.clone(), next.clone()], "oldest first");
    match journal::mend_all(&files) {
        Err(EngineError::Corrupt { table: "journal", key, what }) => {
            assert_eq!(key, journal.file_name().unwrap().as_encoded_bytes());
            assert!(what.contains("a later journal follows"), "{what}");
        }
        other => panic!("{other:?}"),
    }
    assert!(fs::read(&journal).unwrap() == before, "the journal must not be touched");
    // Of the newest one it is an unfinished commit.
    fs::remove_file(next).unwrap();
    journal::mend_all(&journal::files(folder.path()).unwrap()).unwrap();
    assert_eq!(fs::metadata(&journal).unwrap().len(), ten.ends[8]);
}

fn check_crash_image(journal: &Path, what: &str) {
    let engine = open(journal.parent().unwrap()).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(numbers(&engine), (0..9).collect::<Vec<_>>(), "{what}");
    commit(&engine, 9, 9000).unwrap();
    drop(engine);
    let engine = open(journal.parent().unwrap()).unwrap();
    assert_eq!(numbers(&engine), (0..10).collect::<Vec<_>>(), "{what}, opened again");
}

#[test]
fn a_last_record_cut_short_is_dropped() {
    let ten = TenCommits::new();
    let (start, length) = (ten.ends[8], ten.ends[9] - ten.ends[8]);
    for kept in [1, 4, 13, 14, 40, 5000, 9100, length / 2, length - 14, length - 5, length - 1] {
        for zeros in [0, 4096] {
            let (_folder, journal) = ten.copy();
            let file = fs::OpenOptions::new().write(true).open(&journal).unwrap();
            file.set_len(start + kept).unwrap();
            file.set_len(start + kept + zeros).unwrap();
            check_crash_image(&journal, &format!("{kept} of {length} bytes and {zeros} zeros"));
        }
    }
}

#[test]
fn a_last_record_with_holes_is_dropped() {
    let ten = TenCommits::new();
    for (offset, length) in [(0, 512), (0, 8192), (1000, 4096), (4096, 4096), (9000, 2000)] {
        let (_folder, journal) = ten.copy();
        overwrite(&journal, ten.ends[8] + offset, &vec![0; length]);
        check_crash_image(&journal, &format!("a hole at {offset} of {length}"));
    }
    for control in [true, false] {
        let (folder, journal) = ten.copy();
        overwrite(&journal, ten.ends[8] + 700, b"bits");
        if control {
            let refused = fjall_alone(folder.path());
            assert!(matches!(refused, Err(EngineError::Unusable { .. })), "{refused:?}");
        } else {
            check_crash_image(&journal, "other bytes in a value");
        }
    }
}

#[test]
fn damage_before_whole_records_is_an_error() {
    let ten = TenCommits::new();
    let damages: [(usize, u64, &[u8]); 4] =
        [(4, 0, b"\0"), (4, 100, b"bits"), (8, 20, b"\xFF"), (0, 3, b"\x01")];
    for (record, offset, with) in damages {
        let (folder, journal) = ten.copy();
        let start = record.checked_sub(1).map_or(0, |before| ten.ends[before]);
        overwrite(&journal, start + offset, with);
        let before = fs::read(&journal).unwrap();
        match open(folder.path()).map(|_| ()) {
            Err(EngineError::Corrupt { table: "journal", key, what }) => {
                assert_eq!(key, journal.file_name().unwrap().as_encoded_bytes());
                assert!(what.contains(&format!("byte {start} ")), "{what}, expected {start}");
            }
            other => panic!("record {record}: {other:?}"),
        }
        assert!(fs::read(&journal).unwrap() == before, "the journal must not be touched");
    }
    let (folder, journal) = ten.copy();
    overwrite(&journal, ten.ends[3], b"\0");
    let left = fjall_alone(folder.path()).unwrap();
    assert_eq!(left, [0, 1, 2, 3], "alone, fjall drops six commits without a word");
}

/// Rows may hold anything, also what looks like the end of one record and the start of the next.
#[test]
fn rows_that_look_like_records_do_not_count_as_such() {
    let ten = TenCommits::new();
    let (_folder, journal) = ten.copy();
    let record = &fs::read(&journal).unwrap()[..usize::try_from(ten.ends[0]).unwrap()];
    let value = [b"FJL\x03", record, b"FJL\x03"].concat();
    let engine = open(journal.parent().unwrap()).unwrap();
    let mut batch = WriteBatch::new();
    batch.put(LOG, "a row", value.repeat(3));
    batch.put(LOG, "the next", "row");
    engine.commit(batch).unwrap();
    drop(engine);
    assert!(fs::metadata(&journal).unwrap().len() > ten.ends[9] + 3 * ten.ends[0], "appended to");
    overwrite(&journal, ten.ends[9], b"\0");
    let engine = open(journal.parent().unwrap()).unwrap();
    assert_eq!(numbers(&engine), (0..10).collect::<Vec<_>>());
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
fn memory_is_bounded() {
    let most = |memtable_bytes_max, write_buffer_bytes_max| {
        let folder = TempDir::new().unwrap();
        let options = EmbeddedOptions {
            memtable_bytes_max,
            write_buffer_bytes_max,
            ..EmbeddedOptions::default()
        };
        let engine = Embedded::open(folder.path(), &[LOG, ROWS], options).unwrap();
        let buffered = (0..100).map(|number| {
            commit(&engine, number, 40_000).unwrap();
            engine.database.write_buffer_size()
        });
        buffered.max().unwrap()
    };
    // Of each table one in use and, at the very most, three on their way out.
    let bounded = 2 * 4 * 300_000;
    assert!(most(200_000, u64::MAX) < bounded);
    assert!(most(u64::MAX, 300_000) < bounded);
    assert!(most(u64::MAX, u64::MAX) > bounded);
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
