//! One open database of a service.

use jackdaw_common::{DatabaseId, DatabaseName};
use jackdaw_store::Store;
use tokio::sync::watch;

use super::asked::Asked;

/// One open database of a service.
///
/// Whoever keeps one, or a clone of its store, keeps its folder from being removed: hold it no
/// longer than a call or a session, and end long ones at [`Database::ending`].
pub struct Database {
    name: DatabaseName,
    store: Store,
    asked: Option<Asked>,
    ending: watch::Sender<Option<Ending>>,
}

/// Why a call that follows a database for long must end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The database was deleted.
    Deleted,
    /// The service drains.
    Draining,
}

impl Database {
    pub(crate) fn new(name: DatabaseName, store: Store, asked: Option<Asked>) -> Self {
        Self { name, store, asked, ending: watch::Sender::new(None) }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &DatabaseName {
        &self.name
    }

    /// Its stable id.
    #[must_use]
    pub fn id(&self) -> DatabaseId {
        self.store.database_id()
    }

    /// The call that created it, where that had a request id.
    #[must_use]
    pub fn asked(&self) -> Option<&Asked> {
        self.asked.as_ref()
    }

    /// Its content.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Whether calls that follow it must end.
    #[must_use]
    pub fn ended(&self) -> Option<Ending> {
        *self.ending.borrow()
    }

    /// Completes when calls that follow it must end; at once if that is so already. It does not
    /// keep the database open. Cancel safe.
    pub fn ending(&self) -> impl Future<Output = Ending> + Send + use<> {
        let mut ending = self.ending.subscribe();
        async move {
            let ended = ending.wait_for(Option::is_some).await;
            // Closed without a word: everybody has let go of it.
            ended.ok().and_then(|ending| *ending).unwrap_or(Ending::Deleted)
        }
    }

    /// Tells them; a deletion is final, a drain may be followed by one.
    pub(super) fn end(&self, ending: Ending) {
        self.ending.send_if_modified(|known| {
            let news = *known != Some(Ending::Deleted) && *known != Some(ending);
            if news {
                *known = Some(ending);
            }
            news
        });
    }
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database").field("name", &self.name).finish_non_exhaustive()
    }
}
