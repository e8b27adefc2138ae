//! The databases of a service: which there are, and each one open.
//!
//! Owns the folders and the service's own store, whose records say which databases exist. Creating
//! and deleting go through those records, so that what a crash interrupts is finished or undone at
//! the next start. It knows nothing of access or of the wire: services look databases up here,
//! roles follow what comes and goes.
//!
//! Every open database has the engine's own memory (at most 32 MiB of cache and 32 MiB of rows
//! that are not written out yet) and threads (one writer and two of the engine): a service is
//! meant to have a handful of databases, not hundreds.

mod asked;
mod database;
mod error;
mod folders;
pub mod offline;
mod record;
mod restore;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, io, path::Path, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use jackdaw_common::{DatabaseId, DatabaseName, clock::Clock};
use jackdaw_store::{Identity, Store};
use tokio::{
    sync::{Mutex, watch},
    task::spawn_blocking,
    time::{sleep, timeout},
};

pub use asked::Asked;
pub use database::{Database, Ending};
pub use error::{CreateError, DeleteError, OpenError};
pub use restore::{Restoration, RestoreError};

use crate::entropy;
use folders::Folders;
use record::{DatabaseRecord, State};

type Databases = BTreeMap<DatabaseName, Arc<Database>>;

/// The databases of a service. Cheap to clone.
#[derive(Clone)]
pub struct Catalog(Arc<Inner>);

struct Inner {
    folders: Folders,
    clock: Arc<dyn Clock>,
    system: Store,
    databases: ArcSwap<Databases>,
    /// Held while the databases change.
    changing: Mutex<()>,
    version: watch::Sender<u64>,
    draining: watch::Sender<bool>,
}

impl Catalog {
    /// Opens the service's own store in `data` and every database it knows; makes what is not
    /// there yet. Folders of databases that were not created or deleted to the end are removed.
    ///
    /// # Errors
    ///
    /// [`OpenError`]: one database that does not open is enough.
    pub async fn open(data: &Path, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let data = data.to_owned();
        let system_identity = entropy::identity()?;
        let (folders, system) = {
            let clock = Arc::clone(&clock);
            blocking(move || {
                let folders = Folders::prepare(&data)?;
                let system = folders.open_system(clock, system_identity)?;
                Ok::<_, OpenError>((folders, system))
            })
            .await??
        };
        let mut databases = Databases::new();
        for record in record::read_all(&system.snapshot())? {
            if record.state == State::Ready {
                let database = open_one(&folders, Arc::clone(&clock), &record).await?;
                databases.insert(record.name, Arc::new(database));
            } else {
                tracing::info!(database = %record.name, id = %record.id, "removing what is left");
                remove(&folders, record.id).await.map_err(|source| OpenError::Folder {
                    path: folders.database(record.id),
                    source,
                })?;
                system.record(vec![DatabaseRecord::change(Some(&record), None)?]).await?;
            }
        }
        let databases = ArcSwap::from_pointee(databases);
        let (version, _) = watch::channel(0);
        let changing = Mutex::new(());
        let (draining, _) = watch::channel(false);
        Ok(Self(Arc::new(Inner { folders, clock, system, databases, changing, version, draining })))
    }

    /// The database of this name.
    #[must_use]
    pub fn find(&self, name: &DatabaseName) -> Option<Arc<Database>> {
        self.0.databases.load().get(name).cloned()
    }

    /// All databases, in name order.
    #[must_use]
    pub fn list(&self) -> Vec<Arc<Database>> {
        self.0.databases.load().values().cloned().collect()
    }

    /// The name of the database that is most like `name`, if one is like it at all. Only for who
    /// may know which databases there are.
    #[must_use]
    pub fn nearest(&self, name: &DatabaseName) -> Option<DatabaseName> {
        let databases = self.0.databases.load();
        nearest(name.as_str(), databases.keys().map(DatabaseName::as_str))
            .and_then(|name| name.parse().ok())
    }

    /// Counts creations and deletions; changes with each, after [`Catalog::list`] shows it.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.0.version.subscribe()
    }

    /// The service's own store: for records that belong to no database.
    #[must_use]
    pub fn system(&self) -> &Store {
        &self.0.system
    }

    /// Ends whatever follows a database for as long as it likes: the service drains. From then on
    /// no database is created; one that is just being created is told too.
    pub fn drain(&self) {
        self.0.draining.send_replace(true);
        for database in self.list() {
            database.end(Ending::Draining);
        }
    }

    /// Completes when the service drains; at once if it does. Cancel safe.
    pub fn draining(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut draining = self.0.draining.subscribe();
        async move {
            // Closed: nobody has the catalog any more.
            let _ = draining.wait_for(|draining| *draining).await;
        }
    }

    fn is_draining(&self) -> bool {
        *self.0.draining.borrow()
    }

    /// Creates an empty database, durable at return. Cancelling does not stop it.
    ///
    /// # Errors
    ///
    /// [`CreateError`]; a folder that was begun is removed, at the latest by the next start.
    pub async fn create(&self, name: DatabaseName) -> Result<Arc<Database>, CreateError> {
        self.create_as(name, None).await
    }

    /// The same, and notes who asked for it.
    ///
    /// # Errors
    ///
    /// As [`Catalog::create`].
    pub async fn create_as(
        &self,
        name: DatabaseName,
        asked: Option<Asked>,
    ) -> Result<Arc<Database>, CreateError> {
        let catalog = self.clone();
        let creation = tokio::spawn(async move { catalog.create_to_the_end(name, asked).await });
        creation.await.map_err(|_| CreateError::Interrupted)?
    }

    async fn create_to_the_end(
        &self,
        name: DatabaseName,
        asked: Option<Asked>,
    ) -> Result<Arc<Database>, CreateError> {
        let inner = &self.0;
        let _one_at_a_time = inner.changing.lock().await;
        if self.is_draining() {
            return Err(CreateError::Draining);
        }
        if self.find(&name).is_some() {
            return Err(CreateError::Exists { name });
        }
        let identity = entropy::identity()?;
        let record = DatabaseRecord {
            id: identity.database,
            name: name.clone(),
            state: State::Creating,
            asked: asked.clone(),
        };
        inner.system.record(vec![DatabaseRecord::change(None, Some(&record))?]).await?;
        let store = {
            let (folders, clock) = (inner.folders.clone(), Arc::clone(&inner.clock));
            blocking(move || folders.create(identity, clock)).await.and_then(|created| created)
        };
        let store = match store {
            Ok(store) => store,
            Err(error) => {
                self.undo(&record).await;
                return Err(error.into());
            }
        };
        let ready = record.clone().into_state(State::Ready);
        inner.system.record(vec![DatabaseRecord::change(Some(&record), Some(&ready))?]).await?;
        let database = self.admit(Database::new(name, store, asked));
        tracing::info!(database = %database.name(), id = %identity.database, "database created");
        Ok(database)
    }

    /// Takes back a creation that failed; what stays is for the next start.
    async fn undo(&self, record: &DatabaseRecord) {
        if let Err(error) = self.forget(record).await {
            let database = &record.name;
            tracing::warn!(%database, %error, "what is left goes at the next start");
        }
    }

    /// Deletes a database: nobody finds it any more and its streams end. Its folder is removed
    /// once everybody has let go of it, which is waited for, but not for long. Cancelling does not
    /// stop it.
    ///
    /// # Errors
    ///
    /// [`DeleteError`]; the database is still there.
    pub async fn delete(&self, name: &DatabaseName) -> Result<(), DeleteError> {
        let (catalog, name) = (self.clone(), name.clone());
        let deletion = tokio::spawn(async move { catalog.delete_to_the_end(name).await });
        deletion.await.map_err(|_| DeleteError::Interrupted)?
    }

    async fn delete_to_the_end(&self, name: DatabaseName) -> Result<(), DeleteError> {
        let (record, database) = {
            let _one_at_a_time = self.0.changing.lock().await;
            let Some(database) = self.find(&name) else {
                return Err(DeleteError::NotFound { name });
            };
            let ready = DatabaseRecord {
                id: database.id(),
                name,
                state: State::Ready,
                asked: database.asked().cloned(),
            };
            let record = ready.clone().into_state(State::Deleting);
            let change = DatabaseRecord::change(Some(&ready), Some(&record))?;
            self.0.system.record(vec![change]).await?;
            self.change(|databases| {
                databases.remove(&record.name);
            });
            (record, database)
        };
        database.end(Ending::Deleted);
        // Closes when the last of the database's stores is gone, and with it its writer.
        let mut closed = database.store().subscribe();
        drop(database);
        let catalog = self.clone();
        let removal = tokio::spawn(async move {
            while closed.changed().await.is_ok() {}
            if let Err(error) = catalog.forget(&record).await {
                let database = &record.name;
                tracing::warn!(%database, %error, "deleted, its folder goes at the next start");
            }
        });
        if timeout(DELETE_WAIT, removal).await.is_err() {
            tracing::warn!(
                "database deleted, but somebody still uses it; its folder stays until then"
            );
        }
        Ok(())
    }

    /// Removes the folder of a database and then its record.
    async fn forget(&self, record: &DatabaseRecord) -> Result<(), DeleteError> {
        remove(&self.0.folders, record.id).await?;
        let gone = DatabaseRecord::change(Some(record), None)?;
        self.0.system.record(vec![gone]).await?;
        Ok(())
    }

    /// Puts a database among the others.
    fn admit(&self, database: Database) -> Arc<Database> {
        let database = Arc::new(database);
        self.change(|databases| {
            databases.insert(database.name().clone(), Arc::clone(&database));
        });
        // The drain may have begun meanwhile, and looked through the others before.
        if self.is_draining() {
            database.end(Ending::Draining);
        }
        database
    }

    fn change(&self, change: impl FnOnce(&mut Databases)) {
        let mut databases = Databases::clone(&self.0.databases.load());
        change(&mut databases);
        self.0.databases.store(Arc::new(databases));
        self.0.version.send_modify(|version| *version += 1);
    }
}

async fn open_one(
    folders: &Folders,
    clock: Arc<dyn Clock>,
    record: &DatabaseRecord,
) -> Result<Database, OpenError> {
    let identity = Identity { database: record.id, ..entropy::identity()? };
    let folders = folders.clone();
    let opened = blocking(move || folders.open(identity, clock)).await?;
    let store = opened.map_err(|error| error.of_database(&record.name))?;
    Ok(Database::new(record.name.clone(), store, record.asked.clone()))
}

/// Removes a folder. Threads of an engine that is just closing may still write into it, so it is
/// tried a few times.
async fn remove(folders: &Folders, id: DatabaseId) -> io::Result<()> {
    let mut tries = REMOVE_TRIES_MAX;
    loop {
        let folders = folders.clone();
        let removed = blocking(move || folders.remove(id)).await;
        match removed.unwrap_or_else(|_| Err(io::Error::other("interrupted"))) {
            Err(_) if tries > 1 => tries -= 1,
            removed => return removed,
        }
        sleep(REMOVE_PAUSE).await;
    }
}

/// Runs what blocks on a thread for it.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, OpenError> {
    spawn_blocking(work).await.map_err(|_| OpenError::Interrupted)
}

/// The name most like `name`: at least two thirds of it must be alike, whatever the casing.
pub fn nearest<'a>(name: &str, others: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let lower = name.to_lowercase();
    others
        .map(|other| (strsim::normalized_damerau_levenshtein(&lower, &other.to_lowercase()), other))
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, other)| other)
}

/// From which likeness on, of 0 to 1, a name may have been meant.
const LIKENESS_MIN: f64 = 0.66;

/// How long a deletion waits for those who still use the database: long enough for a session to
/// end, short enough for a caller.
const DELETE_WAIT: Duration =
    if cfg!(test) { Duration::from_millis(300) } else { Duration::from_secs(5) };

/// How often the removal of a folder is tried, and the time between.
const REMOVE_TRIES_MAX: u32 = 5;
const REMOVE_PAUSE: Duration = Duration::from_millis(100);
