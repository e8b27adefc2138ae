//! Attachments: what a client says of one, and how they go out.

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
