//! What `json_lines` promises, tried out.

mod attachment;
mod revision;

use jackdaw_proto::documents::{Attachment, TimeSeriesEntry};
use prost_types::Timestamp;

use super::*;

fn lines(text: impl AsRef<[u8]>) -> Vec<Result<Line, LineError>> {
    Lines::new(text.as_ref()).map(|line| line.map(|it| it.line)).collect()
}

fn documents(text: &str) -> Vec<(String, String)> {
    lines(text)
        .into_iter()
        .map(|line| match line.unwrap() {
            Line::Document(document) => (
                document.id.as_str().to_owned(),
                String::from_utf8(document.body.to_vec()).unwrap(),
            ),
            other => panic!("{other:?}"),
        })
        .collect()
}

fn problem(text: impl AsRef<[u8]>) -> (u64, String) {
    let error = lines(text).into_iter().find_map(Result::err).expect("no error");
    (error.number, error.problem.to_string())
}

#[test]
fn bodies_are_byte_exact() {
    let bodies = [
        r#"{}"#,
        r#"{ "b" : 1 ,	"a":2}"#,
        r#"{"n":[1e400,-0.0,0.10,1E+2,12345678901234567890123456789012345678,-1e-400]}"#,
        r#"{"a":1,"a":2}"#,
        r#"{"u":"\u00e9\/é😀","@metadata":{"@collection":"Ünïcode"}}"#,
        r#"{"body":{"kind":"document","id":"x"},"id":null}"#,
    ];
    for body in bodies {
        let line = format!(r#"{{"kind":"document","id":"a/1","body":{body}}}"#);
        assert_eq!(documents(&line), [("a/1".to_owned(), body.to_owned())]);
        let reordered = format!(r#" {{ "body" : {body} , "id":"a/1" , "kind" : "document" }} "#);
        assert_eq!(documents(&reordered), [("a/1".to_owned(), body.to_owned())]);
    }
}

#[test]
fn what_is_written_is_read_back() {
    let bodies = [
        r#"{"a":1e400}"#,
        "{\n  \"a\": 1\r\n}",
        " {\"a\":1}",
        "{\"a\":1}\n",
        "{\"a\":\"\\n\\u0000\u{7f}\u{2028}\"}",
    ];
    for id in ["a", "Ünï \"c\\ode\"/1", "a'b\u{2028}"] {
        let mut out = Vec::new();
        for body in bodies {
            write_document(&mut out, id, body.as_bytes()).unwrap();
        }
        assert_eq!(out.iter().filter(|&&byte| byte == b'\n').count(), bodies.len());
        let read = documents(std::str::from_utf8(&out).unwrap());
        let expected: Vec<_> = bodies.map(|body| (id.to_owned(), body.to_owned())).into();
        assert_eq!(read, expected);
    }
}

#[test]
fn a_plain_body_stands_in_its_line_as_it_is() {
    let mut out = Vec::new();
    write_document(&mut out, "a/1", br#"{"a": -0.0}"#).unwrap();
    assert_eq!(out, b"{\"kind\":\"document\",\"id\":\"a/1\",\"body\":{\"a\": -0.0}}\n");
}

#[test]
fn a_body_that_is_not_json_is_not_written() {
    let mut out = b"before\n".to_vec();
    assert_eq!(write_document(&mut out, "a/1", b"{\"a\":}").unwrap_err().id, "a/1");
    assert!(write_document(&mut out, "a/1", b"{\"a\":\"\xff\"}").is_err());
    assert_eq!(out, b"before\n");
}

#[test]
fn kinds_are_told_apart() {
    let text = r#"{"kind":"counter","document_id":"a","name":"n","value":853}
{"kind":"attachment","document_id":"a","name":"n","content_type":"t","data_base64":"AA=="}
{"kind":"time_series","document_id":"a","name":"n","entries":[["2000-01-01T00:00:00Z",[1],null]]}
"#;
    let (document, name) = ("a".to_owned(), "n".to_owned());
    let time = Some(Timestamp { seconds: 946_684_800, nanos: 0 });
    let entries = vec![TimeSeriesEntry { time, values: vec![1.0], tag: None }];
    let expected = [
        Line::Counter(CounterLine { document: document.clone(), name: name.clone(), value: 853 }),
        Line::Attachment(AttachmentLine {
            document: document.clone(),
            name: name.clone(),
            content_type: "t".to_owned(),
            content: Bytes::from_static(&[0]),
            ..AttachmentLine::default()
        }),
        Line::TimeSeries(SeriesLine { document, name, entries }),
    ];
    assert_eq!(lines(text).into_iter().map(Result::unwrap).collect::<Vec<_>>(), expected);
    let kinds = Lines::new(text.as_bytes()).only_documents(true);
    let kinds: Vec<_> = kinds.map(|line| line.unwrap().line).collect();
    let left_out = [Kind::Counter, Kind::Attachment, Kind::TimeSeries].map(Line::LeftOut);
    assert_eq!(kinds, left_out);
    assert_eq!(
        problem(r#"{"kind":"Document","id":"a","body":{}}"#).1,
        "unknown kind \"Document\"; known are document, attachment, counter, time_series and \
         revision"
    );
}

#[test]
fn what_documents_have_is_written_and_read_back() {
    let (document, name) = ("Ünï \"c\\ode\"/1", "a'b\u{2028}\n");
    let attachment = Attachment {
        name: name.to_owned(),
        content_type: "image/\"png\"".to_owned(),
        ..Attachment::default()
    };
    let entry = |seconds, nanos, values: &[f64], tag: Option<&str>| TimeSeriesEntry {
        time: Some(Timestamp { seconds, nanos }),
        values: values.to_vec(),
        tag: tag.map(str::to_owned),
    };
    // Of the second value the parser, asked to be fast, makes another one.
    let values = [-0.0, 2.638_344_616_030_823_4e-256, f64::MAX, f64::MIN_POSITIVE, 5e-324];
    let entries = vec![
        entry(-62_135_596_800, 0, &[1.0], None),
        entry(-1, 999_000_000, &values, Some("")),
        entry(253_402_300_799, 999_000_000, &[0.1 + 0.2], Some("\u{0}é")),
    ];
    let content = Bytes::from((0..=255).collect::<Vec<u8>>());
    let mut out = Vec::new();
    write_attachment(&mut out, document, &attachment, &content).unwrap();
    write_counter(&mut out, document, name, i64::MIN).unwrap();
    write_counter(&mut out, document, name, i64::MAX).unwrap();
    write_series(&mut out, document, name, &entries).unwrap();
    assert!(out.starts_with(b"{\"kind\":\"attachment\",\"document_id\":"));
    let (document, name) = (document.to_owned(), name.to_owned());
    let counter = |value| CounterLine { document: document.clone(), name: name.clone(), value };
    let content_type = attachment.content_type;
    let expected = [
        Line::Attachment(AttachmentLine {
            document: document.clone(),
            name: name.clone(),
            content_type,
            content,
            ..AttachmentLine::default()
        }),
        Line::Counter(counter(i64::MIN)),
        Line::Counter(counter(i64::MAX)),
        Line::TimeSeries(SeriesLine { document: document.clone(), name: name.clone(), entries }),
    ];
    assert_eq!(lines(&out).into_iter().map(Result::unwrap).collect::<Vec<_>>(), expected);
}

#[test]
fn bad_lines_of_what_documents_have_are_named() {
    let start = r#""document_id":"a","name":"n""#;
    for (bad, text) in [
        (r#"{"kind":"counter"}"#.to_owned(), "missing field `document_id`"),
        (format!(r#"{{"kind":"counter",{start}}}"#), "missing field `value`"),
        (format!(r#"{{"kind":"counter",{start},"value":1.5}}"#), "invalid type: floating point"),
        (format!(r#"{{"kind":"counter",{start},"value":9223372036854775808}}"#), "invalid value"),
        (format!(r#"{{"kind":"counter",{start},"value":1,"x":1}}"#), "unknown field `x`"),
        (format!(r#"{{"kind":"attachment",{start},"data_base64":"A"}}"#), "not base64"),
        (format!(r#"{{"kind":"time_series",{start},"entries":[["x",[1],null]]}}"#), "RFC 3339"),
        (format!(r#"{{"kind":"time_series",{start},"entries":[]}}"#), "at least one entry"),
        (
            format!(r#"{{"kind":"time_series",{start},"entries":[["2000-01-01T00:00:00Z",[1]]]}}"#),
            "invalid length 2",
        ),
        (
            format!(r#"{{"kind":"time_series",{start},"entries":[["x",[1e999],""]]}}"#),
            "out of range",
        ),
    ] {
        let problem = problem(&bad).1;
        assert!(problem.contains(text), "{bad}: {problem}");
    }
}

#[test]
fn times_are_as_they_were_written_or_no_times() {
    let read = |text| read_time(text).map(|it| (it.seconds, it.nanos / 1_000_000));
    for (text, time) in [
        ("1970-01-01T00:00:01Z", (1, 0)),
        ("1970-01-01t00:00:01z", (1, 0)),
        ("1970-01-01T00:00:01.5Z", (1, 500)),
        ("1970-01-01T00:00:01.025Z", (1, 25)),
        ("1970-01-01T00:00:01.025000000Z", (1, 25)),
        ("1969-12-31T23:59:59.999Z", (-1, 999)),
        ("1970-01-01T01:00:01+01:00", (1, 0)),
        ("1969-12-31T20:30:01.250-03:30", (1, 250)),
        ("2000-02-29T23:59:59-00:00", (951_868_799, 0)),
        ("0001-01-01T00:00:00Z", (-62_135_596_800, 0)),
        ("9999-12-31T23:59:59.999Z", (253_402_300_799, 999)),
    ] {
        assert_eq!(read(text), Some(time), "{text}");
    }
    for text in [
        "",
        "x",
        "1970-01-01",
        "1970-01-01Z",
        "1970-01-01T00:00:01",
        "1970-01-01T00:00:01.5",
        "1970-01-01T00:00Z",
        "1970-01-01 00:00:01Z",
        "1970-01-01T00:00:60Z",
        "2016-12-31T23:59:60Z",
        "1970-01-01T00:00:61Z",
        "1970-01-01T00:60:00Z",
        "1970-01-01T24:00:00Z",
        "1970-01-01T00:00:01.Z",
        "1970-01-01T00:00:01.0001Z",
        "1970-01-01T00:00:01.025000001Z",
        "1970-01-01T00:00:01.0250000000Z",
        "1970-01-01T00:00:01,5Z",
        "1970-01-01T00:00:01+01",
        "1970-01-01T00:00:01+0100",
        "1970-01-01T00:00:01+24:00",
        "1970-01-01T00:00:01+01:60",
        "1970-01-01T00:00:01+01:00Z",
        "1970-01-01T00:00:01ZZ",
        "1970-02-30T00:00:01Z",
        "1999-02-29T00:00:01Z",
        "1970-13-01T00:00:01Z",
        "1970-00-01T00:00:01Z",
        "1970-01-00T00:00:01Z",
        "+1970-01-01T00:00:01Z",
        "70-01-01T00:00:01Z",
        "19700-01-01T00:00:01Z",
        " 1970-01-01T00:00:01Z",
        "1970-01-01T00:00:01Z ",
        "1970-01-01T00:00:0\u{661}Z",
    ] {
        assert_eq!(read(text), None, "{text}");
    }
}

#[test]
fn entries_of_a_file_know_their_lines() {
    let text = "\n[\"1970-01-01T00:00:01Z\",[1],null]\n\n[\"1970-01-01T00:00:60Z\",[1],null]\nx";
    let read: Vec<_> = EntryLines::new(text.as_bytes()).collect();
    assert_eq!(read.len(), 2);
    assert_eq!(read[0].as_ref().unwrap().0, 2);
    let error = read[1].as_ref().unwrap_err().to_string();
    assert!(error.starts_with("line 4: \"1970-01-01T00:00:60Z\" is not a time"), "{error}");
    let endless = std::io::BufReader::new(std::io::repeat(b' '));
    let error = EntryLines::new(endless).next().unwrap().unwrap_err();
    assert!(matches!((error.number, error.problem), (1, LineProblem::TooLong)));
    let bad = EntryLines::new(&b"[\xff"[..]).next().unwrap().unwrap_err();
    assert_eq!(bad.to_string(), "line 1: not UTF-8 at byte 1");
    assert!(EntryLines::new(&b"\n \n"[..]).next().is_none());
}

#[test]
fn empty_lines_are_counted_and_the_end_needs_no_line_end() {
    let text = "\u{feff}{\"kind\":\"document\",\"id\":\"a\",\"body\":{}}\r\n\n  \r\nx";
    let read = lines(text);
    assert_eq!(read.len(), 2);
    assert!(read[0].is_ok());
    assert_eq!(read[1].as_ref().unwrap_err().number, 4);
    assert!(lines("").is_empty());
    assert!(lines("\n\n").is_empty());
}

#[test]
fn lines_know_their_place() {
    let text = "\n{\"kind\":\"counter\"}\n\n{\"kind\":\"counter\"}";
    let lines = Lines::new(text.as_bytes()).only_documents(true);
    let places: Vec<_> = lines.map(Result::unwrap).collect();
    let places: Vec<_> = places.iter().map(|it| (it.number, it.bytes)).collect();
    assert_eq!(places, [(2, 20), (4, text.len() as u64)]);
}

#[test]
fn bad_lines_are_named_and_nothing_follows_them() {
    let good = r#"{"kind":"document","id":"a","body":{}}"#;
    for (bad, text) in [
        ("{", "EOF while parsing an object"),
        ("[]", "not a JSON object"),
        (r#"["document","a",{},null]"#, "not a JSON object"),
        ("\"{}\"", "not a JSON object"),
        (r#"{"kind":"document","id":"a","body":{}} x"#, "trailing characters"),
        (r#"{"id":"a","body":{}}"#, "missing field `kind`"),
        (r#"{"kind":"document","body":{}}"#, "missing field `id`"),
        (r#"{"kind":"document","id":"a"}"#, "exactly one of"),
        (r#"{"kind":"document","id":"a","body":{},"body_text":"{}"}"#, "exactly one of"),
        (r#"{"kind":"document","id":"a","body":null}"#, "exactly one of"),
        (r#"{"kind":"document","id":"a","body":[{}]}"#, "not a JSON object"),
        (r#"{"kind":"document","id":"a","body":"{}"}"#, "not a JSON object"),
        (r#"{"kind":"document","id":"a","body_text":"[]"}"#, "not a JSON object"),
        (r#"{"kind":"document","id":"a","body_text":"{"}"#, "EOF"),
        (r#"{"kind":"document","id":"a","body":{"x":01}}"#, "invalid number"),
        (r#"{"kind":"document","id":"a","body":{},"flags":1}"#, "unknown field `flags`"),
        (r#"{"kind":"document","id":"a","id":"b","body":{}}"#, "duplicate field `id`"),
        (r#"{"kind":"document","id":"","body":{}}"#, "document id is empty"),
        (r#"{"kind":"document","id":"a\n","body":{}}"#, "control character"),
        (r#"{"kind":"document","id":"\ud800","body":{}}"#, "column"),
    ] {
        let read = lines(format!("{good}\n{bad}\n{good}\n"));
        assert_eq!(read.len(), 2, "{bad}");
        let error = read[1].as_ref().unwrap_err();
        assert_eq!(error.number, 2, "{bad}");
        assert!(error.problem.to_string().contains(text), "{bad}: {}", error.problem);
    }
}

#[test]
fn bytes_that_are_not_utf8_are_named() {
    let mut text = br#"{"kind":"counter","x":""#.to_vec();
    text.push(0xff);
    text.extend_from_slice(b"\"}");
    assert_eq!(problem(text), (1, "not UTF-8 at byte 23".to_owned()));
}

#[test]
fn a_line_without_end_is_not_read_into_memory_whole() {
    let endless = std::io::BufReader::new(std::io::repeat(b' '));
    let mut lines = Lines::new(endless);
    let error = lines.next().unwrap().unwrap_err();
    assert!(matches!(error.problem, LineProblem::TooLong));
    assert!(lines.next().is_none());
}
