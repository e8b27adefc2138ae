//! Revisions into lines: read whole into a file, and then written with their contents, so that the
//! stream of them does not wait for those.

use std::collections::HashSet;
use std::io::{BufReader, BufWriter, Read as _, Seek as _, Write as _};

use futures_util::StreamExt as _;
use jackdaw_proto::documents::{Attachment, Revision, StreamRevisionsRequest};
use prost::Message as _;
use tempfile::SpooledTempFile;

use super::{ASIDE_IN_MEMORY_BYTES, CONTENT_BYTES_MAX, Source, Writer, unkept};
use crate::json_lines::{Kind, LINE_BYTES_MAX, write_revision};
use crate::report::exit::Failure;
use crate::transfer::attach;

/// The revisions that are to be written, each behind its length: on disk where it is much.
pub(super) struct Spool {
    file: SpooledTempFile,
    count: u64,
}

impl Spool {
    /// Whether there is any revision of a document whose id begins with a prefix.
    pub(super) async fn is_needed(source: &Source<'_>, prefix: &str) -> Result<bool, Failure> {
        let mut parts = Box::pin(source.service.stream_revisions(source.all(prefix)));
        Ok(parts.next().await.transpose()?.is_some())
    }

    /// Reads all that are not documents as they are.
    pub(super) async fn read(source: &Source<'_>, prefix: &str) -> Result<Self, Failure> {
        let mut parts = Box::pin(source.service.stream_revisions(source.all(prefix)));
        let mut file = BufWriter::new(SpooledTempFile::new(ASIDE_IN_MEMORY_BYTES));
        let mut count = 0;
        while let Some(part) = parts.next().await {
            for revision in part?.revisions.into_iter().filter(|it| !it.current) {
                let bytes = revision.encode_to_vec();
                file.write_all(&(bytes.len() as u64).to_be_bytes()).map_err(unkept)?;
                file.write_all(&bytes).map_err(unkept)?;
                count += 1;
            }
        }
        let mut file = file.into_inner().map_err(|error| unkept(error.into_error()))?;
        file.rewind().map_err(unkept)?;
        Ok(Self { file, count })
    }

    /// Writes them.
    pub(super) async fn write(
        self,
        source: &Source<'_>,
        writer: &mut Writer<'_>,
    ) -> Result<(), Failure> {
        let mut file = BufReader::new(self.file);
        let mut written = Contents::default();
        for _ in 0..self.count {
            let mut length = [0; 8];
            file.read_exact(&mut length).map_err(unkept)?;
            let length = u64::from_be_bytes(length);
            let mut bytes = Vec::new();
            (&mut file).take(length).read_to_end(&mut bytes).map_err(unkept)?;
            let revision = Revision::decode(&*bytes).map_err(Failure::local)?;
            written.begin(&revision);
            let contents = source.contents(&revision, &written, writer).await?;
            let Some(contents) = contents else { continue };
            if writer.revision(&revision, &contents)? {
                written.add(&revision);
            }
        }
        Ok(())
    }
}

/// Contents that the line before has, of a revision of the same document: they need not stand there
/// again.
#[derive(Default)]
struct Contents {
    document: String,
    hashes: HashSet<String>,
}

impl Contents {
    fn begin(&mut self, revision: &Revision) {
        if self.document != revision.document_id {
            self.document.clone_from(&revision.document_id);
            self.hashes.clear();
        }
    }

    fn has(&self, attachment: &Attachment) -> bool {
        self.hashes.contains(&attachment.hash)
    }

    fn add(&mut self, revision: &Revision) {
        self.hashes = revision.attachments.iter().map(|it| it.hash.clone()).collect();
    }
}

impl Source<'_> {
    fn all(&self, prefix: &str) -> StreamRevisionsRequest {
        StreamRevisionsRequest {
            database: self.database.to_owned(),
            id_prefix: prefix.to_owned(),
            after_id: String::new(),
        }
    }

    /// The contents of a revision's attachments, each in its place, without those that are written;
    /// none at all where the revision has gone, or they are too large for a line.
    async fn contents(
        &self,
        revision: &Revision,
        written: &Contents,
        writer: &mut Writer<'_>,
    ) -> Result<Option<Vec<Option<Vec<u8>>>>, Failure> {
        let (mut contents, mut bytes) = (Vec::new(), revision.body.len() as u64);
        let mut within = HashSet::new();
        for attachment in &revision.attachments {
            if written.has(attachment) || !within.insert(&attachment.hash) {
                contents.push(None);
                continue;
            }
            bytes += attachment.size;
            if bytes > CONTENT_BYTES_MAX {
                writer.left_out(Kind::Revision, 1);
                return Ok(None);
            }
            let (id, vector) = (&*revision.document_id, &*revision.change_vector);
            let (service, database) = (self.service, self.database);
            let read = attach::read(service, database, id, &attachment.name, vector, bytes).await;
            let Some((_, content)) = writer.there(Kind::Revision, id, read)? else {
                return Ok(None);
            };
            contents.push(content);
        }
        Ok(Some(contents))
    }
}

impl Writer<'_> {
    /// Writes a revision; answers false where its line would be longer than one may be.
    fn revision(
        &mut self,
        revision: &Revision,
        contents: &[Option<Vec<u8>>],
    ) -> Result<bool, Failure> {
        write_revision(&mut self.lines, revision, contents).map_err(Failure::local)?;
        if self.lines.len() > LINE_BYTES_MAX {
            self.lines.clear();
            self.left_out(Kind::Revision, 1);
            return Ok(false);
        }
        self.written(Kind::Revision);
        self.flush()?;
        Ok(true)
    }
}
