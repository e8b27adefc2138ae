//! A sender without a network and without a supervisor: real stores in a temporary folder, the
//! real services, and callers as the access layer would let them in.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
};

use jackdaw_common::{Collection, DatabaseId, DatabaseName, Timestamp, clock::Clock};
use jackdaw_node::{
    access::{AccessEntry, AccessLayer, AccessList, Bindings, Clearance, Level},
    catalog::{Catalog, Database},
    tls::Thumbprint,
};
use jackdaw_proto::{
    control::{
        self as wire, connection_strings_server::ConnectionStrings as _,
        external_replications_server::ExternalReplications as _,
    },
    wire::{Reason, RemoteError},
};
use jackdaw_store::{Command, NewId};
use tempfile::TempDir;
use tonic::{Request, Response, Status};

use crate::{
    control::{
        TaskChanges, connection_strings::ConnectionStringsService,
        tasks::ExternalReplicationsService,
    },
    progress::{Board, TaskKey},
};

/// Who calls.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub(super) enum Caller {
    /// An operator.
    Operator = 1,
    /// A user with ADMIN on `Orders`.
    Admin = 2,
    /// A user with READ on `Orders`.
    Reader = 3,
    /// A user with nothing.
    Nobody = 4,
}

/// A clock that stands still until it is set.
#[derive(Default)]
pub(super) struct Hands(AtomicI64);

impl Hands {
    pub(super) fn set(&self, micros: i64) {
        self.0.store(micros, Ordering::SeqCst);
    }
}

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }
}

/// Counts what the supervisor would be told.
#[derive(Default)]
pub(super) struct Told(AtomicUsize);

impl Told {
    pub(super) fn times(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl TaskChanges for Told {
    fn changed(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

struct Bound(Catalog);

impl Bindings for Bound {
    fn database_of(&self, _: Thumbprint, name: &DatabaseName) -> Option<DatabaseId> {
        self.0.find(name).map(|database| database.id())
    }
}

/// A sender with the database `Orders`.
pub(super) struct Site {
    pub(super) catalog: Catalog,
    pub(super) clock: Arc<Hands>,
    pub(super) told: Arc<Told>,
    pub(super) board: Board,
    pub(super) strings: ConnectionStringsService,
    pub(super) tasks: ExternalReplicationsService,
    access: AccessLayer,
    _folder: TempDir,
}

impl Site {
    pub(super) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(Hands::default());
        clock.set(1_000_000);
        let injected: Arc<dyn Clock> = Arc::clone(&clock) as _;
        let catalog = Catalog::open(folder.path(), Arc::clone(&injected)).await.unwrap();
        catalog.create("Orders".parse().unwrap()).await.unwrap();
        let told = Arc::new(Told::default());
        let changes: Arc<dyn TaskChanges> = Arc::clone(&told) as _;
        let board = Board::default();
        let bindings = Arc::new(Bound(catalog.clone()));
        Self {
            strings: ConnectionStringsService::new(
                catalog.clone(),
                Arc::clone(&injected),
                Arc::clone(&changes),
            ),
            tasks: ExternalReplicationsService::new(
                catalog.clone(),
                injected,
                board.clone(),
                changes,
            ),
            access: AccessLayer::new(Arc::new(access_list()), bindings),
            catalog,
            clock,
            told,
            board,
            _folder: folder,
        }
    }

    /// A sender whose `Orders` has the connection string `copy`.
    pub(super) async fn with_string() -> Self {
        let site = Self::new().await;
        site.create_string(Caller::Admin, string_request("copy")).await.unwrap();
        site
    }

    pub(super) fn database(&self) -> Arc<Database> {
        self.catalog.find(&"Orders".parse().unwrap()).unwrap()
    }

    pub(super) fn key(&self, task: u64) -> TaskKey {
        TaskKey { database: self.database().id(), task }
    }

    /// Writes a document.
    pub(super) async fn put(&self, id: &str) {
        let put = Command::Put {
            id: NewId::parse(id.parse().unwrap()),
            collection: Collection::default(),
            body: b"{}".to_vec().into(),
            expected: None,
        };
        self.database().store().transact(vec![put]).await.unwrap();
    }

    /// A request as it comes from the access layer; its refusal where it does not let it in.
    pub(super) fn request<T>(
        &self,
        caller: Caller,
        method: &str,
        message: T,
    ) -> Result<Request<T>, Status> {
        let path = format!("/jackdaw.control.v1.{method}");
        let mut request = Request::new(message);
        request.extensions_mut().insert(self.access.identify(Some(certificate(caller)), &path)?);
        Ok(request)
    }

    pub(super) async fn create_string(
        &self,
        caller: Caller,
        message: wire::CreateConnectionStringRequest,
    ) -> Result<wire::ConnectionString, Status> {
        let method = "ConnectionStrings/CreateConnectionString";
        let request = self.request(caller, method, message)?;
        self.strings.create_connection_string(request).await.map(Response::into_inner)
    }

    pub(super) async fn delete_string(&self, name: &str) -> Result<(), Status> {
        let method = "ConnectionStrings/DeleteConnectionString";
        let name = format!("databases/Orders/connectionStrings/{name}");
        let message = wire::DeleteConnectionStringRequest { name, ..Default::default() };
        let request = self.request(Caller::Admin, method, message)?;
        self.strings.delete_connection_string(request).await.map(Response::into_inner)
    }

    pub(super) async fn create_task(
        &self,
        caller: Caller,
        message: wire::CreateExternalReplicationRequest,
    ) -> Result<wire::ExternalReplication, Status> {
        let method = "ExternalReplications/CreateExternalReplication";
        let request = self.request(caller, method, message)?;
        self.tasks.create_external_replication(request).await.map(Response::into_inner)
    }

    pub(super) async fn get_task(&self, id: &str) -> Result<wire::ExternalReplication, Status> {
        let method = "ExternalReplications/GetExternalReplication";
        let message = wire::GetExternalReplicationRequest { name: task_name(id) };
        let request = self.request(Caller::Reader, method, message)?;
        self.tasks.get_external_replication(request).await.map(Response::into_inner)
    }

    pub(super) async fn delete_task(&self, id: &str) -> Result<(), Status> {
        let method = "ExternalReplications/DeleteExternalReplication";
        let name = task_name(id);
        let message = wire::DeleteExternalReplicationRequest { name, ..Default::default() };
        let request = self.request(Caller::Operator, method, message)?;
        self.tasks.delete_external_replication(request).await.map(Response::into_inner)
    }

    pub(super) async fn disable_task(&self, id: &str) -> Result<wire::ExternalReplication, Status> {
        let method = "ExternalReplications/DisableExternalReplication";
        let message = wire::DisableExternalReplicationRequest { name: task_name(id) };
        let request = self.request(Caller::Operator, method, message)?;
        self.tasks.disable_external_replication(request).await.map(Response::into_inner)
    }
}

pub(super) fn task_name(id: &str) -> String {
    format!("databases/Orders/externalReplications/{id}")
}

pub(super) fn string_request(name: &str) -> wire::CreateConnectionStringRequest {
    wire::CreateConnectionStringRequest {
        parent: "databases/Orders".into(),
        connection_string_id: name.into(),
        connection_string: Some(wire::ConnectionString {
            database: "Copy".into(),
            topology_discovery_urls: vec!["https://receiver:8443".into()],
            ..Default::default()
        }),
        ..Default::default()
    }
}

pub(super) fn task_request(
    connection_string: &str,
    display_name: &str,
) -> wire::CreateExternalReplicationRequest {
    wire::CreateExternalReplicationRequest {
        parent: "databases/Orders".into(),
        external_replication: Some(wire::ExternalReplication {
            connection_string: connection_string.into(),
            display_name: display_name.into(),
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn certificate(caller: Caller) -> Thumbprint {
    Thumbprint::from_bytes([caller as u8; 32])
}

fn access_list() -> AccessList {
    let entry = |caller, clearance, level: Option<Level>| AccessEntry {
        thumbprint: certificate(caller),
        name: format!("{caller:?}"),
        clearance,
        databases: level
            .map(|level| BTreeMap::from([(DatabaseName::new("Orders").unwrap(), level)]))
            .unwrap_or_default(),
    };
    AccessList::new([
        entry(Caller::Operator, Clearance::Operator, None),
        entry(Caller::Admin, Clearance::User, Some(Level::Admin)),
        entry(Caller::Reader, Clearance::User, Some(Level::Read)),
        entry(Caller::Nobody, Clearance::User, None),
    ])
}

/// The error of a call, with the reason it must have.
pub(super) fn refused<T: std::fmt::Debug>(
    answer: Result<T, Status>,
    reason: Reason,
) -> RemoteError {
    let status = answer.unwrap_err();
    let error = RemoteError::from_status(&status);
    assert_eq!(error.reason.as_deref(), Some(reason.as_str()), "{status:?}");
    assert_eq!(status.code(), reason.code());
    error
}

/// The paths of the wrong fields.
pub(super) fn fields(error: &RemoteError) -> Vec<&str> {
    error.violations.iter().map(|violation| violation.path.as_str()).collect()
}
