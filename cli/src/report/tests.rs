//! What `report` promises, tried out.

use bytes::Bytes;
use jackdaw_proto::control::external_replication::{
    ConnectionState, LastError, Phase, PhaseKind, Progress, State,
};
use jackdaw_proto::control::{Database, ExternalReplication};
use jackdaw_proto::documents::{
    Change, ConflictVersion, Document, DocumentConflict, TimeSeriesEntry,
};
use prost::Message as _;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use super::exit::{Exit, Failure, HELP};
use super::output::{Shown as _, counted, grouped, printable};
use super::view::{ChangeView, DatabaseView, DocumentView, EntryView, TaskView, last_part};

#[test]
fn exit_codes_never_change() {
    let codes = [
        (Exit::Done, 0),
        (Exit::No, 1),
        (Exit::Usage, 2),
        (Exit::Unreachable, 3),
        (Exit::Refused, 4),
        (Exit::Local, 5),
        (Exit::Interrupted, 130),
        (Exit::OutputClosed, 141),
    ];
    for (exit, code) in codes {
        assert_eq!(exit.code(), code);
        let documented = HELP.lines().any(|line| line.starts_with(&format!("  {code} ")));
        assert_eq!(documented, code != 141, "{code}");
    }
}

fn refused() -> Status {
    let mut details = ErrorDetails::new();
    details.set_error_info(
        "CONNECTION_STRING_IN_USE",
        "jackdaw",
        [("tasks".to_owned(), "1, 2".to_owned()), ("name".to_owned(), "copy".to_owned())],
    );
    details.add_bad_request_violation("topology_discovery_urls[2]", "plain http");
    details.add_help_link("how to", "https://example.invalid/errors");
    Status::with_error_details(Code::FailedPrecondition, "it is in use", details)
}

#[test]
fn a_refusal_tells_reason_message_and_all_details() {
    let failure = Failure::from(refused());
    assert_eq!(failure.exit(), Exit::Refused);
    assert_eq!(
        failure.to_string(),
        "it is in use (CONNECTION_STRING_IN_USE)\n  name: copy\n  tasks: 1, 2\n  \
         topology_discovery_urls[2]: plain http\n  how to: https://example.invalid/errors"
    );
}

#[test]
fn who_is_silent_is_unreachable_and_who_answers_refuses() {
    let exit = |status: Status| Failure::from(status).exit();
    assert_eq!(exit(Status::unavailable("connection ended")), Exit::Unreachable);
    assert_eq!(exit(Status::deadline_exceeded("late")), Exit::Unreachable);
    assert_eq!(exit(Status::not_found("no such thing")), Exit::Refused);
    let draining = Status::with_error_details(
        Code::Unavailable,
        "draining",
        ErrorDetails::with_error_info("DRAINING", "jackdaw", [("a".to_owned(), "b".to_owned())]),
    );
    assert_eq!(exit(draining), Exit::Refused);
    let plain = Failure::from(Status::not_found("no such thing"));
    assert_eq!(plain.to_string(), "no such thing (NOT_FOUND)");
}

#[test]
fn a_conflict_names_its_versions() {
    let version = |vector: &str, deleted| ConflictVersion {
        change_vector: vector.to_owned(),
        deleted,
        ..ConflictVersion::default()
    };
    let conflict = DocumentConflict {
        id: "a".to_owned(),
        versions: vec![version("A:1-x", false), version("B:2-y", true)],
        omitted_versions: 3,
        ..DocumentConflict::default()
    };
    let any = prost_types::Any {
        type_url: "type.googleapis.com/jackdaw.documents.v1.DocumentConflict".to_owned(),
        value: conflict.encode_to_vec(),
    };
    let details = tonic_types::Status { code: 10, message: String::new(), details: vec![any] };
    let details = Bytes::from(details.encode_to_vec());
    let status = Status::with_details(Code::Aborted, "in conflict", details);
    assert_eq!(
        Failure::from(status).to_string(),
        "in conflict (ABORTED)\n  version: A:1-x\n  deletion: B:2-y\n  versions not named: 3"
    );
}

#[test]
fn text_of_others_cannot_drive_a_terminal() {
    assert_eq!(printable("a\u{1b}[2Jb\tc\nd"), "a\u{fffd}[2Jb\u{fffd}c\nd");
    assert_eq!(printable("Ünï"), "Ünï");
    let failure = Failure::from(Status::not_found("\u{1b}[31mred"));
    assert!(!failure.to_string().contains('\u{1b}'));
}

#[test]
fn numbers_are_grouped_and_nouns_counted() {
    let texts: Vec<_> = [0, 12, 123, 1234, 123_456, 1_234_567].map(grouped).into();
    assert_eq!(texts, ["0", "12", "123", "1,234", "123,456", "1,234,567"]);
    assert_eq!(counted(1, "document"), "1 document");
    assert_eq!(counted(2000, "document"), "2,000 documents");
    assert_eq!(counted(1, "entry") + &counted(2, "entry"), "1 entry2 entries");
    assert_eq!(counted(2, "time series"), "2 time series");
}

#[test]
fn resource_names_are_shown_by_their_last_part() {
    assert_eq!(last_part("databases/demo/externalReplications/7"), "7");
    assert_eq!(last_part("demo"), "demo");
    let database =
        Database { name: "databases/demo".to_owned(), documents: 1200, ..Database::default() };
    let view = DatabaseView::from(database);
    assert_eq!(view.row()[..2], ["demo".to_owned(), "1,200".to_owned()]);
    let json = serde_json::to_value(&view).unwrap();
    assert_eq!((&json["name"], &json["documents"]), (&"databases/demo".into(), &1200.into()));
}

fn task() -> ExternalReplication {
    ExternalReplication {
        name: "databases/demo/externalReplications/1".to_owned(),
        display_name: "copy".to_owned(),
        state: State::Enabled.into(),
        connection_state: ConnectionState::Reconnect.into(),
        phase: Some(Phase {
            kind: PhaseKind::Backoff.into(),
            until: Some(prost_types::Timestamp { seconds: 1, nanos: 0 }),
            reason: "CONNECTION_REFUSED".to_owned(),
            message: "nobody listens".to_owned(),
        }),
        progress: Some(Progress {
            source_last_etag: 10,
            last_acknowledged_etag: 4,
            lag_items: 6,
            lag: Some(prost_types::Duration { seconds: 2, nanos: 500_000_000 }),
            ..Progress::default()
        }),
        error: Some(LastError { retries: 3, ..LastError::default() }),
        ..ExternalReplication::default()
    }
}

#[test]
fn a_task_tells_phase_reason_and_lag() {
    let view = TaskView::from(task());
    let expected = [
        "1",
        "copy",
        "ENABLED",
        "RECONNECT",
        "BACKOFF (CONNECTION_REFUSED: nobody listens), next try 1970-01-01T00:00:01Z",
        "4 of 10",
        "6 (2.5 s)",
    ];
    assert_eq!(view.row(), expected);
    let json = serde_json::to_value(&view).unwrap();
    assert_eq!(json["phase"]["kind"], "BACKOFF");
    assert_eq!(json["progress"]["lag_seconds"], 2.5);
    assert_eq!(json["error"]["retries"], 3);
    let mut unknown = task();
    (unknown.state, unknown.error) = (77, None);
    let json = serde_json::to_value(TaskView::from(unknown)).unwrap();
    assert_eq!((&json["state"], &json["error"]), (&"77".into(), &serde_json::Value::Null));
}

#[test]
fn columns_and_cells_agree() {
    assert_eq!(TaskView::from(task()).row().len(), TaskView::COLUMNS.len());
    let change = ChangeView::from(Change { kind: 2, ..Change::default() });
    assert_eq!(change.row().len(), ChangeView::COLUMNS.len());
    assert_eq!(change.row()[1].trim(), "DELETE");
    let database = DatabaseView::from(Database::default());
    assert_eq!(database.row().len(), DatabaseView::COLUMNS.len());
}

/// JSON has no number for what is not finite, and no table has room for some hundred digits.
#[test]
fn values_of_time_series_are_shown_whatever_they_are() {
    let values = [
        (1.0, "1.0", "1"),
        (0.1, "0.1", "0.1"),
        (-0.0, "-0.0", "-0"),
        (1e300, "1e+300", "1e300"),
        (-5e-324, "-5e-324", "-5e-324"),
        (f64::INFINITY, "\"Infinity\"", "Infinity"),
        (f64::NEG_INFINITY, "\"-Infinity\"", "-Infinity"),
        (f64::NAN, "\"NaN\"", "NaN"),
    ];
    for (value, json, cell) in values {
        let entry = TimeSeriesEntry { time: None, values: vec![value], tag: None };
        let view = EntryView::from(entry);
        let text = serde_json::to_string(&view).unwrap();
        assert!(text.contains(&format!("\"values\":[{json}]")), "{text}");
        assert_eq!(view.row()[1], cell);
    }
}

#[test]
fn a_body_is_shown_as_it_was_written() {
    let body = "{ \"n\" : 1e400, \"z\":-0.0 }\n";
    let document =
        Document { id: "a".to_owned(), body: Bytes::from(body), etag: 7, ..Document::default() };
    let view = DocumentView::new(document.clone()).unwrap();
    assert_eq!(view.body(), body.as_bytes());
    let json = serde_json::to_string(&view).unwrap();
    assert!(json.contains(&format!("\"body\":{}", body.trim())), "{json}");
    let listed = serde_json::to_value(DocumentView::listed(document)).unwrap();
    assert_eq!((&listed["bytes"], listed.get("body")), (&26.into(), None));
    let broken = Document { body: Bytes::from("{"), ..Document::default() };
    assert_eq!(DocumentView::new(broken).unwrap_err().exit(), Exit::Local);
}
