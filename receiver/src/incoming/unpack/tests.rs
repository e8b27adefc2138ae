//! Batches that are not what they say.

use bytes::BytesMut;
use jackdaw_common::{
    Attachments, ChangeVector, Content, Entry, IncarnationId, Timestamp, TransactionMark, Version,
};
use jackdaw_proto::convert::replication::OutgoingItem;

use super::*;

fn etag(value: u64) -> Etag {
    Etag::new(value).unwrap()
}

fn item(value: u64) -> Item {
    let entry = Entry { incarnation: IncarnationId::from_bytes([1; 16]), etag: etag(value) };
    Item {
        etag: etag(value),
        transaction: TransactionMark { first: etag(value), rows: 1 },
        minted: Some(entry),
        past: false,
        version: Version {
            id: format!("users/{value}").parse().unwrap(),
            collection: "Users".parse().unwrap(),
            vector: ChangeVector::from_entries([entry]),
            last_modified: Timestamp::from_micros(1),
            content: Content::Document(Bytes::from_static(b"{}")),
            attachments: Attachments::default(),
            since: ChangeVector::empty(),
            kept: None,
        },
    }
}

fn batch(etags: &[u64]) -> Gathered {
    let frames: Vec<Bytes> = etags
        .iter()
        .map(|value| {
            let mut frame = BytesMut::new();
            OutgoingItem::new(&item(*value)).append_to(&mut frame);
            frame.freeze()
        })
        .collect();
    let mut checksum = Xxh3::new();
    frames.iter().for_each(|frame| checksum.update(frame));
    let end = BatchEnd {
        run: jackdaw_common::RunId::NONE,
        number: 1,
        last: etag(9),
        items: etags.len() as u64,
        checksum: checksum.digest(),
        frontier: None,
    };
    Gathered { after: etag(2), frames, end }
}

#[test]
fn a_batch_unpacks() {
    let items = unpack(&batch(&[3, 5, 9])).unwrap();
    let expected: Vec<_> = [3, 5, 9].map(item).into();
    assert_eq!(items.iter().map(|item| item.item.clone()).collect::<Vec<_>>(), expected);
    assert_eq!(items[0].hash, expected[0].version.content_hash());
}

#[test]
fn an_altered_batch_is_refused() {
    let mut altered = batch(&[3, 5]);
    let mut bytes = altered.frames[1].to_vec();
    bytes[1] ^= 1;
    altered.frames[1] = bytes.into();
    assert!(matches!(unpack(&altered), Err(UnpackError::Checksum { .. })));
    let mut swapped = batch(&[3, 5]);
    swapped.frames.swap(0, 1);
    assert!(matches!(unpack(&swapped), Err(UnpackError::Checksum { .. })));
}

#[test]
fn a_batch_with_items_missing_is_refused() {
    let mut short = batch(&[3, 5]);
    short.end.items = 3;
    let error = unpack(&short).unwrap_err();
    assert_eq!(error, UnpackError::Count { number: 1, expected: 3, actual: 2 });
}

#[test]
fn items_out_of_order_or_range_are_refused() {
    for etags in [&[5, 3][..], &[3, 3], &[2], &[10]] {
        assert!(matches!(unpack(&batch(etags)), Err(UnpackError::Order { .. })), "{etags:?}");
    }
}

#[test]
fn what_is_no_item_is_refused() {
    let mut batch = batch(&[]);
    batch.frames = vec![Bytes::from_static(&[5, 1, 2])];
    let mut checksum = Xxh3::new();
    checksum.update(&batch.frames[0]);
    batch.end.checksum = checksum.digest();
    assert!(matches!(unpack(&batch), Err(UnpackError::Frame { .. })));
}
