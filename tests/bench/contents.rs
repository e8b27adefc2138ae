//! Contents of attachments that nothing compresses, the same for the same number on every machine.
//!
//! They are made piece by piece, while they are written and while they are compared: one that is
//! larger than memory costs none.

use anyhow::{Context as _, Result, ensure};
use bytes::{Bytes, BytesMut};
use jackdaw_common::{BlobHash, BlobHasher};
use jackdaw_proto::documents::{AttachmentHeader, GetAttachmentRequest, PutAttachmentRequest};
use jackdaw_tests::{client::Client, random::Random};

/// What is attached to one document.
#[derive(Clone, Debug)]
pub(crate) struct Content {
    /// The document.
    pub(crate) document: String,
    /// No two have the same.
    pub(crate) number: u64,
    pub(crate) bytes: u64,
}

impl Content {
    /// All of it, piece by piece.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = Bytes> + Send + use<> {
        let Self { number, bytes, .. } = *self;
        (0..bytes.div_ceil(PIECE_BYTES)).map(move |at| {
            let length = PIECE_BYTES.min(bytes - at * PIECE_BYTES);
            let mut random = Random::new((number << 32) ^ at).named("content");
            let mut piece = BytesMut::zeroed(usize::try_from(length).unwrap_or(0));
            for part in piece.chunks_mut(8) {
                part.copy_from_slice(&random.number().to_le_bytes()[..part.len()]);
            }
            piece.freeze()
        })
    }

    /// Attaches it at the source; answers the etag.
    pub(crate) async fn attach(&self, source: &Client) -> Result<u64> {
        let header = AttachmentHeader {
            database: "shop".into(),
            document_id: self.document.clone(),
            name: NAME.into(),
            content_type: "application/octet-stream".into(),
            size: Some(self.bytes),
            ..AttachmentHeader::default()
        };
        let first = PutAttachmentRequest { header: Some(header), chunk: Bytes::new() };
        let pieces = self.pieces().map(|chunk| PutAttachmentRequest { header: None, chunk });
        let messages = tokio_stream::iter(std::iter::once(first).chain(pieces));
        let answer = source.documents().put_attachment(messages).await?.into_inner();
        Ok(answer.written.context("nothing written")?.etag)
    }

    /// Reads what came of it at the destination, whole, and compares.
    pub(crate) async fn check(&self, destination: &Client) -> Result<()> {
        let Self { document, bytes, .. } = self;
        let request = GetAttachmentRequest {
            database: "copy".into(),
            document_id: document.clone(),
            name: NAME.into(),
            ..GetAttachmentRequest::default()
        };
        let mut pieces = destination.documents().get_attachment(request).await?.into_inner();
        let (mut attachment, mut hasher, mut read) = (None, BlobHasher::default(), 0);
        while let Some(piece) = pieces.message().await? {
            attachment = attachment.or(piece.attachment);
            read += piece.chunk.len() as u64;
            hasher.update(&piece.chunk);
        }
        let attachment = attachment.context("no attachment")?;
        let hash = self.hash();
        ensure!((read, attachment.size) == (*bytes, *bytes), "{document}: {read} bytes arrived");
        ensure!(hasher.finish() == hash, "{document}: another content arrived");
        ensure!(attachment.hash == hash.to_string(), "{document}: its hash is another");
        Ok(())
    }

    fn hash(&self) -> BlobHash {
        let mut hasher = BlobHasher::default();
        self.pieces().for_each(|piece| hasher.update(&piece));
        hasher.finish()
    }
}

/// The name of each attachment.
const NAME: &str = "content";
/// Bytes of a piece.
const PIECE_BYTES: u64 = 256 * 1024;
