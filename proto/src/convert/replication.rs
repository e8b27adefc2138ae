//! Frames of the stream: domain to wire and back.
//!
//! The way out cannot fail; the way in validates everything, and names the field that is wrong.

mod blobs;
mod items;
mod kept;
mod parts;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use jackdaw_common::{
    ChangeVector, DatabaseId, Etag, IncarnationId, Lineage, RunId, Timestamp,
    frame::{
        Accept, Ack, BatchEnd, Durations, Offer, Outcomes, Present, ReceiverHeartbeat, Reconciled,
        SenderHeartbeat, ToReceiver, ToSender, Window,
    },
    limits::PRESENT_KEYS_MAX,
    lineage::{Life, Run},
};
use thiserror::Error;

use crate::replication as wire;
pub use items::{OutgoingItem, decode_items};

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
    /// There are more items than any batch may have.
    #[error("more than {max} items")]
    TooManyItems {
        /// What it may have.
        max: usize,
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

fn run(name: &'static str, value: &[u8]) -> Result<RunId, FrameError> {
    if value.is_empty() {
        return Ok(RunId::NONE);
    }
    field(name, value.try_into().map(RunId::from_bytes).map_err(|_| "is not 16 bytes"))
}

fn run_bytes(run: RunId) -> Bytes {
    if run == RunId::NONE { Bytes::new() } else { Bytes::copy_from_slice(run.as_bytes()) }
}

fn lineage(
    incarnations: Vec<wire::Incarnation>,
    runs: Vec<wire::Run>,
) -> Result<Lineage, FrameError> {
    let life = |life: wire::Incarnation| {
        let incarnation = incarnation("offer.source.incarnations.id", &life.id)?;
        Ok(Life { incarnation, after: etag("offer.source.incarnations.after", life.after)? })
    };
    let begun = |begun: wire::Run| {
        let id = run("offer.source.runs.id", &begun.id)?;
        Ok(Run { id, first: etag("offer.source.runs.first", begun.first)? })
    };
    let lives = incarnations.into_iter().map(life).collect::<Result<_, FrameError>>()?;
    let runs = runs.into_iter().map(begun).collect::<Result<_, FrameError>>()?;
    field("offer.source.incarnations", Lineage::from_logs(lives, runs))
}

impl From<&Life> for wire::Incarnation {
    fn from(life: &Life) -> Self {
        let id = Bytes::copy_from_slice(life.incarnation.as_bytes());
        Self { id, after: life.after.get() }
    }
}

impl From<&Run> for wire::Run {
    fn from(run: &Run) -> Self {
        Self { id: run_bytes(run.id), first: run.first.get() }
    }
}

/// A lower-cased document id, which is text wherever it comes from.
fn text(key: &Bytes) -> String {
    String::from_utf8_lossy(key).into_owned()
}

impl From<Present> for wire::Present {
    fn from(present: Present) -> Self {
        Self {
            number: present.number,
            vector: bytes(&present.vector),
            after: text(&present.after),
            through: present.through.as_ref().map(text),
            ids: present.keys.iter().map(text).collect(),
        }
    }
}

impl TryFrom<wire::Present> for Present {
    type Error = FrameError;

    fn try_from(present: wire::Present) -> Result<Self, FrameError> {
        let (after, through) = (Bytes::from(present.after), present.through.map(Bytes::from));
        let keys: Vec<_> = present.ids.into_iter().map(Bytes::from).collect();
        let ordered = keys.is_sorted_by(|one, other| one < other)
            && keys.first().is_none_or(|first| *first > after)
            && through.as_ref().is_none_or(|through| {
                *through > after && keys.last().is_none_or(|last| last <= through)
            });
        if !ordered || keys.len() > PRESENT_KEYS_MAX {
            return field("present.ids", Err("is not an ascending list within its range"));
        }
        let vector = vector("present.vector", &present.vector)?;
        Ok(Self { number: present.number, vector, after, through, keys })
    }
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
                run: run_bytes(end.run),
            }),
            ToReceiver::Heartbeat(beat) => Frame::Heartbeat(wire::SenderHeartbeat {
                after: beat.after.get(),
                last_etag: beat.last.get(),
                frontier: beat.frontier.as_ref().map(bytes),
                sent_at: beat.sent_at.micros(),
                run: run_bytes(beat.run),
            }),
            ToReceiver::Present(present) => Frame::Present(present.into()),
            ToReceiver::BlobOffer(offer) => Frame::BlobOffer(offer.into()),
            ToReceiver::BlobChunk(chunk) => Frame::BlobChunk(chunk.into()),
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
                incarnations: offer.lineage.lives().iter().map(Into::into).collect(),
                last_etag: offer.last_etag.get(),
                tombstone_floor: offer.tombstone_floor.get(),
                vector: bytes(&offer.vector),
                runs: offer.lineage.runs().iter().map(Into::into).collect(),
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
            lineage: lineage(source.incarnations, source.runs)?,
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
                run: run("batch_end.run", &end.run)?,
            }),
            Frame::Heartbeat(beat) => Self::Heartbeat(SenderHeartbeat {
                after: etag("heartbeat.after", beat.after)?,
                last: etag("heartbeat.last_etag", beat.last_etag)?,
                frontier: optional_vector("heartbeat.frontier", beat.frontier.as_ref())?,
                run: run("heartbeat.run", &beat.run)?,
                sent_at: Timestamp::from_micros(beat.sent_at),
            }),
            Frame::Rewound(rewound) => Self::Rewound { number: rewound.number },
            Frame::Present(present) => Self::Present(present.try_into()?),
            Frame::BlobOffer(offer) => Self::BlobOffer(offer.try_into()?),
            Frame::BlobChunk(chunk) => Self::BlobChunk(chunk.try_into()?),
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
            ToSender::BlobNeed(need) => Frame::BlobNeed(need.into()),
            ToSender::Rewind { number, reason } => Frame::Rewind(blobs::rewind(number, reason)),
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
            went_back_from: accept.went_back_from.map(Etag::get),
            reconcile_after: accept.reconcile_after.map(|after| text(&after)),
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
            reconciled: ack
                .reconciled
                .map(|Reconciled { removed, kept }| wire::Reconciled { removed, kept }),
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
            Frame::BlobNeed(need) => Self::BlobNeed(need.try_into()?),
            Frame::Rewind(rewind) => {
                Self::Rewind { number: rewind.number, reason: blobs::rewind_reason(rewind)? }
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
            went_back_from: accept
                .went_back_from
                .map(|from| etag("accept.went_back_from", from))
                .transpose()?,
            reconcile_after: accept.reconcile_after.map(Bytes::from),
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
            reconciled: ack
                .reconciled
                .map(|wire::Reconciled { removed, kept }| Reconciled { removed, kept }),
            durations: Durations {
                received: durations.received,
                waited: durations.waited,
                applied: durations.applied,
            },
        })
    }
}
