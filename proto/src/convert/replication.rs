//! Frames of the stream: domain to wire and back.
//!
//! The way out cannot fail; the way in validates everything, and names the field that is wrong.

use bytes::{Buf, Bytes, BytesMut};
use jackdaw_common::{
    ChangeVector, Content, DatabaseId, Etag, IncarnationId, Item, Timestamp, TransactionMark,
    Version,
    frame::{
        Accept, Ack, BatchEnd, Durations, Offer, Outcomes, ReceiverHeartbeat, RewindReason,
        SenderHeartbeat, ToReceiver, ToSender, Window,
    },
};
use prost::Message as _;
use thiserror::Error;

use crate::replication as wire;

#[cfg(test)]
mod tests;

/// What came is not a frame of this protocol version.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum FrameError {
    /// It has no frame that this version knows.
    #[error("frame of an unknown kind")]
    Unknown,
    /// A field does not hold what it must.
    #[error("field {field}: {what}")]
    Field {
        /// Path of the field.
        field: &'static str,
        /// What is wrong.
        what: String,
    },
    /// An item is of a kind that this version does not know.
    #[error("item {index} of the frame is of an unknown kind")]
    ItemKind {
        /// Which item of its frame, counted from zero.
        index: usize,
    },
    /// An item does not decode.
    #[error("item {index} of the frame: {what}")]
    Item {
        /// Which item of its frame, counted from zero.
        index: usize,
        /// What is wrong.
        what: String,
    },
}

fn field<T, E: ToString>(field: &'static str, value: Result<T, E>) -> Result<T, FrameError> {
    value.map_err(|error| FrameError::Field { field, what: error.to_string() })
}

fn present<T>(name: &'static str, value: Option<T>) -> Result<T, FrameError> {
    field(name, value.ok_or("is missing"))
}

fn etag(name: &'static str, value: u64) -> Result<Etag, FrameError> {
    field(name, Etag::new(value))
}

fn vector(name: &'static str, value: &[u8]) -> Result<ChangeVector, FrameError> {
    let vector = field(name, ChangeVector::decode(value))?;
    field(name, vector.check_bound())?;
    Ok(vector)
}

fn optional_vector(
    name: &'static str,
    value: Option<&Bytes>,
) -> Result<Option<ChangeVector>, FrameError> {
    value.map(|value| vector(name, value)).transpose()
}

fn database_id(name: &'static str, value: &[u8]) -> Result<DatabaseId, FrameError> {
    field(name, value.try_into().map(DatabaseId::from_bytes).map_err(|_| "is not 16 bytes"))
}

fn incarnation(name: &'static str, value: &[u8]) -> Result<IncarnationId, FrameError> {
    field(name, value.try_into().map(IncarnationId::from_bytes).map_err(|_| "is not 16 bytes"))
}

fn bytes(vector: &ChangeVector) -> Bytes {
    vector.to_bytes().into()
}

impl From<ToReceiver> for wire::ReplicateRequest {
    fn from(frame: ToReceiver) -> Self {
        use wire::replicate_request::Frame;
        let frame = match frame {
            ToReceiver::Offer(offer) => Frame::Offer(offer.into()),
            ToReceiver::BatchBegin { number, after } => {
                Frame::BatchBegin(wire::BatchBegin { number, after: after.get() })
            }
            ToReceiver::Items(encoded) => Frame::Items(wire::Items { encoded }),
            ToReceiver::BatchEnd(end) => Frame::BatchEnd(wire::BatchEnd {
                number: end.number,
                last_etag: end.last.get(),
                items: end.items,
                checksum: end.checksum,
                frontier: end.frontier.as_ref().map(bytes),
            }),
            ToReceiver::Heartbeat(beat) => Frame::Heartbeat(wire::SenderHeartbeat {
                after: beat.after.get(),
                last_etag: beat.last.get(),
                frontier: beat.frontier.as_ref().map(bytes),
                sent_at: beat.sent_at.micros(),
            }),
            ToReceiver::Rewound { number } => Frame::Rewound(wire::Rewound { number }),
        };
        Self { frame: Some(frame) }
    }
}

impl From<Offer> for wire::Offer {
    fn from(offer: Offer) -> Self {
        Self {
            protocol_min: offer.protocol.0,
            protocol_max: offer.protocol.1,
            source: Some(wire::Source {
                database: offer.source_name,
                database_id: Bytes::copy_from_slice(offer.source.as_bytes()),
                incarnation: Bytes::copy_from_slice(offer.incarnation.as_bytes()),
                last_etag: offer.last_etag.get(),
                tombstone_floor: offer.tombstone_floor.get(),
                vector: bytes(&offer.vector),
            }),
            task: Some(wire::Task {
                id: offer.task,
                name: offer.task_name,
                generation: offer.generation,
            }),
            destination_database: offer.destination,
        }
    }
}

impl TryFrom<wire::Offer> for Offer {
    type Error = FrameError;

    fn try_from(offer: wire::Offer) -> Result<Self, FrameError> {
        let source = present("offer.source", offer.source)?;
        let task = present("offer.task", offer.task)?;
        Ok(Self {
            protocol: (offer.protocol_min, offer.protocol_max),
            source_name: source.database,
            source: database_id("offer.source.database_id", &source.database_id)?,
            incarnation: incarnation("offer.source.incarnation", &source.incarnation)?,
            last_etag: etag("offer.source.last_etag", source.last_etag)?,
            tombstone_floor: etag("offer.source.tombstone_floor", source.tombstone_floor)?,
            vector: vector("offer.source.vector", &source.vector)?,
            task: task.id,
            task_name: task.name,
            generation: task.generation,
            destination: offer.destination_database,
        })
    }
}

impl TryFrom<wire::ReplicateRequest> for ToReceiver {
    type Error = FrameError;

    fn try_from(request: wire::ReplicateRequest) -> Result<Self, FrameError> {
        use wire::replicate_request::Frame;
        Ok(match request.frame.ok_or(FrameError::Unknown)? {
            Frame::Offer(offer) => Self::Offer(offer.try_into()?),
            Frame::BatchBegin(begin) => Self::BatchBegin {
                number: begin.number,
                after: etag("batch_begin.after", begin.after)?,
            },
            Frame::Items(items) => Self::Items(items.encoded),
            Frame::BatchEnd(end) => Self::BatchEnd(BatchEnd {
                number: end.number,
                last: etag("batch_end.last_etag", end.last_etag)?,
                items: end.items,
                checksum: end.checksum,
                frontier: optional_vector("batch_end.frontier", end.frontier.as_ref())?,
            }),
            Frame::Heartbeat(beat) => Self::Heartbeat(SenderHeartbeat {
                after: etag("heartbeat.after", beat.after)?,
                last: etag("heartbeat.last_etag", beat.last_etag)?,
                frontier: optional_vector("heartbeat.frontier", beat.frontier.as_ref())?,
                sent_at: Timestamp::from_micros(beat.sent_at),
            }),
            Frame::Rewound(rewound) => Self::Rewound { number: rewound.number },
        })
    }
}

impl From<ToSender> for wire::ReplicateResponse {
    fn from(frame: ToSender) -> Self {
        use wire::replicate_response::Frame;
        let frame = match frame {
            ToSender::Accept(accept) => Frame::Accept(accept.into()),
            ToSender::Ack(ack) => Frame::Ack(ack.into()),
            ToSender::Heartbeat(beat) => Frame::Heartbeat(wire::ReceiverHeartbeat {
                cursor: beat.cursor.get(),
                vector: bytes(&beat.vector),
                echo: beat.echo.micros(),
                answer_wanted: beat.answer_wanted,
            }),
            ToSender::Rewind { number, reason } => {
                let reason = match reason {
                    RewindReason::Checksum => wire::RewindReason::Checksum,
                    RewindReason::ApplyFailed => wire::RewindReason::ApplyFailed,
                };
                Frame::Rewind(wire::Rewind { number, reason: reason.into() })
            }
        };
        Self { frame: Some(frame) }
    }
}

impl From<Accept> for wire::Accept {
    fn from(accept: Accept) -> Self {
        Self {
            protocol: accept.protocol,
            database_id: Bytes::copy_from_slice(accept.destination.as_bytes()),
            incarnation: Bytes::copy_from_slice(accept.incarnation.as_bytes()),
            cursor: accept.cursor.get(),
            vector: bytes(&accept.vector),
            window: Some(wire::Window {
                batches: accept.window.batches,
                bytes: accept.window.bytes,
            }),
            limits: Some(wire::Limits {
                item_bytes_max: accept.item_bytes_max,
                transaction_bytes_max: accept.transaction_bytes_max,
            }),
        }
    }
}

impl From<Ack> for wire::Ack {
    fn from(ack: Ack) -> Self {
        Self {
            number: ack.number,
            cursor: ack.cursor.get(),
            vector: bytes(&ack.vector),
            outcomes: Some(wire::Outcomes {
                applied: ack.outcomes.applied,
                already_present: ack.outcomes.already_present,
                merged: ack.outcomes.merged,
                conflicted: ack.outcomes.conflicted,
            }),
            durations: Some(wire::Durations {
                received: ack.durations.received,
                waited: ack.durations.waited,
                applied: ack.durations.applied,
            }),
        }
    }
}

impl TryFrom<wire::ReplicateResponse> for ToSender {
    type Error = FrameError;

    fn try_from(response: wire::ReplicateResponse) -> Result<Self, FrameError> {
        use wire::replicate_response::Frame;
        Ok(match response.frame.ok_or(FrameError::Unknown)? {
            Frame::Accept(accept) => Self::Accept(accept.try_into()?),
            Frame::Ack(ack) => Self::Ack(ack.try_into()?),
            Frame::Heartbeat(beat) => Self::Heartbeat(ReceiverHeartbeat {
                cursor: etag("heartbeat.cursor", beat.cursor)?,
                vector: vector("heartbeat.vector", &beat.vector)?,
                echo: Timestamp::from_micros(beat.echo),
                answer_wanted: beat.answer_wanted,
            }),
            Frame::Rewind(rewind) => {
                let reason = match rewind.reason() {
                    wire::RewindReason::Checksum => RewindReason::Checksum,
                    wire::RewindReason::ApplyFailed => RewindReason::ApplyFailed,
                    wire::RewindReason::Unspecified => {
                        return field("rewind.reason", Err("is not known"));
                    }
                };
                Self::Rewind { number: rewind.number, reason }
            }
        })
    }
}

impl TryFrom<wire::Accept> for Accept {
    type Error = FrameError;

    fn try_from(accept: wire::Accept) -> Result<Self, FrameError> {
        let window = present("accept.window", accept.window)?;
        let limits = present("accept.limits", accept.limits)?;
        if window.batches == 0 {
            return field("accept.window.batches", Err("is zero"));
        }
        Ok(Self {
            protocol: accept.protocol,
            destination: database_id("accept.database_id", &accept.database_id)?,
            incarnation: incarnation("accept.incarnation", &accept.incarnation)?,
            cursor: etag("accept.cursor", accept.cursor)?,
            vector: vector("accept.vector", &accept.vector)?,
            window: Window { batches: window.batches, bytes: window.bytes },
            item_bytes_max: limits.item_bytes_max,
            transaction_bytes_max: limits.transaction_bytes_max,
        })
    }
}

impl TryFrom<wire::Ack> for Ack {
    type Error = FrameError;

    fn try_from(ack: wire::Ack) -> Result<Self, FrameError> {
        let outcomes = present("ack.outcomes", ack.outcomes)?;
        let durations = present("ack.durations", ack.durations)?;
        Ok(Self {
            number: ack.number,
            cursor: etag("ack.cursor", ack.cursor)?,
            vector: vector("ack.vector", &ack.vector)?,
            outcomes: Outcomes {
                applied: outcomes.applied,
                already_present: outcomes.already_present,
                merged: outcomes.merged,
                conflicted: outcomes.conflicted,
            },
            durations: Durations {
                received: durations.received,
                waited: durations.waited,
                applied: durations.applied,
            },
        })
    }
}

/// An item on its way into a frame.
pub struct OutgoingItem {
    message: wire::Item,
    bytes: usize,
}

impl OutgoingItem {
    /// Prepares `item`; its body is shared, not copied.
    pub fn new(item: &Item) -> Self {
        let message = wire_item(item);
        let bytes = message.encoded_len();
        Self { bytes: bytes + prost::length_delimiter_len(bytes), message }
    }

    /// Names another transaction that it travels in.
    pub fn travel_in(&mut self, transaction: TransactionMark) {
        self.message.transaction = transaction.first.get();
        self.message.transaction_rows = transaction.rows;
        let bytes = self.message.encoded_len();
        self.bytes = bytes + prost::length_delimiter_len(bytes);
    }

    /// Bytes it takes in the frame.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Appends it to a frame's worth of items.
    pub fn append_to(&self, frame: &mut BytesMut) {
        frame.reserve(self.bytes);
        let Ok(()) = self.message.encode_length_delimited(frame) else {
            unreachable!("a BytesMut grows as it is written");
        };
    }
}

fn wire_item(item: &Item) -> wire::Item {
    let version = &item.version;
    let minted = item
        .minted
        .and_then(|minted| version.vector.entries().iter().position(|entry| *entry == minted))
        .and_then(|index| u32::try_from(index + 1).ok());
    wire::Item {
        etag: item.etag.get(),
        transaction: item.transaction.first.get(),
        transaction_rows: item.transaction.rows,
        vector: bytes(&version.vector),
        last_modified: version.last_modified.micros(),
        id: version.id.as_str().to_owned(),
        collection: version.collection.as_str().to_owned(),
        minted: minted.unwrap_or(0),
        kind: Some(match &version.content {
            Content::Document(body) => wire::item::Kind::Document(body.clone()),
            Content::Tombstone => wire::item::Kind::Tombstone(wire::Tombstone {}),
        }),
    }
}

/// Reads a frame's worth of items; bodies share its memory.
///
/// # Errors
///
/// The first item that is not one, by its index in the frame.
pub fn decode_items(mut encoded: Bytes, items: &mut Vec<Item>) -> Result<(), FrameError> {
    let mut index = 0;
    while encoded.has_remaining() {
        let message = wire::Item::decode_length_delimited(&mut encoded)
            .map_err(|error| FrameError::Item { index, what: error.to_string() })?;
        items.push(domain_item(message, index)?);
        index += 1;
    }
    Ok(())
}

fn domain_item(message: wire::Item, index: usize) -> Result<Item, FrameError> {
    let fail = |what: String| FrameError::Item { index, what };
    let kind = message.kind.ok_or(FrameError::ItemKind { index })?;
    let vector = ChangeVector::decode(&message.vector).map_err(|e| fail(e.to_string()))?;
    vector.check_bound().map_err(|error| fail(error.to_string()))?;
    if vector.is_empty() {
        return Err(fail("its change vector is empty".into()));
    }
    let minted = match message.minted.checked_sub(1) {
        None => None,
        Some(at) => {
            let entry = usize::try_from(at).ok().and_then(|at| vector.entries().get(at));
            Some(*entry.ok_or_else(|| fail("minted is not an entry of its vector".into()))?)
        }
    };
    let etag = Etag::new(message.etag).map_err(|error| fail(error.to_string()))?;
    let first = Etag::new(message.transaction).map_err(|error| fail(error.to_string()))?;
    let rows = message.transaction_rows;
    if first > etag || etag.get() - first.get() >= u64::from(rows) {
        return Err(fail(format!("etag {etag} is not in transaction {first} of {rows}")));
    }
    Ok(Item {
        etag,
        transaction: TransactionMark { first, rows },
        minted,
        version: Version {
            id: message.id.parse().map_err(|error| {
                let error: jackdaw_common::id::DocumentIdError = error;
                fail(error.to_string())
            })?,
            collection: message.collection.parse().map_err(|error| {
                let error: jackdaw_common::id::CollectionError = error;
                fail(error.to_string())
            })?,
            vector,
            last_modified: Timestamp::from_micros(message.last_modified),
            content: match kind {
                wire::item::Kind::Document(body) => Content::Document(body),
                wire::item::Kind::Tombstone(wire::Tombstone {}) => Content::Tombstone,
            },
        },
    })
}
