//! Frames and items come back as they went; what is not one is refused by name.

mod attachments;

use proptest::prelude::*;

use super::{items::wire_item, *};
use std::sync::Arc;

use bytes::BytesMut;
use jackdaw_common::{
    Attachments, Content, Counter, Entry, Item, Partial, Partials, Segment, TransactionMark,
    Version,
    item::{
        Kept, KeptCounter, KeptParts,
        series::{NewEntry, Points, SeriesSummary, SeriesTime, Span},
    },
};
use prost::Message as _;

fn item(body: &str, tombstone: bool, minted: bool) -> Item {
    let entry =
        Entry { incarnation: IncarnationId::from_bytes([7; 16]), etag: Etag::new(5).unwrap() };
    Item {
        etag: Etag::new(5).unwrap(),
        transaction: TransactionMark { first: Etag::new(4).unwrap(), rows: 2 },
        minted: minted.then_some(entry),
        past: false,
        version: Version {
            id: "Users/1".parse().unwrap(),
            collection: "Users".parse().unwrap(),
            vector: ChangeVector::from_entries([entry]),
            last_modified: Timestamp::from_micros(-3),
            content: if tombstone {
                Content::Tombstone
            } else {
                Content::Document(Bytes::copy_from_slice(body.as_bytes()))
            },
            attachments: Attachments::default(),
            since: ChangeVector::empty(),
            kept: None,
        },
    }
}

proptest! {
    #[test]
    fn items_come_back(body: String, tombstone: bool, minted: bool, count in 0usize..4) {
        let sent: Vec<_> = (0..count).map(|_| item(&body, tombstone, minted)).collect();
        let mut buffer = BytesMut::new();
        for item in &sent {
            let (before, item) = (buffer.len(), OutgoingItem::new(item));
            item.append_to(&mut buffer);
            prop_assert_eq!(buffer.len() - before, item.bytes());
        }
        let mut received = Vec::new();
        decode_items(buffer.freeze(), &mut received, usize::MAX).unwrap();
        prop_assert_eq!(sent, received);
    }

    #[test]
    fn random_bytes_never_panic(bytes: Vec<u8>) {
        let _ = decode_items(bytes.into(), &mut Vec::new(), usize::MAX);
    }
}

#[test]
fn no_more_items_are_read_than_there_may_be() {
    let mut frame = BytesMut::new();
    for _ in 0..3 {
        OutgoingItem::new(&item("{}", false, true)).append_to(&mut frame);
    }
    let frame = frame.freeze();
    let mut items = vec![item("{}", false, true)];
    decode_items(frame.clone(), &mut items, 4).unwrap();
    assert_eq!(items.len(), 4);
    items.truncate(2);
    let refused = decode_items(frame, &mut items, 4).unwrap_err();
    assert_eq!((refused, items.len()), (FrameError::TooManyItems { max: 4 }, 4));
}

fn refused(change: impl FnOnce(&mut wire::Item)) -> FrameError {
    let mut message = wire_item(&item("{}", false, true));
    change(&mut message);
    let mut items = Vec::new();
    decode_items(message.encode_length_delimited_to_vec().into(), &mut items, usize::MAX)
        .unwrap_err()
}

#[test]
fn an_item_that_is_none_is_refused() {
    assert_eq!(refused(|item| item.kind = None), FrameError::ItemKind { index: 0 });
    let cases: [fn(&mut wire::Item); 8] = [
        |item| item.vector = Bytes::new(),
        |item| item.vector = Bytes::from_static(b"short"),
        |item| item.minted = 2,
        |item| item.etag = u64::MAX,
        |item| item.transaction = 6,
        |item| item.transaction_rows = 1,
        |item| item.id = String::new(),
        |item| item.collection = "\u{0}".into(),
    ];
    for change in cases {
        assert!(matches!(refused(change), FrameError::Item { index: 0, .. }));
    }
}

/// A counter and a segment of a document, as the version of `item` has seen them.
fn parts() -> [Item; 2] {
    let plain = item("", false, true);
    let origin = plain.minted.unwrap();
    let partials = Partials::new(vec![Partial { origin, value: i64::MIN }]).unwrap();
    let counter = Counter { name: "Likes".parse().unwrap(), partials };
    let mut points = Points::default();
    let time = SeriesTime::new(-5).unwrap();
    let entry = NewEntry::new(time, vec![1.5, -0.0], Some("tag".into())).unwrap();
    points.append(entry, false, origin);
    points.bury(Span::new(time.next().unwrap(), SeriesTime::MAX).unwrap(), origin);
    let segment = Segment::of("Heat".parse().unwrap(), Span::ALL, &points);
    [Content::Counter(counter), Content::Segment(segment)].map(|content| {
        let earlier = Entry { etag: Etag::new(2).unwrap(), ..origin };
        let version = Version {
            content,
            collection: Default::default(),
            since: ChangeVector::from_entries([earlier]),
            kept: None,
            ..plain.version.clone()
        };
        Item { version, ..plain.clone() }
    })
}

#[test]
fn counters_and_segments_come_back() {
    let mut buffer = BytesMut::new();
    for item in &parts() {
        let (before, outgoing) = (buffer.len(), OutgoingItem::new(item));
        outgoing.append_to(&mut buffer);
        assert_eq!(buffer.len() - before, outgoing.bytes());
    }
    let mut received = Vec::new();
    decode_items(buffer.freeze(), &mut received, usize::MAX).unwrap();
    assert_eq!(received, parts());
}

/// A revision, and what says that revisions are gone.
fn revisions() -> [Item; 3] {
    let plain = item("{}", false, true);
    let by = ChangeVector::from_entries(plain.minted);
    let name = |text: &str| text.parse().unwrap();
    let counters = vec![
        KeptCounter { name: name("Likes"), value: Some(i64::MIN) },
        KeptCounter { name: name("stars"), value: None },
    ];
    let series = SeriesSummary { name: "Heat".parse().unwrap(), entries: 3, bounds: Span::ALL };
    let parts = KeptParts { counters, series: vec![series], more: true };
    let kept = Some(Arc::new(Kept { by: by.clone(), parts }));
    let document = Version { kept: kept.clone(), ..plain.version.clone() };
    let deletion = Version { content: Content::Tombstone, kept, ..plain.version.clone() };
    let content = Content::RevisionTombstone(by);
    let gone = Version { content, collection: Default::default(), ..plain.version.clone() };
    [(document, true), (deletion, false), (gone, false)].map(|(version, past)| Item {
        past,
        version,
        ..plain.clone()
    })
}

#[test]
fn revisions_come_back() {
    let mut buffer = BytesMut::new();
    for item in &revisions() {
        let (before, outgoing) = (buffer.len(), OutgoingItem::new(item));
        outgoing.append_to(&mut buffer);
        assert_eq!(buffer.len() - before, outgoing.bytes());
    }
    // One that another takes the place of within its batch.
    let mut outgoing = OutgoingItem::new(&revisions()[1]);
    assert!(outgoing.is_kept() && !OutgoingItem::new(&revisions()[2]).is_kept());
    let before = (buffer.len(), outgoing.bytes());
    outgoing.make_past();
    outgoing.append_to(&mut buffer);
    assert_eq!(buffer.len() - before.0, outgoing.bytes());
    assert_eq!(outgoing.bytes(), before.1 + 3);
    let mut received = Vec::new();
    decode_items(buffer.freeze(), &mut received, usize::MAX).unwrap();
    assert_eq!(received[..3], revisions());
    assert_eq!(received[3], Item { past: true, ..revisions()[1].clone() });
}

/// What is kept with a revision must be in order, and be of a version of a document.
#[test]
fn a_revision_that_is_none_is_refused() {
    let refused = |at: usize, change: &dyn Fn(&mut wire::Item)| {
        let mut message = wire_item(&revisions()[at]);
        change(&mut message);
        let encoded = message.encode_length_delimited_to_vec();
        match decode_items(encoded.into(), &mut Vec::new(), usize::MAX) {
            Err(FrameError::Item { index: 0, what }) => what,
            other => panic!("{other:?}"),
        }
    };
    let kept =
        |change: fn(&mut wire::Kept)| refused(0, &|item| change(item.kept.as_mut().unwrap()));
    assert!(kept(|it| it.by = Bytes::new()).contains("under no entry"));
    assert!(kept(|it| it.by = Bytes::from_static(b"x")).contains("vector"));
    assert!(kept(|it| it.counters[0].name = String::new()).contains("kept counter"));
    assert!(kept(|it| it.counters.swap(0, 1)).contains("not in order"));
    assert!(kept(|it| it.series[0].entries = 0).contains("no entries"));
    assert!(kept(|it| it.series[0].first = i64::MIN).contains("kept time series"));
    assert!(kept(|it| it.series.push(it.series[0].clone())).contains("not in order"));
    let many = |it: &mut wire::Kept| {
        let name = |number| format!("{number:04}{}", "x".repeat(500));
        let counter = |number| wire::KeptCounter { name: name(number), value: Some(1) };
        it.counters = (0..1_000).map(counter).collect();
    };
    assert!(kept(many).contains("bytes are kept"));
    assert!(refused(0, &|item| item.kept = None).contains("sent as one"));
    let gone =
        |item: &mut wire::Item| item.kept = revisions()[0].version.kept.as_deref().map(Into::into);
    assert!(refused(2, &gone).contains("no version of a document"));
    let nothing = |item: &mut wire::Item| {
        let nothing = wire::RevisionTombstone { removed: Bytes::new() };
        item.kind = Some(wire::item::Kind::RevisionTombstone(nothing));
    };
    assert!(refused(2, &nothing).contains("removes no revision"));
}

/// What a counter or a segment says must be in order, and what its version has seen.
#[test]
fn a_part_that_is_none_is_refused() {
    let refused = |at: usize, change: &dyn Fn(&mut wire::Item)| {
        let mut message = wire_item(&parts()[at]);
        change(&mut message);
        let encoded = message.encode_length_delimited_to_vec();
        match decode_items(encoded.into(), &mut Vec::new(), usize::MAX) {
            Err(FrameError::Item { index: 0, what }) => what,
            other => panic!("{other:?}"),
        }
    };
    let counter = |change: fn(&mut wire::Counter)| {
        refused(0, &|item| {
            let Some(wire::item::Kind::Counter(counter)) = &mut item.kind else { panic!() };
            change(counter);
        })
    };
    assert!(counter(|it| it.name = "a\u{0}".into()).contains("control character"));
    assert!(counter(|it| it.partials[0].incarnation = Bytes::new()).contains("16 bytes"));
    assert!(counter(|it| it.partials[0].etag = 0).contains("etag 0"));
    assert!(counter(|it| it.partials[0].etag = 6).contains("has not seen"));
    assert!(counter(|it| it.partials.push(it.partials[0].clone())).contains("ascend"));
    let segment = |change: fn(&mut wire::Segment)| {
        refused(1, &|item| {
            let Some(wire::item::Kind::Segment(segment)) = &mut item.kind else { panic!() };
            change(segment);
        })
    };
    assert!(segment(|it| it.name = String::new()).contains("empty"));
    assert!(segment(|it| it.first = i64::MIN).contains("years 1 to 9999"));
    assert!(segment(|it| it.first = it.last + 1).contains("9999"));
    assert!(segment(|it| it.first = -4).contains("Heat"), "an entry outside of the span");
    assert!(segment(|it| it.points = Bytes::from_static(b"!")).contains("Heat"));
    let unseen = refused(1, &|item| {
        let earlier =
            Entry { incarnation: IncarnationId::from_bytes([7; 16]), etag: Etag::new(4).unwrap() };
        item.vector = bytes(&ChangeVector::from_entries([earlier]));
    });
    assert!(unseen.contains("Heat"), "{unseen}");
    let since = refused(0, &|item| {
        let other =
            Entry { incarnation: IncarnationId::from_bytes([9; 16]), etag: Etag::new(1).unwrap() };
        item.since = bytes(&ChangeVector::from_entries([other]));
    });
    assert!(since.contains("deletion that it has not seen"), "{since}");
    let attached = refused(0, &|item| item.attachments.push(wire::Attachment::default()));
    assert!(!attached.is_empty());
}

#[test]
fn an_offer_comes_back() {
    let mut lineage = Lineage::new(IncarnationId::from_bytes([2; 16]));
    lineage.begin_run(RunId::from_bytes([3; 16]), Etag::new(1).unwrap());
    lineage.begin_life(IncarnationId::from_bytes([4; 16]), Etag::new(6).unwrap());
    let offer = Offer {
        protocol: (1, 3),
        source_name: "shop".into(),
        source: DatabaseId::from_bytes([1; 16]),
        lineage,
        last_etag: Etag::new(9).unwrap(),
        tombstone_floor: Etag::new(3).unwrap(),
        vector: item("", false, true).version.vector,
        task: 4,
        task_name: "copy".into(),
        generation: 5,
        destination: "shop-copy".into(),
    };
    let frame = ToReceiver::Offer(offer);
    let message = wire::ReplicateRequest::from(frame.clone());
    assert_eq!(ToReceiver::try_from(message), Ok(frame));
}

#[test]
fn an_empty_frame_is_unknown() {
    let request = wire::ReplicateRequest { frame: None };
    assert_eq!(ToReceiver::try_from(request), Err(FrameError::Unknown));
}

fn bytes_of(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

fn present(after: &str, through: Option<&str>, keys: &[&str]) -> Present {
    Present {
        number: 3,
        vector: item("", false, true).version.vector,
        after: bytes_of(after),
        through: through.map(bytes_of),
        keys: keys.iter().map(|key| bytes_of(key)).collect(),
    }
}

#[test]
fn a_range_comes_back() {
    for range in [
        present("", None, &[]),
        present("", Some("c"), &["a", "b", "c"]),
        present("b", Some("d"), &["c"]),
        present("b", None, &["c", "ü"]),
    ] {
        let frame = ToReceiver::Present(range);
        let message = wire::ReplicateRequest::from(frame.clone());
        assert_eq!(ToReceiver::try_from(message), Ok(frame));
    }
}

#[test]
fn a_range_that_is_none_is_refused() {
    for range in [
        present("", None, &["b", "a"]),
        present("", None, &["a", "a"]),
        present("a", None, &["a"]),
        present("", Some("a"), &["b"]),
        present("b", Some("a"), &[]),
    ] {
        let message = wire::ReplicateRequest::from(ToReceiver::Present(range.clone()));
        let refused = ToReceiver::try_from(message);
        let named = matches!(refused, Err(FrameError::Field { field: "present.ids", .. }));
        assert!(named, "{range:?}: {refused:?}");
    }
}

#[test]
fn what_a_receiver_says_of_a_restored_source_comes_back() {
    let etag = |number| Etag::new(number).unwrap();
    let accept = ToSender::Accept(Accept {
        protocol: 1,
        destination: DatabaseId::from_bytes([1; 16]),
        incarnation: IncarnationId::from_bytes([2; 16]),
        cursor: etag(800),
        went_back_from: Some(etag(1000)),
        reconcile_after: Some(bytes_of("users/7")),
        vector: ChangeVector::empty(),
        window: Window { batches: 4, bytes: 5 },
        item_bytes_max: 6,
        transaction_bytes_max: 7,
    });
    let ack = ToSender::Ack(Ack {
        number: 8,
        cursor: etag(800),
        vector: ChangeVector::empty(),
        outcomes: Outcomes::default(),
        reconciled: Some(Reconciled { removed: 9, kept: 10 }),
        durations: Durations::default(),
    });
    for frame in [accept, ack] {
        let message = wire::ReplicateResponse::from(frame.clone());
        assert_eq!(ToSender::try_from(message), Ok(frame));
    }
}
