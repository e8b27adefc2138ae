//! What `control` promises, tried out.

use std::time::Duration;

use jackdaw_common::{DatabaseName, scope::KINDS};
use jackdaw_proto::{
    control::{
        CreateDatabaseRequest, DeleteDatabaseRequest, GetDatabaseRequest,
        GetReplicationScopeRequest, ListDatabasesRequest,
    },
    wire::Reason,
};
use jackdaw_store::{RecordError, StoreError};
use tokio::time::{sleep, timeout};
use tokio_stream::StreamExt as _;
use tonic::Status;

use super::{
    backup, failure,
    fixture::{Caller, Site, fields, refused, replicate},
    names,
    paging::{PAGE_ENTRIES, PAGE_ENTRIES_MAX, Scope},
};
use crate::{access::Denied, tls::Thumbprint};

fn create(name: &str) -> CreateDatabaseRequest {
    CreateDatabaseRequest { database_id: name.into(), ..Default::default() }
}

fn get(name: &str) -> GetDatabaseRequest {
    GetDatabaseRequest { name: name.into() }
}

#[tokio::test]
async fn a_database_is_created_once_shown_and_deleted() {
    let site = Site::new().await;
    let mut operator = site.databases(Caller::Operator);
    let created = operator.create_database(create("Orders")).await.unwrap().into_inner();
    assert_eq!(created.name, "databases/Orders");
    assert_eq!((created.id.len(), created.incarnation.len()), (36, 22));
    assert!(created.create_time.unwrap().seconds > 1_600_000_000);

    let error =
        refused(operator.create_database(create("Orders")).await, Reason::DatabaseAlreadyExists);
    assert_eq!(error.metadata["database"], "Orders");
    let shown = operator.get_database(get("databases/Orders")).await.unwrap().into_inner();
    assert_eq!(shown, created);

    let delete = DeleteDatabaseRequest { name: "databases/Orders".into() };
    operator.delete_database(delete.clone()).await.unwrap();
    refused(operator.delete_database(delete).await, Reason::DatabaseNotFound);
    refused(operator.get_database(get("databases/Orders")).await, Reason::DatabaseNotFound);
    let again = operator.create_database(create("Orders")).await.unwrap().into_inner();
    assert_ne!((again.id, again.incarnation), (created.id, created.incarnation));
}

#[tokio::test]
async fn the_counts_of_a_database_are_shown() {
    let (site, database) = Site::with_orders().await;
    replicate(database.store(), "a", Some("{}"), 1).await;
    replicate(database.store(), "b", None, 2).await;
    let shown = site.databases(Caller::Reader).get_database(get("databases/Orders")).await;
    let shown = shown.unwrap().into_inner();
    assert_eq!((shown.documents, shown.tombstones, shown.conflicts), (1, 1, 0));
    assert_eq!(shown.last_etag, database.store().last_etag().get());
    assert_eq!(shown.change_vector, database.store().vector().to_string());
}

/// Every kind that the table has, in its order, to who may read the database.
#[tokio::test]
async fn what_travels_is_told() {
    let (site, _database) = Site::with_orders().await;
    let scope = |name: &str| GetReplicationScopeRequest { name: name.into() };
    let mut reader = site.databases(Caller::Reader);
    let answer = reader.get_replication_scope(scope("databases/Orders")).await.unwrap();
    let kinds = answer.into_inner().kinds;
    let told = kinds.iter().map(|kind| (&*kind.name, kind.travels, &*kind.reason));
    assert!(told.eq(KINDS.iter().map(|kind| (kind.name, kind.travels, kind.reason))));
    let travels = |name: &str| kinds.iter().find(|kind| kind.name == name).unwrap().travels;
    assert!(travels("counters") && !travels("identities"));

    let error = refused(reader.get_replication_scope(scope("Orders")).await, Reason::FieldInvalid);
    assert_eq!(fields(&error), ["name"]);
    let mut nobody = site.databases(Caller::Nobody);
    let denied = nobody.get_replication_scope(scope("databases/Orders")).await;
    refused(denied, Reason::DatabaseAccessDenied);
    let mut operator = site.databases(Caller::Operator);
    let missing = operator.get_replication_scope(scope("databases/Nothing")).await;
    refused(missing, Reason::DatabaseNotFound);
}

#[tokio::test]
async fn checking_a_creation_creates_nothing_and_fails_as_it_would() {
    let site = Site::new().await;
    let mut operator = site.databases(Caller::Operator);
    let check = |name: &str| CreateDatabaseRequest { validate_only: true, ..create(name) };
    let checked = operator.create_database(check("Orders")).await.unwrap().into_inner();
    assert_eq!((checked.name.as_str(), checked.id.as_str()), ("databases/Orders", ""));
    assert!(site.catalog.list().is_empty());
    site.create("Orders").await;
    refused(operator.create_database(check("Orders")).await, Reason::DatabaseAlreadyExists);
    let error = refused(operator.create_database(check("-")).await, Reason::FieldInvalid);
    assert_eq!(fields(&error), ["database_id"]);
}

#[tokio::test]
async fn a_creation_that_is_repeated_creates_nothing() {
    let site = Site::new().await;
    let mut operator = site.databases(Caller::Operator);
    let id = "5f1c3d62-8a1e-4e55-9d30-111111111111";
    let asked = |name: &str| CreateDatabaseRequest { request_id: id.into(), ..create(name) };
    let created = operator.create_database(asked("Orders")).await.unwrap().into_inner();
    let again = operator.create_database(asked("Orders")).await.unwrap().into_inner();
    assert_eq!(again, created);
    let error = refused(operator.create_database(asked("Other")).await, Reason::RequestIdReused);
    assert_eq!(fields(&error), ["request_id"]);
    refused(operator.create_database(create("Orders")).await, Reason::DatabaseAlreadyExists);
    let other = CreateDatabaseRequest { request_id: id.replace('1', "2"), ..create("Orders") };
    refused(operator.create_database(other).await, Reason::DatabaseAlreadyExists);
    let wrong = CreateDatabaseRequest { request_id: "1".into(), ..create("Another") };
    let error = refused(operator.create_database(wrong).await, Reason::FieldInvalid);
    assert_eq!(fields(&error), ["request_id"]);
    // What it created is gone, and the id with it.
    let delete = DeleteDatabaseRequest { name: "databases/Orders".into() };
    operator.delete_database(delete).await.unwrap();
    let anew = operator.create_database(asked("Orders")).await.unwrap().into_inner();
    assert_ne!(anew.id, created.id);
}

#[tokio::test]
async fn names_that_are_none_are_refused_by_field() {
    let site = Site::new().await;
    let mut operator = site.databases(Caller::Operator);
    for wrong in ["", "a b", "a/b", "-a", &"a".repeat(129)] {
        let error = refused(operator.create_database(create(wrong)).await, Reason::FieldInvalid);
        assert_eq!(fields(&error), ["database_id"], "{wrong:?}");
    }
    for wrong in ["", "Orders", "databases/", "databases/a/b", "databases/-"] {
        let error = refused(operator.get_database(get(wrong)).await, Reason::FieldInvalid);
        assert_eq!(fields(&error), ["name"], "{wrong:?}");
        let delete = DeleteDatabaseRequest { name: wrong.into() };
        let error = refused(operator.delete_database(delete).await, Reason::FieldInvalid);
        assert_eq!(fields(&error), ["name"], "{wrong:?}");
    }
}

#[tokio::test]
async fn a_similar_name_is_told_to_who_may_know() {
    let (site, _database) = Site::with_orders().await;
    let mut operator = site.databases(Caller::Operator);
    let error =
        refused(operator.get_database(get("databases/orders")).await, Reason::DatabaseNotFound);
    assert_eq!(error.metadata["nearest"], "Orders");
    assert_eq!(error.resource.unwrap().name, "databases/orders");
    let error =
        refused(operator.get_database(get("databases/Invoices")).await, Reason::DatabaseNotFound);
    assert!(!error.metadata.contains_key("nearest"));
}

#[tokio::test]
async fn who_may_not_learns_nothing() {
    let (site, _database) = Site::with_orders().await;
    for caller in [Caller::Nobody, Caller::Reader] {
        let mut databases = site.databases(caller);
        refused(databases.create_database(create("x")).await, Reason::ClearanceInsufficient);
        let delete = DeleteDatabaseRequest { name: "databases/Orders".into() };
        refused(databases.delete_database(delete).await, Reason::ClearanceInsufficient);
        let there = databases.get_database(get("databases/Secret")).await;
        refused(there, Reason::DatabaseAccessDenied);
    }
    site.create("Secret").await;
    let mut nobody = site.databases(Caller::Nobody);
    for name in ["databases/Orders", "databases/Secret", "databases/Nothing"] {
        let error = refused(nobody.get_database(get(name)).await, Reason::DatabaseAccessDenied);
        assert!(!error.metadata.contains_key("nearest"));
    }
}

#[tokio::test]
async fn a_list_has_what_the_caller_may_read_in_pages() {
    let (site, _database) = Site::with_orders().await;
    for name in ["Beta", "Alpha", "Gamma"] {
        site.create(name).await;
    }
    let list =
        |page_size, token: &str| ListDatabasesRequest { page_size, page_token: token.into() };
    let mut operator = site.databases(Caller::Operator);
    let mut seen = Vec::new();
    let mut token = String::new();
    loop {
        let page = operator.list_databases(list(2, &token)).await.unwrap().into_inner();
        assert!(page.databases.len() <= 2);
        seen.extend(page.databases.into_iter().map(|database| database.name));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(seen, ["databases/Alpha", "databases/Beta", "databases/Gamma", "databases/Orders"]);
    let exact = operator.list_databases(list(4, "")).await.unwrap().into_inner();
    assert_eq!((exact.databases.len(), exact.next_page_token.as_str()), (4, ""));

    let mut reader = site.databases(Caller::Reader);
    let page = reader.list_databases(list(1, "")).await.unwrap().into_inner();
    assert_eq!(page.databases[0].name, "databases/Orders");
    assert_eq!(page.next_page_token, "");
    let none = site.databases(Caller::Nobody).list_databases(list(0, "")).await.unwrap();
    assert!(none.into_inner().databases.is_empty());

    let error = refused(operator.list_databases(list(-1, "")).await, Reason::FieldInvalid);
    assert_eq!(fields(&error), ["page_size"]);
    refused(operator.list_databases(list(0, "nonsense")).await, Reason::PageTokenInvalid);
}

#[test]
fn a_page_token_is_good_for_its_list_only() {
    let scope = Scope(&["documents", "1234", "users/"]);
    let token = scope.token("users/7");
    assert_eq!(scope.page(10, &token).unwrap().after.as_deref(), Some("users/7"));
    for other in [
        Scope(&["documents", "1234", "users"]),
        Scope(&["documents", "1235", "users/"]),
        Scope(&["databases", "1234", "users/"]),
        Scope(&["documents", "1234"]),
        Scope(&[]),
    ] {
        let error = other.page(10, &token).unwrap_err();
        assert_eq!(error.reason(), Reason::PageTokenInvalid, "{other:?}");
    }
    let mut broken = token.clone();
    broken.pop();
    assert!(scope.page(10, &broken).is_err());
    assert!(scope.page(10, "é").is_err());
}

#[test]
fn page_sizes_are_bounded() {
    let entries = |size| Scope(&[]).page(size, "").unwrap().entries;
    assert_eq!((entries(0), entries(1)), (PAGE_ENTRIES, 1));
    assert_eq!(entries(i32::MAX), PAGE_ENTRIES_MAX);
    assert_eq!(Scope(&[]).page(-1, "").unwrap_err().reason(), Reason::FieldInvalid);
}

#[test]
fn resource_names_are_read_and_written() {
    let orders: DatabaseName = "Orders".parse().unwrap();
    let name = names::of_child(&orders, "connectionStrings", "to the copy");
    assert_eq!(name, "databases/Orders/connectionStrings/to the copy");
    let read = names::child("name", &name, "connectionStrings").unwrap();
    assert_eq!(read, (orders.clone(), "to the copy".to_owned()));
    assert_eq!(names::database("name", &names::of_database(&orders)).unwrap(), orders);
    for wrong in [
        "databases/Orders/connectionStrings",
        "databases/Orders/connectionStrings/",
        "databases/Orders/connectionStrings/a/b",
        "databases/Orders/externalReplications/a",
        "databases//connectionStrings/a",
        "Databases/Orders/connectionStrings/a",
        "databases/Orders",
        "",
    ] {
        let error = names::child("name", wrong, "connectionStrings").unwrap_err();
        assert_eq!(error.violations()[0].path, "name", "{wrong:?}");
    }
}

#[test]
fn every_refusal_of_the_access_layer_is_in_the_catalogue() {
    let thumbprint = Thumbprint::from_bytes([1; 32]);
    for denied in [
        Denied::NoCertificate,
        Denied::CertificateNotTrusted { thumbprint },
        Denied::MethodUnknown { method: "/x".into() },
    ] {
        let error = jackdaw_proto::wire::WireError::from(denied.clone());
        assert_eq!(error.reason().as_str(), denied.reason());
    }
}

#[test]
fn errors_of_a_store_have_their_reasons() {
    let full = StoreError::from(jackdaw_store::engine::EngineError::NoSpace {
        path: "/secret".into(),
        available: 1,
        needed: 2,
    });
    let row = StoreError::Row { table: "changes", key: vec![1], what: "x".into() };
    let torn = StoreError::from(jackdaw_store::engine::EngineError::Corrupt {
        table: "changes",
        key: vec![1].into(),
        what: "x".into(),
    });
    for (error, reason) in [
        (full, Reason::DiskFull),
        (row, Reason::RowCorrupt),
        (torn, Reason::RowCorrupt),
        (StoreError::Closed, Reason::StoreFailed),
        (StoreError::EtagsExhausted, Reason::StoreFailed),
    ] {
        let error = failure::store(&error);
        assert_eq!(error.reason(), reason);
        assert!(!error.message().contains("secret"));
        let delay = jackdaw_proto::wire::RemoteError::from_status(&Status::from(error)).retry_delay;
        assert_eq!(delay.is_some(), reason == Reason::DiskFull);
        assert!(delay.is_none_or(|delay| delay >= Duration::from_secs(1)));
    }
    let changed = failure::record(&RecordError::Changed { index: 0 });
    assert_eq!(changed.reason(), Reason::ConcurrentChange);
}

#[tokio::test]
async fn a_backup_whose_client_takes_nothing_ends_and_says_so() {
    let (_site, database) = Site::with_orders().await;
    let body = format!(r#"{{"a":"{}"}}"#, "x".repeat(300_000));
    for etag in 1..12 {
        let id = format!("users/{etag}");
        replicate(database.store(), &id, Some(&body), etag).await;
    }
    let longest = Duration::from_millis(500);
    let pieces = backup::backup(database, longest);
    sleep(longest * 3).await;
    let rest = timeout(Duration::from_secs(20), pieces.collect::<Vec<_>>());
    let mut rest = rest.await.unwrap();
    refused(rest.pop().unwrap().map(drop), Reason::ClientStalled);
    assert_eq!(rest.len(), backup::PIECES_QUEUED_MAX);
    assert!(rest.iter().all(Result::is_ok));
}
