//! A content on its way in: written in pieces, hashed as it comes, durable before a row names it.

use std::{fmt, sync::Arc};

use bytes::{Bytes, BytesMut};
use jackdaw_common::{
    BlobHash, BlobHasher,
    limits::{BLOB_CHUNK_BYTES, BLOB_INLINE_BYTES_MAX},
};

use super::{Contents, UPLOAD};
use crate::{
    engine::{BlobId, EngineError, Part},
    error::StoreError,
    tables::blobs::Place,
};

/// A content that is being staged. Blocking; dropped, it leaves nothing, or a part to go on with.
pub struct Staging {
    contents: Arc<Contents>,
    hasher: BlobHasher,
    bytes: u64,
    /// All of it, while that is little.
    buffer: BytesMut,
    part: Option<Box<dyn Part>>,
    /// Whether the disk failed: what is there must not be gone on with.
    broken: bool,
    name: PartName,
}

/// What a part is called.
enum PartName {
    /// Nobody goes on with it.
    Upload(String),
    /// Whoever knows the name goes on with it.
    Resumed(String),
}

impl PartName {
    fn as_str(&self) -> &str {
        match self {
            Self::Upload(name) | Self::Resumed(name) => name,
        }
    }
}

impl Staging {
    /// A new content.
    pub(crate) fn upload(contents: Arc<Contents>) -> Self {
        let name = PartName::Upload(format!("{UPLOAD}{}", contents.name()));
        Self::new(contents, name, None)
    }

    /// The content that the part `name` holds so far; a new one where it is being written already.
    /// Reads what there is.
    pub(crate) fn resume(contents: Arc<Contents>, name: String) -> Result<Self, StoreError> {
        let Some(part) = contents.blobs.part(&name)? else { return Ok(Self::upload(contents)) };
        let mut staging = Self::new(contents, PartName::Resumed(name), Some(part));
        while let Some(part) = &mut staging.part {
            let piece = part.read(staging.bytes, BLOB_CHUNK_BYTES)?;
            if piece.is_empty() {
                break;
            }
            staging.hasher.update(&piece);
            staging.bytes += piece.len() as u64;
        }
        Ok(staging)
    }

    fn new(contents: Arc<Contents>, name: PartName, part: Option<Box<dyn Part>>) -> Self {
        let hasher = BlobHasher::default();
        let buffer = BytesMut::new();
        Self { contents, hasher, bytes: 0, buffer, part, broken: false, name }
    }

    /// Bytes that it has.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether what it has is in memory: then to finish it takes no time.
    pub fn is_inline(&self) -> bool {
        self.part.is_none()
    }

    /// Appends a piece.
    ///
    /// # Errors
    ///
    /// The disk is full, or fails.
    pub fn write(&mut self, piece: &[u8]) -> Result<(), StoreError> {
        let written = self.append(piece);
        self.broken |= written.as_ref().is_err_and(|error| !error.is_no_space());
        written
    }

    fn append(&mut self, piece: &[u8]) -> Result<(), StoreError> {
        self.hasher.update(piece);
        self.bytes += piece.len() as u64;
        match &mut self.part {
            Some(part) => part.append(piece)?,
            None if self.buffer.len() + piece.len() <= BLOB_INLINE_BYTES_MAX => {
                self.buffer.extend_from_slice(piece);
            }
            None => {
                let part = self.contents.blobs.part(self.name.as_str())?;
                // Nobody else knows the name of an upload.
                let mut part = part.ok_or(StoreError::Closed)?;
                part.append(&self.buffer)?;
                part.append(piece)?;
                self.buffer = BytesMut::new();
                self.part = Some(part);
            }
        }
        Ok(())
    }

    /// Begins anew: what there is is not what it should be.
    ///
    /// # Errors
    ///
    /// The disk fails.
    pub fn clear(&mut self) -> Result<(), StoreError> {
        self.hasher = BlobHasher::default();
        self.bytes = 0;
        self.buffer.clear();
        self.part.as_mut().map_or(Ok(()), |part| part.clear())?;
        Ok(())
    }

    /// The hash of what it has so far.
    pub fn hash(&self) -> BlobHash {
        self.hasher.finish()
    }

    /// All is there: makes it durable, unless it is so little, and no part, that it goes along with
    /// the row that names it.
    ///
    /// # Errors
    ///
    /// The disk fails.
    pub fn finish(mut self) -> Result<Staged, StoreError> {
        let (hash, size) = (self.hash(), self.bytes);
        let contents = Arc::clone(&self.contents);
        let (place, content, again) = match self.part.take() {
            None => (Place::Inline, std::mem::take(&mut self.buffer).freeze(), None),
            Some(part) if size == 0 => {
                drop(part);
                contents.blobs.remove_part(self.name.as_str())?;
                (Place::Inline, Bytes::new(), None)
            }
            Some(part) => {
                let blob = contents.name();
                contents.hold(blob);
                if let Err(error) = part.keep(blob) {
                    if matches!(error, EngineError::Unsynced { .. }) {
                        contents.fail(&error);
                    }
                    contents.let_go(blob);
                    contents.remove(blob);
                    // Of a failed sync nobody is told twice: what is there must not be believed.
                    contents.blobs.remove_part(self.name.as_str())?;
                    return Err(error.into());
                }
                let again = match &self.name {
                    PartName::Upload(_) => None,
                    PartName::Resumed(name) => Some(name.clone()),
                };
                (Place::Kept(blob), Bytes::new(), again)
            }
        };
        Ok(Staged { hash, size, place, content, again, contents })
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if self.part.take().is_none() {
            return;
        }
        if matches!(self.name, PartName::Resumed(_)) && !self.broken {
            return;
        }
        if let Err(error) = self.contents.blobs.remove_part(self.name.as_str()) {
            tracing::warn!(?error, "a part of a content could not be removed");
        }
    }
}

/// A content that is durable, or little enough to become so with the row that names it.
pub struct Staged {
    hash: BlobHash,
    size: u64,
    place: Place,
    /// All of it, where it is little.
    content: Bytes,
    /// The part that it becomes again when nothing came to refer to it.
    again: Option<String>,
    contents: Arc<Contents>,
}

impl Staged {
    /// Its hash.
    pub fn hash(&self) -> BlobHash {
        self.hash
    }

    /// Bytes of it.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Bytes of it in memory.
    pub fn inline_bytes(&self) -> usize {
        self.content.len()
    }

    pub(crate) fn place(&self) -> Place {
        self.place
    }

    pub(crate) fn content(&self) -> &Bytes {
        &self.content
    }

    fn give_up(&self, blob: BlobId) {
        let Some(name) = &self.again else { return self.contents.remove(blob) };
        if let Err(error) = self.contents.blobs.reopen(blob, name) {
            tracing::warn!(%blob, ?error, "a content that came in vain is not kept");
            self.contents.remove(blob);
        }
    }
}

impl fmt::Debug for Staged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Staged({}, {} bytes)", self.hash, self.size)
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if let Place::Kept(blob) = self.place
            && self.contents.let_go(blob)
        {
            self.give_up(blob);
        }
    }
}
