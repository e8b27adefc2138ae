//! What `json_lines` promises about revisions, tried out.

use jackdaw_proto::documents::{
    Counter, Flag, PutRevision, Revision, TimeSeriesSummary, revision_attachment::Source,
};

use super::*;

fn time(seconds: i64, nanos: i32) -> Option<Timestamp> {
    Some(Timestamp { seconds, nanos })
}

fn revision(body: &str) -> Revision {
    Revision {
        document_id: "a/\"1\"".to_owned(),
        last_modified: time(1_000_000_000, 123_456_000),
        collection: "Things".to_owned(),
        body: Bytes::copy_from_slice(body.as_bytes()),
        flags: vec![Flag::Revision.into(), Flag::FromReplication.into()],
        ..Revision::default()
    }
}

fn read(text: &[u8]) -> PutRevision {
    let line = lines(text).pop().unwrap().unwrap();
    let Line::Revision(revision) = line else { panic!("{line:?}") };
    *revision
}

#[test]
fn a_revision_is_read_back_as_it_was() {
    let attachment = |name: &str, hash: &str| Attachment {
        name: name.to_owned(),
        content_type: "text/plain".to_owned(),
        hash: hash.to_owned(),
        size: 3,
    };
    for body in [r#"{"a":1e400}"#, "{\n \"a\": 1\r\n}", " {\"a\":1}"] {
        let whole = Revision {
            attachments: vec![attachment("x", "h1"), attachment("y", "h2"), attachment("z", "h3")],
            counters: vec![
                Counter { name: "n".to_owned(), value: Some(i64::MIN), partials: Vec::new() },
                Counter { name: "o".to_owned(), value: None, partials: Vec::new() },
            ],
            time_series: vec![TimeSeriesSummary {
                name: "heat".to_owned(),
                entries: u64::MAX,
                first: time(-62_135_596_800, 0),
                last: time(1, 250_000_000),
                digest: None,
            }],
            more_parts: true,
            ..revision(body)
        };
        let mut out = Vec::new();
        let contents = [Some(b"abc".to_vec()), None, Some(Vec::new())];
        write_revision(&mut out, &whole, &contents).unwrap();
        assert_eq!(out.iter().filter(|&&byte| byte == b'\n').count(), 1);
        let read = read(&out);
        assert_eq!((&*read.document_id, read.last_modified), ("a/\"1\"", whole.last_modified));
        assert_eq!((&read.body, read.deleted, &*read.collection), (&whole.body, false, ""));
        let sources: Vec<_> =
            read.attachments.into_iter().map(|it| (it.name, it.source.unwrap())).collect();
        assert_eq!(
            sources,
            [
                ("x".to_owned(), Source::Content(Bytes::from_static(b"abc"))),
                ("y".to_owned(), Source::Hash("h2".to_owned())),
                ("z".to_owned(), Source::Content(Bytes::new())),
            ]
        );
        let counters: Vec<_> = read.counters.into_iter().map(|it| (it.name, it.value)).collect();
        assert_eq!(counters, [("n".to_owned(), Some(i64::MIN)), ("o".to_owned(), None)]);
        let series = &read.time_series[0];
        assert_eq!((&*series.name, series.entries), ("heat", u64::MAX));
        assert_eq!((series.first, series.last), (time(-62_135_596_800, 0), time(1, 250_000_000)));
        assert!(read.more_parts);
    }
}

#[test]
fn a_deletion_has_its_collection_and_no_body() {
    let deletion = Revision { flags: vec![Flag::DeleteRevision.into()], ..revision("") };
    let mut out = Vec::new();
    write_revision(&mut out, &deletion, &[]).unwrap();
    let text = String::from_utf8(out.clone()).unwrap();
    assert_eq!(
        text,
        "{\"kind\":\"revision\",\"document_id\":\"a/\\\"1\\\"\",\
         \"last_modified\":\"2001-09-09T01:46:40.123456Z\",\"deleted\":true,\
         \"collection\":\"Things\"}\n"
    );
    let read = read(&out);
    assert_eq!((read.deleted, &*read.collection, read.body.len()), (true, "Things", 0));
}

#[test]
fn a_revision_that_is_not_one_is_named() {
    let mut out = b"before\n".to_vec();
    assert!(write_revision(&mut out, &revision("{"), &[]).is_err());
    assert_eq!(out, b"before\n");
    let begin = r#"{"kind":"revision","document_id":"a","last_modified":"2001-09-09T01:46:40Z""#;
    for (rest, text) in [
        ("}", "exactly one of"),
        (r#","body":{},"deleted":true}"#, "exactly one of"),
        (r#","body":{},"collection":"c"}"#, "exactly one of"),
        (r#","body":{},"body_text":"{}"}"#, "exactly one of"),
        (r#","deleted":true,"attachments":[{"name":"x","hash":"h"}]}"#, "exactly one of"),
        (r#","body":[]}"#, "not a JSON object"),
        (r#","body":{},"attachments":[{"name":"x"}]}"#, "\"data_base64\" and \"hash\""),
        (r#","body":{},"attachments":[{"name":"x","data_base64":"!"}]}"#, "not base64"),
        (r#","body":{},"change_vector":"x"}"#, "unknown field `change_vector`"),
        (r#","body":{},"counters":[["n"]]}"#, "expected a tuple"),
        (r#","body":{},"time_series":[["s",1,"x","y"]]}"#, "\"x\" is not a time"),
    ] {
        let (_, found) = problem(format!("{begin}{rest}"));
        assert!(found.contains(text), "{rest}: {found}");
    }
    for wrong in ["2001-09-09T01:46:40", "2001-09-09T01:46:40.1234567Z", "2001-09-09T01:46:60Z"] {
        let line = format!("{begin},\"body\":{{}}}}").replace("2001-09-09T01:46:40Z", wrong);
        assert!(problem(line).1.ends_with("to microseconds and with an offset"), "{wrong}");
    }
    let left = Lines::new(begin.as_bytes()).only_documents(true).next().unwrap();
    assert!(left.is_err());
    let text = format!("{begin},\"x\":1}}");
    let left = Lines::new(text.as_bytes()).only_documents(true).next().unwrap().unwrap();
    assert_eq!(left.line, Line::LeftOut(Kind::Revision));
}
