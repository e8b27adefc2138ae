//! Jackdaw's sender: it streams the changes of the databases it owns to receivers.
//!
//! A role of a node: its tasks and connection strings, and one session an enabled task. It never
//! knows a receiver but by its stream, and names no engine.

mod control;
pub mod definition;
pub mod outgoing;
mod ownership;
mod position;
pub mod progress;
pub mod runner;
mod supervisor;

use futures_util::FutureExt as _;
use jackdaw_node::role::{Background, Context, Role};
use tonic::service::RoutesBuilder;

use crate::{
    progress::Board,
    supervisor::{Nudge, Supervisor},
};

/// The sender role.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sender;

impl Sender {
    /// The role, to be mounted on a node.
    pub fn role() -> Box<dyn Role> {
        Box::new(Self)
    }
}

impl Role for Sender {
    fn name(&self) -> &'static str {
        "sender"
    }

    fn mount(self: Box<Self>, context: &Context, routes: &mut RoutesBuilder) -> Background {
        let board = Board::default();
        let nudge = Nudge::default();
        control::mount(context, board.clone(), nudge.clone(), routes);
        Supervisor::new(context.clone(), board, nudge).run().boxed()
    }
}
