//! What `catalog` promises, tried out.

use std::{fs, path::Path};

use bytes::Bytes;
use jackdaw_common::Collection;
use jackdaw_store::{
    Command, Lookup, NewId,
    engine::{Embedded, EmbeddedOptions},
    keys::TABLES,
};
use tempfile::tempdir;

use super::*;
use crate::clock::SystemClock;

async fn open(data: &Path) -> Result<Catalog, OpenError> {
    Catalog::open(data, Arc::new(SystemClock)).await
}

fn name(text: &str) -> DatabaseName {
    text.parse().unwrap()
}

fn folders(data: &Path) -> Vec<String> {
    let entries = fs::read_dir(data.join("databases")).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

async fn put(store: &Store, id: &str) {
    let put = Command::Put {
        id: NewId::parse(id.parse().unwrap()),
        collection: Collection::default(),
        body: Bytes::from_static(b"{}"),
        expected: None,
    };
    store.transact(vec![put]).await.unwrap();
}

/// Waits for the folders of what was deleted to go.
async fn settled(data: &Path, count: usize) {
    for _ in 0..500 {
        if folders(data).len() == count {
            return;
        }
        sleep(Duration::from_millis(10)).await;
    }
    panic!("{:?} are left", folders(data));
}

#[tokio::test]
async fn databases_and_what_they_hold_survive_a_restart() {
    let data = tempdir().unwrap();
    let ids = {
        let catalog = open(data.path()).await.unwrap();
        let orders = catalog.create(name("Orders")).await.unwrap();
        let asked = Asked::new(uuid::Uuid::from_u128(7), b"Alpha");
        catalog.create_as(name("Alpha"), Some(asked)).await.unwrap();
        put(orders.store(), "a").await;
        catalog.list().iter().map(|it| (it.id(), it.store().incarnation())).collect::<Vec<_>>()
    };
    let catalog = open(data.path()).await.unwrap();
    let list = catalog.list();
    let names: Vec<_> = list.iter().map(|database| database.name().as_str()).collect();
    assert_eq!(names, ["Alpha", "Orders"]);
    let asked = list[0].asked().unwrap();
    assert_eq!(*asked, Asked::new(uuid::Uuid::from_u128(7), b"Alpha"));
    assert_ne!(*asked, Asked::new(uuid::Uuid::from_u128(7), b"Orders"));
    assert_eq!(list[1].asked(), None);
    let again: Vec<_> = list.iter().map(|it| (it.id(), it.store().incarnation())).collect();
    assert_eq!(again, ids);
    let orders = catalog.find(&name("Orders")).unwrap();
    let found = orders.store().snapshot().document(&"a".parse().unwrap()).unwrap();
    assert!(matches!(found, Lookup::Found(_)));
}

#[tokio::test]
async fn a_name_is_taken_once_and_in_its_casing() {
    let data = tempdir().unwrap();
    let catalog = open(data.path()).await.unwrap();
    let (one, other) = tokio::join!(catalog.create(name("a")), catalog.create(name("a")));
    assert!(one.is_ok() != other.is_ok());
    assert!(matches!(one.and(other), Err(CreateError::Exists { .. })));
    catalog.create(name("A")).await.unwrap();
    assert_eq!(catalog.list().len(), 2);
}

#[tokio::test]
async fn creations_and_deletions_are_announced_after_they_show() {
    let data = tempdir().unwrap();
    let catalog = open(data.path()).await.unwrap();
    let mut changes = catalog.subscribe();
    assert!(!changes.has_changed().unwrap());
    catalog.create(name("a")).await.unwrap();
    assert!(changes.has_changed().unwrap());
    changes.mark_unchanged();
    catalog.delete(&name("a")).await.unwrap();
    assert!(changes.has_changed().unwrap());
    assert!(catalog.list().is_empty());
    assert!(matches!(catalog.delete(&name("a")).await, Err(DeleteError::NotFound { .. })));
}

#[tokio::test]
async fn a_deleted_database_leaves_no_folder_and_no_record() {
    let data = tempdir().unwrap();
    let catalog = open(data.path()).await.unwrap();
    drop(catalog.create(name("a")).await.unwrap());
    assert_eq!(folders(data.path()).len(), 1);
    catalog.delete(&name("a")).await.unwrap();
    assert!(folders(data.path()).is_empty());
    assert!(record::read_all(&catalog.system().snapshot()).unwrap().is_empty());
}

#[tokio::test]
async fn whoever_follows_a_deleted_database_is_told_and_its_folder_waits_for_them() {
    let data = tempdir().unwrap();
    let catalog = open(data.path()).await.unwrap();
    let database = catalog.create(name("a")).await.unwrap();
    assert_eq!(database.ended(), None);
    let (ending, later) = (database.ending(), database.ending());
    let (store, path) = (database.store().clone(), data.path().to_owned());
    drop(database);
    let user = tokio::spawn(async move {
        assert_eq!(ending.await, Ending::Deleted);
        assert_eq!(folders(&path).len(), 1);
        put(&store, "a").await;
    });
    catalog.delete(&name("a")).await.unwrap();
    user.await.unwrap();
    assert!(folders(data.path()).is_empty());
    assert_eq!(later.await, Ending::Deleted);
}

#[tokio::test]
async fn a_deletion_does_not_wait_for_ever_and_the_name_is_free_at_once() {
    let data = tempdir().unwrap();
    let catalog = open(data.path()).await.unwrap();
    let database = catalog.create(name("a")).await.unwrap();
    catalog.delete(&name("a")).await.unwrap();
    let again = catalog.create(name("a")).await.unwrap();
    assert_ne!(again.id(), database.id());
    assert_eq!(folders(data.path()).len(), 2);
    drop(database);
    settled(data.path(), 1).await;
    put(again.store(), "a").await;
}

#[tokio::test]
async fn a_drain_ends_what_follows_and_a_deletion_may_come_after_it() {
    let data = tempdir().unwrap();
    let catalog = open(data.path()).await.unwrap();
    let database = catalog.create(name("a")).await.unwrap();
    let ending = database.ending();
    catalog.drain();
    assert_eq!(ending.await, Ending::Draining);
    let ending = database.ending();
    drop(database);
    assert_eq!(ending.await, Ending::Draining);
    catalog.delete(&name("a")).await.unwrap();
}

#[tokio::test]
async fn what_a_crash_left_is_cleared_and_what_is_not_known_is_left_alone() {
    let data = tempdir().unwrap();
    let begun = entropy::identity().unwrap();
    let ended = {
        let catalog = open(data.path()).await.unwrap();
        let ended = catalog.create(name("ended")).await.unwrap().id();
        let ready =
            DatabaseRecord { id: ended, name: name("ended"), state: State::Ready, asked: None };
        let deleting = ready.clone().into_state(State::Deleting);
        let creating = DatabaseRecord {
            id: begun.database,
            name: name("begun"),
            state: State::Creating,
            asked: None,
        };
        let records = vec![
            DatabaseRecord::change(Some(&ready), Some(&deleting)).unwrap(),
            DatabaseRecord::change(None, Some(&creating)).unwrap(),
        ];
        catalog.system().record(records).await.unwrap();
        ended
    };
    let unfinished = data.path().join("databases").join(begun.database.to_string());
    fs::create_dir(&unfinished).unwrap();
    fs::write(unfinished.join("x"), "x").unwrap();
    let foreign = data.path().join("databases").join("brought here by hand");
    fs::create_dir(&foreign).unwrap();

    let catalog = open(data.path()).await.unwrap();
    assert!(catalog.list().is_empty());
    assert_eq!(folders(data.path()), ["brought here by hand"]);
    assert!(record::read_all(&catalog.system().snapshot()).unwrap().is_empty());
    assert!(catalog.find(&name("ended")).is_none());
    assert!(!data.path().join("databases").join(ended.to_string()).exists());
}

#[tokio::test]
async fn a_lost_folder_is_not_replaced_by_an_empty_database() {
    let data = tempdir().unwrap();
    let id = {
        let catalog = open(data.path()).await.unwrap();
        catalog.create(name("a")).await.unwrap().id()
    };
    let folder = data.path().join("databases").join(id.to_string());
    fs::remove_dir_all(&folder).unwrap();
    assert!(matches!(open(data.path()).await.err(), Some(OpenError::Missing { .. })));
    fs::create_dir(&folder).unwrap();
    assert!(matches!(open(data.path()).await.err(), Some(OpenError::Missing { .. })));
    // An engine without a database in it is as bad, also the second time.
    drop(Embedded::open(&folder, &TABLES, EmbeddedOptions::default()).unwrap());
    assert!(matches!(open(data.path()).await.err(), Some(OpenError::Missing { .. })));
    assert!(matches!(open(data.path()).await.err(), Some(OpenError::Missing { .. })));
}

#[tokio::test]
async fn a_folder_with_another_database_in_it_is_recognised() {
    let data = tempdir().unwrap();
    let (one, other) = {
        let catalog = open(data.path()).await.unwrap();
        let one = catalog.create(name("a")).await.unwrap().id();
        (one, catalog.create(name("b")).await.unwrap().id())
    };
    let at = |id: DatabaseId| data.path().join("databases").join(id.to_string());
    fs::rename(at(one), data.path().join("aside")).unwrap();
    fs::rename(at(other), at(one)).unwrap();
    fs::rename(data.path().join("aside"), at(other)).unwrap();
    assert!(matches!(open(data.path()).await.err(), Some(OpenError::Mistaken { .. })));
}

#[tokio::test]
async fn two_processes_do_not_open_one_folder() {
    let data = tempdir().unwrap();
    let _catalog = open(data.path()).await.unwrap();
    let error = open(data.path()).await.err().unwrap();
    assert!(matches!(error, OpenError::Store { .. }), "{error}");
}

#[test]
fn the_nearest_name_is_one_that_may_have_been_meant() {
    let names = ["Orders", "Customers", "Products"];
    let near = |text: &str| nearest(text, names.into_iter());
    assert_eq!(near("orders"), Some("Orders"));
    assert_eq!(near("Ordres"), Some("Orders"));
    assert_eq!(near("custmers"), Some("Customers"));
    assert_eq!(near("Invoices"), None);
    assert_eq!(nearest("x", std::iter::empty()), None);
}

#[tokio::test]
async fn nothing_is_created_once_the_service_drains() {
    let data = tempdir().unwrap();
    let catalog = open(data.path()).await.unwrap();
    let orders = catalog.create(name("Orders")).await.unwrap();
    catalog.drain();
    catalog.draining().await;
    assert_eq!(orders.ended(), Some(Ending::Draining));
    let refused = catalog.create(name("Late")).await;
    assert!(matches!(refused, Err(CreateError::Draining)), "{refused:?}");
    let id = DatabaseId::from_bytes([7; 16]);
    let refused = catalog.restore(name("Late"), id).await;
    assert!(matches!(refused, Err(RestoreError::Draining)));
    assert!(catalog.find(&name("Late")).is_none());
}
