//! The Databases service.

use std::sync::Arc;

use jackdaw_common::{
    DatabaseName, IncarnationId,
    limits::INCARNATIONS_MAX,
    lineage::Life,
    scope::{KINDS, Kind},
};
use jackdaw_proto::{
    control::{
        self as wire,
        databases_server::{Databases, DatabasesServer},
    },
    convert::{change_vector, time::timestamp},
    wire::{Reason, WireError},
};
use jackdaw_store::RetireError;
use tonic::{Request, Response, Status, Streaming};

use super::{
    backup::{self, Pieces},
    door, editing, failure, names,
    pace::CLIENT_STALL_MAX,
    paging::Scope,
};
use crate::{
    access::grants::Grants,
    access::{Identity, Level, audit},
    catalog::{Asked, Catalog, CreateError, Database, DeleteError},
};

/// Creates, lists and deletes the databases of a service.
pub struct DatabasesService {
    catalog: Catalog,
    grants: Grants,
}

impl DatabasesService {
    /// The service over `catalog`; what it creates takes the grants that wait for its name.
    #[must_use]
    pub fn server(catalog: Catalog, grants: Grants) -> DatabasesServer<Self> {
        DatabasesServer::new(Self { catalog, grants })
    }

    async fn create(
        &self,
        name: DatabaseName,
        asked: Option<Asked>,
    ) -> Result<wire::Database, WireError> {
        if let Some(database) = self.created_before(asked.as_ref())? {
            return Ok(view(&database));
        }
        let database = match self.catalog.create_as(name, asked.clone()).await {
            Ok(database) => database,
            Err(CreateError::Exists { name }) => {
                // The same call may have come twice at once.
                let before = self.created_before(asked.as_ref())?;
                return before.map(|it| view(&it)).ok_or_else(|| already_exists(&name));
            }
            Err(CreateError::Draining) => return Err(door::draining()),
            Err(CreateError::Store(error)) => return Err(failure::store(&error)),
            Err(CreateError::Record(error)) => return Err(failure::record(&error)),
            Err(error) => return Err(failure::internal(&error)),
        };
        let bound = self.grants.bind(database.name(), database.id()).await;
        bound.map_err(|error| failure::internal(&error))?;
        Ok(view(&database))
    }

    /// The database that this very call has created before.
    fn created_before(&self, asked: Option<&Asked>) -> Result<Option<Arc<Database>>, WireError> {
        for database in self.catalog.list() {
            if editing::repeats(asked, database.asked())? {
                return Ok(Some(database));
            }
        }
        Ok(None)
    }

    fn page(
        &self,
        identity: &Identity,
        request: &wire::ListDatabasesRequest,
    ) -> Result<wire::ListDatabasesResponse, WireError> {
        let scope = Scope(&["databases"]);
        let page = scope.page(request.page_size, &request.page_token)?;
        let behind = |name: &str| page.after.as_deref().is_none_or(|after| name > after);
        let mut seen = self.catalog.list().into_iter().filter(|database| {
            behind(database.name().as_str())
                && identity.may(database.name(), Some(database.id()), Level::Read)
        });
        let databases: Vec<_> = seen
            .by_ref()
            .take(page.entries)
            .map(|database| (database.name().clone(), view(&database)))
            .collect();
        let last = databases.last().filter(|_| seen.next().is_some());
        let next_page_token = last.map(|(name, _)| scope.token(name.as_str())).unwrap_or_default();
        let databases = databases.into_iter().map(|(_, view)| view).collect();
        Ok(wire::ListDatabasesResponse { databases, next_page_token })
    }
}

#[tonic::async_trait]
impl Databases for DatabasesService {
    async fn create_database(
        &self,
        request: Request<wire::CreateDatabaseRequest>,
    ) -> Result<Response<wire::Database>, Status> {
        door::operator(request.extensions())?;
        let request = request.into_inner();
        audit::about(format_args!("databases/{}", request.database_id));
        let what = wire::CreateDatabaseRequest {
            database_id: request.database_id.clone(),
            ..Default::default()
        };
        let asked = editing::asked(&request.request_id, &what)?;
        let name = DatabaseName::new(&request.database_id)
            .map_err(|error| WireError::field("database_id", error))?;
        if request.validate_only {
            if self.catalog.find(&name).is_some() {
                return Err(already_exists(&name).into());
            }
            let database = wire::Database { name: names::of_database(&name), ..Default::default() };
            return Ok(Response::new(database));
        }
        Ok(Response::new(self.create(name, asked).await?))
    }

    async fn get_database(
        &self,
        request: Request<wire::GetDatabaseRequest>,
    ) -> Result<Response<wire::Database>, Status> {
        let name = names::database("name", &request.get_ref().name)?;
        let database = door::enter(&self.catalog, request.extensions(), &name, Level::Read)?;
        Ok(Response::new(view(&database)))
    }

    async fn get_replication_scope(
        &self,
        request: Request<wire::GetReplicationScopeRequest>,
    ) -> Result<Response<wire::ReplicationScope>, Status> {
        let name = names::database("name", &request.get_ref().name)?;
        door::enter(&self.catalog, request.extensions(), &name, Level::Read)?;
        let kinds = KINDS.iter().map(kind).collect();
        Ok(Response::new(wire::ReplicationScope { kinds }))
    }

    async fn list_databases(
        &self,
        request: Request<wire::ListDatabasesRequest>,
    ) -> Result<Response<wire::ListDatabasesResponse>, Status> {
        let identity = Identity::of(request.extensions())?;
        Ok(Response::new(self.page(identity, request.get_ref())?))
    }

    async fn delete_database(
        &self,
        request: Request<wire::DeleteDatabaseRequest>,
    ) -> Result<Response<()>, Status> {
        door::operator(request.extensions())?;
        let name = names::database("name", &request.get_ref().name)?;
        self.catalog.delete(&name).await.map_err(|error| match error {
            DeleteError::NotFound { name } => {
                door::not_found(&name, self.catalog.nearest(&name).as_ref())
            }
            DeleteError::Store(error) => failure::store(&error),
            DeleteError::Record(error) => failure::record(&error),
            error => failure::internal(&error),
        })?;
        Ok(Response::new(()))
    }

    type BackupDatabaseStream = Pieces;

    async fn backup_database(
        &self,
        request: Request<wire::BackupDatabaseRequest>,
    ) -> Result<Response<Pieces>, Status> {
        let identity = Identity::of(request.extensions())?.clone();
        identity.require_operator()?;
        let name = names::database("name", &request.get_ref().name)?;
        let database = door::enter(&self.catalog, request.extensions(), &name, Level::Admin)?;
        tracing::info!(database = %name, caller = identity.name(), "backup begins");
        Ok(Response::new(backup::backup(database, CLIENT_STALL_MAX)))
    }

    async fn restore_database(
        &self,
        request: Request<Streaming<wire::RestoreDatabaseRequest>>,
    ) -> Result<Response<wire::Database>, Status> {
        door::operator(request.extensions())?;
        let database = backup::restore(&self.catalog, request.into_inner()).await?;
        let bound = self.grants.bind(database.name(), database.id()).await;
        bound.map_err(|error| failure::internal(&error))?;
        Ok(Response::new(view(&database)))
    }

    async fn retire_incarnations(
        &self,
        request: Request<wire::RetireIncarnationsRequest>,
    ) -> Result<Response<wire::Database>, Status> {
        door::operator(request.extensions())?;
        let wire::RetireIncarnationsRequest { name, incarnations } = request.get_ref();
        let name = names::database("name", name)?;
        let database = door::enter(&self.catalog, request.extensions(), &name, Level::Admin)?;
        let incarnations = incarnation_ids(incarnations)?;
        database.store().retire(incarnations).await.map_err(|error| not_retired(&error))?;
        Ok(Response::new(view(&database)))
    }
}

fn incarnation_ids(texts: &[String]) -> Result<Vec<IncarnationId>, WireError> {
    if texts.is_empty() || texts.len() > INCARNATIONS_MAX {
        let text = format!("name 1 to {INCARNATIONS_MAX} incarnations");
        return Err(WireError::field("incarnations", text));
    }
    let parse = |(index, text): (usize, &String)| {
        let parsed = text.parse::<IncarnationId>();
        parsed.map_err(|error| WireError::field(format!("incarnations[{index}]"), error))
    };
    texts.iter().enumerate().map(parse).collect()
}

fn not_retired(error: &RetireError) -> WireError {
    let text = error.to_string();
    match error {
        RetireError::InUse(incarnation) => {
            WireError::new(Reason::IncarnationInUse, text).with("incarnation", incarnation)
        }
        RetireError::Unknown(incarnation) => {
            WireError::new(Reason::IncarnationUnknown, text).with("incarnation", incarnation)
        }
        RetireError::Store(error) => failure::store(error),
    }
}

pub(super) fn already_exists(name: &DatabaseName) -> WireError {
    WireError::new(Reason::DatabaseAlreadyExists, format!("there is a database {name}"))
        .with("database", name)
        .about("jackdaw/Database", names::of_database(name))
}

fn kind(kind: &Kind) -> wire::replication_scope::Kind {
    let Kind { name, travels, reason } = *kind;
    wire::replication_scope::Kind { name: name.to_owned(), travels, reason: reason.to_owned() }
}

fn incarnation(life: &Life) -> wire::database::Incarnation {
    let id = life.incarnation.to_string();
    wire::database::Incarnation { id, after_etag: life.after.get() }
}

/// A database as it goes out, all of one snapshot.
fn view(database: &Database) -> wire::Database {
    let snapshot = database.store().snapshot();
    let header = snapshot.header();
    wire::Database {
        name: names::of_database(database.name()),
        id: header.database.to_string(),
        incarnation: header.incarnation.to_string(),
        create_time: Some(timestamp(header.created)),
        last_etag: header.last_etag.get(),
        change_vector: change_vector::text(&header.vector),
        documents: header.documents,
        tombstones: header.tombstones,
        conflicts: header.conflicts,
        history_bytes: header.history_bytes,
        tombstone_floor: header.tombstone_floor.get(),
        incarnations: header.lineage().lives().iter().map(incarnation).collect(),
        attachments: header.attachments,
        attachment_contents: header.blobs,
        attachment_bytes: header.blob_bytes,
        counters: header.counters,
        time_series_entries: header.series_entries,
        revisions: header.revisions,
        revision_tombstones: header.trims,
        retired_incarnations: header.origin.retired.iter().map(ToString::to_string).collect(),
    }
}
