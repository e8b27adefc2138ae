//! The contents of the batch that waits: offered, then sent as far as they are needed.
//!
//! ```text
//!   packed ──► BlobOffer ──► … BlobNeed ──► chunk, chunk, … ──► the batch has its turn
//! ```
//!
//! One batch at a time; those before it are on their way meanwhile. A piece is read, away from the
//! session, when the connection has taken the one before.

use std::collections::VecDeque;

use futures_util::{FutureExt as _, future::BoxFuture};
use jackdaw_common::{
    BlobHasher,
    frame::{BlobChunk, BlobNeed, BlobOffer, NeededBlob, OfferedBlob},
    limits::BLOB_CHUNK_BYTES,
};
use jackdaw_node::offload::{Abandoned, offload};
use jackdaw_store::{Content, StoreError};

use super::{error::SessionError, settle::Untrue};

/// A piece, and the hash so far of a content that is read from its beginning.
type Read = (BlobChunk, Option<BlobHasher>);

/// The contents of one batch.
pub(super) struct Delivery {
    number: u64,
    contents: Vec<Content>,
    /// `None` until the receiver has said.
    needs: Option<VecDeque<NeededBlob>>,
    reading: Option<BoxFuture<'static, Result<Read, SessionError>>>,
    /// Over what was read of the content under way, where that was from its beginning.
    hasher: Option<BlobHasher>,
}

impl Delivery {
    /// Those of batch `number`, and the offer of them.
    pub(super) fn new(number: u64, contents: Vec<Content>) -> (Self, BlobOffer) {
        let offered =
            |content: &Content| OfferedBlob { hash: content.hash(), size: content.size() };
        let offer = BlobOffer { number, blobs: contents.iter().map(offered).collect() };
        (Self { number, contents, needs: None, reading: None, hasher: None }, offer)
    }

    /// The receiver says what it needs.
    pub(super) fn need(&mut self, need: BlobNeed) -> Result<(), Untrue> {
        let wrong = Untrue::Need { number: need.number };
        if need.number != self.number || self.needs.is_some() {
            return Err(wrong);
        }
        let can = |needed: &NeededBlob| {
            let content = usize::try_from(needed.index).ok().and_then(|at| self.contents.get(at));
            content.is_some_and(|it| needed.offset < it.size() || needed.offset == 0)
        };
        if !need.needs.iter().all(can) {
            return Err(wrong);
        }
        self.needs = Some(need.needs.into());
        self.read();
        Ok(())
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
        let Some(first) = needs.front_mut() else { return Ok(()) };
        first.offset = chunk.offset + chunk.bytes.len() as u64;
        let content = usize::try_from(first.index).ok().and_then(|at| self.contents.get(at));
        if content.is_some_and(|content| first.offset < content.size()) {
            return Ok(());
        }
        needs.pop_front();
        let read = self.hasher.take().map(|hasher| hasher.finish());
        match content.map(Content::hash).zip(read) {
            Some((hash, read)) if read != hash => {
                let what = "it is not what its hash says".to_owned();
                Err(StoreError::Content { hash, what }.into())
            }
            _ => Ok(()),
        }
    }

    /// Begins to read the next piece.
    fn read(&mut self) {
        let needed = self.needs.as_ref().and_then(VecDeque::front).copied();
        let Some(NeededBlob { index, offset }) = needed else { return };
        let content = usize::try_from(index).ok().and_then(|at| self.contents.get(at)).cloned();
        let Some(content) = content else { return };
        let hasher = if offset == 0 { Some(BlobHasher::default()) } else { self.hasher.take() };
        let read = move || {
            let mut hasher = hasher;
            let bytes = content.read(offset, BLOB_CHUNK_BYTES)?;
            if let Some(hasher) = &mut hasher {
                hasher.update(&bytes);
            }
            Ok::<_, StoreError>((BlobChunk { index, offset, bytes }, hasher))
        };
        let reading = async move {
            let read = offload(read).await.map_err(|Abandoned| SessionError::SourceClosed)?;
            Ok(read?)
        };
        self.reading = Some(reading.boxed());
    }
}

/// The next piece of what is delivered; waits for ever when nothing is.
pub(super) async fn piece(delivery: &mut Option<Delivery>) -> Result<BlobChunk, SessionError> {
    match delivery {
        Some(delivery) => delivery.piece().await,
        None => std::future::pending().await,
    }
}
