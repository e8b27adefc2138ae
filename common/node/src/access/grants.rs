//! Which database has taken which grant of the access list, for good.
//!
//! A grant names a database; the first database of that name takes it and keeps it, so that one
//! that is deleted and created anew gets nothing (security D.3). The bindings are records of the
//! service's own store; looking one up never blocks.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
};

use arc_swap::ArcSwap;
use bytes::Bytes;
use jackdaw_common::{DatabaseId, DatabaseName};
use jackdaw_store::{Record, RecordError, RecordKind, StoreError};
use thiserror::Error;
use tokio::sync::Mutex;

use crate::{
    access::{AccessList, Bindings},
    catalog::Catalog,
    tls::Thumbprint,
};

type Book = HashMap<(Thumbprint, DatabaseName), DatabaseId>;

/// Why a binding cannot be read or kept.
#[derive(Debug, Error)]
pub enum GrantError {
    /// The service's own store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The service's own store cannot be written.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// The bindings of one service. Cheap to clone.
#[derive(Clone)]
pub struct Grants(Arc<Inner>);

struct Inner {
    list: Arc<AccessList>,
    catalog: Catalog,
    book: ArcSwap<Book>,
    binding: Mutex<()>,
}

impl Grants {
    /// Reads the bindings there are, and binds the grants that a database waits for.
    ///
    /// # Errors
    ///
    /// [`GrantError`].
    pub async fn open(list: Arc<AccessList>, catalog: &Catalog) -> Result<Self, GrantError> {
        let book = read(catalog)?;
        let inner = Inner {
            list,
            catalog: catalog.clone(),
            book: ArcSwap::from_pointee(book),
            binding: Mutex::new(()),
        };
        let grants = Self(Arc::new(inner));
        for database in catalog.list() {
            grants.bind(database.name(), database.store().database_id()).await?;
        }
        Ok(grants)
    }

    /// Gives `database` the grants on `name` that no database has taken; durable at return.
    ///
    /// # Errors
    ///
    /// [`GrantError`]; the grants stay to be taken.
    pub async fn bind(&self, name: &DatabaseName, database: DatabaseId) -> Result<(), GrantError> {
        let _one_at_a_time = self.0.binding.lock().await;
        let mut book = Book::clone(&self.0.book.load());
        let mut records = Vec::new();
        for entry in self.0.list.granted(name) {
            let key = (entry, name.clone());
            if let Entry::Vacant(vacant) = book.entry(key) {
                records.push(Record {
                    kind: RecordKind::GrantBinding,
                    key: record_key(entry, name),
                    expected: None,
                    value: Some(Bytes::copy_from_slice(database.as_bytes())),
                });
                vacant.insert(database);
            }
        }
        if !records.is_empty() {
            self.0.catalog.system().record(records).await?;
            self.0.book.store(Arc::new(book));
        }
        Ok(())
    }
}

impl Bindings for Grants {
    fn database_of(&self, entry: Thumbprint, name: &DatabaseName) -> Option<DatabaseId> {
        self.0.book.load().get(&(entry, name.clone())).copied()
    }
}

fn record_key(entry: Thumbprint, name: &DatabaseName) -> Bytes {
    let mut key = entry.as_bytes().to_vec();
    key.extend_from_slice(name.as_str().as_bytes());
    key.into()
}

/// The bindings that are kept.
fn read(catalog: &Catalog) -> Result<Book, StoreError> {
    let records = catalog.system().snapshot().records(RecordKind::GrantBinding)?;
    let mut book = Book::new();
    for (key, value) in records {
        let damaged = || StoreError::Row {
            table: "records",
            key: key.to_vec(),
            what: "it is no binding of a grant".into(),
        };
        let (entry, name) = key.split_at_checked(32).ok_or_else(damaged)?;
        let entry: [u8; 32] = entry.try_into().map_err(|_| damaged())?;
        let name = std::str::from_utf8(name).ok().and_then(|name| name.parse().ok());
        let database: [u8; 16] = value.as_ref().try_into().map_err(|_| damaged())?;
        let key = (Thumbprint::from_bytes(entry), name.ok_or_else(damaged)?);
        book.insert(key, DatabaseId::from_bytes(database));
    }
    Ok(book)
}
