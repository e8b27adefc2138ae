//! What `documents` promises, tried out.

mod compare_exchange;
mod counters;
mod series;

use jackdaw_common::{
    Attachments, Collection, Counter, Entry, IncarnationId, Partials, Segment, Timestamp,
    item::series::{Points, Span},
};

use super::*;
use crate::wire::{Reason, RemoteError, WireError};

fn vector(id: u8, etag: u64) -> ChangeVector {
    ChangeVector::from_entries([Entry {
        incarnation: IncarnationId::from_bytes([id; 16]),
        etag: Etag::new(etag).unwrap(),
    }])
}

fn version(id: u8, body: Option<usize>) -> Version {
    Version {
        id: "Users/1".parse().unwrap(),
        collection: Collection::new("Users").unwrap(),
        vector: vector(id, 5),
        last_modified: Timestamp::from_micros(1_000_001),
        content: body
            .map_or(Content::Tombstone, |bytes| Content::Document(Bytes::from(vec![b'x'; bytes]))),
        attachments: Attachments::default(),
        since: ChangeVector::empty(),
        kept: None,
    }
}

fn wire_put(id: &str, expected: Option<&str>) -> wire::Command {
    wire::Command {
        command: Some(wire::command::Command::Put(wire::Put {
            id: id.into(),
            body: Bytes::from_static(b"{}"),
            expected_change_vector: expected.map(str::to_owned),
        })),
    }
}

#[test]
fn a_put_is_read() {
    let mut violations = Violations::new();
    let text = vector(1, 7).to_string();
    let read = command("commands[0]", wire_put("users/1", Some(&text)), &mut violations);
    let expected = Some(vector(1, 7));
    let body = Bytes::from_static(b"{}");
    assert_eq!(read, Some(Command::Put(Put { id: "users/1".parse().unwrap(), body, expected })));
    assert!(violations.is_empty());
}

#[test]
fn every_wrong_field_is_named_by_its_path() {
    let mut violations = Violations::new();
    let wrong_delete = wire::Command {
        command: Some(wire::command::Command::Delete(wire::Delete {
            id: "a\u{7}".into(),
            expected_change_vector: Some("nonsense".into()),
        })),
    };
    let nothing = wire::Command { command: None };
    assert_eq!(command("commands[0]", wire_put("", Some("|")), &mut violations), None);
    assert_eq!(command("commands[1]", wrong_delete, &mut violations), None);
    assert_eq!(command("commands[2]", nothing, &mut violations), None);
    assert_eq!(put("put", None, &mut violations), None);
    assert_eq!(delete("delete", None, &mut violations), None);
    let error = violations.finish().unwrap_err();
    let paths: Vec<_> = error.violations().iter().map(|it| it.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "commands[0].put.id",
            "commands[0].put.expected_change_vector",
            "commands[1].delete.id",
            "commands[1].delete.expected_change_vector",
            "commands[2]",
            "put",
            "delete",
        ]
    );
}

#[test]
fn a_document_goes_out_with_everything() {
    let wire = document(Etag::new(9).unwrap(), version(1, Some(3)));
    assert_eq!((wire.id.as_str(), wire.collection.as_str(), wire.etag), ("Users/1", "Users", 9));
    assert_eq!(wire.body, Bytes::from_static(b"xxx"));
    assert_eq!(wire.change_vector, vector(1, 5).to_string());
    let time = wire.last_modified.unwrap();
    assert_eq!((time.seconds, time.nanos), (1, 1_000));
}

#[test]
fn changes_say_what_happened() {
    let etag = Etag::new(9).unwrap();
    let kind = |version, conflicted| change(etag, &version, conflicted).kind();
    assert_eq!(kind(version(1, Some(1)), false), wire::ChangeKind::Put);
    assert_eq!(kind(version(1, None), false), wire::ChangeKind::Delete);
    assert_eq!(kind(version(1, Some(1)), true), wire::ChangeKind::Conflict);
    assert_eq!(kind(version(1, None), true), wire::ChangeKind::Conflict);
}

/// They are never in conflict, though their document may be.
#[test]
fn changes_of_what_documents_have_say_its_name() {
    let etag = Etag::new(9).unwrap();
    let name = "Likes".parse().unwrap();
    let counter = Content::Counter(Counter { name, partials: Partials::default() });
    let segment = Segment::of("Heart".parse().unwrap(), Span::ALL, &Points::default());
    for (content, kind, name) in [
        (counter, wire::ChangeKind::Counter, "Likes"),
        (Content::Segment(segment), wire::ChangeKind::TimeSeries, "Heart"),
        (Content::Tombstone, wire::ChangeKind::Delete, ""),
    ] {
        let version = Version { content, ..version(1, None) };
        let change = change(etag, &version, false);
        assert_eq!((change.kind(), change.name.as_str(), &*change.id), (kind, name, "Users/1"));
        let conflicted = kind == wire::ChangeKind::Delete;
        let expected = if conflicted { wire::ChangeKind::Conflict } else { kind };
        assert_eq!(super::change(etag, &version, true).kind(), expected);
    }
}

#[test]
fn a_small_conflict_is_told_whole() {
    let detail = conflict_detail(vec![version(1, Some(100)), version(2, None)]);
    assert_eq!((detail.id.as_str(), detail.omitted_versions), ("Users/1", 0));
    assert_eq!((detail.versions[0].body.len(), detail.versions[0].body_bytes), (100, 100));
    assert!(detail.versions[1].deleted && !detail.versions[0].deleted);
    assert_eq!(detail.versions[1].body_bytes, 0);
}

#[test]
fn a_large_conflict_leaves_bodies_out_and_then_versions() {
    let detail = conflict_detail(vec![version(1, Some(3_000)), version(2, Some(10))]);
    assert!(detail.versions.iter().all(|version| version.body.is_empty()));
    assert_eq!((detail.versions[0].body_bytes, detail.versions[1].body_bytes), (3_000, 10));
    assert_eq!(detail.omitted_versions, 0);

    let detail = conflict_detail((0..200).map(|id| version(id, Some(10))).collect());
    assert!(detail.encoded_len() <= DETAIL_BYTES_MAX);
    assert!(!detail.versions.is_empty());
    assert_eq!(detail.versions.len() + detail.omitted_versions as usize, 200);
}

#[test]
fn the_largest_conflict_detail_stays_in_its_error() {
    let detail = conflict_detail(vec![version(1, Some(1_200)), version(2, Some(1_000))]);
    let id = "ä".repeat(256);
    let error = WireError::new(Reason::DocumentConflict, format!("document {id} is in conflict"))
        .with("id", &id)
        .about("jackdaw/Document", &id)
        .with_detail(CONFLICT_DETAIL, &detail);
    let remote = RemoteError::from_status(&error.into());
    assert_eq!(remote.detail::<wire::DocumentConflict>(CONFLICT_DETAIL), Some(detail));
}
