//! A session without a network: its frames come from a test and go to it; its store is real, in
//! memory.

use jackdaw_common::{Lineage, RunId};
use std::{sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use jackdaw_common::{
    Attachments, ChangeVector, Collection, Content, DatabaseId, Entry, Etag, IncarnationId, Item,
    Timestamp, TransactionMark, Version,
    clock::Clock,
    frame::{Ack, BatchEnd, ReceiverHeartbeat, SenderHeartbeat, ToReceiver, ToSender, Window},
};
use jackdaw_node::shutdown::Trigger;
use jackdaw_proto::{convert::replication::OutgoingItem, wire::RemoteError};
use jackdaw_store::{
    Begin, Command, Identity, NewId, Store,
    engine::{Engine as _, Memory, WriteBatch},
    keys::{DOCUMENTS, TABLES},
};
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};
use tokio_stream::{StreamExt as _, wrappers::ReceiverStream};
use xxhash_rust::xxh3::xxh3_64;

use super::{IncomingError, Presence, Room, Session, Source};

/// The source.
pub(crate) const SOURCE: DatabaseId = DatabaseId::from_bytes([2; 16]);
pub(crate) const INCARNATION: IncarnationId = IncarnationId::from_bytes([0x82; 16]);

/// A clock that stands still.
struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(1_000_000)
    }
}

pub(crate) fn etag(number: u64) -> Etag {
    Etag::new(number).unwrap()
}

/// What the source holds at an etag.
pub(crate) fn vector(number: u64) -> ChangeVector {
    ChangeVector::from_entries([Entry { incarnation: INCARNATION, etag: etag(number) }])
}

/// A session and both of its ends.
pub(crate) struct Rig {
    pub(crate) store: Store,
    pub(crate) presence: Presence,
    pub(crate) drain: Trigger,
    to_session: Option<mpsc::Sender<ToReceiver>>,
    from_session: mpsc::Receiver<ToSender>,
    session: JoinHandle<Result<(), IncomingError>>,
}

impl Rig {
    /// A session of a source that has never been here, in a new database.
    pub(crate) async fn new() -> Self {
        Self::damaged(None).await
    }

    /// The same, in a database in which the row of a document does not read.
    pub(crate) async fn damaged(id: Option<&'static str>) -> Self {
        let memory = Memory::new(&TABLES);
        Self::damaged_over(memory, id).await
    }

    /// The same over rows that a test changes behind its back.
    pub(crate) async fn damaged_over(memory: Memory, id: Option<&'static str>) -> Self {
        let identity = Identity {
            database: DatabaseId::from_bytes([1; 16]),
            incarnation: IncarnationId::from_bytes([0x81; 16]),
            run: RunId::from_bytes([0x41; 16]),
        };
        let open = || Store::open(memory.clone(), Arc::new(Still), identity).unwrap();
        drop(open());
        if let Some(id) = id {
            let mut batch = WriteBatch::new();
            batch.put(DOCUMENTS, id, "no row at all");
            memory.commit(batch).unwrap();
        }
        Self::over(open()).await
    }

    /// A session in a database.
    pub(crate) async fn over(store: Store) -> Self {
        Self::within(store, Room::default(), 64).await
    }

    /// A session of a receiver that has so much memory.
    pub(crate) async fn with_room(room: &Room) -> Self {
        let rig = Self::new().await;
        let store = rig.store.clone();
        rig.hang_up().await;
        Self::within(store, room.clone(), 64).await
    }

    /// A session where so many frames are on their way each way at most.
    pub(crate) async fn with_depth(depth: usize) -> Self {
        let rig = Self::new().await;
        let store = rig.store.clone();
        rig.hang_up().await;
        Self::within(store, Room::default(), depth).await
    }

    /// Waits until so many frames of the session are on their way.
    pub(crate) async fn until_said(&self, frames: usize) {
        while self.from_session.len() < frames {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    async fn within(store: Store, room: Room, depth: usize) -> Self {
        let begin = Begin {
            source: SOURCE,
            lineage: Lineage::new(INCARNATION),
            last_etag: etag(1_000_000),
            tombstone_floor: Etag::ZERO,
            vector: vector(1_000_000),
            task: 1,
            generation: 1,
        };
        let opened = store.begin(begin).await.unwrap();
        let window = Window { batches: 4, bytes: 1 << 20 };
        let source = Source { database: SOURCE, task: 1 };
        let (session, presence) = Session::new(store.clone(), source, opened, window, room);
        let (to_session, frames) = mpsc::channel(depth);
        let (outbound, from_session) = mpsc::channel(depth);
        let (drain, drained) = Trigger::new();
        let inbound = ReceiverStream::new(frames).map(Ok);
        let session = tokio::spawn(session.run(inbound, outbound, drained));
        Self { store, presence, drain, to_session: Some(to_session), from_session, session }
    }

    pub(crate) async fn send(&self, frame: ToReceiver) {
        // A session that has ended takes nothing; its end says why.
        let _ = self.to_session.as_ref().unwrap().send(frame).await;
    }

    pub(crate) async fn send_all(&self, frames: impl IntoIterator<Item = ToReceiver>) {
        for frame in frames {
            self.send(frame).await;
        }
    }

    /// What the session says next.
    pub(crate) async fn next(&mut self) -> ToSender {
        let next = timeout(Duration::from_secs(60), self.from_session.recv()).await;
        next.expect("the session is silent").expect("the session has ended")
    }

    /// The next ack; heartbeats are passed over.
    pub(crate) async fn ack(&mut self) -> Ack {
        loop {
            match self.next().await {
                ToSender::Ack(ack) => return ack,
                ToSender::Heartbeat(_) => {}
                other => panic!("{other:?} instead of an ack"),
            }
        }
    }

    pub(crate) async fn heartbeat(&mut self) -> ReceiverHeartbeat {
        match self.next().await {
            ToSender::Heartbeat(beat) => beat,
            other => panic!("{other:?} instead of a heartbeat"),
        }
    }

    /// Nothing comes for so long.
    pub(crate) async fn is_silent_for(&mut self, millis: u64) {
        let next = timeout(Duration::from_millis(millis), self.from_session.recv()).await;
        assert!(next.is_err(), "{next:?}");
    }

    /// The reason with which the session ends.
    pub(crate) async fn ends(self) -> String {
        let outcome = self.session.await.unwrap();
        let status = tonic::Status::from(outcome.expect_err("it ended by itself"));
        RemoteError::from_status(&status).reason.unwrap()
    }

    /// The sender hangs up.
    pub(crate) async fn hang_up(mut self) {
        self.to_session = None;
        self.session.await.unwrap().unwrap();
    }

    /// Where the cursor is durably.
    pub(crate) fn cursor(&self) -> u64 {
        self.store.snapshot().cursor(SOURCE).unwrap().unwrap().etag().get()
    }

    /// Writes a document here.
    pub(crate) async fn put_here(&self, id: &str) {
        let command = Command::Put {
            id: NewId::Given(id.parse().unwrap()),
            collection: Collection::default(),
            body: Bytes::from_static(b"{}"),
            expected: None,
        };
        self.store.transact(vec![command]).await.unwrap();
    }
}

/// The version that the source wrote at an etag: each of a document of its own.
pub(crate) fn item(number: u64) -> Item {
    Item {
        etag: etag(number),
        transaction: TransactionMark { first: etag(number), rows: 1 },
        minted: Some(Entry { incarnation: INCARNATION, etag: etag(number) }),
        past: false,
        version: Version {
            id: format!("things/{number}").parse().unwrap(),
            collection: "Things".parse().unwrap(),
            vector: vector(number),
            last_modified: Timestamp::from_micros(7),
            content: Content::Document(Bytes::from_static(b"{}")),
            attachments: Attachments::default(),
            since: ChangeVector::empty(),
            kept: None,
        },
    }
}

/// The frames of a batch with the items of some etags.
pub(crate) fn batch(number: u64, after: u64, etags: &[u64]) -> Vec<ToReceiver> {
    let mut encoded = BytesMut::new();
    for number in etags {
        OutgoingItem::new(&item(*number)).append_to(&mut encoded);
    }
    let encoded = encoded.freeze();
    let end = BatchEnd {
        run: RunId::NONE,
        number,
        last: etag(*etags.last().unwrap()),
        items: etags.len() as u64,
        checksum: xxh3_64(&encoded),
        frontier: None,
    };
    vec![
        ToReceiver::BatchBegin { number, after: etag(after) },
        ToReceiver::Items(encoded),
        ToReceiver::BatchEnd(end),
    ]
}

/// The same batch, damaged on the way.
pub(crate) fn damaged(number: u64, after: u64, etags: &[u64]) -> Vec<ToReceiver> {
    let mut frames = batch(number, after, etags);
    if let ToReceiver::BatchEnd(end) = &mut frames[2] {
        end.checksum ^= 1;
    }
    frames
}

/// A heartbeat of the source, with its frontier.
pub(crate) fn progress(after: u64, last: u64) -> ToReceiver {
    ToReceiver::Heartbeat(SenderHeartbeat {
        run: RunId::NONE,
        after: etag(after),
        last: etag(last),
        frontier: Some(vector(last)),
        sent_at: Timestamp::from_micros(5),
    })
}

/// A heartbeat that says just that the source is there.
pub(crate) fn here(last: u64) -> ToReceiver {
    ToReceiver::Heartbeat(SenderHeartbeat {
        run: RunId::NONE,
        after: etag(last),
        last: etag(last),
        frontier: None,
        sent_at: Timestamp::from_micros(6),
    })
}
