//! The bounds of a session's batches and of all sessions' together, and that somebody always gets
//! on.

use std::task::Poll;

use jackdaw_common::{RunId, frame::BatchEnd};

use super::*;
use crate::incoming::session::fixture::etag;

const KIB: usize = 1024;

fn frame(bytes: usize) -> Bytes {
    vec![7; bytes].into()
}

fn end(number: u64) -> BatchEnd {
    BatchEnd { number, last: etag(9), run: RunId::NONE, items: 1, checksum: 0, frontier: None }
}

/// Whether the frame that waits has room now.
async fn has_room(intake: &mut Intake) -> bool {
    // Else the runtime would have it wait for its own turn.
    tokio::task::yield_now().await;
    let mut room = std::pin::pin!(intake.room());
    std::future::poll_fn(|context| Poll::Ready(room.as_mut().poll(context).is_ready())).await
}

fn begun(room: &Room) -> Intake {
    let mut intake = Intake::new(room.clone(), 1 << 20);
    intake.begin(1, Etag::ZERO);
    intake
}

#[tokio::test]
async fn one_at_a_time_goes_on_where_there_is_no_room() {
    let room = Room::new(8 * KIB);
    let (mut first, mut second, mut third) = (begun(&room), begun(&room), begun(&room));
    first.items(frame(8 * KIB), true).unwrap();
    assert!(!first.is_waiting());
    second.items(frame(KIB), true).unwrap();
    assert!(second.is_waiting() && has_room(&mut second).await);
    // It does not ask again for this batch.
    second.items(frame(KIB), true).unwrap();
    assert!(!second.is_waiting());

    third.items(frame(KIB), true).unwrap();
    assert!(third.is_waiting() && !has_room(&mut third).await);
    let (batch, _) = second.end(end(1), true).unwrap().unwrap();
    assert_eq!(batch.frames.len(), 2, "the frame that waited is in its place");
    assert!(!has_room(&mut third).await, "it is whole, and not durable yet");
    second.done();
    assert!(has_room(&mut third).await);

    // Room that is given back by whoever had it is as good.
    let mut fourth = begun(&room);
    fourth.items(frame(KIB), true).unwrap();
    assert!(!has_room(&mut fourth).await);
    drop(first);
    assert!(has_room(&mut fourth).await);
}

#[tokio::test]
async fn what_is_dropped_takes_no_room() {
    let room = Room::new(8 * KIB);
    let (mut first, mut second) = (begun(&room), begun(&room));
    first.items(frame(8 * KIB), true).unwrap();
    first.items(frame(KIB), true).unwrap();
    assert!(has_room(&mut first).await);
    second.items(frame(KIB), true).unwrap();
    assert!(!has_room(&mut second).await);
    first.drop_all();
    assert!(has_room(&mut second).await);
    // Until the sender has rewound, what comes is not kept.
    first.items(frame(8 * KIB), false).unwrap();
    assert!(!first.is_waiting());
    assert!(first.end(end(1), false).unwrap().is_none());
}

/// Many sessions in any order: the room and one batch bound what they hold, and none waits for
/// ever.
#[tokio::test]
async fn somebody_always_gets_on() {
    for seed in 0..200_u64 {
        let mut random = seed;
        let mut below = |bound: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888);
            usize::try_from((random >> 33) % bound).unwrap()
        };
        let (room, batch_max) = (Room::new(16 * KIB), 12 * KIB);
        let mut sessions: Vec<_> = (0..5).map(|_| (begun(&room), 0, 0)).collect();
        let mut finished = 0;
        let mut idle = 0;
        while finished < 60 {
            let at = below(5);
            let (intake, gathered, whole) = &mut sessions[at];
            // The writer goes on whatever waits here.
            if *whole > 0 && below(3) == 0 {
                intake.done();
                *whole = 0;
            }
            if intake.is_waiting() && !has_room(intake).await {
                idle += 1;
                assert!(idle < 1_000, "seed {seed}: all wait");
                continue;
            }
            idle = 0;
            let bytes = KIB * (1 + below(4));
            if *gathered + bytes <= batch_max {
                intake.items(frame(bytes), true).unwrap();
                *gathered += bytes;
            } else if *whole == 0 {
                intake.end(end(1), true).unwrap().unwrap();
                intake.begin(1, Etag::ZERO);
                (*whole, *gathered) = (*gathered, 0);
                finished += 1;
            }
            let waits = |(intake, ..): &(Intake, usize, usize)| {
                intake.waiting.as_ref().map_or(0, |waiting| waiting.frame.len())
            };
            let held: usize = sessions.iter().map(|session| session.1 + session.2).sum();
            let waiting: usize = sessions.iter().map(waits).sum();
            assert!(held - waiting <= 16 * KIB + batch_max, "seed {seed}: {held}");
        }
    }
}

#[tokio::test]
async fn what_a_sender_may_not_do_is_named() {
    let room = Room::new(1 << 30);
    let mut intake = begun(&room);
    let refused = intake.items(Bytes::new(), true);
    assert!(matches!(refused, Err(IncomingError::EmptyFrame { number: 1 })));
    intake.items(frame(1 << 20), true).unwrap();
    intake.items(frame(1 << 20), true).unwrap();
    intake.end(end(1), true).unwrap().unwrap();
    intake.begin(2, Etag::ZERO);
    let refused = intake.items(frame(1), true);
    assert!(matches!(refused, Err(IncomingError::WindowBytes { .. })), "{refused:?}");
    let refused = intake.end(end(3), true).map(|_| ());
    let expected = IncomingError::Number { number: 3, expected: 2 }.to_string();
    assert_eq!(refused.unwrap_err().to_string(), expected);
}

/// Frames of next to nothing cost more than their bytes: there are no more of them than items may
/// be, also where no room is asked for.
#[tokio::test]
async fn a_batch_has_a_bounded_number_of_frames() {
    let room = Room::new(KIB);
    let _all = room.try_take(KIB).unwrap();
    let mut intake = begun(&room);
    intake.items(frame(1), true).unwrap();
    assert!(has_room(&mut intake).await);
    for _ in 1..BATCH_ITEMS_MAX {
        intake.items(frame(1), true).unwrap();
    }
    let refused = intake.items(frame(1), true);
    assert!(matches!(refused, Err(IncomingError::TooManyFrames { number: 1, .. })), "{refused:?}");
}
