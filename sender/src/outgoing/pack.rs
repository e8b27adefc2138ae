//! A part of the source becomes a batch: whole transactions, encoded, in frames.
//!
//! Blocking: it reads the store and runs on a blocking thread. Reads one published snapshot. What
//! the destination has is left out, and so is a version whose successor is in the same batch.

mod frames;
mod selection;
#[cfg(test)]
mod tests;

use std::collections::HashSet;

use bytes::Bytes;
use jackdaw_common::{
    BlobHash, ChangeVector, Etag, IncarnationId, Item, Kept, RunId,
    batch::{BatchLimits, Filling},
    change_vector::TooManyEntries,
    limits::PACK_ROWS_MAX,
};
use jackdaw_proto::convert::replication::OutgoingItem;
use jackdaw_store::{Content, Snapshot, StoreError};
use thiserror::Error;

use frames::Frames;
use selection::Selection;

#[cfg(test)]
thread_local! {
    /// A planted bug: each batch ends with a frontier, also in the middle of a scan (pitfall 5).
    static EARLY_FRONTIER: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// A batch ready to go, or the news that there is none.
#[derive(Clone, Debug)]
pub(crate) struct Packed {
    /// The etag it continues from.
    pub(crate) after: Etag,
    /// Etag up to which the source was scanned.
    pub(crate) last: Etag,
    /// The run in which that etag was issued.
    pub(crate) run: RunId,
    /// Items in it.
    pub(crate) items: u64,
    /// Encoded bytes of its items.
    pub(crate) bytes: u64,
    /// Rows left out: the destination has them, or their successors are in the batch.
    pub(crate) left_out: u64,
    /// The highest etag that the destination has given out, as what was left out says, and has not
    /// told of itself.
    pub(crate) echoed: Etag,
    /// xxh3-64 over its frames.
    pub(crate) checksum: u64,
    /// Its items, frame by frame.
    pub(crate) frames: Vec<Bytes>,
    /// The source's vector, when the scan came to the snapshot's end.
    pub(crate) frontier: Option<ChangeVector>,
    /// The contents that its items refer to, each once.
    pub(crate) contents: Vec<Referred>,
}

/// Why no batch could be packed.
#[derive(Clone, Debug, Error)]
pub enum PackError {
    /// The destination takes no item that large.
    #[error("document {id} at etag {etag} takes {bytes} bytes, the destination takes {max}")]
    ItemTooLarge {
        /// Its id.
        id: String,
        /// Its etag.
        etag: Etag,
        /// Encoded bytes.
        bytes: usize,
        /// What the destination takes.
        max: u64,
    },
    /// The destination takes no transaction that large.
    #[error("the transaction after etag {after} takes {bytes} bytes, the destination takes {max}")]
    TransactionTooLarge {
        /// The etag before it.
        after: Etag,
        /// Encoded bytes.
        bytes: u64,
        /// What the destination takes.
        max: u64,
    },
    /// No destination takes a change vector that long.
    #[error("document {id} at etag {etag}: its {error}")]
    VectorTooLong {
        /// Its id.
        id: String,
        /// Its etag.
        etag: Etag,
        /// How long it is.
        error: TooManyEntries,
    },
    /// An attachment of the source has no content there.
    #[error("the content {hash} of attachment {name} of document {id} is not there")]
    ContentMissing {
        /// The document.
        id: String,
        /// The attachment.
        name: String,
        /// The content.
        hash: BlobHash,
    },
    /// The source cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What is known of the destination, as it has said in this session.
#[derive(Clone, Debug)]
pub(crate) struct Destination {
    /// The id of the entries it mints.
    pub(crate) incarnation: IncarnationId,
    /// Everything it durably holds.
    pub(crate) known: ChangeVector,
    /// Largest encoded item it takes, bytes.
    pub(crate) item_bytes_max: u64,
    /// Largest encoded transaction it takes, bytes.
    pub(crate) transaction_bytes_max: u64,
}

impl Destination {
    /// Whether a version need not be sent: the destination holds it, or something that has seen it.
    ///
    /// A version that was minted is held where its vector is covered: a database vector claims only
    /// what is there (invariant I6). One that is a merge may be covered entry by entry and be
    /// nowhere; it is sent. What the destination has written itself need not be heard of first; the
    /// session sees to it that it is heard of after.
    ///
    /// What is a revision only is held, or was removed, where the entry under which it is kept is
    /// covered: whoever has seen that has been sent it.
    fn has(&self, item: &Item) -> bool {
        let known = match past(item) {
            Some(kept) => self.known.covers(&kept.by),
            None => item.minted.is_some() && self.known.covers(&item.version.vector),
        };
        known || self.echo(item).is_some()
    }

    /// The etag of a version that the destination itself has written, or, of a revision, kept.
    fn echo(&self, item: &Item) -> Option<Etag> {
        let minted = match past(item) {
            Some(kept) => kept.by.entries().first().filter(|_| kept.by.len() == 1).copied(),
            None => item.minted,
        };
        let minted = minted.filter(|minted| minted.incarnation == self.incarnation);
        minted.map(|minted| minted.etag)
    }
}

/// What is kept with an item that is a revision only.
fn past(item: &Item) -> Option<&Kept> {
    item.version.kept.as_deref().filter(|_| item.past)
}

/// Packs what comes after `after`.
pub(crate) fn pack(
    snapshot: &Snapshot,
    after: Etag,
    limits: BatchLimits,
    destination: &Destination,
) -> Result<Packed, PackError> {
    let mut scan = Scan::new(after, limits);
    if let Some(border) = scan.run(snapshot, Etag::MAX, destination)? {
        scan = Scan::new(after, limits);
        scan.run(snapshot, border, destination)?;
    }
    scan.pack(snapshot, destination)
}

/// A part of the source's changes, looked at in order.
struct Scan {
    after: Etag,
    filling: Filling,
    /// Contents that were counted in.
    contents: HashSet<BlobHash>,
    selection: Selection,
    /// The last row that was looked at.
    last: Etag,
    rows: usize,
    left_out: u64,
    echoed: Etag,
    /// Whether it ended before the snapshot did.
    full: bool,
}

impl Scan {
    fn new(after: Etag, limits: BatchLimits) -> Self {
        Self {
            after,
            filling: Filling::new(limits),
            contents: HashSet::new(),
            selection: Selection::default(),
            last: after,
            rows: 0,
            left_out: 0,
            echoed: Etag::ZERO,
            full: false,
        }
    }

    /// Looks at rows up to `until` as far as the batch takes them. Answers the etag before a
    /// transaction that outgrew a batch, if there is something before it: it goes alone, and the
    /// scan is to be repeated up to there. Else each database of a chain, where a batch is one
    /// transaction, would have larger ones than the one before.
    fn run(
        &mut self,
        snapshot: &Snapshot,
        until: Etag,
        destination: &Destination,
    ) -> Result<Option<Etag>, PackError> {
        let mut border = self.after;
        for row in snapshot.changes_after(self.after) {
            let row = row?;
            let previous = row.previous;
            let past = snapshot.is_past(&row)?;
            let item = Item { past, ..row.into_item() };
            let is_first = self.selection.begins_another(item.transaction);
            if item.etag > until
                || !self.filling.takes(item.transaction)
                || (is_first && self.rows >= PACK_ROWS_MAX)
            {
                self.full = true;
                break;
            }
            if is_first {
                border = self.last;
            }
            self.rows += 1;
            self.last = item.etag;
            self.selection.enter(item.transaction);
            if let Some(bytes) = self.selection.supersede(previous, &item.version) {
                self.left_out += 1;
                self.filling.remove(bytes);
            }
            if destination.has(&item) {
                self.left_out += 1;
                self.echoed = self.echoed.max(destination.echo(&item).unwrap_or_default());
                continue;
            }
            let outgoing = OutgoingItem::new(&item);
            fits(&item, &outgoing, destination)?;
            self.filling.add(item.transaction, outgoing.bytes());
            for attachment in item.version.attachments.as_slice() {
                if self.contents.insert(attachment.hash) {
                    self.filling.add_content(attachment.size);
                }
            }
            self.selection.add(item.etag, outgoing);
            if self.filling.is_outgrown() {
                return Ok(Some(border));
            }
        }
        Ok(None)
    }

    /// What was chosen, as a batch.
    fn pack(self, snapshot: &Snapshot, destination: &Destination) -> Result<Packed, PackError> {
        let Self { after, selection, mut last, left_out, echoed, full, .. } = self;
        let header = snapshot.header();
        let frontier = (!full).then(|| header.vector.clone());
        #[cfg(test)]
        let frontier = frontier.or_else(|| tests::early_frontier(header.incarnation, last));
        if !full {
            last = header.last_etag.max(after);
        }
        let mut frames = Frames::default();
        let mut contents = Contents::default();
        let (mut items, mut bytes) = (0, 0);
        for item in selection.into_items() {
            contents.add(snapshot, &item)?;
            frames.add(&item);
            items += 1;
            bytes += item.bytes() as u64;
        }
        let max = destination.transaction_bytes_max;
        if bytes > max {
            return Err(PackError::TransactionTooLarge { after, bytes, max });
        }
        let (frames, checksum) = frames.close();
        let run = header.lineage().run_of(last);
        let contents = contents.list;
        Ok(Packed {
            after,
            last,
            run,
            items,
            bytes,
            left_out,
            echoed,
            checksum,
            frames,
            frontier,
            contents,
        })
    }
}

/// The contents that the items of a batch refer to.
#[derive(Default)]
struct Contents {
    known: HashSet<BlobHash>,
    list: Vec<Referred>,
}

/// A content, and the first of the attachments that refer to it.
#[derive(Clone, Debug)]
pub(crate) struct Referred {
    pub(crate) content: Content,
    pub(crate) document: String,
    pub(crate) attachment: String,
}

impl Contents {
    fn add(&mut self, snapshot: &Snapshot, item: &OutgoingItem) -> Result<(), PackError> {
        for attachment in item.attachments().as_slice() {
            let hash = attachment.hash;
            if !self.known.insert(hash) {
                continue;
            }
            let (id, name) = (item.id().to_owned(), attachment.name.as_str().to_owned());
            let Some(content) = snapshot.content(&hash)? else {
                return Err(PackError::ContentMissing { id, name, hash });
            };
            self.list.push(Referred { content, document: id, attachment: name });
        }
        Ok(())
    }
}

fn fits(item: &Item, outgoing: &OutgoingItem, destination: &Destination) -> Result<(), PackError> {
    let (bytes, max) = (outgoing.bytes(), destination.item_bytes_max);
    let id = || item.version.id.as_str().to_owned();
    if let Err(error) = item.version.vector.check_bound() {
        return Err(PackError::VectorTooLong { id: id(), etag: item.etag, error });
    }
    if bytes as u64 > max {
        return Err(PackError::ItemTooLarge { id: id(), etag: item.etag, bytes, max });
    }
    Ok(())
}
