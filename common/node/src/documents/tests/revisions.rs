//! What `documents` promises about revisions, and what it says of documents besides, tried out.

use jackdaw_proto::{documents as wire, wire::Reason};
use prost_types::Duration;
use tonic::Status;
use wire::Flag;

use super::*;
use crate::control::fixture::{fields, receive, refused};

fn rule(keep: Option<u64>) -> wire::RevisionsRule {
    wire::RevisionsRule { minimum_to_keep: keep, ..Default::default() }
}

fn all(rule: wire::RevisionsRule) -> wire::RevisionsConfiguration {
    wire::RevisionsConfiguration { default_rule: Some(rule), ..Default::default() }
}

async fn configure(
    site: &Site,
    configuration: wire::RevisionsConfiguration,
) -> Result<wire::RevisionsConfiguration, Status> {
    let request = wire::ConfigureRevisionsRequest {
        database: "Orders".into(),
        configuration: Some(configuration),
    };
    let mut client = site.documents(Caller::Operator);
    client.configure_revisions(request).await.map(|it| it.into_inner())
}

async fn list(
    site: &Site,
    document: &str,
    page_size: i32,
    token: &str,
) -> Result<wire::ListRevisionsResponse, Status> {
    let request = wire::ListRevisionsRequest {
        database: "Orders".into(),
        document_id: document.into(),
        page_size,
        page_token: token.into(),
    };
    site.documents(Caller::Reader).list_revisions(request).await.map(|it| it.into_inner())
}

async fn revision(site: &Site, document: &str, vector: &str) -> Result<wire::Revision, Status> {
    let request = wire::GetRevisionRequest {
        database: "Orders".into(),
        document_id: document.into(),
        change_vector: vector.into(),
    };
    site.documents(Caller::Reader).get_revision(request).await.map(|it| it.into_inner())
}

async fn enforce(site: &Site) -> wire::EnforceRevisionsResponse {
    let request = wire::EnforceRevisionsRequest { database: "Orders".into() };
    let answer = site.documents(Caller::Operator).enforce_revisions(request).await;
    let mut steps = answer.unwrap().into_inner();
    let mut last = wire::EnforceRevisionsResponse::default();
    while let Some(step) = steps.message().await.unwrap() {
        assert!(!last.done, "another step behind the last one");
        last = step;
    }
    assert!(last.done);
    last
}

async fn flags(site: &Site, id: &str) -> Vec<Flag> {
    let document = site.documents(Caller::Reader).get_document(get_request(id)).await.unwrap();
    document.into_inner().flags().collect()
}

async fn metadata(site: &Site, id: &str) -> String {
    let request = wire::GetDocumentRequest { derive_metadata: true, ..get_request(id) };
    let document = site.documents(Caller::Reader).get_document(request).await.unwrap();
    String::from_utf8(document.into_inner().body.to_vec()).unwrap()
}

#[tokio::test]
async fn revisions_are_listed_and_read() {
    let (site, _database) = Site::with_orders().await;
    configure(&site, all(rule(None))).await.unwrap();
    let bodies: Vec<_> = (0..5).map(|n| format!("{{\"n\":{n}}}")).collect();
    for body in &bodies {
        fill(&site, &["Users/1", "users/10"], body).await;
    }
    let delete = transact_request(vec![delete_command("users/1")]);
    site.documents(Caller::Writer).transact(delete).await.unwrap();
    let (mut listed, mut token) = (Vec::new(), String::new());
    loop {
        let page = list(&site, "USERS/1", 2, &token).await.unwrap();
        assert!(page.revisions.len() <= 2);
        listed.extend(page.revisions);
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(listed.len(), 6);
    let deletion = &listed[0];
    assert_eq!(deletion.flags().collect::<Vec<_>>(), [Flag::DeleteRevision]);
    assert_eq!((deletion.body_bytes, deletion.document_id.as_str()), (0, "Users/1"));
    assert!(revision(&site, "users/1", &deletion.change_vector).await.unwrap().body.is_empty());
    for (listed, body) in listed[1..].iter().zip(bodies.iter().rev()) {
        let whole = revision(&site, "users/1", &listed.change_vector).await.unwrap();
        assert_eq!(whole.body, body.as_bytes());
        assert_eq!(wire::Revision { body: Default::default(), ..whole }, *listed);
        assert_eq!(listed.flags().collect::<Vec<_>>(), [Flag::Revision]);
    }
    let none = list(&site, "nobody", 0, "").await.unwrap();
    assert!(none.revisions.is_empty());
    let other = list(&site, "users/10", 1, "").await.unwrap().next_page_token;
    refused(list(&site, "users/1", 1, &other).await, Reason::PageTokenInvalid);
}

#[tokio::test]
async fn what_is_no_revision_is_said() {
    let (site, _database) = Site::with_orders().await;
    fill(&site, &["a"], "{}").await;
    let vector = site.documents(Caller::Reader).get_document(get_request("a")).await.unwrap();
    let vector = vector.into_inner().change_vector;
    let error = refused(revision(&site, "a", &vector).await, Reason::RevisionNotFound);
    assert_eq!((&*error.metadata["id"], &error.metadata["change_vector"]), ("a", &vector));
    for wrong in ["", "nonsense"] {
        let error = refused(revision(&site, "", wrong).await, Reason::FieldInvalid);
        assert_eq!(fields(&error), ["document_id", "change_vector"]);
    }
    refused(list(&site, "", 1, "").await, Reason::FieldInvalid);
    let request = wire::GetAttachmentRequest {
        database: "Orders".into(),
        document_id: "a".into(),
        name: "x".into(),
        revision_change_vector: Some(vector),
        ..Default::default()
    };
    let read = |request| async { site.documents(Caller::Reader).get_attachment(request).await };
    refused(read(request.clone()).await.map(drop), Reason::RevisionNotFound);
    let request = wire::GetAttachmentRequest { revision_change_vector: Some("".into()), ..request };
    let error = refused(read(request).await.map(drop), Reason::FieldInvalid);
    assert_eq!(fields(&error), ["revision_change_vector"]);
}

#[tokio::test]
async fn a_configuration_is_kept_checked_and_enforced() {
    let (site, _database) = Site::with_orders().await;
    let age = Some(Duration { seconds: 60, nanos: 1_000 });
    let own = wire::CollectionRevisionsRule {
        collection: "Users".into(),
        rule: Some(wire::RevisionsRule {
            minimum_age_to_keep: age,
            purge_on_delete: true,
            ..rule(Some(7))
        }),
    };
    let wanted = wire::RevisionsConfiguration {
        default_rule: Some(wire::RevisionsRule { disabled: true, ..Default::default() }),
        collection_rules: vec![own],
        etag: String::new(),
    };
    let first = configure(&site, wanted.clone()).await.unwrap();
    assert!(!first.etag.is_empty());
    let without_etag = |it: &wire::RevisionsConfiguration| wire::RevisionsConfiguration {
        etag: String::new(),
        ..it.clone()
    };
    assert_eq!(without_etag(&first), wanted);
    let request = wire::GetRevisionsConfigurationRequest { database: "Orders".into() };
    let got = site.documents(Caller::Reader).get_revisions_configuration(request).await.unwrap();
    assert_eq!(got.into_inner(), first);
    // Whoever has read it may change it, once.
    let next = wire::RevisionsConfiguration { default_rule: None, ..first.clone() };
    let second = configure(&site, next.clone()).await.unwrap();
    assert_ne!(second.etag, first.etag);
    refused(configure(&site, next).await, Reason::EtagMismatch);

    let negative = Some(Duration { seconds: -1, nanos: 0 });
    let wrong = wire::RevisionsRule { minimum_age_to_keep: negative, ..rule(Some(0)) };
    let unnamed = |name: &str| wire::CollectionRevisionsRule {
        collection: name.into(),
        rule: Some(rule(None)),
    };
    let many =
        wire::RevisionsConfiguration { collection_rules: vec![unnamed("a\u{1}")], ..all(wrong) };
    let error = refused(configure(&site, many).await, Reason::FieldInvalid);
    let expected = [
        "configuration.default_rule.minimum_age_to_keep",
        "configuration.default_rule.minimum_to_keep",
        "configuration.collection_rules[0].collection",
    ];
    assert_eq!(fields(&error), expected);
    for rules in [vec![unnamed("")], vec![unnamed("a"), unnamed("A")]] {
        let configuration =
            wire::RevisionsConfiguration { collection_rules: rules, ..Default::default() };
        let error = refused(configure(&site, configuration).await, Reason::FieldInvalid);
        assert_eq!(fields(&error), ["configuration.collection_rules"]);
    }

    configure(&site, all(rule(None))).await.unwrap();
    for body in ["{}", "{\"n\":1}", "{\"n\":2}"] {
        fill(&site, &["a", "b"], body).await;
    }
    assert_eq!(enforce(&site).await.removed, 0);
    configure(&site, all(rule(Some(1)))).await.unwrap();
    let done = enforce(&site).await;
    assert_eq!((done.documents, done.removed), (2, 4));
    assert_eq!(list(&site, "a", 0, "").await.unwrap().revisions.len(), 1);
}

/// Only who administers a database says what it keeps.
#[tokio::test]
async fn a_writer_configures_nothing() {
    let (site, _database) = Site::with_orders().await;
    let request =
        wire::ConfigureRevisionsRequest { database: "Orders".into(), configuration: None };
    let answer = site.documents(Caller::Writer).configure_revisions(request).await;
    refused(answer, Reason::DatabaseAccessDenied);
    let request = wire::EnforceRevisionsRequest { database: "Orders".into() };
    let answer = site.documents(Caller::Writer).enforce_revisions(request).await;
    refused(answer.map(drop), Reason::DatabaseAccessDenied);
}

fn add(document: &str) -> wire::IncrementCounterRequest {
    let step =
        wire::IncrementCounter { document_id: document.into(), name: "Li\"kes".into(), delta: 1 };
    wire::IncrementCounterRequest { database: "Orders".into(), increment_counter: Some(step) }
}

fn attached(document: &str) -> wire::PutAttachmentRequest {
    let header = wire::AttachmentHeader {
        database: "Orders".into(),
        document_id: document.into(),
        name: "p.png".into(),
        content_type: "image/png".into(),
        ..Default::default()
    };
    wire::PutAttachmentRequest { header: Some(header), chunk: vec![1, 2, 3].into() }
}

/// Flags and metadata say what there is when they are read, and the body stays as it was written.
#[tokio::test]
async fn what_a_document_has_is_said() {
    let (site, database) = Site::with_orders().await;
    let body = "{ \"n\":1, \"@metadata\":{\"@collection\":\"Users\",\"@flags\":\"x\"} }";
    fill(&site, &["a"], body).await;
    assert_eq!(flags(&site, "a").await, []);
    assert_eq!(
        metadata(&site, "a").await,
        "{ \"n\":1, \"@metadata\":{\"@collection\":\"Users\"} }"
    );
    fill(&site, &["empty"], "{}").await;
    fill(&site, &["plain"], "{\"n\":1}").await;

    configure(&site, all(rule(None))).await.unwrap();
    let mut writer = site.documents(Caller::Writer);
    for document in ["a", "empty", "plain"] {
        writer.increment_counter(add(document)).await.unwrap();
    }
    assert_eq!(
        metadata(&site, "empty").await,
        "{\"@metadata\":{\"@counters\":[\"Li\\\"kes\"],\"@flags\":\"HasCounters\"}}"
    );
    assert_eq!(
        metadata(&site, "plain").await,
        "{\"@metadata\":{\"@counters\":[\"Li\\\"kes\"],\"@flags\":\"HasCounters\"},\"n\":1}"
    );
    writer.put_attachment(tokio_stream::iter([attached("a")])).await.unwrap();
    let expected = [Flag::HasAttachments, Flag::HasCounters, Flag::HasRevisions];
    assert_eq!(flags(&site, "a").await, expected);
    let hash = "EcDnm3HDl2zNDALRMQ4lFsCO3J2Lb1fM1oDWOk2Octo=";
    let derived = format!(
        "\"@attachments\":[{{\"Name\":\"p.png\",\"Hash\":\"{hash}\",\"ContentType\":\"image/png\",\
         \"Size\":3}}],\"@counters\":[\"Li\\\"kes\"],\"@flags\":\"HasAttachments, HasCounters, \
         HasRevisions\""
    );
    let whole = format!("{{ \"n\":1, \"@metadata\":{{\"@collection\":\"Users\",{derived}}} }}");
    assert_eq!(metadata(&site, "a").await, whole);
    // It is put as it was read, and what was derived is dropped.
    fill(&site, &["a"], &whole).await;
    let document = writer.get_document(get_request("a")).await.unwrap().into_inner();
    assert_eq!(document.body, "{ \"n\":1, \"@metadata\":{\"@collection\":\"Users\"} }".as_bytes());

    // What another database has written is said to be its.
    let body = |_| jackdaw_common::Content::Document("{}".into());
    receive(database.store(), "theirs", 7, body).await;
    assert_eq!(flags(&site, "theirs").await, [Flag::FromReplication]);
}

/// Revisions say what the document had, and their attachments can be read, also of one that was
/// deleted.
#[tokio::test]
async fn what_a_revision_has_is_said() {
    let (site, _database) = Site::with_orders().await;
    configure(&site, all(rule(None))).await.unwrap();
    fill(&site, &["a"], "{}").await;
    let mut writer = site.documents(Caller::Writer);
    writer.increment_counter(add("a")).await.unwrap();
    writer.put_attachment(tokio_stream::iter([attached("a")])).await.unwrap();
    fill(&site, &["a"], "{}").await;
    let listed = list(&site, "a", 0, "").await.unwrap().revisions;
    let has: Vec<Vec<_>> = listed.iter().map(|it| it.flags().collect()).collect();
    let with_both = vec![Flag::Revision, Flag::HasAttachments, Flag::HasCounters];
    assert_eq!(has[0], with_both);
    let whole = revision(&site, "a", &listed[0].change_vector).await.unwrap();
    assert_eq!((whole.counters[0].value, whole.attachments[0].size), (Some(1), 3));
    let delete = transact_request(vec![delete_command("a")]);
    writer.transact(delete).await.unwrap();
    let request = wire::GetAttachmentRequest {
        database: "Orders".into(),
        document_id: "a".into(),
        name: "P.PNG".into(),
        revision_change_vector: Some(listed[0].change_vector.clone()),
        ..Default::default()
    };
    let mut pieces = writer.get_attachment(request).await.unwrap().into_inner();
    assert_eq!(pieces.message().await.unwrap().unwrap().chunk, [1_u8, 2, 3].as_slice());
}
