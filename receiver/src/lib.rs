//! Jackdaw's receiver: it applies what senders send to the databases it owns.
//!
//! A role of a node. It never knows a sender but by its stream, and names no engine.

pub mod incoming;
mod service;

use futures_util::FutureExt as _;
use jackdaw_node::role::{Background, Context, Role};
use tonic::service::RoutesBuilder;

use crate::service::ReplicationService;

/// The receiver role.
#[derive(Clone, Copy, Debug, Default)]
pub struct Receiver;

impl Receiver {
    /// The role, to be mounted on a node.
    pub fn role() -> Box<dyn Role> {
        Box::new(Self)
    }
}

impl Role for Receiver {
    fn name(&self) -> &'static str {
        "receiver"
    }

    fn mount(self: Box<Self>, context: &Context, routes: &mut RoutesBuilder) -> Background {
        routes.add_service(ReplicationService::server(context.clone()));
        std::future::ready(()).boxed()
    }
}
