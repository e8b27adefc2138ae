//! What a session does with frames, whatever their order.
//!
//! Where time matters it is paused, and goes on by itself when everybody waits.

use std::time::Duration;

use jackdaw_common::frame::{RewindReason, ToReceiver, ToSender};
use tokio::time::{Instant, sleep, timeout};

use super::{fixture::*, planted};
use crate::incoming::{
    pipeline::planted::OVERTAKES,
    room::{Place, Room},
};

#[tokio::test]
async fn batches_in_flight_are_acknowledged_in_their_order() {
    let mut rig = Rig::new().await;
    for (number, after, etags) in [(1, 0, [1, 2]), (2, 2, [3, 4]), (3, 4, [7, 9])] {
        rig.send_all(batch(number, after, &etags)).await;
    }
    rig.send(progress(9, 12)).await;
    for (number, cursor) in [(1, 2), (2, 4), (3, 9)] {
        let ack = rig.ack().await;
        assert_eq!((ack.number, ack.cursor), (number, etag(cursor)));
        assert_eq!(ack.outcomes.applied, 2);
        assert!(rig.cursor() >= cursor, "acknowledged before it was durable");
    }
    // Progress behind them is told of by itself.
    let beat = rig.heartbeat().await;
    assert_eq!((beat.cursor, beat.vector), (etag(12), vector(12)));
    assert_eq!(beat.echo.micros(), 5);
    rig.hang_up().await;
}

#[tokio::test]
async fn what_comes_again_is_counted_and_not_written() {
    let mut rig = Rig::new().await;
    rig.send_all(batch(1, 0, &[1, 2])).await;
    rig.send_all(batch(2, 0, &[1, 2, 3])).await;
    rig.ack().await;
    let outcomes = rig.ack().await.outcomes;
    assert_eq!((outcomes.applied, outcomes.already_present), (1, 2));
    assert_eq!(rig.store.last_etag(), etag(3));
}

/// Batches 1 to 3 are in flight, and a heartbeat that follows them is read before any of them is
/// committed; 1 is refused, and the sender dies. Answers where the cursor is then, and how many of
/// the three documents are there when the next session has sent all behind it.
async fn refused_with_more_in_flight() -> (u64, u64) {
    let mut rig = Rig::new().await;
    rig.send_all(damaged(1, 0, &[1])).await;
    rig.send_all(batch(2, 1, &[2])).await;
    rig.send_all(batch(3, 2, &[3])).await;
    rig.send(progress(3, 5)).await;
    loop {
        match rig.next().await {
            ToSender::Rewind { number: 1, .. } => break,
            ToSender::Heartbeat(_) => {}
            other => panic!("{other:?}"),
        }
    }
    let (cursor, store) = (rig.cursor(), rig.store.clone());
    rig.hang_up().await;
    let mut rig = Rig::over(store).await;
    let rest: Vec<_> = (cursor + 1..=3).collect();
    if !rest.is_empty() {
        rig.send_all(batch(1, cursor, &rest)).await;
        rig.ack().await;
    }
    let documents = rig.store.snapshot().header().documents;
    rig.hang_up().await;
    (cursor, documents)
}

/// What lies behind a batch that was refused must not be applied, progress neither: else the cursor
/// passes what never arrived.
#[tokio::test]
async fn pitfall_11_progress_read_before_the_batches_it_follows_are_committed() {
    assert_eq!(refused_with_more_in_flight().await, (0, 3));
    OVERTAKES.set(true);
    let planted = refused_with_more_in_flight().await;
    OVERTAKES.set(false);
    assert_eq!(planted, (5, 0), "the planted bug must be found");
}

/// Pitfall 11 again, in a session that goes on.
#[tokio::test]
async fn a_damaged_batch_takes_those_behind_it_back() {
    let mut rig = Rig::new().await;
    rig.send_all(batch(1, 0, &[1])).await;
    assert_eq!(rig.ack().await.number, 1);
    rig.send_all(damaged(2, 1, &[2])).await;
    rig.send_all(batch(3, 2, &[3])).await;
    rig.send(progress(3, 5)).await;
    rig.send_all(batch(4, 3, &[4])).await;
    let expected = ToSender::Rewind { number: 2, reason: RewindReason::Checksum };
    assert_eq!(rig.next().await, expected);
    // Dropped, until the sender has gone back.
    rig.send_all(batch(5, 4, &[5])).await;
    rig.send(progress(5, 9)).await;
    rig.is_silent_for(200).await;
    assert_eq!((rig.cursor(), rig.store.last_etag()), (1, etag(1)));
    rig.send(ToReceiver::Rewound { number: 9 }).await;
    rig.send_all(batch(9, 1, &[2, 3])).await;
    let ack = rig.ack().await;
    assert_eq!((ack.number, ack.cursor, ack.outcomes.applied), (9, etag(3), 2));
    rig.hang_up().await;
}

/// Those behind it are in the writer's queue already: the store refuses them, and that is not what
/// the sender is told.
#[tokio::test]
async fn a_batch_that_cannot_be_applied_takes_those_behind_it_back() {
    let mut rig = Rig::damaged(Some("things/2")).await;
    rig.send_all(batch(1, 0, &[1])).await;
    rig.send_all(batch(2, 1, &[2])).await;
    rig.send_all(batch(3, 2, &[3])).await;
    rig.send(progress(3, 5)).await;
    assert_eq!(rig.ack().await.number, 1);
    let expected = ToSender::Rewind { number: 2, reason: RewindReason::ApplyFailed };
    assert_eq!(rig.next().await, expected);
    assert_eq!((rig.cursor(), rig.store.last_etag()), (1, etag(1)));
    rig.send(ToReceiver::Rewound { number: 4 }).await;
    rig.send_all(batch(4, 1, &[2])).await;
    let expected = ToSender::Rewind { number: 4, reason: RewindReason::ApplyFailed };
    assert_eq!(rig.next().await, expected);
    rig.hang_up().await;
}

#[tokio::test]
async fn a_sender_goes_back_in_the_middle_of_a_batch() {
    let mut rig = Rig::new().await;
    rig.send_all(damaged(1, 0, &[1])).await;
    assert!(matches!(rig.next().await, ToSender::Rewind { number: 1, .. }));
    let mut half = batch(2, 1, &[2]);
    half.pop();
    rig.send_all(half).await;
    rig.send(ToReceiver::Rewound { number: 3 }).await;
    rig.send_all(batch(3, 0, &[1, 2])).await;
    assert_eq!(rig.ack().await.cursor, etag(2));
    // What failed once can fail again, with good batches between.
    rig.send_all(damaged(4, 2, &[3])).await;
    assert!(matches!(rig.next().await, ToSender::Rewind { number: 4, .. }));
}

#[tokio::test]
async fn nobody_goes_back_unasked() {
    let rig = Rig::new().await;
    rig.send(ToReceiver::Rewound { number: 1 }).await;
    assert_eq!(rig.ends().await, "FRAME_INVALID");
    // Nor to a number that was.
    let mut rig = Rig::new().await;
    rig.send_all(damaged(1, 0, &[1])).await;
    rig.next().await;
    rig.send(ToReceiver::Rewound { number: 1 }).await;
    assert_eq!(rig.ends().await, "FRAME_INVALID");
}

/// Else the next one would have none.
#[tokio::test]
async fn a_number_that_leaves_no_room_is_refused() {
    let mut rig = Rig::new().await;
    rig.send_all(damaged(1, 0, &[1])).await;
    rig.next().await;
    rig.send(ToReceiver::Rewound { number: u64::MAX }).await;
    rig.send_all(batch(u64::MAX, 0, &[1])).await;
    rig.send_all(batch(1, 1, &[2])).await;
    assert_eq!(rig.ends().await, "FRAME_INVALID");
}

/// They would cost memory and no bytes.
#[tokio::test]
async fn frames_of_nothing_are_refused() {
    let rig = Rig::new().await;
    let mut frames = batch(1, 0, &[1]);
    frames.insert(1, ToReceiver::Items(bytes::Bytes::new()));
    rig.send_all(frames).await;
    assert_eq!(rig.ends().await, "FRAME_INVALID");
}

#[tokio::test]
async fn a_gap_ends_the_session() {
    let rig = Rig::new().await;
    rig.send_all(batch(1, 5, &[6])).await;
    assert_eq!(rig.ends().await, "BATCH_GAP");
    let rig = Rig::new().await;
    rig.send(progress(5, 6)).await;
    assert_eq!(rig.ends().await, "BATCH_GAP");
}

#[tokio::test]
async fn what_breaks_the_protocol_ends_the_session() {
    let wrong = |change: fn(&mut Vec<ToReceiver>)| {
        let mut frames = batch(1, 0, &[1, 2]);
        change(&mut frames);
        frames
    };
    let cases = [
        (wrong(|frames| frames.truncate(0)), vec![batch(2, 0, &[1])], "FRAME_INVALID"),
        (wrong(|frames| frames.swap(0, 1)), vec![], "FRAME_OUT_OF_ORDER"),
        (
            wrong(|frames| {
                let ToReceiver::BatchEnd(end) = &mut frames[2] else { panic!() };
                end.items = 3;
            }),
            vec![],
            "FRAME_INVALID",
        ),
        (
            wrong(|frames| {
                let ToReceiver::BatchEnd(end) = &mut frames[2] else { panic!() };
                end.last = etag(1);
            }),
            vec![],
            "FRAME_INVALID",
        ),
        (
            wrong(|frames| {
                let ToReceiver::BatchEnd(end) = &mut frames[2] else { panic!() };
                end.number = 2;
            }),
            vec![],
            "FRAME_INVALID",
        ),
    ];
    for (index, (first, more, reason)) in cases.into_iter().enumerate() {
        let rig = Rig::new().await;
        rig.send_all(first).await;
        rig.send_all(more.into_iter().flatten()).await;
        let store = rig.store.clone();
        assert_eq!(rig.ends().await, reason, "case {index}");
        assert_eq!(store.last_etag(), etag(0), "case {index}");
    }
}

/// However much is left out at the source: progress joins what waits.
#[tokio::test]
async fn progress_is_told_as_often_as_a_sender_likes() {
    let mut rig = Rig::new().await;
    for last in 1..=200 {
        rig.send(progress(last - 1, last)).await;
    }
    rig.send_all(batch(1, 200, &[201])).await;
    assert_eq!(rig.ack().await.cursor, etag(201));
    rig.hang_up().await;
}

/// A sender that does not wait for acks at all.
#[tokio::test]
async fn a_window_is_not_a_suggestion() {
    let rig = Rig::new().await;
    // Without a turn for the session in between, nothing is applied meanwhile.
    for number in 1..=11 {
        let frames = batch(number, number - 1, &[number]);
        rig.send_all(frames).await;
    }
    assert_eq!(rig.ends().await, "FRAME_INVALID");
}

/// Whether a session hears its sender out, which takes none of what it is told meanwhile.
async fn hears_who_takes_nothing(patience: Duration) -> bool {
    let rig = Rig::with_depth(1).await;
    rig.send_all(batch(1, 0, &[1])).await;
    rig.until_said(1).await;
    // It has one thing more to say, which does not fit on the way.
    let presence = rig.presence.clone();
    let probe = tokio::spawn(async move { presence.is_alive().await });
    tokio::task::yield_now().await;
    let all = async {
        for _ in 0..16 {
            rig.send(here(1)).await;
        }
    };
    let hears = timeout(patience, all).await.is_ok();
    probe.abort();
    hears
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

/// In real time: the store's writer has a thread of its own, for which no paused clock waits.
#[tokio::test]
async fn local_commits_are_told_of_once() {
    let mut rig = Rig::new().await;
    rig.is_silent_for(100).await;
    rig.put_here("a").await;
    rig.put_here("b").await;
    loop {
        let beat = rig.heartbeat().await;
        assert!(!beat.answer_wanted);
        if beat.vector == rig.store.vector() {
            break;
        }
    }
    rig.is_silent_for(300).await;
    rig.hang_up().await;
}

#[tokio::test(start_paused = true)]
async fn heartbeats_come_every_eight_seconds() {
    let mut rig = Rig::new().await;
    for _ in 0..5 {
        rig.send(here(0)).await;
        rig.is_silent_for(7_990).await;
        rig.heartbeat().await;
    }
}

#[tokio::test(start_paused = true)]
async fn silence_ends_a_session_and_only_frames_are_no_silence() {
    let rig = Rig::new().await;
    let begin = Instant::now();
    for _ in 0..5 {
        sleep(Duration::from_secs(20)).await;
        rig.send(here(0)).await;
    }
    let heard = Instant::now();
    sleep(Duration::from_secs(10)).await;
    assert!(!rig.presence.is_alive().await, "nothing has come");
    assert_eq!(rig.ends().await, "PEER_SILENT");
    assert_eq!(heard.elapsed(), Duration::from_secs(25));
    assert_eq!(begin.elapsed(), Duration::from_secs(125));
}

#[tokio::test(start_paused = true)]
async fn a_session_is_alive_whose_sender_answers() {
    let mut rig = Rig::new().await;
    let presence = rig.presence.clone();
    let probe = tokio::spawn(async move { presence.is_alive().await });
    assert!(rig.heartbeat().await.answer_wanted);
    sleep(Duration::from_secs(2)).await;
    rig.send(here(0)).await;
    assert!(probe.await.unwrap());
    // A frame from before the question is no answer.
    let before = Instant::now();
    assert!(!rig.presence.is_alive().await);
    assert_eq!(before.elapsed(), Duration::from_secs(3));
    // A session that has ended is not alive, and says so at once.
    let presence = rig.presence.clone();
    rig.hang_up().await;
    let before = Instant::now();
    assert!(!presence.is_alive().await);
    assert!(before.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn a_superseded_session_ends_at_once() {
    let rig = Rig::new().await;
    rig.presence.supersede();
    let end = timeout(Duration::from_secs(5), rig.ends()).await;
    assert_eq!(end.unwrap(), "SESSION_SUPERSEDED");
    // One that nobody tells finds out when it writes.
    let old = Rig::new().await;
    let new = Rig::over(old.store.clone()).await;
    old.send_all(batch(1, 0, &[1])).await;
    let store = old.store.clone();
    assert_eq!(old.ends().await, "SESSION_SUPERSEDED");
    assert_eq!(store.last_etag(), etag(0));
    new.hang_up().await;
}

#[tokio::test]
async fn what_was_begun_is_finished_before_the_end() {
    let mut rig = Rig::new().await;
    rig.send_all(batch(1, 0, &[1])).await;
    rig.ack().await;
    rig.drain.fire();
    assert_eq!(rig.ends().await, "DRAINING");
}

/// What was made durable before a batch is refused is told before that is: a sender that has gone
/// back would not believe it afterwards.
#[tokio::test]
async fn what_is_durable_is_told_before_a_batch_is_refused() {
    let mut rig = Rig::new().await;
    rig.send(progress(0, 5)).await;
    rig.send_all(damaged(1, 5, &[6])).await;
    let told = rig.next().await;
    assert!(matches!(&told, ToSender::Heartbeat(beat) if beat.cursor == etag(5)), "{told:?}");
    let expected = ToSender::Rewind { number: 1, reason: RewindReason::Checksum };
    assert_eq!(rig.next().await, expected);
    rig.is_silent_for(200).await;
    rig.hang_up().await;
}

/// A sender that has more bytes on their way than it was granted is not heard any longer; one batch
/// that is larger than the window may come alone.
#[tokio::test]
async fn a_window_is_of_bytes_too() {
    let body = "x".repeat(700 << 10);
    let large = |number: u64, after: u64, at: u64| {
        let mut frames = batch(number, after, &[at]);
        frames.insert(1, ToReceiver::Items(body.clone().into()));
        frames
    };
    let rig = Rig::new().await;
    // None of it is unpacked before the session's next turn, and the second one is too much.
    rig.send_all(large(1, 0, 1)).await;
    rig.send_all(large(2, 1, 2)).await;
    // What is damaged alone would be asked for again.
    assert_eq!(rig.ends().await, "FRAME_INVALID");
}

/// Room for a frame, of which other sessions have all, and the right to go on without.
async fn taken() -> (Room, Vec<Place>) {
    let room = Room::new(1024);
    let units = room.try_take(1024).unwrap();
    let beyond = room.clone().take(1).await;
    assert!(beyond.is_beyond());
    (room, vec![units, beyond])
}

/// A session that waits for room is neither given up for its sender's silence nor taken for dead,
/// says that it is there, and goes on when there is room.
#[tokio::test(start_paused = true)]
async fn a_session_without_room_waits_for_it() {
    let (room, places) = taken().await;
    let mut rig = Rig::with_room(&room).await;
    rig.send_all(batch(1, 0, &[1, 2])).await;
    let mut beats = 0;
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(100) {
        rig.heartbeat().await;
        beats += 1;
    }
    assert!(beats >= 10, "{beats} signs of life in 100 s");
    assert!(rig.presence.is_alive().await);
    assert_eq!(rig.cursor(), 0);
    // The writer's thread has a time of its own.
    tokio::time::resume();
    drop(places);
    assert_eq!((rig.ack().await.number, rig.cursor()), (1, 2));
    // From then on silence counts again.
    tokio::time::pause();
    assert_eq!(rig.ends().await, "PEER_SILENT");
}

#[tokio::test(start_paused = true)]
async fn a_session_without_room_drains_and_gives_way() {
    let (room, _places) = taken().await;
    let rig = Rig::with_room(&room).await;
    rig.send_all(batch(1, 0, &[1])).await;
    sleep(Duration::from_secs(1)).await;
    rig.drain.fire();
    assert_eq!(rig.ends().await, "DRAINING");

    let rig = Rig::with_room(&room).await;
    rig.send_all(batch(1, 0, &[1])).await;
    sleep(Duration::from_secs(1)).await;
    rig.presence.supersede();
    assert_eq!(rig.ends().await, "SESSION_SUPERSEDED");
}

/// What is under way behind a batch that is refused gives its room back, and what waits for some
/// is dropped with it.
#[tokio::test]
async fn a_rewind_takes_no_room() {
    let room = Room::new(1024);
    let mut rig = Rig::with_room(&room).await;
    rig.send_all(damaged(1, 0, &[1])).await;
    rig.send_all(batch(2, 1, &[2, 3])).await;
    loop {
        match rig.next().await {
            ToSender::Rewind { number: 1, .. } => break,
            ToSender::Heartbeat(_) => {}
            other => panic!("{other:?}"),
        }
    }
    assert!(room.try_take(1024).is_some());
    rig.send(ToReceiver::Rewound { number: 3 }).await;
    rig.send_all(batch(3, 0, &[1, 2, 3])).await;
    assert_eq!((rig.ack().await.number, rig.cursor()), (3, 3));
    rig.hang_up().await;
}
