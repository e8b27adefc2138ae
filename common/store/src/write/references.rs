//! Which contents an intent comes to refer to, and which it no longer does.
//!
//! Counted for the rows of `changes` that it writes and removes, and settled when it ends: what the
//! rows of `blobs` say is then exactly how many attachments there are of each content.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use jackdaw_common::{Attachment, Attachments, BlobHash};

use super::work::corrupt;
use crate::{
    contents::{Brought, Content, Staged},
    engine::BlobId,
    error::StoreError,
    keys,
    overlay::Overlay,
    tables::{
        blobs::{BlobRow, Place, encode_content},
        codec::RowError,
        header::Header,
    },
};

/// Changes of the counts of references, and what the intent brings along.
#[derive(Default)]
pub(crate) struct References {
    counts: BTreeMap<BlobHash, i64>,
    brought: Brought,
}

impl References {
    /// An intent that brings contents along.
    pub(crate) fn bring(&mut self, brought: Brought) {
        self.brought = brought;
    }

    /// An intent brings one content more along.
    pub(crate) fn bring_one(&mut self, staged: Arc<Staged>) {
        self.brought.add(staged);
    }

    /// A row with these attachments is written.
    pub(crate) fn gain(&mut self, attachments: &Attachments) {
        for attachment in attachments.as_slice() {
            *self.counts.entry(attachment.hash).or_default() += 1;
        }
    }

    /// A row that had these is removed.
    pub(crate) fn lose(&mut self, hashes: impl Iterator<Item = BlobHash>) {
        for hash in hashes {
            *self.counts.entry(hash).or_default() -= 1;
        }
    }

    /// The first of `attachments` whose content, in the size it is said to have, is not there and
    /// was not brought along.
    pub(crate) fn missing<'a>(
        &self,
        overlay: &Overlay,
        attachments: &'a Attachments,
    ) -> Result<Option<&'a Attachment>, StoreError> {
        for attachment in attachments.as_slice() {
            if self.size(overlay, &attachment.hash)? != Some(attachment.size) {
                return Ok(Some(attachment));
            }
        }
        Ok(None)
    }

    /// Bytes of a content that is there, or was brought along.
    pub(crate) fn size(
        &self,
        overlay: &Overlay,
        hash: &BlobHash,
    ) -> Result<Option<u64>, StoreError> {
        let key = keys::blob(hash);
        Ok(if let Some(row) = overlay.row(keys::BLOBS, &key)? {
            Some(BlobRow::decode(row).map_err(|e| corrupt(keys::BLOBS, &key, e))?.size)
        } else if let Some(staged) = self.brought.staged(hash) {
            Some(staged.size())
        } else {
            self.brought.seen(hash).map(Content::size)
        })
    }

    /// Writes what has changed.
    pub(crate) fn settle(
        self,
        overlay: &mut Overlay,
        header: &mut Header,
    ) -> Result<(), StoreError> {
        for (hash, count) in self.counts {
            if count == 0 {
                continue;
            }
            let key = keys::blob(&hash);
            let decode = |row| BlobRow::decode(row).map_err(|e| corrupt(keys::BLOBS, &key, e));
            let present = overlay.row(keys::BLOBS, &key)?.map(decode).transpose()?;
            let references = present.map_or(0, |row| row.references);
            let Some(references) = references.checked_add_signed(count) else {
                let what = format!("{references} references, and {} go", count.unsigned_abs());
                return Err(corrupt(keys::BLOBS, &key, RowError(what)));
            };
            let row = match present {
                Some(row) if references == 0 => {
                    remove(overlay, header, &hash, &row);
                    continue;
                }
                Some(row) => BlobRow { references, ..row },
                None => create(overlay, header, &hash, references, &self.brought)?,
            };
            overlay.put(keys::BLOBS, key, row.encode());
        }
        Ok(())
    }
}

fn remove(overlay: &mut Overlay, header: &mut Header, hash: &BlobHash, row: &BlobRow) {
    header.blobs = header.blobs.saturating_sub(1);
    header.blob_bytes = header.blob_bytes.saturating_sub(row.size);
    overlay.delete(keys::BLOBS, keys::blob(hash));
    if row.place == Place::Inline {
        overlay.delete(keys::CONTENTS, keys::blob(hash));
    }
}

/// The row of a content that nothing referred to.
fn create(
    overlay: &mut Overlay,
    header: &mut Header,
    hash: &BlobHash,
    references: u64,
    brought: &Brought,
) -> Result<BlobRow, StoreError> {
    let (size, place, inline) = if let Some(staged) = brought.staged(hash) {
        overlay.hold(Arc::clone(staged));
        (staged.size(), staged.place(), staged.content().clone())
    } else if let Some(content) = brought.seen(hash) {
        overlay.hold(content.clone());
        (content.size(), content.place(), content.inline()?)
    } else {
        let what = "nothing has brought it".to_owned();
        return Err(StoreError::Content { hash: *hash, what });
    };
    if place == Place::Inline {
        overlay.put(keys::CONTENTS, keys::blob(hash), encode_content(&inline));
    }
    header.blobs += 1;
    header.blob_bytes += size;
    Ok(BlobRow { size, references, place })
}

/// What the rows of a group that is about to be committed do to the contents beside the tables:
/// which come to be named, and which are no longer.
pub(crate) fn fates(overlay: &Overlay) -> Result<(Vec<BlobId>, Vec<BlobId>), StoreError> {
    let (mut gained, mut lost) = (HashSet::new(), HashSet::new());
    for (key, row) in overlay.changed(keys::BLOBS) {
        let kept = |row| {
            let row = BlobRow::decode(row).map_err(|error| corrupt(keys::BLOBS, key, error))?;
            Ok::<_, StoreError>(match row.place {
                Place::Inline => None,
                Place::Kept(blob) => Some(blob),
            })
        };
        gained.extend(row.map(kept).transpose()?.flatten());
        lost.extend(overlay.base().get(keys::BLOBS, key)?.map(kept).transpose()?.flatten());
    }
    let both: HashSet<_> = gained.intersection(&lost).copied().collect();
    let rest = |all: HashSet<BlobId>| all.into_iter().filter(|blob| !both.contains(blob)).collect();
    Ok((rest(gained), rest(lost)))
}
