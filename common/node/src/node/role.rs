//! What a node can be: a role is a value that a [`Node`](crate::node::Node) mounts.
//!
//! A role adds its services to the listener and its work to the background, and ends that work
//! when the node drains. Roles do not know each other (invariant I13).

use std::sync::Arc;

use futures_util::future::BoxFuture;
use jackdaw_common::clock::Clock;
use tonic::service::RoutesBuilder;

use crate::{catalog::Catalog, shutdown::Shutdown, tls::ClientTls};

/// What a node gives to its roles.
#[derive(Clone)]
pub struct Context {
    /// Its databases.
    pub catalog: Catalog,
    /// Its clock.
    pub clock: Arc<dyn Clock>,
    /// How it dials others.
    pub client_tls: ClientTls,
    /// Requested when the node drains: finish what is under way, begin nothing.
    pub drain: Shutdown,
}

/// Work of a role; ends soon after the node began to drain.
pub type Background = BoxFuture<'static, ()>;

/// Something that a node can be.
pub trait Role: Send + 'static {
    /// Its name, as on the command line.
    fn name(&self) -> &'static str;

    /// Adds its services to `routes` and answers its background work.
    fn mount(self: Box<Self>, context: &Context, routes: &mut RoutesBuilder) -> Background;
}
