//! Attachments: contents on their way in and out, piece by piece, never whole in memory.
//!
//! What comes in is staged on disk, hashed as it comes, and made durable before the transaction
//! that refers to it. What goes out stays there meanwhile, whatever becomes of the document; not
//! where the database is deleted.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use jackdaw_common::{
    Attachment, AttachmentName, Attachments, BlobHasher, ChangeVector, DocumentId, Version,
    id::lower,
    limits::{BLOB_BYTES_MAX, BLOB_CHUNK_BYTES},
};
use jackdaw_proto::{
    convert::{attachments as convert, change_vector},
    documents as wire,
    wire::{Reason, Violations, WireError},
};
use jackdaw_store::{Command, Content, Lookup, NewContent, Snapshot, Staged, Staging, Store};
use tokio::time::timeout;
use tonic::Status;

use super::{PARTS_QUEUED_MAX, read, revisions, write};
use crate::{
    catalog::Database,
    control::{
        blocking, door, failure,
        feeding::{self, Feeder, Parts},
        pace,
        paging::Scope,
    },
};

/// Bytes of one piece that a client sends.
const CHUNK_BYTES_MAX: usize = 1024 * 1024;

/// How long a client that puts a content is waited for: what it has sent is kept meanwhile.
const PUT_STALL_MAX: Duration = Duration::from_secs(60);

/// Puts what a client sends.
pub(super) async fn put(
    database: Arc<Database>,
    header: wire::AttachmentHeader,
    first: Bytes,
    inbound: impl Stream<Item = Result<wire::PutAttachmentRequest, Status>> + Unpin,
) -> Result<wire::PutAttachmentResponse, Status> {
    let mut violations = Violations::new();
    let read = convert::header(&header, &mut violations);
    let header = violations.value(read)?;
    let ending = database.ending();
    let staged = tokio::select! {
        biased;
        ending = ending => return Err(door::ended(database.name(), ending).into()),
        staged = stage(database.store(), &header, first, inbound) => Arc::new(staged?),
    };
    let (hash, size) = (staged.hash(), staged.size());
    let convert::AttachmentHeader { document, name, content_type, expected, .. } = header;
    let command = Command::PutAttachment {
        id: document,
        name: name.clone(),
        content_type: content_type.clone(),
        content: staged.into(),
        expected,
    };
    let written = write::carry_out(&database, command).await?;
    let attachment = wire::Attachment {
        name: name.as_str().to_owned(),
        content_type: content_type.as_str().to_owned(),
        hash: hash.to_string(),
        size,
    };
    Ok(wire::PutAttachmentResponse { attachment: Some(attachment), written: Some(written) })
}

/// Takes a content in, and compares it with what was declared.
async fn stage(
    store: &Store,
    header: &convert::AttachmentHeader,
    first: Bytes,
    mut inbound: impl Stream<Item = Result<wire::PutAttachmentRequest, Status>> + Unpin,
) -> Result<Staged, Status> {
    let most = header.size.unwrap_or(BLOB_BYTES_MAX).min(BLOB_BYTES_MAX);
    let mut staging = append(store.stage(), first, most).await?;
    loop {
        let next = timeout(PUT_STALL_MAX, inbound.next()).await;
        let Some(message) = next.map_err(|_| stalled())? else { break };
        let wire::PutAttachmentRequest { header, chunk } = message?;
        if header.is_some() {
            return Err(WireError::field("header", "stands in the first message only").into());
        }
        staging = append(staging, chunk, most).await?;
    }
    let (bytes, hash) = (staging.bytes(), staging.hash());
    if let Some(declared) = header.size.filter(|declared| *declared != bytes) {
        return Err(mismatch("size", declared, bytes).into());
    }
    if let Some(declared) = header.hash.filter(|declared| *declared != hash) {
        return Err(mismatch("hash", declared, hash).into());
    }
    let staged = blocking(move || staging.finish().map_err(|error| failure::store(&error)));
    Ok(staged.await?)
}

/// Appends a piece, unless that would be more than is to come.
async fn append(staging: Staging, chunk: Bytes, most: u64) -> Result<Staging, WireError> {
    if chunk.len() > CHUNK_BYTES_MAX {
        return Err(WireError::field("chunk", format!("is larger than {CHUNK_BYTES_MAX} bytes")));
    }
    if chunk.is_empty() {
        return Ok(staging);
    }
    let bytes = staging.bytes() + chunk.len() as u64;
    if bytes > BLOB_BYTES_MAX {
        let text = format!("the content has more than {BLOB_BYTES_MAX} bytes");
        return Err(WireError::new(Reason::ContentTooLarge, text).with("most", BLOB_BYTES_MAX));
    }
    if bytes > most {
        return Err(mismatch("size", most, format!("at least {bytes}")));
    }
    blocking(move || {
        let mut staging = staging;
        staging.write(&chunk).map_err(|error| failure::store(&error))?;
        Ok(staging)
    })
    .await
}

/// A put that is a step of a transaction. Blocking where its content is more than a row may have.
pub(super) fn put_command(
    store: &Store,
    put: convert::PutAttachment,
) -> Result<Command, WireError> {
    let convert::PutAttachment { document, attachment, expected } = put;
    let convert::Attaching { name, content_type, source } = attachment;
    let content = new_content(store, source)?;
    Ok(Command::PutAttachment { id: document, name, content_type, content, expected })
}

/// A content that a command brings, staged, or that it names. Likewise.
pub(super) fn new_content(store: &Store, source: convert::Source) -> Result<NewContent, WireError> {
    let content = match source {
        convert::Source::Hash(hash) => return Ok(NewContent::Held(hash)),
        convert::Source::Content(content) => content,
    };
    let stage = || {
        let mut staging = store.stage();
        staging.write(&content)?;
        staging.finish()
    };
    let staged = stage().map_err(|error| failure::store(&error))?;
    Ok(NewContent::Staged(Arc::new(staged)))
}

fn mismatch(
    what: &'static str,
    declared: impl std::fmt::Display,
    actual: impl std::fmt::Display,
) -> WireError {
    let text = format!("the content has {what} {actual}; declared was {declared}");
    WireError::new(Reason::ContentMismatch, text)
        .with("what", what)
        .with("declared", declared)
        .with("actual", actual)
}

fn stalled() -> WireError {
    let seconds = PUT_STALL_MAX.as_secs();
    WireError::new(Reason::ClientStalled, format!("the client has sent nothing for {seconds} s"))
        .with("seconds", seconds)
}

/// An attachment that was found, in the version of the document that has it.
struct Found {
    attachment: Attachment,
    content: Content,
    version: Version,
}

/// The attachment, or a range of it, for a client that takes a piece within `stall_max`.
pub(super) async fn get(
    database: Arc<Database>,
    request: wire::GetAttachmentRequest,
    stall_max: Duration,
) -> Result<Parts<wire::GetAttachmentResponse>, WireError> {
    let mut violations = Violations::new();
    let id = violations.check("document_id", DocumentId::new(&request.document_id));
    let name = violations.check("name", AttachmentName::new(&request.name));
    let revision = match &request.revision_change_vector {
        None => Some(None),
        Some(text) => revisions::vector("revision_change_vector", text, &mut violations).map(Some),
    };
    let ((id, name), revision) = violations.value(id.zip(name).zip(revision))?;
    let snapshot = database.store().snapshot();
    let found = blocking(move || find(&snapshot, &id, &name, revision.as_ref())).await?;
    let size = found.content.size();
    if request.offset > size {
        let text = format!("offset {} lies behind the end of {size} bytes", request.offset);
        return Err(WireError::new(Reason::RangeInvalid, text)
            .with("offset", request.offset)
            .with("size", size));
    }
    let end = request.length.map_or(size, |length| request.offset.saturating_add(length).min(size));
    let range = (request.offset, end);
    Ok(feeding::parts(database, PARTS_QUEUED_MAX, |sender| feed(sender, found, range, stall_max)))
}

/// An attachment of a document, or of a revision of it.
fn find(
    snapshot: &Snapshot,
    id: &DocumentId,
    name: &AttachmentName,
    revision: Option<&ChangeVector>,
) -> Result<Found, WireError> {
    let version = match revision {
        Some(vector) => revisions::find(snapshot, id, vector)?.1.version,
        None => live(snapshot, id)?,
    };
    let Some(attachment) = version.attachments.get(name).cloned() else {
        let text = format!("document {id} has no attachment {name}");
        return Err(WireError::new(Reason::AttachmentNotFound, text)
            .with("id", id)
            .with("name", name)
            .about("jackdaw/Attachment", name));
    };
    let content = snapshot.content(&attachment.hash).map_err(|error| failure::store(&error))?;
    let Some(content) = content else {
        let text = format!("the content of attachment {name} of document {id} is not there");
        return Err(WireError::new(Reason::ContentCorrupt, text).with("hash", attachment.hash));
    };
    Ok(Found { attachment, content, version })
}

/// The version of a document that can be read.
fn live(snapshot: &Snapshot, id: &DocumentId) -> Result<Version, WireError> {
    match snapshot.document(id).map_err(|error| failure::store(&error))? {
        Lookup::Found(row) if !row.version.content.is_tombstone() => Ok(row.version),
        Lookup::Found(_) | Lookup::Missing => Err(read::not_found(id)),
        Lookup::Conflict(rows) => {
            Err(read::in_conflict(id, rows.into_iter().map(Version::from).collect()))
        }
    }
}

async fn feed(
    sender: Feeder<wire::GetAttachmentResponse>,
    found: Found,
    (mut offset, end): (u64, u64),
    stall_max: Duration,
) -> Result<(), WireError> {
    let Found { attachment, content, version } = found;
    let mut hasher = (offset == 0 && end == content.size()).then(BlobHasher::default);
    let mut head = Some(wire::GetAttachmentResponse {
        attachment: Some(convert::attachment(&attachment)),
        change_vector: change_vector::text(&version.vector),
        chunk: Bytes::new(),
    });
    while offset < end || head.is_some() {
        let Some(room) = pace::room(&sender, stall_max).await? else { return Ok(()) };
        let bytes = usize::try_from(end - offset).unwrap_or(usize::MAX).min(BLOB_CHUNK_BYTES);
        let chunk = piece(content.clone(), offset, bytes, &mut hasher).await?;
        offset += chunk.len() as u64;
        let is_whole = offset == end;
        if let Some(hasher) = hasher.as_ref().filter(|_| is_whole)
            && hasher.finish() != attachment.hash
        {
            let text = "the content is not what its hash says";
            return Err(WireError::new(Reason::ContentCorrupt, text).with("hash", attachment.hash));
        }
        let response = head.take().unwrap_or_default();
        room.send(Ok(wire::GetAttachmentResponse { chunk, ..response }));
    }
    Ok(())
}

/// Reads a piece, and takes it into the hash where all of the content is read.
async fn piece(
    content: Content,
    offset: u64,
    bytes: usize,
    hasher: &mut Option<BlobHasher>,
) -> Result<Bytes, WireError> {
    let taken = hasher.take();
    let read = blocking(move || {
        let mut taken = taken;
        let read = content.read(offset, bytes).map_err(|error| failure::store(&error))?;
        if let Some(hasher) = &mut taken {
            hasher.update(&read);
        }
        Ok((read, taken))
    });
    let (read, taken) = read.await?;
    *hasher = taken;
    Ok(read)
}

/// Removes an attachment.
pub(super) async fn delete(
    database: &Database,
    request: &wire::DeleteAttachmentRequest,
) -> Result<wire::DeleteAttachmentResponse, WireError> {
    let mut violations = Violations::new();
    let id = violations.check("document_id", DocumentId::new(&request.document_id));
    let name = violations.check("name", AttachmentName::new(&request.name));
    let expected = change_vector::expected(
        "expected_change_vector".to_owned(),
        request.expected_change_vector.as_deref(),
        &mut violations,
    );
    let (id, name) = violations.value(id.zip(name))?;
    let expected = expected.unwrap_or_default();
    let written = write::carry_out(database, Command::DeleteAttachment { id, name, expected });
    Ok(wire::DeleteAttachmentResponse { written: Some(written.await?) })
}

/// A page of a document's attachments.
pub(super) async fn list(
    store: &Store,
    request: &wire::ListAttachmentsRequest,
) -> Result<wire::ListAttachmentsResponse, WireError> {
    let id = DocumentId::new(&request.document_id)
        .map_err(|error| WireError::field("document_id", error))?;
    let database = store.database_id().to_string();
    let key = lower(&request.document_id).into_owned();
    let arguments = ["attachments", &database, &key];
    let scope = Scope(&arguments);
    let page = scope.page(request.page_size, &request.page_token)?;
    let snapshot = store.snapshot();
    let version = blocking(move || live(&snapshot, &id)).await?;
    let (attachments, last) = page_of(&version.attachments, page.entries, page.after.as_deref());
    let next_page_token = last.map(|last| scope.token(&last)).unwrap_or_default();
    Ok(wire::ListAttachmentsResponse { attachments, next_page_token })
}

/// So many of `all` behind the key `after`, and the key of the last one where there are others.
fn page_of(
    all: &Attachments,
    entries: usize,
    after: Option<&str>,
) -> (Vec<wire::Attachment>, Option<String>) {
    let list = all.as_slice();
    let begin = list.partition_point(|one| after.is_some_and(|after| one.name.key() <= after));
    let end = begin.saturating_add(entries).min(list.len());
    let page = &list[begin..end];
    let last = page.last().filter(|_| end < list.len());
    let last = last.map(|one| one.name.key().to_owned());
    (page.iter().map(convert::attachment).collect(), last)
}
