//! What `control` promises about changes, etags and repeated calls, tried out.

use jackdaw_proto::{
    control::{
        self as wire, connection_strings_server::ConnectionStrings as _,
        external_replications_server::ExternalReplications as _,
    },
    wire::Reason,
};
use prost_types::FieldMask;
use tonic::{Response, Status};

use super::fixture::{Caller, Site, fields, refused, string_request, task_name, task_request};

const ID: &str = "5f1c3d62-8a1e-4e55-9d30-111111111111";

async fn update_string(
    site: &Site,
    given: wire::ConnectionString,
    mask: Option<&[&str]>,
    validate_only: bool,
) -> Result<wire::ConnectionString, Status> {
    let message = wire::UpdateConnectionStringRequest {
        connection_string: Some(wire::ConnectionString {
            name: "databases/Orders/connectionStrings/copy".into(),
            ..given
        }),
        update_mask: mask.map(paths),
        validate_only,
    };
    let method = "ConnectionStrings/UpdateConnectionString";
    let request = site.request(Caller::Admin, method, message)?;
    site.strings.update_connection_string(request).await.map(Response::into_inner)
}

async fn update_task(
    site: &Site,
    given: wire::ExternalReplication,
    mask: Option<&[&str]>,
    validate_only: bool,
) -> Result<wire::ExternalReplication, Status> {
    let message = wire::UpdateExternalReplicationRequest {
        external_replication: Some(wire::ExternalReplication { name: task_name("1"), ..given }),
        update_mask: mask.map(paths),
        validate_only,
    };
    let method = "ExternalReplications/UpdateExternalReplication";
    let request = site.request(Caller::Operator, method, message)?;
    site.tasks.update_external_replication(request).await.map(Response::into_inner)
}

fn paths(paths: &[&str]) -> FieldMask {
    FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() }
}

fn string(database: &str, urls: &[&str]) -> wire::ConnectionString {
    wire::ConnectionString {
        database: database.into(),
        topology_discovery_urls: urls.iter().map(|url| (*url).to_owned()).collect(),
        ..Default::default()
    }
}

fn task(connection_string: &str, display_name: &str) -> wire::ExternalReplication {
    wire::ExternalReplication {
        connection_string: connection_string.into(),
        display_name: display_name.into(),
        ..Default::default()
    }
}

#[tokio::test]
async fn a_connection_string_becomes_what_the_mask_says() {
    let site = Site::with_string().await;
    let told = site.told.times();
    let urls = ["https://B:1/", "https://b:1"];
    let changed = update_string(&site, string("", &urls), None, false).await.unwrap();
    assert_eq!(changed.database, "Copy");
    assert_eq!(changed.topology_discovery_urls, ["https://b:1"]);
    assert_eq!(site.told.times(), told + 1);
    // Output-only fields are passed over, what is not named stays.
    let mask = ["database", "etag", "create_time"];
    let given = string("Other", &["https://c:1"]);
    let other = update_string(&site, given, Some(&mask), false).await.unwrap();
    assert_eq!(other.database, "Other");
    assert_eq!(other.topology_discovery_urls, ["https://b:1"]);
    assert_eq!(other.create_time, changed.create_time);
    let given = string("Third", &["https://c:1"]);
    let third = update_string(&site, given, Some(&["*"]), false).await.unwrap();
    assert_eq!((third.database.as_str(), third.topology_discovery_urls.len()), ("Third", 1));
    assert_eq!(third.topology_discovery_urls, ["https://c:1"]);
    let error = refused(
        update_string(&site, string("", &[]), Some(&["*"]), false).await,
        Reason::FieldInvalid,
    );
    let wrong = ["connection_string.database", "connection_string.topology_discovery_urls"];
    assert_eq!(fields(&error), wrong);
    let error = refused(
        update_string(&site, string("x", &[]), Some(&["nonsense"]), false).await,
        Reason::FieldInvalid,
    );
    assert_eq!(fields(&error), ["update_mask"]);
    let told = site.told.times();
    let checked = update_string(&site, string("Checked", &[]), None, true).await.unwrap();
    assert_eq!(checked.database, "Checked");
    assert_eq!(site.told.times(), told);
    let unchanged = update_string(&site, string("", &[]), Some(&[]), true).await.unwrap();
    assert_eq!(unchanged, third);
}

#[tokio::test]
async fn a_change_that_expects_something_else_is_refused() {
    let site = Site::with_string().await;
    let first = update_string(&site, string("A", &[]), None, false).await.unwrap();
    let given = wire::ConnectionString { etag: first.etag.clone(), ..string("B", &[]) };
    let second = update_string(&site, given.clone(), None, false).await.unwrap();
    assert_ne!(first.etag, second.etag);
    let error = refused(update_string(&site, given, None, false).await, Reason::EtagMismatch);
    assert_eq!(error.metadata["expected"], first.etag);
    assert_eq!(error.metadata["actual"], second.etag);
    assert_eq!(error.code, tonic::Code::Aborted);
    let name = second.name.clone();
    let message = wire::DeleteConnectionStringRequest { name, etag: first.etag };
    let method = "ConnectionStrings/DeleteConnectionString";
    let request = site.request(Caller::Admin, method, message).unwrap();
    refused(site.strings.delete_connection_string(request).await, Reason::EtagMismatch);
    let message = wire::DeleteConnectionStringRequest { name: second.name, etag: second.etag };
    let request = site.request(Caller::Admin, method, message).unwrap();
    site.strings.delete_connection_string(request).await.unwrap();
    let gone = update_string(&site, string("B", &[]), None, false).await;
    refused(gone, Reason::ConnectionStringNotFound);
}

#[tokio::test]
async fn a_task_becomes_what_the_mask_says() {
    let site = Site::with_string().await;
    site.create_string(Caller::Admin, string_request("other")).await.unwrap();
    site.create_task(Caller::Operator, task_request("copy", "one")).await.unwrap();
    site.create_task(Caller::Operator, task_request("copy", "two")).await.unwrap();
    let renamed = update_task(&site, task("", "uno"), None, false).await.unwrap();
    assert_eq!((renamed.display_name.as_str(), &*renamed.connection_string), ("uno", "copy"));
    let moved = update_task(&site, task("other", ""), None, false).await.unwrap();
    assert_eq!((moved.display_name.as_str(), &*moved.connection_string), ("uno", "other"));
    // Its own name is no other's.
    update_task(&site, task("", "UNO"), None, false).await.unwrap();
    let error =
        refused(update_task(&site, task("", "Two"), None, false).await, Reason::DisplayNameTaken);
    assert_eq!(error.metadata["task_id"], "2");
    let anew = update_task(&site, task("", ""), Some(&["display_name"]), false).await.unwrap();
    assert_eq!(anew.display_name, "External Replication to other");
    let error = refused(
        update_task(&site, task("none", ""), None, false).await,
        Reason::ConnectionStringNotFound,
    );
    assert_eq!(fields(&error), ["external_replication.connection_string"]);
    let error =
        refused(update_task(&site, task("", ""), Some(&["*"]), false).await, Reason::FieldInvalid);
    assert_eq!(fields(&error), ["external_replication.connection_string"]);
    let told = site.told.times();
    let checked = update_task(&site, task("copy", "seen"), None, true).await.unwrap();
    assert_eq!((checked.display_name.as_str(), &*checked.connection_string), ("seen", "copy"));
    assert_eq!(site.told.times(), told);
    assert_eq!(site.get_task("1").await.unwrap(), anew);
}

#[tokio::test]
async fn the_etag_of_a_task_follows_what_people_write() {
    let site = Site::with_string().await;
    let created = site.create_task(Caller::Operator, task_request("copy", "")).await.unwrap();
    let disabled = site.disable_task("1").await.unwrap();
    assert_ne!(created.etag, disabled.etag);
    let given = wire::ExternalReplication { etag: created.etag.clone(), ..task("", "x") };
    refused(update_task(&site, given, None, false).await, Reason::EtagMismatch);
    let method = "ExternalReplications/DeleteExternalReplication";
    let message = wire::DeleteExternalReplicationRequest { name: created.name, etag: created.etag };
    let request = site.request(Caller::Operator, method, message).unwrap();
    refused(site.tasks.delete_external_replication(request).await, Reason::EtagMismatch);
    let given = wire::ExternalReplication { etag: disabled.etag, ..task("", "x") };
    assert_eq!(update_task(&site, given, None, false).await.unwrap().display_name, "x");
}

#[tokio::test]
async fn a_creation_that_is_repeated_creates_nothing() {
    let site = Site::new().await;
    let string = |name: &str| wire::CreateConnectionStringRequest {
        request_id: ID.into(),
        ..string_request(name)
    };
    let created = site.create_string(Caller::Admin, string("copy")).await.unwrap();
    let again = site.create_string(Caller::Admin, string("copy")).await.unwrap();
    assert_eq!(created, again);
    refused(site.create_string(Caller::Admin, string("x")).await, Reason::RequestIdReused);
    let plain = site.create_string(Caller::Admin, string_request("copy")).await;
    refused(plain, Reason::ConnectionStringAlreadyExists);
    let both = tokio::join!(
        site.create_string(
            Caller::Admin,
            wire::CreateConnectionStringRequest {
                request_id: ID.replace('1', "3"),
                ..string_request("twice")
            }
        ),
        site.create_string(
            Caller::Admin,
            wire::CreateConnectionStringRequest {
                request_id: ID.replace('1', "3"),
                ..string_request("twice")
            }
        )
    );
    assert_eq!(both.0.unwrap(), both.1.unwrap());

    let task = |name: &str| wire::CreateExternalReplicationRequest {
        request_id: ID.into(),
        ..task_request("copy", name)
    };
    let created = site.create_task(Caller::Operator, task("")).await.unwrap();
    let told = site.told.times();
    let again = site.create_task(Caller::Operator, task("")).await.unwrap();
    assert_eq!(created, again);
    assert_eq!(site.told.times(), told);
    let error =
        refused(site.create_task(Caller::Operator, task("other")).await, Reason::RequestIdReused);
    assert_eq!(fields(&error), ["request_id"]);
    // As it is now, not as it was then.
    let renamed = update_task(&site, super::editing::task("", "new"), None, false).await.unwrap();
    assert_eq!(site.create_task(Caller::Operator, task("")).await.unwrap(), renamed);
    let plain = site.create_task(Caller::Operator, task_request("copy", "")).await.unwrap();
    assert_eq!(plain.name, task_name("2"));
    site.delete_task("1").await.unwrap();
    let anew = site.create_task(Caller::Operator, task("")).await.unwrap();
    assert_eq!(anew.name, task_name("3"));
}
