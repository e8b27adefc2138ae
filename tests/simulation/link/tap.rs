//! What happens to frames on the wire: they are encoded as on a real one, watched, altered, and
//! where a bug is planted, falsified.

use std::{
    collections::BTreeSet,
    sync::{Arc, PoisonError, atomic::Ordering},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use jackdaw_common::{
    Content, Etag, Item, Partial, Partials, Segment,
    frame::{Ack, BatchEnd, ToReceiver, ToSender},
    item::{
        Extent,
        series::{NewEntry, Points, SeriesEntry},
    },
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
    /// By a planted bug: where a batch continued from that is not there, and whether it is over.
    pub(super) refused: Option<(Etag, bool)>,
    /// Bytes of the open batch.
    pub(super) waits_for: u64,
}

impl Tap for Requests {
    type In = ToReceiver;
    type Out = Result<ToReceiver, IncomingError>;

    fn leave(&mut self, frame: ToReceiver) -> Option<Self::Out> {
        self.network.0.oracle.frame(self.on, &Frame::Leaves(&frame));
        let frame = self.wait(frame)?;
        let frame = self.refuse(frame)?;
        let mut frame = self.falsify(frame);
        match &mut frame {
            ToReceiver::Items(items) => {
                self.network.0.items.fetch_add(1, Ordering::Relaxed);
                self.alter(items);
            }
            ToReceiver::BlobChunk(chunk) => self.alter(&mut chunk.bytes),
            _ => {}
        }
        let bytes = ReplicateRequest::from(frame).encode_to_vec();
        let request = ReplicateRequest::decode(&bytes[..]).expect("it was just encoded");
        Some(ToReceiver::try_from(request).map_err(IncomingError::from))
    }

    /// Contents come so slowly that much else happens before they have.
    fn takes(&self, carried: &Self::Out) -> Duration {
        let bytes = match carried {
            Ok(ToReceiver::BlobChunk(chunk)) => chunk.bytes.len(),
            _ => 0,
        };
        Duration::from_millis(bytes as u64 / BYTES_A_MILLISECOND)
    }
}

/// Bytes of contents that a wire carries in a millisecond.
const BYTES_A_MILLISECOND: u64 = 1_000;

impl Requests {
    /// Where the wire is to alter something, it is this.
    fn alter(&mut self, carried: &mut Bytes) {
        let mut state = self.wire.state();
        if state.altering == 0 || carried.is_empty() {
            return;
        }
        state.altering -= 1;
        self.network.0.altered.fetch_add(1, Ordering::Relaxed);
        let mut bytes = carried.to_vec();
        let at = self.random.index(bytes.len());
        bytes[at] ^= 1 << self.random.below(8);
        *carried = bytes.into();
    }

    /// By a planted bug, a batch that is larger than the window waits until there is room for it.
    fn wait(&mut self, frame: ToReceiver) -> Option<ToReceiver> {
        match &frame {
            ToReceiver::BatchBegin { .. } => self.waits_for = 0,
            ToReceiver::Items(items) => self.waits_for += items.len() as u64,
            _ => {}
        }
        let planted = self.network.0.planted == Some(Planted::WaitsForItself);
        (!planted || self.waits_for <= self.network.0.window.bytes).then_some(frame)
    }

    /// By a planted bug, a batch is refused and those behind it are not.
    fn refuse(&mut self, mut frame: ToReceiver) -> Option<ToReceiver> {
        if self.network.0.planted != Some(Planted::PastRefused) {
            return Some(frame);
        }
        match (&mut frame, self.refused) {
            (ToReceiver::BatchBegin { after, .. }, None) if self.random.chance(100) => {
                self.refused = Some((*after, false));
                return None;
            }
            (ToReceiver::BatchEnd(_), Some((after, false))) => {
                self.refused = Some((after, true));
                return None;
            }
            (_, Some((_, false))) => return None,
            (ToReceiver::BatchBegin { number, after }, Some((before, true))) => {
                (*number, *after) = (*number - 1, before);
            }
            (ToReceiver::BatchEnd(end), Some(_)) => end.number -= 1,
            _ => {}
        }
        Some(frame)
    }

    /// How far the destination is, as its disk says.
    fn stands(&self) -> Etag {
        let (from, to) = (self.on.from, self.on.to);
        self.network.0.oracle.with(|truth| truth.nodes[to].cursor(truth.databases[from]))
    }

    fn falsify(&mut self, mut frame: ToReceiver) -> ToReceiver {
        match (self.network.0.planted, &mut frame) {
            (Some(Planted::EarlyFrontier), ToReceiver::BatchEnd(BatchEnd { frontier, .. })) => {
                *frontier = self.network.0.oracle.with(|truth| {
                    let standing = truth.nodes[self.on.from].durable.as_ref()?;
                    Some(standing.header.vector.clone())
                });
            }
            (Some(planted), _) if planted.changes_items() => self.change(planted, &mut frame),
            (Some(Planted::OldCursor), ToReceiver::BatchBegin { after, .. }) => {
                *after = self.stands().min(*after);
            }
            (Some(Planted::OldCursor), ToReceiver::Heartbeat(beat)) => {
                beat.after = self.stands().min(beat.after);
            }
            (Some(Planted::ReconcileClaims), ToReceiver::Present(present)) => {
                self.network.0.oracle.with(|truth| {
                    let there = truth.nodes[self.on.to].durable.as_ref();
                    let vector = there.map(|there| there.header.vector.clone());
                    present.vector.merge_from(&vector.unwrap_or_default());
                });
            }
            (Some(Planted::ReconcileForgets), ToReceiver::Present(present)) => {
                present.keys.retain(|_| self.random.chance(500));
            }
            _ => {}
        }
        frame
    }
}

impl Requests {
    /// By a planted bug, items are others than were sent, and the batch agrees.
    fn change(&mut self, planted: Planted, frame: &mut ToReceiver) {
        match frame {
            ToReceiver::BatchBegin { .. } => {
                self.lost = 0;
                self.encoded.clear();
            }
            ToReceiver::Items(items) => {
                let mut all = Vec::new();
                decode_items(items.clone(), &mut all, usize::MAX).expect("it was just packed");
                let count = all.len();
                changed(planted, &mut all);
                self.lost += (count - all.len()) as u64;
                let mut bytes = BytesMut::new();
                for item in &all {
                    OutgoingItem::new(item).append_to(&mut bytes);
                }
                *items = bytes.freeze();
                self.encoded.extend_from_slice(items);
            }
            ToReceiver::BatchEnd(end) => {
                end.items -= self.lost;
                end.checksum = xxhash_rust::xxh3::xxh3_64(&self.encoded);
            }
            _ => {}
        }
    }
}

/// What becomes of a frame's worth of items.
fn changed(planted: Planted, items: &mut Vec<Item>) {
    let is_deleted = |item: &Item| match &item.version.content {
        Content::Counter(counter) => counter.partials.is_empty(),
        _ => false,
    };
    match planted {
        Planted::LostItem if items.len() > 1 => {
            items.pop();
        }
        Planted::LostSegment => {
            items.retain(|item| !matches!(item.version.content, Content::Segment(_)));
        }
        Planted::LostRemoval => {
            items.retain(|it| !matches!(it.version.content, Content::RevisionTombstone(_)));
        }
        Planted::NotKept => items.iter_mut().for_each(|item| {
            (item.version.kept, item.past) = (None, false);
        }),
        Planted::LostUncounting => items.retain(|item| !is_deleted(item)),
        Planted::CountedTwice => items.iter_mut().for_each(|item| {
            if let Content::Counter(counter) = &mut item.version.content {
                let twice = |it: &Partial| Partial { value: it.value.wrapping_mul(2), ..*it };
                let twice = counter.partials.as_slice().iter().map(twice).collect();
                counter.partials = Partials::new(twice).unwrap();
            }
        }),
        Planted::LostDeadRange => items.iter_mut().for_each(|item| {
            if let Content::Segment(segment) = &mut item.version.content {
                let points = undead(&Points::decode(&segment.points).unwrap());
                let Extent { name, span, .. } = segment.extent.clone();
                *segment = Segment::of(name, span, &points);
            }
        }),
        _ => {}
    }
}

/// The entries without the deletions; of siblings one is enough here.
fn undead(points: &Points) -> Points {
    let mut all = Points::default();
    for siblings in points.entries().chunk_by(|one, other| one.time == other.time) {
        let SeriesEntry { time, values, tag, origin } = siblings[0].clone();
        let mut one = Points::default();
        one.append(NewEntry::new(time, values, tag).unwrap(), false, origin);
        all.extend(one);
    }
    all
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
        if let ToSender::Ack(ack) = &frame {
            self.network.0.merged.fetch_add(ack.outcomes.merged, Ordering::Relaxed);
        }
        if let ToSender::Ack(Ack { reconciled: Some(reconciled), .. }) = &frame {
            self.network.0.reconciled.fetch_add(reconciled.removed, Ordering::Relaxed);
        }
        if let ToSender::Accept(accept) = &mut frame {
            accept.window = self.network.0.window;
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
            (Some(Planted::OldCursor), ToSender::Accept(accept)) => {
                let mut old = self.network.0.old.lock().unwrap_or_else(PoisonError::into_inner);
                let old = old.entry((self.on.from, self.on.to)).or_default();
                *old = accept.went_back_from.unwrap_or_default().max(*old);
                accept.cursor = accept.cursor.max(*old);
            }
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
