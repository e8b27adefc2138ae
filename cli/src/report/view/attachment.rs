//! Attachments, as they are shown.

use jackdaw_proto::documents::Attachment;
use serde::Serialize;

use crate::report::output::{Shown, grouped};

/// One attachment.
#[derive(Debug, Serialize)]
pub(crate) struct AttachmentView {
    name: String,
    content_type: String,
    hash: String,
    size: u64,
}

impl From<Attachment> for AttachmentView {
    fn from(attachment: Attachment) -> Self {
        let Attachment { name, content_type, hash, size } = attachment;
        Self { name, content_type, hash, size }
    }
}

impl AttachmentView {
    /// All of it, in a line.
    pub(crate) fn headline(&self) -> String {
        let Self { name, content_type, hash, size } = self;
        let kind = if content_type.is_empty() { "no content type" } else { content_type };
        format!("{name} · {kind} · {} bytes · {hash}", grouped(*size))
    }
}

impl Shown for AttachmentView {
    const COLUMNS: &'static [&'static str] = &["NAME", "CONTENT TYPE", "BYTES", "HASH"];

    fn row(&self) -> Vec<String> {
        vec![self.name.clone(), self.content_type.clone(), grouped(self.size), self.hash.clone()]
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        Self::COLUMNS.iter().copied().zip(self.row()).collect()
    }
}
