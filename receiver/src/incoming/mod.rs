//! One session of a source: changes on their way in.
//!
//! `admit` decides whether it may begin, `session` reads its frames and acknowledges what is
//! durable; `contents` takes in what attachments refer to, `intake` gathers batches, within the
//! `room` of all sessions, `pipeline` has them
//! applied in their order, `unpack` turns a batch's frames into items. `reconcile` keeps to the
//! ranges of a full reconcile. `live` knows which sessions are under way, each by its `presence`.

mod admit;
mod contents;
mod error;
mod intake;
mod live;
mod pipeline;
mod presence;
mod reconcile;
mod room;
mod session;
mod unpack;

use futures_util::Stream;
use jackdaw_common::frame::{Accept, Offer, ToReceiver, ToSender};
use jackdaw_node::shutdown::Shutdown;
use jackdaw_store::{Session as Opened, Store};
use tokio::sync::mpsc;

pub use admit::greet;
pub(crate) use admit::{Admitted, admit};
pub use error::IncomingError;
pub use live::LiveSessions;
pub use unpack::UnpackError;

use session::{Session, Source};

/// What a session is run with.
pub struct Serve {
    /// The destination.
    pub store: Store,
    /// The sessions that are under way.
    pub live: LiveSessions,
    /// What the sender has offered.
    pub offer: Offer,
    /// What the store has opened for it.
    pub opened: Opened,
    /// What it was answered.
    pub accept: Accept,
}

impl Serve {
    /// The session, under way from now on: a future that completes when the sender hangs up, the
    /// service drains, or something is wrong, which the sender is told then. Says `Accept` first.
    pub fn start(
        self,
        inbound: impl Stream<Item = Result<ToReceiver, IncomingError>> + Send + Unpin,
        outbound: mpsc::Sender<ToSender>,
        drain: Shutdown,
    ) -> impl Future<Output = Result<(), IncomingError>> + Send {
        let Self { store, live, offer, opened, accept } = self;
        let (destination, epoch) = (store.database_id(), opened.epoch);
        let window = accept.window;
        let source = Source { database: offer.source, task: offer.task };
        let (session, presence) = Session::new(store, source, opened, window, live.room());
        let entered = live.enter(destination, &offer, epoch, presence);
        async move {
            let _entered = entered;
            if outbound.send(ToSender::Accept(accept)).await.is_err() {
                return Ok(());
            }
            session.run(inbound, outbound, drain).await
        }
    }
}
