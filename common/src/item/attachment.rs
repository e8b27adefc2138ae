//! What is attached to a document: names, each with a content that is kept elsewhere.
//!
//! The list belongs to the document's version and travels with it, so that nobody ever sees a
//! document without its attachments. Each attachment keeps the entry under which it was attached:
//! where versions are merged, one that is absent from a version which has seen its entry was
//! removed there, and one that a version has not seen yet is not (as semantics 8 for entries of
//! time series).

use core::fmt;
use core::str::FromStr;
use std::sync::Arc;

use thiserror::Error;
use xxhash_rust::xxh3::Xxh3;

use super::BlobHash;
use crate::{
    ChangeVector, Entry, Timestamp,
    id::CasedText,
    limits::{
        ATTACHMENT_NAME_BYTES_MAX, ATTACHMENTS_BYTES_MAX, ATTACHMENTS_MAX, CONTENT_TYPE_BYTES_MAX,
    },
};

/// The name of an attachment: 1 to 512 bytes of UTF-8, any characters.
///
/// Keeps its casing, and is equal, ordered and hashed by its [lower case](crate::id::lower).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttachmentName(CasedText);

impl AttachmentName {
    /// Checks and takes a name.
    pub fn new(text: &str) -> Result<Self, AttachmentNameError> {
        match text.len() {
            0 => Err(AttachmentNameError::Empty),
            bytes if bytes > ATTACHMENT_NAME_BYTES_MAX => {
                Err(AttachmentNameError::TooLong { bytes })
            }
            _ => Ok(Self(CasedText::new(text))),
        }
    }

    /// The name in its original casing.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The name in lower case.
    pub fn key(&self) -> &str {
        self.0.key()
    }
}

impl fmt::Debug for AttachmentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AttachmentName").field(&self.as_str()).finish()
    }
}

impl fmt::Display for AttachmentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for AttachmentName {
    type Err = AttachmentNameError;

    fn from_str(text: &str) -> Result<Self, AttachmentNameError> {
        Self::new(text)
    }
}

/// Why a text is not the name of an attachment.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum AttachmentNameError {
    /// Nothing there.
    #[error("attachment name is empty")]
    Empty,
    /// Longer than a name may be.
    #[error("attachment name has {bytes} bytes, more than {ATTACHMENT_NAME_BYTES_MAX}")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
}

/// The content type of an attachment: up to 512 bytes of UTF-8, any characters; kept as it came.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentType(Arc<str>);

impl ContentType {
    /// Checks and takes a content type.
    pub fn new(text: &str) -> Result<Self, ContentTypeTooLong> {
        if text.len() > CONTENT_TYPE_BYTES_MAX {
            return Err(ContentTypeTooLong { bytes: text.len() });
        }
        Ok(Self(Arc::from(text)))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ContentType {
    type Err = ContentTypeTooLong;

    fn from_str(text: &str) -> Result<Self, ContentTypeTooLong> {
        Self::new(text)
    }
}

/// A content type that is longer than one may be.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("content type has {bytes} bytes, more than {CONTENT_TYPE_BYTES_MAX}")]
pub struct ContentTypeTooLong {
    /// Its length.
    pub bytes: usize,
}

/// One attachment of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// Its name.
    pub name: AttachmentName,
    /// What a client said its content is.
    pub content_type: ContentType,
    /// Its content, by hash.
    pub hash: BlobHash,
    /// Bytes of its content.
    pub size: u64,
    /// The entry that the write which attached it minted.
    pub origin: Entry,
}

/// Bytes that an attachment takes beside its texts, at most: hash, size, origin, tags, lengths.
const FIXED_BYTES_MAX: usize = 96;

impl Attachment {
    /// Bytes it takes encoded, at most.
    pub fn encoded_bytes_max(&self) -> usize {
        FIXED_BYTES_MAX + self.name.as_str().len() + self.content_type.as_str().len()
    }
}

/// The attachments of one version of a document, by ascending name; each name once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attachments(Option<Arc<Vec<Attachment>>>);

/// A list that is not the attachments of a document.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum AttachmentsError {
    /// Two have one name, or they do not ascend.
    #[error("attachments do not ascend by name")]
    Order,
    /// More than a document may have.
    #[error("{count} attachments are more than {ATTACHMENTS_MAX}")]
    TooMany {
        /// How many there are.
        count: usize,
    },
    /// Their names and types are longer than they may be together.
    #[error("the list of attachments takes {bytes} bytes, more than {ATTACHMENTS_BYTES_MAX}")]
    TooLarge {
        /// What they take.
        bytes: usize,
    },
}

impl Attachments {
    /// Takes a list that ascends by name.
    pub fn new(list: Vec<Attachment>) -> Result<Self, AttachmentsError> {
        if !list.is_sorted_by(|one, other| one.name < other.name) {
            return Err(AttachmentsError::Order);
        }
        let all = Self::sorted(list);
        all.check()?;
        Ok(all)
    }

    fn sorted(list: Vec<Attachment>) -> Self {
        Self(if list.is_empty() { None } else { Some(Arc::new(list)) })
    }

    /// Whether they are within what a document may have.
    pub fn check(&self) -> Result<(), AttachmentsError> {
        let count = self.len();
        if count > ATTACHMENTS_MAX {
            return Err(AttachmentsError::TooMany { count });
        }
        let bytes = self.encoded_bytes_max();
        if bytes > ATTACHMENTS_BYTES_MAX {
            return Err(AttachmentsError::TooLarge { bytes });
        }
        Ok(())
    }

    /// Bytes they take encoded, at most.
    pub fn encoded_bytes_max(&self) -> usize {
        self.as_slice().iter().map(Attachment::encoded_bytes_max).sum()
    }

    /// All of them, by ascending name.
    pub fn as_slice(&self) -> &[Attachment] {
        self.0.as_deref().map(Vec::as_slice).unwrap_or_default()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.as_slice().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The one of that name.
    pub fn get(&self, name: &AttachmentName) -> Option<&Attachment> {
        let list = self.as_slice();
        let at = list.binary_search_by(|one| one.name.cmp(name)).ok()?;
        list.get(at)
    }

    /// The same with `attachment`, in the place of the one of its name where there is one.
    #[must_use]
    pub fn with(&self, attachment: Attachment) -> Self {
        let mut list = self.as_slice().to_vec();
        match list.binary_search_by(|one| one.name.cmp(&attachment.name)) {
            Ok(at) => list[at] = attachment,
            Err(at) => list.insert(at, attachment),
        }
        Self::sorted(list)
    }

    /// The same without the one of that name.
    #[must_use]
    pub fn without(&self, name: &AttachmentName) -> Self {
        let kept = self.as_slice().iter().filter(|one| one.name != *name);
        Self::sorted(kept.cloned().collect())
    }

    /// The same, each attached under the entry that `origin` answers for its own.
    #[must_use]
    pub fn with_origins(&self, origin: impl Fn(&Entry) -> Entry) -> Self {
        let list = self.as_slice().iter();
        let list = list.map(|one| Attachment { origin: origin(&one.origin), ..one.clone() });
        Self::sorted(list.collect())
    }

    /// What is attached after versions of one document were merged: a function of the versions, in
    /// any order. One that some version has is kept unless another has seen it and has it no more;
    /// of several under one name, that of the version that was changed last.
    #[must_use]
    pub fn merged(versions: &[Attached<'_>]) -> Self {
        let mut ordered: Vec<_> = versions.iter().collect();
        ordered.sort_by(|one, other| one.rank().cmp(&other.rank()));
        let mut list: Vec<Attachment> = Vec::new();
        for version in &ordered {
            for attachment in version.attachments.as_slice() {
                if ordered.iter().any(|other| other.removed(attachment)) {
                    continue;
                }
                // The version that was changed last comes last.
                match list.binary_search_by(|one| one.name.cmp(&attachment.name)) {
                    Ok(at) => list[at] = attachment.clone(),
                    Err(at) => list.insert(at, attachment.clone()),
                }
            }
        }
        Self::sorted(list)
    }

    /// Feeds what they say to a hash: nothing where there are none.
    pub(super) fn hash_into(&self, hasher: &mut Xxh3) {
        for one in self.as_slice() {
            for text in [one.name.as_str(), one.content_type.as_str()] {
                hasher.update(&(text.len() as u64).to_be_bytes());
                hasher.update(text.as_bytes());
            }
            hasher.update(one.hash.as_bytes());
            hasher.update(&one.size.to_be_bytes());
        }
    }
}

/// A version of a document as far as its attachments go.
#[derive(Clone, Copy, Debug)]
pub struct Attached<'v> {
    /// What the version has seen.
    pub vector: &'v ChangeVector,
    /// When it was changed last.
    pub last_modified: Timestamp,
    /// What is attached to it.
    pub attachments: &'v Attachments,
}

impl Attached<'_> {
    fn rank(&self) -> (Timestamp, &ChangeVector) {
        (self.last_modified, self.vector)
    }

    /// Whether the version has seen `attachment` and has it no more.
    fn removed(&self, attachment: &Attachment) -> bool {
        let Entry { incarnation, etag } = attachment.origin;
        let has = self.attachments.get(&attachment.name);
        self.vector.etag_of(incarnation) >= etag
            && has.is_none_or(|one| one.origin != attachment.origin)
    }
}

#[cfg(test)]
mod tests;
