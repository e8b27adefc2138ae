//! What is attached to an item.

use jackdaw_common::{Attachment, BlobHash, ContentType};

use super::*;

fn entry(incarnation: u8, etag: u64) -> Entry {
    let incarnation = IncarnationId::from_bytes([incarnation; 16]);
    Entry { incarnation, etag: Etag::new(etag).unwrap() }
}

/// A document with attachments that came to it in three writes of two databases.
fn attached() -> Item {
    let attachment = |name: &str, hash, size, origin| Attachment {
        name: name.parse().unwrap(),
        content_type: ContentType::new("text/plain").unwrap(),
        hash: BlobHash::from_bytes([hash; 32]),
        size,
        origin,
    };
    let list = vec![
        attachment("a", 1, 0, entry(7, 5)),
        attachment("B", 2, 9, entry(9, 1)),
        attachment("ü.txt", 1, 0, entry(7, 2)),
    ];
    let plain = item("{}", false, true);
    let vector = ChangeVector::from_entries([entry(7, 5), entry(9, 3)]);
    let attachments = Attachments::new(list).unwrap();
    Item { version: Version { vector, attachments, ..plain.version }, ..plain }
}

/// Bug 14 of the reference list: what comes back must be what went, the origin of each attachment
/// too. Merges go by it.
#[test]
fn bug_14_attachments_come_back_with_their_origins() {
    let mut buffer = BytesMut::new();
    let outgoing = OutgoingItem::new(&attached());
    outgoing.append_to(&mut buffer);
    assert_eq!(buffer.len(), outgoing.bytes());
    let mut received = Vec::new();
    decode_items(buffer.freeze(), &mut received, usize::MAX).unwrap();
    let origins = |item: &Item| -> Vec<_> {
        let list = item.version.attachments.as_slice().iter();
        list.map(|one| (one.name.as_str().to_owned(), one.origin)).collect()
    };
    assert_eq!(origins(&received[0]), origins(&attached()));
    assert_eq!(received, [attached()]);
}

#[test]
fn an_attachment_that_is_none_is_refused() {
    let refused = |change: fn(&mut wire::Attachment)| {
        let mut message = wire_item(&attached());
        change(&mut message.attachments[1]);
        let encoded = message.encode_length_delimited_to_vec();
        match decode_items(encoded.into(), &mut Vec::new(), usize::MAX) {
            Err(FrameError::Item { index: 0, what }) => what,
            other => panic!("{other:?}"),
        }
    };
    assert!(refused(|it| it.name = String::new()).contains("attachment 1: attachment name"));
    assert!(refused(|it| it.name = "a".to_owned()).contains("ascend"));
    assert!(refused(|it| it.hash = Bytes::new()).contains("its hash"));
    assert!(refused(|it| it.size = u64::MAX).contains("larger"));
    assert!(refused(|it| it.origin_incarnation = Bytes::new()).contains("its origin"));
    assert!(refused(|it| it.origin_etag = 0).contains("its origin has etag 0"));
    let unseen = refused(|it| it.origin_etag = 4);
    assert_eq!(unseen, "attachment 1: its version has not seen its origin, of etag 4");
    let unknown = refused(|it| it.origin_incarnation = Bytes::from_static(&[8; 16]));
    assert_eq!(unknown, "attachment 1: its version has not seen its origin, of etag 1");
}
