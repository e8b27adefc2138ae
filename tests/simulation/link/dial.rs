//! Reaching a receiver over the simulated network: the handshake, and a session at its end.

use std::{
    collections::BTreeSet,
    pin::Pin,
    sync::{Arc, PoisonError},
    time::Duration,
};

use futures_util::{FutureExt as _, Stream, StreamExt as _, future::BoxFuture, stream};
use jackdaw_common::{
    frame::{Ack, Durations, Offer, Outcomes, ToReceiver, ToSender},
    limits::FRAMES_QUEUED_MAX,
};
use jackdaw_node::channel::ReceiverUrl;
use jackdaw_proto::replication::ReplicateRequest;
use jackdaw_receiver::incoming::{IncomingError, LiveSessions, Serve, greet};
use jackdaw_sender::outgoing::{Connected, Dial, SessionError, refused};
use prost::Message as _;
use tokio::{
    sync::{mpsc, oneshot},
    time::sleep,
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::{
    Network, Way,
    pump::Pump,
    tap::{Requests, Responses},
};
use crate::{
    node::{Door, PORT},
    oracle::{Connection, Oracle},
    planted::Planted,
};

/// How long a connection may take to be made.
const CONNECT_MAX: Duration = Duration::from_secs(5);

/// How one node reaches the others.
pub(crate) struct Phone {
    pub(crate) node: usize,
    pub(crate) network: Network,
}

impl Dial for Phone {
    fn dial<'d>(
        &'d self,
        url: &'d ReceiverUrl,
        offer: Offer,
    ) -> BoxFuture<'d, Result<Connected, SessionError>> {
        self.connect(usize::from(url.port()) - PORT, offer).boxed()
    }
}

impl Phone {
    async fn connect(&self, to: usize, mut offer: Offer) -> Result<Connected, SessionError> {
        let inner = &self.network.0;
        offer.generation = self.network.owned(self.node, to, offer.generation);
        let wire = self.network.wire(self.node, to);
        let on = Connection { number: self.network.next(self.node, to), from: self.node, to };
        // Its latencies are its own: what other connections do has no part in them.
        let mut random = inner.random.named(&format!("{on:?}"));
        sleep(Duration::from_millis(random.below(5))).await;
        let state = *wire.state();
        if state.held.contains(&true) {
            sleep(CONNECT_MAX).await;
            return Err(SessionError::Lost);
        }
        let door = self.network.door(to).filter(|_| !state.refuses);
        let Some(door) = door else { return Err(SessionError::Lost) };
        let latency = [0, 1, 3, 20][random.index(4)];
        let pump = |way, name: &str| {
            let (wire, random) = (Arc::clone(&wire), random.named(name));
            Pump { wire, way, cuts: state.cuts, random, latency }
        };
        let (floor, generation) = (offer.tombstone_floor, offer.generation);
        let (outbound, requests) = mpsc::channel(FRAMES_QUEUED_MAX);
        let (to_session, inbound) = mpsc::channel(FRAMES_QUEUED_MAX);
        let (to_sender, responses) = mpsc::channel(FRAMES_QUEUED_MAX);
        let (answering, answer) = oneshot::channel();
        let session = Incoming {
            door: door.clone(),
            oracle: inner.oracle.clone(),
            planted: inner.planted,
            offer: carried(offer),
            inbound,
        };
        door.spawn(session.serve(answering));
        let answer = answer.await.map_err(|_| SessionError::Lost)?;
        let said = answer.map_err(|status| {
            let error = refused(&status);
            self.network.fence(self.node, to, error.fenced_by().and(Some(generation)));
            error
        })?;
        let network = self.network.clone();
        let requests = ReceiverStream::new(requests);
        let tap = Requests {
            network: network.clone(),
            wire: Arc::clone(&wire),
            on,
            random: random.named("altered"),
            lost: 0,
            encoded: Vec::new(),
            refused: None,
            waits_for: 0,
        };
        tokio::spawn(pump(Way::There, "there").run(requests, to_session, tap));
        let tap = Responses { network, on, random: random.named("false"), acked: BTreeSet::new() };
        tokio::spawn(pump(Way::Back, "back").run(said, to_sender, tap));
        let mut inbound = ReceiverStream::new(responses);
        let Some(first) = inbound.next().await else { return Err(SessionError::Lost) };
        let ToSender::Accept(accept) = first? else { return Err(SessionError::NotAccepted) };
        Ok(Connected { floor, accept, inbound: Box::pin(inbound), outbound })
    }
}

impl Network {
    /// The generation that an owner offers: by a planted bug still the one it was fenced with.
    fn owned(&self, from: usize, to: usize, generation: u64) -> u64 {
        let fenced = self.0.fenced.lock().unwrap_or_else(PoisonError::into_inner);
        fenced.get(&(from, to)).copied().unwrap_or(generation)
    }

    /// An owner was fenced, with this generation.
    fn fence(&self, from: usize, to: usize, generation: Option<u64>) {
        let fixed = self.0.planted == Some(Planted::KeepsGeneration);
        if let Some(generation) = generation.filter(|_| fixed) {
            let mut fenced = self.0.fenced.lock().unwrap_or_else(PoisonError::into_inner);
            fenced.entry((from, to)).or_insert(generation);
        }
    }
}

/// The offer as it arrives.
fn carried(offer: Offer) -> Offer {
    let bytes = ReplicateRequest::from(ToReceiver::Offer(offer)).encode_to_vec();
    let request = ReplicateRequest::decode(&bytes[..]).expect("it was just encoded");
    match ToReceiver::try_from(request) {
        Ok(ToReceiver::Offer(offer)) => offer,
        other => panic!("an offer became {other:?}"),
    }
}

/// What a receiver says, and the status with which it ends.
type Said = Pin<Box<dyn Stream<Item = Result<ToSender, Status>> + Send>>;

/// A session at the receiver's end: a part of its process.
struct Incoming {
    door: Door,
    oracle: Oracle,
    planted: Option<Planted>,
    offer: Offer,
    inbound: mpsc::Receiver<Result<ToReceiver, IncomingError>>,
}

impl Incoming {
    async fn serve(self, answering: oneshot::Sender<Result<Said, Status>>) {
        let Self { door, oracle, planted, offer, inbound } = self;
        let nobody = LiveSessions::default();
        let takes_over = planted == Some(Planted::TakesOver);
        let live = if takes_over { &nobody } else { &door.live };
        let (opened, accept) = match greet(live, &door.store, &offer).await {
            Ok(begun) => begun,
            Err(error) => {
                // Who asked may be gone.
                let _ = answering.send(Err(error.into()));
                return;
            }
        };
        oracle.began(door.node, offer.source, opened.epoch);
        let known = accept.clone();
        let (outbound, frames) = mpsc::channel(FRAMES_QUEUED_MAX);
        let (ending, ended) = oneshot::channel::<Status>();
        let ended = stream::once(ended).filter_map(async |status| status.ok().map(Err));
        let said = ReceiverStream::new(frames).map(Ok).chain(ended);
        if answering.send(Ok(Box::pin(said))).is_err() {
            return;
        }
        let early = outbound.clone();
        let inbound = ReceiverStream::new(inbound).map(move |frame| {
            if let (Some(Planted::EarlyAck), Ok(ToReceiver::BatchEnd(end))) = (planted, &frame) {
                let outcomes = Outcomes { applied: end.items, ..Outcomes::default() };
                // A queue that is full leaves it to the session.
                let _ = early.try_send(ToSender::Ack(Ack {
                    number: end.number,
                    cursor: end.last,
                    vector: known.vector.clone(),
                    outcomes,
                    reconciled: None,
                    durations: Durations::default(),
                }));
            }
            frame
        });
        let Door { store, live, drain, .. } = door;
        let serve = Serve { store, live, offer, opened, accept };
        if let Err(error) = serve.start(inbound, outbound, drain).await {
            // Who listened may be gone.
            let _ = ending.send(error.into());
        }
    }
}
