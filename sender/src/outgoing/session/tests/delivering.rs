//! The contents of a batch: offered, sent as they are needed, and all of them before it.

use jackdaw_common::{
    BlobHash,
    frame::{BlobChunk, BlobNeed, BlobOffer, NeededBlob},
    limits::BLOB_CHUNK_BYTES,
};
use jackdaw_store::{
    engine::{Engine as _, Memory, WriteBatch},
    keys::{CONTENTS, TABLES},
};

use super::super::{fixture::*, *};
use super::WIDE;

/// A content of several pieces.
const LARGE: usize = 2 * BLOB_CHUNK_BYTES + 1_000;

fn content(seed: u8, bytes: usize) -> Vec<u8> {
    (0..=250).cycle().take(bytes).map(|byte: u8| seed.wrapping_add(byte)).collect()
}

async fn offered(rig: &mut Rig) -> BlobOffer {
    match rig.next().await {
        ToReceiver::BlobOffer(offer) => offer,
        other => panic!("{other:?} instead of an offer"),
    }
}

async fn needs(rig: &Rig, number: u64, needs: &[(u32, u64)]) {
    let needs = needs.iter().map(|&(index, offset)| NeededBlob { index, offset }).collect();
    rig.say(ToSender::BlobNeed(BlobNeed { number, needs })).await;
}

/// The pieces of one content, put together, up to its size.
async fn pieces(rig: &mut Rig, index: u32, mut offset: u64, size: usize) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        match rig.next().await {
            ToReceiver::BlobChunk(chunk) => {
                let BlobChunk { index: of, offset: at, bytes } = chunk;
                assert_eq!((of, at), (index, offset));
                assert!(bytes.len() <= BLOB_CHUNK_BYTES);
                offset += bytes.len() as u64;
                all.extend_from_slice(&bytes);
                if offset == size as u64 {
                    return all;
                }
            }
            other => panic!("{other:?} instead of a piece"),
        }
    }
}

#[tokio::test]
async fn a_batch_comes_behind_its_contents() {
    let store = store(1);
    fill(&store, 0..2, 10).await;
    let (one, two, empty) = (content(1, LARGE), content(2, 10), Vec::new());
    attach(&store, "things/0", "one", &one).await;
    attach(&store, "things/1", "again", &one).await;
    attach(&store, "things/1", "two", &two).await;
    attach(&store, "things/1", "zero", &empty).await;
    let mut rig = Rig::new(&store, WIDE);
    // Each once, however often it is attached; the small ones first.
    let offer = offered(&mut rig).await;
    assert_eq!(offer.number, 1);
    let hashes: Vec<_> = offer.blobs.iter().map(|blob| (blob.hash, blob.size)).collect();
    let expected =
        [&empty, &two, &one].map(|content| (BlobHash::of(content), content.len() as u64));
    assert_eq!(hashes, expected);
    rig.is_silent_for(50).await;
    needs(&rig, 1, &[(2, BLOB_CHUNK_BYTES as u64), (0, 0)]).await;
    let rest = pieces(&mut rig, 2, BLOB_CHUNK_BYTES as u64, LARGE).await;
    assert_eq!(rest, one[BLOB_CHUNK_BYTES..]);
    assert_eq!(pieces(&mut rig, 0, 0, 0).await, empty);
    let batch = rig.batch().await;
    assert_eq!((batch.number, batch.items), (1, 2));
    rig.ack(&batch).await;
    let sent = rig.board.status(rig.key).counts.content_bytes_sent;
    assert_eq!(sent, rest.len() as u64);
    // What has no attachments waits for nothing.
    fill(&store, 2..3, 10).await;
    assert_eq!(rig.batch().await.number, 2);
}

/// Many contents make many batches: what is sent is soon durable.
///
/// Bug 16: a pattern with many attachments made gigantic batches.
#[tokio::test]
async fn contents_close_a_batch() {
    let store = store(1);
    for number in 0..3_u8 {
        fill(&store, u64::from(number)..u64::from(number) + 1, 10).await;
        let id = format!("things/{number}");
        attach(&store, &id, "large", &content(number, 40 << 20)).await;
    }
    let mut rig = Rig::new(&store, WIDE);
    for (number, items) in [(1, 2), (2, 1)] {
        assert_eq!(offered(&mut rig).await.blobs.len(), items);
        needs(&rig, number, &[]).await;
        let batch = rig.batch().await;
        assert_eq!(batch.items, items as u64);
        rig.ack(&batch).await;
    }
}

/// A batch that is sent back is offered anew; what was being sent for it is left.
///
/// Bugs 1, 4 and 6: what was missing is asked for again, the second time in a row blocks the task,
/// and the error names document, version, attachment and hash.
#[tokio::test]
async fn a_rewound_session_offers_anew() {
    let store = store(1);
    fill(&store, 0..1, 10).await;
    attach(&store, "things/0", "one", &content(1, LARGE)).await;
    let mut rig = Rig::new(&store, WIDE);
    offered(&mut rig).await;
    needs(&rig, 1, &[]).await;
    let batch = rig.batch().await;
    fill(&store, 1..2, 10).await;
    attach(&store, "things/1", "two", &content(2, LARGE)).await;
    // The document may have gone before its attachment.
    let second = loop {
        if let ToReceiver::BlobOffer(offer) = rig.next().await {
            break offer.number;
        }
    };
    needs(&rig, second, &[(0, 0)]).await;
    let reason = RewindReason::Missing {
        document: "things/0".parse().unwrap(),
        version: store.snapshot().header().vector.clone(),
        revision: true,
        attachment: "one".parse().unwrap(),
        hash: BlobHash::of(&content(1, LARGE)),
    };
    rig.say(ToSender::Rewind { number: batch.number, reason: reason.clone() }).await;
    let next = loop {
        match rig.next().await {
            ToReceiver::Rewound { number } => break number,
            ToReceiver::BlobChunk(_) => {}
            other => panic!("{other:?}"),
        }
    };
    let offer = offered(&mut rig).await;
    assert_eq!((offer.number, offer.blobs.len()), (next, 2));
    needs(&rig, next, &[]).await;
    let batch = rig.batch().await;
    rig.say(ToSender::Rewind { number: batch.number, reason }).await;
    let error = rig.ends().await;
    assert_eq!(
        (error.reason(), error.retry()),
        ("ATTACHMENT_MISSING", crate::outgoing::Retry::Blocked)
    );
    let hash = BlobHash::of(&content(1, LARGE)).to_string();
    for named in ["things/0", "one", &hash, "revision", ":4-"] {
        assert!(error.message().contains(named), "{named}: {}", error.message());
    }
}

/// A content that is gone at the source, or is another, is named with the attachment that it is of:
/// whoever repairs it has nothing else to look for it by.
#[tokio::test]
async fn a_damaged_content_of_the_source_is_named() {
    for damage in [None, Some(content(3, LARGE))] {
        let engine = Memory::new(&TABLES);
        let store = store_over(engine.clone());
        fill(&store, 0..2, 10).await;
        attach(&store, "things/0", "small", &content(1, 10)).await;
        attach(&store, "things/1", "large", &content(2, LARGE)).await;
        let blobs = engine.blobs();
        let blob = blobs.list().unwrap()[0];
        blobs.remove(blob).unwrap();
        if let Some(other) = &damage {
            let mut part = blobs.part("other").unwrap().unwrap();
            part.append(other).unwrap();
            part.keep(blob).unwrap();
        }
        let mut rig = Rig::new(&store, WIDE);
        assert_eq!(offered(&mut rig).await.blobs.len(), 2);
        needs(&rig, 1, &[(0, 0), (1, 0)]).await;
        let error = rig.ends().await;
        let retry = error.retry();
        assert_eq!((error.reason(), retry), ("CONTENT_CORRUPT", crate::outgoing::Retry::Blocked));
        let hash = BlobHash::of(&content(2, LARGE)).to_string();
        for named in ["things/1", "large", &hash] {
            assert!(error.message().contains(named), "{named}: {}", error.message());
        }
    }
}

/// So is one that lies in a row.
#[tokio::test]
async fn a_damaged_small_content_of_the_source_is_named() {
    let engine = Memory::new(&TABLES);
    let store = store_over(engine.clone());
    fill(&store, 0..1, 10).await;
    attach(&store, "things/0", "small", &content(1, 10)).await;
    let hash = BlobHash::of(&content(1, 10));
    let mut batch = WriteBatch::new();
    batch.put(CONTENTS, hash.as_bytes().to_vec(), b"spoilt".to_vec());
    engine.commit(batch).unwrap();
    // It is of the snapshot that is published next.
    fill(&store, 1..2, 10).await;
    let mut rig = Rig::new(&store, WIDE);
    assert_eq!(offered(&mut rig).await.blobs.len(), 1);
    needs(&rig, 1, &[(0, 0)]).await;
    let error = rig.ends().await;
    assert_eq!(error.reason(), "CONTENT_CORRUPT");
    for named in ["things/0", "small", &hash.to_string()] {
        assert!(error.message().contains(named), "{named}: {}", error.message());
    }
}

/// A receiver that needs what was not offered is not believed.
#[tokio::test]
async fn a_need_of_something_else_ends_the_session() {
    let wrong: [(u64, &[(u32, u64)]); 4] =
        [(2, &[]), (1, &[(1, 0)]), (1, &[(0, LARGE as u64)]), (1, &[(0, LARGE as u64 + 1)])];
    for (number, needed) in wrong {
        let store = store(1);
        fill(&store, 0..1, 10).await;
        attach(&store, "things/0", "one", &content(1, LARGE)).await;
        let mut rig = Rig::new(&store, WIDE);
        offered(&mut rig).await;
        needs(&rig, number, needed).await;
        assert_eq!(rig.ends().await.reason(), "FRAME_INVALID", "{number} {needed:?}");
    }
    let store = store(1);
    let rig = Rig::new(&store, WIDE);
    needs(&rig, 1, &[]).await;
    assert_eq!(rig.ends().await.reason(), "FRAME_INVALID");
}
