//! Attachments that have several lines.

use super::*;

/// Seven bytes in three lines, as the head of the module has them.
fn three() -> String {
    let attachment =
        Attachment { name: "n".into(), size: 7, hash: "h".into(), ..Attachment::default() };
    let mut out = Vec::new();
    for (offset, part) in [(0, &[1, 2, 3][..]), (3, &[4, 5, 6]), (6, &[7])] {
        write_attachment_part(&mut out, "a", &attachment, offset, part).unwrap();
    }
    String::from_utf8(out).unwrap()
}

#[test]
fn several_lines_are_written_and_read_back() {
    let text = three();
    let start =
        "{\"kind\":\"attachment\",\"document_id\":\"a\",\"name\":\"n\",\"content_type\":\"\",";
    let expected = [
        "\"size\":7,\"hash\":\"h\",\"more\":true,\"data_base64\":\"AQID\"}\n",
        "\"offset\":3,\"more\":true,\"data_base64\":\"BAUG\"}\n",
        "\"offset\":6,\"more\":false,\"data_base64\":\"Bw==\"}\n",
    ];
    assert_eq!(text, expected.map(|end| format!("{start}{end}")).concat());
    let part = |offset, content: &'static [u8]| AttachmentLine {
        document: "a".into(),
        name: "n".into(),
        content: Bytes::from_static(content),
        offset,
        more: offset < 6,
        ..AttachmentLine::default()
    };
    let first = AttachmentLine { size: Some(7), hash: Some("h".into()), ..part(0, &[1, 2, 3]) };
    let expected = [first, part(3, &[4, 5, 6]), part(6, &[7])].map(Line::Attachment);
    assert_eq!(
        lines(text.as_bytes()).into_iter().map(Result::unwrap).collect::<Vec<_>>(),
        expected
    );

    // Who wants documents only counts one attachment.
    let more = format!("{text}{text}");
    let left_out = Lines::new(more.as_bytes()).only_documents(true);
    let left_out: Vec<_> = left_out.map(|it| it.unwrap().line).collect();
    assert_eq!(left_out, [Line::LeftOut(Kind::Attachment), Line::LeftOut(Kind::Attachment)]);
}

/// What is cut short, or put together from two, is not taken for whole.
#[test]
fn lines_that_do_not_go_on_with_each_other_are_named() {
    let text = three();
    let [one, two, three]: [&str; 3] = text.lines().collect::<Vec<_>>().try_into().unwrap();
    let counter = r#"{"kind":"counter","document_id":"a","name":"n","value":1}"#;
    let named = two.replace("\"n\"", "\"m\"");
    let sized = two.replace("\"offset\"", "\"size\":7,\"offset\"");
    let bare = one.replace("\"size\":7,", "");
    let far = two.replace("\"offset\":3", "\"offset\":2");
    for (lines, at, says) in [
        (vec![one], 2, "does not stand here"),
        (vec![one, two], 3, "does not stand here"),
        (vec![one, counter], 2, "does not stand here"),
        (vec![one, one], 2, "does not stand here"),
        (vec![one, &named], 2, "does not stand here"),
        (vec![one, three], 2, "\"offset\" is not"),
        (vec![one, &far], 2, "\"offset\" is not"),
        (vec![counter, two], 2, "\"offset\" is not"),
        (vec![one, two, three, three], 4, "\"offset\" is not"),
        (vec![one, &sized], 2, "and no other has"),
        (vec![&bare], 1, "the first has its \"size\""),
    ] {
        let text = lines.join("\n");
        let mut read = Lines::new(text.as_bytes());
        let error = read.find_map(Result::err).unwrap_or_else(|| panic!("{text}"));
        assert_eq!(error.number, at, "{text}: {error}");
        assert!(error.to_string().contains(says), "{text}: {error}");
        assert!(read.next().is_none(), "{text}");
    }
}
