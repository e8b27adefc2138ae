//! Contents of attachments, to a service and from one, as lines have them: whole.

use std::pin::pin;

use bytes::Bytes;
use jackdaw_proto::documents::{
    Attachment, AttachmentHeader, GetAttachmentRequest, PutAttachmentRequest, Written,
};

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::connection::Service;
use crate::json_lines::AttachmentLine;
use crate::report::exit::Failure;

/// Bytes of a piece that is sent.
const PIECE_BYTES: usize = 256 * 1024;

/// Puts an attachment.
pub(super) async fn attach(
    service: &Service,
    database: &str,
    attachment: AttachmentLine,
) -> Result<Written, Failure> {
    let AttachmentLine { document, name, content_type, content } = attachment;
    let header = AttachmentHeader {
        database: database.to_owned(),
        document_id: document,
        name,
        content_type,
        size: Some(content.len() as u64),
        ..AttachmentHeader::default()
    };
    let first = PutAttachmentRequest { header: Some(header), chunk: Bytes::new() };
    let pieces = (0..content.len()).step_by(PIECE_BYTES).map(|from| PutAttachmentRequest {
        header: None,
        chunk: content.slice(from..content.len().min(from + PIECE_BYTES)),
    });
    let (sender, receiver) = mpsc::channel(1);
    let mut client = service.documents();
    let mut answer = pin!(client.put_attachment(ReceiverStream::new(receiver)));
    // A long content may take its time, as long as each piece of it gets on.
    for message in std::iter::once(first).chain(pieces) {
        tokio::select! {
            // It comes before its time only where the service gave the call up.
            answer = &mut answer => return Ok(answer?.into_inner().written.unwrap_or_default()),
            sent = service.in_time(sender.send(message)) => if sent?.is_err() { break },
        }
    }
    drop(sender);
    let answer = service.answer(answer).await?;
    Ok(answer.written.unwrap_or_default())
}

/// What an attachment of a document, or of a revision of it, is, and its content; none where that
/// is larger than `most` bytes.
pub(super) async fn read(
    service: &Service,
    database: &str,
    document: &str,
    name: &str,
    revision: Option<&str>,
    most: u64,
) -> Result<(Attachment, Option<Vec<u8>>), Failure> {
    let request = GetAttachmentRequest {
        database: database.to_owned(),
        document_id: document.to_owned(),
        name: name.to_owned(),
        revision_change_vector: revision.map(str::to_owned),
        ..GetAttachmentRequest::default()
    };
    let mut client = service.documents();
    let mut pieces = service.answer(client.get_attachment(request)).await?;
    let (mut attachment, mut content) = (Attachment::default(), Vec::new());
    loop {
        let piece = service.in_time(pieces.message()).await?;
        let Some(piece) = piece? else { return Ok((attachment, Some(content))) };
        if let Some(it) = piece.attachment {
            attachment = it;
            if attachment.size > most {
                return Ok((attachment, None));
            }
        }
        content.extend_from_slice(&piece.chunk);
    }
}
