//! What `control` promises about `tasks`, tried out.

use std::time::Duration;

use jackdaw_common::{Etag, Timestamp};
use jackdaw_proto::{
    control::{
        self as wire, external_replication as part,
        external_replications_server::ExternalReplications as _,
    },
    wire::Reason,
};
use tokio::time::timeout;
use tokio_stream::StreamExt as _;

use super::fixture::{Caller, Site, fields, refused, string_request, task_name, task_request};
use crate::{control::watch::Watch, progress::Phase};

async fn list(site: &Site, page_size: i32, token: &str) -> wire::ListExternalReplicationsResponse {
    let message = wire::ListExternalReplicationsRequest {
        parent: "databases/Orders".into(),
        page_size,
        page_token: token.into(),
    };
    let method = "ExternalReplications/ListExternalReplications";
    let request = site.request(Caller::Reader, method, message).unwrap();
    site.tasks.list_external_replications(request).await.unwrap().into_inner()
}

async fn enable(site: &Site, id: &str) -> Result<wire::ExternalReplication, tonic::Status> {
    let method = "ExternalReplications/EnableExternalReplication";
    let message = wire::EnableExternalReplicationRequest { name: task_name(id) };
    let request = site.request(Caller::Operator, method, message)?;
    site.tasks.enable_external_replication(request).await.map(tonic::Response::into_inner)
}

async fn watch(site: &Site, id: &str) -> Result<Watch, tonic::Status> {
    let method = "ExternalReplications/WatchExternalReplication";
    let message = wire::WatchExternalReplicationRequest { name: task_name(id) };
    let request = site.request(Caller::Reader, method, message)?;
    site.tasks.watch_external_replication(request).await.map(tonic::Response::into_inner)
}

/// The next state, which must come soon; `None` is the end.
async fn next(states: &mut Watch) -> Option<Result<wire::ExternalReplication, tonic::Status>> {
    timeout(Duration::from_secs(20), states.next()).await.expect("nothing came")
}

fn lag_items(task: &wire::ExternalReplication) -> u64 {
    task.progress.as_ref().unwrap().lag_items
}

#[tokio::test]
async fn a_task_is_created_shown_and_deleted() {
    let site = Site::with_string().await;
    site.clock.set(7_000_000);
    let created = site.create_task(Caller::Operator, task_request("copy", "")).await.unwrap();
    assert_eq!(created.name, task_name("1"));
    assert_eq!(created.display_name, "External Replication to copy");
    assert_eq!(
        (created.connection_string.as_str(), created.state()),
        ("copy", part::State::Enabled)
    );
    assert_eq!(created.connection_state(), part::ConnectionState::NotActive);
    assert_eq!(created.destination_database, "Copy");
    assert_eq!(created.topology_discovery_urls, ["https://receiver:8443"]);
    assert_eq!(created.create_time.unwrap().seconds, 7);
    assert_eq!(site.told.times(), 2);
    assert_eq!(site.get_task("1").await.unwrap(), created);

    site.delete_task("1").await.unwrap();
    assert_eq!(site.told.times(), 3);
    refused(site.get_task("1").await, Reason::ExternalReplicationNotFound);
    refused(site.delete_task("1").await, Reason::ExternalReplicationNotFound);
    refused(site.disable_task("1").await, Reason::ExternalReplicationNotFound);
    refused(enable(&site, "1").await, Reason::ExternalReplicationNotFound);
    let error = refused(watch(&site, "1").await.map(drop), Reason::ExternalReplicationNotFound);
    assert_eq!(error.resource.unwrap().name, task_name("1"));
}

#[tokio::test]
async fn ids_are_counted_and_never_used_again() {
    let site = Site::with_string().await;
    for id in ["1", "2"] {
        let task = site.create_task(Caller::Operator, task_request("copy", "")).await.unwrap();
        assert_eq!(task.name, task_name(id));
    }
    site.delete_task("2").await.unwrap();
    site.delete_task("1").await.unwrap();
    let task = site.create_task(Caller::Operator, task_request("copy", "")).await.unwrap();
    assert_eq!(task.name, task_name("3"));
}

#[tokio::test]
async fn default_names_are_made_unique_and_given_ones_must_be() {
    let site = Site::with_string().await;
    let create =
        |name: &'static str| site.create_task(Caller::Operator, task_request("copy", name));
    let plain = "External Replication to copy";
    assert_eq!(create("").await.unwrap().display_name, plain);
    let third = "external replication to COPY #3";
    assert_eq!(create(third).await.unwrap().display_name, third);
    assert_eq!(create("").await.unwrap().display_name, format!("{plain} #2"));
    assert_eq!(create("").await.unwrap().display_name, format!("{plain} #4"));
    site.delete_task("1").await.unwrap();
    assert_eq!(create("").await.unwrap().display_name, plain);
    let error = refused(create("EXTERNAL replication to copy #2").await, Reason::DisplayNameTaken);
    assert_eq!(fields(&error), ["external_replication.display_name"]);
    assert_eq!(error.metadata["task_id"], "3");
}

#[tokio::test]
async fn tasks_created_at_once_get_names_and_ids_of_their_own() {
    let site = Site::with_string().await;
    let create = || site.create_task(Caller::Operator, task_request("copy", ""));
    let tasks = tokio::join!(create(), create(), create(), create());
    let tasks = [tasks.0, tasks.1, tasks.2, tasks.3].map(Result::unwrap);
    let mut ids: Vec<_> = tasks.iter().map(|task| task.name.as_str()).collect();
    let mut names: Vec<_> = tasks.iter().map(|task| task.display_name.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    names.sort_unstable();
    names.dedup();
    assert_eq!((ids.len(), names.len()), (4, 4));
}

#[tokio::test]
async fn wrong_fields_are_named_and_checking_creates_nothing() {
    let site = Site::with_string().await;
    let check = |string: &str, name: &str| wire::CreateExternalReplicationRequest {
        validate_only: true,
        ..task_request(string, name)
    };
    let checked = site.create_task(Caller::Operator, check("copy", "")).await.unwrap();
    assert_eq!(checked.name, task_name("1"));
    assert_eq!(checked.display_name, "External Replication to copy");
    assert!(list(&site, 0, "").await.external_replications.is_empty());

    let long = "x".repeat(257);
    for request in [check("", "a\u{7}"), task_request("", "a\u{7}"), check("", &long)] {
        let error =
            refused(site.create_task(Caller::Operator, request).await, Reason::FieldInvalid);
        let both = ["external_replication.connection_string", "external_replication.display_name"];
        assert_eq!(fields(&error), both);
    }
    for request in [check("cop", ""), task_request("cop", "")] {
        let answer = site.create_task(Caller::Operator, request).await;
        let error = refused(answer, Reason::ConnectionStringNotFound);
        assert_eq!(fields(&error), ["external_replication.connection_string"]);
        assert_eq!(error.metadata["nearest"], "copy");
    }
    let none = wire::CreateExternalReplicationRequest {
        external_replication: None,
        ..task_request("copy", "")
    };
    let error = refused(site.create_task(Caller::Operator, none).await, Reason::FieldInvalid);
    assert_eq!(fields(&error), ["external_replication"]);
    for wrong in ["0", "x", "", "-1", "99999999999999999999"] {
        assert_eq!(fields(&refused(site.get_task(wrong).await, Reason::FieldInvalid)), ["name"]);
    }
    assert_eq!(site.told.times(), 1);
}

#[tokio::test]
async fn a_task_is_switched_and_switching_again_changes_nothing() {
    let site = Site::with_string().await;
    site.create_task(Caller::Operator, task_request("copy", "")).await.unwrap();
    let told = site.told.times();
    let disabled = site.disable_task("1").await.unwrap();
    assert_eq!(disabled.state(), part::State::Disabled);
    assert_eq!(site.told.times(), told + 1);
    assert_eq!(site.disable_task("1").await.unwrap(), disabled);
    assert_eq!(site.told.times(), told + 1);
    let enabled = enable(&site, "1").await.unwrap();
    assert_eq!(enabled.state(), part::State::Enabled);
    assert_eq!(enable(&site, "1").await.unwrap(), enabled);
    assert_eq!(site.told.times(), told + 2);
}

#[tokio::test]
async fn lists_are_paged_in_the_order_of_ids() {
    let site = Site::with_string().await;
    site.create_string(Caller::Admin, string_request("other")).await.unwrap();
    for _ in 0..11 {
        site.create_task(Caller::Operator, task_request("other", "")).await.unwrap();
    }
    let mut names = Vec::new();
    let mut token = String::new();
    loop {
        let page = list(&site, 4, &token).await;
        names.extend(page.external_replications.into_iter().map(|task| task.name));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    let expected: Vec<_> = (1..=11).map(|id: u64| task_name(&id.to_string())).collect();
    assert_eq!(names, expected);
}

#[tokio::test]
async fn only_operators_define_tasks_and_readers_look_at_them() {
    let site = Site::with_string().await;
    for caller in [Caller::Admin, Caller::Reader, Caller::Nobody] {
        let created = site.create_task(caller, task_request("copy", "")).await;
        refused(created, Reason::ClearanceInsufficient);
    }
    site.create_task(Caller::Operator, task_request("copy", "")).await.unwrap();
    site.get_task("1").await.unwrap();
    let method = "ExternalReplications/GetExternalReplication";
    let message = wire::GetExternalReplicationRequest { name: task_name("1") };
    let request = site.request(Caller::Nobody, method, message).unwrap();
    let answer = site.tasks.get_external_replication(request).await;
    refused(answer, Reason::DatabaseAccessDenied);
    let method = "ExternalReplications/WatchExternalReplication";
    let message = wire::WatchExternalReplicationRequest { name: task_name("1") };
    let request = site.request(Caller::Nobody, method, message).unwrap();
    let answer = site.tasks.watch_external_replication(request).await.map(drop);
    refused(answer, Reason::DatabaseAccessDenied);
}

#[tokio::test]
async fn a_watch_shows_the_task_now_and_after_every_change_until_it_is_deleted() {
    let site = Site::with_string().await;
    site.create_task(Caller::Operator, task_request("copy", "")).await.unwrap();
    let mut states = watch(&site, "1").await.unwrap();
    let first = next(&mut states).await.unwrap().unwrap();
    assert_eq!(first, site.get_task("1").await.unwrap());

    let key = site.key(1);
    site.board.update(key, |status| status.phase = Phase::Connecting);
    let state = next(&mut states).await.unwrap().unwrap();
    assert_eq!(state.phase.unwrap().kind(), part::PhaseKind::Connecting);

    site.put("a").await;
    let state = next(&mut states).await.unwrap().unwrap();
    assert_eq!(lag_items(&state), 1);
    site.board.update(key, |status| status.last_acknowledged = Etag::new(1).unwrap());
    let state = next(&mut states).await.unwrap().unwrap();
    assert_eq!(lag_items(&state), 0);

    site.disable_task("1").await.unwrap();
    let state = next(&mut states).await.unwrap().unwrap();
    assert_eq!(state.state(), part::State::Disabled);

    site.board.forget(key);
    site.delete_task("1").await.unwrap();
    assert!(next(&mut states).await.is_none());
}

#[tokio::test]
async fn a_watch_shows_a_lag_that_grows_by_itself_and_is_bounded_in_rate() {
    let site = Site::with_string().await;
    site.create_task(Caller::Operator, task_request("copy", "")).await.unwrap();
    site.clock.set(10_000_000);
    site.put("a").await;
    let mut states = watch(&site, "1").await.unwrap();
    let first = next(&mut states).await.unwrap().unwrap();
    let lag =
        |task: &wire::ExternalReplication| task.progress.as_ref().unwrap().lag.unwrap().seconds;
    assert_eq!(lag(&first), 0);
    site.clock.set(70_000_000);
    let later = next(&mut states).await.unwrap().unwrap();
    assert_eq!(lag(&later), 60);

    let key = site.key(1);
    for number in 0..10_000 {
        let number = Timestamp::from_micros(number);
        site.board.update(key, |status| status.heard = Some(number));
    }
    let last = loop {
        let state = next(&mut states).await.unwrap().unwrap();
        let heard = state.progress.unwrap().heard_time;
        if heard.is_some_and(|heard| heard.nanos == 9_999_000) {
            break heard;
        }
        assert!(heard.is_none_or(|heard| heard.nanos < 9_999_000));
    };
    assert!(last.is_some());
}

#[tokio::test]
async fn a_watch_ends_with_its_database() {
    let site = Site::with_string().await;
    site.create_task(Caller::Operator, task_request("copy", "")).await.unwrap();
    let mut states = watch(&site, "1").await.unwrap();
    next(&mut states).await.unwrap().unwrap();
    site.catalog.delete(&"Orders".parse().unwrap()).await.unwrap();
    refused(next(&mut states).await.unwrap(), Reason::DatabaseNotFound);
    assert!(next(&mut states).await.is_none());
}
