//! A served listener for tests: the health service behind an access list.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use jackdaw_common::{DatabaseId, DatabaseName};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tonic::service::Routes;
use tower::Layer as _;

use super::{Drained, Terms, limits, serve_on};
use crate::access::{AccessEntry, AccessLayer, AccessList, Bindings, Clearance};
use crate::channel::ReceiverUrl;
use crate::clock::SystemClock;
use crate::shutdown::Trigger;
use crate::tls::{ServerTls, Thumbprint};

/// Binds no grant to any database.
pub(crate) struct Unbound;

impl Bindings for Unbound {
    fn database_of(&self, _: Thumbprint, _: &DatabaseName) -> Option<DatabaseId> {
        None
    }
}

pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) trigger: Trigger,
    pub(crate) ended: JoinHandle<Drained>,
}

impl Running {
    /// Serves health to the certificates of `trusted`.
    pub(crate) async fn start(tls: ServerTls, trusted: &[Thumbprint], drain: Duration) -> Self {
        let grace = limits::CERTIFICATE_GRACE;
        Self::start_on(Terms { drain, grace, clock: Arc::new(SystemClock) }, tls, trusted).await
    }

    /// The same, with times of its own.
    pub(super) async fn start_on(terms: Terms, tls: ServerTls, trusted: &[Thumbprint]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (_, health) = tonic_health::server::health_reporter();
        let entry = |thumbprint: &Thumbprint| AccessEntry {
            thumbprint: *thumbprint,
            name: "somebody".to_owned(),
            clearance: Clearance::User,
            databases: BTreeMap::new(),
        };
        let list = Arc::new(AccessList::new(trusted.iter().map(entry)));
        let service = AccessLayer::new(list, Arc::new(Unbound)).layer(Routes::new(health));
        let (trigger, shutdown) = Trigger::new();
        let ended = tokio::spawn(serve_on(terms, listener, tls, service, shutdown));
        Self { address, trigger, ended }
    }

    pub(crate) fn url(&self) -> ReceiverUrl {
        format!("https://localhost:{}", self.address.port()).parse().unwrap()
    }
}
