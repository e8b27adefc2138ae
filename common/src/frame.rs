//! The frames of the stream as the domain sees them, and the order in which they may come.
//!
//! `proto` turns them into messages and back; sessions on both ends, and whatever replays or
//! fuzzes them, keep to [`Grammar`]. The table stands beside the `.proto` as FRAMES.md.

mod blobs;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use thiserror::Error;

pub use blobs::{BlobChunk, BlobNeed, BlobOffer, NeededBlob, OfferedBlob};

use crate::{
    AttachmentName, BlobHash, ChangeVector, DatabaseId, DocumentId, Etag, IncarnationId, Lineage,
    RunId, Timestamp,
};

/// Protocol versions this build speaks, lowest and highest.
pub const PROTOCOL: (u32, u32) = (1, 1);

/// A frame to the receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToReceiver {
    /// Who calls, for what, and where it stands.
    Offer(Offer),
    /// A batch opens.
    BatchBegin {
        /// Counted from 1.
        number: u64,
        /// The etag it continues from.
        after: Etag,
    },
    /// A part of the open batch: encoded items.
    Items(Bytes),
    /// The open batch is complete.
    BatchEnd(BatchEnd),
    /// Progress between batches.
    Heartbeat(SenderHeartbeat),
    /// What the source holds within a range, in a full reconcile.
    Present(Present),
    /// The contents that the next batch refers to.
    BlobOffer(BlobOffer),
    /// A piece of a content that was offered and is needed.
    BlobChunk(BlobChunk),
    /// Answers a rewind: what comes now was packed after it.
    Rewound {
        /// Number of the next batch.
        number: u64,
    },
}

/// A frame to the sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToSender {
    /// The session may go on.
    Accept(Accept),
    /// A batch is durable.
    Ack(Ack),
    /// Progress.
    Heartbeat(ReceiverHeartbeat),
    /// Which of the contents that were offered are needed.
    BlobNeed(BlobNeed),
    /// A batch was not applied, nor anything behind it: begin again behind the last one that was.
    Rewind {
        /// Its number.
        number: u64,
        /// Why.
        reason: RewindReason,
    },
}

/// Why a batch was not applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RewindReason {
    /// It did not arrive as it was sent.
    Checksum,
    /// The destination could not apply it.
    ApplyFailed,
    /// The content of an attachment is not there and did not come.
    Missing {
        /// The document.
        document: DocumentId,
        /// What the version has seen that the attachment is of.
        version: ChangeVector,
        /// Whether another version has taken that one's place: it is a revision.
        revision: bool,
        /// The attachment.
        attachment: AttachmentName,
        /// Its content.
        hash: BlobHash,
    },
}

/// What a sender says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Lowest and highest protocol version.
    pub protocol: (u32, u32),
    /// Name of the source database, for people.
    pub source_name: String,
    /// Its stable id.
    pub source: DatabaseId,
    /// Its incarnations and runs.
    pub lineage: Lineage,
    /// Etag of its newest durable change.
    pub last_etag: Etag,
    /// What it has forgotten of deletions.
    pub tombstone_floor: Etag,
    /// Everything it holds.
    pub vector: ChangeVector,
    /// Id of the task.
    pub task: u64,
    /// Name of the task, for people.
    pub task_name: String,
    /// Generation of its owner.
    pub generation: u64,
    /// Name of the destination database.
    pub destination: String,
}

/// What a receiver answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accept {
    /// The protocol version.
    pub protocol: u32,
    /// The destination database.
    pub destination: DatabaseId,
    /// Its incarnation.
    pub incarnation: IncarnationId,
    /// Where to go on from.
    pub cursor: Etag,
    /// Where that was, before the source was restored or copied.
    pub went_back_from: Option<Etag>,
    /// Behind which document id, lower case, the source has to say what it holds.
    pub reconcile_after: Option<Bytes>,
    /// What the destination holds.
    pub vector: ChangeVector,
    /// How much may be in flight.
    pub window: Window,
    /// Largest encoded item, bytes.
    pub item_bytes_max: u64,
    /// Largest encoded transaction, bytes.
    pub transaction_bytes_max: u64,
}

/// How much may be sent and not yet acknowledged; a batch larger than that goes alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Batches.
    pub batches: u32,
    /// Bytes of encoded items.
    pub bytes: u64,
}

/// The end of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchEnd {
    /// As at its beginning.
    pub number: u64,
    /// Etag up to which the source was scanned.
    pub last: Etag,
    /// The run in which that etag was issued.
    pub run: RunId,
    /// Items in it.
    pub items: u64,
    /// xxh3-64 over its encoded items.
    pub checksum: u64,
    /// The source's vector, at a whole point.
    pub frontier: Option<ChangeVector>,
}

/// A sender's heartbeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SenderHeartbeat {
    /// The etag it continues from.
    pub after: Etag,
    /// Etag up to which the source was scanned.
    pub last: Etag,
    /// The run in which that etag was issued.
    pub run: RunId,
    /// The source's vector, at a whole point.
    pub frontier: Option<ChangeVector>,
    /// The sender's clock.
    pub sent_at: Timestamp,
}

/// What a source holds within a range of document ids, all of them in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Present {
    /// Counts with the batches.
    pub number: u64,
    /// Everything the source held when it looked.
    pub vector: ChangeVector,
    /// The range begins behind this id.
    pub after: Bytes,
    /// It ends with this one; `None`: with the last one there is.
    pub through: Option<Bytes>,
    /// The ids in it that the source has, ascending.
    pub keys: Vec<Bytes>,
}

/// A durable batch, or range of a full reconcile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ack {
    /// Its number; all before it are durable too.
    pub number: u64,
    /// Durable cursor.
    pub cursor: Etag,
    /// Durable vector of the destination.
    pub vector: ChangeVector,
    /// What became of its items.
    pub outcomes: Outcomes,
    /// For a range of a full reconcile: what became of it.
    pub reconciled: Option<Reconciled>,
    /// How long the receiver took.
    pub durations: Durations,
}

/// The destination's documents that the source does not have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reconciled {
    /// Removed.
    pub removed: u64,
    /// Kept: there is something of them that the source has not seen.
    pub kept: u64,
}

/// Items by outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcomes {
    /// Written as the current version.
    pub applied: u64,
    /// Known before.
    pub already_present: u64,
    /// Merged into an equal version.
    pub merged: u64,
    /// Kept as versions of a conflict.
    pub conflicted: u64,
}

impl Outcomes {
    /// All items; `None` where the numbers cannot be true.
    pub fn items(&self) -> Option<u64> {
        self.applied
            .checked_add(self.already_present)?
            .checked_add(self.merged)?
            .checked_add(self.conflicted)
    }
}

/// How long a batch took at the receiver, microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Durations {
    /// First frame to last.
    pub received: u64,
    /// Until the writer's turn.
    pub waited: u64,
    /// Applied and durable.
    pub applied: u64,
}

/// A receiver's heartbeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiverHeartbeat {
    /// Durable cursor.
    pub cursor: Etag,
    /// Durable vector of the destination.
    pub vector: ChangeVector,
    /// The `sent_at` heard last.
    pub echo: Timestamp,
    /// The sender shall answer with a heartbeat at once: somebody asks whether it is alive.
    pub answer_wanted: bool,
}

/// What a frame of a sender is, for the grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FrameKind {
    /// `Offer`.
    Offer,
    /// `BatchBegin`.
    BatchBegin,
    /// `Items`.
    Items,
    /// `BatchEnd`.
    BatchEnd,
    /// `Heartbeat`.
    Heartbeat,
    /// `Rewound`.
    Rewound,
    /// `Present`.
    Present,
    /// `BlobOffer`.
    BlobOffer,
    /// `BlobChunk`.
    BlobChunk,
}

impl ToReceiver {
    /// What it is.
    pub fn kind(&self) -> FrameKind {
        match self {
            Self::Offer(_) => FrameKind::Offer,
            Self::BatchBegin { .. } => FrameKind::BatchBegin,
            Self::Items(_) => FrameKind::Items,
            Self::BatchEnd(_) => FrameKind::BatchEnd,
            Self::Heartbeat(_) => FrameKind::Heartbeat,
            Self::Rewound { .. } => FrameKind::Rewound,
            Self::Present(_) => FrameKind::Present,
            Self::BlobOffer(_) => FrameKind::BlobOffer,
            Self::BlobChunk(_) => FrameKind::BlobChunk,
        }
    }
}

/// Where a session stands in the order of the sender's frames.
///
/// | state | `Offer` | `BatchBegin` | `Items` | `BatchEnd` | `Heartbeat` | `Rewound` | the others |
/// |---|---|---|---|---|---|---|---|
/// | `Start` | `Idle` | – | – | – | – | – | – |
/// | `Idle` | – | `Batch` | – | – | `Idle` | `Idle` | `Idle` |
/// | `Batch` | – | – | `Batch` | `Idle` | – | `Idle` | – |
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Grammar {
    /// Nothing came yet.
    #[default]
    Start,
    /// Between batches.
    Idle,
    /// Inside a batch.
    Batch,
}

/// A frame that may not come here.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("frame {frame:?} in state {state:?}")]
pub struct OutOfOrder {
    /// The frame.
    pub frame: FrameKind,
    /// Where the session stood.
    pub state: Grammar,
}

impl Grammar {
    /// Where a frame leads.
    ///
    /// # Errors
    ///
    /// The frame may not come here: the session ends.
    pub fn step(self, frame: FrameKind) -> Result<Self, OutOfOrder> {
        match (self, frame) {
            (Self::Start, FrameKind::Offer) => Ok(Self::Idle),
            (Self::Idle, FrameKind::BatchBegin) => Ok(Self::Batch),
            (
                Self::Idle,
                FrameKind::Heartbeat
                | FrameKind::Rewound
                | FrameKind::Present
                | FrameKind::BlobOffer
                | FrameKind::BlobChunk,
            ) => Ok(Self::Idle),
            (Self::Batch, FrameKind::Items) => Ok(Self::Batch),
            // A rewound sender leaves the batch it was in the middle of.
            (Self::Batch, FrameKind::BatchEnd | FrameKind::Rewound) => Ok(Self::Idle),
            (state, frame) => Err(OutOfOrder { frame, state }),
        }
    }
}
