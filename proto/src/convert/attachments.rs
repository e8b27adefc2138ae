//! Attachments: what a client says of one, and how they go out.

use bytes::Bytes;
use jackdaw_common::{
    Attachment, AttachmentName, Attachments, BlobHash, ChangeVector, ContentType, DocumentId,
};

use crate::{convert::change_vector, documents as wire, wire::Violations};

/// What a client puts, its fields checked; without the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttachmentHeader {
    /// The document.
    pub document: DocumentId,
    /// Name of the attachment.
    pub name: AttachmentName,
    /// What its content is.
    pub content_type: ContentType,
    /// Bytes of the content, where that is known before.
    pub size: Option<u64>,
    /// Its hash, where that is known before.
    pub hash: Option<BlobHash>,
    /// What the document must have.
    pub expected: Option<ChangeVector>,
}

/// Reads the header of an attachment that is put; `None` after adding what is wrong.
pub fn header(
    header: &wire::AttachmentHeader,
    violations: &mut Violations,
) -> Option<AttachmentHeader> {
    let document = violations.check("header.document_id", DocumentId::new(&header.document_id));
    let name = violations.check("header.name", AttachmentName::new(&header.name));
    let content_type =
        violations.check("header.content_type", ContentType::new(&header.content_type));
    let hash = header.hash.as_deref().map(str::parse).transpose();
    let hash = violations.check("header.hash", hash);
    let expected = change_vector::expected(
        "header.expected_change_vector".to_owned(),
        header.expected_change_vector.as_deref(),
        violations,
    );
    Some(AttachmentHeader {
        document: document?,
        name: name?,
        content_type: content_type?,
        size: header.size,
        hash: hash?,
        expected: expected?,
    })
}

/// The field of a put, in a command.
pub const PUT: &str = "put_attachment";
/// The field of a deletion, likewise.
pub const DELETE: &str = "delete_attachment";

/// A content that a command attaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// All of it.
    Content(Bytes),
    /// The hash of one that the database has.
    Hash(BlobHash),
}

/// A content that a command attaches to a document, its fields checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutAttachment {
    /// The document.
    pub document: DocumentId,
    /// What is attached.
    pub attachment: Attaching,
    /// What the document must have.
    pub expected: Option<ChangeVector>,
}

/// An attachment that a command brings, its fields checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attaching {
    /// Its name.
    pub name: AttachmentName,
    /// What its content is.
    pub content_type: ContentType,
    /// Its content.
    pub source: Source,
}

impl Attaching {
    /// Bytes that the command carries of it, and about what it takes besides.
    pub fn bytes(&self) -> usize {
        let content = match &self.source {
            Source::Content(content) => content.len(),
            Source::Hash(_) => 0,
        };
        content + self.name.as_str().len() + self.content_type.as_str().len() + ATTACHING_BYTES
    }
}

/// Bytes that an attachment takes beside its content and its texts, about.
const ATTACHING_BYTES: usize = 128;

/// A deletion, its fields checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteAttachment {
    /// The document.
    pub document: DocumentId,
    /// Name of the attachment.
    pub name: AttachmentName,
    /// What the document must have.
    pub expected: Option<ChangeVector>,
}

/// Reads a put that stands at `path`; `None` after adding what is wrong.
pub fn put(
    path: &str,
    put: wire::PutAttachment,
    violations: &mut Violations,
) -> Option<PutAttachment> {
    use wire::put_attachment::Source as Put;
    let wire::PutAttachment { document_id, name, content_type, source, expected_change_vector } =
        put;
    let document = violations.check(format!("{path}.document_id"), DocumentId::new(&document_id));
    let source = source.map(|source| match source {
        Put::Content(content) => Ok(content),
        Put::Hash(hash) => Err(hash),
    });
    let attachment = attaching(path, &name, &content_type, source, violations);
    let expected = expected_change_vector.as_deref();
    let expected =
        change_vector::expected(format!("{path}.expected_change_vector"), expected, violations);
    Some(PutAttachment { document: document?, attachment: attachment?, expected: expected? })
}

/// Reads an attachment of a version that is put among the revisions; `None` after adding what is
/// wrong.
pub(crate) fn of_revision(
    path: &str,
    attachment: wire::RevisionAttachment,
    violations: &mut Violations,
) -> Option<Attaching> {
    use wire::revision_attachment::Source as Put;
    let wire::RevisionAttachment { name, content_type, source } = attachment;
    let source = source.map(|source| match source {
        Put::Content(content) => Ok(content),
        Put::Hash(hash) => Err(hash),
    });
    attaching(path, &name, &content_type, source, violations)
}

/// Reads what is attached: all of a content, or else a hash.
fn attaching(
    path: &str,
    name: &str,
    content_type: &str,
    source: Option<Result<Bytes, String>>,
    violations: &mut Violations,
) -> Option<Attaching> {
    let name = violations.check(format!("{path}.name"), AttachmentName::new(name));
    let content_type =
        violations.check(format!("{path}.content_type"), ContentType::new(content_type));
    let source = match source {
        Some(Ok(content)) => Some(Source::Content(content)),
        Some(Err(hash)) => violations.check(format!("{path}.hash"), hash.parse()).map(Source::Hash),
        None => {
            violations.add(path, "has neither `content` nor `hash`");
            None
        }
    };
    Some(Attaching { name: name?, content_type: content_type?, source: source? })
}

/// Reads a deletion that stands at `path`; `None` after adding what is wrong.
pub fn delete(
    path: &str,
    delete: &wire::DeleteAttachment,
    violations: &mut Violations,
) -> Option<DeleteAttachment> {
    let document =
        violations.check(format!("{path}.document_id"), DocumentId::new(&delete.document_id));
    let name = violations.check(format!("{path}.name"), AttachmentName::new(&delete.name));
    let expected = delete.expected_change_vector.as_deref();
    let expected =
        change_vector::expected(format!("{path}.expected_change_vector"), expected, violations);
    Some(DeleteAttachment { document: document?, name: name?, expected: expected? })
}

/// One attachment as it goes out.
#[must_use]
pub fn attachment(attachment: &Attachment) -> wire::Attachment {
    wire::Attachment {
        name: attachment.name.as_str().to_owned(),
        content_type: attachment.content_type.as_str().to_owned(),
        hash: attachment.hash.to_string(),
        size: attachment.size,
    }
}

/// The attachments of a version as they go out.
#[must_use]
pub fn attachments(attachments: &Attachments) -> Vec<wire::Attachment> {
    attachments.as_slice().iter().map(attachment).collect()
}
