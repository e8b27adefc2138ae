//! The service itself: each method finds its database at the door and does one thing.

use std::sync::Arc;

use futures_util::{Stream, StreamExt as _};
use jackdaw_common::DocumentId;
use jackdaw_proto::{
    documents::{
        self as wire,
        documents_server::{Documents, DocumentsServer},
    },
    wire::WireError,
};
use jackdaw_store::Command;
use tonic::{Extensions, Request, Response, Status, Streaming};

use super::{
    REQUEST_BYTES_MAX, attachments,
    bulk::Bulk,
    read,
    stream::{self, Parts},
    watch,
    write::{self, Place},
};
use crate::{
    access::Level,
    catalog::{Catalog, Database},
    control::{door, pace::CLIENT_STALL_MAX},
};

/// Reads and writes the documents of a service's databases.
pub struct DocumentsService {
    catalog: Catalog,
}

impl DocumentsService {
    /// The service over `catalog`.
    #[must_use]
    pub fn server(catalog: Catalog) -> DocumentsServer<Self> {
        DocumentsServer::new(Self { catalog }).max_decoding_message_size(REQUEST_BYTES_MAX)
    }

    fn enter(
        &self,
        extensions: &Extensions,
        database: &str,
        level: Level,
    ) -> Result<Arc<Database>, WireError> {
        door::enter_field(&self.catalog, extensions, "database", database, level)
    }

    pub(super) async fn bulk(
        &self,
        extensions: &Extensions,
        mut inbound: impl Stream<Item = Result<wire::BulkWriteRequest, Status>> + Unpin,
    ) -> Result<wire::BulkWriteResponse, Status> {
        let Some(first) = inbound.next().await else {
            return Err(WireError::field("database", "is missing: there was no message").into());
        };
        let first = first?;
        let database = self.enter(extensions, &first.database, Level::ReadWrite)?;
        Bulk::new(database).run(first, inbound).await
    }

    pub(super) async fn attach(
        &self,
        extensions: &Extensions,
        mut inbound: impl Stream<Item = Result<wire::PutAttachmentRequest, Status>> + Unpin,
    ) -> Result<wire::PutAttachmentResponse, Status> {
        let Some(first) = inbound.next().await else {
            return Err(WireError::field("header", "is missing: there was no message").into());
        };
        let wire::PutAttachmentRequest { header, chunk } = first?;
        let header = header.ok_or_else(|| WireError::field("header", "is missing"))?;
        let field = "header.database";
        let database = door::enter_field(
            &self.catalog,
            extensions,
            field,
            &header.database,
            Level::ReadWrite,
        )?;
        attachments::put(database, header, chunk, inbound).await
    }
}

/// Carries out a transaction.
async fn transact(
    database: &Database,
    commands: Vec<Command>,
    place: Place,
) -> Result<Vec<wire::Written>, WireError> {
    let written = database.store().transact(commands).await;
    let written = written.map_err(|error| write::refusal(&error, place))?;
    Ok(write::outcome(&written))
}

#[tonic::async_trait]
impl Documents for DocumentsService {
    async fn get_document(
        &self,
        request: Request<wire::GetDocumentRequest>,
    ) -> Result<Response<wire::Document>, Status> {
        let (_, extensions, request) = request.into_parts();
        let database = self.enter(&extensions, &request.database, Level::Read)?;
        let id = DocumentId::new(&request.id).map_err(|error| WireError::field("id", error))?;
        Ok(Response::new(read::get(database.store(), id).await?))
    }

    async fn put_document(
        &self,
        request: Request<wire::PutDocumentRequest>,
    ) -> Result<Response<wire::PutDocumentResponse>, Status> {
        let (_, extensions, request) = request.into_parts();
        let database = self.enter(&extensions, &request.database, Level::ReadWrite)?;
        let commands = write::put(request.put).await?;
        let mut written = transact(&database, commands, Place::Field).await?;
        Ok(Response::new(wire::PutDocumentResponse { written: written.pop() }))
    }

    async fn delete_document(
        &self,
        request: Request<wire::DeleteDocumentRequest>,
    ) -> Result<Response<wire::DeleteDocumentResponse>, Status> {
        let (_, extensions, request) = request.into_parts();
        let database = self.enter(&extensions, &request.database, Level::ReadWrite)?;
        let commands = write::delete(request.delete).await?;
        let mut written = transact(&database, commands, Place::Field).await?;
        Ok(Response::new(wire::DeleteDocumentResponse { written: written.pop() }))
    }

    async fn transact(
        &self,
        request: Request<wire::TransactRequest>,
    ) -> Result<Response<wire::TransactResponse>, Status> {
        let (_, extensions, request) = request.into_parts();
        let database = self.enter(&extensions, &request.database, Level::ReadWrite)?;
        let commands = write::commands(request.commands).await?;
        let written = transact(&database, commands, Place::List).await?;
        Ok(Response::new(wire::TransactResponse { written }))
    }

    async fn list_documents(
        &self,
        request: Request<wire::ListDocumentsRequest>,
    ) -> Result<Response<wire::ListDocumentsResponse>, Status> {
        let (_, extensions, request) = request.into_parts();
        let database = self.enter(&extensions, &request.database, Level::Read)?;
        Ok(Response::new(read::list(database.store(), &request).await?))
    }

    type StreamDocumentsStream = Parts<wire::StreamDocumentsResponse>;

    async fn stream_documents(
        &self,
        request: Request<wire::StreamDocumentsRequest>,
    ) -> Result<Response<Self::StreamDocumentsStream>, Status> {
        let (_, extensions, request) = request.into_parts();
        let database = self.enter(&extensions, &request.database, Level::Read)?;
        let prefix = read::prefix(&request.id_prefix)?;
        Ok(Response::new(stream::stream(database, prefix, CLIENT_STALL_MAX)))
    }

    async fn bulk_write(
        &self,
        request: Request<Streaming<wire::BulkWriteRequest>>,
    ) -> Result<Response<wire::BulkWriteResponse>, Status> {
        let (_, extensions, inbound) = request.into_parts();
        Ok(Response::new(self.bulk(&extensions, inbound).await?))
    }

    async fn put_attachment(
        &self,
        request: Request<Streaming<wire::PutAttachmentRequest>>,
    ) -> Result<Response<wire::PutAttachmentResponse>, Status> {
        let (_, extensions, inbound) = request.into_parts();
        Ok(Response::new(self.attach(&extensions, inbound).await?))
    }

    type GetAttachmentStream = Parts<wire::GetAttachmentResponse>;

    async fn get_attachment(
        &self,
        request: Request<wire::GetAttachmentRequest>,
    ) -> Result<Response<Self::GetAttachmentStream>, Status> {
        let (_, extensions, request) = request.into_parts();
        let database = self.enter(&extensions, &request.database, Level::Read)?;
        let parts = attachments::get(database, request, CLIENT_STALL_MAX).await?;
        Ok(Response::new(parts))
    }

    async fn delete_attachment(
        &self,
        request: Request<wire::DeleteAttachmentRequest>,
    ) -> Result<Response<wire::DeleteAttachmentResponse>, Status> {
        let (_, extensions, request) = request.into_parts();
        let database = self.enter(&extensions, &request.database, Level::ReadWrite)?;
        Ok(Response::new(attachments::delete(&database, &request).await?))
    }

    async fn list_attachments(
        &self,
        request: Request<wire::ListAttachmentsRequest>,
    ) -> Result<Response<wire::ListAttachmentsResponse>, Status> {
        let (_, extensions, request) = request.into_parts();
        let database = self.enter(&extensions, &request.database, Level::Read)?;
        Ok(Response::new(attachments::list(database.store(), &request).await?))
    }

    type WatchChangesStream = Parts<wire::WatchChangesResponse>;

    async fn watch_changes(
        &self,
        request: Request<wire::WatchChangesRequest>,
    ) -> Result<Response<Self::WatchChangesStream>, Status> {
        let (_, extensions, request) = request.into_parts();
        let database = self.enter(&extensions, &request.database, Level::Read)?;
        let changes = watch::watch(database, request.after_etag, CLIENT_STALL_MAX)?;
        Ok(Response::new(changes))
    }
}
