//! What `transfer` promises, tried out.

use std::io::Write as _;

use jackdaw_proto::documents::command::Command;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use super::batches::{BATCH_BYTES, BATCH_DOCUMENTS, Batch, Batches, Stop};
use super::load::{CallError, Sent};
use super::*;
use crate::json_lines::{Lines, OtherKind};

fn document(id: &str, bytes: usize) -> String {
    let body = format!("{{\"a\":\"{}\"}}", "x".repeat(bytes.saturating_sub(8)));
    format!("{{\"kind\":\"document\",\"id\":\"{id}\",\"body\":{body}}}\n")
}

const COUNTER: &str = "{\"kind\":\"counter\",\"document_id\":\"a\",\"name\":\"n\",\"value\":1}\n";

fn batches(text: &str, only_documents: bool) -> Vec<Result<Batch, Stop>> {
    Batches::new(Lines::new(text.as_bytes()), only_documents).collect()
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
    assert_eq!(sizes, [BATCH_DOCUMENTS, BATCH_DOCUMENTS, 88]);
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
fn other_kinds_are_refused_by_line_or_left_out_and_counted() {
    let text = format!("{}\n{COUNTER}{}{COUNTER}", document("a", 10), document("b", 10));
    let refused = batches(&text, false);
    assert_eq!(refused.len(), 2);
    assert_eq!(ids(refused[0].as_ref().unwrap()), ["a"]);
    let stop = refused[1].as_ref().unwrap_err().to_string();
    assert!(stop.starts_with("line 3: "), "{stop}");
    assert!(stop.contains("--only documents"), "{stop}");

    let taken = batches(&text, true);
    assert_eq!(taken.len(), 1);
    let batch = taken[0].as_ref().unwrap();
    assert_eq!(ids(batch), ["a", "b"]);
    assert_eq!(batch.left_out.get(&OtherKind::Counter), Some(&2));
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
    assert_eq!(batch.left_out.get(&OtherKind::Counter), Some(&1000));
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
    let loaded = Loaded { documents: 1000, last_line: 1005, ..Loaded::default() };
    CallError::Refused(status).into_failure(&loaded, &sent).to_string()
}

#[test]
fn a_refused_document_is_named_by_its_line() {
    let place = [("message", "1"), ("commands", "256"), ("field", "commands[88].put.body")];
    let text = refusal(&place);
    assert!(text.starts_with("line 345: too deep (FIELD_INVALID)\n"), "{text}");
    assert!(text.contains("\n  1,256 documents before it are written\n"), "{text}");
    assert!(text.contains("\n  some after it may be written too"), "{text}");
    let last = refusal(&[("message", "2"), ("commands", "512"), ("command", "87")]);
    assert!(last.starts_with("line 600: "), "{last}");
    assert!(!last.contains("some after it"), "{last}");
    let whole = refusal(&[("message", "1"), ("commands", "256")]);
    assert!(whole.starts_with("lines 257 to 512: "), "{whole}");
}

#[test]
fn where_nobody_knows_what_is_written_it_says_so() {
    let unknown = "\n  1,000 documents are written, up to line 1005; of the 600 after them, up to \
                   line 600, an unknown number is";
    for metadata in [&[("a", "b")][..], &[("message", "7"), ("commands", "1")], &[("message", "x")]]
    {
        let text = refusal(metadata);
        assert!(text.ends_with(unknown), "{text}");
    }
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
