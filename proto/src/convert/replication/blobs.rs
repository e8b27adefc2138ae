//! Frames about contents, and the attachments of an item: domain to wire and back.

use bytes::Bytes;
use jackdaw_common::{
    Attachment, Attachments, BlobHash, ChangeVector, ContentType, Entry, Etag, IncarnationId,
    frame::{BlobChunk, BlobNeed, BlobOffer, NeededBlob, OfferedBlob, RewindReason},
    limits::{BATCH_BLOBS_MAX, BLOB_BYTES_MAX, FRAME_BYTES_MAX},
};

use super::{FrameError, field, items::vector, present, wire};

fn hash_bytes(hash: &BlobHash) -> Bytes {
    Bytes::copy_from_slice(hash.as_bytes())
}

fn hash(name: &'static str, value: &[u8]) -> Result<BlobHash, FrameError> {
    field(name, value.try_into().map(BlobHash::from_bytes).map_err(|_| "is not 32 bytes"))
}

impl From<BlobOffer> for wire::BlobOffer {
    fn from(offer: BlobOffer) -> Self {
        let blob = |blob: OfferedBlob| wire::Blob { hash: hash_bytes(&blob.hash), size: blob.size };
        Self { number: offer.number, blobs: offer.blobs.into_iter().map(blob).collect() }
    }
}

impl TryFrom<wire::BlobOffer> for BlobOffer {
    type Error = FrameError;

    fn try_from(offer: wire::BlobOffer) -> Result<Self, FrameError> {
        if offer.blobs.is_empty() || offer.blobs.len() > BATCH_BLOBS_MAX {
            let what = format!("has {}, allowed are 1 to {BATCH_BLOBS_MAX}", offer.blobs.len());
            return field("blob_offer.blobs", Err(what));
        }
        let blob = |blob: wire::Blob| {
            if blob.size > BLOB_BYTES_MAX {
                return field("blob_offer.blobs.size", Err("is larger than any content may be"));
            }
            Ok(OfferedBlob { hash: hash("blob_offer.blobs.hash", &blob.hash)?, size: blob.size })
        };
        let blobs = offer.blobs.into_iter().map(blob).collect::<Result<_, FrameError>>()?;
        Ok(Self { number: offer.number, blobs })
    }
}

impl From<BlobNeed> for wire::BlobNeed {
    fn from(need: BlobNeed) -> Self {
        let needed = |it: NeededBlob| wire::NeededBlob { index: it.index, offset: it.offset };
        Self { number: need.number, needs: need.needs.into_iter().map(needed).collect() }
    }
}

impl TryFrom<wire::BlobNeed> for BlobNeed {
    type Error = FrameError;

    fn try_from(need: wire::BlobNeed) -> Result<Self, FrameError> {
        if !need.needs.is_sorted_by(|one, other| one.index < other.index) {
            return field("blob_need.needs", Err("do not ascend"));
        }
        let needed = |it: wire::NeededBlob| NeededBlob { index: it.index, offset: it.offset };
        Ok(Self { number: need.number, needs: need.needs.into_iter().map(needed).collect() })
    }
}

impl From<BlobChunk> for wire::BlobChunk {
    fn from(chunk: BlobChunk) -> Self {
        Self { index: chunk.index, offset: chunk.offset, bytes: chunk.bytes }
    }
}

impl TryFrom<wire::BlobChunk> for BlobChunk {
    type Error = FrameError;

    fn try_from(chunk: wire::BlobChunk) -> Result<Self, FrameError> {
        if chunk.bytes.len() > FRAME_BYTES_MAX {
            return field("blob_chunk.bytes", Err("are more than a frame may have"));
        }
        Ok(Self { index: chunk.index, offset: chunk.offset, bytes: chunk.bytes })
    }
}

/// Why a batch is to be sent again, as it goes out.
pub(super) fn rewind(number: u64, reason: RewindReason) -> wire::Rewind {
    let (reason, missing) = match reason {
        RewindReason::Checksum => (wire::RewindReason::Checksum, None),
        RewindReason::ApplyFailed => (wire::RewindReason::ApplyFailed, None),
        RewindReason::Missing { document, version, revision, attachment, hash } => {
            let missing = wire::MissingBlob {
                document_id: document.as_str().to_owned(),
                attachment: attachment.as_str().to_owned(),
                hash: hash_bytes(&hash),
                vector: version.to_bytes().into(),
                revision,
            };
            (wire::RewindReason::Missing, Some(missing))
        }
    };
    wire::Rewind { number, reason: reason.into(), missing }
}

/// Why a batch is to be sent again, as it came in.
pub(super) fn rewind_reason(rewind: wire::Rewind) -> Result<RewindReason, FrameError> {
    Ok(match rewind.reason() {
        wire::RewindReason::Checksum => RewindReason::Checksum,
        wire::RewindReason::ApplyFailed => RewindReason::ApplyFailed,
        wire::RewindReason::Missing => {
            let missing = present("rewind.missing", rewind.missing)?;
            RewindReason::Missing {
                document: field("rewind.missing.document_id", missing.document_id.parse())?,
                version: field("rewind.missing.vector", vector(&missing.vector))?,
                revision: missing.revision,
                attachment: field("rewind.missing.attachment", missing.attachment.parse())?,
                hash: hash("rewind.missing.hash", &missing.hash)?,
            }
        }
        wire::RewindReason::Unspecified => return field("rewind.reason", Err("is not known")),
    })
}

/// The attachments of an item, as they go out.
pub(super) fn wire_attachments(attachments: &Attachments) -> Vec<wire::Attachment> {
    let attachment = |one: &Attachment| wire::Attachment {
        name: one.name.as_str().to_owned(),
        content_type: one.content_type.as_str().to_owned(),
        hash: hash_bytes(&one.hash),
        size: one.size,
        origin_incarnation: Bytes::copy_from_slice(one.origin.incarnation.as_bytes()),
        origin_etag: one.origin.etag.get(),
    };
    attachments.as_slice().iter().map(attachment).collect()
}

/// The attachments of a version that has seen `vector`, as they came in; what is wrong with them is
/// text. An origin that the version has not seen would be taken for one that a merge has removed.
pub(super) fn attachments(
    list: Vec<wire::Attachment>,
    vector: &ChangeVector,
) -> Result<Attachments, String> {
    let attachment = |one: wire::Attachment| {
        let incarnation = one.origin_incarnation.as_ref().try_into();
        let incarnation = incarnation.map_err(|_| "its origin is not 16 bytes")?;
        let hash = one.hash.as_ref().try_into().map_err(|_| "its hash is not 32 bytes")?;
        if one.size > BLOB_BYTES_MAX {
            return Err("it is larger than any content may be".to_owned());
        }
        let incarnation = IncarnationId::from_bytes(incarnation);
        let etag = Etag::new(one.origin_etag).map_err(text)?;
        if etag == Etag::ZERO {
            return Err("its origin has etag 0, which no write has".to_owned());
        }
        if vector.etag_of(incarnation) < etag {
            return Err(format!("its version has not seen its origin, of etag {etag}"));
        }
        Ok(Attachment {
            name: one.name.parse().map_err(text)?,
            content_type: ContentType::new(&one.content_type).map_err(text)?,
            hash: BlobHash::from_bytes(hash),
            size: one.size,
            origin: Entry { incarnation, etag },
        })
    };
    let numbered = list.into_iter().enumerate();
    let list = numbered.map(|(index, one)| {
        attachment(one).map_err(|error| format!("attachment {index}: {error}"))
    });
    Attachments::new(list.collect::<Result<_, _>>()?).map_err(text)
}

fn text(error: impl ToString) -> String {
    error.to_string()
}
