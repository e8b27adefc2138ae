//! Journals whose end is not whole, and such whose middle is not.

use super::*;

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
