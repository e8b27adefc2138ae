//! What `json_lines` promises, tried out.

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
            Line::Other(kind) => panic!("a {kind}"),
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
    let kinds: Vec<_> = lines(text).into_iter().map(Result::unwrap).collect();
    let other = [OtherKind::Counter, OtherKind::Attachment, OtherKind::TimeSeries];
    assert_eq!(kinds, other.map(Line::Other));
    assert_eq!(
        problem(r#"{"kind":"Document","id":"a","body":{}}"#).1,
        "unknown kind \"Document\"; known are document, attachment, counter and time_series"
    );
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
    let places: Vec<_> = Lines::new(text.as_bytes()).map(Result::unwrap).collect();
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
