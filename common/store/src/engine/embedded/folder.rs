//! The folder before and around fjall: creation that a crash may interrupt anywhere, the lock, and
//! the entries of new files and folders in their parents.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::UNIX_EPOCH;

use fjall::{CompressionType, Database};

use super::super::EngineError;
use super::{EmbeddedOptions, journal, view};

/// Creates the folder if need be, and clears what a crash left unfinished in it.
pub(super) fn prepare(path: &Path) -> Result<(), EngineError> {
    create(path).map_err(io_while("creating the folder"))?;
    let lock = path.join(LOCK);
    let lock = File::options().create(true).truncate(false).write(true).open(lock);
    let lock = lock.map_err(io_while("opening the lock file"))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(fs::TryLockError::WouldBlock) => {
            return Err(EngineError::Locked { path: path.to_path_buf() });
        }
        Err(fs::TryLockError::Error(source)) => {
            return Err(EngineError::Io { doing: "locking the folder", source });
        }
    }
    let journals = journal::files(path).map_err(io_while("listing the folder"))?;
    let marker = fs::metadata(path.join(MARKER)).map_or(0, |marker| marker.len());
    if marker >= MARKER_BYTES {
        return journal::mend_all(&journals);
    }
    // Without a whole marker nothing was ever committed, if this is fjall's folder at all.
    clear_unfinished(path, &journals)
}

/// Opens the prepared folder.
pub(super) fn open(path: &Path, options: &EmbeddedOptions) -> Result<Database, EngineError> {
    Database::builder(path)
        .cache_size(options.cache_bytes)
        .max_journaling_size(options.journal_bytes_max.max(64 << 20))
        .worker_threads(options.worker_threads.max(1))
        // Bodies may be sealed, and a commit should cost the writer little: tables compress.
        .journal_compression(CompressionType::None)
        .manual_journal_persist(true)
        .open()
        .map_err(|error| unusable(error, path))
}

/// Makes the entries of the folder's tables durable; fjall syncs what is below them.
pub(super) fn sync(path: &Path) -> Result<(), EngineError> {
    let synced = sync_entries(&path.join(KEYSPACES)).and_then(|()| sync_entries(path));
    synced.map_err(io_while("syncing the folder"))
}

/// What tells the folder from a copy of it: inode and birth of its lock file, which is never
/// replaced. Not the device's number, which a restart of the machine may change.
pub(super) fn place(path: &Path) -> Result<String, EngineError> {
    let lock = fs::metadata(path.join(LOCK)).map_err(io_while("asking for the lock file"))?;
    // Where files have no birth the inode has to do.
    let born = lock.created().ok().and_then(|born| born.duration_since(UNIX_EPOCH).ok());
    let born = born.map_or_else(String::new, |born| format!(", born {}", born.as_nanos()));
    Ok(format!("inode {}{born}", lock.ino()))
}

/// What opening `path` failed with.
pub(super) fn unusable(error: fjall::Error, path: &Path) -> EngineError {
    if matches!(error, fjall::Error::Locked) {
        return EngineError::Locked { path: path.to_path_buf() };
    }
    match view::input_output(error) {
        Ok(source) => EngineError::Io { doing: "opening the database", source },
        Err(what) => EngineError::Unusable { path: path.to_path_buf(), what },
    }
}

/// Removes a creation that did not reach its end; refuses if there is any sign of data.
fn clear_unfinished(path: &Path, journals: &[std::path::PathBuf]) -> Result<(), EngineError> {
    let keyspaces = path.join(KEYSPACES);
    let mut written = keyspaces.is_dir() && entries(&keyspaces)? > 0;
    for file in journals {
        written |= journal::has_bytes(file).map_err(io_while("reading a journal"))?;
    }
    if written {
        let what = "the version marker is missing, but there is data".to_owned();
        return Err(EngineError::Unusable { path: path.to_path_buf(), what });
    }
    let marker = path.join(MARKER);
    for file in journals.iter().chain([&marker]) {
        match fs::remove_file(file) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                return Err(EngineError::Io { doing: "clearing an unfinished creation", source });
            }
            _ => {}
        }
    }
    Ok(())
}

/// Creates a folder and its missing parents, durably.
fn create(path: &Path) -> io::Result<()> {
    let parent = match path.parent() {
        None => return Ok(()),
        Some(parent) if parent == Path::new("") => Path::new("."),
        Some(parent) => parent,
    };
    let created = match fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            create(parent)?;
            fs::create_dir(path)
        }
        created => created,
    };
    match created {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => {}
        created => created?,
    }
    // Also when it was there: whoever created it may not have come this far.
    sync_entries(parent)
}

/// Makes the entries of a folder durable.
pub(super) fn sync_entries(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn entries(folder: &Path) -> Result<usize, EngineError> {
    Ok(fs::read_dir(folder).map_err(io_while("listing the folder"))?.count())
}

/// For `map_err`: an [`EngineError::Io`] that says what was being done.
pub(super) fn io_while(doing: &'static str) -> impl Fn(io::Error) -> EngineError {
    move |source| EngineError::Io { doing, source }
}

/// fjall's names in its folder.
const LOCK: &str = "lock";
const MARKER: &str = "version";
const KEYSPACES: &str = "keyspaces";

/// Length of a whole version marker.
const MARKER_BYTES: u64 = 4;
