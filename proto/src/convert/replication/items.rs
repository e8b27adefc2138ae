//! Items of a batch: domain to wire and back. Bodies are shared on both ways, never copied.

use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};
use jackdaw_common::{
    Attachments, ChangeVector, Content, Entry, Etag, Item, Timestamp, TransactionMark, Version,
};
use prost::Message as _;

use super::{FrameError, blobs, bytes, kept, parts, wire};

/// An item on its way into a frame.
pub struct OutgoingItem {
    message: wire::Item,
    bytes: usize,
    attachments: Attachments,
    /// What a deletion has seen.
    deletion: Option<ChangeVector>,
    /// Whether it stays as a revision where another takes its place.
    kept: bool,
}

impl OutgoingItem {
    /// Prepares `item`; its body is shared, not copied.
    pub fn new(item: &Item) -> Self {
        let message = wire_item(item);
        let bytes = message.encoded_len();
        let bytes = bytes + prost::length_delimiter_len(bytes);
        let version = &item.version;
        let attachments = version.attachments.clone();
        let deletion = version.content.is_tombstone().then(|| version.vector.clone());
        let kept = version.kept.is_some();
        Self { message, bytes, attachments, deletion, kept }
    }

    /// Id of its document.
    pub fn id(&self) -> &str {
        &self.message.id
    }

    /// What is attached to it.
    pub fn attachments(&self) -> &Attachments {
        &self.attachments
    }

    /// What it has seen, if it is a deletion.
    pub fn deletion(&self) -> Option<&ChangeVector> {
        self.deletion.as_ref()
    }

    /// Whether it stays as a revision where another takes its place.
    pub fn is_kept(&self) -> bool {
        self.kept
    }

    /// It is sent as a revision only: another version takes its place.
    pub fn make_past(&mut self) {
        self.message.past = true;
        self.measure();
    }

    /// Names another transaction that it travels in.
    pub fn travel_in(&mut self, transaction: TransactionMark) {
        self.message.transaction = transaction.first.get();
        self.message.transaction_rows = transaction.rows;
        self.measure();
    }

    fn measure(&mut self) {
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

pub(super) fn wire_item(item: &Item) -> wire::Item {
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
            Content::Counter(counter) => wire::item::Kind::Counter(counter.into()),
            Content::Segment(segment) => wire::item::Kind::Segment(segment.into()),
            Content::RevisionTombstone(removed) => {
                let removed = bytes(removed);
                wire::item::Kind::RevisionTombstone(wire::RevisionTombstone { removed })
            }
        }),
        since: if version.since.is_empty() { Bytes::new() } else { bytes(&version.since) },
        attachments: blobs::wire_attachments(&version.attachments),
        kept: version.kept.as_deref().map(Into::into),
        past: item.past,
    }
}

/// Reads a frame's worth of items behind those that there are; bodies share its memory.
///
/// # Errors
///
/// The first item that is not one, by its index in the frame; that there are more than `max` in
/// all, as soon as there are.
pub fn decode_items(
    mut encoded: Bytes,
    items: &mut Vec<Item>,
    max: usize,
) -> Result<(), FrameError> {
    let mut index = 0;
    while encoded.has_remaining() {
        if items.len() >= max {
            return Err(FrameError::TooManyItems { max });
        }
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
    if !matches!(kind, wire::item::Kind::Document(_)) && !message.attachments.is_empty() {
        return Err(fail("what is no document has attachments".into()));
    }
    let kept = message.kept.map(|it| kept::kept(it).map(Arc::new)).transpose().map_err(fail)?;
    let keeps = matches!(kind, wire::item::Kind::Document(_) | wire::item::Kind::Tombstone(_));
    if kept.is_some() && !keeps {
        return Err(fail("what is no version of a document is kept as a revision".into()));
    }
    if message.past && kept.is_none() {
        return Err(fail("what is no revision is sent as one".into()));
    }
    let vector = vector(&message.vector).map_err(fail)?;
    if vector.is_empty() {
        return Err(fail("its change vector is empty".into()));
    }
    let attachments = blobs::attachments(message.attachments, &vector).map_err(fail)?;
    let since = self::vector(&message.since).map_err(fail)?;
    if !vector.covers(&since) {
        return Err(fail("it came after a deletion that it has not seen".into()));
    }
    let minted = minted(message.minted, &vector).map_err(fail)?;
    let content = match kind {
        wire::item::Kind::Document(body) => Content::Document(body),
        wire::item::Kind::Tombstone(wire::Tombstone {}) => Content::Tombstone,
        wire::item::Kind::Counter(it) => {
            Content::Counter(parts::counter(it, &vector).map_err(fail)?)
        }
        wire::item::Kind::Segment(it) => {
            Content::Segment(parts::segment(it, &vector).map_err(fail)?)
        }
        wire::item::Kind::RevisionTombstone(it) => {
            Content::RevisionTombstone(kept::removed(&it).map_err(fail)?)
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
        past: message.past,
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
            content,
            attachments,
            since,
            kept,
        },
    })
}

/// The entry of its vector that was minted for a version, by its place, counted from 1.
fn minted(place: u32, vector: &ChangeVector) -> Result<Option<Entry>, String> {
    let Some(at) = place.checked_sub(1) else { return Ok(None) };
    let entry = usize::try_from(at).ok().and_then(|at| vector.entries().get(at));
    entry.copied().map(Some).ok_or_else(|| "minted is not an entry of its vector".to_owned())
}

pub(super) fn vector(encoded: &[u8]) -> Result<ChangeVector, String> {
    if encoded.is_empty() {
        return Ok(ChangeVector::empty());
    }
    let vector = ChangeVector::decode(encoded).map_err(|error| error.to_string())?;
    vector.check_bound().map_err(|error| error.to_string())?;
    Ok(vector)
}
