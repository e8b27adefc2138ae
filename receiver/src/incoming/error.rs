//! Why a session was refused or ended, and what the sender is told.

use jackdaw_common::{
    BlobHash, DatabaseName, change_vector::TooManyEntries, frame::OutOfOrder,
    limits::CHANGE_VECTOR_ENTRIES_MAX, lineage::Fork,
};
use jackdaw_node::{access::Denied, control::failure};
use jackdaw_proto::{
    convert::replication::FrameError,
    wire::{Reason, WireError},
};
use jackdaw_store::{ApplyError, BeginError, StoreError};
use thiserror::Error;
use tonic::Status;

use super::unpack::UnpackError;

/// Why a session was refused or ended.
#[derive(Debug, Error)]
pub enum IncomingError {
    /// No common protocol version.
    #[error("the sender speaks versions {offered:?}, this receiver {spoken:?}")]
    Protocol {
        /// Lowest and highest of the sender.
        offered: (u32, u32),
        /// Lowest and highest of this receiver.
        spoken: (u32, u32),
    },
    /// The caller may not write the database.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// No database can have that name.
    #[error("{name:?} is no database name: {why}")]
    DatabaseName {
        /// What was asked for.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// There is no such database.
    #[error("database {name} does not exist")]
    DatabaseNotFound {
        /// What was asked for.
        name: DatabaseName,
        /// The name that is most like it.
        nearest: Option<String>,
    },
    /// Another task of the same source is alive.
    #[error("task {task} ({name:?}) of the same source database sends to this database")]
    AlreadyReplicated {
        /// Its id at the source.
        task: u64,
        /// Its name.
        name: String,
    },
    /// The store does not let the session begin.
    #[error(transparent)]
    Begin(#[from] BeginError),
    /// The source went back, and has seen again now what it had sent before.
    #[error("the source was restored, and must say what it holds: the session begins anew")]
    ReconcileDue,
    /// A newer session of its task has begun.
    #[error("session {epoch} was superseded by a newer one")]
    Superseded {
        /// The epoch of this one.
        epoch: u64,
    },
    /// A rewound sender that nobody has asked to, or that counts batches anew.
    #[error("rewound to batch {number}, which nobody has asked for")]
    Rewound {
        /// The number of the next batch.
        number: u64,
    },
    /// The store does not apply a batch.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// A frame that may not come here.
    #[error(transparent)]
    Order(#[from] OutOfOrder),
    /// A frame that is none.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// A batch that is not what it says.
    #[error(transparent)]
    Unpack(#[from] UnpackError),
    /// A sender says what it holds where nobody has asked it to, or sends batches before it has
    /// said all.
    #[error("a full reconcile is {}", if *.due { "due before anything else" } else { "not due" })]
    Reconcile {
        /// Whether it was asked for.
        due: bool,
    },
    /// A batch with the wrong number.
    #[error("batch {number} came where batch {expected} was due")]
    Number {
        /// What came.
        number: u64,
        /// What was due.
        expected: u64,
    },
    /// A frame of no items: it would cost memory and count for nothing.
    #[error("batch {number} has a frame of nothing")]
    EmptyFrame {
        /// The batch's number.
        number: u64,
    },
    /// A batch larger than any may be.
    #[error("batch {number} has more than {max} bytes")]
    BatchTooLarge {
        /// Its number.
        number: u64,
        /// What it may have.
        max: usize,
    },
    /// A batch of more frames than it may have items.
    #[error("batch {number} has more than {max} frames")]
    TooManyFrames {
        /// Its number.
        number: u64,
        /// What it may have.
        max: usize,
    },
    /// The sender does not keep to its window.
    #[error("more than {most} batches and heartbeats wait; the window allows fewer")]
    Window {
        /// What may wait.
        most: usize,
    },
    /// The sender has more bytes on their way than it was granted.
    #[error("more than {max} bytes of batches are on their way; the window allows no more")]
    WindowBytes {
        /// What may be on its way.
        max: u64,
    },
    /// Contents that do not come as they were offered and needed.
    #[error("contents of batch {number} {what}")]
    Contents {
        /// The batch's number.
        number: u64,
        /// What is wrong with them.
        what: &'static str,
    },
    /// What has come of a content is not what its hash says: it is dropped, and comes anew.
    #[error("the content {hash} did not arrive as it was sent")]
    ContentDamaged {
        /// Its hash.
        hash: BlobHash,
    },
    /// The database cannot be read, or the disk not be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Nothing came for too long.
    #[error("the sender was silent for 25 s")]
    Silent,
    /// This service ends.
    #[error("the receiver is shutting down")]
    Draining,
    /// The connection broke.
    #[error("the connection was lost: {0}")]
    Connection(Box<Status>),
}

impl IncomingError {
    /// What the sender is told.
    fn wire(&self) -> WireError {
        let text = self.to_string();
        match self {
            Self::Protocol { offered, spoken } => {
                WireError::new(Reason::ProtocolVersionUnsupported, text)
                    .with("sender_min", offered.0)
                    .with("sender_max", offered.1)
                    .with("receiver_min", spoken.0)
                    .with("receiver_max", spoken.1)
            }
            Self::Denied(_) => WireError::new(Reason::DatabaseAccessDenied, text),
            Self::DatabaseName { name, .. } => {
                WireError::new(Reason::FrameInvalid, text).with("name", name)
            }
            Self::DatabaseNotFound { name, nearest } => {
                let error = WireError::new(Reason::DatabaseNotFound, text).with("name", name);
                match nearest {
                    Some(nearest) => error.with("nearest", nearest),
                    None => error,
                }
            }
            Self::AlreadyReplicated { task, name } => {
                WireError::new(Reason::AlreadyReplicated, text)
                    .with("task_id", task)
                    .with("task_name", name)
            }
            Self::Begin(error) => begin(error, text),
            Self::Apply(error) => apply(error, text),
            Self::Order(error) => WireError::new(Reason::FrameOutOfOrder, text)
                .with("frame", format!("{:?}", error.frame))
                .with("state", format!("{:?}", error.state)),
            Self::Frame(FrameError::Unknown) => WireError::new(Reason::FrameUnknown, text),
            Self::Frame(FrameError::ItemKind { .. })
            | Self::Unpack(UnpackError::Frame { error: FrameError::ItemKind { .. }, .. }) => {
                WireError::new(Reason::ItemKindUnsupported, text)
            }
            Self::Superseded { epoch } => {
                WireError::new(Reason::SessionSuperseded, text).with("epoch", epoch)
            }
            Self::Frame(_)
            | Self::Unpack(_)
            | Self::Number { .. }
            | Self::Reconcile { .. }
            | Self::Rewound { .. }
            | Self::EmptyFrame { .. }
            | Self::BatchTooLarge { .. }
            | Self::TooManyFrames { .. }
            | Self::Window { .. }
            | Self::Contents { .. }
            | Self::WindowBytes { .. } => WireError::new(Reason::FrameInvalid, text),
            Self::ContentDamaged { hash } => {
                WireError::new(Reason::ChecksumMismatch, text).with("hash", hash)
            }
            Self::Store(error) => failure::store(error),
            Self::ReconcileDue => WireError::new(Reason::ReconcileDue, text),
            Self::Silent => WireError::new(Reason::PeerSilent, text),
            Self::Draining => WireError::new(Reason::Draining, text),
            Self::Connection(_) => WireError::new(Reason::ConnectionLost, text),
        }
    }
}

fn begin(error: &BeginError, text: String) -> WireError {
    match error {
        BeginError::SelfReplication(database) => {
            WireError::new(Reason::SelfReplication, text).with("database_id", database)
        }
        BeginError::SourceForked(fork) => forked(fork, text),
        BeginError::IncarnationRetired { incarnation } => {
            WireError::new(Reason::IncarnationRetired, text).with("incarnation", incarnation)
        }
        BeginError::VectorTooLong(error) => too_long(error, text),
        BeginError::Fenced { offered, highest } => WireError::new(Reason::TaskFenced, text)
            .with("generation", offered)
            .with("highest", highest),
        BeginError::Store(error) => failure::store(error),
    }
}

fn forked(fork: &Fork, text: String) -> WireError {
    let error = WireError::new(Reason::SourceForked, text);
    match fork {
        Fork::Behind { last, received } => {
            error.with("source_last_etag", last).with("received_etag", received)
        }
        Fork::OtherRun { received, common } => {
            let error = error.with("received_etag", received);
            match common {
                Some(common) => error.with("common_etag", common),
                None => error,
            }
        }
        Fork::OldIncarnation { offered, known } => {
            error.with("incarnation", offered).with("known_incarnation", known)
        }
    }
}

fn too_long(error: &TooManyEntries, text: String) -> WireError {
    WireError::new(Reason::ChangeVectorTooLong, text)
        .with("entries", error.entries)
        .with("max", CHANGE_VECTOR_ENTRIES_MAX)
}

fn apply(error: &ApplyError, text: String) -> WireError {
    match error {
        ApplyError::Fenced { epoch, current } => WireError::new(Reason::SessionSuperseded, text)
            .with("epoch", epoch)
            .with("current", current),
        ApplyError::Gap { after, cursor } => {
            WireError::new(Reason::BatchGap, text).with("after", after).with("cursor", cursor)
        }
        ApplyError::FrontierForged { claimed, last } => {
            WireError::new(Reason::FrontierForged, text)
                .with("claimed", claimed)
                .with("last_etag", last)
        }
        ApplyError::ContentMissing { id, version, name, hash, .. } => {
            WireError::new(Reason::AttachmentMissing, text)
                .with("id", id)
                .with("change_vector", version)
                .with("name", name)
                .with("hash", hash)
        }
        ApplyError::NotReconciling => WireError::new(Reason::FrameInvalid, text),
        ApplyError::VectorTooLong(error) => too_long(error, text),
        ApplyError::Store(error) => failure::store(error),
    }
}

impl From<IncomingError> for Status {
    fn from(error: IncomingError) -> Self {
        match error {
            IncomingError::Denied(denied) => denied.into(),
            other => other.wire().into(),
        }
    }
}
