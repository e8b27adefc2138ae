//! Revisions between the binaries: the same on both ends, whatever is configured at the
//! destination, and gone on both.

use anyhow::Result;
use jackdaw_proto::documents::{
    AppendTimeSeries, BulkWriteRequest, Command, GetAttachmentRequest, IncrementCounter, Put,
    PutAttachment, PutRevision, Revision, RevisionAttachment, RevisionsRule, TimeSeriesEntry,
    command::Command as Step, put_attachment, revision_attachment,
};
use jackdaw_tests::{random::Random, site::Site};

use crate::setup::Pair;

fn all() -> Option<RevisionsRule> {
    Some(RevisionsRule::default())
}

/// Both ends have the same revisions of a document; answers them.
async fn same(pair: &Pair, id: &str) -> Result<Vec<Revision>> {
    let source = pair.source.revisions("shop", id).await?;
    assert_eq!(pair.destination.revisions("copy", id).await?, source, "{id}");
    Ok(source)
}

fn bodies(revisions: &[Revision]) -> Vec<String> {
    let body = |it: &Revision| String::from_utf8_lossy(&it.body).into_owned();
    revisions.iter().map(body).collect()
}

/// Live, from nothing, and with something else configured at the destination.
#[tokio::test(flavor = "multi_thread")]
async fn revisions_are_copied_whatever_is_configured() -> Result<()> {
    let pair = Pair::new().await?;
    pair.source.configure_revisions("shop", all()).await?;
    let one = RevisionsRule { minimum_to_keep: Some(1), ..RevisionsRule::default() };
    pair.destination.configure_revisions("copy", Some(one)).await?;
    // Before there is a task, and of one document after it was deleted.
    for number in 0..5 {
        let body = format!("{{\"n\":{number}}}");
        pair.source.put("shop", "users/1", &body).await?;
        pair.source.put("shop", "gone", &body).await?;
    }
    pair.source.attach("shop", "users/1", "a", "text/plain", b"attached").await?;
    pair.source.increment("shop", "users/1", "likes", 3).await?;
    pair.source.delete("shop", "gone").await?;
    let task = pair.replicate().await?;
    pair.caught_up(&task).await?;
    assert_eq!(same(&pair, "users/1").await?.len(), 6);
    assert_eq!(same(&pair, "gone").await?.len(), 6);
    assert_eq!(pair.assert_equal().await?, 1);
    // Live.
    for number in 5..8 {
        pair.source.put("shop", "users/1", &format!("{{\"n\":{number}}}")).await?;
    }
    pair.source.delete("shop", "users/1").await?;
    pair.caught_up(&task).await?;
    let revisions = same(&pair, "users/1").await?;
    assert_eq!(bodies(&revisions)[..3], ["", "{\"n\":7}", "{\"n\":6}"]);
    assert_eq!((revisions.len(), revisions[1].counters[0].value), (10, Some(3)));
    assert_eq!(revisions[1].attachments[0].size, 8);
    assert_eq!(pair.assert_equal().await?, 0);
    // What is removed at the source is removed at the destination.
    let two = RevisionsRule { minimum_to_keep: Some(2), ..RevisionsRule::default() };
    pair.source.configure_revisions("shop", Some(two)).await?;
    assert_eq!(pair.source.enforce_revisions("shop").await?, 8 + 4);
    pair.caught_up(&task).await?;
    assert_eq!(bodies(&same(&pair, "users/1").await?), ["", "{\"n\":7}"]);
    let purge = RevisionsRule { purge_on_delete: true, ..RevisionsRule::default() };
    pair.source.configure_revisions("shop", Some(purge)).await?;
    pair.source.enforce_revisions("shop").await?;
    pair.caught_up(&task).await?;
    assert!(same(&pair, "users/1").await?.is_empty() && same(&pair, "gone").await?.is_empty());
    Ok(())
}

/// A destination keeps by its own rule what its source does not.
#[tokio::test(flavor = "multi_thread")]
async fn a_destination_keeps_what_is_spoilt_at_the_source() -> Result<()> {
    let pair = Pair::new().await?;
    pair.destination.configure_revisions("copy", all()).await?;
    let task = pair.replicate().await?;
    for body in ["{\"n\":1}", "{\"n\":2}"] {
        pair.source.put("shop", "a", body).await?;
        pair.caught_up(&task).await?;
    }
    pair.source.delete("shop", "a").await?;
    pair.caught_up(&task).await?;
    let kept = pair.destination.revisions("copy", "a").await?;
    assert_eq!(bodies(&kept), ["{\"n\":2}", "{\"n\":1}"]);
    assert!(pair.source.revisions("shop", "a").await?.is_empty());
    Ok(())
}

/// Killed in turn, and forgetting as soon as it may: nothing is lost, nothing comes twice.
#[tokio::test(flavor = "multi_thread")]
async fn revisions_survive_kills() -> Result<()> {
    let site = Site::new()?.setting("tombstone_age_seconds = 1");
    let mut pair = Pair::at(site).await?;
    let rule = RevisionsRule { minimum_to_keep: Some(4), ..RevisionsRule::default() };
    pair.source.configure_revisions("shop", Some(rule)).await?;
    let task = pair.replicate().await?;
    let mut random = Random::new(7);
    for round in 0..6 {
        for number in 0..60 {
            let id = format!("d/{}", random.below(5));
            if random.below(6) == 0 {
                pair.source.delete("shop", &id).await?;
            } else {
                let body = format!("{{\"round\":{round},\"number\":{number}}}");
                pair.source.put("shop", &id, &body).await?;
            }
        }
        pair.kill_in_turn(round).await?;
    }
    pair.caught_up(&task).await?;
    for number in 0..5 {
        let revisions = same(&pair, &format!("d/{number}")).await?;
        assert_eq!(revisions.len(), 4, "d/{number}");
    }
    pair.assert_equal().await?;
    Ok(())
}

/// One transaction with all kinds: what is in it is there as it was written, and a revision that a
/// client put has its attachment's content at the destination, though no document has it.
#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_of_all_kinds_is_copied() -> Result<()> {
    let pair = Pair::new().await?;
    let task = pair.replicate().await?;
    let (large, then) = (vec![5_u8; 200_000], vec![6_u8; 70_000]);
    let time = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
    let (document_id, id) = (|| "a/1".to_owned(), "a/1".to_owned());
    let attachment = RevisionAttachment {
        name: "then".into(),
        content_type: "text/plain".into(),
        source: Some(revision_attachment::Source::Content(then.clone().into())),
    };
    let steps = vec![
        Step::Put(Put { id, body: "{\"n\":2}".into(), expected_change_vector: None }),
        Step::PutAttachment(PutAttachment {
            document_id: document_id(),
            name: "now".into(),
            content_type: "text/plain".into(),
            source: Some(put_attachment::Source::Content(large.clone().into())),
            expected_change_vector: None,
        }),
        Step::IncrementCounter(IncrementCounter {
            document_id: document_id(),
            name: "likes".into(),
            delta: 7,
        }),
        Step::AppendTimeSeries(AppendTimeSeries {
            document_id: document_id(),
            name: "heat".into(),
            entries: vec![TimeSeriesEntry { time: time(1), values: vec![36.6], tag: None }],
        }),
        Step::PutRevision(PutRevision {
            document_id: document_id(),
            last_modified: time(1),
            body: "{\"n\":1}".into(),
            attachments: vec![attachment],
            ..PutRevision::default()
        }),
    ];
    let commands = steps.into_iter().map(|step| Command { command: Some(step) }).collect();
    pair.source.bulk_write(vec![BulkWriteRequest { database: "shop".into(), commands }]).await?;
    pair.caught_up(&task).await?;
    assert_eq!(pair.assert_equal().await?, 1);
    let revisions = same(&pair, "a/1").await?;
    assert_eq!(bodies(&revisions), ["{\"n\":1}"]);
    let request = GetAttachmentRequest {
        database: "copy".into(),
        document_id: document_id(),
        name: "then".into(),
        revision_change_vector: Some(revisions[0].change_vector.clone()),
        ..GetAttachmentRequest::default()
    };
    let mut parts = pair.destination.documents().get_attachment(request).await?.into_inner();
    let mut content = Vec::new();
    while let Some(part) = parts.message().await? {
        content.extend_from_slice(&part.chunk);
    }
    assert_eq!(content, then);
    let document = pair.destination.document("copy", "a/1").await?;
    assert_eq!((&*document.body, document.attachments[0].size), (&b"{\"n\":2}"[..], 200_000));
    assert_eq!(pair.destination.counters("copy", "a/1").await?[0].value, Some(7));
    Ok(())
}
