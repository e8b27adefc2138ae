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
use tonic::{Extensions, Request, Response, Status, Streaming};

use super::{
    REQUEST_BYTES_MAX, attachments,
    bulk::Bulk,
    counters,
    local::{compare_exchange, identities},
    read, revisions, series,
    stream::{self, Streamed},
    watch,
    write::{self, Place},
};
use crate::{
    access::Level,
    catalog::{Catalog, Database},
    control::{door, feeding::Parts, pace::CLIENT_STALL_MAX},
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

#[tonic::async_trait]
impl Documents for DocumentsService {
    async fn get_document(
        &self,
        request: Request<wire::GetDocumentRequest>,
    ) -> Result<Response<wire::Document>, Status> {
        let (_, extensions, request) = request.into_parts();
        let database = self.enter(&extensions, &request.database, Level::Read)?;
        let id = DocumentId::new(&request.id).map_err(|error| WireError::field("id", error))?;
        let document = read::get(database.store(), id, request.derive_metadata).await?;
        Ok(Response::new(document))
    }

    async fn put_document(
        &self,
        request: Request<wire::PutDocumentRequest>,
    ) -> Result<Response<wire::PutDocumentResponse>, Status> {
        let (_, extensions, request) = request.into_parts();
        let database = self.enter(&extensions, &request.database, Level::ReadWrite)?;
        let commands = write::put(database.store(), request.put).await?;
        let mut written = write::transact(&database, commands, Place::Field).await?;
        Ok(Response::new(wire::PutDocumentResponse { written: written.pop() }))
    }

    async fn delete_document(
        &self,
        request: Request<wire::DeleteDocumentRequest>,
    ) -> Result<Response<wire::DeleteDocumentResponse>, Status> {
        let (_, extensions, request) = request.into_parts();
        let database = self.enter(&extensions, &request.database, Level::ReadWrite)?;
        let commands = write::delete(database.store(), request.delete).await?;
        let mut written = write::transact(&database, commands, Place::Field).await?;
        Ok(Response::new(wire::DeleteDocumentResponse { written: written.pop() }))
    }

    async fn transact(
        &self,
        request: Request<wire::TransactRequest>,
    ) -> Result<Response<wire::TransactResponse>, Status> {
        let (_, extensions, request) = request.into_parts();
        let database = self.enter(&extensions, &request.database, Level::ReadWrite)?;
        let commands = write::commands(database.store(), request.commands).await?;
        let written = write::transact(&database, commands, Place::List).await?;
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
        let streamed = Streamed::read(&request)?;
        Ok(Response::new(stream::stream(database, streamed, CLIENT_STALL_MAX)))
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

    async fn increment_counter(
        &self,
        request: Request<wire::IncrementCounterRequest>,
    ) -> Result<Response<wire::IncrementCounterResponse>, Status> {
        let (_, extensions, request) = request.into_parts();
        let database = self.enter(&extensions, &request.database, Level::ReadWrite)?;
        Ok(Response::new(counters::increment(&database, request.increment_counter).await?))
    }

    async fn get_counter(
        &self,
        request: Request<wire::GetCounterRequest>,
    ) -> Result<Response<wire::Counter>, Status> {
        let (_, extensions, request) = request.into_parts();
        let database = self.enter(&extensions, &request.database, Level::Read)?;
        Ok(Response::new(counters::get(database.store(), &request).await?))
    }

    async fn list_counters(
        &self,
        request: Request<wire::ListCountersRequest>,
    ) -> Result<Response<wire::ListCountersResponse>, Status> {
        let (_, extensions, request) = request.into_parts();
        let database = self.enter(&extensions, &request.database, Level::Read)?;
        Ok(Response::new(counters::list(database.store(), &request).await?))
    }

    async fn delete_counter(
        &self,
        request: Request<wire::DeleteCounterRequest>,
    ) -> Result<Response<wire::DeleteCounterResponse>, Status> {
        let (_, extensions, request) = request.into_parts();
        let database = self.enter(&extensions, &request.database, Level::ReadWrite)?;
        Ok(Response::new(counters::delete(&database, request.delete_counter).await?))
    }

    async fn append_time_series(
        &self,
        request: Request<wire::AppendTimeSeriesRequest>,
    ) -> Result<Response<wire::AppendTimeSeriesResponse>, Status> {
        let (_, extensions, request) = request.into_parts();
        let database = self.enter(&extensions, &request.database, Level::ReadWrite)?;
        Ok(Response::new(series::append(&database, request.append_time_series).await?))
    }

    type GetTimeSeriesRangeStream = Parts<wire::GetTimeSeriesRangeResponse>;

    async fn get_time_series_range(
        &self,
        request: Request<wire::GetTimeSeriesRangeRequest>,
    ) -> Result<Response<Self::GetTimeSeriesRangeStream>, Status> {
        let (_, extensions, request) = request.into_parts();
        let database = self.enter(&extensions, &request.database, Level::Read)?;
        Ok(Response::new(series::get(database, request, CLIENT_STALL_MAX).await?))
    }

    async fn delete_time_series_range(
        &self,
        request: Request<wire::DeleteTimeSeriesRangeRequest>,
    ) -> Result<Response<wire::DeleteTimeSeriesRangeResponse>, Status> {
        let (_, extensions, request) = request.into_parts();
        let database = self.enter(&extensions, &request.database, Level::ReadWrite)?;
        Ok(Response::new(series::delete(&database, request.delete_time_series_range).await?))
    }

    async fn list_time_series(
        &self,
        request: Request<wire::ListTimeSeriesRequest>,
    ) -> Result<Response<wire::ListTimeSeriesResponse>, Status> {
        let (_, extensions, request) = request.into_parts();
        let database = self.enter(&extensions, &request.database, Level::Read)?;
        Ok(Response::new(series::list(database.store(), &request).await?))
    }

    async fn put_compare_exchange(
        &self,
        request: Request<wire::PutCompareExchangeRequest>,
    ) -> Result<Response<wire::PutCompareExchangeResponse>, Status> {
        let (_, extensions, request) = request.into_parts();
        let database = self.enter(&extensions, &request.database, Level::ReadWrite)?;
        Ok(Response::new(compare_exchange::put(&database, request).await?))
    }

    async fn get_compare_exchange(
        &self,
        request: Request<wire::GetCompareExchangeRequest>,
    ) -> Result<Response<wire::CompareExchangeItem>, Status> {
        let (_, extensions, request) = request.into_parts();
        let database = self.enter(&extensions, &request.database, Level::Read)?;
        Ok(Response::new(compare_exchange::get(database.store(), &request).await?))
    }

    async fn delete_compare_exchange(
        &self,
        request: Request<wire::DeleteCompareExchangeRequest>,
    ) -> Result<Response<wire::DeleteCompareExchangeResponse>, Status> {
        let (_, extensions, request) = request.into_parts();
        let database = self.enter(&extensions, &request.database, Level::ReadWrite)?;
        Ok(Response::new(compare_exchange::delete(&database, &request).await?))
    }

    async fn list_compare_exchange(
        &self,
        request: Request<wire::ListCompareExchangeRequest>,
    ) -> Result<Response<wire::ListCompareExchangeResponse>, Status> {
        let (_, extensions, request) = request.into_parts();
        let database = self.enter(&extensions, &request.database, Level::Read)?;
        Ok(Response::new(compare_exchange::list(database.store(), &request).await?))
    }

    async fn list_identities(
        &self,
        request: Request<wire::ListIdentitiesRequest>,
    ) -> Result<Response<wire::ListIdentitiesResponse>, Status> {
        let (_, extensions, request) = request.into_parts();
        let database = self.enter(&extensions, &request.database, Level::Read)?;
        Ok(Response::new(identities::list(database.store(), &request).await?))
    }

    async fn next_identity(
        &self,
        request: Request<wire::NextIdentityRequest>,
    ) -> Result<Response<wire::Identity>, Status> {
        let (_, extensions, request) = request.into_parts();
        let database = self.enter(&extensions, &request.database, Level::ReadWrite)?;
        Ok(Response::new(identities::next(&database, &request).await?))
    }

    async fn set_identity(
        &self,
        request: Request<wire::SetIdentityRequest>,
    ) -> Result<Response<wire::Identity>, Status> {
        let (_, extensions, request) = request.into_parts();
        let database = self.enter(&extensions, &request.database, Level::ReadWrite)?;
        Ok(Response::new(identities::set(&database, &request).await?))
    }

    async fn list_revisions(
        &self,
        request: Request<wire::ListRevisionsRequest>,
    ) -> Result<Response<wire::ListRevisionsResponse>, Status> {
        let (_, extensions, request) = request.into_parts();
        let database = self.enter(&extensions, &request.database, Level::Read)?;
        Ok(Response::new(revisions::list(database.store(), &request).await?))
    }

    async fn get_revision(
        &self,
        request: Request<wire::GetRevisionRequest>,
    ) -> Result<Response<wire::Revision>, Status> {
        let (_, extensions, request) = request.into_parts();
        let database = self.enter(&extensions, &request.database, Level::Read)?;
        Ok(Response::new(revisions::get(database.store(), &request).await?))
    }

    type StreamRevisionsStream = Parts<wire::StreamRevisionsResponse>;

    async fn stream_revisions(
        &self,
        request: Request<wire::StreamRevisionsRequest>,
    ) -> Result<Response<Self::StreamRevisionsStream>, Status> {
        let (_, extensions, request) = request.into_parts();
        let database = self.enter(&extensions, &request.database, Level::Read)?;
        let prefix = read::prefix(&request.id_prefix)?;
        let after = read::after(&request.after_id)?;
        Ok(Response::new(revisions::stream(database, prefix, after, CLIENT_STALL_MAX)))
    }

    async fn get_revisions_configuration(
        &self,
        request: Request<wire::GetRevisionsConfigurationRequest>,
    ) -> Result<Response<wire::RevisionsConfiguration>, Status> {
        let (_, extensions, request) = request.into_parts();
        let database = self.enter(&extensions, &request.database, Level::Read)?;
        Ok(Response::new(revisions::configuration(database.store())))
    }

    async fn configure_revisions(
        &self,
        request: Request<wire::ConfigureRevisionsRequest>,
    ) -> Result<Response<wire::RevisionsConfiguration>, Status> {
        let (_, extensions, request) = request.into_parts();
        let database = self.enter(&extensions, &request.database, Level::Admin)?;
        Ok(Response::new(revisions::configure(&database, request.configuration).await?))
    }

    type EnforceRevisionsStream = Parts<wire::EnforceRevisionsResponse>;

    async fn enforce_revisions(
        &self,
        request: Request<wire::EnforceRevisionsRequest>,
    ) -> Result<Response<Self::EnforceRevisionsStream>, Status> {
        let (_, extensions, request) = request.into_parts();
        let database = self.enter(&extensions, &request.database, Level::Admin)?;
        Ok(Response::new(revisions::enforce(database, CLIENT_STALL_MAX)))
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
