//! Contents of attachments, read at both ends and hashed: what is listed is what a service
//! believes, what is read is what it has.
//!
//! What the streams of a comparison list is noted as it passes by, each content once an end, on
//! disk where it is much; of contents that are known only the hash is held, 32 bytes. They are read
//! when the streams have ended, which must not wait for them, and piece by piece. A content that
//! only a version in conflict has is not read: no call gives it.

use std::collections::HashSet;
use std::io::{self, BufRead as _, BufReader, Seek as _, Write as _};

use futures_util::{Stream, StreamExt as _};
use jackdaw_common::{BlobHash, BlobHasher};
use jackdaw_proto::documents::{
    Attachment, GetAttachmentRequest, GetAttachmentResponse, StreamDocumentsResponse,
    StreamRevisionsResponse,
};
use jackdaw_proto::wire::Reason;
use serde::{Deserialize, Serialize};
use tempfile::SpooledTempFile;
use thiserror::Error;
use tonic::Status;
use tonic_types::StatusExt as _;

use super::{CompareError, Report, Side};

/// A content, and where it is read.
#[derive(Debug, Serialize, Deserialize)]
struct Listed {
    document: String,
    /// The change vector of the revision that has it, where it is none of the document as it is.
    revision: Option<String>,
    attachment: String,
    hash: String,
}

/// The contents that one end lists, each once.
#[derive(Debug)]
pub struct Contents {
    known: HashSet<BlobHash>,
    waiting: SpooledTempFile,
    /// Why they could not be noted; said when they are read.
    failed: Option<io::Error>,
}

impl Default for Contents {
    fn default() -> Self {
        let waiting = SpooledTempFile::new(IN_MEMORY_BYTES);
        Self { known: HashSet::new(), waiting, failed: None }
    }
}

/// Bytes of names that are kept in memory.
const IN_MEMORY_BYTES: usize = 4 * 1024 * 1024;

impl Contents {
    /// Notes what the documents of a part have.
    pub fn of_documents(&mut self, part: &StreamDocumentsResponse) {
        for document in &part.documents {
            self.list(&document.id, None, &document.attachments);
        }
    }

    /// Notes what the revisions of a part have.
    pub fn of_revisions(&mut self, part: &StreamRevisionsResponse) {
        for revision in &part.revisions {
            let vector = Some(&*revision.change_vector);
            self.list(&revision.document_id, vector, &revision.attachments);
        }
    }

    fn list(&mut self, document: &str, revision: Option<&str>, attachments: &[Attachment]) {
        for attachment in attachments {
            // What is no hash is that of no content either, which is found when it is read.
            let hash = attachment.hash.parse::<BlobHash>();
            if hash.is_ok_and(|hash| !self.known.insert(hash)) || self.failed.is_some() {
                continue;
            }
            let listed = Listed {
                document: document.to_owned(),
                revision: revision.map(str::to_owned),
                attachment: attachment.name.clone(),
                hash: attachment.hash.clone(),
            };
            let line = serde_json::to_vec(&listed).map_err(io::Error::from);
            let written = line.and_then(|mut line| {
                line.push(b'\n');
                self.waiting.write_all(&line)
            });
            self.failed = written.err();
        }
    }

    /// Reads and hashes them all, each as `open` answers it, and adds to the report what differs
    /// from what was listed. `seen` hears of the bytes of each piece.
    ///
    /// # Errors
    ///
    /// A content could not be read; not that it is corrupt, which is a difference, nor that it is
    /// no more where it was, which is counted.
    pub async fn check<S>(
        mut self,
        report: &mut Report,
        side: Side,
        mut open: impl FnMut(GetAttachmentRequest) -> S,
        mut seen: impl FnMut(u64),
    ) -> Result<(), ContentsError>
    where
        S: Stream<Item = Result<GetAttachmentResponse, Status>> + Unpin,
    {
        if let Some(error) = self.failed {
            return Err(ContentsError::Noted(error));
        }
        self.waiting.rewind().map_err(ContentsError::Noted)?;
        report.contents.get_or_insert_default();
        for line in BufReader::new(self.waiting).lines() {
            let line = line.map_err(ContentsError::Noted)?;
            let listed: Listed =
                serde_json::from_str(&line).map_err(|error| ContentsError::Noted(error.into()))?;
            let request = GetAttachmentRequest {
                document_id: listed.document.clone(),
                name: listed.attachment.clone(),
                revision_change_vector: listed.revision.clone(),
                ..GetAttachmentRequest::default()
            };
            let outcome = outcome(&listed, open(request), &mut seen).await;
            let outcome = outcome.map_err(|status| {
                ContentsError::Read(CompareError::Read { side, status: Box::new(status) })
            })?;
            report.add_content(side, outcome, &listed.document, &listed.attachment);
        }
        Ok(())
    }
}

/// What became of a content that was listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Same,
    /// Its bytes are not those that its hash is of.
    Other,
    /// It is there no more, or another one is: nobody can say.
    Gone,
}

/// Reads one content.
async fn outcome<S>(
    listed: &Listed,
    mut pieces: S,
    seen: &mut impl FnMut(u64),
) -> Result<Outcome, Status>
where
    S: Stream<Item = Result<GetAttachmentResponse, Status>> + Unpin,
{
    let mut hasher = BlobHasher::default();
    while let Some(piece) = pieces.next().await {
        let piece = match piece {
            Ok(piece) => piece,
            Err(status) => return refused(status),
        };
        if piece.attachment.is_some_and(|it| it.hash != listed.hash) {
            return Ok(Outcome::Gone);
        }
        hasher.update(&piece.chunk);
        seen(piece.chunk.len() as u64);
    }
    let same = hasher.finish().to_string() == listed.hash;
    Ok(if same { Outcome::Same } else { Outcome::Other })
}

/// What a service's refusal says of a content.
fn refused(status: Status) -> Result<Outcome, Status> {
    let info = status.get_details_error_info();
    match info.and_then(|info| Reason::parse(&info.reason)) {
        Some(Reason::ContentCorrupt) => Ok(Outcome::Other),
        Some(
            Reason::DocumentNotFound
            | Reason::AttachmentNotFound
            | Reason::RevisionNotFound
            | Reason::DocumentConflict,
        ) => Ok(Outcome::Gone),
        _ => Err(status),
    }
}

/// Why contents could not be compared.
#[derive(Debug, Error)]
pub enum ContentsError {
    /// What is to be read could not be kept for a while.
    #[error("keep the names of attachments: {0}")]
    Noted(io::Error),
    /// An end could not be read.
    #[error("{0}")]
    Read(CompareError),
}

#[cfg(test)]
mod tests;
