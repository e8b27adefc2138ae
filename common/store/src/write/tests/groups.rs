//! Intents that are committed together: each stands or falls by itself, over what the ones before
//! it decided.

use std::{
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
};

use bytes::Bytes;
use jackdaw_common::{ChangeVector, Etag, limits::WRITER_QUEUE_BYTES_MAX};
use proptest::prelude::*;
use tokio::{sync::oneshot, task::JoinHandle};

use super::harness::*;
use crate::{
    Applied, ApplyError, Begin, BeginError, Command, Incoming, Record, RecordError, RecordKind,
    Store, TransactError, Written,
    commit::Queue,
    engine::{Direction, Engine as _, Memory, ScanRange},
    keys::TABLES,
    write::{Collector, Intent, Writer},
};

/// A store whose commits can be held, with one commit held already, so that whatever is asked of
/// it now becomes one group.
async fn held() -> (Store, Faulty, JoinHandle<Written>) {
    let engine = Faulty::new();
    let store = Store::open(engine.clone(), TestClock::at(0), identity(1)).unwrap();
    session(&store, 2).await;
    session(&store, 3).await;
    engine.hold();
    let first = ask(&store, |store| async move { put(&store, "first", "0").await }).await;
    engine.until_waiting();
    (store, engine, first)
}

/// Asks, so far that it stands in the queue.
async fn ask<T, F>(store: &Store, what: impl FnOnce(Store) -> F) -> JoinHandle<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let asked = tokio::spawn(what(store.clone()));
    tokio::task::yield_now().await;
    asked
}

async fn ask_for(
    store: &Store,
    commands: Vec<Command>,
) -> JoinHandle<Result<Vec<Written>, TransactError>> {
    ask(store, |store| async move { store.transact(commands).await }).await
}

async fn ask_to_apply(store: &Store, batch: Incoming) -> JoinHandle<Result<Applied, ApplyError>> {
    ask(store, |store| async move { store.apply(batch).await }).await
}

#[tokio::test]
async fn what_waits_is_committed_together() {
    let (store, engine, first) = held().await;
    let before = engine.tried();
    let mut waiting = Vec::new();
    for number in 0..20 {
        waiting.push(ask_for(&store, vec![putting(&format!("d/{number}"), "1")]).await);
    }
    assert_eq!(engine.tried(), before, "one commit is held, none was tried since");
    engine.release();
    for (number, waiting) in (0..).zip(waiting) {
        assert_eq!(waiting.await.unwrap().unwrap()[0].etag, etag(2 + number));
    }
    assert_eq!(first.await.unwrap().etag, etag(1));
    assert_eq!(engine.tried(), before + 1);
    audit(&store.snapshot());
}

#[tokio::test]
async fn an_intent_that_fails_does_not_disturb_its_neighbours() {
    let (store, engine, first) = held().await;
    let wrong = vector(&[(1, 77)]);
    let before = ask_for(&store, vec![putting("a", "1"), putting("b", "1")]).await;
    let failing = vec![
        deleting("a"),
        putting("b", "lost"),
        putting("c", "lost"),
        expecting(&wrong, putting("first", "lost")),
    ];
    let failing = ask_for(&store, failing).await;
    let items = vec![arriving(9, "b", &vector(&[(2, 9)]), Some("lost"))];
    let gap = ask_to_apply(&store, batch(2, 1, 5, items)).await;
    let forged = Incoming {
        frontier: Some(vector(&[(1, 1_000)])),
        ..batch(2, 1, 0, vec![arriving(9, "d", &vector(&[(2, 9)]), Some("lost"))])
    };
    let forged = ask_to_apply(&store, forged).await;
    let fenced =
        ask(
            &store,
            |store| async move { store.begin(Begin { generation: 0, ..calling(3) }).await },
        )
        .await;
    let record = |key: &'static str, expected: Option<&'static str>| Record {
        kind: RecordKind::Database,
        key: Bytes::from_static(key.as_bytes()),
        expected: expected.map(|value| Bytes::from_static(value.as_bytes())),
        value: Some(Bytes::from_static(b"new")),
    };
    let records = vec![record("r", None), record("s", Some("old"))];
    let changed = ask(&store, |store| async move { store.record(records).await }).await;
    let none = ChangeVector::empty();
    let after =
        vec![expecting(&none, putting("c", "2")), expecting(&vector(&[(1, 2)]), putting("a", "2"))];
    let after = ask_for(&store, after).await;
    let record = vec![record("r", None)];
    let recorded = ask(&store, |store| async move { store.record(record).await }).await;
    engine.release();

    first.await.unwrap();
    assert_eq!(before.await.unwrap().unwrap()[1].etag, etag(3));
    let failed = failing.await.unwrap();
    assert!(matches!(failed, Err(TransactError::Mismatch { command: 3, .. })), "{failed:?}");
    let gap = gap.await.unwrap();
    assert!(matches!(gap, Err(ApplyError::Gap { .. })), "{gap:?}");
    let forged = forged.await.unwrap();
    assert!(matches!(forged, Err(ApplyError::FrontierForged { .. })), "{forged:?}");
    let fenced = fenced.await.unwrap();
    assert!(matches!(fenced, Err(BeginError::Fenced { .. })), "{fenced:?}");
    let changed = changed.await.unwrap();
    assert!(matches!(changed, Err(RecordError::Changed { index: 1 })), "{changed:?}");
    // No etag was lost to those that failed.
    let after: Vec<_> = after.await.unwrap().unwrap().iter().map(|one| one.etag.get()).collect();
    assert_eq!(after, [4, 5]);
    recorded.await.unwrap().unwrap();
    for (id, expected) in [("a", "2"), ("b", "1"), ("c", "2"), ("first", "0")] {
        assert_eq!(reads(&store, id), [expected]);
    }
    assert!(reads(&store, "d").is_empty());
    assert_eq!(store.snapshot().cursor(source(2)).unwrap().unwrap().etag(), Etag::ZERO);
    audit(&store.snapshot());
}

/// Two that saw the same: the second finds the document changed.
#[tokio::test]
async fn of_two_with_one_expectation_one_wins() {
    let (store, engine, first) = held().await;
    let seen = vector(&[(1, 1)]);
    let one = ask_for(&store, vec![expecting(&seen, putting("first", "1"))]).await;
    let other = ask_for(&store, vec![expecting(&seen, putting("first", "2"))]).await;
    engine.release();
    first.await.unwrap();
    one.await.unwrap().unwrap();
    let lost = other.await.unwrap();
    assert!(matches!(lost, Err(TransactError::Mismatch { .. })), "{lost:?}");
    assert_eq!(reads(&store, "first"), ["1"]);
}

/// A batch is decided against what a client wrote before it in the same group.
#[tokio::test]
async fn a_batch_does_not_overwrite_a_write_of_its_group() {
    let (store, engine, first) = held().await;
    let write = ask_for(&store, vec![putting("x", "mine")]).await;
    let items = vec![arriving(5, "x", &vector(&[(2, 5)]), Some("theirs"))];
    let applied = ask_to_apply(&store, batch(2, 1, 0, items)).await;
    engine.release();
    first.await.unwrap();
    write.await.unwrap().unwrap();
    assert_eq!(applied.await.unwrap().unwrap().conflicted, 1);
    assert_eq!(reads(&store, "x"), ["mine", "theirs"]);
    audit(&store.snapshot());
}

#[tokio::test]
async fn a_write_covers_a_batch_of_its_group() {
    let (store, engine, first) = held().await;
    let items = vec![arriving(5, "x", &vector(&[(2, 5)]), Some("theirs"))];
    let applied = ask_to_apply(&store, batch(2, 1, 0, items)).await;
    let write = ask_for(&store, vec![putting("x", "mine")]).await;
    engine.release();
    first.await.unwrap();
    assert_eq!(applied.await.unwrap().unwrap().applied, 1);
    assert_eq!(write.await.unwrap().unwrap()[0].vector, vector(&[(1, 3), (2, 5)]));
    assert_eq!(reads(&store, "x"), ["mine"]);
    audit(&store.snapshot());
}

/// Two sources touch one document in one group: the second meets what the first left.
#[tokio::test]
async fn batches_of_one_group_see_each_other() {
    let (store, engine, first) = held().await;
    let x = |entries: &[(u8, u64)], body: &str| arriving(5, "x", &vector(entries), Some(body));
    let y = |entries: &[(u8, u64)], body: &str| arriving(6, "y", &vector(entries), Some(body));
    let z = |entries: &[(u8, u64)], body: &str| arriving(7, "z", &vector(entries), Some(body));
    let one = batch(2, 1, 0, vec![x(&[(2, 5)], "1"), y(&[(2, 6)], "1"), z(&[(2, 7), (3, 9)], "1")]);
    let other =
        batch(3, 1, 0, vec![x(&[(2, 5), (3, 5)], "2"), y(&[(3, 6)], "2"), z(&[(3, 7)], "2")]);
    let one = ask_to_apply(&store, one).await;
    let other = ask_to_apply(&store, other).await;
    engine.release();
    first.await.unwrap();
    assert_eq!(one.await.unwrap().unwrap().applied, 3);
    let other = other.await.unwrap().unwrap();
    assert_eq!((other.applied, other.conflicted, other.already_present), (1, 1, 1));
    assert_eq!(reads(&store, "x"), ["2"]);
    assert_eq!(reads(&store, "y"), ["1", "2"]);
    assert_eq!(reads(&store, "z"), ["1"]);
    audit(&store.snapshot());
}

/// The batch of an older session that is still in the queue when a newer one begins.
#[tokio::test]
async fn a_batch_behind_a_newer_session_is_fenced() {
    let (store, engine, first) = held().await;
    let item = |number| vec![arriving(number, "x", &vector(&[(2, number)]), Some("1"))];
    let early = ask_to_apply(&store, batch(2, 1, 0, item(4))).await;
    let begun = ask(&store, |store| async move { session(&store, 2).await }).await;
    let late = ask_to_apply(&store, batch(2, 1, 4, item(5))).await;
    engine.release();
    first.await.unwrap();
    early.await.unwrap().unwrap();
    let begun = begun.await.unwrap();
    assert_eq!((begun.epoch, begun.cursor), (2, etag(4)));
    let late = late.await.unwrap();
    assert!(matches!(late, Err(ApplyError::Fenced { epoch: 1, current: 2 })), "{late:?}");
    assert_eq!(store.snapshot().cursor(source(2)).unwrap().unwrap().etag(), etag(4));
}

/// What intents write may be more than what they ask, as where a document is written anew with what
/// is attached to it: no commit holds more than one of them beyond its bound.
///
/// Found by, planted: a group is one commit, whatever it writes.
#[test]
fn a_group_that_writes_much_is_committed_in_parts() {
    let memory = Memory::new(&TABLES);
    let mut writer = bare(&memory, 1);
    let body = format!("{:?}", "x".repeat(12 << 20));
    let ids = ["a", "b", "c", "d"];
    let mut each = |command: fn(&str, &str) -> Command| {
        let asked = ids.map(|id| {
            let (reply, answer) = oneshot::channel();
            (Intent::Transact(vec![command(id, &body)], reply), answer)
        });
        let (intents, answers): (Vec<_>, Vec<_>) = asked.into_iter().unzip();
        let mut seen = Vec::new();
        writer.execute(intents, |snapshot| seen.push(snapshot.header().last_etag)).unwrap();
        for mut answer in answers {
            answer.try_recv().unwrap().unwrap();
        }
        seen
    };
    assert_eq!(each(putting), [etag(2), etag(4)]);
    assert_eq!(each(|id, _| putting(id, "{}")), [etag(8)]);
}

/// Any intents, in groups of any size, leave the very rows and answers that they leave one by one.
mod any_grouping {
    use super::*;

    /// The writer and where its rows go, without a thread.
    struct Bare {
        writer: Writer,
        memory: Memory,
    }

    impl Bare {
        fn new() -> Self {
            let (memory, clock) = (Memory::new(&TABLES), TestClock::at(0));
            let new = Store::open(memory.clone(), clock.clone(), identity(1)).unwrap();
            let snapshot = new.snapshot();
            let engine = Arc::new(memory.clone());
            let (collector, run) = (Collector::default(), identity(1).run);
            Self { writer: Writer::new(engine, clock, snapshot, collector, run), memory }
        }

        /// Answers what was answered, as text.
        fn group(&mut self, steps: &[Step]) -> Vec<String> {
            let (intents, answers): (Vec<_>, Vec<_>) = steps.iter().map(Step::intent).unzip();
            self.writer.execute(intents, audit).unwrap();
            answers.into_iter().map(|answer| answer()).collect()
        }

        fn rows(&self) -> Vec<Vec<(Bytes, Bytes)>> {
            let snapshot = self.memory.snapshot().unwrap();
            let all = |table| snapshot.scan(table, ScanRange::all(), Direction::Forward);
            TABLES.into_iter().map(|table| all(table).map(Result::unwrap).collect()).collect()
        }
    }

    type Answer = Box<dyn FnOnce() -> String>;

    #[derive(Clone, Debug)]
    enum Step {
        Transact(Vec<(u8, bool, Option<u64>)>),
        Apply { after: u64, items: Vec<(u8, u64, u64, bool)>, frontier: bool },
        Begin,
        Record { key: u8, expected: Option<u8>, value: Option<u8> },
    }

    impl Step {
        fn intent(&self) -> (Intent, Answer) {
            match self {
                Self::Transact(commands) => {
                    let commands = commands.iter().map(|&(document, put, expected)| {
                        let id = ["a", "b", "n|", "e/"][usize::from(document)];
                        let command = if put { putting(id, "x") } else { deleting(id) };
                        match expected {
                            Some(number) => expecting(&vector(&[(1, number)]), command),
                            None => command,
                        }
                    });
                    answered(|reply| Intent::Transact(commands.collect(), reply))
                }
                Self::Apply { after, items, frontier } => {
                    let items =
                        (after + 1..).zip(items).map(|(at, &(document, one, two, live))| {
                            let id = ["a", "b", "c", "d"][usize::from(document)];
                            let body = live.then_some("y");
                            arriving(at, id, &vector(&[(2, one), (3, two + 1)]), body)
                        });
                    let frontier = frontier.then(|| vector(&[(1, 2), (2, *after)]));
                    let batch = Incoming { frontier, ..batch(2, 1, *after, items.collect()) };
                    answered(|reply| Intent::Apply(batch, reply))
                }
                Self::Begin => answered(|reply| Intent::Begin(calling(2), reply)),
                Self::Record { key, expected, value } => {
                    let bytes = |byte: u8| Bytes::copy_from_slice(&[byte]);
                    let record = Record {
                        kind: RecordKind::Database,
                        key: bytes(*key),
                        expected: expected.map(bytes),
                        value: value.map(bytes),
                    };
                    answered(|reply| Intent::Record(vec![record], reply))
                }
            }
        }
    }

    fn answered<T: std::fmt::Debug + 'static>(
        intent: impl FnOnce(oneshot::Sender<T>) -> Intent,
    ) -> (Intent, Answer) {
        let (reply, mut answer) = oneshot::channel();
        (intent(reply), Box::new(move || format!("{:?}", answer.try_recv().unwrap())))
    }

    fn step() -> impl Strategy<Value = Step> {
        let command = (0u8..4, any::<bool>(), prop::option::weighted(0.2, 0u64..6));
        let item = (0u8..4, 0u64..4, 0u64..6, any::<bool>());
        prop_oneof![
            6 => prop::collection::vec(command, 0..5).prop_map(Step::Transact),
            6 => (0u64..4, prop::collection::vec(item, 0..5), any::<bool>())
                .prop_map(|(after, items, frontier)| Step::Apply { after, items, frontier }),
            1 => Just(Step::Begin),
            2 => (0u8..2, prop::option::of(0u8..2), prop::option::of(0u8..2))
                .prop_map(|(key, expected, value)| Step::Record { key, expected, value }),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn is_as_good_as_one_by_one(
            steps in prop::collection::vec(step(), 1..24),
            sizes in prop::collection::vec(1usize..8, 24),
        ) {
            let (mut grouped, mut single) = (Bare::new(), Bare::new());
            let mut begun = vec![Step::Begin];
            begun.extend(steps);
            let mut rest = begun.as_slice();
            for size in sizes {
                let (group, behind) = rest.split_at(size.min(rest.len()));
                rest = behind;
                let answers = grouped.group(group);
                let one_by_one: Vec<_> =
                    group.chunks(1).flat_map(|step| single.group(step)).collect();
                prop_assert_eq!(answers, one_by_one);
                prop_assert_eq!(grouped.rows(), single.rows());
            }
        }
    }
}

/// What waits is bounded in bytes: many large bodies are not held in memory at a time, and one that
/// is larger than the bound still has its turn.
#[tokio::test]
async fn what_waits_is_bounded_in_bytes() {
    let large = |bytes: usize| {
        let mut command = putting("large", "1");
        if let Command::Put { body, .. } = &mut command {
            *body = vec![b' '; bytes].into();
        }
        Intent::Transact(vec![command], oneshot::channel().0)
    };
    let (queue, mut waiting) = Queue::new();
    let mut held = Vec::new();
    let eighth = WRITER_QUEUE_BYTES_MAX / 8;
    for _ in 0..7 {
        assert!(put_now(&queue, large(eighth)).await);
    }
    assert!(!put_now(&queue, large(eighth)).await, "they take a little more than their bodies");
    assert!(put_now(&queue, large(eighth / 2)).await);
    for _ in 0..8 {
        held.push(waiting.recv().await.unwrap());
    }
    assert!(!put_now(&queue, large(eighth)).await, "taken up, and not decided yet");
    held.pop();
    held.pop();
    assert!(put_now(&queue, large(eighth)).await);

    held.push(waiting.recv().await.unwrap());
    let mut larger = pin!(queue.put(large(WRITER_QUEUE_BYTES_MAX * 2)));
    assert!(!ready(&mut larger).await);
    held.clear();
    assert!(ready(&mut larger).await, "alone it has its turn");
}

/// Whether there is room for an intent now.
async fn put_now(queue: &Queue, intent: Intent) -> bool {
    ready(&mut pin!(queue.put(intent))).await
}

/// Whether something is done when it is asked once.
async fn ready<F: Future>(what: &mut Pin<&mut F>) -> bool {
    std::future::poll_fn(|context| Poll::Ready(what.as_mut().poll(context).is_ready())).await
}
