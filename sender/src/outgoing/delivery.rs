//! The contents of the batch that waits: offered, then sent as far as they are needed.
//!
//! ```text
//!   packed ──► BlobOffer ──► … BlobNeed ──► chunk, chunk, … ──► the batch has its turn
//! ```
//!
//! One batch at a time; those before it are on their way meanwhile. A piece is read, away from the
//! session, when the connection has taken the one before. Small contents go first, and none is held
//! longer than it must be: one that lies in a row holds a snapshot.

use std::{collections::VecDeque, sync::Arc};

use futures_util::{FutureExt as _, future::BoxFuture};
use jackdaw_common::{
    BlobHasher,
    frame::{BlobChunk, BlobNeed, BlobOffer, NeededBlob, OfferedBlob},
    limits::BLOB_CHUNK_BYTES,
};
use jackdaw_node::offload::{Abandoned, offload};
use jackdaw_store::StoreError;

use super::{error::SessionError, pack::Referred, settle::Untrue};

/// A piece, and the hash so far of a content that is read from its beginning.
type Read = (BlobChunk, Option<BlobHasher>);

/// The contents of one batch.
pub(super) struct Delivery {
    number: u64,
    /// All of them, until the receiver has said what it needs.
    offered: Vec<Arc<Referred>>,
    /// What is still to be sent; `None` until the receiver has said.
    needs: Option<VecDeque<(NeededBlob, Arc<Referred>)>>,
    reading: Option<BoxFuture<'static, Result<Read, SessionError>>>,
    /// Over what was read of the content under way, where that was from its beginning.
    hasher: Option<BlobHasher>,
}

impl Delivery {
    /// Those of batch `number`, and the offer of them.
    pub(super) fn new(number: u64, mut contents: Vec<Referred>) -> (Self, BlobOffer) {
        contents.sort_by_key(|it| it.content.size());
        let blob = |it: &Referred| OfferedBlob { hash: it.content.hash(), size: it.content.size() };
        let offer = BlobOffer { number, blobs: contents.iter().map(blob).collect() };
        let offered = contents.into_iter().map(Arc::new).collect();
        (Self { number, offered, needs: None, reading: None, hasher: None }, offer)
    }

    /// The receiver says what it needs; answers how many bytes that is.
    pub(super) fn need(&mut self, need: BlobNeed) -> Result<u64, Untrue> {
        let wrong = Untrue::Need { number: need.number };
        if need.number != self.number || self.needs.is_some() {
            return Err(wrong);
        }
        let offered = std::mem::take(&mut self.offered);
        let needed = |needed: NeededBlob| {
            let of = offered.get(usize::try_from(needed.index).ok()?)?;
            let there = needed.offset < of.content.size() || needed.offset == 0;
            there.then(|| (needed, Arc::clone(of)))
        };
        let needs: Option<VecDeque<_>> = need.needs.into_iter().map(needed).collect();
        let needs = needs.ok_or(wrong)?;
        let lacked = needs.iter().map(|(needed, of)| of.content.size() - needed.offset).sum();
        self.needs = Some(needs);
        self.read();
        Ok(lacked)
    }

    /// Whether all that is needed is sent.
    pub(super) fn is_done(&self) -> bool {
        self.reading.is_none() && self.needs.as_ref().is_some_and(VecDeque::is_empty)
    }

    /// The next piece; waits for ever when there is none. Cancel safe.
    pub(super) async fn piece(&mut self) -> Result<BlobChunk, SessionError> {
        let Some(reading) = &mut self.reading else { return std::future::pending().await };
        let (chunk, hasher) = reading.as_mut().await?;
        (self.reading, self.hasher) = (None, hasher);
        self.advance(&chunk)?;
        self.read();
        Ok(chunk)
    }

    /// A piece was read. A content that is not what its hash says is found here: the receiver would
    /// only refuse it, again and again.
    fn advance(&mut self, chunk: &BlobChunk) -> Result<(), SessionError> {
        let Some(needs) = &mut self.needs else { return Ok(()) };
        let Some((first, of)) = needs.front_mut() else { return Ok(()) };
        first.offset = chunk.offset + chunk.bytes.len() as u64;
        if first.offset < of.content.size() {
            return Ok(());
        }
        let sent = needs.pop_front();
        let read = self.hasher.take().map(|hasher| hasher.finish());
        match sent.zip(read) {
            Some(((_, of), read)) if read != of.content.hash() => {
                Err(of.damaged("it is not what its hash says".to_owned()))
            }
            _ => Ok(()),
        }
    }

    /// Begins to read the next piece.
    fn read(&mut self) {
        let needed = self.needs.as_ref().and_then(VecDeque::front);
        let Some((NeededBlob { index, offset }, referred)) = needed.cloned() else { return };
        let hasher = if offset == 0 { Some(BlobHasher::default()) } else { self.hasher.take() };
        let read = move || {
            let mut hasher = hasher;
            let read = referred.content.read(offset, BLOB_CHUNK_BYTES);
            let bytes = read.map_err(|error| match error {
                StoreError::Content { what, .. } => referred.damaged(what),
                other => other.into(),
            })?;
            if let Some(hasher) = &mut hasher {
                hasher.update(&bytes);
            }
            Ok((BlobChunk { index, offset, bytes }, hasher))
        };
        let reading =
            async move { offload(read).await.map_err(|Abandoned| SessionError::SourceClosed)? };
        self.reading = Some(reading.boxed());
    }
}

impl Referred {
    /// It cannot be sent: whoever repairs it must know what it is of.
    fn damaged(&self, what: String) -> SessionError {
        let (document, attachment) = (self.document.clone(), self.attachment.clone());
        SessionError::ContentDamaged { document, attachment, hash: self.content.hash(), what }
    }
}

/// The next piece of what is delivered; waits for ever when nothing is.
pub(super) async fn piece(delivery: &mut Option<Delivery>) -> Result<BlobChunk, SessionError> {
    match delivery {
        Some(delivery) => delivery.piece().await,
        None => std::future::pending().await,
    }
}
