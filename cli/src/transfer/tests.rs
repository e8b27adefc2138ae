//! What `transfer` promises, tried out.

use std::io::Write as _;

use futures_util::stream::iter;
use jackdaw_common::BlobHash;
use jackdaw_proto::documents::command::Command;
use jackdaw_proto::documents::put_attachment::Source;
use jackdaw_proto::documents::{
    Attachment, Counter, Document, DocumentConflict, GetAttachmentResponse, PutAttachment,
    StreamDocumentsResponse, TimeSeriesEntry, TimeSeriesSummary,
};

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use super::batches::{ATTACHED_BYTES, Attaching, BATCH_BYTES, BATCH_RECORDS, Batch, Batches, Next};
use super::export::Writer;
use super::later::{Later, Named};
use super::load::{CallError, Sent};
use super::*;
use crate::json_lines::{AttachmentLine, Kind, LineError, Lines};

fn document(id: &str, bytes: usize) -> String {
    let body = format!("{{\"a\":\"{}\"}}", "x".repeat(bytes.saturating_sub(8)));
    format!("{{\"kind\":\"document\",\"id\":\"{id}\",\"body\":{body}}}\n")
}

const COUNTER: &str = "{\"kind\":\"counter\",\"document_id\":\"a\",\"name\":\"n\",\"value\":1}\n";

const ATTACHMENT: &str = "{\"kind\":\"attachment\",\"document_id\":\"a\",\"name\":\"n\",\
                          \"content_type\":\"\",\"data_base64\":\"AA==\"}\n";

const REVISION: &str = "{\"kind\":\"revision\",\"document_id\":\"a\",\
                        \"last_modified\":\"2000-01-01T00:00:00Z\",\"deleted\":true}\n";

fn all(text: &str, only_documents: bool) -> Vec<Result<Next, LineError>> {
    Batches::new(Lines::new(text.as_bytes()).only_documents(only_documents)).collect()
}

/// Of a text without attachments.
fn batches(text: &str, only_documents: bool) -> Vec<Result<Batch, LineError>> {
    let batch = |next| match next {
        Next::Batch(batch) => batch,
        Next::Attachment(attaching) => panic!("{attaching:?}"),
    };
    all(text, only_documents).into_iter().map(|next| next.map(batch)).collect()
}

fn ids(batch: &Batch) -> Vec<&str> {
    batch
        .commands
        .iter()
        .map(|command| match &command.command {
            Some(Command::Put(put)) => put.id.as_str(),
            other => panic!("{other:?}"),
        })
        .collect()
}

#[test]
fn transactions_end_at_a_number_of_documents() {
    let text: String = (0..600).map(|at| document(&format!("d/{at}"), 10)).collect();
    let batches: Vec<_> = batches(&text, false).into_iter().map(Result::unwrap).collect();
    let sizes: Vec<_> = batches.iter().map(|it| it.commands.len()).collect();
    assert_eq!(sizes, [BATCH_RECORDS, BATCH_RECORDS, 88]);
    assert_eq!(ids(&batches[1])[0], "d/256");
    assert_eq!((batches[2].last_line, batches[2].input_bytes), (600, text.len() as u64));
}

#[test]
fn transactions_end_at_a_number_of_bytes() {
    let half = BATCH_BYTES / 2 + 1;
    let text = [half, half, 10, 3 * half, 10].map(|bytes| document("d", bytes)).concat();
    let batches: Vec<_> = batches(&text, false).into_iter().map(Result::unwrap).collect();
    let sizes: Vec<_> = batches.iter().map(|it| it.commands.len()).collect();
    assert_eq!(sizes, [2, 2, 1]);
}

#[test]
fn other_kinds_are_left_out_and_counted_where_only_documents_are_wanted() {
    let text = format!("{}\n{COUNTER}{}{COUNTER}", document("a", 10), document("b", 10));
    let taken = batches(&text, true);
    assert_eq!(taken.len(), 1);
    let batch = taken[0].as_ref().unwrap();
    assert_eq!(ids(batch), ["a", "b"]);
    assert_eq!(batch.left_out.get(&Kind::Counter), Some(&2));
    assert_eq!(batch.counts.get(&Kind::Counter), None);
}

#[test]
fn counters_are_increments_and_long_series_several_appends() {
    let entries = vec!["[\"2000-01-01T00:00:00Z\",[1],null]"; 16_384 * 4 + 1].join(",");
    let series = COUNTER.replace("counter", "time_series");
    let series = series.replace("\"value\":1", &format!("\"entries\":[{entries}]"));
    let text = format!("{}{COUNTER}{series}{COUNTER}", document("a", 10));
    let batches: Vec<_> = batches(&text, false).into_iter().map(Result::unwrap).collect();
    let lines: Vec<_> = batches.iter().map(|batch| batch.lines.clone()).collect();
    assert_eq!(lines, [vec![1, 2, 3, 3, 3], vec![3, 3, 4]]);
    let steps = batches.iter().flat_map(|batch| &batch.commands);
    let steps: Vec<_> = steps
        .map(|command| match command.command.as_ref().unwrap() {
            Command::IncrementCounter(step) => step.delta,
            Command::AppendTimeSeries(step) => i64::try_from(step.entries.len()).unwrap(),
            _ => 0,
        })
        .collect();
    assert_eq!(steps, [0, 1, 16_384, 16_384, 16_384, 16_384, 1, 1]);
    let counts: Vec<_> = batches.iter().map(|batch| batch.counts.clone()).collect();
    let first = [(Kind::Document, 1), (Kind::Counter, 1), (Kind::TimeSeries, 1)].into();
    assert_eq!(counts, [first, [(Kind::Counter, 1)].into()]);
}

/// A small attachment goes along with what stands around it.
#[test]
fn small_attachments_and_revisions_are_steps_of_a_batch() {
    let text = format!("{}{ATTACHMENT}{REVISION}{COUNTER}", document("a", 10));
    let batch = batches(&text, false).pop().unwrap().unwrap();
    let steps: Vec<_> = batch.commands.iter().map(|it| it.command.as_ref().unwrap()).collect();
    assert!(matches!(steps[..], [
        Command::Put(_),
        Command::PutAttachment(put),
        Command::PutRevision(revision),
        Command::IncrementCounter(_),
    ] if put.source == Some(Source::Content(vec![0].into())) && revision.deleted));
    let counts =
        [Kind::Document, Kind::Attachment, Kind::Revision, Kind::Counter].map(|it| (it, 1));
    assert_eq!(batch.counts, counts.into());
    assert_eq!((batch.lines, batch.last_line), (vec![1, 2, 3, 4], 4));
}

/// A large attachment goes after what stands before it, and before what stands behind it.
#[test]
fn large_attachments_stand_between_batches() {
    let large = ATTACHMENT.replace("AA==", &"AAAA".repeat(ATTACHED_BYTES / 3 + 1));
    let text = format!("{large}{}{large}{large}{COUNTER}{{", document("a", 10));
    let shape: Vec<_> = all(&text, false)
        .into_iter()
        .map(|next| match next {
            Ok(Next::Batch(batch)) => format!("{:?}", batch.lines),
            Ok(Next::Attachment(Attaching { attachment, line, .. })) => {
                assert!(attachment.content.len() > ATTACHED_BYTES);
                format!("at {line}")
            }
            Err(error) => format!("error at {}", error.number),
        })
        .collect();
    assert_eq!(shape, ["at 1", "[2]", "at 3", "at 4", "[5]", "error at 6"]);
}

#[test]
fn what_stands_before_a_bad_line_comes_first_and_nothing_after_it() {
    let text = format!("{}{{\n{}", document("a", 10), document("b", 10));
    let found = batches(&text, false);
    assert_eq!(found.len(), 2);
    assert_eq!(ids(found[0].as_ref().unwrap()), ["a"]);
    assert!(found[1].as_ref().unwrap_err().to_string().starts_with("line 2: "));
    assert!(batches("{\n", false)[0].is_err());
    assert!(batches("", false).is_empty());
}

#[test]
fn lines_that_are_all_left_out_are_still_counted() {
    let text = COUNTER.repeat(1000);
    let batches = batches(&text, true);
    assert_eq!(batches.len(), 1);
    let batch = batches[0].as_ref().unwrap();
    assert!(batch.commands.is_empty());
    assert_eq!(batch.left_out.get(&Kind::Counter), Some(&1000));
}

/// What the service says when the second of three requests is refused.
fn refusal(metadata: &[(&str, &str)]) -> String {
    let text: String = (0..600).map(|at| document(&format!("d/{at}"), 10)).collect();
    let mut sent = Sent::default();
    batches(&text, false).into_iter().for_each(|batch| sent.add(&batch.unwrap()));
    let metadata = metadata.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let metadata: std::collections::HashMap<_, _> = metadata.collect();
    let details = ErrorDetails::with_error_info("FIELD_INVALID", "jackdaw", metadata);
    let status = Status::with_error_details(Code::InvalidArgument, "too deep", details);
    let loaded = Loaded { records: 1000, last_line: 1005, ..Loaded::default() };
    CallError::Refused(status).into_failure(&loaded, &sent).to_string()
}

#[test]
fn a_refused_document_is_named_by_its_line() {
    let place = [("message", "1"), ("commands", "256"), ("field", "commands[88].put.body")];
    let text = refusal(&place);
    assert!(text.starts_with("line 345: too deep (FIELD_INVALID)\n"), "{text}");
    assert!(text.contains("\n  1,256 records before it are written\n"), "{text}");
    assert!(text.contains("\n  some after it may be written too"), "{text}");
    let last = refusal(&[("message", "2"), ("commands", "512"), ("command", "87")]);
    assert!(last.starts_with("line 600: "), "{last}");
    let counter = [
        ("message", "1"),
        ("commands", "256"),
        ("command", "88"),
        ("field", "commands[88].increment_counter.document_id"),
    ];
    assert!(refusal(&counter).starts_with("line 345: "), "{}", refusal(&counter));
    assert!(!last.contains("some after it"), "{last}");
    let whole = refusal(&[("message", "1"), ("commands", "256")]);
    assert!(whole.starts_with("lines 257 to 512: "), "{whole}");
}

#[test]
fn where_nobody_knows_what_is_written_it_says_so() {
    let unknown = "\n  1,000 records are written, up to line 1005; of the 600 after them, up to \
                   line 600, an unknown number is";
    for metadata in [&[("a", "b")][..], &[("message", "7"), ("commands", "1")], &[("message", "x")]]
    {
        let text = refusal(metadata);
        assert!(text.ends_with(unknown), "{text}");
    }
}

fn refused(reason: &str) -> Failure {
    let details = ErrorDetails::with_error_info(reason, "jackdaw", [("a".to_owned(), "b".into())]);
    Status::with_error_details(Code::NotFound, "no", details).into()
}

fn counter(name: &str, value: Option<i64>) -> Counter {
    Counter { name: name.to_owned(), value, partials: Vec::new() }
}

/// What one writer wrote into a file.
fn exported(only_documents: bool, write: impl FnOnce(&mut Writer<'_>)) -> (Exported, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.jsonl");
    let mut target = Target::open(&path, false).unwrap();
    let mut writer = Writer::new(&mut target, only_documents);
    write(&mut writer);
    let exported = writer.exported;
    target.finish().unwrap();
    (exported, std::fs::read_to_string(&path).unwrap())
}

/// A document that goes on in the next part has one line, and its counters one each.
#[test]
fn what_goes_on_is_exported_once() {
    let named = |name: &str| TimeSeriesSummary { name: name.into(), ..Default::default() };
    let begun = Document {
        id: "a".into(),
        body: "{}".into(),
        counters: vec![counter("m", Some(1))],
        time_series: Vec::new(),
        ..Document::default()
    };
    let goes_on = Document {
        id: "a".into(),
        continued: true,
        counters: vec![counter("n", Some(2)), counter("o", None)],
        time_series: vec![named("s")],
        ..Document::default()
    };
    let conflict =
        |continued| DocumentConflict { id: "b".into(), continued, ..DocumentConflict::default() };
    let parts = [
        StreamDocumentsResponse { documents: vec![begun], conflicts: Vec::new() },
        StreamDocumentsResponse { documents: vec![goes_on], conflicts: vec![conflict(false)] },
        StreamDocumentsResponse { documents: Vec::new(), conflicts: vec![conflict(true)] },
    ];
    let mut later = Later::default();
    let (whole, text) = exported(false, |writer| {
        parts.iter().for_each(|part| writer.part(part.clone(), &mut later).unwrap());
    });
    let kinds: Vec<_> = Lines::new(text.as_bytes()).map(|it| it.unwrap().line).collect();
    assert_eq!(kinds.len(), 3, "{text}");
    assert_eq!(whole.counts, [(Kind::Document, 1), (Kind::Counter, 2)].into());
    assert_eq!((whole.in_conflict, whole.left_out), (1, [(Kind::Counter, 1)].into()));
    let mut later = later.read().unwrap();
    let series = later.next().unwrap();
    assert!(matches!(series, Some(Named::TimeSeries { id, name }) if id == "a" && name == "s"));
    assert!(later.next().unwrap().is_none());
}

/// Only what is certain to be gone is passed over, and it is counted.
#[test]
fn what_cannot_be_read_is_not_taken_for_gone() {
    let (told, text) = exported(false, |writer| {
        let mut read = |kind, id, reason| writer.there(kind, id, Err::<(), _>(refused(reason)));
        for (kind, reason) in [
            (Kind::Attachment, "DOCUMENT_NOT_FOUND"),
            (Kind::Attachment, "ATTACHMENT_NOT_FOUND"),
            (Kind::TimeSeries, "TIME_SERIES_NOT_FOUND"),
        ] {
            assert!(read(kind, "a", reason).unwrap().is_none());
        }
        // A document is named once, however much it has.
        for id in ["b", "b", "c"] {
            assert!(read(Kind::Attachment, id, "DOCUMENT_CONFLICT").unwrap().is_none());
        }
        for reason in ["DATABASE_NOT_FOUND", "CONTENT_CORRUPT", "METHOD_UNKNOWN", "NEW_ONE"] {
            assert_eq!(read(Kind::Attachment, "a", reason).unwrap_err().reason(), Some(reason));
        }
        let plain =
            writer.there(Kind::Attachment, "a", Err::<(), _>(Status::not_found("x").into()));
        assert!(plain.is_err());
        assert!(writer.there(Kind::Attachment, "a", Ok(())).unwrap().is_some());
    });
    assert_eq!(text, "");
    assert_eq!(told.gone, [(Kind::Attachment, 2), (Kind::TimeSeries, 1)].into());
    assert_eq!((told.in_conflict, told.conflicts_named), (2, vec!["b".into(), "c".into()]));
}

/// A content is written as it comes, in one line or in several, and read back whole.
#[test]
fn a_large_attachment_has_several_lines() {
    let all: Vec<u8> = (0..23).collect();
    let hash = BlobHash::of(&all).to_string();
    let attachment = Attachment { name: "n".into(), size: 23, hash, ..Attachment::default() };
    let pieces = || {
        let piece = |(at, chunk): (usize, &[u8])| {
            let attachment = (at == 0).then(|| attachment.clone());
            let chunk = chunk.to_vec().into();
            Ok(GetAttachmentResponse { attachment, chunk, ..GetAttachmentResponse::default() })
        };
        iter(all.chunks(7).enumerate().map(piece).collect::<Vec<_>>())
    };
    for (whole_max, part_bytes, lines) in
        [(23, 1, 1), (22, 23, 1), (22, 12, 2), (22, 1, 23), (0, 23, 1)]
    {
        let (told, text) = exported(false, |writer| {
            let written = writer.attachment("a", pieces(), whole_max, part_bytes);
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(written).unwrap();
        });
        assert_eq!(told.counts, [(Kind::Attachment, 1)].into());
        assert_eq!((text.lines().count(), told.left_out.len()), (lines, 0), "{text}");
        let mut read = Vec::new();
        for next in self::all(&text, false) {
            let part = match next.unwrap() {
                Next::Attachment(part) => part.attachment.content,
                Next::Batch(batch) => match batch.commands[0].command.clone() {
                    Some(Command::PutAttachment(PutAttachment {
                        source: Some(Source::Content(content)),
                        ..
                    })) => content,
                    other => panic!("{other:?}"),
                },
            };
            read.extend_from_slice(&part);
        }
        assert_eq!(read, all);
    }
}

/// The service is told how large a content is to be, so that half of one is never whole.
#[test]
fn what_is_put_is_held_against_what_its_first_line_says() {
    let line = |size, more| AttachmentLine {
        content: vec![0; 5].into(),
        size,
        more,
        hash: size.map(|_| "h".into()),
        ..AttachmentLine::default()
    };
    let said = |line| {
        let header = attach::header("db", &line);
        (header.size, header.hash)
    };
    assert_eq!(said(line(None, false)), (Some(5), None));
    assert_eq!(said(line(Some(9), true)), (Some(9), Some("h".into())));
    assert_eq!(said(line(Some(6), false)), (Some(6), Some("h".into())));
}

/// A line of a time series without an entry would be none that an import takes.
#[test]
fn entries_that_no_line_can_have_leave_no_empty_line() {
    let entry = |value| TimeSeriesEntry {
        time: Some(prost_types::Timestamp::default()),
        values: vec![1.0, value],
        tag: None,
    };
    let (told, text) = exported(false, |writer| {
        writer.series("a", "s", vec![entry(f64::INFINITY), entry(f64::NAN)]).unwrap();
        writer.series("a", "s", Vec::new()).unwrap();
        writer.series("a", "s", vec![entry(2.0), entry(f64::NEG_INFINITY)]).unwrap();
    });
    assert_eq!(Lines::new(text.as_bytes()).filter(|line| line.is_ok()).count(), 1, "{text}");
    assert_eq!(told.counts, [(Kind::TimeSeries, 1)].into());
    assert_eq!(told.left_out, [(Kind::TimeSeries, 3)].into());
}

fn write(path: &Path, force: bool, lines: &[u8]) -> Result<(), Failure> {
    let mut target = Target::open(path, force)?;
    target.write(lines)?;
    target.finish()
}

#[test]
fn a_file_appears_when_it_is_whole_and_is_not_replaced_unasked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.jsonl");
    let mut target = Target::open(&path, false).unwrap();
    target.write(b"one\n").unwrap();
    assert!(!path.exists());
    drop(target);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);

    write(&path, false, b"one\n").unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"one\n");
    let refused = write(&path, false, b"two\n").unwrap_err();
    assert!(refused.to_string().contains("--force"), "{refused}");
    assert_eq!(std::fs::read(&path).unwrap(), b"one\n");
    write(&path, true, b"two\n").unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"two\n");
    assert!(write(folder.path(), true, b"").is_err());
    write(Path::new("/dev/null"), false, b"gone").unwrap();
}

#[test]
fn inputs_are_opened_with_their_size() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"12345").unwrap();
    assert_eq!(open(file.path()).unwrap().1, Some(5));
    assert_eq!(open(Path::new("-")).unwrap().1, None);
    assert!(open(Path::new("/")).is_err());
    let missing = open(Path::new("no/such/file")).err().unwrap();
    assert!(missing.to_string().starts_with("read no/such/file: "), "{missing}");
    assert_eq!(read_whole(file.path()).unwrap(), b"12345");
}
