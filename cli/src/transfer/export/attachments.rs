//! Attachments into lines: one, or several where the content is too large for one.

use futures_util::{Stream, StreamExt as _};
use jackdaw_proto::documents::GetAttachmentResponse;
use tonic::Status;

use super::Writer;
use crate::json_lines::{Kind, write_attachment, write_attachment_part};
use crate::report::exit::Failure;

impl Writer<'_> {
    /// Writes an attachment of a document, as its pieces come: a content of at most `whole_max`
    /// bytes in one line, a larger one in lines of `part_bytes`, of which one is held at a time.
    pub(in crate::transfer) async fn attachment<S>(
        &mut self,
        id: &str,
        mut pieces: S,
        whole_max: u64,
        part_bytes: usize,
    ) -> Result<(), Failure>
    where
        S: Stream<Item = Result<GetAttachmentResponse, Status>> + Unpin,
    {
        let first = pieces.next().await.transpose().map_err(Failure::from);
        let Some(first) = self.there(Kind::Attachment, id, first)? else { return Ok(()) };
        let first = first.unwrap_or_default();
        let attachment = first.attachment.unwrap_or_default();
        let is_whole = attachment.size <= whole_max;
        let (mut waiting, mut offset) = (first.chunk.to_vec(), 0);
        while let Some(piece) = pieces.next().await {
            waiting.extend_from_slice(&piece?.chunk);
            // The last line is written when nothing more comes: it may be that nothing does.
            while !is_whole && waiting.len() > part_bytes {
                let rest = waiting.split_off(part_bytes);
                let part =
                    write_attachment_part(&mut self.lines, id, &attachment, offset, &waiting);
                part.map_err(Failure::local)?;
                offset += waiting.len() as u64;
                self.flush()?;
                waiting = rest;
            }
        }
        let line = if is_whole {
            write_attachment(&mut self.lines, id, &attachment, &waiting)
        } else {
            write_attachment_part(&mut self.lines, id, &attachment, offset, &waiting)
        };
        line.map_err(Failure::local)?;
        self.written(Kind::Attachment);
        self.flush()
    }
}
