//! Contents that a batch refers to: found here, or taken in before the batch comes.
//!
//! ```text
//!   BlobOffer ──► look them up (blocking) ──► BlobNeed ──► chunk ──► append (blocking) ──► …
//!                                                                        │ whole
//!                                        batch begins ◄── durable ◄──────┴─ keep (blocking)
//! ```
//!
//! What is here stays until the batch is durable, so that it does not go between "there" and its
//! use (pitfall 17): a file of its own is not removed, a little one is read. What comes is staged
//! under the task and its hash: when the session breaks, the next one goes on behind what has come.
//! One piece is taken in at a time, and no frame is read meanwhile, so nothing gathers in memory.
//! Of contents that are whole a few are made durable side by side while others come: a disk syncs
//! several files in little more than the time of one.

use std::{
    collections::{HashSet, VecDeque},
    mem,
    sync::Arc,
};

use futures_util::{FutureExt as _, StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use jackdaw_common::{
    BlobHash, DatabaseId,
    frame::{BlobChunk, BlobNeed, BlobOffer, NeededBlob, OfferedBlob},
    limits::{BATCH_INLINE_BYTES_MAX, BLOB_INLINE_BYTES_MAX, BLOBS_KEPT_AT_ONCE_MAX},
};
use jackdaw_node::offload::{Abandoned, offload};
use jackdaw_store::{Brought, Staged, Staging, Store, StoreError};

use super::error::IncomingError;

/// Contents of the batches of one session until they are durable.
pub(super) struct Contents {
    store: Store,
    names: Names,
    /// Of the batch that comes next.
    arriving: Option<Arriving>,
    /// Of the batches that are gathered or in the pipeline, oldest first.
    held: VecDeque<Brought>,
    work: Option<Work>,
    /// Those of the batch that comes next that are whole and being made durable.
    keeping: FuturesUnordered<BoxFuture<'static, Result<Staged, IncomingError>>>,
    /// Those that are.
    kept: Vec<Arc<Staged>>,
}

/// Something is done for the batch that comes next; it may make a content whole.
type Work = BoxFuture<'static, Result<(Arriving, Option<Staging>), IncomingError>>;

/// What the parts of a task's contents are called.
#[derive(Clone)]
struct Names {
    source: DatabaseId,
    task: u64,
}

impl Names {
    fn of(&self, hash: &BlobHash) -> String {
        let digits: String = hash.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        format!("task-{}-{}-{digits}", self.source, self.task)
    }
}

/// Contents that were offered for one batch.
struct Arriving {
    number: u64,
    blobs: Vec<OfferedBlob>,
    needs: VecDeque<NeededBlob>,
    /// Whether the sender was told of them.
    told: bool,
    /// What has come of the first that is needed.
    staging: Option<Staging>,
    /// Bytes of what has come and waits in memory.
    inline: usize,
    brought: Brought,
}

impl Contents {
    /// None yet, for a session of a task of `source`.
    pub(super) fn new(store: Store, source: DatabaseId, task: u64) -> Self {
        let names = Names { source, task };
        Self {
            store,
            names,
            arriving: None,
            held: VecDeque::new(),
            work: None,
            keeping: FuturesUnordered::new(),
            kept: Vec::new(),
        }
    }

    /// Contents are offered for the batch `number`, the next one.
    pub(super) fn offer(&mut self, offer: BlobOffer) -> Result<(), IncomingError> {
        let number = offer.number;
        let mut known = HashSet::new();
        if self.arriving.is_some() || !offer.blobs.iter().all(|blob| known.insert(blob.hash)) {
            return Err(IncomingError::Contents { number, what: "are offered twice" });
        }
        let (store, names) = (self.store.clone(), self.names.clone());
        let on_the_way: Vec<_> = self.held.iter().cloned().collect();
        self.work = Some(
            async move {
                let looked = offload(move || look_up(&store, &names, offer, &on_the_way)).await;
                Ok((looked.map_err(|Abandoned| IncomingError::Draining)??, None))
            }
            .boxed(),
        );
        Ok(())
    }

    /// A piece of what is needed.
    pub(super) fn chunk(&mut self, chunk: BlobChunk) -> Result<(), IncomingError> {
        let Some(mut arriving) = self.arriving.take() else {
            return Err(IncomingError::Contents { number: 0, what: "come though none is needed" });
        };
        arriving.check(&chunk)?;
        let (store, names) = (self.store.clone(), self.names.clone());
        self.work = Some(
            async move {
                let written = offload(move || {
                    let whole = arriving.append(&store, &names, chunk)?;
                    Ok((arriving, whole))
                });
                written.await.map_err(|Abandoned| IncomingError::Draining)?
            }
            .boxed(),
        );
        Ok(())
    }

    /// Whether something is being done that must be waited for: nothing must be read until it is.
    pub(super) fn is_busy(&self) -> bool {
        let all_came = self.arriving.as_ref().is_none_or(|it| it.needs.is_empty());
        let most = if all_came { 1 } else { BLOBS_KEPT_AT_ONCE_MAX };
        self.work.is_some() || self.keeping.len() >= most
    }

    /// Completes when something that is being done is; never when nothing is. Answers what the
    /// sender is to be told. Cancel safe.
    pub(super) async fn work(&mut self) -> Result<Option<BlobNeed>, IncomingError> {
        let done = tokio::select! {
            biased;
            Some(kept) = self.keeping.next() => {
                self.kept.push(Arc::new(kept?));
                return Ok(None);
            }
            done = finished(&mut self.work) => done,
        };
        self.work = None;
        let (mut arriving, whole) = done?;
        if let Some(whole) = whole {
            self.keep(whole);
        }
        let need = (!mem::replace(&mut arriving.told, true)).then(|| BlobNeed {
            number: arriving.number,
            needs: arriving.needs.iter().copied().collect(),
        });
        self.arriving = Some(arriving);
        Ok(need)
    }

    /// Begins to make a content durable.
    fn keep(&self, whole: Staging) {
        let kept = async move {
            let kept = offload(move || whole.finish()).await;
            Ok(kept.map_err(|Abandoned| IncomingError::Draining)??)
        };
        self.keeping.push(kept.boxed());
    }

    /// The batch `number` begins: what it refers to must be there.
    pub(super) fn begin(&mut self, number: u64) -> Result<(), IncomingError> {
        let Some(mut arriving) = self.arriving.take() else {
            self.held.push_back(Brought::default());
            return Ok(());
        };
        if arriving.number != number || !arriving.needs.is_empty() {
            return Err(IncomingError::Contents { number, what: "have not all come" });
        }
        self.kept.drain(..).for_each(|staged| arriving.brought.add(staged));
        self.held.push_back(arriving.brought);
        Ok(())
    }

    /// What the newest batch refers to.
    pub(super) fn newest(&self) -> Brought {
        self.held.back().cloned().unwrap_or_default()
    }

    /// The oldest batch is durable.
    pub(super) fn done(&mut self) {
        self.held.pop_front();
    }

    /// Nothing is under way any more; what has come stays, to be gone on with.
    pub(super) fn drop_all(&mut self) {
        self.held.clear();
        self.go_back();
    }

    /// The sender begins anew: the batch that is being gathered, or that was to come, will not.
    pub(super) fn go_back(&mut self) {
        self.arriving = None;
        self.work = None;
        self.keeping.clear();
        self.kept.clear();
    }
}

/// What is being done; waits for ever when nothing is.
async fn finished(work: &mut Option<Work>) -> <Work as Future>::Output {
    match work {
        Some(work) => work.await,
        None => std::future::pending().await,
    }
}

/// Which of the contents that are offered are here.
fn look_up(
    store: &Store,
    names: &Names,
    offer: BlobOffer,
    on_the_way: &[Brought],
) -> Result<Arriving, IncomingError> {
    let BlobOffer { number, blobs } = offer;
    let snapshot = store.snapshot();
    let mut brought = Brought::default();
    let mut needs = VecDeque::new();
    for (index, blob) in (0..).zip(&blobs) {
        if let Some(content) = snapshot.content(&blob.hash)? {
            if content.size() != blob.size {
                let what = "are of another size than they are here";
                return Err(IncomingError::Contents { number, what });
            }
            brought.pin(content);
        } else if let Some(staged) = on_the_way.iter().find_map(|it| it.staged(&blob.hash)) {
            if staged.size() != blob.size {
                let what = "are of another size than they are here";
                return Err(IncomingError::Contents { number, what });
            }
            brought.add(Arc::clone(staged));
        } else if let Some(staged) = whole(store, names, blob)? {
            brought.add(Arc::new(staged));
        } else {
            let offset = store.staged_bytes(&names.of(&blob.hash))?;
            let goes_on = offset < blob.size && !is_small(blob);
            let offset = if goes_on { offset } else { 0 };
            needs.push_back(NeededBlob { index, offset });
        }
    }
    Ok(Arriving { number, blobs, needs, told: false, staging: None, inline: 0, brought })
}

/// A content that has come as a whole in a session before, if it is one.
fn whole(store: &Store, names: &Names, blob: &OfferedBlob) -> Result<Option<Staged>, StoreError> {
    let name = names.of(&blob.hash);
    if is_small(blob) || store.staged_bytes(&name)? < blob.size {
        return Ok(None);
    }
    let mut staging = store.resume(name)?;
    if staging.bytes() == blob.size && staging.hash() == blob.hash {
        return staging.finish().map(Some);
    }
    tracing::warn!(hash = %blob.hash, "what had come of a content is damaged; it comes anew");
    staging.clear()?;
    Ok(None)
}

/// Whether a content may be kept in memory until it is in a row.
fn is_small(blob: &OfferedBlob) -> bool {
    usize::try_from(blob.size).is_ok_and(|size| size <= BLOB_INLINE_BYTES_MAX)
}

impl Arriving {
    /// The content that is due, and from where on.
    fn due(&self) -> Option<(NeededBlob, OfferedBlob)> {
        let needed = self.needs.front().copied()?;
        let blob = usize::try_from(needed.index).ok().and_then(|at| self.blobs.get(at)).copied()?;
        Some((needed, blob))
    }

    /// Whether another little content may wait in memory.
    fn has_room(&self) -> bool {
        self.inline < BATCH_INLINE_BYTES_MAX
    }

    /// Whether a piece is the one that is due.
    fn check(&self, chunk: &BlobChunk) -> Result<(), IncomingError> {
        let number = self.number;
        let wrong = |what| Err(IncomingError::Contents { number, what });
        let Some((needed, blob)) = self.due() else {
            return wrong("come though none is needed");
        };
        if (chunk.index, chunk.offset) != (needed.index, needed.offset) {
            return wrong("do not come in their order");
        }
        let end = chunk.offset.checked_add(chunk.bytes.len() as u64);
        if end.is_none_or(|end| end > blob.size) || (chunk.bytes.is_empty() && blob.size > 0) {
            return wrong("are not of the size that was offered");
        }
        Ok(())
    }

    /// Appends the piece that is due. Answers what is whole by it and not durable yet.
    fn append(
        &mut self,
        store: &Store,
        names: &Names,
        chunk: BlobChunk,
    ) -> Result<Option<Staging>, IncomingError> {
        let Some((needed, blob)) = self.due() else { return Ok(None) };
        let mut staging = match self.staging.take() {
            Some(staging) => staging,
            None if blob.size == 0 || (is_small(&blob) && self.has_room()) => store.stage(),
            None => store.resume(names.of(&blob.hash))?,
        };
        if needed.offset == 0 && staging.bytes() > 0 {
            staging.clear()?;
        }
        if staging.bytes() != needed.offset {
            // Another session has gone on with it meanwhile.
            return Err(IncomingError::ContentDamaged { hash: blob.hash });
        }
        staging.write(&chunk.bytes)?;
        if staging.bytes() < blob.size {
            if let Some(first) = self.needs.front_mut() {
                first.offset = staging.bytes();
            }
            self.staging = Some(staging);
            return Ok(None);
        }
        if staging.hash() != blob.hash {
            staging.clear()?;
            return Err(IncomingError::ContentDamaged { hash: blob.hash });
        }
        self.needs.pop_front();
        if !staging.is_inline() {
            return Ok(Some(staging));
        }
        let staged = staging.finish()?;
        self.inline += staged.inline_bytes();
        self.brought.add(Arc::new(staged));
        Ok(None)
    }
}

#[cfg(test)]
mod tests;
