//! Contents beside the tables, piece by piece.

use bytes::Bytes;
use jackdaw_common::{BlobHash, limits::BLOB_CHUNK_BYTES};

use crate::{
    contents::Content,
    engine::{BlobId, Blobs, Direction, ScanRange},
    error::StoreError,
    keys,
    read::Snapshot,
    tables::blobs::{BlobRow, Place},
    write::corrupt,
};

/// What stands for a table's id before a piece.
pub(super) const PIECES: u8 = 255;

/// A part of a content.
pub(super) struct Piece {
    blob: BlobId,
    /// Bytes of the whole content.
    size: u64,
    offset: u64,
    pub(super) bytes: Bytes,
}

impl Piece {
    /// What it is of, and from where on.
    pub(super) fn key(&self) -> Vec<u8> {
        let numbers = [self.size.to_le_bytes(), self.offset.to_le_bytes()].concat();
        [self.blob.as_bytes(), &numbers[..]].concat()
    }

    pub(super) fn read(key: &[u8], bytes: Bytes) -> Option<Self> {
        let (blob, numbers) = key.split_first_chunk::<16>()?;
        let (size, offset) = numbers.split_first_chunk::<8>()?;
        let (size, offset) =
            (u64::from_le_bytes(*size), u64::from_le_bytes(offset.try_into().ok()?));
        let blob = BlobId::from_bytes(*blob);
        let end = offset.checked_add(bytes.len() as u64)?;
        ((!bytes.is_empty() || size == 0) && end <= size).then_some(Self {
            blob,
            size,
            offset,
            bytes,
        })
    }

    /// Appends it to what has come of its content; the last one makes that whole.
    pub(super) fn write(self, blobs: &dyn Blobs) -> Result<(), StoreError> {
        let name = format!("restore-{}", self.blob);
        let wrong = |what: String| {
            // The hash is in a row that has come and is not needed for this.
            StoreError::Row { table: keys::BLOBS.name, key: self.blob.as_bytes().to_vec(), what }
        };
        let part = blobs.part(&name)?;
        let mut part = part.ok_or_else(|| wrong("is being restored already".to_owned()))?;
        if part.bytes() != self.offset {
            let text = format!("a piece from {} on follows {} bytes", self.offset, part.bytes());
            return Err(wrong(text));
        }
        part.append(&self.bytes)?;
        if part.bytes() == self.size {
            part.keep(self.blob)?;
        }
        Ok(())
    }
}

/// The contents beside the tables of a snapshot, in the order of their hashes.
#[derive(Default)]
pub(super) struct Beside {
    /// The one whose pieces come next, and from where on.
    open: Option<(Content, BlobId, u64)>,
    /// Its hash, or the last one's.
    after: Option<BlobHash>,
}

impl Beside {
    /// The next piece; `None`: there are no more.
    pub(super) fn next(&mut self, snapshot: &Snapshot) -> Result<Option<Piece>, StoreError> {
        let open = match self.open.take() {
            Some(open) => Some(open),
            None => self.following(snapshot)?,
        };
        let Some((content, blob, offset)) = open else { return Ok(None) };
        let size = content.size();
        let bytes = content.read(offset, BLOB_CHUNK_BYTES)?;
        let end = offset + bytes.len() as u64;
        if end < size {
            self.open = Some((content, blob, end));
        }
        Ok(Some(Piece { blob, size, offset, bytes }))
    }

    fn following(
        &mut self,
        snapshot: &Snapshot,
    ) -> Result<Option<(Content, BlobId, u64)>, StoreError> {
        let engine = snapshot.engine();
        let range = self.after.as_ref().map(keys::blob);
        let range = range.map_or_else(ScanRange::all, ScanRange::after);
        for row in engine.scan(keys::BLOBS, range, Direction::Forward) {
            let (key, row) = row?;
            let row = BlobRow::decode(row).map_err(|error| corrupt(keys::BLOBS, &key, error))?;
            let Place::Kept(blob) = row.place else { continue };
            let hash = keys::blob_hash(&key)?;
            self.after = Some(hash);
            return Ok(snapshot.content(&hash)?.map(|content| (content, blob, 0)));
        }
        Ok(None)
    }
}
