//! What only this engine promises; the promises of every engine are in `suite`.

mod crash_images;
mod failing;
mod journals;
mod memory;
mod opening;
mod tables;

use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::process::{Child, Command, Stdio};

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

/// Where the files of [`LOG`] and [`ROWS`] are.
fn table_folders(folder: &Path) -> Vec<PathBuf> {
    let keyspaces = fs::read_dir(folder.join("keyspaces")).unwrap();
    let keyspaces = keyspaces.map(|entry| entry.unwrap()).filter(|entry| entry.file_name() != "0");
    let folders: Vec<_> = keyspaces.map(|entry| entry.path().join("tables")).collect();
    assert_eq!(folders.len(), 2);
    folders
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
