//! The ConnectionStrings service.

use std::{collections::HashSet, sync::Arc};

use jackdaw_common::{DatabaseName, clock::Clock};
use jackdaw_node::{
    access::Level,
    catalog::{Catalog, Database, nearest},
    channel::ReceiverUrl,
    control::{
        blocking, door,
        editing::{self, Mask},
        failure, names,
        paging::Scope,
    },
};
use jackdaw_proto::{
    control::{
        self as wire,
        connection_strings_server::{ConnectionStrings, ConnectionStringsServer},
    },
    wire::{Reason, Violations, WireError},
};
use jackdaw_store::{Record, RecordError, Snapshot};
use prost_types::FieldMask;
use tonic::{Request, Response, Status};

use super::{TaskChanges, WRITE_TRIES_MAX, records, view};
use crate::definition::{ConnectionString, TaskDefinition};

/// Creates, lists and deletes the connection strings of source databases.
pub(super) struct ConnectionStringsService {
    catalog: Catalog,
    clock: Arc<dyn Clock>,
    changes: Arc<dyn TaskChanges>,
}

impl ConnectionStringsService {
    pub(super) fn new(
        catalog: Catalog,
        clock: Arc<dyn Clock>,
        changes: Arc<dyn TaskChanges>,
    ) -> Self {
        Self { catalog, clock, changes }
    }

    pub(super) fn server(self) -> ConnectionStringsServer<Self> {
        ConnectionStringsServer::new(self)
    }

    async fn create(
        &self,
        database: &Database,
        string: ConnectionString,
        validate_only: bool,
    ) -> Result<ConnectionString, WireError> {
        let (at, wanted) = (database.name().clone(), string.clone());
        let snapshot = database.store().snapshot();
        if let Some(before) = blocking(move || created_before(&snapshot, &at, &wanted)).await? {
            return Ok(before);
        }
        if validate_only {
            return Ok(string);
        }
        let records = records::create_connection_string(&string);
        let records = records.map_err(|error| failure::store(&error))?;
        match database.store().record(records).await {
            Ok(()) => {}
            Err(RecordError::Changed { .. }) => {
                // The same call may have come twice at once.
                let (at, snapshot) = (database.name().clone(), database.store().snapshot());
                let before = blocking(move || created_before(&snapshot, &at, &string)).await?;
                return before.ok_or_else(|| failure::record(&RecordError::Changed { index: 0 }));
            }
            Err(error) => return Err(failure::record(&error)),
        }
        self.changes.changed();
        Ok(string)
    }

    /// Stores what a change makes of a connection string, unless it is only to be checked.
    async fn update(
        &self,
        database: &Database,
        change: Change,
        validate_only: bool,
    ) -> Result<ConnectionString, WireError> {
        for _ in 0..WRITE_TRIES_MAX {
            let snapshot = database.store().snapshot();
            let (at, change) = (database.name().clone(), change.clone());
            let (after, records) = blocking(move || change.apply(&snapshot, &at)).await?;
            if validate_only {
                return Ok(after);
            }
            match database.store().record(records).await {
                Ok(()) => {
                    self.changes.changed();
                    return Ok(after);
                }
                Err(RecordError::Changed { .. }) => {}
                Err(error) => return Err(failure::record(&error)),
            }
        }
        Err(failure::record(&RecordError::Changed { index: 0 }))
    }

    async fn delete(&self, database: &Database, name: &str, etag: &str) -> Result<(), WireError> {
        for _ in 0..WRITE_TRIES_MAX {
            let snapshot = database.store().snapshot();
            let (at, name, etag) = (database.name().clone(), name.to_owned(), etag.to_owned());
            let records = blocking(move || deletion(&snapshot, &at, &name, &etag)).await?;
            match database.store().record(records).await {
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
}

/// What this very call has created before.
fn created_before(
    snapshot: &Snapshot,
    database: &DatabaseName,
    wanted: &ConnectionString,
) -> Result<Option<ConnectionString>, WireError> {
    let all = records::connection_strings(snapshot).map_err(|error| failure::store(&error))?;
    for stored in &all {
        if editing::repeats(wanted.asked.as_ref(), stored.value.asked.as_ref())? {
            return Ok(Some(stored.value.clone()));
        }
    }
    match all.iter().any(|stored| stored.value.name == wanted.name) {
        true => Err(already_exists(database, &wanted.name)),
        false => Ok(None),
    }
}

/// A change to a connection string.
#[derive(Clone, Debug)]
struct Change {
    name: String,
    etag: String,
    database: Option<String>,
    urls: Option<Vec<String>>,
}

impl Change {
    /// Reads a request; names every field that is wrong.
    fn read(
        name: String,
        given: &wire::ConnectionString,
        mask: Option<FieldMask>,
    ) -> Result<Self, WireError> {
        let others = ["name", "create_time", "etag"];
        let mask = Mask::read(mask, &["database", "topology_discovery_urls"], &others)?;
        let mut violations = Violations::new();
        let database = mask.takes("database", !given.database.is_empty()).then(|| {
            let database = DatabaseName::new(&given.database);
            violations.check("connection_string.database", database).map(|it| it.to_string())
        });
        let urls = mask
            .takes("topology_discovery_urls", !given.topology_discovery_urls.is_empty())
            .then(|| urls(&given.topology_discovery_urls, &mut violations));
        violations.finish()?;
        let (database, urls) = (database.flatten(), urls.flatten());
        Ok(Self { name, etag: given.etag.clone(), database, urls })
    }

    /// What it makes of the connection string, and what stores that.
    fn apply(
        self,
        snapshot: &Snapshot,
        at: &DatabaseName,
    ) -> Result<(ConnectionString, Vec<Record>), WireError> {
        let store = |error| failure::store(&error);
        let before = records::connection_string(snapshot, &self.name).map_err(store)?;
        let Some(before) = before else { return Err(missing(snapshot, at, &self.name)?) };
        check_etag(&self.etag, at, &before.value)?;
        let mut after = before.value.clone();
        if let Some(database) = self.database {
            after.database = database;
        }
        if let Some(urls) = self.urls {
            after.topology_discovery_urls = urls;
        }
        let records = records::change_connection_string(&before, &after).map_err(store)?;
        Ok((after, records))
    }
}

fn check_etag(
    expected: &str,
    database: &DatabaseName,
    stored: &ConnectionString,
) -> Result<(), WireError> {
    let name = names::of_child(database, COLLECTION, &stored.name);
    editing::check_etag(expected, &stored.etag(), KIND, &name)
}

/// What removes a connection string that no task uses.
fn deletion(
    snapshot: &Snapshot,
    database: &DatabaseName,
    name: &str,
    etag: &str,
) -> Result<Vec<Record>, WireError> {
    let store = |error| failure::store(&error);
    let last = records::LastTask::read(snapshot).map_err(store)?;
    let found = records::connection_string(snapshot, name).map_err(store)?;
    let Some(found) = found else { return Err(missing(snapshot, database, name)?) };
    check_etag(etag, database, &found.value)?;
    let tasks = records::tasks(snapshot).map_err(store)?;
    let users: Vec<_> = tasks
        .into_iter()
        .map(|task| task.value)
        .filter(|it| it.connection_string == name)
        .collect();
    if !users.is_empty() {
        return Err(in_use(database, name, &users));
    }
    records::delete_connection_string(&found, &last).map_err(store)
}

#[tonic::async_trait]
impl ConnectionStrings for ConnectionStringsService {
    async fn create_connection_string(
        &self,
        request: Request<wire::CreateConnectionStringRequest>,
    ) -> Result<Response<wire::ConnectionString>, Status> {
        let (_, extensions, request) = request.into_parts();
        let parent = names::database("parent", &request.parent)?;
        let database = door::enter(&self.catalog, &extensions, &parent, Level::Admin)?;
        let validate_only = request.validate_only;
        let string = definition(request, self.clock.now().micros())?;
        let string = self.create(&database, string, validate_only).await?;
        Ok(Response::new(view::connection_string(&parent, string)))
    }

    async fn update_connection_string(
        &self,
        request: Request<wire::UpdateConnectionStringRequest>,
    ) -> Result<Response<wire::ConnectionString>, Status> {
        let (_, extensions, request) = request.into_parts();
        let Some(given) = request.connection_string else {
            return Err(WireError::field("connection_string", "is missing").into());
        };
        let (parent, name) = names::child("connection_string.name", &given.name, COLLECTION)?;
        let database = door::enter(&self.catalog, &extensions, &parent, Level::Admin)?;
        let change = Change::read(name, &given, request.update_mask)?;
        let string = self.update(&database, change, request.validate_only).await?;
        Ok(Response::new(view::connection_string(&parent, string)))
    }

    async fn get_connection_string(
        &self,
        request: Request<wire::GetConnectionStringRequest>,
    ) -> Result<Response<wire::ConnectionString>, Status> {
        let (parent, name) = names::child("name", &request.get_ref().name, COLLECTION)?;
        let database = door::enter(&self.catalog, request.extensions(), &parent, Level::Admin)?;
        let snapshot = database.store().snapshot();
        let string = {
            let parent = parent.clone();
            blocking(move || {
                let found = records::connection_string(&snapshot, &name);
                match found.map_err(|error| failure::store(&error))? {
                    Some(found) => Ok(found.value),
                    None => Err(missing(&snapshot, &parent, &name)?),
                }
            })
            .await?
        };
        Ok(Response::new(view::connection_string(&parent, string)))
    }

    async fn list_connection_strings(
        &self,
        request: Request<wire::ListConnectionStringsRequest>,
    ) -> Result<Response<wire::ListConnectionStringsResponse>, Status> {
        let (_, extensions, request) = request.into_parts();
        let parent = names::database("parent", &request.parent)?;
        let database = door::enter(&self.catalog, &extensions, &parent, Level::Admin)?;
        let id = database.id().to_string();
        let arguments = [COLLECTION, &id];
        let scope = Scope(&arguments);
        let page = scope.page(request.page_size, &request.page_token)?;
        let snapshot = database.store().snapshot();
        let strings = blocking(move || {
            records::connection_strings(&snapshot).map_err(|error| failure::store(&error))
        });
        let behind = |name: &String| page.after.as_ref().is_none_or(|after| name > after);
        let strings = strings.await?.into_iter().map(|string| string.value);
        let mut strings = strings.filter(|string| behind(&string.name));
        let connection_strings: Vec<_> = strings.by_ref().take(page.entries).collect();
        let last = connection_strings.last().filter(|_| strings.next().is_some());
        let next_page_token = last.map(|last| scope.token(&last.name)).unwrap_or_default();
        let connection_strings = connection_strings
            .into_iter()
            .map(|string| view::connection_string(&parent, string))
            .collect();
        Ok(Response::new(wire::ListConnectionStringsResponse {
            connection_strings,
            next_page_token,
        }))
    }

    async fn delete_connection_string(
        &self,
        request: Request<wire::DeleteConnectionStringRequest>,
    ) -> Result<Response<()>, Status> {
        let (parent, name) = names::child("name", &request.get_ref().name, COLLECTION)?;
        let database = door::enter(&self.catalog, request.extensions(), &parent, Level::Admin)?;
        self.delete(&database, &name, &request.get_ref().etag).await?;
        Ok(Response::new(()))
    }
}

/// Reads a request; names every field that is wrong.
fn definition(
    request: wire::CreateConnectionStringRequest,
    now: i64,
) -> Result<ConnectionString, WireError> {
    let what = wire::CreateConnectionStringRequest {
        request_id: String::new(),
        validate_only: false,
        ..request.clone()
    };
    let asked = editing::asked(&request.request_id, &what)?;
    let mut violations = Violations::new();
    let name = request.connection_string_id;
    if let Some(problem) = wrong_name(&name) {
        violations.add("connection_string_id", problem);
    }
    let Some(given) = request.connection_string else {
        violations.add("connection_string", "is missing");
        return violations.value(None);
    };
    let database = violations
        .check("connection_string.database", DatabaseName::new(&given.database))
        .map(|database| database.to_string());
    let urls = urls(&given.topology_discovery_urls, &mut violations);
    violations.value(database.zip(urls).map(|(database, topology_discovery_urls)| {
        ConnectionString { name, database, topology_discovery_urls, created: now, asked }
    }))
}

/// What is wrong with the name of a connection string, if anything is.
fn wrong_name(name: &str) -> Option<String> {
    let characters = name.chars().count();
    if name.is_empty() {
        Some("is missing".to_owned())
    } else if characters > NAME_CHARS_MAX {
        Some(format!("has {characters} characters, more than {NAME_CHARS_MAX}"))
    } else if name.contains('/') || name.chars().any(char::is_control) {
        Some("has a slash or a control character".to_owned())
    } else {
        None
    }
}

/// The URLs, each written in its one way, without duplicates, in the order given.
fn urls(given: &[String], violations: &mut Violations) -> Option<Vec<String>> {
    if given.is_empty() || given.len() > URLS_MAX {
        let text = format!("has {} URLs, not 1 to {URLS_MAX}", given.len());
        violations.add(URLS, text);
        return None;
    }
    let mut urls = Vec::with_capacity(given.len());
    for (index, url) in given.iter().enumerate() {
        let parsed = violations.check(format!("{URLS}[{index}]"), url.parse::<ReceiverUrl>());
        urls.push(parsed.map(|url| url.to_string()));
    }
    let mut urls: Vec<_> = urls.into_iter().collect::<Option<_>>()?;
    let mut seen = HashSet::new();
    urls.retain(|url: &String| seen.insert(url.clone()));
    Some(urls)
}

/// There is no such connection string.
pub(super) fn missing(
    snapshot: &Snapshot,
    database: &DatabaseName,
    name: &str,
) -> Result<WireError, WireError> {
    let all = records::connection_strings(snapshot).map_err(|error| failure::store(&error))?;
    let nearest = nearest(name, all.iter().map(|string| string.value.name.as_str()));
    let hint = nearest.map(|nearest| format!("; did you mean {nearest:?}?")).unwrap_or_default();
    let error = WireError::new(
        Reason::ConnectionStringNotFound,
        format!("database {database} has no connection string {name:?}{hint}"),
    );
    let error = about(error, database, name);
    Ok(match nearest {
        Some(nearest) => error.with("nearest", nearest),
        None => error,
    })
}

fn already_exists(database: &DatabaseName, name: &str) -> WireError {
    let text = format!("database {database} has a connection string {name:?}");
    about(WireError::new(Reason::ConnectionStringAlreadyExists, text), database, name)
}

fn in_use(database: &DatabaseName, name: &str, users: &[TaskDefinition]) -> WireError {
    let tasks: Vec<_> = users.iter().map(|task| view::task_name(database, task.id)).collect();
    let named: Vec<_> = users.iter().map(|task| format!("{:?}", task.display_name)).collect();
    let text = format!("connection string {name:?} is used by {}", named.join(", "));
    let error = about(WireError::new(Reason::ConnectionStringInUse, text), database, name);
    let error = users.iter().fold(error, |error, task| {
        error.unmet("IN_USE", view::task_name(database, task.id), &task.display_name)
    });
    error.with("tasks", tasks.join(", ")).with("display_names", named.join(", "))
}

fn about(error: WireError, database: &DatabaseName, name: &str) -> WireError {
    error
        .with("database", database)
        .with("connection_string", name)
        .about(KIND, names::of_child(database, COLLECTION, name))
}

/// Type of the resource.
const KIND: &str = "jackdaw/ConnectionString";

/// Part of the resource name.
pub(super) const COLLECTION: &str = "connectionStrings";

/// Path of the list of URLs in a request.
const URLS: &str = "connection_string.topology_discovery_urls";

/// URLs of one connection string: each is tried in turn, so that more only delay.
const URLS_MAX: usize = 16;

/// Characters of a connection string's name.
const NAME_CHARS_MAX: usize = 128;
