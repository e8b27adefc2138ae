//! Contents in memory.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::super::{
    EngineError,
    blobs::{BlobId, Blobs, Part},
};

/// Contents in memory. A clone is another handle on the same.
#[derive(Clone, Default)]
pub(super) struct MemoryBlobs(Arc<Mutex<Contents>>);

#[derive(Default)]
struct Contents {
    kept: BTreeMap<BlobId, Bytes>,
    /// `None` while it is open.
    parts: BTreeMap<String, Option<BytesMut>>,
}

impl MemoryBlobs {
    fn contents(&self) -> MutexGuard<'_, Contents> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `bytes` of a content from `offset` on.
fn range(content: &[u8], offset: u64, bytes: usize) -> Bytes {
    let begin = usize::try_from(offset).map_or(content.len(), |offset| offset.min(content.len()));
    let end = begin.saturating_add(bytes).min(content.len());
    Bytes::copy_from_slice(&content[begin..end])
}

impl Blobs for MemoryBlobs {
    fn part(&self, name: &str) -> Result<Option<Box<dyn Part>>, EngineError> {
        let mut contents = self.contents();
        let part = contents.parts.entry(name.to_owned()).or_insert_with(|| Some(BytesMut::new()));
        let Some(content) = part.take() else { return Ok(None) };
        Ok(Some(Box::new(Open { blobs: self.clone(), name: name.to_owned(), content })))
    }

    fn part_bytes(&self, name: &str) -> Result<u64, EngineError> {
        let contents = self.contents();
        let part = contents.parts.get(name).and_then(Option::as_ref);
        Ok(part.map_or(0, |part| part.len() as u64))
    }

    fn parts(&self) -> Result<Vec<(String, Duration)>, EngineError> {
        let contents = self.contents();
        let closed = contents.parts.iter().filter(|(_, part)| part.is_some());
        Ok(closed.map(|(name, _)| (name.clone(), Duration::ZERO)).collect())
    }

    fn remove_part(&self, name: &str) -> Result<(), EngineError> {
        let mut contents = self.contents();
        if contents.parts.get(name).is_some_and(Option::is_some) {
            contents.parts.remove(name);
        }
        Ok(())
    }

    fn read(&self, blob: BlobId, offset: u64, bytes: usize) -> Result<Bytes, EngineError> {
        match self.contents().kept.get(&blob) {
            Some(content) => Ok(range(content, offset, bytes)),
            None => Err(EngineError::Io {
                doing: "reading a content",
                source: io::ErrorKind::NotFound.into(),
            }),
        }
    }

    fn reopen(&self, blob: BlobId, name: &str) -> Result<(), EngineError> {
        let mut contents = self.contents();
        let content = contents.kept.remove(&blob).unwrap_or_default();
        let is_open = contents.parts.get(name).is_some_and(Option::is_none);
        if !is_open {
            contents.parts.insert(name.to_owned(), Some(content.as_ref().into()));
        }
        Ok(())
    }

    fn remove(&self, blob: BlobId) -> Result<(), EngineError> {
        self.contents().kept.remove(&blob);
        Ok(())
    }

    fn list(&self) -> Result<Vec<BlobId>, EngineError> {
        Ok(self.contents().kept.keys().copied().collect())
    }
}

/// A part that is open.
struct Open {
    blobs: MemoryBlobs,
    name: String,
    content: BytesMut,
}

impl Part for Open {
    fn bytes(&self) -> u64 {
        self.content.len() as u64
    }

    fn read(&mut self, offset: u64, bytes: usize) -> Result<Bytes, EngineError> {
        Ok(range(&self.content, offset, bytes))
    }

    fn append(&mut self, piece: &[u8]) -> Result<(), EngineError> {
        self.content.extend_from_slice(piece);
        Ok(())
    }

    fn clear(&mut self) -> Result<(), EngineError> {
        self.content.clear();
        Ok(())
    }

    fn keep(mut self: Box<Self>, blob: BlobId) -> Result<(), EngineError> {
        let content = std::mem::take(&mut self.content).freeze();
        let mut contents = self.blobs.contents();
        contents.kept.insert(blob, content);
        contents.parts.remove(&self.name);
        Ok(())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let content = std::mem::take(&mut self.content);
        // One that was kept is no part any more.
        if let Some(part) = self.blobs.contents().parts.get_mut(&self.name) {
            *part = Some(content);
        }
    }
}
