//! Contents of a session: asked for, taken in, resumed, and there when their batch is.

use bytes::{Bytes, BytesMut};
use jackdaw_common::{
    Attachment, Attachments, BlobHash, Entry, RunId,
    frame::{
        BatchEnd, BlobChunk, BlobNeed, BlobOffer, NeededBlob, OfferedBlob, RewindReason,
        ToReceiver, ToSender,
    },
    limits::BLOBS_KEPT_AT_ONCE_MAX,
};
use jackdaw_proto::convert::replication::OutgoingItem;
use jackdaw_store::{
    Command,
    engine::{Engine as _, Memory, WriteBatch},
    keys::{CONTENTS, TABLES},
};
use xxhash_rust::xxh3::xxh3_64;

use crate::incoming::session::fixture::*;

/// More than is kept in a row, and than goes in one piece.
const LARGE: usize = 300_000;
/// Bytes of a piece.
const PIECE: usize = 100_000;

fn content(seed: u8, bytes: usize) -> Bytes {
    (0..=250).cycle().take(bytes).map(|byte: u8| seed.wrapping_add(byte)).collect()
}

fn offered(content: &Bytes) -> OfferedBlob {
    OfferedBlob { hash: BlobHash::of(content), size: content.len() as u64 }
}

fn offer(number: u64, contents: &[&Bytes]) -> ToReceiver {
    let blobs = contents.iter().map(|content| offered(content)).collect();
    ToReceiver::BlobOffer(BlobOffer { number, blobs })
}

fn needs(number: u64, needs: &[(u32, u64)]) -> ToSender {
    let needs = needs.iter().map(|&(index, offset)| NeededBlob { index, offset }).collect();
    ToSender::BlobNeed(BlobNeed { number, needs })
}

/// A content from `offset` on, in pieces.
fn pieces(index: u32, content: &Bytes, offset: usize) -> Vec<ToReceiver> {
    let chunk = |begin: usize| {
        let bytes = content.slice(begin..content.len().min(begin + PIECE));
        ToReceiver::BlobChunk(BlobChunk { index, offset: begin as u64, bytes })
    };
    if content.is_empty() {
        return vec![chunk(0)];
    }
    (offset..content.len()).step_by(PIECE).map(chunk).collect()
}

/// A batch with one document, which has these contents attached.
fn attached(number: u64, after: u64, contents: &[&Bytes]) -> Vec<ToReceiver> {
    let last = after + 1;
    let mut one = item(last);
    for (at, content) in contents.iter().enumerate() {
        one.version.attachments = one.version.attachments.with(Attachment {
            name: format!("{at}").parse().unwrap(),
            content_type: "".parse().unwrap(),
            hash: BlobHash::of(content),
            size: content.len() as u64,
            origin: Entry { incarnation: INCARNATION, etag: etag(last) },
        });
    }
    let mut encoded = BytesMut::new();
    OutgoingItem::new(&one).append_to(&mut encoded);
    let encoded = encoded.freeze();
    let end = BatchEnd {
        run: RunId::NONE,
        number,
        last: etag(last),
        items: 1,
        checksum: xxh3_64(&encoded),
        frontier: None,
    };
    vec![
        ToReceiver::BatchBegin { number, after: etag(after) },
        ToReceiver::Items(encoded),
        ToReceiver::BatchEnd(end),
    ]
}

/// What is attached to the document of an etag, read whole.
fn reads(rig: &Rig, number: u64) -> Vec<Bytes> {
    let snapshot = rig.store.snapshot();
    let id = format!("things/{number}").parse().unwrap();
    let jackdaw_store::Lookup::Found(row) = snapshot.document(&id).unwrap() else { panic!() };
    let attachments: &Attachments = &row.version.attachments;
    let read = |one: &Attachment| {
        let content = snapshot.content(&one.hash).unwrap().unwrap();
        let size = usize::try_from(one.size).unwrap();
        content.read(0, size + 1).unwrap()
    };
    attachments.as_slice().iter().map(read).collect()
}

#[tokio::test]
async fn what_is_needed_comes_before_its_batch() {
    let mut rig = Rig::new().await;
    let all = [content(1, LARGE), content(2, 10), content(3, 0), content(4, 200_000)];
    let all: Vec<&Bytes> = all.iter().collect();
    rig.send(offer(1, &all)).await;
    assert_eq!(rig.next().await, needs(1, &[(0, 0), (1, 0), (2, 0), (3, 0)]));
    for (index, content) in (0..).zip(&all) {
        rig.send_all(pieces(index, content, 0)).await;
    }
    rig.send_all(attached(1, 0, &all)).await;
    let ack = rig.ack().await;
    assert_eq!((ack.number, ack.outcomes.applied), (1, 1));
    let expected: Vec<Bytes> = all.iter().map(|&content| content.clone()).collect();
    assert_eq!(reads(&rig, 1), expected);
    rig.hang_up().await;
}

/// What is here, or is on its way already, is not asked for again.
///
/// Found by: every content that is offered is needed.
#[tokio::test]
async fn what_is_there_is_not_asked_for() {
    let mut rig = Rig::new().await;
    let (one, two) = (content(1, LARGE), content(2, 10));
    rig.send(offer(1, &[&one])).await;
    assert_eq!(rig.next().await, needs(1, &[(0, 0)]));
    rig.send_all(pieces(0, &one, 0)).await;
    rig.send_all(attached(1, 0, &[&one])).await;
    // Whether the batch before is durable by now or not.
    rig.send(offer(2, &[&two, &one])).await;
    let mut next = rig.next().await;
    if let ToSender::Ack(_) = next {
        next = rig.next().await;
    }
    assert_eq!(next, needs(2, &[(0, 0)]));
    rig.send_all(pieces(0, &two, 0)).await;
    rig.send_all(attached(2, 1, &[&one, &two])).await;
    while rig.cursor() < 2 {
        rig.next().await;
    }
    rig.send(offer(3, &[&one, &two])).await;
    let mut next = rig.next().await;
    while !matches!(next, ToSender::BlobNeed(_)) {
        next = rig.next().await;
    }
    assert_eq!(next, needs(3, &[]));
    rig.send_all(attached(3, 2, &[&two, &one])).await;
    while rig.cursor() < 3 {
        rig.next().await;
    }
    assert_eq!(reads(&rig, 3), [two, one]);
    assert_eq!(rig.store.snapshot().header().blobs, 2);
    rig.hang_up().await;
}

/// A content of which the row is spoilt is there all the same, and nobody reads it for a document
/// that comes to have it too.
#[tokio::test]
async fn a_spoilt_row_of_a_content_fails_no_batch() {
    let memory = Memory::new(&TABLES);
    let mut rig = Rig::damaged_over(memory.clone(), None).await;
    let small = content(1, 10);
    rig.send(offer(1, &[&small])).await;
    assert_eq!(rig.next().await, needs(1, &[(0, 0)]));
    rig.send_all(pieces(0, &small, 0)).await;
    rig.send_all(attached(1, 0, &[&small])).await;
    while rig.cursor() < 1 {
        rig.next().await;
    }
    let mut spoilt = WriteBatch::new();
    spoilt.put(CONTENTS, BlobHash::of(&small).as_bytes().to_vec(), "spoilt");
    memory.commit(spoilt).unwrap();
    // It is of the snapshot that is published next.
    rig.send_all(batch(2, 1, &[2])).await;
    while rig.cursor() < 2 {
        rig.next().await;
    }
    rig.send(offer(3, &[&small])).await;
    let mut next = rig.next().await;
    while !matches!(next, ToSender::BlobNeed(_)) {
        next = rig.next().await;
    }
    assert_eq!(next, needs(3, &[]));
    rig.send_all(attached(3, 2, &[&small])).await;
    while rig.cursor() < 3 {
        rig.next().await;
    }
    let read = rig.store.snapshot().content(&BlobHash::of(&small)).unwrap().unwrap().read(0, 10);
    assert!(read.is_err());
    rig.hang_up().await;
}

/// A session that breaks leaves what has come; the next one goes on behind it.
#[tokio::test]
async fn a_broken_content_is_gone_on_with() {
    let one = content(1, LARGE);
    let mut rig = Rig::new().await;
    let mut offset = 0;
    for _ in 0..3 {
        rig.send(offer(1, &[&one])).await;
        assert_eq!(rig.next().await, needs(1, &[(0, offset as u64)]));
        rig.send(pieces(0, &one, offset).remove(0)).await;
        offset += PIECE;
        // It is taken in before this is read.
        rig.send(here(0)).await;
        let store = rig.store.clone();
        rig.hang_up().await;
        rig = Rig::over(store).await;
    }
    // All of it has come: nothing is needed.
    rig.send(offer(1, &[&one])).await;
    assert_eq!(rig.next().await, needs(1, &[]));
    rig.send_all(attached(1, 0, &[&one])).await;
    assert_eq!(rig.ack().await.outcomes.applied, 1);
    assert_eq!(reads(&rig, 1), [one]);
    rig.hang_up().await;
}

/// More contents than are made durable at once: all are there when their batch is, and what has
/// come when a session breaks need not come again.
#[tokio::test]
async fn many_contents_come_with_one_batch() {
    let contents: Vec<Bytes> = (0..20).map(|seed| content(seed, LARGE)).collect();
    assert!(contents.len() > 2 * BLOBS_KEPT_AT_ONCE_MAX);
    let (broken, whole) = contents.split_at(10);
    let (broken, whole): (Vec<_>, Vec<_>) = (broken.iter().collect(), whole.iter().collect());
    let mut rig = Rig::new().await;
    rig.send(offer(1, &broken)).await;
    rig.next().await;
    for (index, content) in (0..).zip(&broken) {
        rig.send_all(pieces(index, content, 0)).await;
    }
    let store = rig.store.clone();
    rig.hang_up().await;
    let mut rig = Rig::over(store).await;
    rig.send(offer(1, &contents.iter().collect::<Vec<_>>())).await;
    let missing: Vec<_> = (10..20).map(|index| (index, 0)).collect();
    assert_eq!(rig.next().await, needs(1, &missing));
    for (index, content) in (10..).zip(&whole) {
        rig.send_all(pieces(index, content, 0)).await;
    }
    rig.send_all(attached(1, 0, &[broken, whole].concat())).await;
    assert_eq!(rig.ack().await.outcomes.applied, 1);
    let mut read = reads(&rig, 1);
    read.sort();
    assert!(read == contents);
    rig.hang_up().await;
}

/// What the destination said that it has is there when its batch is, though the last that referred
/// to it has gone meanwhile (pitfall 17).
///
/// Found by, planted: what is there is not pinned; then the batch is sent back.
#[tokio::test]
async fn what_is_not_needed_stays_until_its_batch_is_there() {
    for size in [10, LARGE] {
        let mut rig = Rig::new().await;
        let one = content(1, size);
        rig.send(offer(1, &[&one])).await;
        assert_eq!(rig.next().await, needs(1, &[(0, 0)]));
        rig.send_all(pieces(0, &one, 0)).await;
        rig.send_all(attached(1, 0, &[&one])).await;
        assert_eq!(rig.ack().await.outcomes.applied, 1);
        rig.send(offer(2, &[&one])).await;
        assert_eq!(rig.next().await, needs(2, &[]));
        let delete = Command::Delete { id: "things/1".parse().unwrap(), expected: None };
        rig.store.transact(vec![delete]).await.unwrap();
        assert_eq!(rig.store.snapshot().header().blobs, 0);
        rig.send_all(attached(2, 1, &[&one])).await;
        assert_eq!(rig.ack().await.outcomes.applied, 1);
        assert_eq!(reads(&rig, 2), [one]);
        rig.hang_up().await;
    }
}

/// What has come and is damaged on disk is found by its hash, and comes anew.
#[tokio::test]
async fn a_damaged_content_comes_anew() {
    let (one, mut wrong) = (content(1, LARGE), content(1, LARGE).to_vec());
    wrong[5] ^= 1;
    let wrong = Bytes::from(wrong);
    let mut rig = Rig::new().await;
    rig.send(offer(1, &[&one])).await;
    rig.next().await;
    rig.send_all(pieces(0, &wrong, 0)).await;
    let store = rig.store.clone();
    assert_eq!(rig.ends().await, "CHECKSUM_MISMATCH");
    let mut rig = Rig::over(store).await;
    rig.send(offer(1, &[&one])).await;
    assert_eq!(rig.next().await, needs(1, &[(0, 0)]));
    rig.send_all(pieces(0, &one, 0)).await;
    rig.send_all(attached(1, 0, &[&one])).await;
    assert_eq!(rig.ack().await.outcomes.applied, 1);
    rig.hang_up().await;
}

/// A batch that refers to what nobody has offered is not applied, and the sender is told what it is
/// that is missing.
#[tokio::test]
async fn a_batch_without_its_contents_is_sent_back() {
    let mut rig = Rig::new().await;
    let one = content(1, 10);
    rig.send_all(attached(1, 0, &[&one])).await;
    let expected = RewindReason::Missing {
        document: "things/1".parse().unwrap(),
        version: item(1).version.vector,
        revision: false,
        attachment: "0".parse().unwrap(),
        hash: BlobHash::of(&one),
    };
    assert_eq!(rig.next().await, ToSender::Rewind { number: 1, reason: expected });
    // Until it has gone back, offers are dropped too.
    rig.send(offer(2, &[&one])).await;
    rig.send_all(pieces(0, &one, 0)).await;
    rig.send(ToReceiver::Rewound { number: 3 }).await;
    rig.send(offer(3, &[&one])).await;
    assert_eq!(rig.next().await, needs(3, &[(0, 0)]));
    rig.send_all(pieces(0, &one, 0)).await;
    rig.send_all(attached(3, 0, &[&one])).await;
    assert_eq!(rig.ack().await.number, 3);
    assert_eq!(reads(&rig, 1), [one]);
    rig.hang_up().await;
}

/// What has come for a batch that is sent back need not come again.
#[tokio::test]
async fn what_came_for_a_refused_batch_stays() {
    let mut rig = Rig::new().await;
    let one = content(1, LARGE);
    rig.send(offer(1, &[&one])).await;
    rig.next().await;
    rig.send_all(pieces(0, &one, 0)).await;
    let mut damaged = attached(1, 0, &[&one]);
    if let ToReceiver::BatchEnd(end) = &mut damaged[2] {
        end.checksum ^= 1;
    }
    rig.send_all(damaged).await;
    assert!(matches!(rig.next().await, ToSender::Rewind { number: 1, .. }));
    rig.send(ToReceiver::Rewound { number: 2 }).await;
    rig.send(offer(2, &[&one])).await;
    assert_eq!(rig.next().await, needs(2, &[]));
    rig.send_all(attached(2, 0, &[&one])).await;
    assert_eq!(rig.ack().await.number, 2);
    rig.hang_up().await;
}

/// Everything that a sender must not do ends the session.
#[tokio::test]
async fn contents_that_come_as_they_should_not_end_the_session() {
    let (one, two) = (content(1, LARGE), content(2, LARGE));
    let first = |content: &Bytes| pieces(0, content, 0).remove(0);
    let cases: Vec<Vec<ToReceiver>> = vec![
        // Nothing was offered.
        vec![first(&one)],
        // Not the next batch.
        vec![offer(2, &[&one])],
        // One content twice, or a second offer.
        vec![offer(1, &[&one, &one])],
        vec![offer(1, &[&one]), offer(1, &[&two])],
        // Another one than is due; another piece; a piece twice; beyond the end; of nothing.
        vec![offer(1, &[&one, &two]), pieces(1, &two, 0).remove(0)],
        vec![offer(1, &[&one]), pieces(0, &one, PIECE).remove(0)],
        vec![offer(1, &[&one]), first(&one), first(&one)],
        vec![
            offer(1, &[&one]),
            ToReceiver::BlobChunk(BlobChunk { index: 0, offset: 0, bytes: content(1, LARGE + 1) }),
        ],
        vec![
            offer(1, &[&one]),
            ToReceiver::BlobChunk(BlobChunk { index: 0, offset: 0, bytes: Bytes::new() }),
        ],
        // The batch begins before they have come.
        vec![offer(1, &[&one]), first(&one), attached(1, 0, &[&one]).remove(0)],
    ];
    for (at, frames) in cases.into_iter().enumerate() {
        let rig = Rig::new().await;
        rig.send_all(frames).await;
        assert_eq!(rig.ends().await, "FRAME_INVALID", "case {at}");
    }
}
