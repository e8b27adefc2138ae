//! What a sender's operator defines and looks at: connection strings and external replication
//! tasks, as records of their source database.
//!
//! The services write the records and read how the tasks are doing; running the tasks is the
//! supervisor's, which is told of every change.

mod connection_strings;
mod records;
mod tasks;
#[cfg(test)]
mod tests;
mod view;
mod watch;
mod wish;

use std::sync::Arc;

use jackdaw_node::role::Context;
use tonic::service::RoutesBuilder;

use crate::progress::Board;
use connection_strings::ConnectionStringsService;
use tasks::ExternalReplicationsService;

/// Whoever follows what is defined: the supervisor.
pub(crate) trait TaskChanges: Send + Sync {
    /// A task or a connection string was created, changed or deleted; it is durable. Must not
    /// block.
    fn changed(&self);
}

/// Adds the services to a node's routes.
pub(crate) fn mount(
    context: &Context,
    board: Board,
    changes: impl TaskChanges + 'static,
    routes: &mut RoutesBuilder,
) {
    let changes: Arc<dyn TaskChanges> = Arc::new(changes);
    let catalog = context.catalog.clone();
    let clock = Arc::clone(&context.clock);
    let strings =
        ConnectionStringsService::new(catalog.clone(), Arc::clone(&clock), Arc::clone(&changes));
    let tasks = ExternalReplicationsService::new(catalog, clock, board, changes);
    routes.add_service(strings.server()).add_service(tasks.server());
}

/// How often a write is tried when others write the same records at the same time.
const WRITE_TRIES_MAX: usize = 16;
