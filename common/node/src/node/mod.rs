//! One process: its databases, its one port, and the roles mounted on it.
//!
//! The composition root of every Jackdaw service; `jackdaw serve`, `quickstart` and the role's own
//! binaries start one and wait for its end. It knows roles by their trait only.

mod details;
mod health;
mod housekeeping;
mod long_calls;
pub mod process;
pub mod role;

use std::{fmt, net::SocketAddr, sync::Arc, time::Duration};

use futures_util::{StreamExt as _, future::join_all, stream::FuturesUnordered};
use jackdaw_common::clock::Clock;
use jackdaw_proto::wire::{Reason, WireError};
use jackdaw_store::StoreError;
use thiserror::Error;
use tokio::{
    net::TcpListener,
    sync::watch,
    task::{AbortHandle, JoinHandle},
    time::timeout,
};
use tonic::{
    Status,
    body::Body,
    service::{Routes, RoutesBuilder},
};
use tower::Layer as _;

use crate::{
    access::{
        AccessLayer, AccessList,
        grants::{GrantError, Grants},
    },
    catalog::{Catalog, Database, OpenError},
    clock::SystemClock,
    config::Config,
    control::DatabasesService,
    documents::DocumentsService,
    listener::{self, Drained},
    node::{details::Details, health::Health, long_calls::LongCalls},
    role::{Context, Role},
    shutdown::{Shutdown, Trigger},
    tls::{ClientTls, CredentialErrors, Credentials, ServerTls, TlsError},
};

/// Starts nodes.
#[derive(Clone, Copy, Debug)]
pub struct Node;

/// Why a node does not start. The message reads after "failed to".
#[derive(Debug, Error)]
pub enum StartError {
    /// Certificates or keys cannot be used.
    #[error("load certificates: {0}")]
    Credentials(#[from] CredentialErrors),
    /// They do not make a TLS configuration.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The databases cannot be opened.
    #[error("open the databases: {0}")]
    Catalog(#[from] OpenError),
    /// The grants of the access list cannot be bound to databases.
    #[error("bind grants to databases: {0}")]
    Grants(#[from] GrantError),
    /// The address cannot be listened on.
    #[error("listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// The descriptors of the services cannot be served.
    #[error("serve reflection: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
}

impl Node {
    /// Opens the databases, mounts `roles`, and listens. Serves when it returns.
    ///
    /// # Errors
    ///
    /// [`StartError`]; nothing runs then.
    pub async fn start(config: Config, roles: Vec<Box<dyn Role>>) -> Result<Running, StartError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let credentials = Credentials::load(&config.tls, clock.now())?;
        let server_tls = ServerTls::new(&credentials)?;
        let client_tls = ClientTls::new(&credentials, &config.server_pins)?;
        let catalog = Catalog::open(&config.data, Arc::clone(&clock)).await?;
        let list = Arc::new(AccessList::new(config.access));
        let grants = Grants::open(Arc::clone(&list), &catalog).await?;
        let (trigger, drain) = Trigger::new();
        let context = Context {
            catalog: catalog.clone(),
            clock: Arc::clone(&clock),
            client_tls,
            drain: drain.clone(),
        };

        let names: Vec<_> = roles.iter().map(|role| role.name()).collect();
        let names = names.join(",");
        let (reporter, health_service) = tonic_health::server::health_reporter();
        let mut routes = Routes::builder();
        routes.add_service(health_service);
        mount_reflection(&mut routes)?;
        routes.add_service(DocumentsService::server(catalog.clone()));
        routes.add_service(DatabasesService::server(catalog.clone(), grants.clone()));
        let mut background: Vec<_> =
            roles.into_iter().map(|role| tokio::spawn(role.mount(&context, &mut routes))).collect();
        let routes = routes.routes();
        let health = Health::serving(reporter, &routes).await;

        let bound = TcpListener::bind(config.listen).await;
        let listen = |source| StartError::Listen { address: config.listen, source };
        let bound = bound.map_err(listen)?;
        let address = bound.local_addr().map_err(listen)?;
        let (told, quiet) = Trigger::new();
        let service = LongCalls::new(whole(routes, names.clone()), quiet);
        let service = Details::new(AccessLayer::new(list, Arc::new(grants)).layer(service));
        let server =
            tokio::spawn(listener::serve(bound, server_tls, service, drain.clone(), config.drain));
        let (failing, failed) = watch::channel(None);
        let forgetting =
            housekeeping::run(catalog.clone(), clock, config.tombstone_age, drain.clone());
        background.push(tokio::spawn(forgetting));
        background.push(tokio::spawn(not_serving(health, catalog.clone(), drain, told)));
        let failures = tokio::spawn(follow_failures(catalog, failing));
        tracing::info!(%address, roles = names, "serving");
        Ok(Running { address, trigger, server, background, failures, failed, drain: config.drain })
    }
}

/// Reflection, also in the version before its first, which many clients still ask for.
fn mount_reflection(routes: &mut RoutesBuilder) -> Result<(), tonic_reflection::server::Error> {
    let descriptors = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(jackdaw_proto::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    routes.add_service(descriptors().build_v1()?);
    routes.add_service(descriptors().build_v1alpha()?);
    Ok(())
}

/// All routes, with an answer for methods that exist, as the access layer knows, but belong to a
/// role which is not here.
fn whole(routes: Routes, roles: String) -> Routes {
    let elsewhere = move |uri: http::Uri| {
        let method = uri.path();
        let text = format!("{method} is not served here: the roles of this service are {roles}");
        let error = WireError::new(Reason::MethodUnknown, text);
        let error = error.with("method", method).with("roles", &roles);
        std::future::ready(Status::from(error).into_http::<Body>())
    };
    Routes::from(routes.into_axum_router().fallback(elsewhere)).prepare()
}

/// A node that serves.
pub struct Running {
    address: SocketAddr,
    trigger: Trigger,
    server: JoinHandle<Drained>,
    background: Vec<JoinHandle<()>>,
    failures: JoinHandle<()>,
    failed: watch::Receiver<Option<String>>,
    drain: Duration,
}

impl Running {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Completes with the reason when a store can be written no more (invariant I14): the
    /// process must end then, and with a failure. Cancel safe.
    pub async fn failed(&mut self) -> String {
        match self.failed.wait_for(Option::is_some).await {
            Ok(reason) => reason.clone().unwrap_or_default(),
            Err(_) => std::future::pending().await,
        }
    }

    /// Drains: begins nothing, and finishes what is under way, connections and background work
    /// together within the configured time. What is not done then is cut off.
    pub async fn stop(self) {
        let aborts: Vec<_> = self.background.iter().map(JoinHandle::abort_handle).collect();
        self.trigger.fire();
        // The listener cuts by itself, at the same time.
        let (server, background) =
            tokio::join!(self.server, timeout(self.drain, join_all(self.background)));
        match server {
            Ok(Drained { finished, cut }) => tracing::info!(finished, cut, "connections closed"),
            Err(error) => tracing::error!(%error, "the listener panicked"),
        }
        if background.is_err() {
            tracing::warn!("background work did not end in time");
            aborts.iter().for_each(AbortHandle::abort);
        }
        self.failures.abort();
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Once the node drains: says that it is not to be called any more, and ends long calls. Fires
/// `told` when everybody who watches its health can know.
async fn not_serving(health: Health, catalog: Catalog, mut drain: Shutdown, told: Trigger) {
    drain.requested().await;
    catalog.drain();
    health.not_serving().await;
    told.fire();
}

/// The stores that the node cannot do without, each with its name: those of the databases, and the
/// service's own, without which no database is created, deleted or granted.
fn stores(catalog: &Catalog) -> Vec<(String, watch::Receiver<Option<StoreError>>)> {
    let own = ("the service's own store".to_owned(), catalog.system().failed());
    let databases = catalog.list();
    let of = |it: &Arc<Database>| (format!("database {}", it.name()), it.store().failed());
    std::iter::once(own).chain(databases.iter().map(of)).collect()
}

/// Waits for the first store that can be written no more.
async fn follow_failures(catalog: Catalog, failing: watch::Sender<Option<String>>) {
    let mut changes = catalog.subscribe();
    loop {
        let mut failures: FuturesUnordered<_> = stores(&catalog)
            .into_iter()
            .map(|(name, mut failed)| async move {
                let failed = failed.wait_for(Option::is_some).await;
                let error = failed.ok()?.clone()?;
                Some(format!("{name}: {error}"))
            })
            .collect();
        loop {
            tokio::select! {
                failure = failures.next(), if !failures.is_empty() => {
                    if let Some(Some(reason)) = failure {
                        tracing::error!(reason, "a store can be written no more");
                        failing.send_replace(Some(reason));
                        return;
                    }
                }
                changed = changes.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    break;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
