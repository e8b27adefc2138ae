//! A process stopped at any moment, while it writes tables out, merges them and changes journals:
//! its folder, as it is then, opens with every acknowledged commit and nothing half.
//!
//! The images are exact: every thread of the process stands still while its folder is copied.

use std::collections::BTreeMap;
use std::os::unix::fs::FileExt as _;
use std::time::Duration;

use bytes::Bytes;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

use super::*;

/// Commits of the process: 64 MB fill a journal, which is when the next one is begun.
const COMMITS: u32 = 3_000;
/// Images of its folder.
const IMAGES: u32 = 16;
/// Of these, how many are taken at once when there are several journals.
const ROTATED_MAX: u32 = 4;
/// Rows that are there at once.
const LIVE: u32 = 48;
/// Commits from one that writes to a third table to the next; what they write stays.
const LATER_EVERY: u32 = 50;
/// Bytes of a row, in each of two tables.
const ROW_BYTES: usize = 30_000;

/// The folder of the process, and what it has answered for, in a folder of both.
const DATABASE: &str = "database";
const ACKNOWLEDGED: &str = "acknowledged";

fn open_image(path: &Path) -> Result<Embedded, EngineError> {
    let options = EmbeddedOptions {
        memtable_bytes_max: 128 << 10,
        write_buffer_bytes_max: 256 << 10,
        ..EmbeddedOptions::default()
    };
    Embedded::open(path, &[LATER, LOG, ROWS], options)
}

/// What commit `number` puts and deletes. What it puts into `LATER` is so little that it is not
/// written out by itself: it holds journals back.
fn operations(number: u32) -> WriteBatch {
    let key = |number: u32| number.to_be_bytes().to_vec();
    let body = value(number.to_le_bytes()[0], ROW_BYTES + number as usize % 1_000);
    let mut batch = WriteBatch::new();
    batch.put(LOG, key(number), body.clone());
    batch.put(ROWS, key(number % LIVE), body);
    if number.is_multiple_of(LATER_EVERY) {
        batch.put(LATER, key(number), key(number));
    }
    if let Some(old) = number.checked_sub(LIVE) {
        batch.delete(LOG, key(old));
    }
    batch
}

type Rows = BTreeMap<(u8, Bytes), Bytes>;

/// The rows after so many commits.
fn model(commits: u32) -> Rows {
    let mut rows = Rows::new();
    for number in (0..commits).step_by(LATER_EVERY as usize) {
        let row = Bytes::copy_from_slice(&number.to_be_bytes());
        rows.insert((LATER.id, row.clone()), row);
    }
    let recent = commits.saturating_sub(2 * LIVE)..commits;
    for operation in recent.flat_map(|it| operations(it).into_operations()) {
        let key = (operation.table.id, operation.key);
        match operation.value {
            Some(value) => rows.insert(key, value),
            None => rows.remove(&key),
        };
    }
    rows
}

fn rows(engine: &Embedded) -> Result<Rows, EngineError> {
    let snapshot = engine.snapshot()?;
    let mut all = Rows::new();
    for table in [LATER, LOG, ROWS] {
        for row in snapshot.scan(table, ScanRange::all(), Direction::Forward) {
            let (key, value) = row?;
            all.insert((table.id, key), value);
        }
    }
    Ok(all)
}

#[test]
#[ignore = "run by another test in a process of its own"]
fn process_that_writes() {
    let beside = PathBuf::from(std::env::var_os(FOLDER).unwrap());
    let engine = open_image(&beside.join(DATABASE)).unwrap();
    let answers = fs::File::create(beside.join(ACKNOWLEDGED)).unwrap();
    for number in 0..COMMITS {
        engine.commit(operations(number)).unwrap();
        answers.write_all_at(&(number + 1).to_le_bytes(), 0).unwrap();
    }
    // The last images are of one that does nothing: it is killed.
    std::thread::sleep(Duration::from_secs(600));
}

/// An image, and how many commits were acknowledged when it was taken.
struct Image {
    folder: TempDir,
    acknowledged: u32,
}

impl Image {
    /// What is wrong with it.
    fn judge(&self) -> Result<(), String> {
        let engine = open_image(self.folder.path()).map_err(|error| format!("{error:?}"))?;
        let found = rows(&engine).map_err(|error| format!("{error:?}"))?;
        // The one that was under way may have made it.
        let whole = (self.acknowledged..=self.acknowledged + 1).any(|it| found == model(it));
        if whole { Ok(()) } else { Err(format!("not as after {} commits", self.acknowledged)) }
    }

    fn journals(&self) -> Vec<PathBuf> {
        journal::files(self.folder.path()).unwrap()
    }

    /// Another of the same.
    fn copy(&self) -> Self {
        let folder = TempDir::new().unwrap();
        copy_all(self.folder.path(), folder.path());
        Self { folder, acknowledged: self.acknowledged }
    }
}

/// A planted bug: the oldest journal goes although rows of it are in memory only.
fn without_a_journal(image: &Image) -> Option<Image> {
    let image = image.copy();
    let journals = image.journals();
    if journals.len() < 2 {
        return None;
    }
    fs::remove_file(&journals[0]).unwrap();
    Some(image)
}

/// More than two commits take in a journal: of one that is acknowledged, something goes, though
/// another may be under way behind it.
const EARLY_BYTES: usize = 5 * (ROW_BYTES + 1_000);

/// A planted bug: commits are acknowledged before all of them is written.
fn acknowledged_early(image: &Image) -> Option<Image> {
    let image = image.copy();
    let newest = image.journals().pop()?;
    let written = fs::read(&newest).unwrap();
    let end = written.iter().rposition(|byte| *byte != 0)? + 1;
    let begin = end.checked_sub(EARLY_BYTES)?;
    overwrite(&newest, begin as u64, &vec![0; EARLY_BYTES]);
    Some(image)
}

/// How many tables an image has on disk.
fn files(image: &Image) -> usize {
    let keyspaces = fs::read_dir(image.folder.path().join("keyspaces")).unwrap();
    let tables = keyspaces.map(|entry| entry.unwrap().path().join("tables"));
    tables.filter_map(|tables| fs::read_dir(tables).ok()).map(Iterator::count).sum()
}

/// Commits that the process has answered for. It writes that beside its folder.
fn acknowledged(beside: &Path) -> u32 {
    let bytes = fs::read(beside.join(ACKNOWLEDGED)).unwrap_or_default();
    bytes.try_into().map_or(0, u32::from_le_bytes)
}

/// Lets the process go on, and takes an image of its folder once so many commits are acknowledged,
/// at whatever moment that is; or at once, if that is asked for, when there are several journals,
/// which may not be for long. The process stands still from then on.
fn take(writer: &Child, beside: &Path, number: u32, with_journals: bool) -> Image {
    let pid = Pid::from_child(writer);
    kill_process(pid, Signal::CONT).unwrap();
    let until = (number + 1) * (COMMITS - 20) / IMAGES;
    let rotated = || {
        let journals = journal::files(&beside.join(DATABASE));
        with_journals && journals.is_ok_and(|journals| journals.len() > 1)
    };
    let mut at_once = rotated();
    while !at_once && acknowledged(beside) < until {
        std::thread::sleep(Duration::from_micros(200));
        at_once = rotated();
    }
    if !at_once {
        std::thread::sleep(Duration::from_micros(u64::from(number * 397 % 5_000)));
    }
    kill_process(pid, Signal::STOP).unwrap();
    let (_, status) = waitpid(Some(pid), WaitOptions::UNTRACED).unwrap().unwrap();
    assert!(status.stopped(), "{status:?}");
    let image = Image { folder: TempDir::new().unwrap(), acknowledged: acknowledged(beside) };
    copy_all(&beside.join(DATABASE), image.folder.path());
    image
}

#[test]
fn every_crash_image_has_what_was_acknowledged_and_nothing_half() {
    let beside = TempDir::new().unwrap();
    let mut writer = in_another_process("crash_images::process_that_writes", beside.path());
    let (mut rotated, mut tables) = (0, Vec::new());
    let mut planted = [0, 0];
    for number in 0..IMAGES {
        let image = take(&writer, beside.path(), number, rotated < ROTATED_MAX);
        rotated += u32::from(image.journals().len() > 1);
        tables.push(files(&image));
        let early = Some(&image).filter(|_| number % 4 == 0).and_then(acknowledged_early);
        let bugs = [without_a_journal(&image), early];
        image.judge().unwrap_or_else(|what| panic!("image {number}: {what}"));
        for (found, bug) in planted.iter_mut().zip(bugs) {
            *found += u32::from(bug.is_some_and(|bug| bug.judge().is_err()));
        }
    }
    writer.kill().unwrap();
    writer.wait().unwrap();
    println!("{rotated} with several journals, tables {tables:?}, planted {planted:?} found");
    // Fewer than before: they were merged.
    let merged = tables.windows(2).filter(|pair| pair[1] < pair[0]).count();
    assert!(rotated >= 2 && merged >= 2, "{rotated} rotated, {tables:?} tables");
    assert!(planted.iter().all(|found| *found >= 1), "planted bugs must be found: {planted:?}");
}
