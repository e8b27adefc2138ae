//! What a session sends, and when, whatever the receiver says.

mod delivering;

use std::time::Duration;

use tokio::time::sleep;

use super::{fixture::*, *};
use crate::outgoing::Retry;

const WIDE: Window = Window { batches: 4, bytes: 32 << 20 };

/// Documents of which a few make a batch: a body of two MiB.
const LARGE: usize = 2 << 20;

#[tokio::test]
async fn a_window_of_batches_is_kept() {
    let store = store(1);
    fill(&store, 0..28, LARGE).await;
    let mut rig = Rig::new(&store, WIDE);
    let mut sent = Vec::new();
    for number in 1..=3 {
        let batch = rig.batch().await;
        assert_eq!(batch.number, number);
        assert!(batch.bytes >= 8 << 20 && batch.bytes < 12 << 20, "{batch:?}");
        sent.push(batch);
    }
    // A fourth would be more than 32 MiB on their way.
    rig.is_silent_for(100).await;
    rig.ack(&sent[0]).await;
    sent.push(rig.batch().await);
    rig.is_silent_for(100).await;
    // Acks come together too.
    for batch in &sent[1..] {
        rig.ack(batch).await;
    }
    let (mut last, mut items) = (sent[3].last, 16);
    while last < 28 {
        let batch = rig.batch().await;
        assert_eq!(batch.after, last);
        last = batch.last;
        items += batch.items;
        assert_eq!(batch.frontier, last == 28);
        rig.ack(&batch).await;
    }
    assert_eq!(items, 28);
    rig.is_silent_for(100).await;
    let status = rig.board.status(rig.key);
    assert_eq!((status.phase, status.last_acknowledged), (Phase::Live, etag(28)));
    rig.stop.fire();
}

#[tokio::test]
async fn one_batch_at_a_time_where_the_window_is_one() {
    let store = store(1);
    fill(&store, 0..12, LARGE).await;
    let mut rig = Rig::new(&store, Window { batches: 1, bytes: 32 << 20 });
    for _ in 0..3 {
        let batch = rig.batch().await;
        rig.is_silent_for(50).await;
        rig.ack(&batch).await;
    }
}

/// A batch that is larger than the window goes alone: it would wait for itself for ever.
#[tokio::test]
async fn pitfall_15_what_is_larger_than_the_window_goes_alone() {
    let store = store(1);
    fill(&store, 0..12, LARGE).await;
    let narrow = Window { batches: 4, bytes: 1 << 20 };
    let mut rig = Rig::new(&store, narrow);
    for number in 1..=3 {
        let batch = rig.batch().await;
        assert_eq!(batch.number, number);
        rig.is_silent_for(50).await;
        rig.ack(&batch).await;
    }
    planted::WAITS_FOR_ITSELF.set(true);
    let mut rig = Rig::new(&store, narrow);
    // The planted bug must be found: nothing comes.
    rig.is_silent_for(1_000).await;
    planted::WAITS_FOR_ITSELF.set(false);
}

/// Whether a session hears its receiver out, which takes none of its frames meanwhile.
async fn hears_who_takes_nothing(patience: Duration) -> bool {
    let store = store(1);
    fill(&store, 0..4, LARGE).await;
    let mut rig = Rig::with_depth(&store, WIDE, 1);
    // It is in the middle of a batch, the rest of which does not fit on the way.
    let begun = rig.next().await;
    assert!(matches!(begun, ToReceiver::BatchBegin { number: 1, .. }), "{begun:?}");
    let all = async {
        for _ in 0..16 {
            rig.beat(0, ChangeVector::empty(), false).await;
        }
    };
    timeout(patience, all).await.is_ok()
}

/// Both ends send, and neither goes on before the other has taken what it has to say: a session
/// reads all the same.
#[tokio::test]
async fn pitfall_15_a_session_reads_while_its_own_frames_wait() {
    assert!(hears_who_takes_nothing(Duration::from_secs(60)).await);
    planted::AWAITS_SENDS.set(true);
    let planted = hears_who_takes_nothing(Duration::from_secs(1)).await;
    planted::AWAITS_SENDS.set(false);
    assert!(!planted, "the planted bug must be found");
}

/// Bug 5: the count of retries began anew only with the process; here with each acknowledgement.
#[tokio::test]
async fn a_rewound_session_begins_behind_what_is_acknowledged() {
    let store = store(1);
    fill(&store, 0..24, LARGE).await;
    let mut rig = Rig::new(&store, WIDE);
    let (first, second) = (rig.batch().await, rig.batch().await);
    rig.ack(&first).await;
    rig.rewind(&second).await;
    let next = loop {
        match rig.next().await {
            ToReceiver::Rewound { number } => break number,
            // What was on its way already.
            ToReceiver::BatchBegin { .. } | ToReceiver::Items(_) | ToReceiver::BatchEnd(_) => {}
            other => panic!("{other:?}"),
        }
    };
    let again = rig.batch().await;
    assert_eq!((again.number, again.after), (next, first.last));
    assert!(next > second.number);
    // An ack in between, and it may fail again.
    rig.ack(&again).await;
    let more = rig.batch().await;
    rig.rewind(&more).await;
    while !matches!(rig.next().await, ToReceiver::Rewound { .. }) {}
    let twice = rig.batch().await;
    assert_eq!(twice.after, again.last);
    rig.rewind(&twice).await;
    let error = rig.ends().await;
    assert_eq!((error.reason(), error.retry()), ("CHECKSUM_MISMATCH", Retry::Blocked));
    let text = error.to_string();
    assert!(text.contains(&format!("batch {}, after etag {}", twice.number, again.last)), "{text}");
}

#[tokio::test]
async fn only_the_oldest_batch_can_have_failed() {
    let store = store(1);
    fill(&store, 0..12, LARGE).await;
    let mut rig = Rig::new(&store, WIDE);
    let (_first, second) = (rig.batch().await, rig.batch().await);
    rig.rewind(&second).await;
    assert_eq!(rig.ends().await.reason(), "FRAME_INVALID");
}

#[tokio::test]
async fn who_asks_whether_it_is_alive_is_answered() {
    let store = store(1);
    fill(&store, 0..1, 10).await;
    let mut rig = Rig::new(&store, WIDE);
    let batch = rig.batch().await;
    assert!(batch.frontier);
    rig.ack(&batch).await;
    rig.is_silent_for(50).await;
    rig.beat(1, ChangeVector::empty(), true).await;
    let beat = rig.heartbeat().await;
    assert_eq!((beat.after, beat.last, beat.frontier), (etag(1), etag(1), None));
    rig.beat(1, ChangeVector::empty(), false).await;
    rig.is_silent_for(50).await;
}

/// What the destination has by another way is not sent; the cursor moves all the same.
#[tokio::test]
async fn what_the_destination_has_is_left_out() {
    let store = store(1);
    fill(&store, 0..1, 10).await;
    let mut rig = Rig::new(&store, WIDE);
    let batch = rig.batch().await;
    rig.ack(&batch).await;
    let mut vector = store.vector();
    vector.raise(jackdaw_common::Entry { incarnation: identity(1).incarnation, etag: etag(3) });
    rig.beat(1, vector, false).await;
    // Its turn comes before the news of the store.
    sleep(Duration::from_millis(20)).await;
    fill(&store, 1..3, 10).await;
    let (mut last, mut whole) = (1, false);
    while last < 3 || !whole {
        let beat = rig.heartbeat().await;
        assert_eq!(beat.after.get(), last);
        last = beat.last.get();
        whole = beat.frontier.is_some();
    }
    let counts = rig.board.status(rig.key).counts;
    assert_eq!((counts.items_sent, counts.left_out), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_silent_receiver_is_given_up() {
    let store = store(1);
    let mut rig = Rig::new(&store, WIDE);
    // The frontier of an empty database, once; then a heartbeat every eight seconds.
    rig.heartbeat().await;
    let begin = Instant::now();
    for _ in 0..3 {
        rig.is_silent_for(7_990).await;
        assert_eq!(rig.heartbeat().await.frontier, None);
    }
    assert_eq!(rig.ends().await.reason(), "PEER_SILENT");
    assert_eq!(begin.elapsed(), Duration::from_secs(25));
}

/// What raises the database vector without a change of its own travels within a second.
#[tokio::test]
async fn a_vector_that_is_raised_alone_travels_soon() {
    let store = store(1);
    let theirs = jackdaw_common::Entry { incarnation: identity(2).incarnation, etag: etag(1) };
    let epoch = arrived(&store, theirs).await;
    let mut rig = Rig::new(&store, WIDE);
    let batch = rig.batch().await;
    assert!(batch.frontier);
    rig.ack(&batch).await;
    let begin = Instant::now();
    raised(&store, epoch, jackdaw_common::Entry { etag: etag(5), ..theirs }).await;
    let beat = rig.heartbeat().await;
    assert_eq!(beat.frontier, Some(store.vector()));
    assert!(begin.elapsed() < HEARTBEAT / 2, "{:?}", begin.elapsed());
    rig.is_silent_for(1_000).await;
}

/// A destination that went back lacks what it has written itself: it is not sent that, and somebody
/// is told.
#[tokio::test(start_paused = true)]
async fn a_destination_that_lost_its_own_versions_is_found_out() {
    for told in [6, 7] {
        let store = store(1);
        let theirs = jackdaw_common::Entry { incarnation: identity(9).incarnation, etag: etag(7) };
        arrived(&store, theirs).await;
        let mut rig = Rig::new(&store, WIDE);
        assert_eq!(rig.heartbeat().await.last, etag(1));
        let mut vector = ChangeVector::empty();
        vector.raise(jackdaw_common::Entry { etag: etag(told), ..theirs });
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_secs(40) {
            rig.beat(1, vector.clone(), false).await;
            sleep(Duration::from_secs(5)).await;
        }
        assert_eq!(rig.board.status(rig.key).counts.left_out, 1);
        if told == 7 {
            rig.beat(1, vector.clone(), false).await;
            continue;
        }
        let error = rig.ends().await;
        assert_eq!((error.reason(), error.retry()), ("FRONTIER_FORGED", Retry::Blocked));
        assert!(error.to_string().contains("etag 7"), "{error}");
    }
}
