//! Why a session ended, and what that means for the next one.

use std::collections::BTreeMap;

use jackdaw_common::{BlobHash, Etag, frame::RewindReason};
use jackdaw_node::{channel::ConnectError, control::failure};
use jackdaw_proto::{convert::replication::FrameError, wire::Reason};
use jackdaw_store::{FollowError, StoreError};
use thiserror::Error;

use super::{pack::PackError, settle::Untrue};

/// Why a session could not begin, or ended.
#[derive(Debug, Error)]
pub enum SessionError {
    /// No connection to the receiver.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// Its connection string is gone, or has no usable URL.
    #[error("connection string {0:?} does not exist or has no usable URL")]
    ConnectionString(String),
    /// The receiver refused, or ended the session.
    #[error("{message}")]
    Refused {
        /// Reason of the published catalogue.
        reason: String,
        /// For people.
        message: String,
        /// The variables of the text.
        metadata: BTreeMap<String, String>,
    },
    /// What the destination has not received was forgotten to be deleted while it was asked.
    #[error("deletions up to etag {floor} were forgotten while the destination was asked")]
    FloorRose {
        /// The floor now.
        floor: Etag,
    },
    /// The connection was lost.
    #[error("the connection to the receiver was lost")]
    Lost,
    /// Nothing came for too long.
    #[error("the receiver was silent for 25 s")]
    Silent,
    /// A frame that is none.
    #[error("the receiver sent an invalid frame: {0}")]
    Frame(#[from] FrameError),
    /// A second accept.
    #[error("the receiver accepted twice")]
    UnexpectedAccept,
    /// The first frame was no accept.
    #[error("the receiver sent something before it accepted")]
    NotAccepted,
    /// A batch was not applied, for the second time in a row.
    #[error("batch {number}, after etag {after}, was not applied again: {}", why(.reason))]
    Rewound {
        /// Its number.
        number: u64,
        /// The etag it continues from.
        after: Etag,
        /// Why.
        reason: RewindReason,
    },
    /// It has lost what it has written itself.
    #[error("the source holds etag {claimed} of the destination, which knows of {last} only")]
    DestinationForked {
        /// What the source holds of it.
        claimed: Etag,
        /// What it says that it has written.
        last: Etag,
    },
    /// What it says cannot be true.
    #[error("the receiver {0}")]
    Untrue(#[from] Untrue),
    /// The next batch cannot be packed.
    #[error(transparent)]
    Pack(#[from] PackError),
    /// The source database cannot be read or written.
    #[error("the source database fails: {0}")]
    Source(#[from] StoreError),
    /// A content of the source cannot be read, or is another than it was.
    #[error("the content {hash} of attachment {attachment:?} of document {document:?}: {what}")]
    ContentDamaged {
        /// A document that has it.
        document: String,
        /// The attachment that it is.
        attachment: String,
        /// The content.
        hash: BlobHash,
        /// What is wrong with it.
        what: String,
    },
    /// The source database is closed or broken.
    #[error("the source database is closed")]
    SourceClosed,
    /// The destination speaks a version that was not offered.
    #[error("the receiver chose protocol version {0}, which was not offered")]
    Protocol(u32),
}

/// When to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// After a while, longer each time.
    Backoff,
    /// Somebody must act first; it is tried seldom, to see whether somebody has.
    Blocked,
}

/// Reasons that no waiting cures.
const BLOCKING: [Reason; 12] = [
    Reason::RowCorrupt,
    Reason::ContentCorrupt,
    Reason::AlreadyReplicated,
    Reason::SelfReplication,
    Reason::SourceForked,
    Reason::IncarnationRetired,
    Reason::ChangeVectorTooLong,
    Reason::ProtocolVersionUnsupported,
    Reason::ItemKindUnsupported,
    Reason::ItemTooLarge,
    Reason::FrontierForged,
    Reason::TaskFenced,
];

/// Why a batch was not applied, for people.
fn why(reason: &RewindReason) -> String {
    match reason {
        RewindReason::Checksum => "it did not arrive as it was sent".to_owned(),
        RewindReason::ApplyFailed => {
            "the destination could not apply it; its log says why".to_owned()
        }
        RewindReason::Missing { document, version, revision, attachment, hash } => {
            let what = if *revision { "revision" } else { "version" };
            format!(
                "the destination misses the content {hash} of attachment {attachment} of document \
                 {document}, {what} {version}"
            )
        }
    }
}

impl From<FollowError> for SessionError {
    fn from(error: FollowError) -> Self {
        match error {
            FollowError::Ahead { acknowledged, last } => Self::Untrue(Untrue::Cursor {
                claimed: acknowledged,
                least: Etag::ZERO,
                most: last,
            }),
            FollowError::Store(error) => Self::Source(error),
        }
    }
}

impl SessionError {
    /// Reason of the published catalogue; a newer receiver's may not be in this build's.
    pub fn reason(&self) -> &str {
        match self {
            Self::Connect(error) => error.reason(),
            Self::Refused { reason, .. } => reason,
            Self::ConnectionString(_) => Reason::ConnectionStringNotFound.as_str(),
            Self::Lost | Self::FloorRose { .. } => Reason::ConnectionLost.as_str(),
            Self::Silent => Reason::PeerSilent.as_str(),
            Self::Frame(_) | Self::UnexpectedAccept | Self::NotAccepted | Self::Untrue(_) => {
                Reason::FrameInvalid.as_str()
            }
            Self::Pack(PackError::ItemTooLarge { .. } | PackError::TransactionTooLarge { .. }) => {
                Reason::ItemTooLarge.as_str()
            }
            Self::Pack(PackError::VectorTooLong { .. }) => Reason::ChangeVectorTooLong.as_str(),
            Self::Pack(PackError::ContentMissing { .. }) | Self::ContentDamaged { .. } => {
                Reason::ContentCorrupt.as_str()
            }
            Self::Pack(PackError::Store(error)) | Self::Source(error) => {
                failure::told(error).reason().as_str()
            }
            Self::SourceClosed => Reason::StoreFailed.as_str(),
            Self::DestinationForked { .. } => Reason::FrontierForged.as_str(),
            Self::Rewound { reason: RewindReason::Checksum, .. } => {
                Reason::ChecksumMismatch.as_str()
            }
            Self::Rewound { reason: RewindReason::ApplyFailed, .. } => Reason::ApplyFailed.as_str(),
            Self::Rewound { reason: RewindReason::Missing { .. }, .. } => {
                Reason::AttachmentMissing.as_str()
            }
            Self::Protocol(_) => Reason::ProtocolVersionUnsupported.as_str(),
        }
    }

    /// What went wrong, for whoever asks how the task is doing: names no file of the service.
    pub fn message(&self) -> String {
        match self {
            Self::Pack(PackError::Store(error)) | Self::Source(error) => {
                format!("the source: {}", failure::told(error).message())
            }
            other => other.to_string(),
        }
    }

    /// The generation that a destination has accepted before, when it refuses a lower one.
    pub fn fenced_by(&self) -> Option<u64> {
        let Self::Refused { reason, metadata, .. } = self else { return None };
        let fenced = reason == Reason::TaskFenced.as_str();
        metadata.get("highest").filter(|_| fenced)?.parse().ok()
    }

    /// When to try again.
    pub fn retry(&self) -> Retry {
        let blocked = matches!(self, Self::Rewound { .. })
            || BLOCKING.iter().any(|reason| reason.as_str() == self.reason());
        if blocked { Retry::Blocked } else { Retry::Backoff }
    }
}
