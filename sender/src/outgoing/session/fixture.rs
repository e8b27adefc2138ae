//! A session without a network: a test is the receiver. The store is real, in memory.

use jackdaw_common::{Lineage, RunId};
use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use jackdaw_common::{
    Attachments, Collection, Content, DatabaseId, Entry, IncarnationId, Item, TransactionMark,
    Version,
    frame::{Accept, Durations, Outcomes, PROTOCOL, SenderHeartbeat},
};
use jackdaw_node::shutdown::Trigger;
use jackdaw_store::{
    Begin, Brought, Command, Identity, Incoming, NewId, engine::Memory, keys::TABLES,
};
use tokio::{task::JoinHandle, time::timeout};
use tokio_stream::wrappers::ReceiverStream;

use super::*;

/// A clock that stands still.
pub(crate) struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(1_000_000)
    }
}

pub(crate) fn etag(number: u64) -> Etag {
    Etag::new(number).unwrap()
}

pub(crate) fn identity(n: u8) -> Identity {
    Identity {
        database: DatabaseId::from_bytes([n; 16]),
        incarnation: IncarnationId::from_bytes([0x80 | n; 16]),
        run: RunId::from_bytes([0x40 | n; 16]),
    }
}

/// Database `n`, empty.
pub(crate) fn store(n: u8) -> Store {
    Store::open(Memory::new(&TABLES), Arc::new(Still), identity(n)).unwrap()
}

/// Database 1 over an engine.
pub(crate) fn store_over(engine: impl jackdaw_store::engine::Engine) -> Store {
    Store::open(engine, Arc::new(Still), identity(1)).unwrap()
}

/// Writes documents of `bytes` each, one a transaction.
pub(crate) async fn fill(store: &Store, ids: std::ops::Range<u64>, bytes: usize) {
    let body = Bytes::from(format!(r#"{{"t":"{}"}}"#, "x".repeat(bytes)));
    for id in ids {
        let command = Command::Put {
            id: NewId::Given(format!("things/{id}").parse().unwrap()),
            collection: Collection::default(),
            body: body.clone(),
            expected: None,
        };
        store.transact(vec![command]).await.unwrap();
    }
}

/// Attaches a content to a document.
pub(crate) async fn attach(store: &Store, id: &str, name: &str, content: &[u8]) {
    let mut staging = store.stage();
    staging.write(content).unwrap();
    let command = Command::PutAttachment {
        id: id.parse().unwrap(),
        name: name.parse().unwrap(),
        content_type: "".parse().unwrap(),
        content: Arc::new(staging.finish().unwrap()).into(),
        expected: None,
    };
    store.transact(vec![command]).await.unwrap();
}

/// A version arrives that another database has written.
/// Answers the session it came in.
pub(super) async fn arrived(store: &Store, minted: Entry) -> u64 {
    let begin = Begin {
        source: identity(2).database,
        lineage: Lineage::new(identity(2).incarnation),
        last_etag: etag(1),
        tombstone_floor: Etag::ZERO,
        vector: ChangeVector::empty(),
        task: 1,
        generation: 1,
    };
    let session = store.begin(begin).await.unwrap();
    let item = Item {
        etag: etag(1),
        transaction: TransactionMark { first: etag(1), rows: 1 },
        minted: Some(minted),
        past: false,
        version: Version {
            id: "theirs".parse().unwrap(),
            collection: Collection::default(),
            vector: ChangeVector::from_entries([minted]),
            last_modified: Timestamp::from_micros(1),
            content: Content::Tombstone,
            attachments: Attachments::default(),
            since: ChangeVector::empty(),
            kept: None,
        },
    };
    let incoming = Incoming {
        source: identity(2).database,
        epoch: session.epoch,
        after: Etag::ZERO,
        last: etag(1),
        run: RunId::NONE,
        frontier: None,
        items: vec![item.into()],
        brought: Brought::default(),
    };
    store.apply(incoming).await.unwrap();
    session.epoch
}

/// Its source has come to a whole point.
pub(super) async fn raised(store: &Store, epoch: u64, to: Entry) {
    let incoming = Incoming {
        source: identity(2).database,
        epoch,
        after: etag(1),
        last: etag(1),
        run: RunId::NONE,
        frontier: Some(ChangeVector::from_entries([to])),
        items: Vec::new(),
        brought: Brought::default(),
    };
    store.apply(incoming).await.unwrap();
}

/// A batch as a receiver gets it.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) number: u64,
    pub(super) after: u64,
    pub(super) last: u64,
    pub(super) items: u64,
    pub(super) bytes: usize,
    pub(super) frontier: bool,
}

/// A session, and its receiver.
pub(super) struct Rig {
    pub(super) board: Board,
    pub(super) key: TaskKey,
    pub(super) stop: Trigger,
    to_session: mpsc::Sender<Result<ToSender, SessionError>>,
    from_session: mpsc::Receiver<ToReceiver>,
    session: JoinHandle<Result<(), SessionError>>,
}

impl Rig {
    /// A receiver that holds nothing.
    pub(super) fn new(store: &Store, window: Window) -> Self {
        Self::with_depth(store, window, 64)
    }

    /// The same, where so many frames are on their way each way at most.
    pub(super) fn with_depth(store: &Store, window: Window, depth: usize) -> Self {
        let accept = Accept {
            protocol: PROTOCOL.1,
            destination: identity(9).database,
            incarnation: identity(9).incarnation,
            cursor: Etag::ZERO,
            went_back_from: None,
            reconcile_after: None,
            vector: ChangeVector::empty(),
            window,
            item_bytes_max: 1 << 24,
            transaction_bytes_max: 1 << 26,
        };
        let board = Board::default();
        let key = TaskKey { database: store.database_id(), task: 1 };
        let (clock, limits) = (Arc::new(Still), BatchLimits::default());
        let session =
            Session::new(store.clone(), board.clone(), key, clock, limits, accept).unwrap();
        let (to_session, inbound) = mpsc::channel(depth);
        let (outbound, from_session) = mpsc::channel(depth);
        let (stop, stopped) = Trigger::new();
        let session = session.run(ReceiverStream::new(inbound), outbound, stopped);
        let session = tokio::spawn(session);
        Self { board, key, stop, to_session, from_session, session }
    }

    pub(super) async fn next(&mut self) -> ToReceiver {
        let next = timeout(Duration::from_secs(60), self.from_session.recv()).await;
        next.expect("the session is silent").expect("the session has ended")
    }

    /// The next batch, whole.
    pub(super) async fn batch(&mut self) -> Batch {
        let ToReceiver::BatchBegin { number, after } = self.next().await else {
            panic!("no batch")
        };
        let mut bytes = 0;
        loop {
            match self.next().await {
                ToReceiver::Items(encoded) => bytes += encoded.len(),
                ToReceiver::BatchEnd(end) => {
                    assert_eq!(end.number, number);
                    let (last, items, frontier) =
                        (end.last.get(), end.items, end.frontier.is_some());
                    return Batch { number, after: after.get(), last, items, bytes, frontier };
                }
                other => panic!("{other:?} in a batch"),
            }
        }
    }

    pub(super) async fn heartbeat(&mut self) -> SenderHeartbeat {
        match self.next().await {
            ToReceiver::Heartbeat(beat) => beat,
            other => panic!("{other:?} instead of a heartbeat"),
        }
    }

    pub(super) async fn is_silent_for(&mut self, millis: u64) {
        let next = timeout(Duration::from_millis(millis), self.from_session.recv()).await;
        assert!(next.is_err(), "{next:?}");
    }

    pub(super) async fn say(&self, frame: ToSender) {
        // A session that has ended takes nothing; its end says why.
        let _ = self.to_session.send(Ok(frame)).await;
    }

    /// Acknowledges a batch: all applied.
    pub(super) async fn ack(&self, batch: &Batch) {
        self.say(ToSender::Ack(Ack {
            number: batch.number,
            cursor: etag(batch.last),
            vector: ChangeVector::empty(),
            outcomes: Outcomes { applied: batch.items, ..Outcomes::default() },
            reconciled: None,
            durations: Durations::default(),
        }))
        .await;
    }

    pub(super) async fn beat(&self, cursor: u64, vector: ChangeVector, answer_wanted: bool) {
        self.say(ToSender::Heartbeat(ReceiverHeartbeat {
            cursor: etag(cursor),
            vector,
            echo: Timestamp::from_micros(0),
            answer_wanted,
        }))
        .await;
    }

    pub(super) async fn rewind(&self, batch: &Batch) {
        let reason = RewindReason::Checksum;
        self.say(ToSender::Rewind { number: batch.number, reason }).await;
    }

    /// Why the session ends.
    pub(super) async fn ends(self) -> SessionError {
        self.session.await.unwrap().expect_err("it was told to")
    }
}
