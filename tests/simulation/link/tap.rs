//! What happens to frames on the wire: they are encoded as on a real one, watched, altered, and
//! where a bug is planted, falsified.

use std::{
    collections::BTreeSet,
    sync::{Arc, atomic::Ordering},
};

use bytes::BytesMut;
use jackdaw_common::{
    Etag,
    frame::{BatchEnd, ToReceiver, ToSender},
};
use jackdaw_proto::{
    convert::replication::{OutgoingItem, decode_items},
    replication::{ReplicateRequest, ReplicateResponse},
};
use jackdaw_receiver::incoming::IncomingError;
use jackdaw_sender::outgoing::{SessionError, refused};
use jackdaw_tests::random::Random;
use prost::Message as _;
use tonic::Status;

use super::{Network, Wire, pump::Tap};
use crate::{
    oracle::{Connection, Frame},
    planted::Planted,
};

/// What a sender says, on its way.
pub(super) struct Requests {
    pub(super) network: Network,
    pub(super) wire: Arc<Wire>,
    pub(super) on: Connection,
    pub(super) random: Random,
    /// Items taken out of the open batch, by a planted bug.
    pub(super) lost: u64,
    /// What is left of the open batch then.
    pub(super) encoded: Vec<u8>,
}

impl Tap for Requests {
    type In = ToReceiver;
    type Out = Result<ToReceiver, IncomingError>;

    fn leave(&mut self, frame: ToReceiver) -> Option<Self::Out> {
        self.network.0.oracle.frame(self.on, &Frame::Leaves(&frame));
        let mut frame = self.falsify(frame);
        if let ToReceiver::Items(items) = &mut frame {
            self.network.0.items.fetch_add(1, Ordering::Relaxed);
            let mut state = self.wire.state();
            if state.altering > 0 && !items.is_empty() {
                state.altering -= 1;
                self.network.0.altered.fetch_add(1, Ordering::Relaxed);
                let mut bytes = items.to_vec();
                let at = self.random.index(bytes.len());
                bytes[at] ^= 1 << self.random.below(8);
                *items = bytes.into();
            }
        }
        let bytes = ReplicateRequest::from(frame).encode_to_vec();
        let request = ReplicateRequest::decode(&bytes[..]).expect("it was just encoded");
        Some(ToReceiver::try_from(request).map_err(IncomingError::from))
    }
}

impl Requests {
    fn falsify(&mut self, mut frame: ToReceiver) -> ToReceiver {
        match (self.network.0.planted, &mut frame) {
            (Some(Planted::EarlyFrontier), ToReceiver::BatchEnd(BatchEnd { frontier, .. })) => {
                *frontier = self.network.0.oracle.with(|truth| {
                    let standing = truth.nodes[self.on.from].durable.as_ref()?;
                    Some(standing.header.vector.clone())
                });
            }
            (Some(Planted::LostItem), ToReceiver::BatchBegin { .. }) => {
                self.lost = 0;
                self.encoded.clear();
            }
            (Some(Planted::LostItem), ToReceiver::Items(items)) => {
                let mut all = Vec::new();
                if decode_items(items.clone(), &mut all).is_ok() && all.len() > 1 {
                    all.pop();
                    self.lost += 1;
                    let mut bytes = BytesMut::new();
                    for item in &all {
                        OutgoingItem::new(item).append_to(&mut bytes);
                    }
                    *items = bytes.freeze();
                }
                self.encoded.extend_from_slice(items);
            }
            (Some(Planted::LostItem), ToReceiver::BatchEnd(end)) => {
                end.items -= self.lost;
                end.checksum = xxhash_rust::xxh3::xxh3_64(&self.encoded);
            }
            _ => {}
        }
        frame
    }
}

/// What a receiver says, on its way.
pub(super) struct Responses {
    pub(super) network: Network,
    pub(super) on: Connection,
    pub(super) random: Random,
    /// Batches that were acknowledged, by a planted bug before their time.
    pub(super) acked: BTreeSet<u64>,
}

impl Tap for Responses {
    type In = Result<ToSender, Status>;
    type Out = Result<ToSender, SessionError>;

    fn leave(&mut self, said: Self::In) -> Option<Self::Out> {
        let mut frame = match said {
            Ok(frame) => frame,
            Err(status) => return Some(Err(refused(&status))),
        };
        if let (Some(Planted::EarlyAck), ToSender::Ack(ack)) = (self.network.0.planted, &frame)
            && !self.acked.insert(ack.number)
        {
            return None;
        }
        if let (Some(Planted::Miscounted), ToSender::Ack(ack)) =
            (self.network.0.planted, &mut frame)
        {
            ack.outcomes.applied = ack.outcomes.applied.saturating_sub(1);
        }
        self.network.0.oracle.frame(self.on, &Frame::Answers(&frame));
        let frame = self.falsify(frame);
        let bytes = ReplicateResponse::from(frame).encode_to_vec();
        let response = ReplicateResponse::decode(&bytes[..]).expect("it was just encoded");
        Some(ToSender::try_from(response).map_err(SessionError::from))
    }

    fn arrive(&mut self, frame: &Self::Out) {
        if let Ok(frame) = frame {
            self.network.0.oracle.frame(self.on, &Frame::Arrives(frame));
        }
    }
}

impl Responses {
    fn falsify(&mut self, mut frame: ToSender) -> ToSender {
        match (self.network.0.planted, &mut frame) {
            (Some(Planted::WideWindow), ToSender::Accept(accept)) => accept.window.batches = 64,
            (Some(Planted::FalseHeartbeat), ToSender::Heartbeat(beat))
                if self.random.chance(300) =>
            {
                beat.cursor = Etag::new(beat.cursor.get() + 1).unwrap();
            }
            _ => {}
        }
        frame
    }
}
