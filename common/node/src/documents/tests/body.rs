//! What `documents` promises about `body`, tried out.

use bytes::Bytes;
use jackdaw_common::limits::{DOCUMENT_BYTES_MAX, JSON_DEPTH_MAX};

use crate::documents::body::{Body, BodyError};

fn check(json: &str) -> Result<Body, BodyError> {
    Body::check(Bytes::copy_from_slice(json.as_bytes()))
}

/// The collection of a body that must be kept byte for byte.
fn collection(json: &str) -> String {
    let body = check(json).unwrap();
    assert_eq!(body.json, json.as_bytes(), "kept byte for byte");
    body.collection.as_str().to_owned()
}

fn problem(json: &str) -> String {
    check(json).unwrap_err().to_string()
}

#[test]
fn the_collection_is_read() {
    assert_eq!(collection(r#"{"@metadata":{"@collection":"Users"}}"#), "Users");
    assert_eq!(
        collection(r#"{"a":1,"@metadata":{"x":{"@collection":"No"},"@collection":"A b"}}"#),
        "A b"
    );
    assert_eq!(collection(r#"{"@metadata":{"@collection":"\u00dcser\"s"}}"#), "Üser\"s");
    assert_eq!(collection(r#"{"\u0040metadata":{"\u0040collection":"Users"}}"#), "Users");
    assert_eq!(collection(r#"{"@metadata":{"@collection":null}}"#), "");
    assert_eq!(collection(r#"{"@metadata":{}}"#), "");
    assert_eq!(collection("{}"), "");
    assert_eq!(collection(r#"{"a":{"@metadata":{"@collection":"Inner"}}}"#), "");
}

#[test]
fn everything_else_is_kept_as_it_came() {
    for json in [
        " {\t\"a\" : 1e400 ,\r\n \"b\":12345678901234567890123456789 } \n",
        r#"{"a":-0.00000000000000000000000000000000000000001E-999}"#,
        r#"{"a":1,"a":2,"b":{"a":1,"a":2}}"#,
        r#"{"a":"\ud83d\ude00 \u0000 \\ \" é 😀","b":[[],{},null,true,false]}"#,
        r#"{"a":"lone \ud800 surrogate"}"#,
        r#"{"a":"@attachments","b":{"@flags":1}}"#,
        r#"{"@metadata":{"@expires":"2030-01-01","custom":{"@flags":"inner"}}}"#,
    ] {
        assert_eq!(collection(json), "");
    }
}

#[test]
fn what_is_no_json_object_is_refused() {
    for json in [
        "",
        " ",
        "null",
        "1",
        "\"a\"",
        "[]",
        "[{}]",
        "{",
        "}",
        "{}x",
        "{} {}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "{'a':1}",
        "{\"a\":01}",
        "{\"a\":+1}",
        "{\"a\":.5}",
        "{\"a\":1.}",
        "{\"a\":NaN}",
        "{\"a\":Infinity}",
        "{\"a\":\"\n\"}",
        "{\"a\":\"\\x\"}",
        "{\"a\":\"\\u12\"}",
        "{\"a\":tru}",
        "{\"a\":1 \"b\":2}",
        "\u{feff}{}",
        "{\"a\":[1,]}",
        "{\"a\":[}",
        "// x\n{}",
    ] {
        assert!(matches!(check(json), Err(BodyError::Json(_))), "{json:?}");
    }
    assert!(problem("[1]").contains("expected an object"));
}

#[test]
fn what_is_not_utf8_is_refused() {
    let body = Body::check(Bytes::from_static(b"{\"a\":\"\xff\"}"));
    assert!(matches!(body, Err(BodyError::NotUtf8 { at: 6 })), "{body:?}");
    let surrogate = Body::check(Bytes::from_static(b"{\"\xed\xa0\x80\":1}"));
    assert!(matches!(surrogate, Err(BodyError::NotUtf8 { at: 2 })));
}

#[test]
fn metadata_that_readers_would_not_agree_on_are_refused() {
    assert!(problem(r#"{"@metadata":{},"@metadata":{}}"#).contains("\"@metadata\" twice"));
    assert!(problem(r#"{"@metadata":{},"\u0040metadata":{}}"#).contains("\"@metadata\" twice"));
    let twice = r#"{"@metadata":{"@collection":"A","@collection":"A"}}"#;
    assert!(problem(twice).contains("\"@collection\" twice"));
    for json in [r#"{"@metadata":null}"#, r#"{"@metadata":[]}"#, r#"{"@metadata":"x"}"#] {
        assert!(problem(json).contains("an object as \"@metadata\""), "{json}");
    }
    for json in [
        r#"{"@metadata":{"@collection":1}}"#,
        r#"{"@metadata":{"@collection":{}}}"#,
        r#"{"@metadata":{"@collection":"\ud800"}}"#,
    ] {
        assert!(problem(json).contains("\"@collection\""), "{json}");
    }
}

#[test]
fn a_collection_that_is_no_name_is_refused() {
    let long = format!(r#"{{"@metadata":{{"@collection":"{}"}}}}"#, "a".repeat(513));
    assert!(matches!(check(&long), Err(BodyError::Collection(_))));
    let control = r#"{"@metadata":{"@collection":"a\u0007"}}"#;
    assert!(matches!(check(control), Err(BodyError::Collection(_))));
}

#[test]
fn nesting_is_bounded_whatever_is_in_strings() {
    let nested = |levels: usize, open: &str, close: &str| {
        format!(r#"{{"a":{}1{}}}"#, open.repeat(levels - 1), close.repeat(levels - 1))
    };
    assert_eq!(collection(&nested(JSON_DEPTH_MAX, "[", "]")), "");
    let deep = check(&nested(JSON_DEPTH_MAX + 1, "[", "]"));
    assert!(matches!(deep, Err(BodyError::TooDeep { at }) if at == 5 + JSON_DEPTH_MAX - 1));
    let deep = check(&nested(JSON_DEPTH_MAX + 1, r#"{"b":"#, "}"));
    assert!(matches!(deep, Err(BodyError::TooDeep { .. })));
    let million = check(&nested(1_000_000, "[", "]"));
    assert!(matches!(million, Err(BodyError::TooDeep { .. })));

    let braces = format!(r#"{{"a":"{}\\","b":"\"{}"}}"#, "[".repeat(500), "{".repeat(500));
    assert_eq!(collection(&braces), "");
    let wide = format!(r#"{{"a":[{}1]}}"#, "[[]],".repeat(1_000));
    assert_eq!(collection(&wide), "");
}

#[test]
fn what_the_database_makes_itself_is_dropped_and_nothing_else_changes() {
    let body = check(concat!(
        " {\"a\": 1e400 , \"@metadata\" : { \"@flags\" : \"HasAttachments\", \"@collection\" : ",
        "\"Users\" ,\"x\":[ 1 ], \"@attachments\":[{\"Name\":\"}\"}],\"\\u0040counters\":[],",
        "\"@timeseries\":[] , \"\\u0079\" : \"\\u00e9\" } , \"z\":\"@flags\" }\n",
    ));
    let body = body.unwrap();
    let expected = concat!(
        " {\"a\": 1e400 , \"@metadata\" : {\"@collection\":\"Users\",\"x\":[ 1 ],",
        "\"\\u0079\":\"\\u00e9\"} , \"z\":\"@flags\" }\n",
    );
    assert_eq!(body.json, expected.as_bytes());
    assert_eq!(body.collection.as_str(), "Users");
    assert_eq!(check(std::str::from_utf8(&body.json).unwrap()).unwrap(), body);
    let only = check(r#"{"@metadata":{"@flags":"x"}}"#).unwrap();
    assert_eq!(only.json, r#"{"@metadata":{}}"#.as_bytes());
}

#[test]
fn the_size_is_bounded_before_anything_is_read() {
    let body = Body::check(Bytes::from(vec![b'x'; DOCUMENT_BYTES_MAX + 1]));
    assert!(matches!(body, Err(BodyError::TooLarge { .. })));
    let mut fits = br#"{"a":""#.to_vec();
    fits.resize(DOCUMENT_BYTES_MAX - 2, b'x');
    fits.extend_from_slice(b"\"}");
    assert!(Body::check(Bytes::from(fits)).is_ok());
}
