//! Contents as files beside the tables.
//!
//! ```text
//!   blobs/ab/abcdef…   a content, under its name; the folder is the name's first two digits
//!   parts/name         one that is being written
//! ```
//!
//! A file is synced, moved to its place, and the folders are synced, before its content counts as
//! kept. What a crash leaves in between is a file that no row names: whoever opens the database
//! removes it.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::super::{
    EngineError,
    blobs::{BlobId, Blobs, Part},
};
use super::{folder::io_while, space};

/// Contents as files. A clone is another handle on the same.
#[derive(Clone)]
pub(super) struct FileBlobs(Arc<Folder>);

struct Folder {
    path: PathBuf,
    reserve_bytes: u64,
    /// Parts that are open.
    open: Mutex<HashSet<String>>,
    /// Folders of contents whose own entries are durable, and those of all that lead to them.
    durable: Mutex<HashSet<PathBuf>>,
    /// Whether a sync of a folder failed, by the first byte of what it holds: one at a time, since
    /// the next one may succeed and say nothing of what the failed one lost.
    syncing: [Mutex<bool>; 256],
    /// The same of the folders above.
    above: Mutex<bool>,
}

impl FileBlobs {
    /// Those beside the tables in `path`, which leave so many bytes free on the disk.
    pub(super) fn new(path: &Path, reserve_bytes: u64) -> Self {
        let path = path.to_path_buf();
        let (open, durable, above) = Default::default();
        let syncing = std::array::from_fn(|_| Mutex::default());
        Self(Arc::new(Folder { path, reserve_bytes, open, durable, syncing, above }))
    }
}

impl Folder {
    fn part(&self, name: &str) -> PathBuf {
        self.path.join("parts").join(name)
    }

    /// Where a content lies: its folder, and its file.
    fn place(&self, blob: BlobId) -> (PathBuf, PathBuf) {
        let name = blob.to_string();
        let folder = self.path.join("blobs").join(&name[..2]);
        let file = folder.join(name);
        (folder, file)
    }

    fn open(&self) -> MutexGuard<'_, HashSet<String>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check_space(&self, bytes: usize) -> Result<(), EngineError> {
        let available = space::available(&self.path);
        let available = available.map_err(io_while("measuring the free space"))?;
        let needed = self.reserve_bytes.saturating_add(bytes as u64);
        if available >= needed {
            return Ok(());
        }
        Err(EngineError::NoSpace { path: self.path.clone(), available, needed })
    }

    /// Why a piece was not written.
    fn refused(&self, error: io::Error, bytes: usize) -> EngineError {
        if error.kind() == io::ErrorKind::StorageFull {
            let needed = self.reserve_bytes.saturating_add(bytes as u64);
            return EngineError::NoSpace { path: self.path.clone(), available: 0, needed };
        }
        io_while("writing a content")(error)
    }

    /// Makes the entries of the folder of `blob` durable, and those that lead to it from the
    /// database's, which are so once and for all: who makes the folder need not be who syncs it
    /// first.
    fn sync(&self, blob: BlobId) -> Result<(), EngineError> {
        let (folder, _) = self.place(blob);
        one_by_one(&self.syncing[usize::from(blob.as_bytes()[0])], &folder)?;
        if self.durable().contains(&folder) {
            return Ok(());
        }
        for above in folder.ancestors().skip(1).take_while(|it| it.starts_with(&self.path)) {
            one_by_one(&self.above, above)?;
        }
        self.durable().insert(folder);
        Ok(())
    }

    fn durable(&self) -> MutexGuard<'_, HashSet<PathBuf>> {
        self.durable.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Blobs for FileBlobs {
    fn part(&self, name: &str) -> Result<Option<Box<dyn Part>>, EngineError> {
        if !self.0.open().insert(name.to_owned()) {
            return Ok(None);
        }
        let (folder, name) = (Arc::clone(&self.0), name.to_owned());
        let claim = Claim { folder, name };
        let path = claim.path();
        let opened = made(&self.0.path.join("parts")).and_then(|()| {
            let mut options = File::options();
            let file = options.create(true).truncate(false).read(true).write(true).open(path)?;
            let bytes = file.metadata()?.len();
            Ok((file, bytes))
        });
        let (file, bytes) = opened.map_err(io_while("opening a part of a content"))?;
        Ok(Some(Box::new(Open { file, bytes, claim })))
    }

    fn part_bytes(&self, name: &str) -> Result<u64, EngineError> {
        if self.0.open().contains(name) {
            return Ok(0);
        }
        match fs::metadata(self.0.part(name)) {
            Ok(part) => Ok(part.len()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(io_while("asking for a part of a content")(error)),
        }
    }

    fn parts(&self) -> Result<Vec<(String, Duration)>, EngineError> {
        let listed = || {
            let mut parts = Vec::new();
            for entry in entries(&self.0.path.join("parts"))? {
                let Ok(name) = entry.file_name().into_string() else { continue };
                let written = entry.metadata()?.modified()?;
                if !self.0.open().contains(&name) {
                    parts.push((name, written.elapsed().unwrap_or_default()));
                }
            }
            Ok(parts)
        };
        listed().map_err(io_while("listing the parts of contents"))
    }

    fn remove_part(&self, name: &str) -> Result<(), EngineError> {
        // Whoever would open it meanwhile waits for the lock.
        let open = self.0.open();
        if open.contains(name) {
            return Ok(());
        }
        removed(&self.0.part(name)).map_err(io_while("removing a part of a content"))
    }

    fn read(&self, blob: BlobId, offset: u64, bytes: usize) -> Result<Bytes, EngineError> {
        let (_, file) = self.0.place(blob);
        let read = File::open(file).and_then(|file| read_at(&file, offset, bytes));
        read.map_err(io_while("reading a content"))
    }

    fn reopen(&self, blob: BlobId, name: &str) -> Result<(), EngineError> {
        let open = self.0.open();
        let (_, file) = self.0.place(blob);
        let moved =
            if open.contains(name) { removed(&file) } else { fs::rename(file, self.0.part(name)) };
        moved.map_err(io_while("making a content a part again"))
    }

    fn remove(&self, blob: BlobId) -> Result<(), EngineError> {
        removed(&self.0.place(blob).1).map_err(io_while("removing a content"))
    }

    fn list(&self) -> Result<Vec<BlobId>, EngineError> {
        let listed = || {
            let mut blobs = Vec::new();
            for folder in entries(&self.0.path.join("blobs"))? {
                if !folder.file_type()?.is_dir() {
                    continue;
                }
                for file in entries(&folder.path())? {
                    blobs.extend(file.file_name().to_str().and_then(BlobId::parse));
                }
            }
            Ok(blobs)
        };
        listed().map_err(io_while("listing the contents"))
    }
}

/// The right to write a part.
struct Claim {
    folder: Arc<Folder>,
    name: String,
}

impl Claim {
    fn path(&self) -> PathBuf {
        self.folder.part(&self.name)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.folder.open().remove(&self.name);
    }
}

/// A part that is open.
struct Open {
    /// Closed before the claim is given up.
    file: File,
    bytes: u64,
    claim: Claim,
}

impl Part for Open {
    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn read(&mut self, offset: u64, bytes: usize) -> Result<Bytes, EngineError> {
        read_at(&self.file, offset, bytes).map_err(io_while("reading a part of a content"))
    }

    fn append(&mut self, piece: &[u8]) -> Result<(), EngineError> {
        self.claim.folder.check_space(piece.len())?;
        if let Err(error) = self.file.write_all_at(piece, self.bytes) {
            return Err(self.claim.folder.refused(error, piece.len()));
        }
        self.bytes += piece.len() as u64;
        Ok(())
    }

    fn clear(&mut self) -> Result<(), EngineError> {
        self.file.set_len(0).map_err(io_while("emptying a part of a content"))?;
        self.bytes = 0;
        Ok(())
    }

    fn keep(self: Box<Self>, blob: BlobId) -> Result<(), EngineError> {
        let all = &self.claim.folder;
        let (folder, place) = all.place(blob);
        // The file system may find only now that there is no room for what it took. Of that nobody
        // has heard yet, and the file goes; not so of a folder.
        synced(&self.file).map_err(|source| match source.kind() {
            io::ErrorKind::StorageFull => all.refused(source, 0),
            _ => EngineError::Unsynced { doing: KEEPING, source },
        })?;
        let moved = || {
            made(&all.path.join("blobs"))?;
            made(&folder)?;
            fs::rename(self.claim.path(), place)
        };
        moved().map_err(|error| match error.kind() {
            io::ErrorKind::StorageFull => all.refused(error, 0),
            _ => io_while(KEEPING)(error),
        })?;
        all.sync(blob)
    }
}

const KEEPING: &str = "keeping a content";

/// Makes the entries of a folder durable, unless that failed before.
fn one_by_one(failed: &Mutex<bool>, folder: &Path) -> Result<(), EngineError> {
    let opened = File::open(folder).map_err(io_while("opening a folder of contents"))?;
    let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
    let done = if *failed { Err(io::Error::other("it failed before")) } else { synced(&opened) };
    *failed = done.is_err();
    done.map_err(|source| EngineError::Unsynced { doing: KEEPING, source })
}

fn synced(file: &File) -> io::Result<()> {
    #[cfg(test)]
    match SYNC_FAILS.take() {
        Some((0, kind)) => return Err(kind.into()),
        Some((more, kind)) => SYNC_FAILS.set(Some((more - 1, kind))),
        None => {}
    }
    file.sync_all()
}

#[cfg(test)]
thread_local! {
    /// A disk that fails this thread, after so many syncs that succeed.
    pub(crate) static SYNC_FAILS: std::cell::Cell<Option<(usize, io::ErrorKind)>> =
        const { std::cell::Cell::new(None) };
}

/// Makes a folder, if need be; not those that lead to it: a database that was deleted stays so.
fn made(folder: &Path) -> io::Result<()> {
    match fs::create_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

/// What a folder holds; nothing where there is none.
fn entries(folder: &Path) -> io::Result<Vec<fs::DirEntry>> {
    match fs::read_dir(folder) {
        Ok(entries) => entries.collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn removed(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Up to `bytes` bytes from `offset` on.
fn read_at(file: &File, offset: u64, bytes: usize) -> io::Result<Bytes> {
    let left = file.metadata()?.len().saturating_sub(offset);
    let bytes = usize::try_from(left).map_or(bytes, |left| left.min(bytes));
    let mut buffer = BytesMut::zeroed(bytes);
    file.read_exact_at(&mut buffer, offset)?;
    Ok(buffer.freeze())
}
