//! What a trusted peer may do: the access list, the table of methods, and the layer in front of
//! every service.
//!
//! A certificate that the handshake has verified counts for nothing here until its thumbprint is
//! in the list. Grants are by database id: a database that was deleted and created anew under the
//! same name is another database. The layer decides what a method asks of anybody; services ask
//! [`Identity::require_database`] once they have decoded which database is meant. This module
//! stores nothing: who keeps which id a grant is bound to implements [`Bindings`].

pub mod audit;
mod denied;
pub mod grants;
mod layer;
mod rules;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use jackdaw_common::{DatabaseId, DatabaseName};

pub use denied::Denied;
pub use layer::{AccessLayer, AccessService};
pub use rules::{Audit, ROWS, Row, Rule, row_of};

use crate::tls::Thumbprint;

/// What an entry of the access list may do at all. Ordered: each may all that a lesser may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Clearance {
    /// What its grants say, database by database.
    User,
    /// All databases and replication tasks.
    Operator,
    /// Everything.
    ClusterAdmin,
}

impl fmt::Display for Clearance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::User => "USER",
            Self::Operator => "OPERATOR",
            Self::ClusterAdmin => "CLUSTER_ADMIN",
        })
    }
}

/// What a user may do with one database. Ordered: each may all that a lesser may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Read.
    Read,
    /// Also write, also as a source that replicates into it.
    ReadWrite,
    /// Also connection strings, conflicts and revisions.
    Admin,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "READ",
            Self::ReadWrite => "READ_WRITE",
            Self::Admin => "ADMIN",
        })
    }
}

/// One entry of the access list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessEntry {
    /// The certificate.
    pub thumbprint: Thumbprint,
    /// Who it is, for people.
    pub name: String,
    /// What it may do at all.
    pub clearance: Clearance,
    /// What a user may do, by the name of the database; a name may be that of a database yet to
    /// come. Empty for a higher clearance.
    pub databases: BTreeMap<DatabaseName, Level>,
}

/// Everybody who may call, by thumbprint.
#[derive(Debug, Default)]
pub struct AccessList {
    entries: HashMap<Thumbprint, Arc<AccessEntry>>,
}

impl AccessList {
    /// The list of these entries; of two with one thumbprint the later counts (the configuration
    /// refuses such a list).
    pub fn new(entries: impl IntoIterator<Item = AccessEntry>) -> Self {
        let entries = entries.into_iter().map(|entry| (entry.thumbprint, Arc::new(entry)));
        Self { entries: entries.collect() }
    }

    /// The entries that have a grant on a database of this name: when a database is created, who
    /// keeps the [`Bindings`] binds those of them that are not bound yet.
    pub fn granted<'a>(&'a self, name: &'a DatabaseName) -> impl Iterator<Item = Thumbprint> + 'a {
        let granted = |entry: &&Arc<AccessEntry>| entry.databases.contains_key(name);
        self.entries.values().filter(granted).map(|entry| entry.thumbprint)
    }
}

/// To which database, by id, the grant of an entry on a name is bound.
///
/// The first database that exists under the name after the grant was configured takes the grant,
/// once and for good: after it was deleted, another of the same name gets nothing. Keeping that
/// durable is the implementor's; it is asked at every decision and must not block.
pub trait Bindings: Send + Sync + 'static {
    /// The database that has taken the grant of `entry` on `name`; none when none has yet.
    fn database_of(&self, entry: Thumbprint, name: &DatabaseName) -> Option<DatabaseId>;
}

/// Who calls, as found in the access list. Cheap to clone; in the extensions of every request that
/// a service sees.
#[derive(Clone)]
pub struct Identity {
    entry: Arc<AccessEntry>,
    row: &'static Row,
    bindings: Arc<dyn Bindings>,
}

impl Identity {
    /// The identity in the extensions of a request, put there by the [`AccessLayer`].
    pub fn of(extensions: &http::Extensions) -> Result<&Self, Denied> {
        extensions.get().ok_or(Denied::NoCertificate)
    }

    /// The certificate.
    pub fn thumbprint(&self) -> Thumbprint {
        self.entry.thumbprint
    }

    /// The entry's name, for logs.
    pub fn name(&self) -> &str {
        &self.entry.name
    }

    /// The clearance.
    pub fn clearance(&self) -> Clearance {
        self.entry.clearance
    }

    /// Passes an operator or cluster administrator.
    pub fn require_operator(&self) -> Result<(), Denied> {
        self.require_clearance(Clearance::Operator)
    }

    /// Passes who may act on this database at `needed` or the level of the method's row,
    /// whichever is higher. Refusals are audited.
    ///
    /// `id` is the database of that name, none when there is none: then only who may list all
    /// databases passes, and the caller answers `DATABASE_NOT_FOUND`; anybody else learns
    /// nothing.
    pub fn require_database(
        &self,
        name: &DatabaseName,
        id: Option<DatabaseId>,
        needed: Level,
    ) -> Result<(), Denied> {
        let needed = match self.row.rule {
            Rule::Database(level) => needed.max(level),
            _ => needed,
        };
        if self.may(name, id, needed) {
            return Ok(());
        }
        let denied = Denied::Database {
            method: self.row.method,
            name: self.entry.name.clone(),
            database: name.clone(),
            needed,
        };
        Err(denied.audited(Some(self.thumbprint()), self.row.method))
    }

    /// Whether [`require_database`](Self::require_database) at exactly this level would pass, for
    /// lists that leave out what the caller may not see. Not audited.
    pub fn may(&self, name: &DatabaseName, id: Option<DatabaseId>, level: Level) -> bool {
        if self.clearance() >= Clearance::Operator {
            return true;
        }
        let granted = self.entry.databases.get(name).is_some_and(|granted| *granted >= level);
        granted && id.is_some() && id == self.bindings.database_of(self.thumbprint(), name)
    }

    fn require_clearance(&self, needed: Clearance) -> Result<(), Denied> {
        if self.clearance() >= needed {
            return Ok(());
        }
        let denied = Denied::Clearance {
            method: self.row.method,
            name: self.entry.name.clone(),
            needed,
            actual: self.clearance(),
        };
        Err(denied.audited(Some(self.thumbprint()), self.row.method))
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("entry", &self.entry)
            .field("method", &self.row.method)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
