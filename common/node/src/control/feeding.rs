//! Streams of what is read or done for a client part by part.
//!
//! ```text
//!   feeder task ── a step, off the runtime ──► bounded queue ──► the response stream
//! ```
//!
//! A feeder ends, and lets go of what it holds, when its client is gone, when the database ends,
//! and by itself when the client takes nothing for too long: see [`super::pace`].

use std::sync::Arc;

use jackdaw_proto::wire::WireError;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::door;
use crate::catalog::Database;

/// Parts on their way to a client.
pub type Parts<T> = ReceiverStream<Result<T, Status>>;

/// Where a feeder puts them.
pub type Feeder<T> = mpsc::Sender<Result<T, Status>>;

/// The parts that `feed` sends, of which `queued` are made ahead of the client. How it ends is what
/// the client is told last. The database is not held meanwhile.
pub fn parts<T, F>(
    database: Arc<Database>,
    queued: usize,
    feed: impl FnOnce(Feeder<T>) -> F,
) -> Parts<T>
where
    T: Send + 'static,
    F: Future<Output = Result<(), WireError>> + Send + 'static,
{
    let (sender, receiver) = mpsc::channel(queued);
    let (name, ending) = (database.name().clone(), database.ending());
    drop(database);
    let fed = feed(sender.clone());
    tokio::spawn(async move {
        let outcome = tokio::select! {
            biased;
            ending = ending => Err(door::ended(&name, ending)),
            () = sender.closed() => return,
            outcome = fed => outcome,
        };
        if let Err(error) = outcome {
            // A client that is gone needs no error.
            let _ = sender.send(Err(error.into())).await;
        }
    });
    ReceiverStream::new(receiver)
}
