//! What `control` promises about `strings`, tried out.

use jackdaw_proto::{
    control::{self as wire, connection_strings_server::ConnectionStrings as _},
    wire::Reason,
};

use super::fixture::{Caller, Site, fields, refused, string_request, task_request};

fn with_urls(urls: &[&str]) -> wire::CreateConnectionStringRequest {
    let mut request = string_request("copy");
    request.connection_string.as_mut().unwrap().topology_discovery_urls =
        urls.iter().map(|url| (*url).to_owned()).collect();
    request
}

async fn list(
    site: &Site,
    page_size: i32,
    page_token: &str,
) -> wire::ListConnectionStringsResponse {
    let message = wire::ListConnectionStringsRequest {
        parent: "databases/Orders".into(),
        page_size,
        page_token: page_token.into(),
    };
    let method = "ConnectionStrings/ListConnectionStrings";
    let request = site.request(Caller::Admin, method, message).unwrap();
    site.strings.list_connection_strings(request).await.unwrap().into_inner()
}

async fn get(site: &Site, name: &str) -> Result<wire::ConnectionString, tonic::Status> {
    let message = wire::GetConnectionStringRequest { name: name.into() };
    let method = "ConnectionStrings/GetConnectionString";
    let request = site.request(Caller::Admin, method, message)?;
    site.strings.get_connection_string(request).await.map(tonic::Response::into_inner)
}

#[tokio::test]
async fn a_connection_string_is_stored_canonical_shown_and_deleted() {
    let site = Site::new().await;
    site.clock.set(5_000_000);
    let urls = ["https://B:1/", "https://a", "https://b:1", "https://a:443/", "https://[::1]:2"];
    let created = site.create_string(Caller::Admin, with_urls(&urls)).await.unwrap();
    assert_eq!(created.name, "databases/Orders/connectionStrings/copy");
    assert_eq!(created.database, "Copy");
    let expected = ["https://b:1", "https://a:443", "https://[::1]:2"];
    assert_eq!(created.topology_discovery_urls, expected);
    assert_eq!(created.create_time.unwrap().seconds, 5);
    assert_eq!(site.told.times(), 1);
    assert_eq!(get(&site, &created.name).await.unwrap(), created);
    assert_eq!(list(&site, 0, "").await.connection_strings, std::slice::from_ref(&created));

    site.delete_string("copy").await.unwrap();
    assert_eq!(site.told.times(), 2);
    refused(get(&site, &created.name).await, Reason::ConnectionStringNotFound);
    refused(site.delete_string("copy").await, Reason::ConnectionStringNotFound);
    assert_eq!(site.told.times(), 2);
}

#[tokio::test]
async fn a_name_is_taken_once() {
    let site = Site::with_string().await;
    let again = site.create_string(Caller::Admin, string_request("copy")).await;
    let error = refused(again, Reason::ConnectionStringAlreadyExists);
    assert_eq!(error.metadata["connection_string"], "copy");
    let check =
        wire::CreateConnectionStringRequest { validate_only: true, ..string_request("copy") };
    let again = site.create_string(Caller::Admin, check).await;
    refused(again, Reason::ConnectionStringAlreadyExists);
    let one = site.create_string(Caller::Admin, string_request("x"));
    let other = site.create_string(Caller::Admin, string_request("x"));
    let (one, other) = tokio::join!(one, other);
    assert!(one.is_ok() != other.is_ok());
    refused(one.and(other), Reason::ConnectionStringAlreadyExists);
}

#[tokio::test]
async fn checking_stores_nothing() {
    let site = Site::new().await;
    let check =
        wire::CreateConnectionStringRequest { validate_only: true, ..string_request("copy") };
    let checked = site.create_string(Caller::Admin, check).await.unwrap();
    assert_eq!(checked.topology_discovery_urls, ["https://receiver:8443"]);
    assert!(list(&site, 0, "").await.connection_strings.is_empty());
    assert_eq!(site.told.times(), 0);
}

#[tokio::test]
async fn every_wrong_field_is_named() {
    let site = Site::new().await;
    let request = wire::CreateConnectionStringRequest {
        parent: "databases/Orders".into(),
        connection_string_id: "a/b".into(),
        connection_string: Some(wire::ConnectionString {
            database: "no name".into(),
            topology_discovery_urls: [
                "https://good:1",
                "http://plain:1",
                "https://good:1/path",
                "https://user@good:1",
                "nonsense",
            ]
            .map(str::to_owned)
            .to_vec(),
            ..Default::default()
        }),
        validate_only: true,
        ..Default::default()
    };
    let error = refused(site.create_string(Caller::Admin, request).await, Reason::FieldInvalid);
    let urls = "connection_string.topology_discovery_urls";
    assert_eq!(
        fields(&error),
        [
            "connection_string_id",
            "connection_string.database",
            &format!("{urls}[1]"),
            &format!("{urls}[2]"),
            &format!("{urls}[3]"),
            &format!("{urls}[4]"),
        ]
    );
    for count in [0, 17] {
        let many = with_urls(&vec!["https://a:1"; count]);
        let error = refused(site.create_string(Caller::Admin, many).await, Reason::FieldInvalid);
        assert_eq!(fields(&error), [urls]);
    }
    let sixteen = with_urls(&vec!["https://a:1"; 16]);
    assert!(site.create_string(Caller::Admin, sixteen).await.is_ok());
    for name in ["", "a\u{7}", &"a".repeat(129)] {
        let wrong = site.create_string(Caller::Admin, string_request(name)).await;
        assert_eq!(fields(&refused(wrong, Reason::FieldInvalid)), ["connection_string_id"]);
    }
    let none =
        wire::CreateConnectionStringRequest { connection_string: None, ..string_request("x") };
    let error = refused(site.create_string(Caller::Admin, none).await, Reason::FieldInvalid);
    assert_eq!(fields(&error), ["connection_string"]);
    let parent =
        wire::CreateConnectionStringRequest { parent: "Orders".into(), ..string_request("x") };
    let error = refused(site.create_string(Caller::Admin, parent).await, Reason::FieldInvalid);
    assert_eq!(fields(&error), ["parent"]);
}

#[tokio::test]
async fn one_that_is_used_is_not_deleted_and_the_tasks_are_named() {
    let site = Site::with_string().await;
    site.create_task(Caller::Operator, task_request("copy", "One")).await.unwrap();
    site.create_task(Caller::Operator, task_request("copy", "Two")).await.unwrap();
    let error = refused(site.delete_string("copy").await, Reason::ConnectionStringInUse);
    assert_eq!(
        error.metadata["tasks"],
        "databases/Orders/externalReplications/1, databases/Orders/externalReplications/2"
    );
    assert!(error.message.contains("\"One\", \"Two\""), "{}", error.message);
    let unmet: Vec<_> = error.unmet.iter().map(|it| (&*it.kind, &*it.subject, &*it.text)).collect();
    let (one, two) = (super::fixture::task_name("1"), super::fixture::task_name("2"));
    assert_eq!(unmet, [("IN_USE", &*one, "One"), ("IN_USE", &*two, "Two")]);
    site.delete_task("1").await.unwrap();
    refused(site.delete_string("copy").await, Reason::ConnectionStringInUse);
    site.delete_task("2").await.unwrap();
    site.delete_string("copy").await.unwrap();
}

#[tokio::test]
async fn a_task_never_loses_its_connection_string_to_a_race() {
    for _ in 0..20 {
        let site = Site::with_string().await;
        let create = site.create_task(Caller::Operator, task_request("copy", ""));
        let (task, deleted) = tokio::join!(create, site.delete_string("copy"));
        assert!(task.is_ok() != deleted.is_ok(), "{task:?} {deleted:?}");
        if task.is_ok() {
            refused(deleted, Reason::ConnectionStringInUse);
        } else {
            refused(task, Reason::ConnectionStringNotFound);
        }
    }
}

#[tokio::test]
async fn lists_are_paged_in_name_order() {
    let site = Site::new().await;
    for name in ["c", "a", "b"] {
        site.create_string(Caller::Admin, string_request(name)).await.unwrap();
    }
    let first = list(&site, 2, "").await;
    let second = list(&site, 2, &first.next_page_token).await;
    assert_eq!(second.next_page_token, "");
    let pages = [first.connection_strings, second.connection_strings].concat();
    let names: Vec<_> = pages.iter().map(|it| it.name.rsplit('/').next().unwrap()).collect();
    assert_eq!(names, ["a", "b", "c"]);
    let exact = list(&site, 3, "").await;
    assert_eq!((exact.connection_strings.len(), exact.next_page_token.as_str()), (3, ""));
}

#[tokio::test]
async fn a_similar_name_is_told() {
    let site = Site::with_string().await;
    let name = "databases/Orders/connectionStrings/Coppy";
    let error = refused(get(&site, name).await, Reason::ConnectionStringNotFound);
    assert_eq!(error.metadata["nearest"], "copy");
    assert_eq!(error.resource.unwrap().name, name);
    let error = refused(get(&site, "databases/Orders/copy").await, Reason::FieldInvalid);
    assert_eq!(fields(&error), ["name"]);
}

#[tokio::test]
async fn every_call_passes_the_door() {
    let site = Site::with_string().await;
    for caller in [Caller::Nobody, Caller::Reader] {
        let created = site.create_string(caller, string_request("x")).await;
        refused(created, Reason::DatabaseAccessDenied);
        let name = "databases/Orders/connectionStrings/copy".to_owned();
        let message = wire::GetConnectionStringRequest { name: name.clone() };
        let method = "ConnectionStrings/GetConnectionString";
        let request = site.request(caller, method, message).unwrap();
        let answer = site.strings.get_connection_string(request).await;
        refused(answer, Reason::DatabaseAccessDenied);
        let message = wire::DeleteConnectionStringRequest { name, ..Default::default() };
        let method = "ConnectionStrings/DeleteConnectionString";
        let request = site.request(caller, method, message).unwrap();
        let answer = site.strings.delete_connection_string(request).await;
        refused(answer, Reason::DatabaseAccessDenied);
        let message = wire::ListConnectionStringsRequest {
            parent: "databases/Orders".into(),
            ..Default::default()
        };
        let method = "ConnectionStrings/ListConnectionStrings";
        let request = site.request(caller, method, message).unwrap();
        let answer = site.strings.list_connection_strings(request).await;
        refused(answer, Reason::DatabaseAccessDenied);
    }
    let elsewhere = wire::CreateConnectionStringRequest {
        parent: "databases/Nowhere".into(),
        ..string_request("x")
    };
    let denied = site.create_string(Caller::Admin, elsewhere.clone()).await;
    refused(denied, Reason::DatabaseAccessDenied);
    let missing = site.create_string(Caller::Operator, elsewhere).await;
    refused(missing, Reason::DatabaseNotFound);
}
