//! What a task does between its sessions, with receivers that answer as a test says.

use std::sync::{
    Mutex,
    atomic::{AtomicBool, AtomicU64},
};

use bytes::Bytes;
use futures_util::{FutureExt as _, StreamExt as _, future::BoxFuture, stream};
use jackdaw_common::{
    BlobHash, ChangeVector,
    frame::{Accept, BlobNeed, NeededBlob, ReceiverHeartbeat, ToReceiver, ToSender, Window},
};
use jackdaw_node::shutdown::Trigger;
use jackdaw_store::{
    Record, RecordKind, StoreError,
    engine::{Blobs, Engine, EngineError, Memory, Snapshot, WriteBatch},
    keys::TABLES,
};
use tokio::{sync::mpsc, task::JoinHandle};

use super::*;
use crate::{
    outgoing::{Connected, session::fixture},
    progress::Status,
};

const TASK: u64 = 7;
const MINUTE: Duration = Duration::from_secs(60);

/// What a receiver answers to the call of this number, counted from zero.
type Answer = dyn Fn(usize, &Offer) -> Result<Connected, SessionError> + Send + Sync;

/// A network in which every receiver answers the same.
struct Network {
    answer: Box<Answer>,
    /// Every call: when, to whom, with which generation.
    calls: mpsc::Sender<(Instant, String, u64)>,
    count: AtomicU64,
}

impl Dial for Network {
    fn dial<'d>(
        &'d self,
        url: &'d ReceiverUrl,
        offer: Offer,
    ) -> BoxFuture<'d, Result<Connected, SessionError>> {
        let number = self.count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let call = (Instant::now(), url.to_string(), offer.generation);
        async move {
            self.calls.send(call).await.unwrap();
            (self.answer)(usize::try_from(number).unwrap(), &offer)
        }
        .boxed()
    }
}

/// A task under way.
struct Task {
    board: Board,
    key: TaskKey,
    store: Store,
    stop: Trigger,
    calls: mpsc::Receiver<(Instant, String, u64)>,
    runner: JoinHandle<()>,
}

/// An engine that takes nothing while its disk is full.
struct Filling {
    memory: Memory,
    full: Arc<AtomicBool>,
}

impl Engine for Filling {
    fn snapshot(&self) -> Result<Arc<dyn Snapshot>, EngineError> {
        self.memory.snapshot()
    }

    fn blobs(&self) -> Arc<dyn Blobs> {
        self.memory.blobs()
    }

    fn commit(&self, batch: WriteBatch) -> Result<(), EngineError> {
        if self.full.load(std::sync::atomic::Ordering::SeqCst) {
            return Err(EngineError::NoSpace { path: "/".into(), available: 1, needed: 2 });
        }
        self.memory.commit(batch)
    }
}

fn definition() -> TaskDefinition {
    TaskDefinition {
        id: TASK,
        display_name: "to b".to_owned(),
        connection_string: "b".to_owned(),
        enabled: true,
        created: 0,
        generation: 0,
        asked: None,
    }
}

impl Task {
    async fn start(
        urls: &[&str],
        answer: impl Fn(usize, &Offer) -> Result<Connected, SessionError> + Send + Sync + 'static,
    ) -> Self {
        Self::start_over(fixture::store(1), urls, answer).await
    }

    async fn start_over(
        store: Store,
        urls: &[&str],
        answer: impl Fn(usize, &Offer) -> Result<Connected, SessionError> + Send + Sync + 'static,
    ) -> Self {
        let definition = definition();
        let value = Bytes::from(serde_json::to_vec(&definition).unwrap());
        store.record(vec![record(None, Some(value))]).await.unwrap();
        Self::again_over(store, urls, answer)
    }

    /// A runner of the task that there is.
    fn again_over(
        store: Store,
        urls: &[&str],
        answer: impl Fn(usize, &Offer) -> Result<Connected, SessionError> + Send + Sync + 'static,
    ) -> Self {
        let definition = definition();
        let destination = (!urls.is_empty()).then(|| ConnectionString {
            name: "b".to_owned(),
            database: "copy".to_owned(),
            topology_discovery_urls: urls.iter().map(|&url| url.to_owned()).collect(),
            created: 0,
            asked: None,
        });
        let (called, calls) = mpsc::channel(64);
        let (stop, stopped) = Trigger::new();
        let key = TaskKey { database: store.database_id(), task: TASK };
        let board = Board::default();
        let runner = Runner {
            key,
            source_name: "shop".to_owned(),
            store: store.clone(),
            board: board.clone(),
            clock: Arc::new(fixture::Still),
            dial: Arc::new(Network {
                answer: Box::new(answer),
                calls: called,
                count: AtomicU64::new(0),
            }),
            random: Arc::new(|| 99),
            limits: BatchLimits::default(),
            plan: Plan { definition, destination },
            stop: stopped,
        };
        let runner = tokio::spawn(runner.run());
        Self { board, key, store, stop, calls, runner }
    }

    async fn call(&mut self) -> (Instant, String, u64) {
        self.calls.recv().await.expect("the runner has ended")
    }

    /// The status, once it is of this phase.
    async fn until(&self, phase: impl Fn(&Phase) -> bool) -> Status {
        let mut status = self.board.watch(self.key);
        status.wait_for(|status| phase(&status.phase)).await.unwrap().clone()
    }

    async fn ends(self) {
        self.stop.fire();
        self.runner.await.unwrap();
    }
}

fn record(expected: Option<Bytes>, value: Option<Bytes>) -> Record {
    let key = Bytes::copy_from_slice(&TASK.to_be_bytes());
    Record { kind: RecordKind::ExternalReplication, key, expected, value }
}

/// A receiver that accepts at `cursor`, and says nothing more.
fn accepts(cursor: Etag) -> (Connected, mpsc::Receiver<ToReceiver>) {
    let accept = Accept {
        protocol: PROTOCOL.1,
        destination: fixture::identity(9).database,
        incarnation: fixture::identity(9).incarnation,
        cursor,
        went_back_from: None,
        reconcile_after: None,
        vector: ChangeVector::empty(),
        window: Window { batches: 4, bytes: 1 << 20 },
        item_bytes_max: 1 << 24,
        transaction_bytes_max: 1 << 26,
    };
    let (outbound, sent) = mpsc::channel(64);
    let inbound = Box::pin(stream::pending());
    (Connected { floor: Etag::ZERO, accept, inbound, outbound }, sent)
}

fn refusal(reason: Reason, metadata: &[(&str, &str)]) -> SessionError {
    let metadata = metadata.iter().map(|&(name, value)| (name.to_owned(), value.to_owned()));
    SessionError::Refused {
        reason: reason.as_str().to_owned(),
        message: "no".to_owned(),
        metadata: metadata.collect(),
    }
}

fn fenced(offer: &Offer, highest: u64) -> Option<SessionError> {
    let highest_text = highest.to_string();
    (offer.generation < highest).then(|| refusal(Reason::TaskFenced, &[("highest", &highest_text)]))
}

/// A restored folder has an older generation than the destination has seen: the owner mints a
/// higher one, durably, and is accepted at once (pitfall 13).
#[tokio::test(start_paused = true)]
async fn a_fenced_owner_mints_a_higher_generation_and_asks_again_at_once() {
    let mut task = Task::start(&["https://b:1"], |_, offer| match fenced(offer, 7) {
        Some(error) => Err(error),
        None => {
            let (connected, sent) = accepts(Etag::ZERO);
            // Whoever is spoken to goes on listening.
            tokio::spawn(async move {
                let mut sent = sent;
                while sent.recv().await.is_some() {}
            });
            Ok(connected)
        }
    })
    .await;
    let (first, _, generation) = task.call().await;
    assert_eq!(generation, 1);
    let (second, _, generation) = task.call().await;
    assert_eq!((second - first, generation), (Duration::ZERO, 8));
    task.until(|phase| *phase == Phase::Live).await;
    let row = task.store.snapshot().record(RecordKind::ExternalReplication, &TASK.to_be_bytes());
    let kept: TaskDefinition = serde_json::from_slice(&row.unwrap().unwrap()).unwrap();
    assert_eq!(kept.generation, 8);
    task.ends().await;
}

/// Where another owner always has a higher one, it does not take over from it again and again.
#[tokio::test(start_paused = true)]
async fn an_owner_that_is_fenced_again_is_blocked() {
    let mut task = Task::start(&["https://b:1"], |_, offer| {
        Err(fenced(offer, offer.generation + 5).expect("it is below"))
    })
    .await;
    let (first, _, generation) = task.call().await;
    assert_eq!(generation, 1);
    let (second, _, generation) = task.call().await;
    assert_eq!((second - first, generation), (Duration::ZERO, 7));
    let status = task.until(|phase| *phase == Phase::Blocked).await;
    assert_eq!(status.error.unwrap().reason, "TASK_FENCED");
    let (third, ..) = task.call().await;
    assert!(third - second >= MINUTE, "{:?}", third - second);
    task.ends().await;
}

#[tokio::test(start_paused = true)]
async fn a_failed_task_tries_the_next_url_after_a_wait() {
    let urls = ["https://b:1", "https://c:1"];
    let mut task = Task::start(&urls, |_, _| Err(SessionError::Lost)).await;
    let mut last = None;
    for number in 0..5 {
        let (time, url, _) = task.call().await;
        assert_eq!(url.trim_end_matches('/'), urls[number % 2]);
        if let Some(last) = last {
            assert_eq!(time - last, Duration::from_millis(100));
        }
        last = Some(time);
        let waits = task.until(|phase| matches!(phase, Phase::Backoff { .. })).await;
        let error = waits.error.unwrap();
        assert_eq!(error.reason, "CONNECTION_LOST");
        assert_eq!(error.retries, u32::try_from(number).unwrap() + 1);
        assert_eq!(waits.phase, Phase::Backoff { until: error.next_try.unwrap() });
    }
    task.ends().await;
}

/// Bugs 3 and 4: endless retries at once.
#[tokio::test(start_paused = true)]
async fn what_nobody_but_a_person_can_mend_is_tried_once_a_minute() {
    let row = StoreError::Row { table: "changes", key: vec![1], what: "x".into() };
    for error in [refusal(Reason::SelfReplication, &[]), row.into()] {
        let reason = error.reason().to_owned();
        let error = Mutex::new(Some(error));
        let mut task = Task::start(&["https://b:1"], move |_, _| {
            Err(error.lock().unwrap().take().unwrap_or(SessionError::Lost))
        })
        .await;
        let (first, ..) = task.call().await;
        let status = task.until(|phase| *phase == Phase::Blocked).await;
        assert_eq!(status.error.unwrap().reason, reason);
        let (second, ..) = task.call().await;
        assert_eq!(second - first, MINUTE);
        task.ends().await;
    }
}

/// What blocks a task for days is told to people once, and again when it is something else.
#[test]
fn a_reason_is_told_once() {
    let of = |document: &str| SessionError::ContentDamaged {
        document: document.to_owned(),
        attachment: "a".to_owned(),
        hash: BlobHash::of(b"x"),
        what: "it is gone".to_owned(),
    };
    let mut told = None;
    let news: Vec<_> = ["one", "one", "other", "other", "one"]
        .map(|document| is_news(&mut told, &of(document)))
        .into();
    assert_eq!(news, [true, false, true, false, true]);
}

#[tokio::test(start_paused = true)]
async fn a_task_without_a_destination_says_so() {
    let task = Task::start(&[], |_, _| panic!("nobody is to be called")).await;
    let status = task.until(|phase| matches!(phase, Phase::Backoff { .. })).await;
    assert_eq!(status.error.unwrap().reason, "CONNECTION_STRING_NOT_FOUND");
    task.ends().await;
}

/// What an operator is told has no names of files in it.
#[tokio::test(start_paused = true)]
async fn an_error_of_the_store_names_no_file() {
    let failing = |_: usize, _: &Offer| {
        let engine = EngineError::NoSpace { path: "/secret".into(), available: 1, needed: 2 };
        Err(SessionError::Source(engine.into()))
    };
    let task = Task::start(&["https://b:1"], failing).await;
    let status = task.until(|phase| matches!(phase, Phase::Backoff { .. })).await;
    let error = status.error.unwrap();
    assert_eq!(error.reason, "DISK_FULL");
    assert!(error.message.contains("disk") && !error.message.contains("secret"), "{error:?}");
    task.ends().await;
}

/// A source whose disk is full goes on sending what it has: what it would write down is for later.
///
/// Found by: no session without a new generation, or without its position written.
#[tokio::test(start_paused = true)]
async fn a_source_whose_disk_is_full_sends() {
    let full = Arc::new(AtomicBool::new(false));
    let engine = Filling { memory: Memory::new(&TABLES), full: Arc::clone(&full) };
    let store = fixture::store_over(engine);
    fixture::fill(&store, 0..3, 10).await;
    let listening = |_: usize, _: &Offer| {
        let (connected, mut sent) = accepts(fixture::etag(1));
        tokio::spawn(async move { while sent.recv().await.is_some() {} });
        Ok(connected)
    };
    let mut first = Task::start_over(store.clone(), &["https://b:1"], listening).await;
    let (_, _, generation) = first.call().await;
    first.until(|phase| *phase == Phase::CatchingUp).await;
    first.ends().await;
    full.store(true, std::sync::atomic::Ordering::SeqCst);
    let mut second = Task::again_over(store, &["https://b:1"], listening);
    assert_eq!(second.call().await.2, generation);
    let status = second.until(|phase| *phase == Phase::CatchingUp).await;
    assert_eq!(status.error, None);
    second.ends().await;
}

/// A receiver that has ended takes no frames any more; why it has comes a moment later.
#[tokio::test(start_paused = true)]
async fn the_reason_behind_a_hangup_is_heard() {
    let task = Task::start(&["https://b:1"], |_, _| {
        let (mut connected, sent) = accepts(Etag::ZERO);
        drop(sent);
        let word = async |frame| {
            tokio::time::sleep(Duration::from_millis(300)).await;
            frame
        };
        let durable = ToSender::Heartbeat(ReceiverHeartbeat {
            cursor: fixture::etag(1),
            vector: ChangeVector::empty(),
            echo: Timestamp::from_micros(0),
            answer_wanted: false,
        });
        let words = [Ok(durable), Err(refusal(Reason::ItemKindUnsupported, &[]))];
        connected.inbound = Box::pin(stream::iter(words).then(word));
        Ok(connected)
    })
    .await;
    fixture::fill(&task.store, 0..3, 10).await;
    let status = task.until(|phase| *phase == Phase::Blocked).await;
    assert_eq!(status.error.unwrap().reason, "ITEM_KIND_UNSUPPORTED");
    // And so is what became durable meanwhile.
    assert_eq!(status.last_acknowledged, fixture::etag(1));
    task.ends().await;
}

/// A receiver that takes the content from `offset` on when it is offered, and then is lost.
fn takes_from(offset: u64) -> Connected {
    let (mut connected, mut sent) = accepts(Etag::ZERO);
    let need = async move {
        while let Some(frame) = sent.recv().await {
            if let ToReceiver::BlobOffer(offer) = frame {
                let needs = vec![NeededBlob { index: 0, offset }];
                return Ok(ToSender::BlobNeed(BlobNeed { number: offer.number, needs }));
            }
        }
        Err(SessionError::Lost)
    };
    let lost = stream::iter([Err(SessionError::Lost)]);
    connected.inbound = Box::pin(stream::once(need).chain(lost));
    connected
}

/// A content that is longer than connections last comes over many of them: each that brought a part
/// of it is followed by another soon. Where no more is had than before, the waits grow.
#[tokio::test(start_paused = true)]
async fn a_content_that_grows_is_no_failure() {
    let store = fixture::store(1);
    fixture::fill(&store, 0..1, 10).await;
    fixture::attach(&store, "things/0", "large", &vec![7; 1 << 20]).await;
    // What is lost, and comes again, is nothing new.
    let offsets = [0, 10, 20, 30, 30, 30, 40, 10, 40, 50];
    let retries = [1, 1, 1, 1, 2, 3, 1, 2, 3, 1];
    let mut task = Task::start_over(store, &["https://b:1"], move |number, _| {
        Ok(takes_from(offsets.get(number).copied().unwrap_or(50)))
    })
    .await;
    for expected in retries {
        task.call().await;
        let waits = task.until(|phase| matches!(phase, Phase::Backoff { .. })).await;
        let error = waits.error.unwrap();
        assert_eq!((&*error.reason, error.retries), ("CONNECTION_LOST", expected));
        task.until(|phase| !matches!(phase, Phase::Backoff { .. })).await;
    }
    task.ends().await;
}

/// A cursor that the source has not got to is not written down, nor sent from.
#[tokio::test(start_paused = true)]
async fn an_untrue_cursor_is_not_written_down() {
    let task = Task::start(&["https://b:1"], |_, _| Ok(accepts(fixture::etag(1_000)).0)).await;
    let status = task.until(|phase| matches!(phase, Phase::Backoff { .. })).await;
    assert_eq!(status.error.unwrap().reason, "FRAME_INVALID");
    let snapshot = task.store.snapshot();
    assert_eq!(snapshot.header().followers.acknowledged(TASK).unwrap_or_default(), Etag::ZERO);
    task.ends().await;
}
