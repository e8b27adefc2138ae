//! The `Replication` service: one call is one session. The wire types end here.

use std::{pin::Pin, sync::Arc, time::Duration};

use futures_util::{Stream, StreamExt as _};
use jackdaw_common::{
    frame::{Offer, ToReceiver},
    limits::{FRAME_BYTES_MAX, FRAMES_QUEUED_MAX, ITEM_BYTES_MAX, SILENCE_MILLIS_MAX},
};
use jackdaw_node::{
    access::Identity,
    catalog::{Database, Ending},
    role::Context,
    shutdown::Shutdown,
};
use jackdaw_proto::replication::{
    ReplicateRequest, ReplicateResponse,
    replication_server::{Replication, ReplicationServer},
};
use tokio::{sync::mpsc, time::timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};
use tracing::Instrument as _;

use crate::incoming::{Admitted, IncomingError, LiveSessions, Serve, admit};

/// Largest message a sender sends: a frame, or one item that is larger.
const REQUEST_BYTES_MAX: usize = FRAME_BYTES_MAX + ITEM_BYTES_MAX;

/// Longest wait for the offer of a call.
const SILENCE_MAX: Duration = Duration::from_millis(SILENCE_MILLIS_MAX);

/// Serves `Replicate`.
pub(crate) struct ReplicationService {
    context: Context,
    live: LiveSessions,
}

impl ReplicationService {
    /// The service, with its limits.
    pub(crate) fn server(context: Context) -> ReplicationServer<Self> {
        let service = Self { context, live: LiveSessions::default() };
        ReplicationServer::new(service).max_decoding_message_size(REQUEST_BYTES_MAX)
    }
}

type Responses = Pin<Box<dyn Stream<Item = Result<ReplicateResponse, Status>> + Send>>;

#[tonic::async_trait]
impl Replication for ReplicationService {
    type ReplicateStream = Responses;

    async fn replicate(
        &self,
        request: Request<Streaming<ReplicateRequest>>,
    ) -> Result<Response<Responses>, Status> {
        let identity = Identity::of(request.extensions()).map_err(IncomingError::from)?.clone();
        let mut requests = request.into_inner();
        let offer = first(&mut requests, &mut self.context.drain.clone()).await?;
        let span = tracing::info_span!(
            "session",
            source = %offer.source_name,
            source_id = %offer.source,
            task = offer.task,
            task_name = %offer.task_name,
            destination = %offer.destination,
        );
        let admitted = admit(&self.context.catalog, &self.live, &identity, &offer)
            .instrument(span.clone())
            .await
            .inspect_err(|error| span.in_scope(|| tracing::warn!(%error, "session refused")))?;
        span.in_scope(|| {
            tracing::info!(
                peer = identity.name(),
                epoch = admitted.opened.epoch,
                cursor = admitted.opened.cursor.get(),
                "session accepted"
            );
        });
        let inbound = requests.map(|request| {
            let request = request.map_err(|status| IncomingError::Connection(Box::new(status)))?;
            Ok(ToReceiver::try_from(request)?)
        });
        let responses = self.start(admitted, offer, Box::pin(inbound), span);
        Ok(Response::new(responses))
    }
}

/// The offer that opens a call; it has to come soon, and before the service ends.
async fn first(
    requests: &mut Streaming<ReplicateRequest>,
    drain: &mut Shutdown,
) -> Result<Offer, IncomingError> {
    let message = tokio::select! {
        biased;
        () = drain.requested() => return Err(IncomingError::Draining),
        message = timeout(SILENCE_MAX, requests.message()) => message,
    };
    let message = message
        .map_err(|_| IncomingError::Silent)?
        .map_err(|status| IncomingError::Connection(Box::new(status)))?
        .unwrap_or_default();
    let frame = ToReceiver::try_from(message)?;
    match frame {
        ToReceiver::Offer(offer) => Ok(offer),
        other => Err(jackdaw_common::frame::OutOfOrder {
            frame: other.kind(),
            state: jackdaw_common::frame::Grammar::Start,
        }
        .into()),
    }
}

/// Completes when the destination is deleted; a drain is the session's own affair.
async fn deleted(database: &Database) -> IncomingError {
    match database.ending().await {
        Ending::Deleted => {
            IncomingError::DatabaseNotFound { name: database.name().clone(), nearest: None }
        }
        Ending::Draining => std::future::pending().await,
    }
}

impl ReplicationService {
    /// Starts the session on a task of its own; it ends when either stream does.
    fn start(
        &self,
        admitted: Admitted,
        offer: Offer,
        inbound: Pin<Box<dyn Stream<Item = Result<ToReceiver, IncomingError>> + Send>>,
        span: tracing::Span,
    ) -> Responses {
        let Admitted { database, opened, accept } = admitted;
        let (outbound, frames) = mpsc::channel(FRAMES_QUEUED_MAX);
        let (ending, ended) = mpsc::channel::<Status>(1);
        let store = database.store().clone();
        let serve = Serve { store, live: self.live.clone(), offer, opened, accept };
        let session = serve.start(inbound, outbound, self.context.drain.clone());
        let database = Arc::clone(&database);
        let run = async move {
            let outcome = tokio::select! {
                biased;
                error = deleted(&database) => Err(error),
                outcome = session => outcome,
            };
            drop(database);
            match outcome {
                Ok(()) => tracing::info!("session ended by the sender"),
                Err(error) => {
                    tracing::warn!(%error, "session ended");
                    // Nobody may be there any more to be told.
                    drop(ending.send(error.into()).await);
                }
            }
        };
        tokio::spawn(run.instrument(span));
        let frames = ReceiverStream::new(frames).map(|frame| Ok(ReplicateResponse::from(frame)));
        Box::pin(frames.chain(ReceiverStream::new(ended).map(Err)))
    }
}
