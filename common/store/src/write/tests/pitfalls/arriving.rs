//! Batches that wait for a destination's writer, behind one that is refused or of a session that is
//! over: pitfalls 11 and 12.

use jackdaw_common::IncarnationId;
use tokio::sync::oneshot;

use super::super::harness::*;
use crate::{
    Applied, ApplyError, Incoming, Lookup, Session, Snapshot, Store, declare,
    engine::{Engine as _, Memory, WriteBatch},
    keys::{DOCUMENTS, TABLES},
    write::{Intent, Writer, incoming::UNFENCED},
};

/// Carries out one intent.
fn ask<T>(writer: &mut Writer, intent: impl FnOnce(oneshot::Sender<T>) -> Intent) -> T {
    let (reply, mut answer) = oneshot::channel();
    writer.execute(vec![intent(reply)], |_| {}).unwrap();
    answer.try_recv().unwrap()
}

/// Batches that stand in the queue together.
fn apply_all(
    writer: &mut Writer,
    batches: impl IntoIterator<Item = Incoming>,
) -> Vec<Result<Applied, ApplyError>> {
    let (mut intents, mut answers) = (Vec::new(), Vec::new());
    for batch in batches {
        let (reply, answer) = oneshot::channel();
        intents.push(Intent::Apply(batch, reply));
        answers.push(answer);
    }
    writer.execute(intents, |_| {}).unwrap();
    answers.into_iter().map(|mut answer| answer.try_recv().unwrap()).collect()
}

/// The row of a document does not read, or there is none.
fn damage(memory: &Memory, document: &'static str, damaged: bool) {
    let mut batch = WriteBatch::new();
    if damaged {
        batch.put(DOCUMENTS, document, "no row at all");
    } else {
        batch.delete(DOCUMENTS, document);
    }
    memory.commit(batch).unwrap();
}

/// Batches 2 and 3 and the progress behind them are in flight when 1 is refused; the process dies,
/// and what it stumbled over is repaired. With the planted bug nobody asks what a batch continues
/// from. Answers where the next session begins, and whether 1 is there when it has sent all behind.
async fn in_flight_behind_a_refused_batch(chained: bool) -> (u64, bool) {
    let memory = Memory::new(&TABLES);
    drop(bare(&memory, 1));
    damage(&memory, "d/1", true);
    let mut writer = bare(&memory, 1);
    let epoch = ask(&mut writer, |reply| Intent::Begin(calling(2), reply)).unwrap().epoch;
    let sent = |epoch, number: u64| {
        let version = arriving(number, &format!("d/{number}"), &vector(&[(2, number)]), Some("1"));
        let after = if chained { number - 1 } else { 0 };
        batch(2, epoch, after, vec![version])
    };
    let beat = Incoming {
        after: etag(if chained { 3 } else { 0 }),
        ..progress(2, epoch, 5, &vector(&[(2, 5)]))
    };
    let batches = (1..=3).map(|number| sent(epoch, number)).chain([beat]);
    let answers = apply_all(&mut writer, batches);
    assert!(matches!(answers[0], Err(ApplyError::Store(_))), "{answers:?}");
    let gap = |it: &Result<_, _>| matches!(it, Err(ApplyError::Gap { .. }));
    assert_eq!(answers[1..].iter().all(gap), chained, "{answers:?}");
    drop(writer);

    damage(&memory, "d/1", false);
    let store = opened(&memory, 1, 2);
    let begun = session(&store, 2).await;
    for number in begun.cursor.get() + 1..=3 {
        store.apply(sent(begun.epoch, number)).await.unwrap();
    }
    assert_eq!((reads(&store, "d/2"), reads(&store, "d/3")), (vec!["1".into()], vec!["1".into()]));
    (begun.cursor.get(), !reads(&store, "d/1").is_empty())
}

/// What lies behind a batch that was not applied is not applied either, though it waits in the same
/// queue: else the cursor passes what never arrived.
#[tokio::test]
async fn pitfall_11_missing_with_batches_in_flight() {
    assert_eq!(in_flight_behind_a_refused_batch(true).await, (0, true));
    let planted = in_flight_behind_a_refused_batch(false).await;
    assert_eq!(planted, (5, false), "the planted bug must be found");
}

async fn fill(store: &Store, name: &str, etags: std::ops::RangeInclusive<u64>) {
    for number in etags {
        assert_eq!(put(store, &format!("{name}/{number}"), "1").await.etag, etag(number));
    }
}

/// The next batch of a source in a session.
fn next(source: &Store, session: Session, items_max: usize) -> Incoming {
    Link::of(source, source, session).next(items_max)
}

/// A session is told cursor 100; behind it in the queue stands a batch of the session before it,
/// 101 to 200; then the new one sends 101 to 150. Since the source was restored in between, these
/// are not the same. Answers the cursor that was told, where it is in the end, and how much of what
/// the source has up to there is missing.
async fn old_batch_in_the_queue() -> (u64, u64, usize) {
    let (here, there) = (Memory::new(&TABLES), Memory::new(&TABLES));
    let source = opened(&here, 1, 1);
    fill(&source, "common", 1..=100).await;
    let mut writer = bare(&there, 2);
    let old = ask(&mut writer, |reply| Intent::Begin(offer(&source), reply)).unwrap();
    let batch = next(&source, old.clone(), usize::MAX);
    let applied = ask(&mut writer, |reply| Intent::Apply(batch, reply)).unwrap();
    let before = copied(&here);
    fill(&source, "lost", 101..=200).await;
    let late = next(&source, Session { cursor: applied.cursor, ..old }, usize::MAX);
    assert_eq!((late.after, late.last), (etag(100), etag(200)));
    drop(source);

    declare::restored(&before, IncarnationId::from_bytes([0xee; 16]), None).unwrap();
    let source = opened(&before, 1, 2);
    fill(&source, "new", 101..=200).await;
    let (reply, mut begun) = oneshot::channel();
    let queue =
        vec![Intent::Begin(offer(&source), reply), Intent::Apply(late, oneshot::channel().0)];
    writer.execute(queue, |_| {}).unwrap();
    let begun = begun.try_recv().unwrap().unwrap();
    let told = begun.cursor.get();
    let batch = next(&source, begun, 50);
    assert_eq!((batch.after.get(), batch.last), (told, etag(150)));
    let applied = ask(&mut writer, |reply| Intent::Apply(batch, reply)).unwrap();

    let there = Snapshot::inspect(&there).unwrap().unwrap();
    let cursor = there.cursor(source.database_id()).unwrap().unwrap().etag();
    assert_eq!(applied.cursor, cursor);
    let rows = changes(&source, 0).into_iter().filter(|row| row.etag <= cursor);
    let held = rows.map(|row| there.document(&row.version.id).unwrap());
    let missing = held.filter(|held| *held == Lookup::Missing).count();
    (told, cursor.get(), missing)
}

/// What an older session has left in the queue is not applied: else the newer one is told that what
/// it has not sent is there.
#[tokio::test]
async fn pitfall_12_old_sessions_batch_in_the_queue() {
    assert_eq!(old_batch_in_the_queue().await, (100, 150, 0));
    UNFENCED.set(true);
    let planted = old_batch_in_the_queue().await;
    UNFENCED.set(false);
    assert_eq!(planted, (100, 200, 50), "the planted bug must be found");
}
