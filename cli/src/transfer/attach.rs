//! Contents of attachments: to a service, piece by piece, and from one as the line of a revision
//! has them, whole.

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

/// What comes next of a content that is put.
pub(super) enum Piece {
    /// More of it.
    Some(Bytes),
    /// It is whole.
    End,
    /// It will not become whole.
    Cut,
}

/// What is put, by the first of its lines. The service holds the content against what that says of
/// its size, so that half of one is never taken for whole.
pub(super) fn header(database: &str, first: &AttachmentLine) -> AttachmentHeader {
    let size = first.size.or((!first.more).then_some(first.content.len() as u64));
    AttachmentHeader {
        database: database.to_owned(),
        document_id: first.document.clone(),
        name: first.name.clone(),
        content_type: first.content_type.clone(),
        size,
        hash: first.hash.clone(),
        ..AttachmentHeader::default()
    }
}

/// Puts an attachment, whose content `next` has piece by piece; nothing is written, and nothing
/// answered, where that is cut short.
pub(super) async fn attach(
    service: &Service,
    header: AttachmentHeader,
    mut next: impl AsyncFnMut() -> Piece,
) -> Result<Option<Written>, Failure> {
    let (sender, receiver) = mpsc::channel(1);
    let mut client = service.documents();
    let mut answer = pin!(client.put_attachment(ReceiverStream::new(receiver)));
    let mut message = PutAttachmentRequest { header: Some(header), chunk: Bytes::new() };
    let mut content = Bytes::new();
    // A long content may take its time, as long as each piece of it gets on.
    'sending: loop {
        tokio::select! {
            // It comes before its time only where the service gave the call up.
            answer = &mut answer => {
                return Ok(Some(answer?.into_inner().written.unwrap_or_default()));
            }
            sent = service.in_time(sender.send(message)) => if sent?.is_err() { break },
        }
        while content.is_empty() {
            match next().await {
                Piece::Some(more) => content = more,
                Piece::End => break 'sending,
                // Whoever drops the call ends it before the service can take it for complete.
                Piece::Cut => return Ok(None),
            }
        }
        let chunk = content.split_to(content.len().min(PIECE_BYTES));
        message = PutAttachmentRequest { header: None, chunk };
    }
    drop(sender);
    let answer = service.answer(answer).await?;
    Ok(Some(answer.written.unwrap_or_default()))
}

/// What an attachment of a revision is, and its content; none where that is larger than `most`
/// bytes.
pub(super) async fn read(
    service: &Service,
    database: &str,
    document: &str,
    name: &str,
    revision: &str,
    most: u64,
) -> Result<(Attachment, Option<Vec<u8>>), Failure> {
    let request = GetAttachmentRequest {
        database: database.to_owned(),
        document_id: document.to_owned(),
        name: name.to_owned(),
        revision_change_vector: Some(revision.to_owned()),
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
