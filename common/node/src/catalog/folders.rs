//! The folders of a service: `<data>/system` and `<data>/databases/<database id>`.
//!
//! Everything here blocks; the catalog calls it on blocking threads. A folder that is made or
//! removed is durable at return.

use std::{
    fs::{self, DirBuilder, File},
    io::{self, ErrorKind},
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use jackdaw_common::{DatabaseId, clock::Clock};
use jackdaw_store::{
    Identity, Store, StoreError,
    engine::{Direction, Embedded, EmbeddedOptions, Engine as _, EngineError, ScanRange},
    keys::{HEADER, TABLES},
};

use super::OpenError;

/// Where everything of a service is.
#[derive(Clone, Debug)]
pub(super) struct Folders {
    data: PathBuf,
}

impl Folders {
    /// Makes what is missing, readable for this user only.
    pub(super) fn prepare(data: &Path) -> Result<Self, OpenError> {
        let folders = Self { data: data.to_owned() };
        let databases = folders.databases();
        let made = make(&databases).and_then(|()| sync(data)).and_then(|()| match data.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => sync(parent),
            _ => Ok(()),
        });
        made.map_err(|source| OpenError::Folder { path: databases, source })?;
        Ok(folders)
    }

    fn databases(&self) -> PathBuf {
        self.data.join("databases")
    }

    /// The folder of a database.
    pub(super) fn database(&self, id: DatabaseId) -> PathBuf {
        self.databases().join(id.to_string())
    }

    /// Opens the service's own store; `identity` is for a new one.
    pub(super) fn open_system(
        &self,
        clock: Arc<dyn Clock>,
        identity: Identity,
    ) -> Result<Store, OpenError> {
        let path = self.data.join("system");
        make(&path)
            .and_then(|()| sync(&self.data))
            .map_err(|source| OpenError::Folder { path: path.clone(), source })?;
        open(&path, SYSTEM, clock, identity)
    }

    /// Those of a service that was there before.
    pub(super) fn existing(data: &Path) -> Result<Self, OpenError> {
        let folders = Self { data: data.to_owned() };
        let system = data.join("system");
        match fs::metadata(&system) {
            Ok(_) => Ok(folders),
            Err(source) => Err(OpenError::Folder { path: system, source }),
        }
    }

    /// The engine of a database that is there.
    pub(super) fn engine_of(&self, id: DatabaseId) -> Result<Embedded, OpenError> {
        engine(&self.database(id), EmbeddedOptions::default())
    }

    /// The empty engine of a database that is to come.
    pub(super) fn engine_of_new(&self, id: DatabaseId) -> Result<Embedded, OpenError> {
        let path = self.database(id);
        make(&path)
            .and_then(|()| sync(&self.databases()))
            .map_err(|source| OpenError::Folder { path: path.clone(), source })?;
        engine(&path, EmbeddedOptions::default())
    }

    /// Makes the folder of a new database, and the database in it.
    pub(super) fn create(
        &self,
        identity: Identity,
        clock: Arc<dyn Clock>,
    ) -> Result<Store, OpenError> {
        let engine = self.engine_of_new(identity.database)?;
        store(&self.database(identity.database), engine, clock, identity)
    }

    /// Opens a database that must be there.
    ///
    /// An empty folder is refused: a new database in the place of a lost one would hand out
    /// change-vector entries that others have seen.
    pub(super) fn open(
        &self,
        identity: Identity,
        clock: Arc<dyn Clock>,
    ) -> Result<Store, OpenError> {
        let path = self.database(identity.database);
        match fs::read_dir(&path).map(|mut entries| entries.next().is_none()) {
            Ok(false) => {}
            Ok(true) => return Err(OpenError::Missing { path }),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(OpenError::Missing { path });
            }
            Err(source) => return Err(OpenError::Folder { path, source }),
        }
        let engine = engine(&path, EmbeddedOptions::default())?;
        if !has_header(&engine).map_err(|source| unusable(&path, source))? {
            return Err(OpenError::Missing { path });
        }
        let store = store(&path, engine, clock, identity)?;
        if store.database_id() != identity.database {
            let (found, expected) = (store.database_id(), identity.database);
            return Err(OpenError::Mistaken { path, expected, found });
        }
        Ok(store)
    }

    /// Removes the folder of a database; one that is not there is fine.
    pub(super) fn remove(&self, id: DatabaseId) -> io::Result<()> {
        match fs::remove_dir_all(self.database(id)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => sync(&self.databases()),
        }
    }
}

fn open(
    path: &Path,
    options: EmbeddedOptions,
    clock: Arc<dyn Clock>,
    identity: Identity,
) -> Result<Store, OpenError> {
    store(path, engine(path, options)?, clock, identity)
}

fn engine(path: &Path, options: EmbeddedOptions) -> Result<Embedded, OpenError> {
    Embedded::open(path, &TABLES, options).map_err(|error| unusable(path, error))
}

fn store(
    path: &Path,
    engine: Embedded,
    clock: Arc<dyn Clock>,
    identity: Identity,
) -> Result<Store, OpenError> {
    Store::open(engine, clock, identity)
        .map_err(|source| OpenError::Store { path: path.to_owned(), source })
}

/// Whether there is a database in the engine at all.
fn has_header(engine: &Embedded) -> Result<bool, EngineError> {
    let snapshot = engine.snapshot()?;
    let mut rows = snapshot.scan(HEADER, ScanRange::all(), Direction::Forward);
    rows.next().transpose().map(|row| row.is_some())
}

fn unusable(path: &Path, error: EngineError) -> OpenError {
    let source = jackdaw_store::OpenError::Store(StoreError::from(error));
    OpenError::Store { path: path.to_owned(), source }
}

fn make(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Makes the entries of a folder durable.
fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Sizes of the service's own store, which has a few small rows.
const SYSTEM: EmbeddedOptions = EmbeddedOptions {
    cache_bytes: 1 << 20,
    memtable_bytes_max: 1 << 20,
    write_buffer_bytes_max: 4 << 20,
    journal_bytes_max: 64 << 20,
    worker_threads: 1,
    reserve_bytes: 64 << 20,
    // Its etags name nothing to anybody.
    portable: true,
};
