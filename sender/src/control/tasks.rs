//! The ExternalReplications service.

use std::sync::Arc;

use jackdaw_common::{DatabaseName, TaskId, clock::Clock};
use jackdaw_node::{
    access::Level,
    catalog::{Catalog, Database},
    control::{blocking, door, failure, names, paging::Scope},
};
use jackdaw_proto::{
    control::{
        self as wire,
        external_replications_server::{ExternalReplications, ExternalReplicationsServer},
    },
    wire::{Reason, WireError},
};
use jackdaw_store::{Record, RecordError};
use tonic::{Extensions, Request, Response, Status};

use super::{
    TaskChanges, WRITE_TRIES_MAX,
    records::{self, Stored},
    view::{self, Facts},
    watch::{self, Watch},
    wish::{Change, Wish, check_etag},
};
use crate::{
    definition::TaskDefinition,
    progress::{Board, TaskKey},
};

/// Creates, lists, switches, deletes and shows external replication tasks.
pub(super) struct ExternalReplicationsService {
    catalog: Catalog,
    clock: Arc<dyn Clock>,
    board: Board,
    changes: Arc<dyn TaskChanges>,
}

/// A task that a call is about.
struct Named {
    database: Arc<Database>,
    id: u64,
}

impl Named {
    fn key(&self) -> TaskKey {
        TaskKey { database: self.database.id(), task: self.id }
    }

    fn missing(&self) -> WireError {
        not_found(self.database.name(), self.id)
    }
}

impl ExternalReplicationsService {
    pub(super) fn new(
        catalog: Catalog,
        clock: Arc<dyn Clock>,
        board: Board,
        changes: Arc<dyn TaskChanges>,
    ) -> Self {
        Self { catalog, clock, board, changes }
    }

    pub(super) fn server(self) -> ExternalReplicationsServer<Self> {
        ExternalReplicationsServer::new(self)
    }

    fn named(
        &self,
        extensions: &Extensions,
        (field, name): (&str, &str),
        level: Level,
    ) -> Result<Named, WireError> {
        let (database, id) = names::child(field, name, view::COLLECTION)?;
        let id: TaskId = id.parse().map_err(|error| WireError::field(field, error))?;
        let database = door::enter(&self.catalog, extensions, &database, level)?;
        Ok(Named { database, id: id.get() })
    }

    /// The task as it is now.
    async fn show(&self, named: &Named) -> Result<wire::ExternalReplication, WireError> {
        let status = self.board.status(named.key());
        let facts = Facts::gather(&named.database, named.id, &status).await?;
        let facts = facts.ok_or_else(|| named.missing())?;
        Ok(view::task(named.database.name(), &facts, self.clock.now()))
    }

    /// Changes the record of a task: `change` answers what to write, or nothing to write.
    async fn change(
        &self,
        named: &Named,
        change: impl Fn(&Stored<TaskDefinition>) -> Result<Vec<Record>, WireError>,
    ) -> Result<(), WireError> {
        for _ in 0..WRITE_TRIES_MAX {
            let (snapshot, id) = (named.database.store().snapshot(), named.id);
            let found = blocking(move || {
                records::task(&snapshot, id).map_err(|error| failure::store(&error))
            });
            let found = found.await?.ok_or_else(|| named.missing())?;
            let records = change(&found)?;
            if records.is_empty() {
                return Ok(());
            }
            match named.database.store().record(records).await {
                Ok(()) => {
                    self.changes.changed();
                    return Ok(());
                }
                Err(RecordError::Changed { .. }) => {}
                Err(error) => return Err(failure::record(&error)),
            }
        }
        Err(failure::record(&RecordError::Changed { index: 0 }))
    }

    async fn switch(
        &self,
        named: &Named,
        enabled: bool,
    ) -> Result<wire::ExternalReplication, WireError> {
        let change = |found: &Stored<TaskDefinition>| {
            if found.value.enabled == enabled {
                return Ok(Vec::new());
            }
            let after = TaskDefinition { enabled, ..found.value.clone() };
            records::change_task(found, &after).map_err(|error| failure::store(&error))
        };
        self.change(named, change).await?;
        self.show(named).await
    }

    /// Stores the task, unless it is only to be checked.
    async fn create(
        &self,
        database: &Arc<Database>,
        wish: Wish,
        validate_only: bool,
    ) -> Result<TaskDefinition, WireError> {
        for _ in 0..WRITE_TRIES_MAX {
            let snapshot = database.store().snapshot();
            let (at, wish) = (database.name().clone(), wish.clone());
            let (task, records) = blocking(move || wish.creation(&snapshot, &at)).await?;
            if validate_only || records.is_empty() {
                return Ok(task);
            }
            match database.store().record(records).await {
                Ok(()) => {
                    self.changes.changed();
                    return Ok(task);
                }
                Err(RecordError::Changed { .. }) => {}
                Err(error) => return Err(failure::record(&error)),
            }
        }
        Err(failure::record(&RecordError::Changed { index: 0 }))
    }

    /// Stores what a change makes of a task, unless it is only to be checked.
    async fn update(
        &self,
        named: &Named,
        change: Change,
        validate_only: bool,
    ) -> Result<TaskDefinition, WireError> {
        let database = &named.database;
        for _ in 0..WRITE_TRIES_MAX {
            let snapshot = database.store().snapshot();
            let (at, change, id) = (database.name().clone(), change.clone(), named.id);
            let (task, records) = blocking(move || change.apply(&snapshot, &at, id)).await?;
            if validate_only {
                return Ok(task);
            }
            match database.store().record(records).await {
                Ok(()) => {
                    self.changes.changed();
                    return Ok(task);
                }
                Err(RecordError::Changed { .. }) => {}
                Err(error) => return Err(failure::record(&error)),
            }
        }
        Err(failure::record(&RecordError::Changed { index: 0 }))
    }

    async fn page(
        &self,
        database: &Arc<Database>,
        request: &wire::ListExternalReplicationsRequest,
    ) -> Result<wire::ListExternalReplicationsResponse, WireError> {
        let id = database.id().to_string();
        let arguments = [view::COLLECTION, &id];
        let scope = Scope(&arguments);
        let page = scope.page(request.page_size, &request.page_token)?;
        let after = page.after.and_then(|after| after.parse().ok()).unwrap_or(0);
        let snapshot = database.store().snapshot();
        let tasks =
            blocking(move || records::tasks(&snapshot).map_err(|error| failure::store(&error)));
        let ids = tasks.await?.into_iter().map(|task| task.value.id);
        let mut ids = ids.filter(|id| *id > after);
        let wanted: Vec<_> = ids.by_ref().take(page.entries).collect();
        let last = wanted.last().filter(|_| ids.next().is_some());
        let next_page_token = last.map(|last| scope.token(&last.to_string())).unwrap_or_default();
        let mut external_replications = Vec::with_capacity(wanted.len());
        for id in wanted {
            match self.show(&Named { database: Arc::clone(database), id }).await {
                Ok(task) => external_replications.push(task),
                // Deleted since.
                Err(error) if error.reason() == Reason::ExternalReplicationNotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(wire::ListExternalReplicationsResponse { external_replications, next_page_token })
    }
}

#[tonic::async_trait]
impl ExternalReplications for ExternalReplicationsService {
    async fn create_external_replication(
        &self,
        request: Request<wire::CreateExternalReplicationRequest>,
    ) -> Result<Response<wire::ExternalReplication>, Status> {
        let (_, extensions, request) = request.into_parts();
        door::operator(&extensions)?;
        let parent = names::database("parent", &request.parent)?;
        let database = door::enter(&self.catalog, &extensions, &parent, Level::Admin)?;
        let validate_only = request.validate_only;
        let wish = Wish::read(request, self.clock.now().micros())?;
        let task = self.create(&database, wish, validate_only).await?;
        if validate_only {
            return Ok(Response::new(view::planned(&parent, &task)));
        }
        let named = Named { database, id: task.id };
        Ok(Response::new(self.show(&named).await?))
    }

    async fn get_external_replication(
        &self,
        request: Request<wire::GetExternalReplicationRequest>,
    ) -> Result<Response<wire::ExternalReplication>, Status> {
        let (_, extensions, request) = request.into_parts();
        let named = self.named(&extensions, ("name", &request.name), Level::Read)?;
        Ok(Response::new(self.show(&named).await?))
    }

    async fn list_external_replications(
        &self,
        request: Request<wire::ListExternalReplicationsRequest>,
    ) -> Result<Response<wire::ListExternalReplicationsResponse>, Status> {
        let (_, extensions, request) = request.into_parts();
        let parent = names::database("parent", &request.parent)?;
        let database = door::enter(&self.catalog, &extensions, &parent, Level::Read)?;
        Ok(Response::new(self.page(&database, &request).await?))
    }

    async fn update_external_replication(
        &self,
        request: Request<wire::UpdateExternalReplicationRequest>,
    ) -> Result<Response<wire::ExternalReplication>, Status> {
        let (_, extensions, request) = request.into_parts();
        door::operator(&extensions)?;
        let Some(given) = request.external_replication else {
            return Err(WireError::field("external_replication", "is missing").into());
        };
        let named =
            self.named(&extensions, ("external_replication.name", &given.name), Level::Admin)?;
        let change = Change::read(given, request.update_mask)?;
        let task = self.update(&named, change, request.validate_only).await?;
        if request.validate_only {
            return Ok(Response::new(view::planned(named.database.name(), &task)));
        }
        Ok(Response::new(self.show(&named).await?))
    }

    async fn delete_external_replication(
        &self,
        request: Request<wire::DeleteExternalReplicationRequest>,
    ) -> Result<Response<()>, Status> {
        let (_, extensions, request) = request.into_parts();
        door::operator(&extensions)?;
        let named = self.named(&extensions, ("name", &request.name), Level::Admin)?;
        let deletion = |found: &Stored<TaskDefinition>| {
            check_etag(&request.etag, named.database.name(), &found.value)?;
            records::delete_task(found).map_err(|error| failure::store(&error))
        };
        self.change(&named, deletion).await?;
        Ok(Response::new(()))
    }

    async fn enable_external_replication(
        &self,
        request: Request<wire::EnableExternalReplicationRequest>,
    ) -> Result<Response<wire::ExternalReplication>, Status> {
        let (_, extensions, request) = request.into_parts();
        door::operator(&extensions)?;
        let named = self.named(&extensions, ("name", &request.name), Level::Admin)?;
        Ok(Response::new(self.switch(&named, true).await?))
    }

    async fn disable_external_replication(
        &self,
        request: Request<wire::DisableExternalReplicationRequest>,
    ) -> Result<Response<wire::ExternalReplication>, Status> {
        let (_, extensions, request) = request.into_parts();
        door::operator(&extensions)?;
        let named = self.named(&extensions, ("name", &request.name), Level::Admin)?;
        Ok(Response::new(self.switch(&named, false).await?))
    }

    type WatchExternalReplicationStream = Watch;

    async fn watch_external_replication(
        &self,
        request: Request<wire::WatchExternalReplicationRequest>,
    ) -> Result<Response<Watch>, Status> {
        let (_, extensions, request) = request.into_parts();
        let named = self.named(&extensions, ("name", &request.name), Level::Read)?;
        self.show(&named).await?;
        let (board, clock) = (self.board.clone(), Arc::clone(&self.clock));
        Ok(Response::new(watch::watch(&named.database, named.key(), board, clock)))
    }
}

pub(super) fn not_found(database: &DatabaseName, id: u64) -> WireError {
    let text = format!("database {database} has no external replication task {id}");
    WireError::new(Reason::ExternalReplicationNotFound, text)
        .with("database", database)
        .with("task_id", id)
        .about(view::KIND, view::task_name(database, id))
}
